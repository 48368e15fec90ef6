"""JPEG files: their segments. ITU-T T.81 annex B, T.871 (JFIF), ICC.1:2022 annex B.4, CIPA DC-008 (Exif)."""

import struct
from collections.abc import Iterator

from vrinr_cli.video.pictures.content import Content, PictureTags, bounded, plain_words
from vrinr_cli.video.pictures.exif import orientation_of

START, END = b"\xff\xd8", b"\xff\xd9"
_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_SCAN, _COMMENT = 0xDA, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15."""
_TOLD_APART = frozenset({0xE0, 0xEE})
"""APP0 (JFIF) and APP14 (Adobe), which say what the components are; the decoder sees no other APPn."""
_LONGEST = 0xFFFF - 2
"""Bytes in a segment."""
LONGEST_EXIF = _LONGEST - len(_EXIF)
_ICC_PIECE = _LONGEST - len(_ICC) - 2


def read(data: bytes) -> Content:
    """What a JPEG file holds."""
    size, problem, exif, software = None, "", b"", ""
    pieces: dict[int, bytes] = {}
    kept = [START]
    scan, count = len(data), 0
    for marker, start, stop in _segments(data):
        content = data[start:stop]
        if marker == _SCAN:
            scan = start - 4
            break
        if marker in _FRAMES and len(content) >= 6 and size is None:
            depth, height, width, components = struct.unpack_from(">BHHB", content)
            size, problem = (height, width), _problem(depth, components)
        elif marker == 0xE1 and content.startswith(_EXIF) and not exif:
            exif = bounded(content[len(_EXIF) :])
        elif marker == _COMMENT and not software:
            software = plain_words(content)
        elif marker == 0xE2 and content.startswith(_ICC) and len(content) > len(_ICC) + 2:
            count = content[len(_ICC) + 1]
            pieces[content[len(_ICC)]] = content[len(_ICC) + 2 :]
        if marker in _TOLD_APART or not (0xE0 <= marker <= 0xEF or marker == _COMMENT):
            kept.append(data[start - 4 : stop])
    is_whole = set(pieces) == set(range(1, count + 1))
    icc = bounded(b"".join(piece for _, piece in sorted(pieces.items()))) if is_whole else b""
    end = data.rfind(END, scan)
    kept.append(data[scan : end + 2] if end >= 0 else data[scan:])
    return Content(
        size=size,
        tags=PictureTags(icc=icc, exif=exif, orientation=orientation_of(exif), software=software),
        encoded=b"".join(kept),
        problem=problem,
        is_cut=end < 0,
        is_lossy=True,
        notes=() if is_whole else ("its color profile is damaged and left out",),
    )


def is_stream(data: bytes) -> bool:
    """Whether another picture follows at once, as in raw Motion JPEG; a camera's second view does not count."""
    for marker, start, stop in _segments(data):
        if marker == 0xE2 and data[start:stop].startswith(b"MPF\0"):
            return False
        if marker == _SCAN:
            return data.find(END + START + b"\xff", stop) >= 0
    return False


def with_tags(encoded: bytes, tags: PictureTags) -> bytes:
    """An encoder's JPEG with these tags; EXIF has at most `LONGEST_EXIF` bytes."""
    jfif = _segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0")
    told = []
    if tags.exif:
        told.append(_segment(0xE1, _EXIF + tags.exif))
    pieces = [tags.icc[place : place + _ICC_PIECE] for place in range(0, len(tags.icc), _ICC_PIECE)]
    if len(pieces) <= 255:
        told += [_segment(0xE2, _ICC + bytes([n, len(pieces)]) + piece) for n, piece in enumerate(pieces, start=1)]
    if tags.software:
        told.append(_segment(_COMMENT, tags.software.encode("ascii")))
    kept = []
    for marker, start, stop in _segments(encoded):
        if marker == _SCAN:
            kept.append(encoded[start - 4 :])
            break
        if not (0xE0 <= marker <= 0xEF or marker == _COMMENT):
            kept.append(encoded[start - 4 : stop])
    return b"".join([START, jfif, *told, *kept])


def _problem(depth: int, components: int) -> str:
    if components == 4:
        return "has four colors (CMYK)"
    if components not in (1, 3):
        return f"has {components} components"
    return "" if depth == 8 else f"has {depth} bits a sample, which vrinr reads of PNG and TIFF alone"


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and stop of the content of each segment, up to the first scan or to what is no segment."""
    place = len(START)
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return
        marker = data[place + 1]
        if marker == 0xFF:  # fill
            place += 1
            continue
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD9:
            return
        (length,) = struct.unpack_from(">H", data, place + 2)
        stop = place + 2 + length
        if length < 2 or stop > len(data):
            return
        yield marker, place + 4, stop
        if marker == _SCAN:
            return
        place = stop


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
