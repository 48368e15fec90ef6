"""YUV4MPEG2, "y4m": a line that says what the pictures are, then each picture as a line FRAME and its planes.

Read and written here and not by FFmpeg, whose demuxer takes a picture that is cut for the end of the stream, and which
PyAV cannot be asked where the chroma samples lie (docs/decisions/0029). The format is that of mjpegtools'
yuv4mpeg(5), with FFmpeg's names for more than 8 bits and its XCOLORRANGE.
"""

import re
import sys
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vrinr_cli.errors import InputError, printable
from vrinr_cli.frame import ChromaSite, Family, Frame, Plane, PlaneFormat, Range
from vrinr_cli.video.limits import LARGEST_PICTURE, more_pixels
from vrinr_cli.video.pipes import PipeInput, PipeOutput
from vrinr_cli.video.pixels import plane_format

MAGIC = b"YUV4MPEG2 "
_LONGEST_LINE = 4096
"""Bytes of a header; known programs write less than 200."""
SITES = {
    "420jpeg": ChromaSite.CENTER,
    "420": ChromaSite.CENTER,
    "420mpeg2": ChromaSite.LEFT,
    "420paldv": ChromaSite.TOP_LEFT,
}
"""Names of 4:2:0 with 8 bits, by where its chroma lies."""
_PLAIN = {"422": "yuv422p", "444": "yuv444p", "411": "yuv411p", "mono": "gray"}
_DEEP = re.compile(r"(420|422|444)p(9|10|12|14|16)|mono(9|10|12|14|16)")
_RANGES = {"FULL": Range.FULL, "LIMITED": Range.LIMITED}
_RATES = (Fraction(1, 1000), Fraction(100_000))
"""Least and most pictures a second that are believed."""


@dataclass(frozen=True, slots=True)
class Y4mHeader:
    """What a stream's first line says."""

    size: tuple[int, int]
    """(height, width)."""
    format: PlaneFormat
    rate: Fraction
    """Pictures a second."""
    sample_aspect_ratio: Fraction | None = None
    chroma_site: ChromaSite = ChromaSite.LEFT
    range: Range | None = None
    """None where it does not say."""
    is_interlaced: bool = False

    def words(self) -> str:
        """The line, without its end."""
        height, width = self.size
        shape = self.sample_aspect_ratio or Fraction(0)
        parts = [
            f"YUV4MPEG2 W{width} H{height} F{self.rate.numerator}:{self.rate.denominator} Ip",
            f"A{shape.numerator}:{shape.denominator if shape else 0}",
            _color_words(self.format, self.chroma_site),
        ]
        if self.range is not None:
            parts.append(f"XCOLORRANGE={self.range.name}")
        return " ".join(parts)


def holds(kind: PlaneFormat) -> bool:
    """Whether y4m has a name for such planes."""
    halvings = (kind.log2_chroma_height, kind.log2_chroma_width)
    if kind.family is Family.YUV:
        return halvings in {(1, 1), (0, 1), (0, 0)} or (halvings == (0, 2) and kind.depth == 8)
    return kind.family is Family.GRAY


def read_header(pipe: PipeInput, most_pixels: int = LARGEST_PICTURE) -> Y4mHeader:
    """The first line.

    Args:
        pipe: the bytes.
        most_pixels: that a picture may have.

    Raises:
        InputError: it is not a y4m header, or claims what cannot be.
    """
    line = pipe.read_line(_LONGEST_LINE)
    words = line.decode("ascii", errors="replace").split(" ")
    if words[0] != MAGIC.decode().strip() or len(line) == _LONGEST_LINE:
        raise _bad("the header is not a y4m header")
    said = {word[0]: word[1:] for word in words[1:] if word and word[0] != "X"}
    extra = dict(word[1:].split("=", 1) for word in words[1:] if word.startswith("X") and "=" in word)
    color = said.get("C", "420jpeg")
    return Y4mHeader(
        size=_size(said.get("H", ""), said.get("W", ""), most_pixels),
        format=_format(color),
        rate=_rate(said.get("F", "")),
        sample_aspect_ratio=_ratio(said.get("A", "")) or None,
        chroma_site=SITES.get(color, ChromaSite.LEFT),
        range=_RANGES.get(extra.get("COLORRANGE", "")),
        is_interlaced=said.get("I", "p")[:1] in {"t", "b", "m"},
    )


