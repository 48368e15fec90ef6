"""NUT through a pipe: pictures of any kind with the time of each, by FFmpeg's demuxer and muxer.

It says nothing of colors: FFmpeg writes "unknown" where the format has a place for them. Nor can its muxer be told the
shape of samples through PyAV 18.1.
"""

from collections.abc import Generator

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vrinr_cli.errors import EncodeError, InputError
from vrinr_cli.frame import Frame, PlaneFormat
from vrinr_cli.video.encoders import VideoTarget
from vrinr_cli.video.files import BITEXACT, cause_of
from vrinr_cli.video.limits import LARGEST_PICTURE, more_pixels
from vrinr_cli.video.pipes import PipeInput, PipeOutput
from vrinr_cli.video.pixels import to_av_frame
from vrinr_cli.video.source import decoder_name, decoder_of, is_picture

MAGIC = b"nut/multimedia container\0"
_HEADERS, _AROUND_PACKET = 1 << 14, 128
"""Bytes that are no packet's content, at most: in headers and the index of a stream, and before each packet."""
_UNHELD = frozenset(["yuv440p10le", "yuv440p12le"])
"""Planar formats that read back as others."""


def holds(kind: PlaneFormat) -> bool:
    """Whether NUT has a name for such planes."""
    return kind.name not in _UNHELD


class NutInput:
    """A NUT stream that comes through a pipe. Used as a context manager."""

    def __init__(self, pipe: PipeInput, most_pixels: int = LARGEST_PICTURE) -> None:
        """Reads the head of it.

        Args:
            pipe: the bytes.
            most_pixels: that a picture may have.

        Raises:
            InputError: it is no NUT, or without video that can be read.
        """
        self._pipe, self._most_pixels = pipe, most_pixels
        try:
            self._container: InputContainer = av.open(pipe, mode="r", format="nut", metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            raise _damaged("its head", f"is cut or damaged: {cause_of(error)}") from error
        try:
            self.stream = _video(self._container, most_pixels)
        except InputError:
            self._container.close()
            raise

    @property
    def others(self) -> int:
        """Number of streams that are not read."""
        return len(self._container.streams) - 1

    def pictures(self) -> Generator[av.VideoFrame]:
        """What the decoder gives, in display order.

        Raises:
            InputError: a picture is cut or damaged; says which.
        """
        context = decoder_of(self.stream, decoder_name(self.stream), most_pixels=self._most_pixels)
        is_raw, size = context.codec.name == "rawvideo", 0
        number = packets = known = 0
        try:
            for packet in self._container.demux():
                packets, known = packets + 1, known + packet.size
                if packet.stream.index != self.stream.index:  # not stream_index: 0 in every flushing packet
                    continue
                if is_raw and packet.size not in {0, size or packet.size}:
                    raise _damaged(f"frame {number}", f"is {packet.size} bytes and not {size}: cut or damaged")
                size = size or packet.size
                for picture in context.decode(packet):
                    if picture.is_corrupt:
                        raise _damaged(f"frame {number}", "is damaged")
                    yield picture
                    number += 1
        except av.FFmpegError as error:
            raise _damaged(f"frame {number}", f"is cut or damaged: {cause_of(error)}") from error
        lost = self._pipe.bytes - known - _HEADERS - _AROUND_PACKET * packets
        if lost > 0:  # the demuxer passes over what it does not know, to the next packet or the end
            raise _damaged(f"frame {number}", f"is not the end: {self._pipe.bytes - known} bytes could not be read")

    def close(self) -> None:
        """Let go of the decoder; the pipe stays open."""
        self._container.close()


class NutWriter:
    """Frames to a pipe as NUT with pictures that are not encoded. The header goes out with the first of them."""

    def __init__(self, pipe: PipeOutput, target: VideoTarget) -> None:
        """Nothing is written yet.

        Args:
            pipe: where to.
            target: what the frames are like.
        """
        self._pipe, self._parts = pipe, _Parts()
        self._container = av.open(self._parts, mode="w", format="nut")
        self._container.flags |= BITEXACT
        self._stream = self._container.add_stream("rawvideo")
        context = self._stream.codec_context
        context.height, context.width = target.size
        context.pix_fmt = target.pix_fmt
        context.time_base, context.framerate = target.time_base, target.nominal_rate
        self._stream.time_base = target.time_base

    def write(self, frame: Frame) -> None:
        """Write the next frame.

        Raises:
            BrokenPipeError: nobody reads it.
            EncodeError: FFmpeg refuses it.
            OSError: the system's.
        """
        picture = to_av_frame(frame.planes, frame.format)
        picture.pts, picture.time_base = frame.pts, frame.time_base
        try:
            for packet in self._stream.encode(picture):
                self._container.mux(packet)
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError(f"nut: frame {frame.index}: {cause_of(error)}", hint="report this") from error
        self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._container.close()
        self._flush()

    def _flush(self) -> None:
        for part in self._parts.taken():
            self._pipe.write(part)


class _Parts:
    """What the muxer writes, until it is taken: so that a pipe's errors do not pass through it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, content: bytes) -> int:
        """Called by FFmpeg."""
        self._parts.append(bytes(content))
        return len(content)

    def taken(self) -> list[bytes]:
        """All so far, once."""
        parts, self._parts = self._parts, []
        return parts


def _video(container: InputContainer, most_pixels: int) -> VideoStream:
    videos = [stream for stream in container.streams.video if not is_picture(stream)]
    if not videos or videos[0].codec_context is None:
        raise InputError("stdin: no video in it that can be read", hint="ffmpeg ... -c:v rawvideo -f nut -")
    width, height = videos[0].codec_context.width, videos[0].codec_context.height
    if width * height > most_pixels:
        raise InputError(
            f"stdin: its picture is {width}x{height}, too large to be read",
            hint=more_pixels((height, width), most_pixels),
        )
    return videos[0]


def _damaged(what: str, cause: str) -> InputError:
    return InputError(
        f"stdin: {what} {cause}",
        hint="see what the program before vrinr says, or take what came before with --skip-damaged",
    )
