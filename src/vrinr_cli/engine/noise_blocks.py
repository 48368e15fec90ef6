"""Variance of flat blocks at each intensity: where a picture's finest detail is noise and nothing else.

Blocks are 8x8 under an orthonormal DCT, in which white noise has the same variance in every coefficient and no two
coefficients know of each other. So blocks may be chosen by some coefficients and measured in others without the choice
pulling the measure down. Half of the highest frequencies are measured where all other coefficients are smallest, then
the other half in the same way. Choosing blocks by texture and reading noise from high frequencies is Ponomarenko et
al., "An automatic approach to lossy compression of AVIRIS images" (IGARSS 2007).

Clipped noise is not normal, and its coefficients do know of each other: the quietest blocks would be those that
clipping hit hardest. So where noise is all there is, nearly all blocks are taken.
"""

from dataclasses import dataclass
from math import cos, pi, sqrt
from statistics import NormalDist

import torch
from torch import Tensor

BLOCK_PX = 8
STRIDE_PX = 4
"""Places of blocks: every fourth pixel, so that small pictures have enough."""
HIGH_ORDER = 7
"""Coefficients are high from u + v = 7 on: 36 of 64."""
FLAT_SHARE = 0.05
"""Share of the blocks of an intensity that is taken for flat, the flattest."""
MIN_FLAT = 20
"""At least so many blocks are taken, of as many as there are."""
NOISE_ALONE = 1.25
"""Blocks with up to so many times the noise's energy are flat too: nine in ten of those that are."""
TURNS = 3
"""Of measuring the noise and choosing the flat blocks by it."""
LEVELS = 16
"""Intensities are told apart in steps of 256 / 16 codes."""
MIN_IN_LEVEL = 64
"""A level with fewer blocks is joined to the next."""
MAX_CLIPPED = 0.75
"""Blocks with more samples at 0 or 255 are left out. A black block under noise has half."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Figures of N blocks of one channel, in 8-bit codes."""

    mean: Tensor
    """(N,)"""
    clipped: Tensor
    """Share of samples at 0 or 255, (N,)."""
    energy: Tensor
    """Squared DCT coefficients, (N, 64) with the index 8 u + v."""


@dataclass(frozen=True, slots=True)
class FlatLevel:
    """What the flat blocks around one intensity say."""

    mean: float
    """Mean of their samples, 0 to 255."""
    variance: float
    """Of their noise as it was found, after clipping; codes squared."""
    sampling: float
    """Standard error of the variance over the variance, from the least number of coefficients that were measured. More
    may have been, but blocks overlap."""
    texture: float
    """Energy a coefficient in those that chose the blocks, over what noise alone would have left there, in codes
    squared: well above `variance` where even the flattest blocks are textured."""
    clipped: float
    """Share of all samples around this intensity at 0 or 255."""


