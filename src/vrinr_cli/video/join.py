"""Chunks and the source's other streams into one file, without encoding the video again.

The times of the video come from the chunks' records, exactly; those of other streams from the source. Decoding
times are made anew over the whole stream: packet k gets the time at which frame k - D is shown, where D is how
far frames are out of order at most, so that they rise over chunk edges at any rate.
"""

from __future__ import annotations  # PyAV's Packet[...] exists for type checkers only

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from math import ceil, lcm
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vrinr_cli.errors import EncodeError, TargetError, VerifyError, VrinrError, printable
from vrinr_cli.video.containers import Container, StreamAction
from vrinr_cli.video.encoders import VideoTarget, gray_frame, tag_color
from vrinr_cli.video.files import cause_of, open_target, open_written, sync_file
from vrinr_cli.video.growing import told_of_writes
from vrinr_cli.video.info import SourceInfo, StreamKind
from vrinr_cli.video.matroska import Shape, complete_video_track
from vrinr_cli.video.source import is_picture, open_source
from vrinr_cli.video.tracks import ConvertedAudio, Track, Window, add_track, name_stream, packets_of, refused
from vrinr_cli.video.writer import ChunkWriter, WrittenChunk

_CONTAINER_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
"""Global tags that describe the source's file and not its content."""
_LEAD = 256
"""Packets looked at to find the earliest time."""
_TRIAL_PACKETS = 400
"""Packets of the file, of whatever stream, that a trial looks at: a few seconds of film."""
_CODEC_DELAY = Fraction(1, 10)
"""Seconds; more than any sound encoder's first packet lies before the sound."""
_LONGEST_UNIT = 2**31 - 1
"""Most units a second in MP4's header."""


@dataclass(frozen=True, slots=True)
class ChunkFile:
    """A finished chunk."""

    path: Path
    written: WrittenChunk


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of the source that the chunks hold, when it is not all of it."""

    start: int
    """Number of the first frame; its time becomes 0."""
    stop: int
    """Number after the last frame."""


@dataclass(frozen=True, slots=True)
class JoinedStream:
    """A stream that the output must have."""

    kind: StreamKind
    packets: int | None
    """Number of packets; None where the container adds some of its own or has none."""
    is_picture: bool = False
    """Cover art."""
    is_restored: bool = False
    """The stream that the chunks make."""
    has_alpha: bool = False
    """Whether its frames have alpha."""
    digest: str = ""
    """sha256 of the `contents` of the restored stream's packets in their order; empty for others, which muxers may
    reword."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What was written: what `verify` looks for."""

    pts: tuple[int, ...]
    """Time of each frame in display order, in the target's time base."""
    time_base: Fraction
    streams: tuple[JoinedStream, ...]
    shift: Fraction
    """Seconds by which all streams were moved against the source."""
    lost_sound: int = 0
    """Damaged packets of converted sound that are silence now."""


def join(  # noqa: PLR0917 - six things make an output, none more obvious than the others
    chunks: Sequence[ChunkFile],
    source: SourceInfo,
    target: VideoTarget,
    container: Container,
    actions: Sequence[StreamAction],
    output: Path,
    *,
    cut: Cut | None = None,
    tags: dict[str, str] | None = None,
    on_packet: Callable[[], object] | None = None,
) -> Joined:
    """Writes the output; on any error it is removed.

    Args:
        chunks: in order; together all frames of the source, or of the cut.
        source: where the other streams come from.
        target: what the chunks were encoded as.
        container: what to write.
        actions: `plan_streams` of the source and the container.
        output: file to write; made or overwritten.
        cut: the part of the source that the chunks hold.
        tags: further global tags; MP4 and MOV keep only the usual ones, such as "comment".
        on_packet: called for each packet that is written, and as the file's end is seen to be written.

    Raises:
        VerifyError: the chunks are not what they are said to be or do not fit together.
        EncodeError: reading the source or writing the output fails.
        TargetError: the container does not take a stream.
    """
    times = _checked_times(chunks, source, cut)
    window = _window(times, target, cut)
    try:
        with _original(source, chunks[0].path) as original, open_written(chunks[0].path) as first:
            joiner = _Joiner(original, output, target=target, container=container, times=times, window=window)
            with joiner:
                joiner.on_packet = on_packet
                joiner.add_streams(first.streams.video[0], source, actions)
                joiner.copy_tags(tags or {})
                joiner.mux_all(chunks)
        if not container.has_codec_tags:
            _tell_shape_and_rate(output, source, target, joiner.describe())
        sync_file(output)
    except BaseException as error:
        output.unlink(missing_ok=True)
        if isinstance(error, FFmpegError | OSError | ValueError) and not isinstance(error, VrinrError):
            raise EncodeError(
                f"{printable(output.name)}: {cause_of(error)}",
                hint="the chunks are kept; the same command only joins again",
            ) from error
        raise
    return joiner.describe()


