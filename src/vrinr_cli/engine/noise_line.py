"""The line variance(I) = a + b I behind the variances of flat blocks, with clipping undone.

Samples below 0 and above 255 were cut off, so near black and white blocks vary less than the noise did, and their mean
moved inwards. Both are known for normal noise: Foi, "Clipped noisy images: heteroskedastic modeling and practical
denoising" (Signal Processing 2009). The line is fitted so that its clipped image meets what was found.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vrinr_cli.engine.noise_blocks import FlatLevel

Values = NDArray[np.float64]

ROUNDS = 15
"""Of fitting and undoing the clipping anew; figures settle to a percent after five."""
PLAIN_ROUNDS = 3
"""Rounds before levels that stand off the line lose weight."""
OUTLIER = 2.0
"""Standard errors from the line at which a level has half of its weight (Cauchy's weights)."""
TEXTURE_LEAK = 0.15
"""Standard error of a variance, per energy that texture has left in the coefficients that chose the blocks."""
CLIPPING_DOUBT = 0.5
"""Relative standard error of a variance, per share of clipped samples: clipping is undone for normal noise only."""
MODEL_DOUBT = 0.02
"""Relative standard error of any variance: blocks are not quite flat, noise not quite white."""
FLOOR = 0.1
"""Standard error of any variance in codes squared: that of rounding, 1/12, is not the same in every block."""
LEAST_VARIANCE = 1e-4
"""Of a line that is divided by, in codes squared."""


@dataclass(frozen=True, slots=True)
class _Clipping:
    """What cutting to [0, 255] makes of a line, at 256 intensities before the cut."""

    intensity: Values
    mean: Values
    variance: Values


def fit_line(levels: list[FlatLevel]) -> tuple[float, float]:
    """(a, b) of the noise before clipping, in codes squared and codes, both at least 0.

    Args:
        levels: one or more. From one, or from several that agree, b is 0.
    """
    mean = np.array([level.mean for level in levels])
    found = np.array([level.variance for level in levels])
    line = (_weighted_median(found, 1 / _errors(levels, found, found) ** 2), 0.0)
    for turn in range(ROUNDS):
        clipping = _clipped(line)
        intensity = np.interp(mean, clipping.mean, clipping.intensity)
        expected = np.maximum(np.interp(mean, clipping.mean, clipping.variance), LEAST_VARIANCE)
        on_line = np.maximum(line[0] + line[1] * intensity, LEAST_VARIANCE)
        restored = found * on_line / expected  # the variance before clipping
        errors = _errors(levels, on_line, expected)
        off = (restored - on_line) / errors
        doubt = 1 + (off / OUTLIER) ** 2 if turn >= PLAIN_ROUNDS else 1.0
        line = _least_squares(intensity, restored, 1 / (errors**2 * doubt))
    return line


def clipped_moments(mean: Values, sigma: Values) -> tuple[Values, Values]:
    """Mean and variance of normal numbers after those outside [0, 255] were set to its ends.

    Args:
        mean: before the cut, any shape.
        sigma: standard deviation before the cut, above 0, of the same shape.
    """
    low, high = -mean / sigma, (255 - mean) / sigma
    inside = _below(high) - _below(low)
    first = mean * inside + sigma * (_density(low) - _density(high)) + 255 * _below(-high)
    second = (
        (mean**2 + sigma**2) * inside
        + sigma * (mean * _density(low) - (255 + mean) * _density(high))
        + 255**2 * _below(-high)
    )
    return first, np.maximum(second - first**2, 0)


def _clipped(line: tuple[float, float]) -> _Clipping:
    intensity = np.linspace(0, 255, 256)
    sigma = np.sqrt(np.maximum(line[0] + line[1] * intensity, LEAST_VARIANCE))
    return _Clipping(intensity, *clipped_moments(intensity, sigma))


def _errors(levels: list[FlatLevel], before: Values, after: Values) -> Values:
    """Standard error of each level's variance before clipping.

    Args:
        levels: what was found.
        before: variance of the noise there before clipping, (levels,).
        after: the same after clipping.
    """
    sampling = np.array([level.sampling for level in levels])
    clipped = np.array([level.clipped for level in levels])
    texture = np.maximum(np.array([level.texture for level in levels]) - after, 0)
    relative = sampling**2 + (CLIPPING_DOUBT * clipped) ** 2 + MODEL_DOUBT**2
    errors: Values = np.sqrt(relative * before**2 + (TEXTURE_LEAK * texture) ** 2 + FLOOR**2)
    return errors


def _least_squares(x: Values, y: Values, weight: Values) -> tuple[float, float]:
    """(a, b), both at least 0, for which the weighted squares of a + b x - y are least."""
    flat = max(float(np.average(y, weights=weight)), 0.0)
    centre = np.average(x, weights=weight)
    spread = float(np.sum(weight * (x - centre) ** 2))
    if spread <= 1e-9 * float(np.sum(weight)):
        return flat, 0.0
    slope = float(np.sum(weight * (x - centre) * y)) / spread
    constant = flat - slope * float(centre)
    if slope < 0:
        return flat, 0.0
    if constant < 0:
        return 0.0, float(np.sum(weight * x * y) / np.sum(weight * x * x))
    return constant, slope


def _weighted_median(values: Values, weights: Values) -> float:
    order = values.argsort()
    up_to = weights[order].cumsum()
    return float(values[order][np.searchsorted(up_to, up_to[-1] / 2)])


def _below(x: Values) -> Values:
    """Share of standard normal numbers below x."""
    share: Values = torch.special.ndtr(torch.from_numpy(x)).numpy()
    return share


def _density(x: Values) -> Values:
    """Of standard normal numbers at x."""
    density: Values = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return density
