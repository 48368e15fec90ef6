"""Files that are cut, damaged or no video, made from good ones."""

from collections.abc import Collection
from fractions import Fraction
from pathlib import Path

import av

from media import clips
from media.clips import Look, Spec


def cut(source: Path, path: Path, *, keep: float = 0.6) -> Path:
    """The first part of a file, as a download that stopped leaves it."""
    content = source.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


def with_noise(source: Path, path: Path, *, packet: int, length: int = 200) -> Path:
    """The file with bytes overwritten inside one packet of its video, by the packet's number in the file."""
    with av.open(source) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
        chosen = packets[packet]
        payload = bytes(chosen)
    content = bytearray(source.read_bytes())
    start = content.index(payload) + chosen.size // 2
    stop = min(start + length, start + chosen.size // 2 - 8)
    content[start:stop] = bytes((byte * 73 + 41) % 256 for byte in range(stop - start))
    path.write_bytes(content)
    return path


def zeroed(source: Path, path: Path, *, packets: Collection[int] | None = None) -> Path:
    """The file with zeros in place of some packets of its video, by their numbers in the file, or of all."""
    with av.open(source) as container:
        payloads = [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]
    content = source.read_bytes()
    for number, payload in enumerate(payloads):
        if packets is None or number in packets:
            content = content.replace(payload, bytes(len(payload)))
    path.write_bytes(content)
    return path


def size_change(path: Path, *, first: Spec | None = None, then: Spec | None = None) -> Path:
    """A raw H.264 stream of two sizes, one after the other."""
    first = first or Spec(frames=12, b_frames=0)
    then = then or Spec(frames=12, b_frames=0, size=(32, 48))
    parts = [clips.from_spec(path.with_suffix(f".{n}.h264"), spec) for n, spec in enumerate((first, then))]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def joined_times(path: Path) -> Path:
    """An MPEG-TS whose times start anew in the middle."""
    part = clips.plain(path.with_suffix(".part.ts"), frames=60, codec="mpeg2video")
    path.write_bytes(part.read_bytes() * 2)
    return path


def odd_times(path: Path, pts: tuple[int, ...]) -> Path:
    """An MKV of still-coded frames with any times, in milliseconds; the muxer is not asked."""
    spec = Spec(frames=len(pts), codec="mjpeg", pix_fmt="yuvj420p", look=Look())
    whole = clips.from_spec(path.with_suffix(".whole.mkv"), spec)
    with av.open(whole) as source, av.open(path, "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        places = enumerate(pts)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                place, packet.pts = next(places)
                packet.dts = place - 1000  # rising, as the muxer demands; MKV does not store it
                packet.time_base = Fraction(1, 1000)
                packet.stream = stream
                out.mux(packet)
    return path


def edit_list(path: Path, *, skipped: int = 5) -> Path:
    """An MP4 whose edit list cuts off the first frames, so that it starts on no key frame."""
    spec = Spec(pts=tuple(range(-skipped, 24 - skipped)), b_frames=2)
    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(path, "w", container_options=options) as out:
        clips.mux_pictures(out, spec)
    return path


def text(path: Path) -> Path:
    """A UTF-8 text."""
    path.write_text("This is no video, whatever its name says.\n" * 20, encoding="utf-8")
    return path


def concat_script(path: Path, target: str) -> Path:
    """A script of FFmpeg's concat demuxer that names a neighbour."""
    path.write_text(f"ffconcat version 1.0\nfile {target}\n", encoding="utf-8")
    return path


def hls_playlist(path: Path, target: str) -> Path:
    """An HLS playlist that names a neighbour or an address."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:10", "#EXTINF:9,", target, "#EXT-X-ENDLIST"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def picture(path: Path) -> Path:
    """A PNG of one picture, whatever its name."""
    context = av.CodecContext.create("png", "w")
    context.height, context.width = (32, 48)
    context.pix_fmt = "rgb24"
    context.time_base = Fraction(1)
    frame = av.VideoFrame(48, 32, "rgb24")
    frame.pts = 0
    path.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))
    return path
