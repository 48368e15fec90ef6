"""Numbered pictures as planes of samples: what every synthetic clip shows."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vrinr_cli.frame import ColorSpec, Family, Matrix, Plane, PlaneFormat, Range

NUMBER_BITS = 10
"""A picture's number stands in its top quarter, one block a bit, lowest bit first."""

_LUMA_WEIGHTS = {  # Kr, Kb of H.273 table 4
    Matrix.BT709: (Fraction("0.2126"), Fraction("0.0722")),
    Matrix.BT470BG: (Fraction("0.299"), Fraction("0.114")),
    Matrix.SMPTE170M: (Fraction("0.299"), Fraction("0.114")),
    Matrix.BT2020_NCL: (Fraction("0.2627"), Fraction("0.0593")),
}

BARS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))
"""R'G'B' of the eight bars, to be taken times 0.75; from the left."""


def numbered(index: int, kind: PlaneFormat, size: tuple[int, int]) -> tuple[Plane, ...]:
    """Planes of a moving texture that shows its own number; all depths use their low bits.

    Args:
        index: number of the picture, below 1024.
        kind: format of the planes.
        size: (height, width).
    """
    return tuple(
        _codes(_texture(index, plane, kind.plane_size(size, plane), is_marked=_is_marked(kind, plane)), kind)
        for plane in range(kind.planes)
    )


def number_in(plane: Plane, *, depth: int = 8) -> int:
    """The number that the first plane of a picture shows, at any size."""
    height, width = plane.shape
    row = plane[height // 8]
    bits = [int(row[(2 * bit + 1) * width // (2 * NUMBER_BITS)]) >> (depth - 1) for bit in range(NUMBER_BITS)]
    return sum(value << bit for bit, value in enumerate(bits))


def bars(kind: PlaneFormat, color: ColorSpec, size: tuple[int, int]) -> tuple[Plane, ...]:
    """75 % color bars as exact code values (H.273 equations, rounded); the last bar is black."""
    codes = [bar_codes(bar, kind, color) for bar in BARS]
    return tuple(_bar_plane([c[plane] for c in codes], kind, size, plane) for plane in range(kind.planes))


def bar_codes(bar: tuple[int, int, int], kind: PlaneFormat, color: ColorSpec) -> tuple[int, ...]:
    """Code values of one bar, in exact arithmetic: H.273, equations of clause 8.3."""
    red, green, blue = (Fraction(3, 4) * part for part in bar)
    if kind.family is Family.RGB:
        return tuple(round(part * ((1 << kind.depth) - 1)) for part in (red, green, blue))
    weight_red, weight_blue = _LUMA_WEIGHTS[color.matrix]
    luma = weight_red * red + (1 - weight_red - weight_blue) * green + weight_blue * blue
    chroma = ((blue - luma) / (2 - 2 * weight_blue), (red - luma) / (2 - 2 * weight_red))
    return tuple(
        _code(part, plane > 0, kind.depth, color.range) for plane, part in enumerate((luma, *chroma)[: kind.planes])
    )


def _code(part: Fraction, is_chroma: bool, depth: int, span: Range) -> int:
    steps = 1 << (depth - 8)
    if span is Range.FULL:
        top = (1 << depth) - 1
        return min(round(part * top + (1 << (depth - 1)) * is_chroma), top)
    return round((224 * part + 128 if is_chroma else 219 * part + 16) * steps)


def _bar_plane(codes: list[int], kind: PlaneFormat, size: tuple[int, int], plane: int) -> Plane:
    rows, columns = kind.plane_size(size, plane)
    bar_of_column = np.arange(columns) * len(BARS) // columns
    return np.tile(np.array(codes, _dtype(kind))[bar_of_column], (rows, 1))


def _is_marked(kind: PlaneFormat, plane: int) -> bool:
    return plane == 0 or kind.family is Family.RGB


def _texture(index: int, plane: int, size: tuple[int, int], *, is_marked: bool) -> NDArray[np.float64]:
    """Values in [0, 1] that move with the index: waves, a sharp bar and fine grain."""
    rows, columns = np.indices(size, dtype=np.float64)
    waves = np.sin(rows / (5 + plane) + index / 3) * np.cos(columns / (7 - plane) - index / 4)
    grain = np.random.default_rng((index, plane)).random(size)
    values: NDArray[np.float64] = 0.5 + 0.3 * waves + 0.06 * (grain - 0.5)
    if is_marked:
        values[:, (index * 3) % size[1]] = 0.95
        _mark(values, index)
    return values


def _mark(values: NDArray[np.float64], index: int) -> None:
    height, width = values.shape
    for bit in range(NUMBER_BITS):
        left, right = bit * width // NUMBER_BITS, (bit + 1) * width // NUMBER_BITS
        values[: max(height // 4, 1), left:right] = 0.9 if index >> bit & 1 else 0.1


def _codes(values: NDArray[np.float64], kind: PlaneFormat) -> Plane:
    """Samples within the limited range, so that any tagging of the clip is right."""
    low, span = 16 << (kind.depth - 8), 219 << (kind.depth - 8)
    return (low + values * span).round().astype(_dtype(kind))


def _dtype(kind: PlaneFormat) -> Any:
    return np.uint8 if kind.depth == 8 else np.uint16
