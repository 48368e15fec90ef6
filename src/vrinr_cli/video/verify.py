"""Whether a finished file is what the plan promised: every frame decodes, at its time, and no stream is lost."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vrinr_cli.errors import VerifyError, printable
from vrinr_cli.video.files import cause_of, open_written
from vrinr_cli.video.join import JoinedStream, contents
from vrinr_cli.video.pixels import has_alpha
from vrinr_cli.video.source import decoder_name

_HINT = "the chunks are kept; the same command joins them again, and with --restart it makes them anew"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found, all as expected."""

    frames: int
    packets: tuple[int, ...]
    """Of each stream."""
    largest_error: Fraction
    """Seconds; by how much a time differs at most, 0 where the container holds times exactly."""


def verify(
    path: Path,
    *,
    pts: Sequence[int],
    time_base: Fraction,
    size: tuple[int, int],
    streams: Sequence[JoinedStream],
    on_packet: Callable[[], object] | None = None,
) -> VerifyReport:
    """Reads a file to its end and decodes its video.

    Args:
        path: the file.
        pts: times of all frames in display order.
        time_base: unit of `pts`.
        size: (height, width) of the coded frames.
        streams: what the file must hold, in order; data streams that a muxer adds behind are let be.
        on_packet: called for each packet that was read, and decoded where it is of the video.

    Returns:
        What was found.

    Raises:
        VerifyError: the first difference.
    """
    try:
        with open_written(path) as file:
            video = _check_streams(path, file, streams)
            has_alpha = next(stream.has_alpha for stream in streams if stream.is_restored)
            check = _FrameCheck(path, pts, time_base, size, video.time_base or time_base, has_alpha=has_alpha)
            packets, digest = _read_all(file, video, check, on_packet)
            check.finish()
    except (FFmpegError, OSError) as error:
        raise VerifyError(f"{printable(path.name)}: does not read back: {cause_of(error)}", hint=_HINT) from error
    _check_packets(path, streams, packets)
    if digest != next(stream.digest for stream in streams if stream.is_restored):
        raise VerifyError(f"{printable(path.name)}: the video's packets are not those of the chunks", hint=_HINT)
    return VerifyReport(frames=len(pts), packets=tuple(packets), largest_error=check.largest_error)


class _FrameCheck:
    """Holds each decoded frame against its expected time and size."""

    def __init__(
        self,
        path: Path,
        pts: Sequence[int],
        time_base: Fraction,
        size: tuple[int, int],
        tick: Fraction,
        *,
        has_alpha: bool,
    ) -> None:
        self._name = printable(path.name)
        self._pts = pts
        self._time_base = time_base
        self._size = size
        self._tick = tick
        self._has_alpha = has_alpha
        self._seen = 0
        self.largest_error = Fraction(0)

    def take_all(self, frames: Iterable[object]) -> None:
        """Compare the next frames in display order."""
        for frame in frames:
            if isinstance(frame, av.VideoFrame):
                self._take(frame)

    def _take(self, frame: av.VideoFrame) -> None:
        number = self._seen
        self._seen += 1
        if number >= len(self._pts):
            raise VerifyError(f"{self._name}: more than {number} frames", hint=_HINT)
        if frame.is_corrupt:
            raise VerifyError(f"{self._name}: frame {number} is damaged", hint=_HINT)
        if (frame.height, frame.width) != self._size:
            raise VerifyError(
                f"{self._name}: frame {number} is {frame.width}x{frame.height}, "
                f"{self._size[1]}x{self._size[0]} is wanted",
                hint=_HINT,
            )
        if self._has_alpha and not has_alpha(frame.format.name):
            raise VerifyError(f"{self._name}: frame {number} has lost its transparency", hint=_HINT)
        self._take_time(number, frame.pts)

    def finish(self) -> None:
        """Compare the number of frames."""
        if self._seen != len(self._pts):
            raise VerifyError(f"{self._name}: {self._seen} frames, {len(self._pts)} are wanted", hint=_HINT)

    def _take_time(self, number: int, found: int | None) -> None:
        """A time is right if it is the expected one or one of the container's ticks next to it."""
        wanted = self._pts[number] * self._time_base
        ticks = wanted / self._tick
        if found not in (floor(ticks), ceil(ticks)) or found is None:
            shown = "no time" if found is None else f"time {float(found * self._tick):.6f} s"
            raise VerifyError(f"{self._name}: frame {number} has {shown}, {float(wanted):.6f} s is wanted", hint=_HINT)
        self.largest_error = max(self.largest_error, abs(found * self._tick - wanted))


def _check_streams(path: Path, file: InputContainer, wanted: Sequence[JoinedStream]) -> VideoStream:
    """The video stream, if the file has the streams wanted.

    Covers come last in MP4 and Matroska, so pictures are compared by number and the rest by order.
    """
    kinds = [stream.type for stream in file.streams if not _is_picture(stream)]
    while kinds and kinds[-1] == "data" and len(kinds) > sum(not s.is_picture for s in wanted):
        kinds.pop()  # MP4's own chapter track
    expected = [stream.kind for stream in wanted if not stream.is_picture]
    pictures = sum(_is_picture(stream) for stream in file.streams)
    if kinds != expected or pictures != sum(stream.is_picture for stream in wanted):
        raise VerifyError(
            f"{printable(path.name)}: streams {', '.join(kinds)} and {pictures} covers, "
            f"{', '.join(expected)} and {sum(s.is_picture for s in wanted)} covers are wanted",
            hint=_HINT,
        )
    videos = [stream for stream in file.streams.video if not _is_picture(stream)]
    wanted_videos = [stream for stream in wanted if stream.kind == "video" and not stream.is_picture]
    return next(video for video, stream in zip(videos, wanted_videos, strict=True) if stream.is_restored)


def _is_picture(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _read_all(
    file: InputContainer, video: VideoStream, check: _FrameCheck, on_packet: Callable[[], object] | None
) -> tuple[list[int], str]:
    """Decodes the video and counts the packets of every stream, by its index; and sha256 of the video's."""
    digest = hashlib.sha256()
    context = video.codec_context
    if decoder_name(video) != context.name:
        context = cast(VideoCodecContext, av.CodecContext.create(decoder_name(video), "r"))
        context.extradata = video.codec_context.extradata
    context.thread_type = "AUTO"
    context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}  # do not patch over damage
    packets = [0] * len(file.streams)
    for packet in file.demux():
        if not packet.size:  # the end of a stream, told more than once
            continue
        packets[packet.stream_index] += 1
        if packet.stream_index == video.index:
            for content in contents(packet):
                digest.update(content)
            check.take_all(context.decode(packet))
        if on_packet is not None:
            on_packet()
    check.take_all(context.decode(None))
    return packets, digest.hexdigest()


def _check_packets(path: Path, wanted: Sequence[JoinedStream], found: Sequence[int]) -> None:
    for index, (stream, packets) in enumerate(zip(wanted, found, strict=False)):
        if stream.packets is not None and not stream.is_picture and packets != stream.packets:
            raise VerifyError(
                f"{printable(path.name)}: {stream.kind} stream {index} has {packets} packets, "
                f"{stream.packets} are wanted",
                hint=_HINT,
            )
