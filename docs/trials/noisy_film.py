"""A film with sound and noise through `vrinr denoise`: the figures in docs/denoise.md.

    python docs/trials/noisy_film.py demo/bbb.mp4 folder

Writes folder/noisy.mp4 (white noise of sigma 20, H.264 crf 8, 4:2:0, the sound copied) and folder/clean.mp4, and prints
the frames, the streams and the mean psnr_rgb of both beside the film itself.
"""

import sys
from pathlib import Path
from statistics import fmean

import av
import numpy as np
from numpy.typing import NDArray

from vrinr_cli.jobs import DenoiseOptions, SizeRequest, UpscaleOptions, upscale
from vrinr_cli.training.files import read_pictures
from vrinr_cli.training.measure import psnr_rgb

SIGMA = 20.0


def main(film: Path, folder: Path) -> None:
    """Make the noisy film, clean it, print both."""
    folder.mkdir(exist_ok=True)
    noisy, clean = folder / "noisy.mp4", folder / "clean.mp4"
    make_noisy(film, noisy)
    report = upscale(
        noisy,
        clean,
        UpscaleOptions(size=SizeRequest(scale="1"), denoise=DenoiseOptions(), weights="denoise"),
        overwrite=True,
    )
    truth = read_pictures(film)
    for path in (noisy, clean):
        with av.open(str(path)) as file:
            kinds = [f"{stream.type} {stream.codec_context.name}" for stream in file.streams]
        shown = read_pictures(path)
        figure = fmean(psnr_rgb(one, other) for one, other in zip(shown, truth, strict=True))
        print(path.name, f"{len(shown)} frames", ", ".join(kinds), f"psnr_rgb {figure:.2f} dB", sep="\t")
    print(*report.notes, sep="\n")


def make_noisy(film: Path, path: Path) -> None:
    """Every frame with noise, the sound packet by packet."""
    rng = np.random.default_rng(0)
    with av.open(str(film)) as source, av.open(str(path), "w") as target:
        shown, heard = source.streams.video[0], source.streams.audio[0]
        video = target.add_stream("libx264", rate=shown.average_rate, options={"crf": "8"})
        video.width, video.height, video.pix_fmt = shown.width, shown.height, "yuv420p"
        sound = target.add_stream_from_template(heard)
        for packet in source.demux(heard):
            if packet.dts is not None:
                packet.stream = sound
                target.mux(packet)
        for number, picture in enumerate(read_pictures(film)):
            frame = av.VideoFrame.from_ndarray(with_noise(picture, rng), format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            target.mux(video.encode(frame))
        target.mux(video.encode())


def with_noise(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """White noise, cut and rounded to 8 bits."""
    return np.clip(np.round(picture + SIGMA * rng.standard_normal(picture.shape)), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
