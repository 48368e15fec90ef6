"""Rows of numbered pictures as a job's source or output: what is read, what is refused, and what is told."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vrinr_cli.errors import OptionError, TargetError, printable
from vrinr_cli.frame import Family, Range
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.video.encoders import EncoderRequest, VideoTarget
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.pictures.kinds import PNG, PictureKind, kind_of_name, kind_to_write
from vrinr_cli.video.pictures.numbered import Pattern, pattern_of, row_of_source
from vrinr_cli.video.pictures.sequence import DEFAULT_RATE, probe_sequence
from vrinr_cli.video.pictures.turning import is_turned, orientation_of
from vrinr_cli.video.pictures.writing import PictureTarget, choose_picture_target
from vrinr_cli.video.probe import probe

_WIDE = frozenset({9, 11, 12})
"""H.273 primaries that are wider than sRGB's: BT.2020, P3."""
_HDR = frozenset({16, 18})
"""H.273 transfers: PQ and HLG."""
_OF_FILES = {"video_stream": "--video-stream", "max_hours": "--max-hours"}
_ENCODING = {
    "codec": "--codec",
    "crf": "--crf",
    "bitrate": "--bitrate",
    "preset": "--preset",
    "pix_fmt": "--pix-fmt",
    "encoder_options": "--encoder-option",
}


def probe_any(
    source: Path,
    options: UpscaleOptions,
    *,
    is_row_written: bool,
    on_packet: Callable[[], object] | None = None,
) -> SourceInfo:
    """What is known of a source, be it a video or a row of pictures.

    Args:
        source: the file, or the pattern of a row.
        options: what was asked.
        is_row_written: whether the output is a row of pictures.
        on_packet: called for each packet of a video that is read, and each picture that is decoded.

    Raises:
        OptionError: an option that could not have an effect; a row with a gap.
        InputError: the source cannot be read.
    """
    if row_of_source(source) is None:
        _refuse(options, {"fps": "--fps"}, "on a source that is no row of pictures")
        info = probe(source, allow_damaged=options.allow_damaged, wanted=options.wanted, on_packet=on_packet)
    else:
        _refuse(options, _OF_FILES, "on a row of pictures")
        info = probe_sequence(
            source, rate=options.fps, allow_damaged=options.allow_damaged, most_pixels=options.max_pixels
        )
        if options.fps is None and not is_row_written:
            note = f"no rate is given: {DEFAULT_RATE} pictures a second are taken, see --fps"
            info = replace(info, notes=(*info.notes, note))
    if is_row_written:
        _refuse(options, _ENCODING, "on a row of pictures")
        if options.audio in ("copy", "aac"):
            raise OptionError("--audio has no effect on a row of pictures", hint="leave it out")
    else:
        _refuse(options, {"start_number": "--start-number"}, "on an output that is no row of pictures")
    return info


def chunk_request(source: SourceInfo, output: Path) -> EncoderRequest:
    """How the chunks of a row are encoded: RGB, or gray where the source's gray has the range of pictures.

    FFV1 has gray with alpha in 8 bits alone: it goes as RGB.
    """
    is_deep = source.format.depth > 8 and kind_to_write(output).max_depth > 8
    name = "gbrap" if source.format.alpha else "gray" if _is_gray(source) else "gbrp"
    return EncoderRequest(codec="ffv1", pix_fmt=f"{name}16le" if is_deep else name)


def row_target(target: VideoTarget, source: SourceInfo, output: Path) -> PictureTarget:
    """How each picture of a row is written.

    Raises:
        TargetError: such a file cannot be so large.
    """
    turned = is_turned(orientation_of(source.display_matrix))
    size, before = (size[::-1] if turned else size for size in (target.size, source.size))
    is_lossy = source.container != "pictures" or source.codec == "mjpeg"
    planes = source.format if target.format.alpha and _is_gray(source) else target.format
    return choose_picture_target(
        kind_to_write(output), planes, size, has_alpha=target.format.alpha, is_lossy=is_lossy, source_size=before
    )


def row_notes(target: VideoTarget, source: SourceInfo, kind: PictureKind) -> tuple[str, ...]:
    """What of a source a row of pictures does not hold, one line each."""
    shape = target.sample_aspect_ratio
    told = {
        f"{source.format.depth} bits a sample become {target.format.depth}: {kind.name} holds no more": (
            source.format.depth > target.format.depth
        ),
        f"pixels of the shape {shape} become square: picture files have no pixel shape": shape not in (None, 1),
        "frame times vary: a row of pictures keeps none": source.is_variable_rate,
        f"the colors are not those of sRGB, and {kind.name} cannot say so as PNG does": (
            kind is not PNG and has_other_colors(source)
        ),
        f"{source.chapters} chapters are dropped: a row of pictures holds none": source.chapters > 0,
    }
    return tuple(text for text, is_told in told.items() if is_told)


def has_other_colors(source: SourceInfo) -> bool:
    """Whether a picture without tags, taken for sRGB, would look wrong: HDR and wide gamuts."""
    return source.color.primaries in _WIDE or source.color.transfer in _HDR


def first_number(source: SourceInfo, options: UpscaleOptions, first: int) -> int:
    """The number of the first picture: as asked, that of a row's own, or 1."""
    if options.start_number is not None:
        return options.start_number
    return source.first_number + first if source.first_number is not None else 1


def is_row_name(path: Path) -> bool:
    """Whether a path's name means a row of pictures: a number's place and a picture's ending."""
    return pattern_of(path) is not None and kind_of_name(path) is not None


def row_of_output(output: Path) -> Pattern:
    """The files that an output of numbered pictures means.

    Raises:
        TargetError: it is none.
    """
    pattern = pattern_of(output)
    if pattern is None:
        raise TargetError(f"{printable(output.name)}: names no row of pictures", hint="write %06d for the number")
    return pattern


def _is_gray(source: SourceInfo) -> bool:
    return source.format.family is Family.GRAY and source.color.range is Range.FULL


def _refuse(options: UpscaleOptions, names: dict[str, str], where: str) -> None:
    defaults = UpscaleOptions()
    for name, option in names.items():
        if getattr(options, name) != getattr(defaults, name):
            raise OptionError(f"{option} has no effect {where}", hint="leave it out")
