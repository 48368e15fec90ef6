"""When the frames of a source are shown: one pass over its packets, or over its frames where packets do not tell.

The decoder's times are kept as they are, after edit lists, with negative ones and B-frames. Only where they
are missing, repeated or out of order (AVI with B-frames, raw streams) are they set right: `rising`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from vrinr_cli.errors import InputError
from vrinr_cli.video.info import Timeline
from vrinr_cli.video.limits import PLAIN, Wanted
from vrinr_cli.video.source import decoded, decoder_of, main_video, only, open_source, shown

HEAD_FRAMES = 40
"""Frames that are decoded to see whether packets tell the times: more than any codec reorders (32 fields)."""

_HIDING_DECODERS = frozenset({"vp8", "libvpx", "rv30", "rv40"})
"""Decoders of codecs with packets that show nothing (VP8's alternate references) or have other times."""
_FIELD_CODECS = frozenset({"h264", "hevc", "vvc"})
"""Codecs that may store the two fields of a frame in two packets."""


@dataclass(slots=True)
class StreamPackets:
    """What the pass saw of one stream."""

    packets: int = 0
    end: int | None = None
    """When the last of its packets ends, in the stream's time base."""


@dataclass(slots=True)
class VideoPackets:
    """The shown packets of the video stream, in the order of the file."""

    pts: list[int | None] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    key_pts: list[int | None] = field(default_factory=list)
    is_in_order: bool = True
    """Whether decoding times never go back."""


@dataclass(slots=True)
class DecodedTimes:
    """What a decoder said of frames, in display order."""

    first: av.VideoFrame | None = None
    pts: list[int | None] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    """Indices of the key frames."""
    is_interlaced: bool = False
    """Whether any frame is flagged as two fields."""
    failed_at: int | None = None
    """Number of frames that came before the decoder first failed, if it did after the first frame."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The timeline of the video stream, and how to find its frames in the file."""

    timeline: Timeline
    keyframes: tuple[int, ...]
    decoder_pts: tuple[int | None, ...] | None
    """The decoder's times, where they are not the timeline's."""
    streams: dict[int, StreamPackets]
    failed_at: int | None = None
    """Index at which frames are lost; only a pass over frames finds out."""


def scan(
    container: InputContainer,
    stream: VideoStream,
    path: Path,
    *,
    decoder: str,
    head: DecodedTimes,
    wanted: Wanted = PLAIN,
    on_packet: Callable[[], object] | None = None,
) -> Scan:
    """Read all packets of a file once and find out when its frames are shown.

    Args:
        container: the file, at its beginning; it is at its end afterwards.
        stream: its video stream.
        path: its path, to open it again where all frames must be decoded.
        decoder: FFmpeg's name of the decoder.
        head: the first frames as `decode_times` gave them.
        wanted: what the file was opened for.
        on_packet: called for each packet that is read, and each picture that is decoded.

    Raises:
        InputError: times start anew in the middle of the file.
    """
    video, streams = _read_packets(container, stream, on_packet)
    has_fields = head.is_interlaced and stream.codec_context.name in _FIELD_CODECS
    if decoder in _HIDING_DECODERS or has_fields or not _tells_times(video, head):
        times = decode_times(path, decoder, wanted=wanted, on_picture=on_packet)
        return _scan_of_frames(times, stream, path, streams)
    return _scan_of_packets(video, stream, streams)


def decode_times(
    path: Path,
    decoder: str,
    *,
    limit: int | None = None,
    wanted: Wanted = PLAIN,
    on_picture: Callable[[], object] | None = None,
) -> DecodedTimes:
    """Times of the frames of a file's video, of the first `limit` or of all; says when each picture is decoded."""
    times = DecodedTimes()

    def note_failure(_: av.FFmpegError) -> None:
        if times.pts and times.failed_at is None:
            times.failed_at = len(times.pts)

    with open_source(path) as container:
        stream = main_video(container, path, wanted)
        only(container, stream)
        context = decoder_of(stream, decoder, most_pixels=wanted.most_pixels)
        for frame in decoded(container, stream, context, note_failure):
            if on_picture is not None:
                on_picture()
            _note_frame(times, frame)
            if len(times.pts) == limit:
                break
    return times


def rising(times: Sequence[int | None], step: int) -> tuple[int, ...]:
    """Times made strictly rising, each as near to what it was as order allows.

    Missing times follow the one before by a step. Times in another order than the frames are those of the
    packets, as AVI has them: they are sorted. Equal times move up by as little as possible.

    Args:
        times: in display order; None is unknown.
        step: nominal time from frame to frame, at least 1.
    """
    filled: list[int] = []
    for time in times:
        filled.append(time if time is not None else filled[-1] + step if filled else 0)
    result: list[int] = []
    for time in sorted(filled):
        result.append(max(time, result[-1] + 1) if result else time)
    return tuple(result)


def on_screen(pts: Sequence[int], last: int, step: int) -> tuple[int, ...]:
    """How long each frame stays: to the next one; the last as long as it says, or else a step."""
    gaps = [following - time for time, following in pairwise(pts)]
    return (*gaps, last if last > 0 else gaps[-1] if gaps else step)


def clock(timeline: Timeline, index: int) -> str:
    """When a frame is shown, counted from the first: h:mm:ss.mmm."""
    place = min(index, len(timeline) - 1)
    milliseconds = round((timeline.pts[place] - timeline.pts[0]) * timeline.time_base * 1000)
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def _note_frame(times: DecodedTimes, frame: av.VideoFrame) -> None:
    if times.first is None:
        times.first = frame
    if frame.key_frame:
        times.keys.append(len(times.pts))
    times.pts.append(frame.pts)
    times.durations.append(frame.duration)
    times.is_interlaced = times.is_interlaced or frame.interlaced_frame


def _read_packets(
    container: InputContainer, stream: VideoStream, on_packet: Callable[[], object] | None
) -> tuple[VideoPackets, dict[int, StreamPackets]]:
    video = VideoPackets()
    streams = {other.index: StreamPackets() for other in container.streams}
    last_dts: int | None = None
    try:
        for packet in container.demux():
            if on_packet is not None:
                on_packet()
            if not packet.size:  # not its times: some packets have none, and flushing ones have no size
                continue
            _note_packet(streams[packet.stream_index], packet)
            if packet.stream_index != stream.index or packet.is_discard:
                continue
            video.pts.append(packet.pts)
            video.durations.append(packet.duration or 0)
            if packet.is_keyframe:
                video.key_pts.append(packet.pts)
            if packet.dts is not None:
                video.is_in_order &= last_dts is None or packet.dts >= last_dts
                last_dts = packet.dts
    except av.FFmpegError:
        return video, streams  # the file ends here; what is missing shows in the counts
    return video, streams


def _note_packet(seen: StreamPackets, packet: "Packet[Stream]") -> None:
    seen.packets += 1
    if packet.pts is not None:
        end = packet.pts + (packet.duration or 0)
        seen.end = end if seen.end is None else max(seen.end, end)


def _tells_times(video: VideoPackets, head: DecodedTimes) -> bool:
    """Whether each packet is one frame with a time of its own: in order, and as decoding the first ones shows."""
    known = [time for time in video.pts if time is not None]
    if len(known) < len(video.pts) or len(set(known)) < len(known) or not video.is_in_order:
        return False
    is_whole = len(head.pts) < HEAD_FRAMES
    expected = sorted(known) if is_whole else sorted(known)[: len(head.pts)]
    return expected == head.pts


def _scan_of_packets(video: VideoPackets, stream: VideoStream, streams: dict[int, StreamPackets]) -> Scan:
    shown_packets = sorted((pts, d) for pts, d in zip(video.pts, video.durations, strict=True) if pts is not None)
    pts = tuple(time for time, _ in shown_packets)
    time_base = _time_base(stream)
    durations = on_screen(pts, shown_packets[-1][1], nominal_step(stream))
    index_of = {time: index for index, time in enumerate(pts)}
    keys = (index_of[time] for time in video.key_pts if time is not None)
    return Scan(Timeline(pts, durations, time_base), tuple(sorted({0, *keys})), None, streams)


def _scan_of_frames(times: DecodedTimes, stream: VideoStream, path: Path, streams: dict[int, StreamPackets]) -> Scan:
    step = nominal_step(stream)
    _refuse_restart(times.pts, step, path)
    pts = rising(times.pts, step)
    timeline = Timeline(pts, on_screen(pts, times.durations[-1], step), _time_base(stream))
    names = tuple(times.pts)
    uses = Counter(names)
    keys = [key for key in times.keys if names[key] is not None and uses[names[key]] == 1]
    return Scan(
        timeline,
        tuple(sorted({0, *keys})),
        None if names == pts else names,
        streams,
        failed_at=times.failed_at,
    )


def _refuse_restart(pts: Sequence[int | None], step: int, path: Path) -> None:
    """Raise if times fall back by more than any reordering does."""
    latest: int | None = None
    for index, time in enumerate(pts):
        if time is None:
            continue
        if latest is not None and time < latest - HEAD_FRAMES * step:
            raise InputError(
                f"{shown(path)}: times start anew at frame {index} (joined files?)", hint="split the file there"
            )
        latest = time if latest is None else max(latest, time)


def nominal_step(stream: VideoStream) -> int:
    """Ticks from frame to frame at the stream's rate, at least 1; of 25 a second if it states none."""
    rate = stream.guessed_rate or stream.average_rate or Fraction(25)
    return max(round(1 / (rate * _time_base(stream))), 1)


def _time_base(stream: VideoStream) -> Fraction:
    return stream.time_base or Fraction(1, 1000)
