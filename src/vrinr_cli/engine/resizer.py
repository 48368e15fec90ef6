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

    def rows(self, plane: Tensor, start: int, stop: int) -> Tensor:
        """Target rows [start, stop): (..., source, w) -> (..., stop - start, w)."""
        if self.is_identity:
            return plane[..., start:stop, :]
        first, last = start // BLOCK, -(-stop // BLOCK)
        parts = [torch.matmul(m, plane[..., low:high, :]) for m, low, high in self.blocks[first:last]]
        return torch.cat(parts, dim=-2)[..., start - first * BLOCK : stop - first * BLOCK, :]

    def columns(self, plane: Tensor, start: int, stop: int) -> Tensor:
        """Target columns [start, stop): (..., h, source) -> (..., h, stop - start)."""
        if self.is_identity:
            return plane[..., start:stop]
        first, last = start // BLOCK, -(-stop // BLOCK)
        parts = [torch.matmul(plane[..., low:high], m.T) for m, low, high in self.blocks[first:last]]
        return torch.cat(parts, dim=-1)[..., start - first * BLOCK : stop - first * BLOCK]


class Resizer:
    """Both axes: planes (..., h, w) float32 -> (..., H, W). Beyond the border the outermost sample repeats."""

    def __init__(self, height: Axis, width: Axis, device: torch.device, kernel: Kernel = BICUBIC) -> None:
        self.height = AxisResizer(height, kernel, device)
        self.width = AxisResizer(width, kernel, device)

    def __call__(
        self, plane: Tensor, rows: tuple[int, int] | None = None, columns: tuple[int, int] | None = None
    ) -> Tensor:
        """Resize, all of it or only target rows [start, stop) and columns [start, stop)."""
        rows = rows or (0, self.height.axis.target)
        columns = columns or (0, self.width.axis.target)
        return self.height.rows(self.width.columns(plane, *columns), *rows)


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