def contents(packet: Packet[Stream]) -> Iterator[bytes]:
    """What the decoder gets of a packet: its bytes, and VP9's alpha, which stands beside them."""
    yield bytes(packet)
    if packet.has_sidedata("matroska_block_additional"):
        yield bytes(packet.get_sidedata("matroska_block_additional"))


def check_holds(
    source: SourceInfo,
    target: VideoTarget,
    container: Container,
    actions: Sequence[StreamAction],
    folder: Path,
) -> None:
    """Tries the container with one gray frame and the first packets of each stream, before the work.

    Args:
        source: where the streams come from.
        target: the video to be.
        container: the kind of file to be.
        actions: `plan_streams` of the source and the container.
        folder: an existing folder for files of a moment; none is left.

    Raises:
        TargetError: the container does not take the video or a stream; names it.
    """
    if container.holds_pictures:
        return
    path = folder / "trial.mkv"
    try:
        with ChunkWriter(path, target) as writer:
            writer.write(gray_frame(target, source.timeline))
            chunk = ChunkFile(path, writer.close())
        for action in (None, *(action for action in actions if action.action != "drop")):
            _try_to_hold(chunk, source, target=target, container=container, action=action, folder=folder)
    finally:
        path.unlink(missing_ok=True)


def _original(source: SourceInfo, chunk: Path) -> InputContainer:
    """The file that the other streams come from: for a row of pictures a chunk, which has none."""
    return open_source(source.path) if source.first_number is None else open_written(chunk)


def _try_to_hold(
    chunk: ChunkFile,
    source: SourceInfo,
    *,
    target: VideoTarget,
    container: Container,
    action: StreamAction | None,
    folder: Path,
) -> None:
    """Writes a file of one frame and, if there is an action, the first packets of its stream."""
    output = folder / f"trial.{container.muxer}"
    line = source.timeline
    times = _Times(line.pts[:1], line.durations[:1], 0)
    window = Window(None, None, Fraction(0))
    try:
        with _original(source, chunk.path) as original, open_written(chunk.path) as first:
            joiner = _Joiner(original, output, target=target, container=container, times=times, window=window)
            with joiner:
                joiner.add_streams(first.streams.video[0], source, [action] if action else [])
                joiner.mux_all([chunk], within=_TRIAL_PACKETS)
    except (FFmpegError, ValueError) as error:
        if action is not None:
            raise refused(action, container, error) from error
        raise TargetError(
            f"{container.name} does not take {target.encoder} {target.pix_fmt}: {cause_of(error)}",
            hint="name the output .mkv, or choose another --codec",
        ) from error
    finally:
        output.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Times:
    """Of all frames in display order, in the target's time base."""

    pts: tuple[int, ...]
    durations: tuple[int, ...]
    depth: int

    def dts(self, place: int) -> int:
        """Decoding time of a packet by its place in the file."""
        if place >= self.depth:
            return self.pts[place - self.depth]
        step = self.pts[1] - self.pts[0] if len(self.pts) > 1 else 1
        return self.pts[0] - (self.depth - place) * step


