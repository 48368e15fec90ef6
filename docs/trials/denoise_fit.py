"""What a denoising fit to a clip brings, by kind of noise: the table in docs/denoise.md.

    python docs/trials/denoise_fit.py data/test
    python docs/trials/denoise_fit.py data/test --size 720x480 --minutes 18 --case walk,white,30 --case walk,white,50

Fifteen frames of the middle of a clip with noise, as lossless video; psnr_rgb of what `vrinr denoise` makes of it:
with the noise measured, with the true deviation said, and with weights fitted to the noisy clip alone. "grain" is white
noise blurred by a Gaussian of one pixel; "poisson" is shot noise whose level is the peak count's, as in the paper.
"""

import argparse
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import av
import numpy as np
import torch
from numpy.typing import NDArray

from vrinr_cli.jobs import DenoiseOptions, SizeRequest, UpscaleOptions, upscale
from vrinr_cli.jobs.weights import find
from vrinr_cli.training.degrade import add_poisson
from vrinr_cli.training.denoise_fit import fit_denoise
from vrinr_cli.training.files import read_pictures
from vrinr_cli.training.fit_options import FitOptions, FitRequest
from vrinr_cli.training.measure import psnr_rgb

CASES = ["calendar,grain,20", "calendar,white,30", "walk,white,30"]
FRAMES = 15
STEPS = 400

Pixels = NDArray[np.uint8]


def main() -> None:
    """Print a row a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", default="352x288", help="of the middle that is used")
    parser.add_argument("--case", action="append", help="clip,kind,level")
    parser.add_argument("--minutes", type=float, help=f"of a fit; else {STEPS} steps")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    length = {"minutes": asked.minutes} if asked.minutes else {"steps": STEPS}
    torch.set_num_threads(1)
    print("clip", "noise", "noisy", "measured", "true sigma", "fitted", "CPU minutes", sep="\t")
    for case in asked.case or CASES:
        name, kind, level = case.split(",")
        clean = middle(read_pictures(asked.folder / f"{name}.mkv")[:FRAMES], height, width)
        with TemporaryDirectory() as place:
            noisy = Path(place) / "noisy.mkv"
            write(noisy, with_noise(clean, kind, float(level)))
            fit = FitRequest(
                clip=noisy, output=noisy.with_suffix(".safetensors"), weights=find("denoise"), task="denoise"
            )
            report = fit_denoise(fit, FitOptions(**length, window=96, threads=1), report=lambda _: None)
            told = None if kind == "poisson" else float(level)  # it has no one deviation
            figures = [
                figure(read_pictures(noisy), clean),
                cleaned(noisy, clean, "denoise", None),
                cleaned(noisy, clean, "denoise", told),
                cleaned(noisy, clean, str(fit.output), None),
            ]
        words = [f"{value:.2f}" for value in figures]
        print(name, f"{kind} {level}", *words, f"{report.minutes:.1f}", sep="\t", flush=True)


def middle(pixels: Pixels, height: int, width: int) -> Pixels:
    """The part that is used."""
    top, left = (pixels.shape[1] - height) // 2, (pixels.shape[2] - width) // 2
    return pixels[:, top : top + height, left : left + width]


def with_noise(clean: Pixels, kind: str, sigma: float) -> Pixels:
    """Noise of this deviation, cut and rounded to 8 bits."""
    if kind == "poisson":
        clip = torch.from_numpy(clean).float() / 255
        return (add_poisson(clip, sigma, torch.Generator().manual_seed(1)) * 255).round().to(torch.uint8).numpy()
    noise = np.random.default_rng(1).standard_normal(clean.shape)
    if kind == "grain":
        taps = np.exp(-(np.arange(-6, 7) ** 2) / 2)
        for axis in (1, 2):
            noise = np.sum([tap * np.roll(noise, shift, axis) for shift, tap in enumerate(taps, start=-6)], axis=0)
        noise /= noise.std()
    return np.clip(np.round(clean + sigma * noise), 0, 255).astype(np.uint8)


def write(path: Path, pixels: Pixels) -> None:
    """Lossless RGB."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = pixels.shape[2], pixels.shape[1], "bgr0"
        for picture in pixels:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            file.mux(stream.encode(frame.reformat(format="bgr0")))
        file.mux(stream.encode())


def cleaned(noisy: Path, clean: Pixels, weights: str, sigma: float | None) -> float:
    """psnr_rgb of a denoising job's result."""
    output = noisy.with_name("out.mkv")
    options = UpscaleOptions(
        size=SizeRequest(scale="1"), denoise=DenoiseOptions(sigma=sigma), weights=weights, codec="ffv1", threads=1
    )
    upscale(noisy, output, options, overwrite=True)
    return figure(read_pictures(output), clean)


def figure(pixels: Pixels, clean: Pixels) -> float:
    """Mean of the frames' psnr_rgb, dB."""
    return fmean(psnr_rgb(one, other) for one, other in zip(pixels, clean, strict=True))


if __name__ == "__main__":
    main()
