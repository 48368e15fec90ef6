"""The network at continuous coordinates: where between the LR pixels, at which scale, which color.

The hidden layer of the color decoder, Eq. (11), is linear in the LR code z and depends on the query's position
by functions of the offset along each axis:

    hidden(X, Y) = act( sum over the four nearest LR pixels (p, q), over i, j < K of
                        hat(x - p) hat(y - q) c_i(y - q) c_j(x - p) M_ij z(p, q)  +  b ),   x, y in LR pixels.

The hat blends the neighbours before the nonlinearity, so the color is continuous at every scale. The sum is
separable: one matrix per axis, whose entries depend on positions alone.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.resample import Axis

BLOCK = 64
"""Target pixels per matrix block along an axis: a block is dense, so small blocks multiply fewer zeros."""


class PositionBasis(nn.Module):
    """c_0 .. c_{K-1}: cosines of the offset, mixed by a small network of the scale."""

    def __init__(self, count: int, scales: tuple[float, float]) -> None:
        super().__init__()
        self.count = count
        self.scales = scales
        last = nn.Linear(16, count * count)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.mix = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), last)

    def forward(self, offset: Tensor, scale: float) -> Tensor:
        """Offsets in LR pixels in [-1, 1], any shape -> (..., K)."""
        weight = next(self.parameters())
        orders = torch.arange(self.count, device=weight.device, dtype=weight.dtype)
        angle = (offset.to(weight)[..., None] + 1) * (math.pi / 2) * orders
        low, high = self.scales
        inverse = weight.new_tensor([1 / min(max(scale, low), high)])
        mixed: Tensor = self.mix(inverse).reshape(self.count, self.count)
        cosines = torch.cos(angle)
        basis: Tensor = cosines + cosines @ mixed
        return basis

    def blocks(self, axis: Axis, start: int, stop: int, low: int, high: int) -> list["AxisBlock"]:
        """The axis matrix for target pixels [start, stop), in blocks.

        Args:
            axis: source and target length.
            start: first target pixel.
            stop: one past the last.
            low: first source pixel that is at hand.
            high: one past the last; must cover what [start, stop) reaches.
        """
        edges = [*range(start, stop, BLOCK), stop]
        return [self._block(axis, first, last, low, high) for first, last in pairwise(edges)]

    def _block(self, axis: Axis, start: int, stop: int, low: int, high: int) -> "AxisBlock":
        first, last = axis.reach(start, stop, 1)
        if first < low or last > high:
            raise ValueError(f"target [{start}, {stop}) reaches [{first}, {last}), only [{low}, {high}) is there")
        positions = axis.positions(start, stop)
        floor = positions.floor()
        weight = next(self.parameters())
        matrix = weight.new_zeros(stop - start, last - first, self.count)
        for tap in (0, 1):
            pixel = floor + tap
            offset = positions - pixel  # in (-1, 1)
            hat = (1 - offset.abs()).to(weight)
            basis: Tensor = self(offset, axis.scale)
            entry = hat[:, None] * basis  # (n, K)
            column = (pixel.clamp(0, axis.source - 1).long() - first).to(weight.device)
            chosen = column[:, None, None].expand(-1, 1, self.count)
            matrix = matrix.scatter_add(1, chosen, entry[:, None, :])
        return AxisBlock(matrix.flatten(1), first - low, last - low)


class AxisBlock:
    """Some target pixels of one axis: a matrix (n, (high - low) K) on source pixels [low, high) of a crop."""

    def __init__(self, matrix: Tensor, low: int, high: int) -> None:
        self.matrix = matrix
        self.low = low
        self.high = high


class Query(nn.Module):
    """Color residual at every target pixel of a tile, from the LR code z."""

    def __init__(self, code_length: int, config: ModelConfig) -> None:
        super().__init__()
        self.basis = PositionBasis(config.query_basis, config.scales)
        self.units = config.query_units
        spread = config.query_basis**2 * config.query_units
        self.spread = nn.Conv2d(code_length, spread, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.query_units))
        self.color = nn.Linear(config.query_units, 3)
        nn.init.zeros_(self.color.weight)
        nn.init.zeros_(self.color.bias)

    def forward(self, code: Tensor, rows: list[AxisBlock], columns: list[AxisBlock]) -> Tensor:
        """Query a tile.

        Args:
            code: z, (N, Z, h, w), the LR pixels that the blocks' numbers count from.
            rows: blocks of the vertical axis, H target pixels in all.
            columns: blocks of the horizontal axis, W target pixels in all.

        Returns:
            (N, 3, H, W), zero for a zero-initialised color decoder.
        """
        tiles = [self._row_block(code[:, :, block.low : block.high], block.matrix, columns) for block in rows]
        return torch.cat(tiles, dim=2) if len(tiles) > 1 else tiles[0]

    def _row_block(self, code: Tensor, matrix: Tensor, columns: list[AxisBlock]) -> Tensor:
        """Some target rows, (n, cells K) times the LR rows that they reach -> (N, 3, n, W)."""
        k, units = self.basis.count, self.units
        spread = self.spread(code)  # (N, K K r, h, w): K of rows, K of columns, r units
        count, _, height, width = spread.shape
        spread = spread.reshape(count, k, k, units, height, width).permute(0, 4, 1, 5, 2, 3)
        tall = _matmul(matrix, spread.reshape(count, height * k, width * k * units))  # (N, n, w K r)
        tall = tall.reshape(count, -1, width, k, units).permute(0, 2, 3, 1, 4)
        tall = tall.reshape(count, width, k, -1)  # (N, w, K, n r)
        colors = [
            self._decode(_matmul(block.matrix, tall[:, block.low : block.high].flatten(1, 2)), matrix.shape[0])
            for block in columns
        ]
        color = torch.cat(colors, dim=1) if len(colors) > 1 else colors[0]  # (N, W, n, 3)
        return color.permute(0, 3, 2, 1)

    def _decode(self, linear: Tensor, rows: int) -> Tensor:
        """Pre-activations (N, W, n r) -> residual colors (N, W, n, 3)."""
        bias = self.bias.to(linear.dtype).repeat(rows)  # as long as a line: short ones are slow to add
        hidden = linear.add_(bias).relu_().reshape(*linear.shape[:2], rows, self.units)
        color: Tensor = self.color(hidden)
        return color


def _matmul(matrix: Tensor, values: Tensor) -> Tensor:
    return torch.matmul(matrix.to(values.dtype), values)
