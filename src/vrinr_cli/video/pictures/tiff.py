"""TIFF files: the first directory. TIFF 6.0, and ICC.1:2022 annex B.3 for the profile's tag."""

import struct

from vrinr_cli.video.pictures import exif
from vrinr_cli.video.pictures.content import Content, PictureTags, bounded

_SUBFILE, _WIDTH, _HEIGHT, _PHOTOMETRIC, _PLACES, _COUNTS = 254, 256, 257, 262, 273, 279
_EXTRA_SAMPLES, _ICC, _RAW = 338, 34675, 50706
_CAMERA = {271, 272, 306, 315, 33432, 34665, 34853}
"""Make, model, time, artist, copyright, EXIF, GPS."""
_UNDEFINED, _ASCII_LIKE = 7, (1, 2, 6, 7)
"""Field types of one byte."""
_READ = {0, 1, 2, 3}
"""Photometric interpretations: gray either way, RGB, palette."""
_OTHERS = {5: "has four colors (CMYK)", 6: "is YCbCr", 8: "is CIELAB", 9: "is CIELAB", 10: "is CIELAB"}
_REDUCED = 1
_COMPRESSION, _SAMPLE_FORMAT, _UNSIGNED, _JPEG = 259, 339, 1, {6, 7}
_DECODED = frozenset({256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325})
"""Fields that samples depend on. No other one reaches the decoder, whose strict way takes unknown ones for damage."""
_ASSOCIATED = 1


def read(data: bytes) -> Content:
    """What a TIFF file holds."""
    if data[2:4] in (b"+\0", b"\0+"):
        return Content(None, PictureTags(), data, problem="is BigTIFF")
    directory = exif.first_directory(data)
    if directory is None:
        return Content(None, PictureTags(), data, is_cut=True)
    height, width = (exif.number(data, directory, tag) for tag in (_HEIGHT, _WIDTH))
    turned = exif.number(data, directory, exif.ORIENTATION)
    tags = PictureTags(
        icc=bounded(_bytes_of(data, directory, _ICC)),
        orientation=turned if turned is not None and 1 <= turned <= 8 else 1,
        software=exif.text(data, directory, exif.SOFTWARE),
    )
    return Content(
        size=(height, width) if height and width else None,
        tags=tags,
        encoded=exif.with_fields(
            data, {e.tag: data[e.place - 8 : e.place + 4] for e in directory.entries if e.tag in _DECODED}
        ),
        problem=_problem(data, directory),
        is_cut=_ends_early(data, directory),
        is_premultiplied=exif.number(data, directory, _EXTRA_SAMPLES) == _ASSOCIATED,
        notes=_notes(data, directory),
    )


def with_tags(encoded: bytes, tags: PictureTags) -> bytes:
    """An encoder's TIFF with these tags: a directory with further fields, behind all else.

    Raises:
        ValueError: the encoder's file has no directory.
    """
    directory = exif.first_directory(encoded)
    if directory is None:
        raise ValueError("a TIFF file without a directory")
    values = {_ICC: (_UNDEFINED, tags.icc)} if tags.icc else {}
    if tags.software:
        values[exif.SOFTWARE] = (exif.ASCII, tags.software.encode("ascii") + b"\0")
    return exif.with_values(encoded, directory, values) if values else encoded


def _problem(data: bytes, directory: exif.Directory) -> str:
    if any(entry.tag == _RAW for entry in directory.entries) or data[8:10] == b"CR":
        return "is a camera's raw file"
    if (exif.number(data, directory, _SUBFILE) or 0) & _REDUCED:
        return "is a camera's raw file, or begins with a thumbnail"
    if exif.number(data, directory, _SAMPLE_FORMAT) not in (None, _UNSIGNED):
        return "has floating-point or signed samples"
    if exif.number(data, directory, _COMPRESSION) in _JPEG:
        return "holds a JPEG"
    kind = exif.number(data, directory, _PHOTOMETRIC)
    if kind is None or kind in _READ:
        return ""
    return _OTHERS.get(kind, f"has colors of kind {kind}")


def _notes(data: bytes, directory: exif.Directory) -> tuple[str, ...]:
    order, notes = exif.byte_order(data), []
    if directory.next_place + 4 <= len(data) and struct.unpack_from(order + "I", data, directory.next_place)[0]:
        notes.append("of several pages the first is read")
    if any(entry.tag in _CAMERA for entry in directory.entries):
        notes.append("what the camera says (EXIF) is left out")
    return tuple(notes)


def _ends_early(data: bytes, directory: exif.Directory) -> bool:
    """Whether a strip ends beyond the file."""
    most = 1 << 16
    places = exif.numbers(data, directory, _PLACES, most=most)
    counts = exif.numbers(data, directory, _COUNTS, most=most)
    return any(place + count > len(data) for place, count in zip(places, counts, strict=False))


def _bytes_of(data: bytes, directory: exif.Directory, tag: int) -> bytes:
    for entry in directory.entries:
        if entry.tag == tag and entry.kind in _ASCII_LIKE and entry.count > 4:
            (place,) = struct.unpack_from(exif.byte_order(data) + "I", data, entry.place)
            return data[place : place + entry.count] if place + entry.count <= len(data) else b""
    return b""