class _Joiner:
    """The streams of one output while it is written."""

    def __init__(
        self,
        source: InputContainer,
        output: Path,
        *,
        target: VideoTarget,
        container: Container,
        times: _Times,
        window: Window,
    ) -> None:
        self._source, self._output = source, output
        self._result = open_target(output, container.muxer, _muxer_options(container, target, source))
        self._target = target
        self._container = container
        self._times = times
        self._window = window
        self._tracks: dict[int, Track] = {}  # by the index in the source
        self._streams: list[JoinedStream] = []  # by the index in the target, packets still None
        self._counts: dict[int, int] = {}
        self._digest = hashlib.sha256()
        self._counted: set[int] = set()  # indices of streams that the muxer adds no packets to
        self.on_packet: Callable[[], object] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            with told_of_writes(self._output, self.on_packet):  # an MP4 is moved as a whole, to put its index before it
                self._result.close()
            return
        with suppress(FFmpegError, OSError):  # the file is thrown away; the first error is the one to tell
            self._result.close()

    def add_streams(self, first: VideoStream, source: SourceInfo, actions: Sequence[StreamAction]) -> None:
        """All streams of the target, in the order of the source."""
        by_index = {action.index: action for action in actions if action.action != "drop"}
        for index in sorted({source.video_stream, *by_index}):
            if index == source.video_stream:
                self._video = self._add_video(first, self._source.streams[index])
                continue
            action = by_index[index]
            track = add_track(action, self._source, self._result, self._container, self._window)
            if track is not None:
                self._tracks[index] = track
            adds_gaps = action.kind == "subtitle" and self._container.has_codec_tags
            if track is not None and not adds_gaps:
                self._counted.add(len(self._streams))
            self._streams.append(JoinedStream(action.kind, None, action.is_picture))
        self._flag_restored()

    def _flag_restored(self) -> None:
        """Of several videos the restored one is what players show, whichever they showed before."""
        videos = [video for video in self._result.streams.video if not is_picture(video)]
        if len(videos) == 1:
            return
        for video in videos:
            is_restored = video.index == self._video.index
            flags = video.disposition & ~Disposition.default
            video.disposition = flags | Disposition.default if is_restored else flags

    def copy_tags(self, tags: dict[str, str]) -> None:
        """Global tags and chapters."""
        kept = {k: v for k, v in self._source.metadata.items() if k.lower() not in _CONTAINER_TAGS}
        self._result.metadata.update(kept | tags)
        self._result.set_chapters(_moved_chapters(self._source.chapters(), self._window))

    def mux_all(self, chunks: Sequence[ChunkFile], *, within: int | None = None) -> None:
        """All packets, in the order of their decoding times; of other streams those `within` the file's first."""
        others = self._other_packets(within)
        lead = list(islice(others, _LEAD))
        self._move_up(self._shift_for(lead))
        video = self._video_packets(chunks)
        waiting = next(video, None)
        for packet in _chain(lead, others):
            for ready in self._tracks[packet.stream_index].put(packet):
                while waiting is not None and _is_due(waiting, ready):
                    self._mux(waiting)
                    waiting = next(video, None)
                self._mux(ready)
        while waiting is not None:
            self._mux(waiting)
            waiting = next(video, None)
        for track in self._tracks.values():
            for packet in track.finish():
                self._mux(packet)

    def describe(self) -> Joined:
        """What has been muxed."""
        moved = self._window.ticks(self._target.time_base)
        return Joined(
            pts=tuple(pts + moved for pts in self._times.pts),
            time_base=self._target.time_base,
            streams=tuple(
                replace(
                    stream,
                    packets=self._counts.get(place, 0) if place in self._counted else None,
                    digest=self._digest.hexdigest() if stream.is_restored else "",
                )
                for place, stream in enumerate(self._streams)
                if place in self._counts or self._keeps_empty(stream)
            ),
            shift=self._window.shift,
            lost_sound=sum(track.lost for track in self._tracks.values() if isinstance(track, ConvertedAudio)),
        )

    def _keeps_empty(self, stream: JoinedStream) -> bool:
        """Whether a stream without packets has a place in the file: MP4 and MOV leave out all but subtitles."""
        return stream.kind == "subtitle" or not self._container.has_codec_tags

    def _add_video(self, chunk: VideoStream, source: Stream) -> VideoStream:
        target = self._target
        stream = self._result.add_stream_from_template(chunk, opaque=True)
        context = stream.codec_context
        tag_color(context, target.color)
        if target.sample_aspect_ratio:
            context.sample_aspect_ratio = target.sample_aspect_ratio
        if target.codec_tag:
            context.codec_tag = target.codec_tag
        stream.time_base = target.time_base
        stream.set_display_matrix(target.display_matrix)
        name_stream(source, stream)
        if target.format.alpha and target.codec == "vp9":  # its alpha stands beside the packets
            stream.metadata["alpha_mode"] = "1"
        self._counted.add(len(self._streams))
        self._streams.append(JoinedStream("video", None, is_restored=True, has_alpha=target.format.alpha))
        return stream

    def _other_packets(self, within: int | None) -> Iterator[Packet[Stream]]:
        streams = [self._source.streams[index] for index in self._tracks]
        return packets_of(self._source, streams, within=within)

    def _video_packets(self, chunks: Sequence[ChunkFile]) -> Iterator[Packet[Stream]]:
        """The chunks' packets with their times in the target."""
        moved = self._window.ticks(self._target.time_base)
        base = 0
        for chunk in chunks:
            for place, packet in enumerate(_chunk_packets(chunk)):
                frame = base + chunk.written.order[place]
                packet.stream = self._video
                packet.time_base = self._target.time_base
                packet.pts = self._times.pts[frame] + moved
                packet.dts = self._times.dts(base + place) + moved
                packet.duration = self._times.durations[frame]
                for content in contents(packet):
                    self._digest.update(content)
                yield packet
            base += chunk.written.frames

    def _shift_for(self, lead: Sequence[Packet[Stream]]) -> Fraction:
        """Seconds to move all streams up by, whole ticks of the video, so that none starts where it cannot.

        The video starts at 0 or later. Sound may start before by the delay of its encoder; more than that only
        MP4 and MOV can tell.
        """
        tick = self._target.time_base
        earliest = self._times.pts[0] * tick
        if not self._container.holds_negative_times:
            times = [p.pts * p.time_base for p in lead if p.pts is not None]
            early = [time for time in times if time < -_CODEC_DELAY and self._window.holds(time)]
            earliest = min([earliest, *early])
        return ceil(max(Fraction(0), -(earliest + self._window.shift)) / tick) * tick

    def _move_up(self, shift: Fraction) -> None:
        window = self._window
        self._window = Window(window.start, window.stop, window.shift + shift)
        for track in self._tracks.values():
            track.window = self._window

    def _mux(self, packet: Packet[Stream]) -> None:
        place = packet.stream_index
        self._counts[place] = self._counts.get(place, 0) + 1
        self._result.mux(packet)
        if self.on_packet is not None:
            self.on_packet()


