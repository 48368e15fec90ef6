"""What a job makes of a source's alpha: kept where the output can hold it, and a word on how else it could be."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from vrinr_cli.errors import printable
from vrinr_cli.frame import PlaneFormat
from vrinr_cli.video.alpha import with_alpha_read, without_note
from vrinr_cli.video.containers import Container
from vrinr_cli.video.encoders import ENCODERS, EncoderRequest
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.opacity import AlphaSeen, look_at_alpha
from vrinr_cli.video.pictures.kinds import PictureKind
from vrinr_cli.video.pixels import has_alpha


@dataclass(frozen=True, slots=True)
class Transparent:
    """A source and what is asked of the encoder, once it is decided whether alpha is kept."""

    source: SourceInfo
    """With alpha in its format if it is."""
    request: EncoderRequest


def choose_alpha(
    source: SourceInfo,
    request: EncoderRequest,
    container: Container,
    on_picture: Callable[[], object] | None = None,
) -> Transparent:
    """Keep a video's transparency if the container and the codec hold it, with a note of what becomes of it.

    Where nobody has chosen a codec, the container's own choice for transparency is taken if any is seen.

    Args:
        source: what will be read.
        request: what was asked.
        container: of the output, no row of pictures.
        on_picture: called for each picture that is decoded to find out.
    """
    if not source.has_alpha:
        return Transparent(source, request)
    source = without_note(source)
    if source.fields is not None:
        return _dropped(source, request, "it is not deinterlaced; --deinterlace off keeps it")
    seen = look_at_alpha(source, on_picture)
    is_asked = request.pix_fmt is not None and has_alpha(request.pix_fmt)
    codec = request.codec
    if codec is None and (is_asked or _may_choose(request, container, seen)):
        codec = _default_codec(container, source.format)
    reason = _reason(request, container, seen, codec)
    if reason:
        return _dropped(source, request, reason)
    notes = []
    if request.codec is None and codec != container.video_codecs[0]:
        notes.append(f"transparency is kept, so the codec is {codec}: {container.video_codecs[0]} has none")
    is_multiplied = seen.is_multiplied and source.first_number is None
    if is_multiplied:
        notes.append("colors look multiplied by alpha (premultiplied): they are kept so")
    source = with_alpha_read(source, is_multiplied=is_multiplied)
    return Transparent(replace(source, notes=(*source.notes, *notes)), replace(request, codec=codec))


def choose_row_alpha(
    source: SourceInfo, kind: PictureKind, on_picture: Callable[[], object] | None = None
) -> SourceInfo:
    """Keep transparency if the files of a row hold it.

    Args:
        source: what will be read.
        kind: of the files to write.
        on_picture: called for each picture that is decoded to find out.
    """
    if not source.has_alpha:
        return source
    source = without_note(source)
    if not kind.holds_alpha:
        return _noted(source, f"transparency is dropped: {kind.name} holds none")
    if source.fields is not None:
        return _noted(source, "transparency is dropped: it is not deinterlaced; --deinterlace off keeps it")
    if source.first_number is None and look_at_alpha(source, on_picture).is_multiplied:
        return _noted(
            with_alpha_read(source, is_multiplied=True),
            "colors look multiplied by alpha (premultiplied): they are kept so, and picture files cannot say it",
        )
    return with_alpha_read(source)


def _may_choose(request: EncoderRequest, container: Container, seen: AlphaSeen) -> bool:
    """Whether another codec than the usual one may be taken: some alpha is used, and nothing is meant for that one."""
    if seen.is_opaque or not container.alpha_codecs:
        return False
    is_plain = all(value is None for value in (request.crf, request.bitrate, request.preset, request.pix_fmt))
    return (is_plain and not request.options) or container.video_codecs[0] in container.alpha_codecs


def _default_codec(container: Container, format_: PlaneFormat) -> str | None:
    """The container's first codec with alpha that keeps the source's depth, else its first."""
    deep = (codec for codec in container.alpha_codecs if ENCODERS[codec].max_depth >= format_.depth)
    return next(deep, next(iter(container.alpha_codecs), None))


def _reason(request: EncoderRequest, container: Container, seen: AlphaSeen, codec: str | None) -> str:
    """Why transparency is not kept, and what would keep it; empty if it is."""
    if not container.alpha_codecs:
        return f"{container.name} holds none; an output named .webm, .mov or .mkv keeps it"
    others = " or ".join(f"--codec {name}" for name in container.alpha_codecs)
    if codec is None and seen.is_opaque:
        return f"nothing is transparent where it was looked at; {others} keeps it"
    if codec is None:
        return f"{container.video_codecs[0]} has none; {others} keeps it"
    if codec not in container.alpha_codecs:
        return f"{codec} has none; {others} keeps it"
    if request.pix_fmt is not None and not has_alpha(request.pix_fmt):
        return f"{printable(request.pix_fmt)} has none; leave --pix-fmt out to keep it"
    return ""


def _dropped(source: SourceInfo, request: EncoderRequest, reason: str) -> Transparent:
    return Transparent(_noted(source, f"transparency is dropped: {reason}"), request)


def _noted(source: SourceInfo, note: str) -> SourceInfo:
    return replace(source, notes=(*source.notes, note))
