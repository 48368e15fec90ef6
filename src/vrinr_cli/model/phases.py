"""The continuous query of a whole picture at whole scales: the same function, by convolutions.

At a whole scale positions repeat from LR pixel to LR pixel, so each phase of the target reads its two rows and two
columns of neighbours with the same weights: a 2x2 convolution for each half of the phases per axis, the spread of the
code folded into it, then the color decoder for all phases at once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.model.query import Query
from vrinr_cli.model.resample import Axis


@dataclass(frozen=True, slots=True)
class _Part:
    """The phases in one half of the rows and one half of the columns."""

    corner: tuple[int, int]
    """First row and column that they read of a code padded by one."""
    shape: tuple[int, int]
    """(A, B), phases along each axis."""
    kernel: Tensor
    """(A B r, Z, 2, 2)."""
    bias: Tensor
    color: Tensor
    """(A B 3, A B r, 1, 1), zero between phases."""
    color_bias: Tensor

    def __call__(self, padded: Tensor) -> Tensor:
        """Code (N, Z, h + 2, w + 2) -> (N, A, B, 3, h, w)."""
        top, left = self.corner
        height, width = padded.shape[-2] - 2, padded.shape[-1] - 2
        seen = padded[..., top : top + height + 1, left : left + width + 1]
        hidden = functional.conv2d(seen, self.kernel, self.bias).relu_()
        colors: Tensor = functional.conv2d(hidden, self.color, self.color_bias)
        return colors.reshape(len(padded), *self.shape, 3, height, width)

    def to(self, dtype: torch.dtype) -> "_Part":
        """The same in another precision."""
        numbers = (self.kernel, self.bias, self.color, self.color_bias)
        return _Part(self.corner, self.shape, *(tensor.to(dtype) for tensor in numbers))


class Phases:
    """One query at one pair of whole scales."""

    def __init__(self, bands: list[list[_Part]]) -> None:
        self.bands = bands

    @classmethod
    def of(cls, query: Query, rows: int, columns: int) -> "Phases":
        """Fold a query's position functions into kernels; gradients reach its parameters through them.

        Args:
            query: in float32 or wider: positions do not fit in less.
            rows: target pixels per LR pixel along the vertical axis.
            columns: along the horizontal one.
        """
        with torch.autocast(query.bias.device.type, enabled=False):
            halves = _halves(query, columns)
            return cls([[_part(query, row, column) for column in halves] for row in _halves(query, rows)])

    def to(self, dtype: torch.dtype) -> "Phases":
        """The same in another precision."""
        return Phases([[part.to(dtype) for part in band] for band in self.bands])

    def __call__(self, code: Tensor) -> Tensor:
        """What `Query` gives for a whole picture: z, (N, Z, h, w) -> (N, 3, h rows, w columns)."""
        phases = self._of_rows(functional.pad(code, (1, 1, 1, 1), mode="replicate"))
        count, _, height, rows, width, columns = phases.shape
        return phases.reshape(count, 3, height * rows, width * columns)

    def picture(self, code: Tensor, *, at_once: int) -> Tensor:
        """The same in float32 or wider, some LR rows at a time, which bounds memory; without gradients.

        Args:
            code: z, (N, Z, h, w).
            at_once: LR rows.
        """
        count, _, height, width = code.shape
        padded = functional.pad(code, (1, 1, 1, 1), mode="replicate")
        picture: Tensor | None = None
        for top in range(0, height, at_once):
            stop = min(top + at_once, height)
            phases = self._of_rows(padded[..., top : stop + 2, :])
            rows, columns = phases.shape[3], phases.shape[5]
            if picture is None:
                kind = torch.promote_types(code.dtype, torch.float32)
                picture = torch.empty(count, 3, height, rows, width, columns, dtype=kind, device=code.device)
            picture[:, :, top:stop].copy_(phases)
        if picture is None:
            raise ValueError("a picture without rows")
        return picture.reshape(count, 3, height * picture.shape[3], width * picture.shape[5])

    def _of_rows(self, padded: Tensor) -> Tensor:
        """Some rows of a code padded by one: (N, Z, h + 2, w + 2) -> (N, 3, h, rows, w, columns), not contiguous."""
        phases = torch.cat([torch.cat([part(padded) for part in band], dim=2) for band in self.bands], dim=1)
        return phases.permute(0, 3, 4, 1, 5, 2)  # (N, A, B, 3, h, w) before


def _halves(query: Query, scale: int) -> list[tuple[int, Tensor]]:
    """The phases of one axis that lie before their LR pixel's centre, then those that do not.

    Returns:
        (first tap in an axis padded by one, weights (phases, 2 taps, K)); a half without phases is left out.
    """
    offsets = Axis(1, scale).positions(0, scale)  # of each phase to its own LR pixel, (scale,)
    halves = []
    for first, chosen in ((0, offsets[offsets < 0]), (1, offsets[offsets >= 0])):
        taps = [chosen + 1 - first, chosen - first]  # distances to both neighbours, in LR pixels
        weights = [(1 - d.abs()).to(query.bias)[:, None] * query.basis(d, float(scale)) for d in taps]
        halves.append((first, torch.stack(weights, dim=1)))
    return [(first, weights) for first, weights in halves if len(weights)]


def _part(query: Query, row: tuple[int, Tensor], column: tuple[int, Tensor]) -> _Part:
    (top, rows), (left, columns) = row, column
    k, phases = query.basis.count, len(rows) * len(columns)
    spread = query.spread.weight.reshape(k, k, query.units, -1)  # (K, K, r, Z)
    kernel = torch.einsum("ati,buj,ijrz->abrztu", rows, columns, spread).flatten(0, 2)
    same = torch.eye(phases, dtype=kernel.dtype, device=kernel.device)
    color = torch.einsum("pq,cr->pcqr", same, query.color.weight).reshape(phases * 3, -1, 1, 1)
    return _Part(
        (top, left),
        (len(rows), len(columns)),
        kernel.contiguous(memory_format=torch.channels_last),
        query.bias.repeat(phases),
        color,
        query.color.bias.repeat(phases),
    )