def _checked_times(chunks: Sequence[ChunkFile], source: SourceInfo, cut: Cut | None) -> _Times:
    """The frames' times, from chunks that fit together and hold what they should.

    Raises:
        VerifyError: they do not.
    """
    written = [chunk.written for chunk in chunks]
    digests = {chunk.extradata_digest for chunk in written}
    if len(digests) != 1:
        raise VerifyError(f"chunks have {len(digests)} different headers", hint="begin anew with --restart")
    pts = tuple(time for chunk in written for time in chunk.pts)
    line = source.timeline
    start, stop = (0, len(line)) if cut is None else (cut.start, cut.stop)
    if pts != line.pts[start:stop]:
        raise VerifyError(
            f"chunks hold {len(pts)} frames, {stop - start} with other times are wanted",
            hint="begin anew with --restart",
        )
    depth = max(chunk.reorder_depth for chunk in written)
    return _Times(pts, line.durations[start:stop], depth)


def _window(times: _Times, target: VideoTarget, cut: Cut | None) -> Window:
    if cut is None:
        return Window(None, None, Fraction(0))
    start = times.pts[0] * target.time_base
    stop = (times.pts[-1] + times.durations[-1]) * target.time_base
    return Window(start, stop, -start)


def _muxer_options(container: Container, target: VideoTarget, source: InputContainer) -> dict[str, str]:
    if not container.has_codec_tags:
        return {"avoid_negative_ts": "disabled"}  # we move streams up ourselves, by whole ticks
    units = target.time_base.denominator
    while units < 10_000:  # as the muxer does for the video's own unit
        units *= 2
    contexts = (stream.codec_context for stream in source.streams.audio)
    exact = lcm(units, *(context.sample_rate or 1 for context in contexts if context is not None))
    header_units = exact if exact <= _LONGEST_UNIT else min(units, _LONGEST_UNIT)
    # the header's unit is that of the tracks' starts
    return {"movflags": "+faststart", "write_tmcd": "0", "movie_timescale": str(header_units)}


def _tell_shape_and_rate(output: Path, source: SourceInfo, target: VideoTarget, joined: Joined) -> None:
    """What Matroska's muxer could not be told."""
    rate = None if source.is_variable_rate else target.nominal_rate
    shape = Shape(target.coded_size, target.sample_aspect_ratio, rate)
    videos = [stream for stream in joined.streams if stream.kind == "video" and not stream.is_picture]
    restored = next(number for number, stream in enumerate(videos) if stream.is_restored)
    complete_video_track(output, shape, number=restored)


def _moved_chapters(chapters: list[Any], window: Window) -> list[Any]:
    """The chapters that reach into the window, cut and moved as it says."""
    kept = []
    for chapter in chapters:
        base = chapter["time_base"]
        start, end = chapter["start"] * base, chapter["end"] * base
        start = start if window.start is None else max(start, window.start)
        end = end if window.stop is None else min(end, window.stop)
        if start < end:
            moved = {"start": round((start + window.shift) / base), "end": round((end + window.shift) / base)}
            kept.append({**chapter, **moved})
    return kept


def _chunk_packets(chunk: ChunkFile) -> Iterator[Packet[Stream]]:
    """The packets of a chunk, each with the number of packets checked.

    Raises:
        VerifyError: the file has not as many as its record says.
    """
    seen = 0
    with open_written(chunk.path) as file:
        for packet in packets_of(file, [file.streams.video[0]]):
            seen += 1
            if seen <= chunk.written.frames:
                yield packet
    if seen != chunk.written.frames:
        raise VerifyError(
            f"{printable(chunk.path.name)}: {seen} packets, {chunk.written.frames} are wanted",
            hint="the same command makes the chunk again when it is deleted",
        )


def _chain(first: list[Packet[Stream]], rest: Iterator[Packet[Stream]]) -> Iterator[Packet[Stream]]:
    """All of both, forgetting the first ones on the way."""
    first.reverse()
    while first:
        yield first.pop()
    yield from rest


def _is_due(video: Packet[Stream], other: Packet[Stream]) -> bool:
    """Whether the video's packet comes before the other."""
    time = other.dts if other.dts is not None else other.pts
    return video.dts is None or time is None or video.dts * video.time_base <= time * other.time_base
