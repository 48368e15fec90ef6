"""Clips whose frames are two fields of different moments, and those that only look or claim so."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream

from media import clips, scenes
from media.clips import Look, Spec
from media.scenes import Luma
from vrinr_cli.frame import Plane, PlaneFormat
from vrinr_cli.video.info import FieldOrder
from vrinr_cli.video.pixels import plane_format
from vrinr_cli.video.pixels import planes_of as planes_of_frame

SIZE = (48, 64)
Flagged = FieldOrder | Literal["none"]
_X264 = {"top": "tff=1", "bottom": "bff=1", "none": ""}


def moving(frames: int, *, seed: int = 3, speed: float = 1.5, size: tuple[int, int] = SIZE) -> list[Luma]:
    """Moments of a scene; two of them are a frame of fields."""
    return scenes.scene(seed, frames, speed=speed, size=size)


def frame_of(first: Luma, second: Luma, order: FieldOrder = "top") -> Luma:
    """A frame with the lines of two moments."""
    top, bottom = (first, second) if order == "top" else (second, first)
    both = top.copy()
    both[1::2] = bottom[1::2]
    return both


def woven(moments: Sequence[Luma], order: FieldOrder = "top") -> list[Luma]:
    """Every two moments as a frame."""
    return [frame_of(first, second, order) for first, second in zip(moments[::2], moments[1::2], strict=True)]


def pulled_down(film: Sequence[Luma], order: FieldOrder = "top") -> list[Luma]:
    """Four pictures of film as five frames, 3:2: AA BB BC CD DD."""
    frames = []
    for number in range(0, len(film), 4):
        a, b, c, d = film[number : number + 4]
        frames += [a, b, frame_of(b, c, order), frame_of(c, d, order), d]
    return frames


def planes_of(picture: Luma, kind: PlaneFormat) -> tuple[Plane, ...]:
    """A picture as samples; chroma of each field comes from lines of that field."""
    planes = [scenes.plane(picture, depth=kind.depth)]
    high, wide = 1 << kind.log2_chroma_height, 1 << kind.log2_chroma_width
    for mixed in (picture, 1 - picture)[: kind.planes - 1]:
        rows = [row for row in range(picture.shape[0]) if high == 1 or row % 4 in (0, 1)]  # 0, 1 of 0 to 3: one a field
        planes.append(scenes.plane(mixed[rows, ::wide], depth=kind.depth))
    return tuple(planes)


def clip(
    path: Path,
    pictures: Sequence[Luma],
    *,
    flagged: Flagged = "top",
    pix_fmt: str = "yuv420p",
    spec: Spec | None = None,
) -> Path:
    """A lossless H.264 clip of these pictures, flagged as wanted."""
    kind = plane_format(pix_fmt)
    params = ":".join(part for part in ("qp=0", _X264[flagged]) if part)
    base = spec or Spec()
    look = replace(base.look, is_interlaced=flagged != "none")
    made = replace(
        base, size=pictures[0].shape, pix_fmt=pix_fmt, frames=len(pictures), options={"x264-params": params}, look=look
    )
    return clips.from_planes(path, (planes_of(picture, kind) for picture in pictures), made)


def dvd(path: Path, *, size: tuple[int, int], look: Look, frames: int = 6) -> Path:
    """MPEG-2 as a DVD has it, flagged and with combs."""
    kind = plane_format("yuv420p")
    pictures = woven(moving(2 * frames, size=size))
    spec = Spec(
        size=size,
        frames=frames,
        codec="mpeg2video",
        options={"flags": "+ildct+ilme", "b": "4M"},
        look=replace(look, is_interlaced=False),
    )
    return clips.from_planes(path, (planes_of(picture, kind) for picture in pictures), spec)


def pattern_clip(path: Path, *, size: tuple[int, int], frames: int = 50) -> Path:
    """FFmpeg's testsrc2: whole pictures, in which fine lines move."""
    graph = Graph()
    source = graph.add("testsrc2", f"size={size[1]}x{size[0]}:rate=25")
    graph.link_nodes(source, graph.add("format", "pix_fmts=yuv420p"), graph.add("buffersink")).configure()
    kind = plane_format("yuv420p")
    pictures = (planes_of_frame(graph.vpull(), kind) for _ in range(frames))
    return clips.from_planes(path, pictures, Spec(size=size, frames=frames, options={"crf": "12"}))


STEPS = (3, 2)
"""Fields that the frames of `soft_telecined` stay for, in turn."""


def soft_telecined(path: Path, *, frames: int = 20) -> Path:
    """MPEG-2 of whole pictures, every other one with the flag that repeats its first field."""
    kind = plane_format("yuv420p")
    spec = Spec(size=(64, 96), frames=frames, codec="mpeg2video", b_frames=0, rate=Fraction(60000, 1001))
    times = [sum(STEPS[number % 2] for number in range(place)) for place in range(frames)]
    shown = (planes_of(picture, kind) for picture in moving(frames, size=spec.size))
    with av.open(path, "w") as out:
        stream = clips.add_video(out, spec)
        for number, packet in enumerate(clips.encoded(stream, shown, spec)):
            flagged: Packet[Stream] = Packet(_flagged(bytes(packet), number))
            flagged.stream, flagged.time_base = stream, packet.time_base
            flagged.pts = flagged.dts = times[number]
            flagged.is_keyframe = packet.is_keyframe
            out.mux(flagged)
    return path


def _flagged(packet: bytes, number: int) -> bytes:
    """A packet of MPEG-2 (H.262, 6.2.2.3 and 6.2.3.1) with the flags of 3:2 pulldown in place of none."""
    changed = bytearray(packet)
    place = packet.find(_EXTENSION)
    while place >= 0:
        kind = changed[place + 4] >> 4
        if kind == _SEQUENCE:
            changed[place + 5] &= ~0x08  # progressive_sequence
        if kind == _PICTURE:
            top_first, repeats = number % 4 in (0, 3), number % 2 == 0
            changed[place + 7] = changed[place + 7] & 0x7F | top_first << 7
            changed[place + 7] = changed[place + 7] & 0xFD | repeats << 1
        place = packet.find(_EXTENSION, place + 4)
    return bytes(changed)


_EXTENSION, _SEQUENCE, _PICTURE = b"\0\0\1\xb5", 1, 8


def codes(picture: Luma) -> Plane:
    """Luma as 8-bit samples."""
    return scenes.plane(picture)
