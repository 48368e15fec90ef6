"""Opening a source: local files only, by content, no playlists; and choosing what to decode."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import cast

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vrinr_cli.errors import InputError, OptionError, printable
from vrinr_cli.video.files import file_url
from vrinr_cli.video.limits import LARGEST_PICTURE, PLAIN, Wanted, more_pixels

_SCRIPTS = frozenset(
    [
        "concat",
        "hls",
        "dash",
        "webm_dash_manifest",
        "sdp",
        "rtp",
        "rtsp",
        "image2",
        "image2pipe",
        "alias_pix",
        "mpjpeg",
        "ffmetadata",
    ]
)
"""Demuxers that read what a file names, not what it holds."""
_DEVICES = frozenset(
    [
        "lavfi",
        "fbdev",
        "x11grab",
        "xcbgrab",
        "oss",
        "alsa",
        "pulse",
        "jack",
        "kmsgrab",
        "v4l2",
        "video4linux2,v4l2",
        "iec61883",
    ]
)
_TEXT_ART = frozenset(["tty", "bin", "xbin", "idf", "adf"])
"""Demuxers that draw text as pictures."""

_NOT_A_VIDEO_HINT = "choose a video file"
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders for streams with alpha, which FFmpeg's own ones drop."""


def open_source(path: Path) -> InputContainer:
    """A source opened for reading by its content, whatever its name says; the caller closes it.

    Nothing but this file is read: no protocol but `file`, and no format that names other files.

    Raises:
        OptionError: there is no file of this name.
        InputError: the file is empty, unreadable, a playlist, a still picture or no video at all.
    """
    _check_file(path)
    try:
        container = av.open(
            file_url(path),
            mode="r",
            options={"protocol_whitelist": "file", "format_whitelist": _allowed_formats()},
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError, OSError) as error:
        raise _not_opened(path, error) from error
    if container.format.name.endswith("_pipe"):
        container.close()
        raise InputError(f"{shown(path)}: a still picture, not a video", hint=_NOT_A_VIDEO_HINT)
    return container


def shown(path: Path) -> str:
    """The file's name as messages show it."""
    return printable(path.name)


def main_video(container: InputContainer, path: Path, wanted: Wanted = PLAIN) -> VideoStream:
    """The stream to restore: as asked, or the first flagged as default that is no cover, else the first that is none.

    Raises:
        OptionError: the file has no such video stream.
        InputError: there is none, or no decoder for it, or its picture is too large.
    """
    moving = moving_pictures(container)
    if not moving:
        has_cover = any(stream.type == "video" for stream in container.streams)
        cause = "no video stream (only cover art)" if has_cover else "no video stream"
        raise InputError(f"{shown(path)}: {cause}", hint=_NOT_A_VIDEO_HINT)
    flagged = [stream for stream in moving if stream.disposition & Disposition.default]
    asked = [stream for stream in moving if stream.index == wanted.video_stream]
    if wanted.video_stream is not None and not asked:
        raise OptionError(
            f"{shown(path)}: stream {wanted.video_stream} is no video", hint=f"choose {streams_in_words(moving)}"
        )
    chosen = (asked or flagged or moving)[0]
    if chosen.codec_context is None:
        raise InputError(f"{shown(path)}: no decoder for the video's codec", hint="convert the file to a common codec")
    width, height = chosen.codec_context.width, chosen.codec_context.height
    if width * height > wanted.most_pixels:
        raise InputError(
            f"{shown(path)}: its picture is {width}x{height}, too large to be read",
            hint=more_pixels((height, width), wanted.most_pixels),
        )
    return chosen


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """The video streams that are no covers."""
    videos = [cast(VideoStream, stream) for stream in container.streams if stream.type == "video"]
    return [stream for stream in videos if not is_picture(stream)]


def streams_in_words(streams: list[VideoStream]) -> str:
    """Each with its index in the file and what it is, as in "0 (h264 1920x1080), 2 (hevc 640x360, eng, Rear)"."""
    return ", ".join(f"{stream.index} ({_look(stream)})" for stream in streams)


def _look(stream: VideoStream) -> str:
    context = stream.codec_context
    kind = f"{context.name} {context.width}x{context.height}" if context is not None else "no decoder"
    tags = (stream.metadata.get(key, "") for key in ("language", "title"))
    return printable(", ".join([kind, *(tag for tag in tags if tag)]))


