"""A frame of the paper's network tile by tile: Eq. (17) as `ClipNetwork` has it, with nothing computed twice.

Pixels of a frame are no scattered queries, and four things follow, none of which changes the function:

- a patch and the first layer of G_T are a convolution of the blurred frame;
- the first layer of G_Hash is linear in x, y, t, their places inside the cell, and the texture code: all numbers but
  the code's three are known from column, row and frame, so eight inputs remain of eighteen;
- cells are known from column, row and frame as well: rows of the table are computed once for each vertex, and what
  lies in them is copied once to where it stays in the processor's cache, instead of 64 reads of the whole table for
  each pixel;
- hidden layers lie pixel by pixel, what comes in and goes out of them plane by plane: matrices as products take them.

`ClipNetwork.at_pixels` is the plain twin; tests/model/test_tiled_render.py holds the two together.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from vrinr_cli.model.attention import PointGate
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.lattice import LatticeLevel
from vrinr_cli.model.patches import PatchLevel
from vrinr_cli.model.texture import CODE_LENGTH, PatchCode

TILE_COLUMNS = 128
"""Widest tile."""
TILE_POINTS = 1 << 13
"""Pixels of a tile where nothing else decides. Smaller ones stay nearer to the processor, but torch hands a
convolution of one picture below 20,480 numbers to a slower kernel."""


def can_tile(config: ClipConfig) -> bool:
    """Whether cells are known without the texture code, and weights are G_Hash alone."""
    return config.weights == "printed" and config.texture_cells == 1


@dataclass(frozen=True, slots=True)
class Axis:
    """Pixels along x, y or t, and where they lie on one level's grid."""

    places: Tensor
    """In [-1, 1], (n,)."""
    low: Tensor
    """Lower vertex of the cell, (n,) int64."""
    inside: Tensor
    """Place inside the cell, (n,) in [0, 1)."""

    def part(self, first: int, count: int) -> "Axis":
        """Some of the pixels."""
        return Axis(*(one.narrow(0, first, count) for one in (self.places, self.low, self.inside)))

    @property
    def vertices(self) -> Tensor:
        """All vertices of the cells, from the first pixel's lower to the last one's upper."""
        return torch.arange(int(self.low[0]), int(self.low[-1]) + 2, device=self.low.device)


class Hidden:
    """Two linear layers with max(0, x) between them: from pixel by pixel or plane by plane to planes."""

    def __init__(self, layers: nn.Module) -> None:
        first, last = (layer for layer in layers.modules() if isinstance(layer, nn.Linear))
        self.first, self.first_bias = first.weight.detach().T.contiguous(), first.bias.detach()
        self.last, self.last_bias = last.weight.detach(), last.bias.detach()[:, None]

    def __call__(self, values: Tensor) -> Tensor:
        """(N, inputs) -> (outputs, N)."""
        units = torch.addmm(self.first_bias, values, self.first).relu_()  # (N, units)
        return torch.addmm(self.last_bias, self.last, units.T)


