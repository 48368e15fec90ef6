"""One stream of the source on its way into the target: copied packet by packet, or decoded and encoded again.

Every kind of track has `put`, which takes a packet of the source and gives packets to mux, and `finish`.
"""

from __future__ import annotations  # PyAV's Packet[...] exists for type checkers only

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import floor
from typing import Protocol

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from vrinr_cli.errors import TargetError
from vrinr_cli.video.containers import Container, StreamAction, describe
from vrinr_cli.video.files import cause_of

_STALE_TAGS = ("duration", "bps", "number_of_", "_statistics_", "encoder", "handler_name", "vendor_id")
"""Tags of a stream that say how the source was made, by how they begin."""
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""Layouts that AAC and Opus take, by their number of channels; others become stereo."""
_BITS_PER_CHANNEL = 96_000
_NO_TEXT = b"\0\0"
"""A caption of MP4 with a length of 0."""
_MIME_TYPES = {"mjpeg": "image/jpeg", "png": "image/png", "bmp": "image/bmp", "gif": "image/gif"} | {
    "tiff": "image/tiff"
}


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the source's time that is kept, and how far it moves. All in seconds."""

    start: Fraction | None
    """Nothing before is kept; None is no limit."""
    stop: Fraction | None
    """Nothing from here on is kept; None is no limit."""
    shift: Fraction
    """Added to every time."""

    def holds(self, time: Fraction) -> bool:
        """Whether something that starts at this time is kept."""
        return (self.start is None or time >= self.start) and (self.stop is None or time < self.stop)

    def ticks(self, time_base: Fraction) -> int:
        """The shift in units of a time base, to the nearest."""
        return floor(self.shift / time_base + Fraction(1, 2))


