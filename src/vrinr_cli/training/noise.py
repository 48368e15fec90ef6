"""Noise for networks that are told of it: white and shot noise of every strength, each clip of a batch its own."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.training.degrade import CODES, poisson_peak, quantize

SIGMAS = (0.0, 55.0)
"""Of white noise, 8-bit codes."""
LEVELS = (10.0, 100.0)
"""Of shot noise, as `degrade.poisson_peak` counts them."""
KINDS = ("white", "white by channel", "shot", "both", "none")
SMALLEST_SLOPE = 1e-7
"""Shot noise below it is none: its deviation is a tenth of a code."""
LUMA = (0.299, 0.587, 0.114)
"""BT.601."""
SUBSAMPLED = 0.3
"""Share of clips whose chroma is at half the resolution, as in nearly every video file."""
SHARES = (0.5, 0.1, 0.25, 0.1, 0.05)
"""How often each kind is drawn."""


def draw_noise(rng: np.random.Generator) -> Tensor:
    """Noise of one clip: (a, b) of each channel, the variance a + b I at intensity I in [0, 1]; (3, 2) float32."""
    kind = rng.choice(KINDS, p=SHARES)
    told = np.zeros((3, 2))
    if kind in {"white", "both"}:
        told[:, 0] = (rng.uniform(*SIGMAS) / CODES) ** 2
    if kind == "white by channel":
        told[:, 0] = (rng.uniform(*SIGMAS, size=3) / CODES) ** 2
    if kind in {"shot", "both"}:
        told[:, 1] = 1 / poisson_peak(float(rng.uniform(*LEVELS)))
    return torch.from_numpy(told).float()


def add_noise(clips: Tensor, noise: Tensor, generator: torch.Generator) -> Tensor:
    """Photons are counted, then white noise comes on top; cut and rounded to 8 bits, as a file would be.

    Args:
        clips: (B, T, 3, h, w) in [0, 1].
        noise: of each clip, (B, 3, 2).
        generator: on the clips' device.
    """
    told = noise.to(clips)[:, None, :, :, None, None]  # (B, 1, 3, 2, 1, 1)
    constant, slope = told[:, :, :, 0], told[:, :, :, 1]
    counts = torch.poisson(clips / slope.clamp_min(SMALLEST_SLOPE), generator=generator) * slope
    exposed = torch.where(slope > SMALLEST_SLOPE, counts, clips)
    drawn = torch.randn(clips.shape, generator=generator, device=clips.device, dtype=clips.dtype)
    return quantize(exposed + drawn * constant.sqrt())


def halve_chroma(clips: Tensor) -> Tensor:
    """What 4:2:0 leaves of RGB: chroma averaged over 2x2 pixels and enlarged again, rounded to 8 bits.

    Args:
        clips: (B, T, 3, h, w) in [0, 1].
    """
    rgb = clips.flatten(0, 1)
    luma = torch.einsum("nchw,c->nhw", rgb, rgb.new_tensor(LUMA))[:, None]
    chroma = (rgb - luma)[:, ::2]  # R - Y and B - Y
    small = functional.avg_pool2d(chroma, 2, ceil_mode=True, count_include_pad=False)
    red, blue = functional.interpolate(small, size=rgb.shape[-2:], mode="bicubic").unbind(1)
    green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]
    return quantize(luma + torch.stack([red, green, blue], dim=1)).reshape(clips.shape)


def in_luma(noise: Tensor) -> Tensor:
    """What is left of noise in every channel at the finest detail once chroma is halved: luma's, (B, 3, 2)."""
    weights = noise.new_tensor(LUMA).square()
    return torch.einsum("bcv,c->bv", noise, weights)[:, None].expand(-1, 3, -1)
