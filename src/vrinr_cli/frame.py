"""Pictures without FFmpeg and without torch: sample planes, how they lie, and what their colors mean.

Code values of `Matrix`, `Primaries` and `Transfer` are those of ITU-T H.273 (tables 4, 3 and 2), which are
also FFmpeg's. Sizes are (height, width) in luma samples.
"""

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8] | NDArray[np.uint16]
"""One plane of samples, (rows, columns), uint8 up to 8 bits and uint16 (low bits) above."""


class Family(Enum):
    """What the planes hold, in their order."""

    GRAY = "gray"  # Y
    YUV = "yuv"  # Y, Cb, Cr
    RGB = "rgb"  # R, G, B


class Range(Enum):
    """Which code values black and white have: H.273 VideoFullRangeFlag."""

    LIMITED = "limited"  # luma 16..235, chroma 16..240, times 2^(depth - 8)
    FULL = "full"  # 0..2^depth - 1


class Matrix(IntEnum):
    """H.273 table 4: how R'G'B' and Y'CbCr relate."""

    RGB = 0
    BT709 = 1
    UNSPECIFIED = 2
    FCC = 4
    BT470BG = 5  # the numbers of BT.601
    SMPTE170M = 6  # BT.601
    SMPTE240M = 7
    YCGCO = 8
    BT2020_NCL = 9
    BT2020_CL = 10


class ChromaSite(Enum):
    """Where a chroma sample lies in its luma cell: (x, y) in luma samples from the cell's first sample."""

    LEFT = (0.0, 0.5)
    CENTER = (0.5, 0.5)
    TOP_LEFT = (0.0, 0.0)
    TOP = (0.5, 0.0)
    BOTTOM_LEFT = (0.0, 1.0)
    BOTTOM = (0.5, 1.0)


@dataclass(frozen=True, slots=True)
class PlaneFormat:
    """How samples lie in planes.

    `name` is FFmpeg's name of the planar format with the same content ("yuv420p10le", "gbrp", "gray16le");
    the planes themselves stand in the order of `family`, followed by alpha where there is one.
    """

    name: str
    family: Family
    depth: int
    """Bits a sample, 8 to 16."""
    log2_chroma_height: int = 0
    """How often the chroma height is halved: 1 for 4:2:0."""
    log2_chroma_width: int = 0
    """How often the chroma width is halved: 1 for 4:2:0 and 4:2:2, 2 for 4:1:1."""
    alpha: bool = False

    @property
    def planes(self) -> int:
        """Number of planes, alpha included."""
        return self.colors + self.alpha

    @property
    def colors(self) -> int:
        """Number of planes before alpha."""
        return 1 if self.family is Family.GRAY else 3

    def plane_size(self, size: tuple[int, int], plane: int) -> tuple[int, int]:
        """Rows and columns of one plane of a picture; chroma sizes are rounded up."""
        height, width = size
        if self.family is Family.YUV and plane in (1, 2):
            return (-(-height >> self.log2_chroma_height), -(-width >> self.log2_chroma_width))
        return (height, width)


@dataclass(frozen=True, slots=True)
class ColorSpec:
    """What the code values mean. `matrix` and `range` are never unspecified here: probe decides them."""

    matrix: Matrix
    range: Range
    primaries: int = 2
    """H.273 table 2; 2 is unspecified."""
    transfer: int = 2
    """H.273 table 3; 2 is unspecified."""
    chroma_site: ChromaSite = ChromaSite.LEFT
    guessed: frozenset[str] = field(default_factory=frozenset)
    """Which of "matrix" and "range" the source did not say."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture and its place in time. The planes are read-only for whoever receives it."""

    index: int
    """Number in the source, in display order, from 0."""
    planes: tuple[Plane, ...]
    format: PlaneFormat
    color: ColorSpec
    pts: int
    """Presentation time in units of `time_base`."""
    duration: int
    """Time on screen in units of `time_base`; 0 is unknown."""
    time_base: Fraction
    begins_scene: bool = False
    """Whether a cut lies before it: frames on either side of it are not to be mixed."""
    is_interlaced: bool = False
    """Whether its source flags it as two fields of different moments."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the first plane."""
        rows, columns = self.planes[0].shape
        return (rows, columns)
