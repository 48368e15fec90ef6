"""PNG files: their chunks. W3C PNG, third edition, clauses 5 and 11."""

import struct
import zlib
from collections.abc import Iterator

from vrinr_cli.video.pictures.content import LARGEST_PROFILE, Content, PictureTags, bounded, plain_words
from vrinr_cli.video.pictures.exif import orientation_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""Chunks that samples depend on; no other one reaches the decoder, as texts may unpack to gigabytes."""
_COLOR = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
_LARGEST_COLOR = 64
_SOFTWARE = b"Software\0"
_PALETTE = 3
_HEADER = len(SIGNATURE) + 12 + 13


def read(data: bytes) -> Content:
    """What a PNG file holds."""
    size, palette, notes = None, False, []
    icc = exif = b""
    software = ""
    color: list[tuple[bytes, bytes]] = []
    kept, has_ended, transparent, end = [SIGNATURE], False, False, len(SIGNATURE)
    for name, start, stop in _chunks(data):
        content = data[start:stop]
        if name == b"IHDR" and len(content) == 13 and size is None:
            width, height = struct.unpack_from(">II", content)
            size, palette = (height, width), content[9] == _PALETTE
        elif name == b"iCCP":
            icc = _profile(content)
            notes += [] if icc else ["its color profile is damaged and left out"]
        elif name == b"eXIf":
            exif = bounded(content)
        elif name == b"tEXt" and content.startswith(_SOFTWARE):
            software = plain_words(content[len(_SOFTWARE) :])
        elif name in _COLOR and len(content) <= _LARGEST_COLOR:
            color.append((name, content))
        transparent = transparent or name == b"tRNS"
        has_ended = has_ended or name == b"IEND"
        if name in _PICTURE:
            kept.append(data[start - 8 : stop + 4])
        end = stop + 4
    if not has_ended and data[end + 4 : end + 8] == b"IDAT":  # what is there of a cut file
        kept += [_chunk(b"IDAT", data[end + 8 :]), _chunk(b"IEND", b"")]
    tags = PictureTags(icc=icc, exif=exif, orientation=orientation_of(exif), png_color=tuple(color), software=software)
    return Content(
        size=size,
        tags=tags,
        encoded=b"".join(kept),
        is_cut=not has_ended,
        has_transparent_colors=transparent and palette,
        notes=tuple(notes),
    )


def is_animated(head: bytes) -> bool:
    """Whether the beginning of a file says that more than one picture follows (APNG)."""
    for name, start, stop in _chunks(head):
        if name == b"acTL" and stop - start == 8:
            return int.from_bytes(head[start : start + 4], "big") > 1
        if name == b"IDAT":
            break
    return False


def with_tags(encoded: bytes, tags: PictureTags) -> bytes:
    """An encoder's PNG with these tags and none of its own."""
    kept = [encoded[start - 8 : stop + 4] for name, start, stop in _chunks(encoded) if name in _PICTURE]
    told = [_chunk(name, content) for name, content in tags.png_color]
    if tags.icc:
        told = [_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(tags.icc, 9))]
    if tags.exif:
        told.append(_chunk(b"eXIf", tags.exif))
    if tags.software:
        told.append(_chunk(b"tEXt", _SOFTWARE + tags.software.encode("ascii")))
    return b"".join([SIGNATURE, kept[0], *told, *kept[1:]])


def coding_points(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    """The chunk that names H.273's primaries and transfer of full-range RGB."""
    return b"cICP", bytes([primaries, transfer, 0, 1])


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and stop of the content of each whole chunk, up to the end or to what is no chunk."""
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        stop = place + 8 + length
        if stop + 4 > len(data):
            return
        yield name, place + 8, stop
        if name == b"IEND":
            return
        place = stop + 4


def _chunk(name: bytes, content: bytes) -> bytes:
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def _profile(content: bytes) -> bytes:
    """A profile unpacked, as far as it is sound and of a sane length."""
    _, _, packed = content.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], LARGEST_PROFILE)
    except zlib.error:
        return b""
    return profile if unpacker.eof else b""
