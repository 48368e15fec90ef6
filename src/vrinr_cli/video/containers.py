"""What each container can hold, and what becomes of the source's other streams in it. Pure data and tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vrinr_cli.errors import OptionError, TargetError, printable
from vrinr_cli.video.info import SourceInfo, StreamInfo, StreamKind
from vrinr_cli.video.pictures.kinds import kind_of_name
from vrinr_cli.video.pictures.numbered import pattern_of

AudioChoice = Literal["auto", "copy", "aac", "none"]
"""auto copies what the container takes and converts the rest; copy refuses where it cannot."""


@dataclass(frozen=True, slots=True)
class Container:
    """One kind of file, by what it holds."""

    name: str
    """In words."""
    muxer: str
    """FFmpeg's name."""
    video_codecs: tuple[str, ...]
    """By our names (`encoders.ENCODERS`), the default ones first."""
    audio_codecs: frozenset[str] | None
    """FFmpeg's names of the sound that is copied; None: all."""
    audio_fallback: str
    """Encoder for sound that is not copied."""
    subtitle_codecs: frozenset[str]
    """FFmpeg's names of the subtitles that are copied."""
    subtitle_fallback: str
    """Encoder for other subtitles made of text."""
    other_video_codecs: frozenset[str] | None
    """FFmpeg's names of further video streams that are copied; None: all."""
    covers: frozenset[str]
    """FFmpeg's names of the picture codecs that cover art may have."""
    alpha_codecs: tuple[str, ...] = ()
    """By our names: in which of its codecs it holds transparency, the default one first."""
    holds_attachments: bool = False
    has_codec_tags: bool = False
    """MP4's and MOV's four characters."""
    holds_pictures: bool = False
    """Whether it is no file, but a row of picture files."""
    holds_negative_times: bool = False
    """Whether a time below 0 can be written; otherwise all streams move up together."""


_MP4_AUDIO = frozenset({"aac", "ac3", "alac", "dts", "eac3", "flac", "mp2", "mp3", "opus"})
_MOV_AUDIO = frozenset({"aac", "ac3", "alac", "eac3", "mp2", "mp3"}) | {
    f"pcm_{kind}" for kind in ("s16be", "s16le", "s24be", "s24le", "s32be", "s32le", "f32be", "f32le", "u8")
}
_MKV_SUBTITLES = {"ass", "dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "hdmv_text_subtitle"} | {
    "ssa",
    "subrip",
    "text",
    "webvtt",
}
_TEXT_SUBTITLES = frozenset(
    [
        "ass",
        "eia_608",
        "jacosub",
        "microdvd",
        "mov_text",
        "mpl2",
        "pjs",
        "realtext",
        "sami",
        "ssa",
        "stl",
        "subrip",
        "subviewer",
        "subviewer1",
        "text",
        "ttml",
        "vplayer",
        "webvtt",
    ]
)
_MP4_VIDEO = frozenset({"av1", "h264", "hevc", "mpeg2video", "mpeg4", "vp9"})

_MP4 = Container(
    "MP4",
    "mp4",
    video_codecs=("h264", "h265", "av1", "vp9"),
    audio_codecs=_MP4_AUDIO,
    audio_fallback="aac",
    subtitle_codecs=frozenset({"mov_text"}),
    subtitle_fallback="mov_text",
    other_video_codecs=_MP4_VIDEO,
    covers=frozenset({"bmp", "mjpeg", "png"}),
    has_codec_tags=True,
    holds_negative_times=True,
)
_MOV = Container(
    "MOV",
    "mov",
    video_codecs=("h264", "h265", "prores"),
    audio_codecs=_MOV_AUDIO,
    audio_fallback="aac",
    subtitle_codecs=frozenset({"mov_text"}),
    subtitle_fallback="mov_text",
    other_video_codecs=frozenset({"h264", "hevc", "mjpeg", "mpeg2video", "mpeg4", "prores"}),
    covers=frozenset(),
    alpha_codecs=("prores",),
    has_codec_tags=True,
    holds_negative_times=True,
)
_MKV = Container(
    "Matroska",
    "matroska",
    video_codecs=("h264", "h265", "av1", "vp9", "ffv1", "prores"),
    audio_codecs=None,
    audio_fallback="aac",
    subtitle_codecs=frozenset(_MKV_SUBTITLES),
    subtitle_fallback="subrip",
    other_video_codecs=None,
    covers=frozenset({"bmp", "gif", "mjpeg", "png", "tiff"}),
    alpha_codecs=("vp9", "ffv1", "prores"),
    holds_attachments=True,
)
_WEBM = Container(
    "WebM",
    "webm",
    video_codecs=("vp9", "av1"),
    audio_codecs=frozenset({"opus", "vorbis"}),
    audio_fallback="libopus",
    subtitle_codecs=frozenset({"webvtt"}),
    subtitle_fallback="webvtt",
    other_video_codecs=frozenset({"av1", "vp8", "vp9"}),
    covers=frozenset(),
    alpha_codecs=("vp9",),
)
PICTURES = Container(
    "a row of pictures",
    "",
    video_codecs=("ffv1",),
    audio_codecs=frozenset(),
    audio_fallback="",
    subtitle_codecs=frozenset(),
    subtitle_fallback="",
    other_video_codecs=frozenset(),
    covers=frozenset(),
    alpha_codecs=("ffv1",),
    holds_pictures=True,
)
"""Numbered picture files; the codec is that of the chunks which they are made from."""

