"""How near estimated noise comes to the truth: the tables of decision 21.

    python docs/trials/noise_estimate.py data/val

Each clip, all its frames, gets noise of a known level, is rounded to 8 bits and estimated. Gaussian: sigma, and its
error. Poisson: variance at intensity 128, the channel that is farthest off. Then clips as they are, noise of sigma 10
that was blurred, and Gaussian noise of sigma 20 after H.264.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from vrinr_cli.benchmark.clips import degraded, find_clips, read_clip
from vrinr_cli.benchmark.scores import Condition
from vrinr_cli.engine.noise import NoiseLevel, estimate_noise
from vrinr_cli.training.compression import by_h264
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.degrade import CODES, poisson_peak

SIGMAS = (5, 10, 20, 30, 40, 50)
POISSON = (10, 30, 50, 100)
BLURS = (0.5, 1.0)
CRFS = (18, 23, 28)
GRAY = 128


def main(folder: Path) -> None:
    """Print a table of clips a kind of noise."""
    torch.set_num_threads(1)
    clips = {name: read_clip(path, frames=None, crop=None) for name, path in find_clips([folder]).items()}
    table(clips, "gaussian", SIGMAS, gaussian)
    table(clips, "poisson", POISSON, poisson)
    table(clips, "as it is", (0,), lambda clip, _: f"{estimate(clip).sigma:.2f}")
    table(clips, "blur of sigma 10", BLURS, lambda clip, blur: f"{estimate(blurred(clip, 10, blur)).sigma:.2f}")
    table(clips, "h264, clean", CRFS, lambda clip, crf: f"{estimate(by_h264(clip, crf)).sigma:.2f}")
    table(clips, "h264, sigma 20", CRFS, lambda clip, crf: f"{estimate(by_h264(noisy(clip, 20), crf)).sigma:.2f}")
    print("seconds a clip", f"{median(seconds):.2f}", sep="\t")


def table(clips: dict[str, Pixels], kind: str, levels: tuple[float, ...], cell: Callable[[Pixels, float], str]) -> None:
    """Print a row a clip, a column a level."""
    print(kind, *levels, sep="\t")
    for name, clip in clips.items():
        print(name, *(cell(clip, level) for level in levels), sep="\t", flush=True)
    print()


def gaussian(clip: Pixels, sigma: float) -> str:
    """Estimated sigma and its error."""
    found = estimate(noisy(clip, sigma)).sigma
    return f"{found:.2f} ({100 * (found / sigma - 1):+.1f} %)"


def poisson(clip: Pixels, level: float) -> str:
    """Largest error of a channel's variance at mid intensity."""
    truth = GRAY * CODES / poisson_peak(level)
    found = estimate(noisy(clip, level, kind="poisson")).sigma_at(GRAY)
    return f"{max((100 * (sigma**2 / truth - 1) for sigma in found), key=abs):+.1f} %"


seconds: list[float] = []
"""That each estimate took."""


def estimate(clip: Pixels) -> NoiseLevel:
    """With its time noted."""
    start = time.process_time()
    level = estimate_noise(list(clip))
    seconds.append(time.process_time() - start)
    if level is None:
        raise SystemExit("a clip of which nothing can be said")
    return level


def noisy(clip: Pixels, level: float, *, kind: str = "gaussian") -> Pixels:
    """As the benchmark makes it, at the clip's own size."""
    return degraded(clip, (clip.shape[1], clip.shape[2]), Condition(1, "none", kind, level), seed=0)


def blurred(clip: Pixels, sigma: float, blur: float) -> Pixels:
    """The clip under noise that is wider than a pixel: normal noise blurred by `blur` pixels, of deviation sigma."""
    distance = np.arange(-4, 5)
    taps = np.exp(-(distance**2) / (2 * blur**2))
    noise = np.random.default_rng(0).normal(size=clip.shape)
    for axis in (1, 2):
        noise = sum(tap * np.roll(noise, int(shift), axis=axis) for tap, shift in zip(taps, distance, strict=True))
    noise *= sigma / noise.std()
    return np.clip(np.rint(clip + noise), 0, CODES).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
