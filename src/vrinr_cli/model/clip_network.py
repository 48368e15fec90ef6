"""The paper's network, put together: for every query (x, y, t) a color, Eq. (1) to (11) and (17).

Symbols: r = (x, y, t) in [-1, 1] at pixel centres and frame times; P^l patches, T^l texture codes, v^l what level l
gives, w_att^l its attention, v^HR all levels together.
"""

from typing import cast

import torch
from torch import Tensor, nn

from vrinr_cli.model.attention import PointGate
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.lattice import LatticeLevel
from vrinr_cli.model.patches import PatchLevel, patch_levels
from vrinr_cli.model.texture import PatchCode
from vrinr_cli.model.tiled_render import TILE_POINTS, FrameTiles, LevelTiles, can_tile

POINTS = 2048
"""Scattered queries at once where nothing else decides: their rows of the tables stay in the processor's cache."""
MIDDLE_GRAY = 0.5
"""Added to the color decoder's output, so that it begins at the middle of its range."""


class ClipNetwork(nn.Module):
    """The network of one clip."""

    first = 0
    """Number, within the file that it was fitted to, of the clip's first frame."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = config
        levels, units = range(config.levels), config.units
        self.codes = nn.ModuleList(PatchCode(3 * config.patch_sides[n] ** 2, units, config.code_scale) for n in levels)
        self.grids = nn.ModuleList(LatticeLevel(config, n) for n in levels)
        gated = levels[:-1] if config.gates != "off" else []
        self.gates = nn.ModuleList(
            PointGate(config.features, units, anchored=config.gates == "anchored") for _ in gated
        )
        width = config.features * config.levels
        self.color = nn.Sequential(nn.Linear(width, units), nn.ReLU(), nn.Linear(units, 3))

    def levels(self, xyt: Tensor, patches: list[Tensor]) -> list[Tensor]:
        """v^l of every level before attention, Eq. (2) to (7), finest first, each (N, D)."""
        return [
            grid(torch.cat([xyt, code(patch)], dim=1))
            for code, grid, patch in zip(self.codes, self.grids, patches, strict=True)
        ]

    def refined(self, levels: list[Tensor]) -> Tensor:
        """v^HR of Eq. (10) after the attention of Eq. (8), (9): from coarse to fine, (N, L D)."""
        found = [levels[-1]]
        for index in range(len(levels) - 2, -1, -1):
            gated = self.gates[index](found[0]) * levels[index] if len(self.gates) else levels[index]
            found.insert(0, gated)
        return torch.cat(found, dim=1)

    def forward(self, xyt: Tensor, patches: list[Tensor]) -> Tensor:
        """Colors at queries.

        Args:
            xyt: (N, 3) in [-1, 1].
            patches: per level, finest first, (N, 3 side^2) in [-1, 1].

        Returns:
            RGB (N, 3), not clamped; with output "residual" what the resized frame lacks there.
        """
        color: Tensor = self.color(self.refined(self.levels(xyt, patches)))
        return color + MIDDLE_GRAY if self.config.output == "direct" else color

    def at_pixels(self, levels: list[PatchLevel], places: Tensor, pixels: "PixelGrid") -> Tensor:
        """Colors at pixels of resized frames.

        Args:
            levels: patches of these frames.
            places: frame within `levels`, row, column; (3, N) int64.
            pixels: where rows, columns and frames lie.
        """
        frame, row, column = places
        patches = [level.read(frame, row, column) for level in levels]
        color: Tensor = self(pixels.queries(places), patches)
        return color

    @torch.no_grad()
    def render(self, resized: Tensor, time: float, *, points: int | None = None) -> Tensor:
        """One frame, Eq. (17).

        Args:
            resized: the LR frame resized to the target, (3, H, W) in [0, 1].
            time: t in [-1, 1].
            points: queries at once; None: as suits the processor.

        Returns:
            RGB (3, H, W), not clamped.
        """
        levels = patch_levels(resized[None], self.config)
        pixels = PixelGrid((resized.shape[1], resized.shape[2]), resized.new_tensor([time]))
        # on a GPU convolutions may round their factors to 10 bits
        if can_tile(self.config) and resized.device.type == "cpu" and not any(grid.is_plain for grid in self.grids):
            picture = self._in_tiles(levels, pixels, points or TILE_POINTS)
        else:
            picture = self._query_by_query(levels, pixels, points or POINTS)
        return picture + resized if self.config.output == "residual" else picture

    def _query_by_query(self, levels: list[PatchLevel], pixels: "PixelGrid", points: int) -> Tensor:
        """Eq. (17) as it is printed: the plain twin of `_in_tiles`."""
        height, width = pixels.size
        numbers = torch.arange(height * width, device=pixels.rows.device)
        colors = [self.at_pixels(levels, pixels.places(part), pixels) for part in numbers.split(points)]
        return torch.cat(colors).T.reshape(3, height, width)

    def _in_tiles(self, levels: list[PatchLevel], pixels: "PixelGrid", points: int) -> Tensor:
        """The same where all queries are pixels of one frame."""
        axes = (pixels.columns, pixels.rows, pixels.times)
        codes, grids = cast(list[PatchCode], self.codes), cast(list[LatticeLevel], self.grids)
        tiles = [LevelTiles(*parts, axes) for parts in zip(codes, grids, levels, strict=True)]
        picture = pixels.rows.new_empty(3, *pixels.size)
        FrameTiles(tiles, cast(list[PointGate], self.gates), self.color, size=pixels.size).render(picture, points)
        return picture + MIDDLE_GRAY if self.config.output == "direct" else picture


class PixelGrid:
    """Where pixels and frames lie in [-1, 1]."""

    def __init__(self, size: tuple[int, int], times: Tensor) -> None:
        """Lay out a grid.

        Args:
            size: (H, W).
            times: t of each frame, (T,).
        """
        like = times
        self.rows, self.columns = (
            ((2 * torch.arange(n, dtype=torch.float64) + 1) / n - 1).to(like) for n in size
        )  # pixel centres
        self.times, self.size = times, size

    def places(self, numbers: Tensor) -> Tensor:
        """Pixel numbers (N,), counted row by row and frame by frame -> frame, row, column (3, N)."""
        height, width = len(self.rows), len(self.columns)
        row = numbers // width
        return torch.stack([row // height, row % height, numbers % width])

    def queries(self, places: Tensor) -> Tensor:
        """Frame, row, column (3, N) -> x, y, t (N, 3)."""
        frame, row, column = places
        return torch.stack([self.columns[column], self.rows[row], self.times[frame]], dim=1)


def frame_times(count: int, *, like: Tensor) -> Tensor:
    """T of each frame of a clip: -1 the first, 1 the last; (count,)."""
    return torch.linspace(-1, 1, count, dtype=torch.float64).to(like) if count > 1 else like.new_zeros(1)
