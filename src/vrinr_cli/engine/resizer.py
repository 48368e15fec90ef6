"""Separable resize of planes by small matrices, made once and used for every frame."""

import torch
from torch import Tensor

from vrinr_cli.model.resample import BICUBIC, Axis, Kernel, kernel_matrix

BLOCK = 128
"""Target pixels per matrix: a block is dense, so blocks bound the zeros that are multiplied."""


class AxisResizer:
    """One axis of a resize, for all target pixels."""

    def __init__(self, axis: Axis, kernel: Kernel, device: torch.device) -> None:
        self.axis = axis
        positions = axis.positions(0, axis.target)
        self.is_identity = axis.source == axis.target and bool(
            (positions == torch.arange(axis.target, dtype=torch.float64)).all()
        )
        self.blocks = []
        for start in range(0, axis.target, BLOCK):
            matrix, low, high = kernel_matrix(axis, start, min(start + BLOCK, axis.target), kernel)
            self.blocks.append((matrix.to(device, torch.float32), low, high))

    def rows(self, plane: Tensor) -> Tensor:
        """(..., source, w) -> (..., target, w)."""
        if self.is_identity:
            return plane
        return torch.cat([torch.matmul(m, plane[..., low:high, :]) for m, low, high in self.blocks], dim=-2)

    def columns(self, plane: Tensor) -> Tensor:
        """(..., h, source) -> (..., h, target)."""
        if self.is_identity:
            return plane
        return torch.cat([torch.matmul(plane[..., low:high], m.T) for m, low, high in self.blocks], dim=-1)


class Resizer:
    """Both axes: planes (..., h, w) float32 -> (..., H, W). Beyond the border the outermost sample repeats."""

    def __init__(self, height: Axis, width: Axis, device: torch.device, kernel: Kernel = BICUBIC) -> None:
        self.height = AxisResizer(height, kernel, device)
        self.width = AxisResizer(width, kernel, device)

    def __call__(self, plane: Tensor) -> Tensor:
        """Resize; the shorter product first."""
        return self.height.rows(self.width.columns(plane))


def chroma_phase(site: float, step: int) -> float:
    """How far chroma sample 0 lies from the middle of its cell, in chroma samples (`site` in luma samples)."""
    return (site + 0.5) / step - 0.5


def chroma_axis(luma: Axis, source: int, target: int, step: int, site: float) -> Axis:
    """From a chroma plane to the chroma plane of the resized picture, both sited alike."""
    phase = chroma_phase(site, step)
    return Axis(source, target, luma.exact_scale, phase / luma.scale - phase)


def chroma_to_luma_axis(luma: Axis, source: int, step: int, site: float) -> Axis:
    """From a chroma plane to every luma position of the resized picture.

    Target luma X lies at u = (X + 0.5) / s - 0.5 in source luma samples, so at (u - site) / step in chroma
    samples, which is (X + 0.5) / (s step) - 0.5 - phase.
    """
    return Axis(source, luma.target, luma.exact_scale * step, -chroma_phase(site, step))