def sample(picture: Tensor, count: int, *, seed: int) -> Tensor:
    """At most `count` blocks of a picture at scattered places, the same for the same seed.

    Args:
        picture: (C, H, W), at least a block high and wide.
        count: 1 or more.
        seed: decides the places; no other random state is read or changed.

    Returns:
        (C, N, 8, 8).
    """
    windows = picture.unfold(1, BLOCK_PX, STRIDE_PX).unfold(2, BLOCK_PX, STRIDE_PX)  # (C, rows, columns, 8, 8)
    rows, columns = windows.shape[1:3]
    shuffled = torch.randperm(rows * columns, generator=torch.Generator().manual_seed(seed))
    places = shuffled[:count].sort().values.to(picture.device)
    return windows[:, places // columns, places % columns]


def measured(samples: Tensor) -> Blocks:
    """The figures of blocks, but for those that clipping has emptied.

    Args:
        samples: (N, 8, 8) in 8-bit codes, [0, 255].
    """
    clipped = ((samples <= 0) | (samples >= 255)).to(samples).mean(dim=(1, 2))  # (N,)
    kept = clipped <= MAX_CLIPPED
    samples = samples[kept]  # (n, 8, 8)
    transform = _dct().to(samples)  # (64, 64)
    return Blocks(samples.mean(dim=(1, 2)), clipped[kept], (samples.flatten(1) @ transform.T) ** 2)


def flat_levels(blocks: Blocks) -> list[FlatLevel]:
    """The flat blocks of each intensity that the clip has, from dark to bright."""
    return [_flat_level(blocks, members) for members in _members(blocks.mean)]


def _members(mean: Tensor) -> list[Tensor]:
    """Indices of the blocks of each level; none is small unless all blocks together are few."""
    order = mean.argsort(stable=True)
    edges = torch.arange(1, LEVELS, device=mean.device) * (256 / LEVELS)
    borders = torch.searchsorted(mean[order], edges).tolist()
    members: list[Tensor] = []
    start = 0
    for stop in [*borders, len(order)]:
        if stop - start >= MIN_IN_LEVEL:
            members.append(order[start:stop])
            start = stop
    if start < len(order):
        last = [members.pop()] if members else []
        members.append(torch.cat([*last, order[start:]]))
    return members


def _flat_level(blocks: Blocks, members: Tensor) -> FlatLevel:
    count = len(members)
    take = min(count, max(MIN_FLAT, round(FLAT_SHARE * count)))
    halves = [_flattest(blocks, members, take, half) for half in _high_halves()]
    mean, variance, texture = (sum(figures) / len(halves) for figures in zip(*halves, strict=True))
    coefficients = take * sum(len(half) for half in _high_halves())
    return FlatLevel(mean, variance, sqrt(2 / coefficients), texture, float(blocks.clipped[members].mean()))


def _flattest(blocks: Blocks, members: Tensor, take: int, half: list[int]) -> tuple[float, float, float]:
    """Mean, variance in `half` and `FlatLevel.texture` of the blocks that have least in all others; `take` or more."""
    energy = blocks.energy[members]
    others = [index for index in range(1, BLOCK_PX**2) if index not in half]
    chosen_by = energy[:, others].mean(dim=1)
    order = chosen_by.argsort(stable=True)
    variance, flat = 0.0, order
    for _ in range(TURNS):
        take = max(take, int((chosen_by <= NOISE_ALONE * variance).sum()))
        flat = order[:take]
        variance = float(energy[flat][:, half].mean(dim=1).median()) / _median_of_mean_square(len(half))
    texture = float(chosen_by[flat].mean()) / _least_mean_square(len(others), take / len(members))
    return float(blocks.mean[members[flat]].mean()), variance, texture


def _median_of_mean_square(count: int) -> float:
    """Median of the mean of `count` squared normal numbers: chi-squared by Wilson and Hilferty (PNAS 1931)."""
    return float((1 - 2 / (9 * count)) ** 3)


def _least_mean_square(count: int, share: float) -> float:
    """Mean of the lowest `share` of means of `count` squared normal numbers, each taken as normal itself."""
    if share >= 1:
        return 1.0
    normal = NormalDist()
    return 1 - sqrt(2 / count) * normal.pdf(normal.inv_cdf(share)) / share


def _high_halves() -> list[list[int]]:
    """The high coefficients as two sets that both reach into all directions: like the fields of a chessboard."""
    high = [(u, v) for u in range(BLOCK_PX) for v in range(BLOCK_PX) if u + v >= HIGH_ORDER]
    return [[BLOCK_PX * u + v for u, v in high if (u + v) % 2 == parity] for parity in (0, 1)]


def _dct() -> Tensor:
    """DCT-II of 8x8 samples in rows, orthonormal, (64, 64) float64; row 8 u + v is basis (u, v)."""
    basis = torch.tensor(
        [
            [cos(pi * (x + 0.5) * u / BLOCK_PX) * sqrt((1 if u == 0 else 2) / BLOCK_PX) for x in range(BLOCK_PX)]
            for u in range(BLOCK_PX)
        ],
        dtype=torch.float64,
    )  # (8, 8)
    return torch.kron(basis, basis)
