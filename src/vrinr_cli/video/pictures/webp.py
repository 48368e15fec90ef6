"""WebP files: their RIFF chunks. RFC 9649."""

import struct
from collections.abc import Iterator

from vrinr_cli.video.pictures.content import Content, PictureTags, bounded
from vrinr_cli.video.pictures.exif import (
    SOFTWARE,
    first_directory,
    orientation_of,
    says_software_alone,
    text,
    with_software,
)

_ICC_FLAG, _ALPHA_FLAG, _EXIF_FLAG, _ANIMATION_FLAG = 0x20, 0x10, 0x08, 0x02
_HEADER = 12
_LOSSLESS_SIGNATURE, _LOSSLESS_ALPHA = 0x2F, 0x10
"""The first byte of a lossless bitstream, and the bit of its fifth that tells of alpha."""


def read(data: bytes) -> Content:
    """What a WebP file holds."""
    size, problem, found, has_alpha = None, "", set(), False
    icc = exif = b""
    for name, start, stop in _chunks(data):
        content = data[start:stop]
        found.add(name)
        if name == b"VP8X" and len(content) >= 10:
            problem = "is animated" if content[0] & _ANIMATION_FLAG else problem
        elif name == b"ANIM":
            problem = "is animated"
        elif name in (b"VP8 ", b"VP8L"):
            size = size or _coded_size(name, content)
            has_alpha |= name == b"VP8L" and len(content) >= 5 and bool(content[4] & _LOSSLESS_ALPHA)
        elif name == b"ALPH":
            has_alpha = True
        elif name == b"ICCP":
            icc = bounded(content)
        elif name == b"EXIF":
            exif = bounded(content.removeprefix(b"Exif\0\0"))
    end = _HEADER - 4 + struct.unpack_from("<I", data, 4)[0] if len(data) >= _HEADER else 0
    return Content(
        size=size,
        tags=PictureTags(
            icc=icc,
            exif=b"" if says_software_alone(exif) else exif,
            orientation=orientation_of(exif),
            software=text(exif, directory, SOFTWARE) if (directory := first_directory(exif)) is not None else "",
        ),
        encoded=_file(
            [
                (name, data[start:stop])
                for name, start, stop in _chunks(data)
                if name in (b"VP8X", b"ALPH", b"VP8 ", b"VP8L")
            ]
        ),
        problem=problem,
        is_cut=len(data) < end or not found & {b"VP8 ", b"VP8L"},
        is_lossy=b"VP8 " in found,
        is_opaque=not has_alpha,
    )


def with_tags(encoded: bytes, tags: PictureTags, size: tuple[int, int], *, has_alpha: bool) -> bytes:
    """An encoder's WebP with these tags.

    Args:
        encoded: a still picture.
        tags: to be held.
        size: (height, width).
        has_alpha: whether any of it is transparent.
    """
    kept = [(name, encoded[start:stop]) for name, start, stop in _chunks(encoded)]
    pictures = [(name, content) for name, content in kept if name in (b"ALPH", b"VP8 ", b"VP8L")]
    told = with_software(tags.exif, tags.software) if tags.software else tags.exif
    if not (tags.icc or told) and len(pictures) == 1:
        return _file(pictures)
    flags = _ICC_FLAG * bool(tags.icc) | _EXIF_FLAG * bool(told) | _ALPHA_FLAG * has_alpha
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (size[1], size[0]))
    head = [(b"VP8X", bytes([flags, 0, 0, 0]) + sides)]
    profile = [(b"ICCP", tags.icc)] if tags.icc else []
    camera = [(b"EXIF", told)] if told else []
    return _file([*head, *profile, *pictures, *camera])


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and stop of each chunk's content; the last one may be cut."""
    place = _HEADER
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        stop = min(place + 8 + length, len(data))
        yield name, place + 8, stop
        place += 8 + length + (length & 1)


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _coded_size(name: bytes, content: bytes) -> tuple[int, int] | None:
    """(height, width) of a bitstream; None where its head is missing."""
    if name == b"VP8 " and len(content) >= 10:
        width, height = struct.unpack_from("<HH", content, 6)
        return height & 0x3FFF, width & 0x3FFF
    if name == b"VP8L" and len(content) >= 5 and content[0] == _LOSSLESS_SIGNATURE:
        bits = int.from_bytes(content[1:5], "little")
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    return None
