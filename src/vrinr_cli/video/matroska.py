"""What FFmpeg's Matroska muxer leaves out when packets are copied, put into the finished file.

PyAV cannot set a stream's own sample aspect ratio and rate, which that muxer asks for. Of the codecs we write
only H.264 and HEVC also tell the shape of samples themselves. So the video's track gets its DisplayWidth,
DisplayHeight and DefaultDuration here; room for them is taken from the Void behind the SeekHead, and nothing
behind the tracks moves.

Element numbers are those of RFC 9559; sizes and numbers are coded as in RFC 8794 (EBML).
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

_SEGMENT = 0x18538067
_SEEK_HEAD = 0x114D9B74
_SEEK = 0x4DBB
_SEEK_ID = 0x53AB
_SEEK_POSITION = 0x53AC
_VOID = 0xEC
_CRC = 0xBF
_INFO = 0x1549A966
_TRACKS = 0x1654AE6B
_TRACK_ENTRY = 0xAE
_TRACK_TYPE = 0x83
_VIDEO_TYPE = 1
_DEFAULT_DURATION = 0x23E383
_VIDEO = 0xE0
_DISPLAY_WIDTH = 0x54B0
_DISPLAY_HEIGHT = 0x54BA
_DISPLAY_UNIT = 0x54B2
_ASPECT_RATIO = 3
"""DisplayUnit of a width and height that only tell their ratio; 0 is samples."""
_HEAD_BYTES = 1 << 22
"""Most bytes up to the end of the tracks; codec headers are all they hold."""
_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class _Element:
    """One element of a file: where it is and what it holds."""

    number: int
    content: bytes
    start: int
    """Place of its first byte, in what was parsed."""
    size_bytes: int
    """Length of its size, which may be longer than need be and is kept."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a player should know of the video."""

    size: tuple[int, int]
    """(height, width) in samples."""
    sample_aspect_ratio: Fraction | None
    """None leaves it untold."""
    rate: Fraction | None
    """Frames a second; None if it is variable."""


def complete_video_track(path: Path, shape: Shape, *, number: int = 0) -> None:
    """Writes shape and rate into a video track of a Matroska or WebM file that FFmpeg has written.

    Args:
        path: the file.
        shape: what to tell.
        number: which of the video tracks, from 0.

    Raises:
        ValueError: the file is not laid out as FFmpeg does; it is left as it was.
        OSError: the disk fails.
    """
    with path.open("r+b") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        file.write(completed_head(head, shape, number=number))


def completed_head(head: bytes, shape: Shape, *, number: int = 0) -> bytes:
    """The beginning of a file with shape and rate in one of its video tracks, as long as before.

    Args:
        head: the file's bytes from its first to at least the last one of its tracks.
        shape: what to tell.
        number: which of the video tracks, from 0.

    Raises:
        ValueError: the elements are not SeekHead, Void, Info, Tracks, or there is no room.
    """
    first = _segment_start(head)
    seeks, void, info, tracks = _four_elements(head, first)
    longer = _with_crc(tracks, _completed_tracks(tracks.content, shape, number))
    end = tracks.start + len(_again(tracks, tracks.content))
    growth = len(longer) - (end - tracks.start)
    room = info.start - void.start - growth
    if room < 2:
        raise ValueError(f"{info.start - void.start} bytes of room for {growth} more")
    moved = {_INFO: info.start - first - growth, _TRACKS: tracks.start - first - growth}
    begin = head[: seeks.start] + _moved_seeks(seeks, moved)
    made = begin + _void(room) + head[info.start : tracks.start] + longer + head[end:]
    if len(made) != len(head):
        raise ValueError(f"{len(made)} bytes in place of {len(head)}")
    return made


def _segment_start(head: bytes) -> int:
    """Place of the segment's first child."""
    for element in _children(head):
        if element.number == _SEGMENT:
            return len(head) - len(element.content)
    raise ValueError("no segment")


def _four_elements(head: bytes, first: int) -> tuple[_Element, _Element, _Element, _Element]:
    found = []
    for element in _children(head, first):
        found.append(element)
        if len(found) == 4:
            break
    if [element.number for element in found] != [_SEEK_HEAD, _VOID, _INFO, _TRACKS]:
        raise ValueError("elements stand in another order")
    return found[0], found[1], found[2], found[3]


def _completed_tracks(content: bytes, shape: Shape, number: int) -> bytes:
    """The content of Tracks, without its checksum."""
    made = b""
    videos = 0
    for element in _children(content):
        if element.number == _CRC:
            continue
        inner = element.content
        if element.number == _TRACK_ENTRY and _is_video(inner):
            inner = _completed_entry(inner, shape) if videos == number else inner
            videos += 1
        made += _again(element, inner)
    return made


