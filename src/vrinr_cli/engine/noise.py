"""How noisy a clip is, from the clip alone: a Gaussian and a Poisson-like part for each of R, G and B.

Noise is white in space and its variance grows with intensity, a + b I: the model of Foi et al., "Practical
Poissonian-Gaussian noise modeling and fitting for single-image raw-data" (IEEE TIP 2008). a and b are read off flat
blocks (`noise_blocks`) by a line through their variances, with what clipping does to them (`noise_line`).

What it does not see: noise whose grain is wider than a pixel (film scans, enlarged video, chroma of 4:2:0) and what a
codec has left of noise come out too small, because only the finest detail tells noise from texture.
decisions/0021-noise-estimate.md has the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vrinr_cli.engine.noise_blocks import BLOCK_PX, flat_levels, measured, sample
from vrinr_cli.engine.noise_line import fit_line
from vrinr_cli.errors import EngineError

Rgb = tuple[float, float, float]
"""One number each for R, G and B."""
CODES = 255
"""Steps of an 8-bit sample, the unit of every figure here."""
MAX_FRAMES = 24
"""Of more frames, as many are taken, evenly from the first to the last."""
MAX_BLOCKS = 40_000
"""Blocks that are looked at in a clip."""
MIN_BLOCKS = 16
"""Fewer that are not clipped tell nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseLevel:
    """Noise of a clip in 8-bit codes: variance(I) = constant + slope I, at an intensity I from 0 to 255.

    The variance is the one before samples were cut to 0 to 255. Rounding to codes is a part of it (1/12).
    """

    constant: Rgb
    """a, the Gaussian part, in codes squared; at least 0."""
    slope: Rgb
    """b, the Poisson-like part, in codes; at least 0."""
    mean: Rgb
    """Mean intensity of the clip, 0 to 255."""

    @property
    def sigma(self) -> float:
        """One figure for all: root of the mean variance over the clip's samples and channels, in codes."""
        return sqrt(fmean(map(_variance, self.constant, self.slope, self.mean)))

    def sigma_at(self, intensity: float) -> Rgb:
        """Standard deviation in codes at an intensity, 0 to 255."""
        red, green, blue = (sqrt(_variance(a, b, intensity)) for a, b in zip(self.constant, self.slope, strict=True))
        return red, green, blue


def _variance(constant: float, slope: float, intensity: float) -> float:
    return constant + slope * intensity


def estimate_noise(frames: Sequence[NDArray[np.uint8] | Tensor]) -> NoiseLevel | None:
    """The noise of a clip, though it may be full of texture and partly clipped.

    The same frames give the same figures. A channel of which nothing can be said (all black, say) gets the mean of the
    others.

    Args:
        frames: of one size, any number; of more than 24, 24 from the first to the last are looked at. Each is RGB, as
            (H, W, 3) uint8 or as (3, H, W) floating point in [0, 1] on any device, also for more than 8 bits. What
            lies outside [0, 1] counts as clipped.

    Returns:
        None where nothing can be said: no frame, frames below 8 pixels a side, or fewer than 16 blocks with samples
        that are not clipped.

    Raises:
        EngineError: a frame of another shape or type, or of another size than the first.
    """
    chosen = [_channels_first(frames[index], index) for index in spread(len(frames))]
    if not chosen or min(chosen[0].shape[1:]) < BLOCK_PX:
        return None
    _check_sizes(chosen)
    each = -(-MAX_BLOCKS // len(chosen))
    samples = torch.cat(
        [_in_codes(sample(picture, each, seed=index)) for index, picture in enumerate(chosen)], dim=1
    )  # (3, N, 8, 8)
    lines = [_line(channel) for channel in samples]
    known = [line for line in lines if line is not None]
    if not known:
        return None
    common = (fmean(a for a, _ in known), fmean(b for _, b in known))
    constant, slope = zip(*(line or common for line in lines), strict=True)
    red, green, blue = samples.mean(dim=(1, 2, 3)).tolist()
    return NoiseLevel(constant=constant, slope=slope, mean=(red, green, blue))


def _line(samples: Tensor) -> tuple[float, float] | None:
    """(a, b) of one channel's blocks, (N, 8, 8) in codes; None where too few are not clipped."""
    blocks = measured(samples)
    return fit_line(flat_levels(blocks)) if len(blocks.mean) >= MIN_BLOCKS else None


def spread(count: int) -> list[int]:
    """Indices of at most `MAX_FRAMES` of so many frames, evenly from the first to the last."""
    if count <= MAX_FRAMES:
        return list(range(count))
    return [index * (count - 1) // (MAX_FRAMES - 1) for index in range(MAX_FRAMES)]


def _channels_first(frame: NDArray[np.uint8] | Tensor, index: int) -> Tensor:
    """(3, H, W), uint8 or floating point."""
    if isinstance(frame, Tensor):
        if frame.ndim == 3 and frame.shape[0] == 3 and frame.is_floating_point():
            return frame
    elif frame.ndim == 3 and frame.shape[2] == 3 and frame.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)
    raise EngineError(
        f"frame {index}: {frame.dtype} of shape {tuple(frame.shape)} to estimate noise in",
        hint="give RGB as (H, W, 3) uint8, or as (3, H, W) floating point in [0, 1]",
    )


def _check_sizes(pictures: list[Tensor]) -> None:
    first = tuple(pictures[0].shape[1:])
    for picture in pictures:
        if tuple(picture.shape[1:]) != first:
            raise EngineError(
                f"frames of {first} and of {tuple(picture.shape[1:])} to estimate noise in",
                hint="give frames of one size",
            )


def _in_codes(samples: Tensor) -> Tensor:
    """uint8, or floating point in [0, 1], as float32 in [0, 255] on the CPU."""
    codes = samples.to(torch.float32) * (1 if samples.dtype == torch.uint8 else CODES)  # 1.0 is 255 to the bit
    return codes.clamp(0, CODES).cpu()


def as_told(constant: Rgb, slope: Rgb) -> Tensor:
    """As networks are told of noise, with intensities in [0, 1]: figures in codes -> (1, 3, 2), see `model.source`."""
    return torch.stack([torch.tensor(constant) / CODES**2, torch.tensor(slope) / CODES], dim=1)[None]
