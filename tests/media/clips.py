"""Small video files for tests, synthesised with numpy and PyAV: one function a kind, each returns its path.

All are deterministic and show `pictures.numbered`, so that order and loss of frames can be read off the picture.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media import pictures
from vrinr_cli.frame import ColorSpec, Matrix, Plane, PlaneFormat, Range
from vrinr_cli.video.pixels import plane_format, to_av_frame

SIZE = (64, 96)
RATE = Fraction(25)
LOSSLESS_X264 = {"qp": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Tags of a video stream; None leaves one out."""

    matrix: int | None = None
    span: Range | None = None
    primaries: int | None = None
    transfer: int | None = None
    chroma_site: str | None = None
    """FFmpeg's name of the chroma location: "left", "topleft", "center"."""
    sample_aspect_ratio: Fraction | None = None
    display_matrix: tuple[int, ...] | None = None
    is_interlaced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """How a clip's video is encoded."""

    size: tuple[int, int] = SIZE
    frames: int = 24
    rate: Fraction = RATE
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    gop: int = 12
    b_frames: int = 2
    pts: tuple[int, ...] | None = None
    """Times of the frames in `time_base`; None is one frame a tick of 1 / rate."""
    time_base: Fraction | None = None
    look: Look = Look()


def plain(
    path: Path,
    *,
    size: tuple[int, int] = SIZE,
    frames: int = 24,
    rate: Fraction = RATE,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    b_frames: int = 2,
    options: dict[str, str] | None = None,
    look: Look | None = None,
) -> Path:
    """A clip of constant rate without sound; its container follows the path's ending."""
    spec = Spec(
        size=size,
        frames=frames,
        rate=rate,
        codec=codec,
        pix_fmt=pix_fmt,
        gop=gop,
        b_frames=b_frames,
        options=options or {},
        look=look or Look(),
    )
    return from_spec(path, spec)


def from_spec(path: Path, spec: Spec) -> Path:
    """A clip of numbered pictures as a spec says."""
    kind = plane_format(spec.pix_fmt)
    shown = (pictures.numbered(index, kind, spec.size) for index in range(spec.frames))
    return from_planes(path, shown, spec)


def mux_pictures(out: OutputContainer, spec: Spec) -> None:
    """Write numbered pictures into a file that is open for writing."""
    kind = plane_format(spec.pix_fmt)
    shown = (pictures.numbered(index, kind, spec.size) for index in range(spec.frames))
    stream = add_video(out, spec)
    for packet in encoded(stream, shown, spec):
        out.mux(packet)


def from_planes(path: Path, shown: Iterable[tuple[Plane, ...]], spec: Spec) -> Path:
    """A clip of given pictures, in the planar format of `spec.pix_fmt`."""
    with av.open(path, "w") as out:
        stream = add_video(out, spec)
        for packet in encoded(stream, shown, spec):
            out.mux(packet)
    return path


VFR_STEPS_MS = (33, 33, 800, 40, 17, 250, 33, 100)
"""Time on screen of the frames of `vfr`, repeated; in milliseconds."""


def vfr(path: Path, *, frames: int = 24, codec: str = "libx264") -> Path:
    """A clip whose frames stay for 17 to 800 ms."""
    steps = [VFR_STEPS_MS[index % len(VFR_STEPS_MS)] for index in range(frames)]
    pts = tuple(sum(steps[:index]) for index in range(frames))
    return from_spec(path, Spec(frames=frames, codec=codec, pts=pts, time_base=Fraction(1, 1000)))


def b_frames(path: Path, *, frames: int = 30, gop: int = 10, open_gop: bool = True) -> Path:
    """H.264 with a pyramid of B-frames; with open GOPs, frames before a key frame in display order need it."""
    options = {"x264-params": f"open-gop={int(open_gop)}:b-pyramid=normal:scenecut=0:b-adapt=0"}
    return from_spec(path, Spec(frames=frames, gop=gop, b_frames=3, options=options))


def open_gop_hevc(path: Path, *, frames: int = 30, gop: int = 10) -> Path:
    """HEVC with open GOPs: RASL frames follow each CRA in decoding order."""
    options = {"x265-params": f"open-gop=1:keyint={gop}:min-keyint={gop}:bframes=3:log-level=none:pools=1"}
    return from_spec(path, Spec(frames=frames, gop=gop, b_frames=3, codec="libx265", options=options))


