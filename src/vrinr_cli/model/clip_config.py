"""Every choice of the paper's network as one named field. Pure data: torch is not needed to read it.

The paper leaves much open; docs/decisions/0014 says what was chosen, and docs/paper.md what each choice does.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

from vrinr_cli.errors import OptionError

Key = Literal["stt", "xyt"]
VertexHash = Literal["block", "vertex"]
Weights = Literal["printed", "anchored", "multilinear"]
Gates = Literal["printed", "anchored", "off"]
Output = Literal["direct", "residual"]

LARGEST_TABLE = 1 << 26
"""Entries of one level."""
MOST_CODED = 1 << 27
"""Numbers in all tables together where they are coded: a small file may ask for no more memory than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipConfig:
    """The shape of one network that is fitted to one clip. Levels are listed finest first."""

    size: tuple[int, int]
    """(H, W) of the HR frames that the grids are laid over."""
    frames: int
    """T, frames of the clip."""
    cells_per_px: tuple[float, ...] = (1.0, 0.75)
    """Cells of each level's grid per HR pixel along x and y."""
    entries: tuple[int, ...] = (1 << 20, 1 << 20)
    """Entries of each level's table; what the grid has beyond them is hashed."""
    features: int = 6
    """D, numbers in one entry."""
    key: Key = "stt"
    """What the tables are indexed by: "stt" the whole STT code, Eq. (3), whose cells have 64 vertices; "xyt" place and
    time alone, 8 vertices, so that the texture code acts through G_Hash only."""
    texture_cells: int = 1
    """Cells of each texture dimension."""
    vertex_hash: VertexHash = "block"
    """"block" hashes (x, y, t) and keeps the eight texture corners side by side, "vertex" hashes all six."""
    patch_sides: tuple[int, ...] = (3, 5)
    """Samples along a patch's side, Eq. (1)."""
    patch_spacing_px: tuple[int, ...] = (1, 2)
    """HR pixels from a sample to the next."""
    patch_blur_px: tuple[float, ...] = (1.0, 4.0)
    """Sigma of the Gaussian that the frame is blurred with before a level's patches are read; 0 is none."""
    code_scale: float = 0.05
    """c in xi = tanh(c G_T(P)), Eq. (2); 0 holds the texture code constant (the control)."""
    weights: Weights = "printed"
    """w of Eq. (6), (7): "printed" G_Hash, "anchored" multilinear (1 + G_Hash), "multilinear" without G_Hash."""
    gates: Gates = "printed"
    """w_att of Eq. (8): "printed" G_att, "anchored" 1 + G_att, or "off", which is 1."""
    output: Output = "direct"
    """"direct" gives the color itself, Eq. (11); "residual" what the resized frame lacks."""
    units: int = 64
    """Hidden units of every MLP."""
    table_init: float = 1e-4
    """Entries begin between -table_init and table_init."""
    table_step: float = 0.0
    """Entries are whole multiples of it in the file, coded by their entropy; 0 keeps them as float16."""

    def __post_init__(self) -> None:
        levels = len(self.cells_per_px)
        problems = []
        lists = (self.entries, self.patch_sides, self.patch_spacing_px, self.patch_blur_px)
        if not 1 <= levels <= 16 or any(len(values) != levels for values in lists):
            problems.append(f"{levels} levels with {[len(values) for values in lists]} values for them")
        if min(self.size) < 1 or max(self.size) > 1 << 15 or not 1 <= self.frames <= 1 << 20:
            problems.append(f"size {self.size}, frames {self.frames}")
        if any(not 0 < cells <= 8 for cells in self.cells_per_px):
            problems.append(f"cells_per_px {self.cells_per_px}")
        if any(not 8 <= n <= LARGEST_TABLE or n % 8 for n in self.entries):
            problems.append(f"entries {self.entries}")
        if not 1 <= self.features <= 64 or not 1 <= self.units <= 1024 or not 1 <= self.texture_cells <= 64:
            problems.append(f"features {self.features}, units {self.units}, texture_cells {self.texture_cells}")
        if self.vertex_hash == "block" and self.texture_cells != 1:
            problems.append(f"vertex_hash block with texture_cells {self.texture_cells}")
        if any(side < 1 or side > 15 or side % 2 == 0 for side in self.patch_sides):
            problems.append(f"patch_sides {self.patch_sides}")
        if any(not 1 <= n <= 64 for n in self.patch_spacing_px) or any(not 0 <= n <= 64 for n in self.patch_blur_px):
            problems.append(f"patch_spacing_px {self.patch_spacing_px}, patch_blur_px {self.patch_blur_px}")
        if not 0 <= self.code_scale <= 10 or not 0 <= self.table_init <= 1 or not 0 <= self.table_step <= 1:
            starts = f"table_init {self.table_init}, table_step {self.table_step}"
            problems.append(f"code_scale {self.code_scale}, {starts}")
        if self.table_step and sum(self.entries) * self.features > MOST_CODED:
            problems.append(f"{sum(self.entries) * self.features} coded numbers")
        kinds = (
            (self.key, ("stt", "xyt")),
            (self.vertex_hash, ("block", "vertex")),
            (self.weights, ("printed", "anchored", "multilinear")),
            (self.gates, ("printed", "anchored", "off")),
            (self.output, ("direct", "residual")),
        )
        problems += [f"{value!r} instead of {' or '.join(known)}" for value, known in kinds if value not in known]
        if problems:
            raise OptionError(f"no such network: {'; '.join(problems)}", hint="see ClipConfig")

    @property
    def context(self) -> int:
        """Frames on either side that one frame's result depends on: the clip lies in the tables instead."""
        return 0

    @property
    def key_dimensions(self) -> int:
        """Of the lattice: its cells have 2 to the power of this vertices."""
        return 6 if self.key == "stt" else 3

    @property
    def levels(self) -> int:
        """L."""
        return len(self.cells_per_px)

    def cells(self, level: int) -> tuple[int, int, int, int, int, int]:
        """Cells along x, y, t and the three texture dimensions."""
        height, width = self.size
        along_x, along_y = (max(round(n * self.cells_per_px[level]), 1) for n in (width, height))
        return (along_x, along_y, max(self.frames - 1, 1), *(self.texture_cells,) * 3)


