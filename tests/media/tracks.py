"""Files with more than pictures: sound, subtitles, chapters, fonts and covers; and files with no pictures."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from media import clips, pictures
from media.clips import Spec
from vrinr_cli.video.pixels import plane_format

RATE_HZ = 48000
FONT = bytes(range(256)) * 8
"""Stands for a font file; nobody parses it."""
ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize\r\nStyle: Default,Arial,16\r\n\r\n"
    b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
_COVER_SIZE = (32, 32)
CAPTIONS = ((Fraction(1, 10), Fraction(3, 10), "first"), (Fraction(1, 2), Fraction(2, 5), "second äöü"))
"""(start, duration) in seconds and text of each subtitle."""


def rich_mkv(path: Path, *, spec: Spec | None = None) -> Path:
    """MKV with everything: AAC and AC-3 sound (the second 0.3 s late), SRT and ASS, chapters, a font, a cover."""
    spec = spec or Spec()
    seconds = spec.frames / spec.rate
    with av.open(path, "w") as out:
        out.metadata["title"] = "Numbers"
        video = clips.add_video(out, spec)
        english = add_audio(out, "aac", language="eng", title="Main")
        german = add_audio(out, "ac3", language="deu", title="Late", is_default=False)
        srt = add_subtitles(out, "subrip", language="eng", title="Plain")
        ass = add_subtitles(out, "ass", language="deu", title="Styled")
        out.add_attachment("cover.jpg", "image/jpeg", cover_jpeg())
        out.add_attachment("numbers.ttf", "application/x-truetype-font", FONT)
        out.set_chapters(_chapters(seconds))
        _mux_in_order(
            out,
            _video_packets(video, spec),
            tone_packets(english, seconds, hertz=440),
            tone_packets(german, seconds - Fraction(3, 10), hertz=880, start=Fraction(3, 10)),
            _caption_packets(srt, "{text}"),
            _caption_packets(ass, "{number},0,Default,,0,0,0,,{text}"),
        )
    return path


def rich_mp4(path: Path, *, spec: Spec | None = None) -> Path:
    """MP4 with two AAC tracks (the second 0.3 s late), mov_text subtitles, chapters and a cover."""
    spec = spec or Spec()
    seconds = spec.frames / spec.rate
    with av.open(path, "w") as out:
        out.metadata["title"] = "Numbers"
        video = clips.add_video(out, spec)
        first = add_audio(out, "aac", language="eng")
        second = add_audio(out, "aac", language="deu", is_default=False)
        text = add_subtitles(out, "mov_text", language="eng")
        cover = _add_cover(out)
        out.set_chapters(_chapters(seconds))
        _mux_in_order(
            out,
            _video_packets(video, spec),
            tone_packets(first, seconds, hertz=440),
            tone_packets(second, seconds - Fraction(3, 10), hertz=880, start=Fraction(3, 10)),
            _mov_text_packets(text),
            _cover_packets(cover),
        )
    return path


def transport(path: Path, *, spec: Spec | None = None, audio: str = "aac") -> Path:
    """MPEG-TS with sound; the muxer starts it at 1.4 s."""
    return with_sound(path, spec=spec, audio=audio)


def with_sound(
    path: Path, *, spec: Spec | None = None, audio: str = "aac", audio_start: Fraction = Fraction(0)
) -> Path:
    """A clip with one sound track."""
    spec = spec or Spec()
    seconds = spec.frames / spec.rate
    with av.open(path, "w") as out:
        video = clips.add_video(out, spec)
        sound = add_audio(out, audio)
        tone = tone_packets(sound, seconds - audio_start, hertz=440, start=audio_start)
        _mux_in_order(out, _video_packets(video, spec), tone)
    return path


def two_videos(path: Path, *, default: int = 1) -> Path:
    """MKV with two video streams of different size, of which number `default` is flagged."""
    specs = (Spec(size=(48, 64)), Spec())
    with av.open(path, "w") as out:
        streams = [clips.add_video(out, spec) for spec in specs]
        for number, stream in enumerate(streams):
            stream.disposition = Disposition.default if number == default else Disposition(0)
        _mux_in_order(out, *(_video_packets(s, spec) for s, spec in zip(streams, specs, strict=True)))
    return path


def sound_only(path: Path, *, codec: str = "aac", has_cover: bool = False) -> Path:
    """A file with sound and perhaps a cover picture, but no video; MKV or MP4."""
    with av.open(path, "w") as out:
        sound = add_audio(out, codec)
        sources = [tone_packets(sound, Fraction(1), hertz=440)]
        if has_cover and path.suffix == ".mp4":
            sources.append(_cover_packets(_add_cover(out)))
        elif has_cover:
            out.add_attachment("cover.jpg", "image/jpeg", cover_jpeg())
        _mux_in_order(out, *sources)
    return path


def cover_jpeg() -> bytes:
    """A JPEG picture of 32 x 32."""
    context = av.CodecContext.create("mjpeg", "w")
    context.height, context.width = _COVER_SIZE
    context.pix_fmt = "yuvj420p"
    context.time_base = Fraction(1)
    return b"".join(bytes(packet) for packet in [*context.encode(_cover_frame()), *context.encode(None)])


def add_audio(
    out: OutputContainer, codec: str, *, language: str = "", title: str = "", is_default: bool = True
) -> AudioStream:
    """A stereo sound track of 48 kHz in a file that is being written."""
    stream = cast(AudioStream, out.add_stream(codec, rate=RATE_HZ))
    stream.codec_context.layout = "stereo"
    stream.codec_context.time_base = Fraction(1, RATE_HZ)
    _name(stream, language, title)
    stream.disposition = Disposition.default if is_default else Disposition(0)
    return stream


def add_subtitles(out: OutputContainer, codec: str, *, language: str = "", title: str = "") -> Any:
    """A subtitle track whose packets are made by hand."""
    stream: Any = out.add_stream(codec)
    stream.codec_context.time_base = Fraction(1, 1000)
    stream.time_base = Fraction(1, 1000)
    stream.codec_context.subtitle_header = ASS_HEADER
    _name(stream, language, title)
    return stream


def tone_packets(stream: AudioStream, seconds: Fraction, *, hertz: int, start: Fraction = Fraction(0)) -> Iterator[Any]:
    """Packets of a sine, flushed; the first sample is at `start` seconds."""
    context = stream.codec_context
    resampler = av.AudioResampler(context.format.name, "stereo", RATE_HZ)
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sine = (8000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)
    for first in range(0, len(sine), 1024):
        block = sine[first : first + 1024]
        frame = av.AudioFrame.from_ndarray(np.repeat(block, 2)[None], format="s16", layout="stereo")
        frame.sample_rate = RATE_HZ
        frame.pts = int(start * RATE_HZ) + first
        frame.time_base = Fraction(1, RATE_HZ)
        for converted in resampler.resample(frame):
            yield from stream.encode(converted)
    yield from stream.encode(None)


def _name(stream: Any, language: str, title: str) -> None:
    if language:
        stream.metadata["language"] = language
    if title:
        stream.metadata["title"] = title


def _video_packets(stream: VideoStream, spec: Spec) -> Iterator[Any]:
    kind = plane_format(spec.pix_fmt)
    shown = (pictures.numbered(index, kind, spec.size) for index in range(spec.frames))
    return clips.encoded(stream, shown, spec)


def _add_cover(out: OutputContainer) -> VideoStream:
    """MP4's way: a stream of one packet; MKV holds covers as attachments."""
    stream = out.add_stream("mjpeg", rate=1)
    stream.codec_context.height, stream.codec_context.width = _COVER_SIZE
    stream.codec_context.pix_fmt = "yuvj420p"
    stream.disposition = Disposition.attached_pic
    return stream


