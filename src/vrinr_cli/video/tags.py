"""What a stream's tags say of color, shape and orientation, read off its first decoded frame."""

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import atan2, degrees
from typing import cast

import av
from av.sidedata.sidedata import SideData as AvSideData
from av.sidedata.sidedata import Type
from av.video.stream import VideoStream

from vrinr_cli.frame import ChromaSite, ColorSpec, Family, Matrix, PlaneFormat, Range

UNSPECIFIED = 2
"""H.273's code for primaries and transfer that are not said."""
HD_ROWS = 720
"""Rows from which on an untagged picture is taken as BT.709, not BT.601."""

_IDENTITY = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_SITE_OF_POSITION = {
    (1, 2): ChromaSite.LEFT,
    (2, 2): ChromaSite.CENTER,
    (1, 1): ChromaSite.TOP_LEFT,
    (2, 1): ChromaSite.TOP,
}
"""Matroska's ChromaSitingHorz and ChromaSitingVert; it has no word for the bottom places, which nobody uses."""


@dataclass(frozen=True, slots=True)
class SideData:
    """The side data of a frame that matters here."""

    display_matrix: tuple[int, ...] | None = None
    """Nine numbers as stored; None without one, or if it is the identity or junk."""
    mastering_display: tuple[Fraction, ...] | None = None
    content_light: tuple[int, int] | None = None
    has_dolby_vision: bool = False
    is_dolby_vision_alone: bool = False
    """Whether there is no other picture below Dolby Vision (profile 5): the samples are no Y'CbCr."""
    has_dynamic_hdr: bool = False
    """HDR10+ or HDR Vivid: metadata of each scene."""


def color_of(frame: av.VideoFrame, stream: VideoStream, kind: PlaneFormat) -> ColorSpec:
    """What the samples mean: the frame's tags, else the stream's, else a guess that `guessed` records.

    Matrix: RGB has none; untagged is BT.601 below 720 stored rows, else BT.709. Range: RGB and `yuvj` formats
    are full; untagged YUV is limited; untagged gray is full, as swscale has it, which clips nothing.
    """
    context = stream.codec_context
    primaries = _first_said(frame.color_primaries, context.color_primaries)
    transfer = _first_said(frame.color_trc, context.color_trc)
    if kind.family is Family.RGB:
        return ColorSpec(Matrix.RGB, Range.FULL, primaries, transfer)
    matrix = _matrix(_first_said(frame.colorspace, context.colorspace))
    span = _range(frame, stream)
    return ColorSpec(
        matrix=matrix or guessed_matrix(frame.height),
        range=span or (Range.FULL if kind.family is Family.GRAY else Range.LIMITED),
        primaries=primaries,
        transfer=transfer,
        chroma_site=chroma_site_of(stream),
        guessed=frozenset(name for name, said in (("matrix", matrix), ("range", span)) if said is None),
    )


def guessed_matrix(rows: int) -> Matrix:
    """What untagged YUV of so many rows is taken for, here and by common players."""
    return Matrix.SMPTE170M if rows < HD_ROWS else Matrix.BT709


def matrix_words(matrix: Matrix) -> str:
    """The matrix as people call it."""
    return {Matrix.SMPTE170M: "BT.601", Matrix.BT470BG: "BT.601", Matrix.BT709: "BT.709"}.get(matrix, matrix.name)


def guess_notes(color: ColorSpec) -> tuple[str, ...]:
    """A line for each thing that the source does not say of its colors."""
    told = {
        "matrix": f"color matrix is not tagged, taken as {matrix_words(color.matrix)}",
        "range": f"color range is not tagged, taken as {color.range.value}",
    }
    return tuple(words for name, words in told.items() if name in color.guessed)


def chroma_site_of(stream: VideoStream) -> ChromaSite:
    """Where chroma samples lie; LEFT if the stream does not say, or its codec has no place in Matroska.

    PyAV 18.1 does not expose the value. FFmpeg's Matroska muxer writes it into its header, so the header of
    an empty file with this stream is made in memory and read.
    """
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as echo:
            echo.add_stream_from_template(stream, opaque=True)
            echo.start_encoding()
            content = header.getvalue()
    except (av.FFmpegError, ValueError):
        return ChromaSite.LEFT
    return _SITE_OF_POSITION.get((_byte_element(content, 0x55B7), _byte_element(content, 0x55B8)), ChromaSite.LEFT)


