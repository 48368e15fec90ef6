"""A level's table over the six-dimensional lattice: Eq. (3) to (7), for the paper's network.

Symbols: F_STT = [x, y, t, xi_1, xi_2, xi_3], the STT code; V_n, n = 1..64, the vertices of the cell that holds it; w_n
the adaptive weights; v^l what the level gives. n counts in binary over (x, y, t, xi_1, xi_2, xi_3), xi_3 changing
fastest, so that the eight texture corners of one (x, y, t) vertex lie side by side.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.table_read import block_entries, read_blocks, read_entries, read_plainly

DIMENSIONS = 6
PRIMES = (1, 2654435761, 805459861, 3674653429, 2097192037, 1434869437)
"""One factor per dimension x, y, t, xi_1, xi_2, xi_3; the first three from Müller et al. 2022 (Instant-NGP)."""
TEXTURE_CORNERS = 8


def corner_offsets(dimensions: int) -> Tensor:
    """All corners of a unit cube, (2^d, d) of 0 and 1, the last dimension changing fastest."""
    return torch.cartesian_prod(*[torch.arange(2)] * dimensions).reshape(-1, dimensions)


def multilinear_weights(inside: Tensor) -> Tensor:
    """Interpolation weights of a cell's corners: places inside it (N, d) in [0, 1] -> (N, 2^d), summing to 1."""
    weights = torch.ones_like(inside[:, :1])
    for axis in range(inside.shape[1]):
        along = torch.stack([1 - inside[:, axis], inside[:, axis]], dim=1)  # (N, 2)
        weights = (weights[:, :, None] * along[:, None]).flatten(1)
    return weights


class Lattice:
    """Where an STT code lies on one level's grid, and where each vertex lies in the table."""

    def __init__(self, config: ClipConfig, level: int) -> None:
        self.cells = config.cells(level)
        self.is_block = config.vertex_hash == "block" and config.key == "stt"
        self.entries = config.entries[level]
        hashed = 3 if self.is_block else config.key_dimensions
        self.rows = self.entries // TEXTURE_CORNERS if self.is_block else self.entries
        # one more vertex than cells + 1 on each axis: the upper vertex is floor + 1 everywhere (decision 14)
        self.vertices = tuple(cells + 2 for cells in self.cells[:hashed])
        self.is_dense = math.prod(self.vertices) <= self.rows

    def place(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """STT codes (N, 6) in [-1, 1] -> (lower vertex (N, 6) int64, place inside the cell (N, 6) in [0, 1]).

        A texture code of exactly 1, which tanh gives by rounding alone, belongs to the last cell.
        """
        cells = code.new_tensor(self.cells)
        scaled = (code + 1) / 2 * cells
        low = scaled.detach().floor()
        last = cells.clone()
        last[3:] -= 1
        low = torch.minimum(low.clamp_min(0), last)
        return low.long(), scaled - low

    def row(self, vertices: Tensor) -> Tensor:
        """Vertices (..., 3 or 6) int64 -> row of the table, Eq. (5): dense where the grid fits, else hashed."""
        return self.row_along(vertices.unbind(-1))

    def row_along(self, vertices: Sequence[Tensor]) -> Tensor:
        """The same of vertices axis by axis: 3 or 6 tensors of shapes that broadcast -> rows of their common shape."""
        row = vertices[0]
        if self.is_dense:
            for count, place in zip(self.vertices[1:], vertices[1:], strict=True):
                row = row * count + place
            return row
        for prime, place in zip(PRIMES[1:], vertices[1:], strict=False):
            row = row ^ (place * prime)
        # of a power of two the remainder is the low bits, and division takes ten times as long
        return row & (self.rows - 1) if self.rows & (self.rows - 1) == 0 else row % self.rows


class LatticeLevel(nn.Module):
    """One level: table, G_Hash and how both are read."""

    offsets: Tensor
    noise: torch.Generator | None = None
    """Draws, while learning, what the rounding of entries will do to them; None leaves them as they are."""
    is_plain = False
    """Whether the table is read by indexing alone: slower, and what the fast reads are compared with."""

    def __init__(self, config: ClipConfig, level: int) -> None:
        super().__init__()
        self.lattice = Lattice(config, level)
        self.features, self.kind, self.step = config.features, config.weights, config.table_step
        self.dimensions = config.key_dimensions
        self.table = nn.Parameter(torch.empty(config.entries[level], config.features))
        nn.init.uniform_(self.table, -config.table_init, config.table_init)
        keyed = 3 if self.lattice.is_block else self.dimensions
        self.register_buffer("offsets", corner_offsets(keyed), persistent=False)
        self.weigh = None
        if self.kind != "multilinear":
            last = nn.Linear(config.units, 1 << self.dimensions)
            if self.kind == "anchored":
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)
            self.weigh = nn.Sequential(nn.Linear(3 * DIMENSIONS, config.units), nn.ReLU(), last)

    def weights(self, code: Tensor, inside: Tensor) -> Tensor:
        """The weights of Eq. (6): codes and places inside their cells, (N, 6) each -> (N, vertices)."""
        if self.weigh is None:
            return multilinear_weights(inside[:, : self.dimensions])
        adaptive: Tensor = self.weigh(torch.cat([code, inside, 1 - inside], dim=1))
        if self.kind == "anchored":
            return multilinear_weights(inside[:, : self.dimensions]) * (1 + adaptive)
        return adaptive

    def rows(self, low: Tensor) -> Tensor:
        """Rows of the table that a cell's vertices lie in: lower vertices (N, 6) -> (N, 8), vertex-hashed (N, 64)."""
        key = low[:, : self.offsets.shape[1]]
        return self.lattice.row(key[:, None] + self.offsets)

    def forward(self, code: Tensor) -> Tensor:
        """v^l of Eq. (7): STT codes (N, 6) in [-1, 1] -> (N, D)."""
        low, inside = self.lattice.place(code)
        weights, rows = self.weights(code, inside), self.rows(low)
        if self.is_plain:
            value = read_plainly(self.table, block_entries(rows) if self.lattice.is_block else rows, weights)
        else:
            value = (read_blocks if self.lattice.is_block else read_entries)(self.table, rows, weights)
        return value + self._rounding(weights)

    def _rounding(self, weights: Tensor) -> Tensor | float:
        """What v^l moves by if every entry read is moved by a uniform half step, as rounding moves it."""
        if self.noise is None or not self.step:
            return 0.0
        shape = (*weights.shape, self.features)
        moved = (torch.rand(shape, generator=self.noise, device=weights.device) - 0.5) * self.step
        return torch.bmm(weights[:, None], moved.to(weights))[:, 0]
