"""How an HR picture becomes what a user has: one small function per degradation, on any device."""

import torch
from torch import Tensor
from torch.nn import functional


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


def to_unit(clip: Tensor) -> Tensor:
    """uint8 (B, T, H, W, 3) -> float32 (B, T, 3, H, W) in [0, 1]."""
    return clip.permute(0, 1, 4, 2, 3).to(torch.float32) / 255