def _is_video(entry: bytes) -> bool:
    types = [element.content for element in _children(entry) if element.number == _TRACK_TYPE]
    return bool(types) and int.from_bytes(types[0]) == _VIDEO_TYPE


def _completed_entry(entry: bytes, shape: Shape) -> bytes:
    made = b""
    for element in _children(entry):
        if element.number == _DEFAULT_DURATION and shape.rate is not None:
            continue
        inner = element.content
        if element.number == _VIDEO:
            inner = _completed_video(inner, shape)
            if shape.rate is not None:
                made += _number(_DEFAULT_DURATION, round(_NANOSECONDS / shape.rate))
        made += _again(element, inner)
    return made


def _completed_video(video: bytes, shape: Shape) -> bytes:
    if shape.sample_aspect_ratio is None:
        return video
    kept = [e for e in _children(video) if e.number not in (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)]
    height, width = shape.size
    shown = shape.sample_aspect_ratio * width
    if shown.denominator == 1:
        display = _number(_DISPLAY_WIDTH, shown.numerator) + _number(_DISPLAY_HEIGHT, height)
    else:
        ratio = shown / height
        display = _number(_DISPLAY_WIDTH, ratio.numerator) + _number(_DISPLAY_HEIGHT, ratio.denominator)
        display += _number(_DISPLAY_UNIT, _ASPECT_RATIO)
    return b"".join(_again(element, element.content) for element in kept) + display


def _moved_seeks(seeks: _Element, moved: dict[int, int]) -> bytes:
    """The SeekHead with new places of some elements, as long as before."""
    made = b""
    for element in _children(seeks.content):
        if element.number == _SEEK:
            made += _again(element, _moved_seek(element.content, moved))
    return _with_crc(seeks, made)


def _moved_seek(seek: bytes, moved: dict[int, int]) -> bytes:
    fields = {element.number: element.content for element in _children(seek)}
    target = int.from_bytes(fields[_SEEK_ID])
    place = fields[_SEEK_POSITION]
    if target in moved:
        place = moved[target].to_bytes(len(place))
    return _element(_SEEK_ID, fields[_SEEK_ID]) + _element(_SEEK_POSITION, place)


def _children(content: bytes, start: int = 0) -> Iterator[_Element]:
    """The elements in a row of bytes; the last one may be cut."""
    place = start
    while place < len(content):
        number, after_number = _coded(content, place, keep_marker=True)
        size, after_size = _coded(content, after_number, keep_marker=False)
        yield _Element(number, content[after_size : after_size + size], place, after_size - after_number)
        place = after_size + size


def _coded(content: bytes, place: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length, and the place behind it."""
    if place >= len(content) or not content[place]:
        raise ValueError("no element")
    length = 9 - content[place].bit_length()
    value = int.from_bytes(content[place : place + length])
    if not keep_marker:
        value &= (1 << 7 * length) - 1
    return value, place + length


def _again(element: _Element, content: bytes) -> bytes:
    """An element with other content, its size no shorter than before."""
    return _element(element.number, content, size_bytes=element.size_bytes)


def _element(number: int, content: bytes, *, size_bytes: int = 1) -> bytes:
    """An element whose size takes `size_bytes` or, if it must, more."""
    coded = number.to_bytes((number.bit_length() + 7) // 8)
    length = next(n for n in range(size_bytes, 9) if len(content) < (1 << 7 * n) - 1)
    return coded + (len(content) | 1 << 7 * length).to_bytes(length) + content


def _number(number: int, value: int) -> bytes:
    return _element(number, value.to_bytes(max(1, (value.bit_length() + 7) // 8)))


def _with_crc(element: _Element, content: bytes) -> bytes:
    """An element with other content, behind a CRC-32 if it had one: FFmpeg writes them in Matroska, not in WebM."""
    if all(child.number != _CRC for child in _children(element.content)):
        return _again(element, content)
    return _again(element, _element(_CRC, zlib.crc32(content).to_bytes(4, "little")) + content)


def _void(length: int) -> bytes:
    """An element of nothing, `length` bytes in all; at least 2."""
    size_bytes = 1 if length - 2 < 127 else 8
    content = bytes(length - 1 - size_bytes)
    return bytes([_VOID]) + (len(content) | 1 << 7 * size_bytes).to_bytes(size_bytes) + content