def side_data_of(frame: av.VideoFrame) -> SideData:
    """The side data of a frame; of a frame whose side data PyAV cannot list (MV-HEVC) only a plain rotation."""
    try:
        listed = cast(Iterable[AvSideData], frame.side_data)
        found = {data.type: bytes(memoryview(data)) for data in listed}
    except ValueError:
        return SideData(display_matrix=_matrix_of_rotation(frame.rotation))
    return SideData(
        display_matrix=_display_matrix(found.get(Type.DISPLAYMATRIX)),
        mastering_display=_mastering_display(found.get(Type.MASTERING_DISPLAY_METADATA)),
        content_light=_content_light(found.get(Type.CONTENT_LIGHT_LEVEL)),
        has_dolby_vision=Type.DOVI_RPU_BUFFER in found or Type.DOVI_METADATA in found,
        is_dolby_vision_alone=_is_alone(found.get(Type.DOVI_METADATA)),
        has_dynamic_hdr=Type.DYNAMIC_HDR_PLUS in found or Type.DYNAMIC_HDR_VIVID in found,
    )


def rotation_of(matrix: tuple[int, ...] | None) -> int:
    """Quarter turns counter-clockwise of a display matrix, in degrees 0 to 270; mirroring is undone first."""
    if matrix is None:
        return 0
    first = -matrix[0] if _determinant(matrix) < 0 else matrix[0]
    return round(-degrees(atan2(matrix[1], first)) / 90) % 4 * 90


def sample_aspect_ratio_of(stream: VideoStream) -> Fraction | None:
    """Width : height of a sample, the container's word first; None if neither it nor the codec says."""
    ratio = stream.sample_aspect_ratio
    return ratio if ratio is not None and ratio > 0 else None


def _first_said(*codes: int) -> int:
    """The first H.273 code that is neither unspecified nor reserved."""
    return next((code for code in codes if code not in (0, UNSPECIFIED)), UNSPECIFIED)


def _matrix(code: int) -> Matrix | None:
    """The matrix of a code; None for those not said or not known here."""
    known = {matrix.value: matrix for matrix in Matrix if matrix is not Matrix.UNSPECIFIED}
    return known.get(code)


def _range(frame: av.VideoFrame, stream: VideoStream) -> Range | None:
    if frame.format.name.startswith("yuvj"):
        return Range.FULL
    codes = {1: Range.LIMITED, 2: Range.FULL}  # AVColorRange
    return codes.get(frame.color_range) or codes.get(stream.codec_context.color_range)


def _byte_element(content: bytes, identity: int) -> int:
    """Value of the first EBML element of this two-byte identity that holds one byte; 0 if there is none."""
    _, found, rest = content.partition(identity.to_bytes(2, "big") + b"\x81")
    return rest[0] if found else 0


def _display_matrix(content: bytes | None) -> tuple[int, ...] | None:
    if content is None:
        return None
    matrix = struct.unpack("=9i", content[:36])
    return matrix if matrix != _IDENTITY and _determinant(matrix) != 0 else None


def _determinant(matrix: tuple[int, ...]) -> int:
    return matrix[0] * matrix[4] - matrix[1] * matrix[3]


def _matrix_of_rotation(rotation: int) -> tuple[int, ...] | None:
    """The matrix that turns by quarters counter-clockwise; None for other angles, and for junk."""
    one = 1 << 16
    turns = {90: (0, -one, one, 0), 180: (-one, 0, 0, -one), 270: (0, one, -one, 0)}
    if rotation % 360 not in turns:
        return None
    a, b, c, d = turns[rotation % 360]
    return (a, b, 0, c, d, 0, 0, 0, 1 << 30)


def _mastering_display(content: bytes | None) -> tuple[Fraction, ...] | None:
    """Ten rationals and two flags of AVMasteringDisplayMetadata; None unless both flags are set."""
    if content is None or len(content) < 88:
        return None
    *numbers, has_primaries, has_luminance = struct.unpack("=22i", content[:88])
    if not (has_primaries and has_luminance) or 0 in numbers[1::2]:
        return None
    return tuple(Fraction(n, d) for n, d in zip(numbers[::2], numbers[1::2], strict=True))


def _is_alone(content: bytes | None) -> bool:
    """Whether AVDOVIMetadata is of profile 5: that alone has a VDR profile of 0 and samples of full range.

    Its first member says where AVDOVIRpuDataHeader begins, which holds the two in its bytes 4 and 10.
    """
    if content is None or len(content) < 8:
        return False
    (place,) = struct.unpack("=Q", content[:8])
    header = content[place : place + 11]
    return len(header) == 11 and header[4] == 0 and header[10] == 1


def _content_light(content: bytes | None) -> tuple[int, int] | None:
    if content is None:
        return None
    most, average = struct.unpack("=2I", content[:8])
    return (most, average)