def read_pictures(pipe: PipeInput, header: Y4mHeader) -> Generator[tuple[Plane, ...]]:
    """The planes of each picture, in own arrays.

    Raises:
        InputError: a picture is cut, or something else stands where one should begin; says which.
    """
    number = 0
    while line := pipe.read_line(_LONGEST_LINE):
        if line != b"FRAME" and not line.startswith(b"FRAME "):
            cause = "is cut" if b"FRAME".startswith(line) and pipe.has_ended else "does not begin with FRAME"
            raise _damaged(number, cause)
        yield _planes(pipe, header, number)
        number += 1
    if not pipe.has_ended:  # an empty line
        raise _damaged(number, "does not begin with FRAME")


class Y4mWriter:
    """Frames to a pipe as y4m. The header goes out with the first of them."""

    def __init__(self, pipe: PipeOutput, header: Y4mHeader) -> None:
        """Nothing is written yet."""
        self._pipe, self._header = pipe, header
        self._has_begun = False

    def write(self, frame: Frame) -> None:
        """Write the next frame; its time is not told.

        Raises:
            BrokenPipeError: nobody reads it.
            OSError: the system's.
        """
        if not self._has_begun:
            self._pipe.write(self._header.words().encode() + b"\n")
            self._has_begun = True
        self._pipe.write(b"FRAME\n")
        kind = _sample(frame.format)
        for plane in frame.planes:
            self._pipe.write(np.ascontiguousarray(plane, kind).data.cast("B"))

    def close(self) -> None:
        """Nothing ends a y4m stream but its end."""


def _planes(pipe: PipeInput, header: Y4mHeader, number: int) -> tuple[Plane, ...]:
    kind = header.format
    planes: list[Plane] = []
    for place in range(kind.planes):
        stored = np.empty(kind.plane_size(header.size, place), _sample(kind))
        if pipe.read_into(stored.data.cast("B")) < stored.nbytes:
            raise _damaged(number, "is cut")
        planes.append(stored if sys.byteorder == "little" else stored.astype(stored.dtype.newbyteorder("=")))
    return tuple(planes)


def _sample(kind: PlaneFormat) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    """Bytes, or two for more than 8 bits, the low one first."""
    return np.dtype(np.uint8) if kind.depth == 8 else np.dtype("<u2")


def _color_words(kind: PlaneFormat, site: ChromaSite) -> str:
    if kind.family is Family.GRAY:
        return "Cmono" if kind.depth == 8 else f"Cmono{kind.depth}"
    digits = {(1, 1): "420", (0, 1): "422", (0, 0): "444", (0, 2): "411"}[
        kind.log2_chroma_height, kind.log2_chroma_width
    ]
    if kind.depth > 8:
        return f"C{digits}p{kind.depth} XYSCSS={digits}P{kind.depth}"
    if digits != "420":
        return f"C{digits} XYSCSS={digits}"
    name = next((name for name, known in SITES.items() if known is site), "420mpeg2")
    return f"C{name} XYSCSS={name.upper()}"


def _size(height: str, width: str, most_pixels: int) -> tuple[int, int]:
    if not all(re.fullmatch(r"[1-9]\d{0,8}", side) for side in (height, width)):
        raise _bad("the header has no size")
    rows, columns = int(height), int(width)
    if rows * columns > most_pixels:
        raise InputError(
            f"stdin: its picture is {columns}x{rows}, too large to be read",
            hint=more_pixels((rows, columns), most_pixels),
        )
    return rows, columns


def _format(color: str) -> PlaneFormat:
    if color in SITES:
        return plane_format("yuv420p")
    if color in _PLAIN:
        return plane_format(_PLAIN[color])
    found = _DEEP.fullmatch(color)
    if found is None:
        raise InputError(
            f"stdin: y4m pictures of kind C{printable(color[:40])} are not read",
            hint="convert on the way: ffmpeg ... -pix_fmt yuv420p -f yuv4mpegpipe -",
        )
    digits, depth, gray_depth = found.groups()
    return plane_format(f"gray{gray_depth}le" if gray_depth else f"yuv{digits}p{depth}le")


def _rate(text: str) -> Fraction:
    rate = _ratio(text)
    if rate is None or not _RATES[0] <= rate <= _RATES[1]:
        raise _bad(f"the header's rate is {printable(text[:40]) or 'missing'}")
    return rate


def _ratio(text: str) -> Fraction | None:
    """Two numbers with a colon between; None where they are none, or one of them is 0."""
    found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text)
    return Fraction(int(found[1]), int(found[2])) if found and int(found[1]) and int(found[2]) else None


def _bad(cause: str) -> InputError:
    return InputError(
        f"stdin: {cause}", hint="see that the program before vrinr writes y4m: ffmpeg ... -f yuv4mpegpipe -"
    )


def _damaged(number: int, cause: str) -> InputError:
    return InputError(
        f"stdin: frame {number} {cause}",
        hint="see what the program before vrinr says, or take what came before with --skip-damaged",
    )
