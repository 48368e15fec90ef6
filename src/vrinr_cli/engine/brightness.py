"""Whether what a network adds leaves each place of the picture about as bright as it was.

The base has the source's brightness; the network adds detail, and takes noise away, around it. Over a patch that
averages to little: docs/decisions/0037 has figures. A result that is finite and black or white does not.
"""

import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.model.source import sigma_codes

CELL = 32
"""Source pixels along the side of a patch."""
MOST_SHIFT = 0.25
"""Of the range of values, in any of R, G and B: the most by which a patch's mean may move."""
NOISE_SHARE = 0.5
"""Of the noise's deviation, on top: noise that was cut off at black or white moves the mean by 0.4 of it."""


def most_shift(noise: Tensor | None) -> float:
    """How far the mean of a patch may move where a network is told of this noise, (1, 3, 2); None is none."""
    return MOST_SHIFT + (NOISE_SHARE * float(sigma_codes(noise)) / 255 if noise is not None else 0.0)


def largest_shift(residual: Tensor, source_size: tuple[int, int]) -> float:
    """How far the mean of any patch moves, in any of R, G and B.

    Args:
        residual: what the network adds, (3, H, W) float32.
        source_size: (height, width) of the picture that it is made from.

    Returns:
        Not finite where a value of the residual is not.
    """
    height, width = source_size
    patches = max(height // CELL, 1), max(width // CELL, 1)
    means = functional.adaptive_avg_pool2d(residual[None], patches)
    return float(torch.where(torch.isnan(means), torch.inf, means.abs()).max())