def for_clip(size: tuple[int, int], frames: int, *, entries_per_px: float = 2.0) -> ClipConfig:
    """The configuration that suits a clip: tables grow with the number of its pixels.

    Args:
        size: (H, W) of the HR frames.
        frames: T.
        entries_per_px: entries of each level per HR pixel of the clip, rounded to a power of two.
    """
    entries = _power_of_two(size[0] * size[1] * frames * entries_per_px)
    return ClipConfig(size=size, frames=frames, entries=(entries, entries))


def dense_for_clip(
    size: tuple[int, int], frames: int, *, cells_per_px: tuple[float, ...], features: int, table_step: float
) -> ClipConfig:
    """Small tables without collisions, keyed by place and time, to be coded by their entropy."""
    levels = len(cells_per_px)
    shape = ClipConfig(
        size=size,
        frames=frames,
        cells_per_px=cells_per_px,
        entries=(8,) * levels,
        features=features,
        key="xyt",
        vertex_hash="vertex",
        patch_sides=(3,) * levels,
        patch_spacing_px=(2,) * levels,
        patch_blur_px=(4.0,) * levels,
        table_init=0.02,
        table_step=table_step,
    )
    vertices = (math.prod(n + 2 for n in shape.cells(level)[:3]) for level in range(levels))
    return replace(shape, entries=tuple(-(-count // 8) * 8 for count in vertices))


def with_constant_code(config: ClipConfig) -> ClipConfig:
    """The control: the same network, deaf to its input."""
    return replace(config, code_scale=0.0)


def _power_of_two(count: float) -> int:
    """The nearest power of two on a logarithmic scale, at least 8 and at most the largest table."""
    exponent = round(math.log2(max(count, 8)))
    return min(1 << exponent, LARGEST_TABLE)