def _cover_packets(stream: VideoStream) -> Iterator[Any]:
    yield from stream.encode(_cover_frame())
    yield from stream.encode(None)


def _cover_frame() -> av.VideoFrame:
    height, width = _COVER_SIZE
    picture = np.arange(height * width * 3, dtype=np.uint16).astype(np.uint8).reshape(height, width, 3)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p", threads=1)
    frame.pts, frame.time_base = 0, Fraction(1)
    return frame


def _caption_packets(stream: Any, form: str) -> Iterator[Any]:
    for number, (start, duration, text) in enumerate(CAPTIONS):
        yield _caption(stream, form.format(number=number, text=text).encode(), start, duration)


def _mov_text_packets(stream: Any) -> Iterator[Any]:
    """3GPP timed text: a length of 16 bits and the text."""
    for start, duration, text in CAPTIONS:
        content = text.encode()
        yield _caption(stream, len(content).to_bytes(2, "big") + content, start, duration)


def _caption(stream: Any, content: bytes, start: Fraction, duration: Fraction) -> Any:
    packet: Any = Packet(content)
    packet.stream = stream
    packet.time_base = Fraction(1, 1000)
    packet.pts = packet.dts = int(start * 1000)
    packet.duration = int(duration * 1000)
    return packet


def _chapters(seconds: Fraction) -> list[Any]:
    middle, end = int(seconds * 500), int(seconds * 1000)
    return [
        {"id": n, "start": a, "end": b, "time_base": Fraction(1, 1000), "metadata": {"title": f"Part {n}"}}
        for n, (a, b) in enumerate([(0, middle), (middle, end)], start=1)
    ]


def _mux_in_order(out: OutputContainer, *sources: Iterator[Any]) -> None:
    """Mux all packets in the order of their decoding times."""
    out.start_encoding()
    packets = [packet for source in sources for packet in source]
    for packet in sorted(packets, key=lambda p: (p.dts if p.dts is not None else 0) * p.time_base):
        out.mux(packet)
