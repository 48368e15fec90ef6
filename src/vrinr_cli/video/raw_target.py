"""Frames as they go into a pipe: as y4m or NUT, not encoded, and what neither of them tells."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vrinr_cli.errors import InputError, OptionError, counted, printable
from vrinr_cli.frame import ChromaSite, Family, PlaneFormat, Range
from vrinr_cli.video import nut, y4m
from vrinr_cli.video.encoders import VideoTarget, nominal_rate, target_color
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.pipes import PipeOutput
from vrinr_cli.video.pixels import plane_format
from vrinr_cli.video.tags import guessed_matrix, matrix_words

PipeFormat = Literal["y4m", "nut"]
FORMATS: tuple[PipeFormat, ...] = ("y4m", "nut")
STDOUT = Path("stdout")
"""What messages call the target."""
_MOST_RATE = 1000
_HDR = {16: "PQ", 18: "HLG"}
"""H.273 transfers that look wrong where they are not told."""


def raw_target(
    kind: PipeFormat, info: SourceInfo, size: tuple[int, int], pix_fmt: str | None, shape: Fraction | None
) -> VideoTarget:
    """Frames as they go into a pipe: the source's planes as far as the format holds them.

    Args:
        kind: y4m or nut.
        info: the source.
        size: (height, width) of the frames to come.
        pix_fmt: planar pixel format that was asked for; None keeps the source's.
        shape: sample aspect ratio of the frames to come.

    Raises:
        OptionError: the format does not hold such planes.
    """
    planes = _held(info.format, kind) if pix_fmt is None else _asked(pix_fmt, kind)
    target = VideoTarget(
        codec=kind,
        encoder="rawvideo",
        pix_fmt=planes.name,
        format=planes,
        size=size,
        coded_size=size,
        color=target_color(kind, info, planes, size),
        sample_aspect_ratio=shape,
        display_matrix=None,
        time_base=info.timeline.time_base,
        nominal_rate=nominal_rate(info, _MOST_RATE),
        bit_rate=None,
        options={},
        codec_tag="",
    )
    return replace(target, notes=_untold(kind, info, target))


def raw_writer(kind: PipeFormat, pipe: PipeOutput, target: VideoTarget) -> y4m.Y4mWriter | nut.NutWriter:
    """What puts frames of a `raw_target` into a pipe."""
    if kind == "nut":
        return nut.NutWriter(pipe, target)
    header = y4m.Y4mHeader(
        size=target.size,
        format=target.format,
        rate=target.nominal_rate,
        sample_aspect_ratio=target.sample_aspect_ratio,
        chroma_site=target.color.chroma_site,
        range=target.color.range,
    )
    return y4m.Y4mWriter(pipe, header)


def _asked(pix_fmt: str, kind: PipeFormat) -> PlaneFormat:
    hint = "choose a planar one such as yuv420p, yuv422p10le or yuv444p"
    try:
        planes = plane_format(pix_fmt)
    except InputError as error:
        raise OptionError(f"no pixel format is called {printable(pix_fmt)}", hint=hint) from error
    if planes.name != pix_fmt or not _holds(planes, kind):
        raise OptionError(f"{kind} does not hold the pixel format {printable(pix_fmt)}", hint=hint)
    return planes


def _held(source: PlaneFormat, kind: PipeFormat) -> PlaneFormat:
    """The source's planes, or else the coarsest that the format has and that are as fine."""
    if _holds(source, kind):
        return source
    digits = "411" if source.log2_chroma_width == 2 else "444"
    return plane_format(f"yuv{digits}p" + ("" if source.depth == 8 else f"{source.depth}le"))


def _holds(planes: PlaneFormat, kind: PipeFormat) -> bool:
    return nut.holds(planes) if kind == "nut" else y4m.holds(planes)


def _untold(kind: PipeFormat, info: SourceInfo, target: VideoTarget) -> tuple[str, ...]:
    """One line for each thing that is lost on the way, or that the next program may take for another."""
    color, planes = target.color, target.format
    matrix, guess = (matrix_words(found) for found in (color.matrix, guessed_matrix(target.size[0])))
    is_full_untold = kind == "nut" and planes.family is Family.YUV and color.range is Range.FULL
    is_site_untold = (
        planes.family is Family.YUV and planes.log2_chroma_height == 1 and color.chroma_site is not ChromaSite.LEFT
    )
    others = sum(stream.index != info.video_stream for stream in info.streams)
    told = {
        f"{counted(others, 'stream')} beside the video, such as sound, left out: a pipe carries the video": others > 0,
        "y4m has one rate: frames keep their number and lose their times; --pipe-format nut keeps them": (
            kind == "y4m" and info.is_variable_rate
        ),
        f"{kind} does not tell the color matrix: this is {matrix}, and who reads it may take it for {guess}": (
            planes.family is Family.YUV and matrix != guess
        ),
        f"{kind} does not tell HDR: this is {_HDR.get(color.transfer)}": color.transfer in _HDR,
        f"{kind} does not tell the color range: this is full": is_full_untold,
        f"{kind} does not tell where chroma lies: this is {color.chroma_site.name.lower().replace('_', ' ')}": (
            is_site_untold and (kind == "nut" or planes.depth > 8 or color.chroma_site not in y4m.SITES.values())
        ),
        f"{kind} does not tell the shape of samples: this is {_ratio_words(target.sample_aspect_ratio)}": (
            kind == "nut" and target.sample_aspect_ratio not in {None, 1}
        ),
        f"{kind} does not tell that the picture is turned by {info.rotation} degrees": info.rotation != 0,
        f"RGB becomes {planes.name}; --pipe-format nut keeps RGB": (
            info.format.family is Family.RGB and planes.family is not Family.RGB
        ),
    }
    return tuple(note for note, is_told in told.items() if is_told)


def _ratio_words(ratio: Fraction | None) -> str:
    return f"{ratio.numerator}:{ratio.denominator}" if ratio else "unknown"
