"""EXIF as a TIFF structure: which way is up, and the same made true for a picture that was turned and enlarged.

CIPA DC-008 (Exif 2.32) and TIFF 6.0, section 2. Only numbers of a known place and length are changed; all else stays
byte by byte, as makers' notes point into it.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vrinr_cli.video.pictures.content import plain_words

ORIENTATION, SOFTWARE, EXIF_IFD = 0x0112, 0x0131, 0x8769
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
"""ImageWidth and PixelXDimension; ImageLength and PixelYDimension."""
ASCII, SHORT, LONG = 2, 3, 4
_MOST_ENTRIES = 4096


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a directory."""

    tag: int
    kind: int
    """TIFF's field type."""
    count: int
    place: int
    """Where its value or the value's offset stands."""


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory (IFD) of a TIFF structure."""

    entries: tuple[Entry, ...]
    next_place: int
    """Where the offset of the next directory stands."""


def byte_order(data: bytes) -> str:
    """The sign of `struct` for the structure's byte order; empty if it is none."""
    return {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]), "")


def directory_at(data: bytes, place: int) -> Directory | None:
    """The directory at an offset; None if it does not lie within the data."""
    order = byte_order(data)
    if not order or not 8 <= place <= len(data) - 2:
        return None
    (count,) = struct.unpack_from(order + "H", data, place)
    end = place + 2 + 12 * count
    if count > _MOST_ENTRIES or end > len(data):
        return None
    return Directory(tuple(_entries(data, order, place + 2, count)), end)


def first_directory(data: bytes) -> Directory | None:
    """IFD0; None if the data is no TIFF structure or cut."""
    order = byte_order(data)
    if not order or len(data) < 8:
        return None
    (place,) = struct.unpack_from(order + "I", data, 4)
    return directory_at(data, place)


def number(data: bytes, directory: Directory, tag: int) -> int | None:
    """The first value of a field of whole numbers; None without one."""
    found = numbers(data, directory, tag)
    return found[0] if found else None


def numbers(data: bytes, directory: Directory, tag: int, *, most: int = 16) -> tuple[int, ...]:
    """The values of a field of whole numbers, at most so many; none where they lie outside of the data."""
    order = byte_order(data)
    for entry in directory.entries:
        if entry.tag != tag or entry.kind not in (SHORT, LONG):
            continue
        letter, width = ("H", 2) if entry.kind == SHORT else ("I", 4)
        place, count = entry.place, min(entry.count, most)
        if entry.count * width > 4:
            (place,) = struct.unpack_from(order + "I", data, entry.place)
        if place + count * width <= len(data):
            return struct.unpack_from(f"{order}{count}{letter}", data, place)
    return ()


def text(data: bytes, directory: Directory, tag: int) -> str:
    """A field of text; empty without one, or where it lies outside of the data."""
    for entry in directory.entries:
        if entry.tag == tag and entry.kind == ASCII:
            place = entry.place
            if entry.count > 4:
                (place,) = struct.unpack_from(byte_order(data) + "I", data, entry.place)
            return plain_words(data[place : place + entry.count])
    return ""


def with_software(data: bytes, words: str) -> bytes:
    """The same EXIF that also says what made the file, if it does not say so already; anew where there is none."""
    data = data or b"II*\0\x08\0\0\0\0\0\0\0\0\0"
    directory = first_directory(data)
    if directory is None or any(entry.tag == SOFTWARE for entry in directory.entries):
        return data
    return with_values(data, directory, {SOFTWARE: (ASCII, words.encode("ascii") + b"\0")})


def says_software_alone(data: bytes) -> bool:
    """Whether EXIF has no other word than that, as `with_software` makes it of nothing."""
    directory = first_directory(data)
    return directory is not None and [entry.tag for entry in directory.entries] == [SOFTWARE]


def with_values(data: bytes, directory: Directory, values: Mapping[int, tuple[int, bytes]]) -> bytes:
    """The same TIFF structure with further fields: their values, then another first directory, behind all else.

    Args:
        data: the structure.
        directory: its first directory.
        values: field type, of one byte, and value of more than four bytes, by tag.
    """
    order = byte_order(data)
    fields = {entry.tag: data[entry.place - 8 : entry.place + 4] for entry in directory.entries}
    for tag, (kind, value) in values.items():
        data = _even(data)
        fields[tag] = struct.pack(order + "HHII", tag, kind, len(value), len(data))
        data += value
    return with_fields(data, fields)


def with_fields(data: bytes, fields: dict[int, bytes]) -> bytes:
    """The same structure with another first directory, of these fields of twelve bytes, behind all else."""
    order, whole = byte_order(data), _even(data)
    table = struct.pack(order + "H", len(fields)) + b"".join(field for _, field in sorted(fields.items()))
    return whole[:4] + struct.pack(order + "I", len(whole)) + whole[8:] + table + b"\0\0\0\0"


def _even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


def orientation_of(exif: bytes) -> int:
    """1 to 8; 1 where nothing sensible is said."""
    directory = first_directory(exif)
    found = number(exif, directory, ORIENTATION) if directory else None
    return found if found is not None and 1 <= found <= 8 else 1


def made_upright(exif: bytes, size: tuple[int, int]) -> bytes:
    """The same EXIF for a picture that stands upright: orientation 1, its size, and without the thumbnail.

    Args:
        exif: a TIFF structure.
        size: (height, width) of the picture.

    Returns:
        Empty if it is no TIFF structure.
    """
    directory = first_directory(exif)
    if directory is None:
        return b""
    changed = bytearray(exif)
    _set_numbers(changed, directory, size)
    inner = number(exif, directory, EXIF_IFD)
    shot = directory_at(exif, inner) if inner is not None else None
    if shot is not None:
        _set_numbers(changed, shot, size)
    if directory.next_place + 4 <= len(changed):
        struct.pack_into("I", changed, directory.next_place, 0)
    return bytes(changed)


def _set_numbers(exif: bytearray, directory: Directory, size: tuple[int, int]) -> None:
    order = byte_order(bytes(exif[:4]))
    values = {ORIENTATION: 1} | dict.fromkeys(_HEIGHTS, size[0]) | dict.fromkeys(_WIDTHS, size[1])
    for entry in directory.entries:
        value = values.get(entry.tag)
        if value is None or entry.count != 1 or entry.kind not in (SHORT, LONG):
            continue
        letter = "H" if entry.kind == SHORT else "I"
        if value < 1 << (16 if entry.kind == SHORT else 32):
            struct.pack_into(order + letter, exif, entry.place, value)


def _entries(data: bytes, order: str, place: int, count: int) -> Iterator[Entry]:
    for index in range(count):
        tag, kind, values = struct.unpack_from(order + "HHI", data, place + 12 * index)
        yield Entry(tag, kind, values, place + 12 * index + 8)
