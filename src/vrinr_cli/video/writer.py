"""Frames in, one closed chunk file out.

A chunk is a Matroska file with one video stream that starts with a key frame and needs no other chunk. Matroska
rounds times to milliseconds, so a chunk's exact times and the order of its packets are not read from it but
stand in its `WrittenChunk`, which the journal keeps.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.error import FFmpegError
from av.video.stream import VideoStream

from vrinr_cli.errors import EncodeError, printable
from vrinr_cli.frame import Frame
from vrinr_cli.video.encoders import VideoTarget, as_encoded, repeat_edges, set_up_encoder
from vrinr_cli.video.files import cause_of, open_target, sync_file, sync_folder
from vrinr_cli.video.pixels import to_av_frame

_LEAD = 64
"""Ticks by which the first decoding time precedes the first frame: more packets than any encoder reorders."""


@dataclass(frozen=True, slots=True)
class WrittenChunk:
    """What is in a finished chunk file."""

    frames: int
    pts: tuple[int, ...]
    """Of each frame in display order, in the target's time base; strictly rising."""
    durations: tuple[int, ...]
    """Of each frame in display order, in the target's time base; 0 is unknown."""
    order: tuple[int, ...]
    """For each packet in the file, the number of its frame in display order."""
    reorder_depth: int
    """By how many packets a frame comes later in the file than in the display, at most."""
    extradata_digest: str
    """sha256 of the encoder's headers; chunks that join have the same."""
    digest: str
    """sha256 of the file."""
    bytes: int


class ChunkWriter:
    """Encodes frames into one chunk file, which has its name only when it is complete.

    Used as a context manager: leaving it by an exception, or without `close`, removes what was written.
    """

    def __init__(self, path: Path, target: VideoTarget, *, threads: int = 1) -> None:
        """Opens the encoder.

        Args:
            path: name of the chunk to be; until `close` the file is called `path` + ".part".
            target: what to encode.
            threads: most threads of the encoder, where that changes no byte.

        Raises:
            EncodeError: the encoder does not open.
        """
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._target = target
        self._pts: list[int] = []
        self._durations: list[int] = []
        self._order: list[int] = []
        self._numbers: dict[int, int] = {}  # pts of the frames inside the encoder to their number
        self._is_finished = False
        try:
            self._file = open_target(self._part, "matroska")
            self._stream = self._add_stream(threads)
        except (FFmpegError, OSError, ValueError) as error:
            raise self._failure(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_finished:
            self._discard()

    def write(self, frame: Frame) -> None:
        """Encodes the next frame in display order.

        Args:
            frame: planes in `target.format` and of `target.size`; its time in the target's time base.

        Raises:
            EncodeError: the frame is not as the target says, not later than the one before, or the encoder
                or the disk fails; nothing is left behind once the context is left.
        """
        self._check(frame)
        self._numbers[frame.pts] = len(self._pts)
        self._pts.append(frame.pts)
        self._durations.append(frame.duration)
        picture = to_av_frame(repeat_edges(frame.planes, self._target), self._target.format)
        picture.pts, picture.time_base = frame.pts, frame.time_base
        self._encode(as_encoded(picture, self._target))

    def close(self) -> WrittenChunk:
        """Ends the chunk: all frames encoded, the file on the disk under its name.

        Raises:
            EncodeError: the encoder or the disk fails, or there were no frames; nothing is left behind.
        """
        try:
            self._encode(None)
            self._check_order()
            headers = self._stream.codec_context.extradata or b""
            self._close_file()
            sync_file(self._part)
            chunk = self._describe(hashlib.sha256(headers).hexdigest())
            self._part.replace(self._path)
            sync_folder(self._path.parent)
        except BaseException as error:
            self._discard()
            if isinstance(error, FFmpegError | OSError):
                raise self._failure(error) from error
            raise
        self._is_finished = True
        return chunk

    def _add_stream(self, threads: int) -> VideoStream:
        stream = self._file.add_stream(self._target.encoder)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{self._target.encoder} encodes no video")
        set_up_encoder(stream, self._target, threads=threads)
        stream.codec_context.open()
        return stream

    def _encode(self, picture: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(picture):
                if packet.pts not in self._numbers:
                    raise EncodeError(
                        f"{self._target.encoder}: a packet of no frame, pts {packet.pts}",
                        hint="choose another --codec",
                    )
                # the encoder's own decoding times may lie behind the display's in short chunks; nobody reads them
                packet.dts = self._pts[0] - _LEAD + len(self._order)
                self._order.append(self._numbers.pop(packet.pts))
                self._file.mux(packet)
        except (FFmpegError, ValueError) as error:
            raise self._failure(error) from error

    def _check(self, frame: Frame) -> None:
        target = self._target
        have = (frame.format, frame.size, frame.time_base)
        want = (target.format, target.size, target.time_base)
        if have != want:
            raise EncodeError(
                f"frame {frame.index} is {have[0].name} {have[1]} in {have[2]} s, "
                f"the target {want[0].name} {want[1]} in {want[2]} s",
                hint="report this",
            )
        if self._pts and frame.pts <= self._pts[-1]:
            raise EncodeError(
                f"frame {frame.index} has time {frame.pts}, the one before {self._pts[-1]}",
                hint="report this",
            )

    def _check_order(self) -> None:
        if not self._pts:
            raise EncodeError(f"{printable(self._path.name)}: a chunk without frames", hint="report this")
        if len(self._order) != len(self._pts):
            raise EncodeError(
                f"{self._target.encoder} made {len(self._order)} packets of {len(self._pts)} frames",
                hint="choose another --codec or leave out --encoder-option",
            )

    def _describe(self, extradata_digest: str) -> WrittenChunk:
        return WrittenChunk(
            frames=len(self._pts),
            pts=tuple(self._pts),
            durations=tuple(self._durations),
            order=tuple(self._order),
            reorder_depth=reorder_depth(self._order),
            extradata_digest=extradata_digest,
            digest=digest_of(self._part),
            bytes=self._part.stat().st_size,
        )

    def _close_file(self) -> None:
        self._file.close()

    def _discard(self) -> None:
        self._is_finished = True
        try:
            self._close_file()
        except (FFmpegError, OSError):
            return  # it is thrown away; the failure that led here is the one to tell
        finally:
            self._part.unlink(missing_ok=True)

    def _failure(self, error: BaseException) -> EncodeError:
        return EncodeError(
            f"{printable(self._path.name)}: {self._target.encoder}: {cause_of(error)}",
            hint="see that the disk has space; the same command goes on from the last chunk",
        )


def reorder_depth(order: Iterable[int]) -> int:
    """By how many packets frames come later in the file than in the display, at most; 0 without B-frames.

    Args:
        order: for each packet, the number of its frame in display order.
    """
    return max((place - number for place, number in enumerate(order)), default=0)


def digest_of(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