def ten_bit_hevc(path: Path, *, frames: int = 12, look: Look | None = None) -> Path:
    """HEVC Main 10, by default tagged as HDR10 is (BT.2020, PQ, top-left chroma)."""
    hdr10 = Look(matrix=Matrix.BT2020_NCL, span=Range.LIMITED, primaries=9, transfer=16, chroma_site="topleft")
    params = (
        "log-level=none:pools=1:hdr10=1:repeat-headers=1:max-cll=1000,400:"
        "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    )
    spec = Spec(
        frames=frames,
        codec="libx265",
        pix_fmt="yuv420p10le",
        options={"x265-params": params},
        look=look or hdr10,
    )
    return from_spec(path, spec)


def anamorphic(path: Path, *, sample_aspect_ratio: Fraction = Fraction(64, 45)) -> Path:
    """PAL 16:9 material: samples wider than high."""
    return plain(path, look=Look(sample_aspect_ratio=sample_aspect_ratio))


FIXED = 1 << 16
ROTATIONS = {  # av_display_rotation_set: degrees counter-clockwise to the matrix as stored
    0: (FIXED, 0, 0, 0, FIXED, 0, 0, 0, 1 << 30),
    90: (0, -FIXED, 0, FIXED, 0, 0, 0, 0, 1 << 30),
    180: (-FIXED, 0, 0, 0, -FIXED, 0, 0, 0, 1 << 30),
    270: (0, FIXED, 0, -FIXED, 0, 0, 0, 0, 1 << 30),
}
MIRRORED = (-FIXED, 0, 0, 0, FIXED, 0, 0, 0, 1 << 30)
"""A picture to be shown as in a mirror; its rotation alone would be read as 180 degrees."""


def rotated(path: Path, *, display_matrix: tuple[int, ...] = ROTATIONS[90]) -> Path:
    """A phone's clip: a display matrix turns it when played."""
    return plain(path, look=Look(display_matrix=display_matrix))


def odd_sized(path: Path, *, size: tuple[int, int] = (61, 83), pix_fmt: str = "yuv420p") -> Path:
    """A clip with an odd number of rows and columns, lossless."""
    return plain(path, size=size, codec="ffv1", pix_fmt=pix_fmt)


def color_bars(
    path: Path,
    *,
    matrix: Matrix = Matrix.BT709,
    span: Range = Range.LIMITED,
    pix_fmt: str = "yuv444p",
    size: tuple[int, int] = SIZE,
    frames: int = 3,
    is_tagged: bool = True,
) -> Path:
    """75 % bars as exact code values, lossless (FFV1)."""
    kind = plane_format(pix_fmt)
    picture = pictures.bars(kind, ColorSpec(matrix, span), size)
    look = Look(matrix=matrix, span=span) if is_tagged else Look()
    spec = Spec(size=size, frames=frames, codec="ffv1", pix_fmt=pix_fmt, look=look)
    return from_planes(path, [picture] * frames, spec)


def gray(path: Path, *, pix_fmt: str = "gray", codec: str = "ffv1") -> Path:
    """A clip without colors."""
    return plain(path, codec=codec, pix_fmt=pix_fmt)


def rgb(path: Path, *, pix_fmt: str = "bgr0", codec: str = "ffv1") -> Path:
    """An RGB clip, lossless."""
    return plain(path, codec=codec, pix_fmt=pix_fmt)


def transparent(path: Path) -> Path:
    """VP9 with alpha in WebM, which only libvpx decodes whole."""
    spec = Spec(codec="libvpx-vp9", pix_fmt="yuva420p", frames=6)
    kind = plane_format(spec.pix_fmt)
    with av.open(path, "w") as out:
        stream = add_video(out, spec)
        stream.metadata["alpha_mode"] = "1"
        shown = (pictures.numbered(index, kind, spec.size) for index in range(spec.frames))
        for packet in encoded(stream, shown, spec):
            out.mux(packet)
    return path


def interlaced(path: Path) -> Path:
    """A clip whose frames are flagged as two fields."""
    options = {"x264-params": "tff=1"}
    return plain(path, options=options, look=Look(is_interlaced=True))


def add_video(out: OutputContainer, spec: Spec) -> VideoStream:
    """A video stream in a file that is being written, with the tags of the spec."""
    options = _STEADY.get(spec.codec, {}) | spec.options
    stream = cast(VideoStream, out.add_stream(spec.codec, rate=spec.rate, options=options))
    context = stream.codec_context
    context.height, context.width = spec.size
    context.pix_fmt = spec.pix_fmt
    context.time_base = _time_base(spec)
    context.thread_count = 1  # the same bytes on every machine
    if spec.codec in _INTER_CODED:
        context.gop_size = spec.gop
        context.max_b_frames = spec.b_frames
    _tag(stream, spec.look)
    return stream


_STEADY = {"libx264": {"mbtree": "0"}, "libx265": {"x265-params": "log-level=none:pools=1"}}
"""With macroblock trees this build of x264 gives other bytes on each run of a small picture, even with one
thread; x265 is to be quiet."""
_INTER_CODED = ("libx264", "libx265", "mpeg2video", "mpeg4", "libvpx-vp9", "libvpx", "libsvtav1")


def encoded(stream: VideoStream, shown: Iterable[tuple[Plane, ...]], spec: Spec) -> "Iterator[Packet[Stream]]":
    """Packets of the pictures, flushed."""
    kind = plane_format(spec.pix_fmt)
    for index, planes in enumerate(shown):
        frame = _av_frame(planes, kind, spec)
        frame.pts = index if spec.pts is None else spec.pts[index]
        frame.time_base = _time_base(spec)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _time_base(spec: Spec) -> Fraction:
    return spec.time_base or 1 / spec.rate


def _av_frame(planes: tuple[Plane, ...], kind: PlaneFormat, spec: Spec) -> av.VideoFrame:
    frame = to_av_frame(planes, kind)
    if spec.pix_fmt != kind.name:
        frame = frame.reformat(format=spec.pix_fmt, threads=1)
    if spec.look.span is not None:
        frame.color_range = 2 if spec.look.span is Range.FULL else 1
    if spec.look.matrix is not None:
        frame.colorspace = spec.look.matrix
    return frame


def _tag(stream: VideoStream, look: Look) -> None:
    context = stream.codec_context
    if look.matrix is not None:
        context.colorspace = look.matrix
    if look.span is not None:
        context.color_range = 2 if look.span is Range.FULL else 1
    if look.primaries is not None:
        context.color_primaries = look.primaries
    if look.transfer is not None:
        context.color_trc = look.transfer
    if look.sample_aspect_ratio is not None:
        context.sample_aspect_ratio = look.sample_aspect_ratio
    if look.display_matrix is not None:
        stream.set_display_matrix(look.display_matrix)
    if look.chroma_site is not None:
        context.options = context.options | {"chroma_sample_location": look.chroma_site}
    if look.is_interlaced:
        context.flags |= int(av.codec.context.Flags.interlaced_dct)
