"""Small frames for the engine: smooth noise in any format."""

from fractions import Fraction
from typing import Any

import numpy as np

from networks import noise
from vrinr_cli.engine.color import plane_range
from vrinr_cli.engine.engine import Geometry
from vrinr_cli.frame import ChromaSite, ColorSpec, Frame, Matrix, Plane, PlaneFormat, Range
from vrinr_cli.model.resample import enlarge

BT709 = ColorSpec(Matrix.BT709, Range.LIMITED)
RGB = ColorSpec(Matrix.RGB, Range.FULL)


def color(
    matrix: Matrix = Matrix.BT709, range_: Range = Range.LIMITED, site: ChromaSite = ChromaSite.LEFT
) -> ColorSpec:
    return ColorSpec(matrix, range_, chroma_site=site)


def samples(codes: Any, depth: int) -> Plane:
    """Codes as samples of a plane: one byte up to 8 bits, else two."""
    array = np.asarray(codes)
    return array.astype(np.uint8) if depth == 8 else array.astype(np.uint16)


def random_planes(kind: PlaneFormat, size: tuple[int, int], *, seed: int = 0) -> tuple[Plane, ...]:
    """Any code at any place."""
    numbers = np.random.default_rng(seed)
    shapes = [kind.plane_size(size, plane) for plane in range(kind.planes)]
    return tuple(samples(numbers.integers(0, 1 << kind.depth, shape), kind.depth) for shape in shapes)


def smooth_planes(kind: PlaneFormat, spec: ColorSpec, size: tuple[int, int], *, seed: int = 0) -> tuple[Plane, ...]:
    """Pictures with colors far from black and white, so that nothing is cut."""
    planes: list[Plane] = []
    for plane in range(kind.planes):
        height, width = kind.plane_size(size, plane)
        coarse = noise(-(-height // 3), -(-width // 3), seed=seed + plane)
        values = enlarge(coarse, (height, width)).numpy() * 0.3 + 0.35
        zero, span = plane_range(kind, spec, plane)
        codes = np.rint((values - (0.5 if zero > (1 << kind.depth) / 4 else 0)) * span + zero)
        planes.append(samples(codes, kind.depth))
    return tuple(planes)


def clip(geometry: Geometry, count: int, *, first: int = 0, seed: int = 0) -> list[Frame]:
    """Frames first .. first + count - 1; a frame depends on its number alone."""
    kind, spec, size = geometry.source_format, geometry.source_color, geometry.source_size
    return [
        Frame(
            index=index,
            planes=smooth_planes(kind, spec, size, seed=1000 * seed + 10 * index),
            format=kind,
            color=spec,
            pts=1001 * index + 7,
            duration=1001,
            time_base=Fraction(1, 30000),
        )
        for index in range(first, first + count)
    ]


def largest_difference(ours: list[Frame], theirs: list[Frame]) -> int:
    """In codes, over all planes; the frames must be the same ones."""
    assert [(f.index, f.pts, f.duration, f.time_base, f.size) for f in ours] == [
        (f.index, f.pts, f.duration, f.time_base, f.size) for f in theirs
    ]
    pairs = [p for a, b in zip(ours, theirs, strict=True) for p in zip(a.planes, b.planes, strict=True)]
    return max(int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max()) for a, b in pairs)