class LevelTiles:
    """One level of one frame."""

    def __init__(
        self, code: PatchCode, grid: LatticeLevel, patches: PatchLevel, axes: tuple[Tensor, Tensor, Tensor]
    ) -> None:
        """Lay out what the tiles share.

        Args:
            code: G_T.
            grid: table and G_Hash.
            patches: of this frame alone.
            axes: x of every column, y of every row, t of the frame; in [-1, 1].
        """
        self.patches, self.grid, self.lattice = patches, grid, grid.lattice
        self.code = CodePlanes(code, patches)
        self.x, self.y, self.t = (self._axis(number, places) for number, places in enumerate(axes))
        table = grid.table.detach()
        self.block = 8 if self.lattice.is_block else 1
        self.rows_of_table = table.view(-1, self.block * table.shape[1])
        self.features = table.shape[1]
        self._merge_first_layer()
        self._lay_out()

    def _axis(self, number: int, places: Tensor) -> Axis:
        code = places.new_zeros(len(places), 6)
        code[:, number] = places
        low, inside = self.lattice.place(code)
        return Axis(places, low[:, number].contiguous(), inside[:, number].contiguous())

    def _merge_first_layer(self) -> None:
        """G_Hash's first layer over (xi_1, xi_2, xi_3, x, x inside, y, y inside, 1) instead of its 18 inputs."""
        first, last = (layer for layer in self.grid.modules() if isinstance(layer, nn.Linear))
        weight, bias = first.weight.detach(), first.bias.detach()
        place, inside, rest = weight.split(6, dim=1)
        slope = inside - rest  # along each place inside the cell; 1 - inside also adds `rest` to the bias
        texture = place[:, 3:] + slope[:, 3:] / 2  # one cell: inside = (xi + 1) / 2
        constant = bias + rest.sum(dim=1) + slope[:, 3:].sum(dim=1) / 2
        constant = constant + place[:, 2] * self.t.places + slope[:, 2] * self.t.inside
        columns = [texture, place[:, 0:1], slope[:, 0:1], place[:, 1:2], slope[:, 1:2], constant[:, None]]
        self.first = torch.cat(columns, dim=1).T.contiguous()  # (8, units)
        self.last, self.last_bias = last.weight.detach().T, last.bias.detach()

    def read(self, corner: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """v^l of a tile, Eq. (2) to (7).

        Args:
            corner: its first row and column.
            size: its rows and columns, together N.

        Returns:
            (N, D), row by row.
        """
        y, x = self.y.part(corner[0], size[0]), self.x.part(corner[1], size[1])
        inputs = self._inputs(self.code.tile(corner, size), x, y)
        units = torch.mm(inputs.T, self.first).relu_()  # (N, units)
        weights = torch.addmm(self.last_bias, units, self.last)  # (N, vertices)
        entries, numbers = self._entries(x, y)
        starts = torch.arange(0, weights.numel(), weights.shape[1], dtype=torch.int32, device=weights.device)
        value: Tensor = functional.embedding_bag(
            numbers, entries, starts, per_sample_weights=weights.flatten(), mode="sum"
        )
        return value

    def _inputs(self, codes: Tensor, x: Axis, y: Axis) -> Tensor:
        """What the merged first layer reads, (8, N)."""
        inputs = codes.new_empty(CODE_LENGTH + 5, *codes.shape[1:])
        inputs[:CODE_LENGTH] = codes
        inputs[CODE_LENGTH] = x.places
        inputs[CODE_LENGTH + 1] = x.inside
        inputs[CODE_LENGTH + 2] = y.places[:, None]
        inputs[CODE_LENGTH + 3] = y.inside[:, None]
        inputs[CODE_LENGTH + 4] = 1.0
        return inputs.flatten(1)

    def _lay_out(self) -> None:
        """Rows of the table for all vertices of the frame, and where a cell's vertices lie from its lowest one."""
        device = self.x.low.device
        across, down, through = self.x.vertices, self.y.vertices, self.t.vertices
        along = [across[:, None], down[:, None, None], through]
        if not self.lattice.is_block and self.grid.dimensions > 3:
            two = torch.arange(2, device=device)
            along = [one[..., None, None, None] for one in along] + [two[:, None, None], two[:, None], two]
        rows = self.lattice.row_along(along)  # (down, across, through) and, of single vertices, (2, 2, 2)
        self.rows = rows.reshape(len(down), len(across), -1)
        self.own = 8 if self.grid.dimensions > 3 else 1  # entries of one vertex (x, y, t)
        self.pattern: tuple[Tensor, Tensor, Tensor] | None = None

    def _entries(self, x: Axis, y: Axis) -> tuple[Tensor, Tensor]:
        """The entries of all vertices of a tile's cells, (V, D), and which of them each pixel reads, flat int32."""
        left, right, top, bottom = (int(one) for one in (x.low[0], x.low[-1], y.low[0], y.low[-1]))
        first_column, first_row = int(self.x.low[0]), int(self.y.low[0])
        rows = self.rows[top - first_row : bottom - first_row + 2, left - first_column : right - first_column + 2]
        entries = self.rows_of_table.index_select(0, rows.flatten()).view(-1, self.features)
        return entries, self._numbers(x.low - left, y.low - top, right - left + 2)

    def _numbers(self, right: Tensor, below: Tensor, across: int) -> Tensor:
        """Which entries of a tile each of its pixels reads; kept, since most tiles of a frame have the same."""
        if self.pattern is not None:
            known_right, known_below, numbers = self.pattern
            if torch.equal(right, known_right) and torch.equal(below, known_below):
                return numbers
        steps = [n * self.own for n in (2, 2 * across, 1)]  # along x, y, t
        corners = torch.zeros(1, dtype=torch.int32, device=right.device)
        for step in steps:
            corners = (corners[:, None] + corners.new_tensor([0, step])).flatten()
        corners = (corners[:, None] + torch.arange(self.own, dtype=torch.int32, device=right.device)).flatten()
        columns = (right * steps[0]).int()[:, None] + corners  # (columns, vertices)
        numbers = ((below * steps[1]).int()[:, None, None] + columns).flatten()
        self.pattern = right, below, numbers
        return numbers


class CodePlanes:
    """Texture codes of a tile, Eq. (1) and (2): patches and G_T's first layer as one convolution."""

    def __init__(self, code: PatchCode, patches: PatchLevel) -> None:
        self.hidden, self.scale, self.patches = Hidden(code.layers), code.scale, patches
        side, channels = patches.side, 3
        units = self.hidden.first.shape[1]
        self.kernel = self.hidden.first.T.reshape(units, side, side, channels).permute(0, 3, 1, 2)
        self.picture = patches.picture()

    def tile(self, corner: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """T^l of a tile of so many rows and columns that begins at that row and column, (3, rows, columns)."""
        if self.scale == 0:
            return self.picture.new_zeros(CODE_LENGTH, *size)
        spacing, margin = self.patches.spacing_px, (self.patches.side - 1) * self.patches.spacing_px
        seen = self.picture[:, :, corner[0] :, corner[1] :][:, :, : size[0] + margin, : size[1] + margin]
        units = functional.conv2d(seen, self.kernel, self.hidden.first_bias, dilation=spacing).relu_()
        units = units.permute(0, 2, 3, 1).reshape(size[0] * size[1], -1)
        return torch.addmm(self.hidden.last_bias, self.hidden.last, units.T).mul_(self.scale).tanh_().view(-1, *size)


class FrameTiles:
    """One frame, ready to be rendered in tiles."""

    def __init__(
        self, levels: list[LevelTiles], gates: list[PointGate], color: nn.Module, *, size: tuple[int, int]
    ) -> None:
        """Put the parts together.

        Args:
            levels: finest first.
            gates: of every level but the coarsest, finest first; none without attention.
            color: the color decoder.
            size: (H, W).
        """
        self.levels, self.gates, self.color, self.size = levels, [Hidden(gate) for gate in gates], Hidden(color), size
        self.anchor = gates[0].anchor if len(gates) else 0.0

    def tile(self, corner: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """What the color decoder gives for so many rows and columns from a row and column on, (3, rows, columns)."""
        values = [level.read(corner, size) for level in self.levels]  # (N, D) each
        seen: Tensor = self.color(self._refined(values).T)
        return seen.view(-1, *size)

    def _refined(self, values: list[Tensor]) -> Tensor:
        """v^HR of Eq. (10), in planes (L D, N)."""
        features = values[0].shape[1]
        together = values[0].new_empty(len(values) * features, len(values[0]))
        planes = together.split(features)
        planes[-1].copy_(values[-1].T)
        for index in range(len(values) - 2, -1, -1):
            if self.gates:
                gate = self.gates[index](planes[index + 1].T).add_(self.anchor)
                torch.mul(values[index].T, gate, out=planes[index])
            else:
                planes[index].copy_(values[index].T)
        return together

    def render(self, picture: Tensor, points: int) -> None:
        """Fill a frame, (3, H, W), in tiles of at most so many pixels."""
        height, width = self.size
        columns = min(width, TILE_COLUMNS, points)
        rows = max(points // columns, 1)
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                size = min(rows, height - top), min(columns, width - left)
                picture[:, top : top + size[0], left : left + size[1]] = self.tile((top, left), size)