def is_picture(stream: Stream) -> bool:
    """Whether a stream is a cover or a thumbnail."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def decoder_name(stream: VideoStream) -> str:
    """The decoder that gives all that the stream holds, alpha included."""
    has_alpha = stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1"
    name = stream.codec_context.name
    return _ALPHA_DECODERS.get(name, name) if has_alpha else name


def only(container: InputContainer, stream: VideoStream) -> None:
    """Let the demuxer pass over all other streams."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all


LEAST_THREADS = 4
"""Of a decoder. With one or two FFmpeg conceals damage otherwise, so that a damaged file would be read in another way
on a machine with a single core."""


def decoder_of(
    stream: VideoStream,
    name: str,
    *,
    threads: int = 0,
    by_frames: bool = True,
    most_pixels: int = LARGEST_PICTURE,
) -> VideoCodecContext:
    """A decoder for the stream's packets.

    Args:
        stream: of an open file.
        name: FFmpeg's name of the decoder.
        threads: 0 is one a core, `LEAST_THREADS` at least.
        by_frames: decode several frames at a time, not only parts of one.
        most_pixels: of a frame; a larger one is damage.
    """
    context = stream.codec_context
    if name != context.name:
        context = cast(VideoCodecContext, av.CodecContext.create(name, "r"))
        context.extradata = stream.codec_context.extradata
    context.options = context.options | {"max_pixels": str(with_edges(most_pixels))}
    context.thread_type = ThreadType.AUTO if by_frames else ThreadType.SLICE
    context.thread_count = threads or max(LEAST_THREADS, os.cpu_count() or 1)
    return context


def with_edges(pixels: int) -> int:
    """FFmpeg's limit for pictures of so many pixels: decoders count the edges that they add."""
    return pixels * 9 // 8 + (1 << 20)


def decoded(
    container: InputContainer,
    stream: VideoStream,
    context: VideoCodecContext,
    on_error: Callable[[av.FFmpegError], object],
) -> Iterator[av.VideoFrame]:
    """Frames in display order from where the file stands to its end, the decoder flushed.

    Packets before the first key frame are passed over. What the demuxer or decoder complains of is told to
    `on_error` and not raised: the frames that are missing then tell where. A decoder's OSError says nothing
    of the file's permissions.
    """
    has_begun = False
    for packet in _packets(container, stream, on_error):
        has_begun = has_begun or packet.is_keyframe
        if not has_begun and packet.size:
            continue
        try:
            frames = context.decode(packet)
        except av.FFmpegError as error:
            on_error(error)
            continue
        yield from frames


def _packets(
    container: InputContainer, stream: VideoStream, on_error: Callable[[av.FFmpegError], object]
) -> "Iterator[Packet[VideoStream]]":
    try:
        yield from container.demux(stream)
    except av.FFmpegError as error:  # what comes after cannot be reached: flush
        on_error(error)
        yield cast("Packet[VideoStream]", Packet())


def _check_file(path: Path) -> None:
    if not path.exists():
        raise OptionError(f"{shown(path)}: no such file", hint="check the path")
    if not path.is_file():
        raise OptionError(f"{shown(path)}: not a file", hint="name a video file")
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise InputError(
            f"{shown(path)}: cannot be read ({error.strerror})", hint="check the file's permissions"
        ) from error
    if is_empty:
        raise InputError(f"{shown(path)}: the file is empty", hint="copy or download it again")


def _not_opened(path: Path, error: Exception) -> InputError:
    if isinstance(error, av.ArgumentError):  # what FFmpeg says of formats that are not on the list
        return InputError(f"{shown(path)}: playlists are not read", hint="name the video file itself")
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
    if is_mp4 and isinstance(error, av.InvalidDataError):
        return InputError(f"{shown(path)}: the index is missing (file cut?)", hint="copy or download the file again")
    return InputError(f"{shown(path)}: not a video that can be read", hint=_NOT_A_VIDEO_HINT)


@cache
def _allowed_formats() -> str:
    """FFmpeg's list of the demuxers that a source may have."""
    names = {name for format_name in av.formats_available if (name := _demuxer(format_name))}
    return ",".join(sorted(names - _SCRIPTS - _DEVICES - _TEXT_ART))


def _demuxer(format_name: str) -> str | None:
    try:
        return av.ContainerFormat(format_name, "r").name
    except ValueError:
        return None
