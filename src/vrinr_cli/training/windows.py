"""Windows cut from pictures: which target pixels a window of LR pixels decides, and the network on such a window.

A window keeps its place in the whole picture, so that at any scale, whole or not, its pixels lie exactly where the
engine will put them. Target pixels whose bicubic base would need LR pixels outside the window are left out.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from vrinr_cli.model.network import VrInr
from vrinr_cli.model.resample import Axis, kernel_matrix, resize


@dataclass(frozen=True, slots=True)
class Span:
    """A window along one axis of a picture."""

    axis: Axis
    """Of the whole picture."""
    low: int
    """First LR pixel."""
    high: int
    """One past the last."""
    start: int
    """First target pixel."""
    stop: int
    """One past the last."""

    @property
    def source(self) -> slice:
        """LR pixels."""
        return slice(self.low, self.high)

    @property
    def target(self) -> slice:
        """Target pixels."""
        return slice(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a picture."""

    rows: Span
    columns: Span


def span_at(axis: Axis, low: int, side: int, support: int) -> Span:
    """The window of `side` LR pixels from `low` on, with the target pixels that it decides.

    All windows of one side on one axis have the same number of target pixels, and windows at the border reach it.

    Args:
        axis: of the whole picture.
        low: first LR pixel, 0 to axis.source - side.
        side: LR pixels, more than 2 support; or all of the axis.
        support: LR pixels that the base reads on each side of a position.
    """
    if side == axis.source:
        return Span(axis, 0, side, 0, axis.target)
    scale = axis.exact_scale
    length = math.floor((side - 2 * support + 1) * scale)
    if low == 0:
        start = 0
    elif low + side == axis.source:
        start = axis.target - length
    else:
        start = math.ceil((low + support - Fraction(1, 2)) * scale - Fraction(1, 2))
    return Span(axis, low, low + side, start, start + length)


def restore_windows(model: VrInr, source: Tensor, windows: tuple[Window, ...]) -> Tensor:
    """The network on windows of one picture size.

    Args:
        model: in any mode.
        source: LR, (B, T, 3, h, w) in [0, 1].
        windows: the place of each of the B clips; all of one size.

    Returns:
        (B, T, 3, H, W) at the windows' target pixels; not clamped.
    """
    height, width = windows[0].rows.axis, windows[0].columns.axis
    length = source.shape[1]
    features = model.trunk(source, model.scale_input(height, width)).flatten(0, 1)
    codes = model.code(features).split(length)  # B times (T, Z, h, w)
    gain = float(model.gain(height, width, None))
    parts = []
    for clip, code, window in zip(source, codes, windows, strict=True):
        rows, columns = (
            model.query.basis.blocks(span.axis, span.start, span.stop, span.low, span.high)
            for span in (window.rows, window.columns)
        )
        parts.append(_base(model, clip, window) + model.residual(code, rows, columns, gain))
    return torch.stack(parts)


def _base(model: VrInr, clip: Tensor, window: Window) -> Tensor:
    """The resized frame at a window's target pixels: (T, 3, h, w) -> (T, 3, H, W)."""
    matrices = []
    for span in (window.rows, window.columns):
        matrix, low, high = kernel_matrix(span.axis, span.start, span.stop, model.base)
        inside = matrix.new_zeros(matrix.shape[0], span.high - span.low)
        inside[:, low - span.low : high - span.low] = matrix
        matrices.append(inside.to(clip))
    return resize(clip, matrices[0], matrices[1])
