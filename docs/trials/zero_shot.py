"""What `vrinr denoise --zero-shot` does to noise: the table "Zero-shot, blind" in docs/denoise.md.

    python docs/trials/zero_shot.py data/test

Fifteen frames of the middle 352x288 of two clips with white noise, as lossless video; psnr_rgb of what weights that
have seen clean video only make of it: at scale 1 beside the noisy clip itself, and at scale 4 of the frames shrunk to a
quarter, on which the noise came then, beside bicubic enlargement.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from denoise_fit import FRAMES, Pixels, figure, middle, with_noise, write

from vrinr_cli.jobs import DenoiseOptions, SizeRequest, UpscaleOptions, upscale
from vrinr_cli.training.degrade import CODES, bicubic_downscale, to_unit
from vrinr_cli.training.files import read_pictures

CLIPS = ("calendar", "walk")
SIGMAS = (10.0, 30.0, 50.0)
HEIGHT, WIDTH, SCALE = 288, 352, 4


def main() -> None:
    """Print a row a clip and deviation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print("clip", "sigma", "noisy", "zero-shot", f"x{SCALE}: bicubic", f"x{SCALE}: zero-shot", sep="\t")
    for name in CLIPS:
        clean = middle(read_pictures(asked.folder / f"{name}.mkv")[:FRAMES], HEIGHT, WIDTH)
        small = shrunk(clean)
        for sigma in SIGMAS:
            noisy, low = with_noise(clean, "white", sigma), with_noise(small, "white", sigma)
            figures = [
                figure(noisy, clean),
                figure(restored(noisy, "1", is_zero_shot=True), clean),
                figure(restored(low, str(SCALE), is_zero_shot=False), clean),
                figure(restored(low, str(SCALE), is_zero_shot=True), clean),
            ]
            print(name, f"{sigma:g}", *(f"{value:.2f}" for value in figures), sep="\t", flush=True)


def shrunk(clean: Pixels) -> Pixels:
    """A quarter of the height and width, as the benchmark's BI makes it."""
    clip = to_unit(torch.from_numpy(np.ascontiguousarray(clean))[None])
    low = bicubic_downscale(clip, (HEIGHT // SCALE, WIDTH // SCALE))[0]
    return (low * CODES).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def restored(pixels: Pixels, scale: str, *, is_zero_shot: bool) -> Pixels:
    """What a zero-shot job makes of frames, or a bicubic one."""
    common = {"size": SizeRequest(scale=scale), "codec": "ffv1", "threads": 1}
    options = (
        UpscaleOptions(**common, weights="general", denoise=DenoiseOptions(zero_shot=True))
        if is_zero_shot
        else UpscaleOptions(**common, method="bicubic")
    )
    with TemporaryDirectory() as place:
        source, output = Path(place) / "noisy.mkv", Path(place) / "out.mkv"
        write(source, pixels)
        upscale(source, output, options)
        return read_pictures(output)


if __name__ == "__main__":
    main()
