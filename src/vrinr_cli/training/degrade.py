"""How an HR picture becomes what a user has: one small function per degradation, on any device."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.model.resample import resize

BD_SIGMA_PER_SCALE = 0.4
"""Width of BD's blur in HR pixels per scale: 1.6 at x4, as in the BD tests of the field (DUF, Jo et al. 2018)."""
CODES = 255
"""Steps of an 8-bit sample."""


def quantize(picture: Tensor) -> Tensor:
    """Round to 8 bits, as a file would: [0, 1] -> [0, 1]."""
    return (picture.clamp(0, 1) * 255).round() / 255


def bicubic_downscale(clip: Tensor, size: tuple[int, int]) -> Tensor:
    """BI: torch's antialiased bicubic (a = -0.5, MATLAB's), rounded to 8 bits.

    Args:
        clip: HR, (B, T, 3, H, W) in [0, 1].
        size: (h, w), at most (H, W).
    """
    if tuple(clip.shape[-2:]) == size:
        return quantize(clip)
    flat = clip.flatten(0, 1)
    small = functional.interpolate(flat, size=size, mode="bicubic", align_corners=False, antialias=True)
    return quantize(small).reshape(*clip.shape[:3], *size)


def blur_downscale(clip: Tensor, size: tuple[int, int]) -> Tensor:
    """BD: Gaussian blur, then one sample per LR pixel, rounded to 8 bits.

    The blur's sigma is 0.4 scale in HR pixels, so 1.6 at x4, cut at 4 sigma. Each LR pixel reads the blurred picture
    at its own centre, at any scale. Differs from the field's BD tests, which take every fourth pixel from the first on
    and so move the picture by 1.5 HR pixels: networks learn that shift, kernels cannot. Figures here do not compare
    with those.

    Args:
        clip: HR, (B, T, 3, H, W) in [0, 1].
        size: (h, w), at most (H, W).

    Returns:
        LR, (B, T, 3, h, w) in [0, 1]. Beyond the border the outermost pixel is repeated.
    """
    rows, columns = (
        _blur_matrix(high, low).to(clip) for high, low in zip(clip.shape[-2:], size, strict=True)
    )  # (h, H), (w, W)
    return quantize(resize(clip, rows, columns))


def _blur_matrix(high: int, low: int) -> Tensor:
    """One axis of `blur_downscale`: rows sum to 1, (low, high) float64."""
    scale = high / low
    sigma = BD_SIGMA_PER_SCALE * scale
    centres = (torch.arange(low, dtype=torch.float64) + 0.5) * scale - 0.5
    reach = int(4 * sigma) + 1
    taps = centres.floor()[:, None] + torch.arange(-reach, reach + 2, dtype=torch.float64)  # (low, taps)
    distance = taps - centres[:, None]
    weights = torch.exp(-(distance**2) / (2 * sigma**2)) * (distance.abs() <= 4 * sigma)
    matrix = torch.zeros(low, high, dtype=torch.float64)
    matrix.scatter_add_(1, taps.clamp(0, high - 1).long(), weights)
    return matrix / matrix.sum(dim=1, keepdim=True)


def add_gaussian(clip: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """White Gaussian noise, then cut to [0, 1] and rounded to 8 bits, as a file would be.

    Args:
        clip: any shape, in [0, 1].
        sigma: standard deviation in 8-bit codes.
        generator: decides the noise; where it lies on another device, the noise is drawn there.
    """
    drawn = torch.randn(clip.shape, generator=generator, device=generator.device)
    return quantize(clip + drawn.to(clip) * (sigma / CODES))


def poisson_peak(level: float) -> float:
    """Photons that a white sample counts at a noise level: 255 (10 / level)^1.25.

    The paper has levels 10, 30 and 50 that grow noisier, and does not say what they count. This reading gives Vid4 the
    quality that the paper's Table 6 has for NeRV's output (docs/benchmark.md): level 10 is one photon a code.
    """
    return CODES * math.pow(10 / level, 1.25)


def add_poisson(clip: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Shot noise: each sample counts photons, Poisson(x peak) / peak, then cut and rounded to 8 bits.

    Args:
        clip: any shape, in [0, 1].
        level: the paper's noise level, above 0; see `poisson_peak`.
        generator: decides the noise; where it lies on another device, the noise is drawn there.
    """
    peak = poisson_peak(level)
    counts = torch.poisson(clip.to(generator.device, torch.float32) * peak, generator=generator)
    return quantize((counts / peak).to(clip))


def to_unit(clip: Tensor) -> Tensor:
    """uint8 (B, T, H, W, 3) -> float32 (B, T, 3, H, W) in [0, 1]."""
    return clip.permute(0, 1, 4, 2, 3).to(torch.float32) / 255