CONTAINERS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _MOV, ".mkv": _MKV, ".webm": _WEBM}
"""By the ending of the output's name."""


@dataclass(frozen=True, slots=True)
class StreamAction:
    """What becomes of one stream of the source that is not restored."""

    index: int
    """In the source."""
    kind: StreamKind
    action: Literal["copy", "convert", "drop"]
    codec: str
    """FFmpeg's name: of the codec when copied or dropped, of the encoder when converted."""
    is_picture: bool = False
    """Cover art."""
    note: str = ""
    """One line for the user; empty where nothing changes."""


def container_for(path: Path) -> Container:
    """The container that the ending of a name asks for.

    Raises:
        TargetError: no container has this ending.
    """
    ending = path.suffix.lower()
    if pattern_of(path) is not None and kind_of_name(path) is not None:
        return PICTURES
    if ending not in CONTAINERS:
        shown = f"the ending {printable(path.suffix)}" if ending else "a name without ending"
        raise TargetError(
            f"{printable(path.name)}: {shown} names no video file that vrinr writes",
            hint=f"choose one of {' '.join(CONTAINERS)}",
        )
    return CONTAINERS[ending]


def plan_streams(info: SourceInfo, container: Container, *, audio: AudioChoice = "auto") -> tuple[StreamAction, ...]:
    """What becomes of each stream but the restored one, in the source's order.

    Raises:
        OptionError: no such choice of audio.
        TargetError: `audio` is "copy" and the container does not hold a track; names it.
    """
    if audio not in ("auto", "copy", "aac", "none"):
        raise OptionError(f"audio is {printable(audio)}", hint="choose auto, copy, aac, none")
    others = (stream for stream in info.streams if stream.index != info.video_stream)
    return tuple(_plan_stream(stream, info, container, audio) for stream in others)


def describe(stream: StreamInfo | StreamAction) -> str:
    """The stream as messages name it."""
    title = f' "{printable(stream.title)}"' if isinstance(stream, StreamInfo) and stream.title else ""
    kind = "cover art" if stream.is_picture else stream.kind
    return f"{kind} stream {stream.index} ({printable(stream.codec)}){title}"


def _plan_stream(  # noqa: PLR0911 - one return a kind of stream
    stream: StreamInfo, info: SourceInfo, container: Container, audio: AudioChoice
) -> StreamAction:
    if stream.is_picture:
        return _kept_or_dropped(stream, container, stream.codec in container.covers)
    if stream.kind == "video" and stream.codec == "?":
        return _dropped(stream, "its codec is unknown")
    if stream.kind == "audio":
        return _plan_audio(stream, container, audio)
    if stream.kind == "subtitle":
        return _plan_subtitle(stream, container)
    if stream.kind == "attachment":
        return _kept_or_dropped(stream, container, container.holds_attachments)
    if stream.kind == "video":
        codecs = container.other_video_codecs
        return _kept_or_dropped(stream, container, codecs is None or stream.codec in codecs)
    if stream.codec == "bin_data" and info.chapters:  # MP4's own track of chapter names
        return StreamAction(stream.index, "data", "drop", stream.codec)
    return _dropped(stream, "vrinr keeps no data tracks")


def _plan_audio(stream: StreamInfo, container: Container, audio: AudioChoice) -> StreamAction:
    if audio == "none":
        return StreamAction(stream.index, "audio", "drop", stream.codec)
    is_held = stream.codec != "?" and (container.audio_codecs is None or stream.codec in container.audio_codecs)
    if audio == "copy" and not is_held:
        raise TargetError(
            f"{container.name} does not hold {describe(stream)} as it is",
            hint="use --audio auto to convert it, or name the output .mkv",
        )
    if container.holds_pictures:
        return _kept_or_dropped(stream, container, is_kept=False)
    if is_held and (audio != "aac" or stream.codec == "aac"):
        return StreamAction(stream.index, "audio", "copy", stream.codec)
    if stream.codec == "?":
        return _dropped(stream, "its codec is unknown")
    encoder = container.audio_fallback
    note = f"{describe(stream)} becomes {encoder.removeprefix('lib')}"
    return StreamAction(stream.index, "audio", "convert", encoder, note=note)


def _plan_subtitle(stream: StreamInfo, container: Container) -> StreamAction:
    if stream.codec in container.subtitle_codecs:
        return StreamAction(stream.index, "subtitle", "copy", stream.codec)
    if stream.codec in _TEXT_SUBTITLES and not container.holds_pictures:
        encoder = container.subtitle_fallback
        note = f"{describe(stream)} becomes {encoder}"
        return StreamAction(stream.index, "subtitle", "convert", encoder, note=note)
    return _kept_or_dropped(stream, container, is_kept=False)


def _kept_or_dropped(stream: StreamInfo, container: Container, is_kept: bool) -> StreamAction:
    if is_kept:
        return StreamAction(stream.index, stream.kind, "copy", stream.codec, stream.is_picture)
    remedy = "" if container is _MKV else "; an output named .mkv keeps it"
    return _dropped(stream, f"{container.name} does not hold it{remedy}")


def _dropped(stream: StreamInfo, reason: str) -> StreamAction:
    note = f"{describe(stream)} is dropped: {reason}"
    return StreamAction(stream.index, stream.kind, "drop", stream.codec, stream.is_picture, note)
