"""What other tolerances and more frames do to trained weights: the figures of decision 41.

    python docs/trials/averages.py data/val weights/denoise.safetensors 4:0.05,0.4 4:0.15,0.8 6:0.05,0.4

A variant is frames on either side, a colon, and both tolerances. Middle 256x192 of every clip with white noise;
psnr_rgb of the middle five frames, mean over the clips.
"""

import sys
from pathlib import Path
from statistics import fmean

import torch

from vrinr_cli.model import averaging, checkpoint
from vrinr_cli.model.source import white_noise
from vrinr_cli.training.degrade import add_gaussian, quantize, to_unit
from vrinr_cli.training.files import read_pictures

HEIGHT, WIDTH = 192, 256
SIGMAS = (10.0, 30.0, 50.0)


@torch.no_grad()
def main(folder: Path, weights: Path, variants: list[str]) -> None:
    """Print a row for each noise, a column for each variant."""
    torch.set_num_threads(1)
    model = checkpoint.load(weights).eval()
    clips = [middle(path) for path in sorted(folder.glob("*.mkv"))]
    print("sigma", *variants, sep="\t")
    for sigma in SIGMAS:
        row = []
        for variant in variants:
            frames, tolerances = variant.split(":")
            model.trunk.averaging["frames"] = int(frames)
            averaging.TOLERANCES = tuple(float(one) for one in tolerances.split(","))
            row.append(fmean(score(model, clip, sigma) for clip in clips))
        print(f"{sigma:g}", *(f"{value:.2f}" for value in row), sep="\t", flush=True)


def middle(path: Path) -> torch.Tensor:
    """The part of a clip that is used, (1, T, 3, h, w)."""
    pixels = read_pictures(path)
    top, left = (pixels.shape[1] - HEIGHT) // 2, (pixels.shape[2] - WIDTH) // 2
    return to_unit(torch.from_numpy(pixels[None, :, top : top + HEIGHT, left : left + WIDTH].copy()))


def score(model: torch.nn.Module, clean: torch.Tensor, sigma: float) -> float:
    """psnr_rgb of the middle five frames, dB."""
    noisy = add_gaussian(clean, sigma, torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        result = model(noisy, (HEIGHT, WIDTH), white_noise(sigma)).float()
    kept = slice(clean.shape[1] // 2 - 2, clean.shape[1] // 2 + 3)
    error = (quantize(result[:, kept]) - clean[:, kept]).square().mean()
    return float(-10 * torch.log10(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
