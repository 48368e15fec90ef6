"""What the trunk reads of a source: its pixels, several taken as one where the network folds, and how noisy they are.

The noise of a channel at intensity I has the variance a + b I: a sensor's read noise and its photons (Foi et al.,
"Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", 2008). Intensities are in [0, 1].
"""

import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.model.resample import Axis

DEVIATION_UNIT = 4.0
"""Deviations are told in quarters of the whole range, so that usual ones are of the size of pixels."""
CODES = 255


def fold_pixels(frames: Tensor, fold: int) -> Tensor:
    """Each block of fold x fold pixels as one: (N, 3, h, w) -> (N, 3 fold^2, h / fold, w / fold), rounded up.

    Beyond the last row and column the outermost pixel is repeated.
    """
    if fold == 1:
        return frames
    height, width = frames.shape[-2:]
    missing = (-width % fold, -height % fold)
    whole = functional.pad(frames, (0, missing[0], 0, missing[1]), mode="replicate") if any(missing) else frames
    folded: Tensor = functional.pixel_unshuffle(whole, fold)
    return folded


def trunk_axis(axis: Axis, fold: int) -> Axis:
    """Where target pixels lie on the trunk's grid: the source's axis, counted in folded pixels."""
    if fold == 1:
        return axis
    return Axis(-(-axis.source // fold), axis.target, ratio=axis.exact_scale * fold, offset=axis.offset / fold)


def deviations(folded: Tensor, noise: Tensor) -> Tensor:
    """Standard deviation of one source pixel at each place of the trunk's grid.

    Args:
        folded: of `fold_pixels`, (N, 3 fold^2, h, w) in [0, 1].
        noise: (a, b) of each channel, (N, 3, 2).

    Returns:
        (N, 3, h, w) in [0, 1].
    """
    intensity: Tensor = folded.unflatten(1, (3, -1)).mean(dim=2)
    constant, slope = noise.to(folded).unbind(-1)  # (N, 3)
    variance = constant[..., None, None] + slope[..., None, None] * intensity
    return variance.clamp_min(0).sqrt()


def sigma_codes(noise: Tensor) -> Tensor:
    """One figure for the whole noise: root mean square over channels at half intensity, in 8-bit codes.

    Args:
        noise: (N, 3, 2).

    Returns:
        (N,).
    """
    return (noise[..., 0] + noise[..., 1] / 2).clamp_min(0).mean(dim=-1).sqrt() * CODES


def white_noise(sigma: float) -> Tensor:
    """Noise of the same deviation in all channels, at every intensity: codes -> (1, 3, 2)."""
    return torch.tensor([(sigma / CODES) ** 2, 0.0]).expand(1, 3, 2).clone()
