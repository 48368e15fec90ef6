"""Does a still scene swim, does a moving thing leave a ghost: the tables in docs/denoise.md.

    python docs/trials/steady.py data/val

Still: the first frame of each clip, fifteen times, each with its own white noise. The deviation over time of each
sample, root of the mean square over samples and clips, in 8-bit codes: of the noisy frames, of every five of them
averaged, of what the weights `denoise` give, and of what they give where each frame is a clip of its own.

Moving: over the same still frames, noise and all, a gray bar of 24 pixels moves to the right. Behind it lie the pixels
that it has left within the last three frames, before it those that it takes within the next three, without the two
pixels beside its edge, which a blur would reach. What is left of the bar (or comes too early) is the part of its
contrast that the result has there, in percent: the slope of error over contrast.
"""

import sys
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vrinr_cli.benchmark.clips import find_clips, read_clip
from vrinr_cli.jobs import weights
from vrinr_cli.model.network import VrInr
from vrinr_cli.model.source import white_noise
from vrinr_cli.training.degrade import CODES, quantize, to_unit

SIGMA = 30.0
FRAMES = 15
SIDE = 192
SPEEDS = (1, 2, 4, 8, 16)
BAR, GRAY = 24, 200 / CODES
WAKE, EDGE = 3, 2
MIDDLE = range(5, 11)
"""Frames that are judged: those with neighbours on either side."""


def main(folder: Path) -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    model = weights.load(weights.find("denoise"))
    if not isinstance(model, VrInr):
        raise SystemExit("weights denoise are no general network")
    scenes = [still(path) for path in find_clips([folder]).values()]
    print(f"sigma {SIGMA:g}: deviation over time", "codes", sep="\t")
    for name, result in flicker(model, scenes).items():
        print(name, f"{result:.2f}", sep="\t", flush=True)
    print()
    print("pixels a frame", "behind, %", "before, %", sep="\t")
    for speed in SPEEDS:
        behind, before = zip(*(ghost(model, scene, speed) for scene in scenes), strict=True)
        print(speed, f"{100 * fmean(behind):+.1f}", f"{100 * fmean(before):+.1f}", sep="\t", flush=True)


def still(path: Path) -> Tensor:
    """The middle of the first frame: (3, SIDE, SIDE) in [0, 1]."""
    return to_unit(torch.from_numpy(read_clip(path, frames=1, crop=(SIDE, SIDE))[None]))[0, 0]


def noisy(clean: Tensor) -> Tensor:
    """White noise of SIGMA, cut and rounded to 8 bits: (T, 3, h, w) -> the same."""
    return quantize(clean + torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)) * (SIGMA / CODES))


@torch.inference_mode()
def denoised(model: VrInr, clip: Tensor) -> Tensor:
    """By the whole-clip path, the true noise told: (T, 3, h, w) -> the same."""
    result: Tensor = model(clip[None], (SIDE, SIDE), white_noise(SIGMA))
    return quantize(result[0])


def flicker(model: VrInr, scenes: list[Tensor]) -> dict[str, float]:
    """Deviation over time of each way, in codes."""
    squares: dict[str, list[float]] = {}
    for scene in scenes:
        seen = noisy(scene.expand(FRAMES, -1, -1, -1))
        ways = {
            "noisy": seen,
            "mean of five": seen.unflatten(0, (-1, 5)).mean(dim=1),
            "denoise, each frame alone": torch.cat([denoised(model, frame[None]) for frame in seen]),
            "denoise": denoised(model, seen),
        }
        for name, way in ways.items():
            squares.setdefault(name, []).append(float(way.var(dim=0).mean()))
    return {name: CODES * float(np.sqrt(fmean(found))) for name, found in squares.items()}


def ghost(model: VrInr, scene: Tensor, speed: int) -> tuple[float, float]:
    """Share of the bar's contrast behind and before it, mean over the judged frames."""
    clean, left = with_bar(scene, speed)
    error = denoised(model, noisy(clean)) - clean
    contrast = GRAY - scene
    shares: dict[str, list[float]] = {"behind": [], "before": []}
    for t in MIDDLE:
        tail, head = int(left[t]) - EDGE, int(left[t]) + BAR + EDGE
        reach = WAKE * speed
        for name, columns in (("behind", slice(max(tail - reach, 0), tail)), ("before", slice(head, head + reach))):
            weight, missed = contrast[..., columns], error[t][..., columns]
            if weight.numel():
                shares[name].append(float((weight * missed).sum() / weight.square().sum()))
    return fmean(shares["behind"]), fmean(shares["before"])


def with_bar(scene: Tensor, speed: int) -> tuple[Tensor, NDArray[np.int64]]:
    """The scene with the bar in every frame, (T, 3, h, w), and the bar's left column in each."""
    left = (SIDE - BAR) // 2 + speed * (np.arange(FRAMES) - FRAMES // 2)
    clip = scene.repeat(FRAMES, 1, 1, 1)
    for t, column in enumerate(left):
        clip[t, :, :, max(int(column), 0) : max(int(column) + BAR, 0)] = GRAY
    return clip, left


if __name__ == "__main__":
    main(Path(sys.argv[1]))
