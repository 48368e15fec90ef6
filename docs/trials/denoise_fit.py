"""What a denoising fit to a clip brings, by kind of noise: the table in docs/denoise.md.

    python docs/trials/denoise_fit.py data/test

Fifteen frames of the middle of a clip with noise, as lossless video; psnr_rgb of what `vrinr denoise` makes of it:
with the noise measured, with the true deviation said, and with weights fitted to the noisy clip alone. "grain" is white
noise blurred by a Gaussian of one pixel.
"""

import sys
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import av
import numpy as np
import torch
from numpy.typing import NDArray

from vrinr_cli.jobs import DenoiseOptions, SizeRequest, UpscaleOptions, upscale
from vrinr_cli.jobs.weights import find
from vrinr_cli.training.denoise_fit import fit_denoise
from vrinr_cli.training.files import read_pictures
from vrinr_cli.training.fit_options import FitOptions, FitRequest
from vrinr_cli.training.measure import psnr_rgb

CASES = (("calendar", "grain", 20.0), ("calendar", "white", 30.0), ("walk", "white", 30.0))
FRAMES, HEIGHT, WIDTH = 15, 288, 352
STEPS = 400

Pixels = NDArray[np.uint8]


def main(folder: Path) -> None:
    """Print a row a case."""
    torch.set_num_threads(1)
    print("clip", "noise", "noisy", "measured", "true sigma", "fitted", "CPU minutes", sep="\t")
    for name, kind, sigma in CASES:
        clean = middle(read_pictures(folder / f"{name}.mkv")[:FRAMES])
        with TemporaryDirectory() as place:
            noisy = Path(place) / "noisy.mkv"
            write(noisy, with_noise(clean, kind, sigma))
            fit = FitRequest(
                clip=noisy, output=noisy.with_suffix(".safetensors"), weights=find("denoise"), task="denoise"
            )
            report = fit_denoise(fit, FitOptions(steps=STEPS, window=96, threads=1), report=lambda _: None)
            figures = [
                figure(read_pictures(noisy), clean),
                cleaned(noisy, clean, "denoise", None),
                cleaned(noisy, clean, "denoise", sigma),
                cleaned(noisy, clean, str(fit.output), None),
            ]
        words = [f"{value:.2f}" for value in figures]
        print(name, f"{kind} {sigma:g}", *words, f"{report.minutes:.1f}", sep="\t", flush=True)


def middle(pixels: Pixels) -> Pixels:
    """The part that is used."""
    top, left = (pixels.shape[1] - HEIGHT) // 2, (pixels.shape[2] - WIDTH) // 2
    return pixels[:, top : top + HEIGHT, left : left + WIDTH]


def with_noise(clean: Pixels, kind: str, sigma: float) -> Pixels:
    """Noise of this deviation, cut and rounded to 8 bits."""
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
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
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
    main(Path(sys.argv[1]))
