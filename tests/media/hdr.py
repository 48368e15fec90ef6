"""HDR clips: every code of a ramp, HDR10's metadata, and Dolby Vision's as far as FFmpeg reads it."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream

from media import clips, pictures
from media.clips import Look, Spec
from vrinr_cli.frame import Matrix, Plane, Range
from vrinr_cli.video.pixels import plane_format

PQ, HLG = 16, 18
"""Transfers by H.273."""
CODES = range(64, 941)
"""Of luma and chroma of limited range, 10 bits, from black to white."""
PATCH = 12
"""Samples of luma on a side."""
_PER_ROW = 30
SIZE = (PATCH * -(-len(CODES) // _PER_ROW), PATCH * _PER_ROW)
_HDR10 = "hdr10=1:max-cll=1000,400:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
_QUIET = "log-level=none:pools=1:repeat-headers=1"


def look(transfer: int) -> Look:
    """The tags of BT.2100."""
    return Look(matrix=Matrix.BT2020_NCL, span=Range.LIMITED, primaries=9, transfer=transfer, chroma_site="topleft")


def patches() -> tuple[Plane, ...]:
    """A flat patch of each code in luma; chroma runs through its codes the other way and evenly."""
    codes = np.resize(np.asarray(CODES, np.uint16), (SIZE[0] // PATCH, SIZE[1] // PATCH))
    planes = (codes, np.minimum(1004 - codes, 960), np.full_like(codes, 512))
    sides = (PATCH, PATCH // 2, PATCH // 2)
    return tuple(
        plane.repeat(side, 0).repeat(side, 1).astype(np.uint16) for plane, side in zip(planes, sides, strict=True)
    )


def middles(plane: Plane, side: int) -> Plane:
    """The sample in the middle of every patch."""
    found: Plane = plane[side // 2 :: side, side // 2 :: side]
    return found


def every_code(path: Path, *, transfer: int = PQ, frames: int = 2) -> Path:
    """A lossless clip of all patches."""
    params = f"{_QUIET}:lossless=1"
    spec = Spec(
        size=SIZE,
        frames=frames,
        codec="libx265",
        pix_fmt="yuv420p10le",
        options={"x265-params": params},
        look=look(transfer),
    )
    return clips.from_planes(path, [patches()] * frames, spec)


def small(path: Path, *, transfer: int = PQ, frames: int = 4) -> Path:
    """A small clip; with HDR10's metadata under PQ."""
    params = ":".join([_QUIET, *([_HDR10] if transfer == PQ else [])])
    spec = Spec(
        frames=frames, codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": params}, look=look(transfer)
    )
    return clips.from_spec(path, spec)


def dolby_vision(path: Path, *, profile: int, transfer: int = PQ, frames: int = 3) -> Path:
    """HEVC with Dolby Vision's metadata in every frame, of profile 5 or 8."""
    spec = Spec(
        frames=frames,
        codec="libx265",
        pix_fmt="yuv420p10le",
        options={"x265-params": _QUIET},
        look=look(transfer) if profile != 5 else Look(span=Range.FULL),
    )
    kind = plane_format(spec.pix_fmt)
    shown = (pictures.numbered(index, kind, spec.size) for index in range(frames))
    with av.open(path, "w") as out:
        stream = clips.add_video(out, spec)
        for packet in clips.encoded(stream, shown, spec):
            longer: Packet[Stream] = Packet(bytes(packet) + b"\0\0\0\1\x7c\x01" + _escaped(_metadata(profile)))
            longer.stream, longer.time_base = stream, packet.time_base
            longer.pts, longer.dts, longer.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
            out.mux(longer)
    return path


def _metadata(profile: int) -> bytes:
    """A reference processing unit with a mapping that changes nothing, in the order of ETSI GS CCM 001."""
    denominator, pivots, last = 23, 0, 1023
    is_alone = profile == 5
    head = [(6, 2), (11, 18), (4, 0 if is_alone else 1), (4, 0), (1, 1)]
    sequence = [(1, 0), (2, 0), _counted(denominator), (2, 1), (1, is_alone), *[_counted(n) for n in (2, 2, 4)]]
    sequence += [(1, 0), (3, 0), (1, 0), (1, 1)]
    mapping = [(1, 0), (1, 0), *[_counted(0)] * 3]
    for _ in range(3):
        mapping += [_counted(pivots), (10, 0), (10, last)]
    mapping += [_counted(0), _counted(0)]
    for _ in range(3):  # 0 + 1 x: polynomial of order 1, each coefficient a signed whole part and a fraction
        mapping += [_counted(0), _counted(0), (1, 0), _counted(0), (denominator, 0), _counted(1), (denominator, 0)]
    content = _bits([*head, *sequence, *mapping])
    return b"\x19" + content + bytes(4) + b"\x80"  # no checksum: FFmpeg looks at it only when told to


def _counted(number: int) -> tuple[int, int]:
    """Exponential Golomb code of a number: how many bits, and their value."""
    return 2 * (number + 1).bit_length() - 1, number + 1


def _bits(fields: Iterable[tuple[int, int]]) -> bytes:
    text = "".join(f"{int(value):0{length}b}" for length, value in fields)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[place : place + 8], 2) for place in range(0, len(text), 8))


def _escaped(content: bytes) -> bytes:
    """With the bytes that keep start codes out of a NAL unit."""
    escaped = bytearray()
    for byte in content:
        if byte <= 3 and escaped.endswith(b"\0\0"):
            escaped.append(3)
        escaped.append(byte)
    return bytes(escaped)