class Track(Protocol):
    """A stream of the target that is fed from one of the source."""

    window: Window

    def put(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """Packets to mux for a packet of the source; may be none."""
        ...

    def finish(self) -> list[Packet[Stream]]:
        """What is still inside."""
        ...


class CopiedTrack:
    """Gives each packet on as it is, with its time moved."""

    def __init__(self, source: Stream, target: OutputContainer, window: Window) -> None:
        self.window = window
        self.stream = target.add_stream_from_template(source, opaque=True)
        name_stream(source, self.stream)
        self._last_dts: int | None = None

    def put(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """The packet, if it is inside the window."""
        ticks = self.window.ticks(packet.time_base)
        dts = packet.dts if packet.dts is not None else self._dts_for(packet, ticks)
        pts = packet.pts if packet.pts is not None else dts
        if pts is None or not self.window.holds(pts * packet.time_base):
            return []
        packet.dts = None if dts is None else self._rising(dts + ticks)
        packet.pts = pts + ticks if packet.dts is None else max(pts + ticks, packet.dts)
        packet.stream = self.stream
        return [packet]

    def finish(self) -> list[Packet[Stream]]:
        """Nothing: no packet is held back."""
        return []

    def _dts_for(self, packet: Packet[Stream], ticks: int) -> int | None:
        """A decoding time for a packet without one; None leaves it to the muxer, which knows of B-frames."""
        if packet.pts is not None:
            return None if self.stream.type == "video" else packet.pts
        return 0 if self._last_dts is None else self._last_dts + 1 - ticks

    def _rising(self, dts: int) -> int:
        """The decoding time, or the next one that a muxer takes."""
        if self._last_dts is not None and dts <= self._last_dts:
            dts = self._last_dts + 1
        self._last_dts = dts
        return dts


class CopiedSubtitles(CopiedTrack):
    """Gives captions on; one that is on screen at the window's start is cut, not lost."""

    def put(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """The caption, if any of it is inside the window."""
        if packet.size == len(_NO_TEXT) and bytes(packet) == _NO_TEXT:
            return []  # MP4's filling between captions, which its muxer makes anew
        clip_caption(packet, self.window)
        return super().put(packet)


class CopiedPicture:
    """A cover that is a stream of one packet without time."""

    def __init__(self, source: Stream, target: OutputContainer, window: Window) -> None:
        self.window = window
        self.stream = target.add_stream_from_template(source, opaque=True)
        name_stream(source, self.stream)

    def put(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """The picture, at the beginning."""
        packet.pts = packet.dts = 0
        packet.stream = self.stream
        return [packet]

    def finish(self) -> list[Packet[Stream]]:
        """Nothing: no packet is held back."""
        return []


class ConvertedAudio:
    """Decodes sound and encodes it again, at the same times."""

    def __init__(self, source: AudioStream, target: OutputContainer, encoder: str, window: Window) -> None:
        self.window = window
        decoder = source.codec_context
        stream = target.add_stream(encoder, rate=_sample_rate(encoder, decoder.sample_rate))
        if not isinstance(stream, AudioStream):
            raise TypeError(f"{encoder} encodes no sound")
        self.stream = stream
        self._encoder = stream.codec_context
        self._encoder.layout = _LAYOUTS.get(decoder.channels, "stereo")
        self._encoder.bit_rate = _BITS_PER_CHANNEL * self._encoder.channels
        name_stream(source, self.stream)
        self._encoder.open()
        self._resampler = self._new_resampler()
        self._kind: tuple[str, str, int] | None = None  # of the sound in the resampler
        self.lost = 0
        """Packets that could not be decoded."""

    def put(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """What the encoder gives for the sound in a packet, if it is inside the window."""
        if packet.pts is not None and not self.window.holds(packet.pts * packet.time_base):
            return []
        packets: list[Packet[Stream]] = []
        for frame in self._decoded(packet):
            if frame.pts is not None and frame.time_base is not None:
                frame.pts += self.window.ticks(frame.time_base)
            packets += [*self._changed(frame), *self._encode(frame)]
        return packets

    def finish(self) -> list[Packet[Stream]]:
        """The rest inside resampler and encoder."""
        return [*self._encode(None), *self._encode_one(None)]

    def _decoded(self, packet: Packet[Stream]) -> list[av.AudioFrame]:
        """The sound in a packet; a damaged one is silence, not the end of hours of work."""
        try:
            return [frame for frame in packet.decode() if isinstance(frame, av.AudioFrame)]
        except av.FFmpegError:
            self.lost += 1
            return []

    def _changed(self, frame: av.AudioFrame) -> list[Packet[Stream]]:
        """What is left in the resampler when the sound changes its kind, as television does; it begins anew."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind == self._kind:
            return []
        rest = self._encode(None) if self._kind is not None else []
        self._kind = kind
        self._resampler = self._new_resampler()
        return rest

    def _new_resampler(self) -> av.AudioResampler:
        return av.AudioResampler(
            format=self._encoder.format,
            layout=self._encoder.layout,
            rate=self._encoder.sample_rate,
            frame_size=self._encoder.frame_size or None,
        )

    def _encode(self, frame: av.AudioFrame | None) -> list[Packet[Stream]]:
        packets: list[Packet[Stream]] = []
        for resampled in self._resampler.resample(frame):
            packets += self._encode_one(resampled)
        return packets

    def _encode_one(self, frame: av.AudioFrame | None) -> list[Packet[Stream]]:
        return list(self.stream.encode(frame))


class ConvertedSubtitles:
    """Decodes captions made of text and encodes them in another form."""

    def __init__(self, source: SubtitleStream, target: OutputContainer, encoder: str, window: Window) -> None:
        self.window = window
        decoder = source.codec_context
        if not decoder.is_open:
            decoder.open()  # makes the header
        stream = target.add_stream(encoder)
        if not isinstance(stream, SubtitleStream):
            raise TypeError(f"{encoder} encodes no subtitles")
        self.stream = stream
        self._source = source
        self._encoder = stream.codec_context
        self._encoder.subtitle_header = decoder.subtitle_header
        self._encoder.time_base = Fraction(1, 1000)
        name_stream(source, self.stream)
        self._encoder.open()

    def put(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """The caption in its new form, if any of it is inside the window."""
        clip_caption(packet, self.window)
        if packet.pts is None or not self.window.holds(packet.pts * packet.time_base):
            return []
        captions = self._source.decode2(packet)
        lines = [rect.ass for rect in captions or () if isinstance(rect, AssSubtitle)]
        if not lines:
            return []
        return [self._encode(b"\n".join(lines), packet)]

    def finish(self) -> list[Packet[Stream]]:
        """Nothing: no caption is held back."""
        return []

    def _encode(self, line: bytes, packet: Packet[Stream]) -> Packet[Stream]:
        start = (packet.pts or 0) * packet.time_base + self.window.shift
        milliseconds = int((packet.duration or 0) * packet.time_base * 1000)
        caption = SubtitleSet.create(text=line, start=0, end=milliseconds)
        encoded: Packet[Stream] = self._encoder.encode_subtitle(caption)
        encoded.time_base = Fraction(1, 1000)
        encoded.pts = encoded.dts = floor(start * 1000 + Fraction(1, 2))
        encoded.duration = milliseconds
        encoded.stream = self.stream
        return encoded


def add_track(
    action: StreamAction,
    source: InputContainer,
    target: OutputContainer,
    container: Container,
    window: Window,
) -> Track | None:
    """A stream of the target for a stream of the source that is not dropped.

    Returns:
        The track; None where the stream has no packets of its own (fonts, and covers in Matroska).

    Raises:
        TargetError: FFmpeg does not accept it; names the stream.
    """
    stream = source.streams[action.index]
    try:
        if isinstance(stream, AttachmentStream) or (action.is_picture and container.holds_attachments):
            _attach(stream, action, source, target)
            return None
        if action.action == "convert" and isinstance(stream, AudioStream):
            return ConvertedAudio(stream, target, action.codec, window)
        if action.action == "convert" and isinstance(stream, SubtitleStream):
            return ConvertedSubtitles(stream, target, action.codec, window)
        if action.is_picture:
            return CopiedPicture(stream, target, window)
        if isinstance(stream, SubtitleStream):
            return CopiedSubtitles(stream, target, window)
        return CopiedTrack(stream, target, window)
    except (av.FFmpegError, ValueError) as error:
        raise refused(action, container, error) from error


def refused(action: StreamAction, container: Container, error: BaseException) -> TargetError:
    """The error of a stream that the container does not take after all."""
    return TargetError(
        f"{container.name} does not take {describe(action)}: {cause_of(error)}",
        hint="name the output .mkv, or leave sound out with --audio none",
    )


def name_stream(source: Stream, target: Stream) -> None:
    """Copies language, title and other tags that are still true, and the disposition."""
    target.metadata.update(
        {key: value for key, value in source.metadata.items() if not key.lower().startswith(_STALE_TAGS)}
    )
    target.disposition = Disposition(source.disposition)


def clip_caption(packet: Packet[Stream], window: Window) -> None:
    """Cuts a caption that is on screen at the window's start or end to what is inside."""
    if packet.pts is None or not packet.duration:
        return
    start, end = packet.pts, packet.pts + packet.duration
    if window.stop is not None:
        end = min(end, max(floor(window.stop / packet.time_base), start + 1))
        packet.duration = end - start
    first = start if window.start is None else -floor(-window.start / packet.time_base)
    if start < first < end:
        packet.pts = packet.dts = first
        packet.duration = end - first


def packets_of(source: InputContainer, streams: list[Stream], *, within: int | None = None) -> Iterator[Packet[Stream]]:
    """The packets of some streams in the order of the file.

    Args:
        source: the file.
        streams: which.
        within: look only at so many packets of the file, whatever stream they belong to; None reads it all.
    """
    if not streams:
        return
    wanted = {stream.index for stream in streams}
    for packet in islice(source.demux() if within else source.demux(streams), within):
        # the last one of each stream is empty; times may be missing in any
        if packet.size and packet.stream_index in wanted:
            yield packet


def _attach(stream: Stream, action: StreamAction, source: InputContainer, target: OutputContainer) -> None:
    if isinstance(stream, AttachmentStream):
        data, kind = stream.data, stream.mimetype or "application/octet-stream"
        name = stream.name or f"attachment{action.index}"
    else:
        data = next((bytes(packet) for packet in packets_of(source, [stream])), b"")
        kind = _MIME_TYPES[action.codec]
        name = stream.metadata.get("filename") or f"cover.{kind.removeprefix('image/').replace('jpeg', 'jpg')}"
        source.seek(0)
    added = target.add_attachment(name, kind, data)
    added.metadata.update({key: value for key, value in stream.metadata.items() if key not in ("filename", "mimetype")})


def _sample_rate(encoder: str, rate: int) -> int:
    rates = av.Codec(encoder, "w").audio_rates
    return rate if not rates or rate in rates else 48000
