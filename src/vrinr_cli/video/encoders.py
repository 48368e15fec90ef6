"""Which encoder writes the target, and with what settings: the one place where encoder defaults live.

Choices are pure data: `choose_video_target` gives a `VideoTarget` that goes into the plan, and `set_up_encoder`
turns one into a running encoder. Whatever decides the bytes is in the target; the
number of threads is not, because each encoder is set so that it changes no byte (x264 would: its number of
threads is therefore fixed here).
"""

import difflib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import av.logging
import numpy as np
from av.codec.context import OptionFlags
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vrinr_cli.errors import EncoderError, InputError, OptionError, TargetError, printable
from vrinr_cli.frame import ChromaSite, ColorSpec, Family, Frame, Matrix, Plane, PlaneFormat, Range
from vrinr_cli.video.containers import Container
from vrinr_cli.video.files import cause_of
from vrinr_cli.video.info import SourceInfo, Timeline
from vrinr_cli.video.limits import scale_hint
from vrinr_cli.video.pixels import has_alpha, plane_format, to_av_frame

_X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)
_SITE_NAMES = {
    ChromaSite.LEFT: "left",
    ChromaSite.CENTER: "center",
    ChromaSite.TOP_LEFT: "topleft",
    ChromaSite.TOP: "top",
    ChromaSite.BOTTOM_LEFT: "bottomleft",
    ChromaSite.BOTTOM: "bottom",
}
_PICTURE_LIMIT = 2**31 // 8
"""Samples of a picture, with some room around it, that FFmpeg takes (av_image_check_size)."""
_HDR_TRANSFERS = (16, 18)
"""H.273's codes of PQ and HLG."""
_LEAST_SLICED = 32
"""Samples; pictures below are one slice in FFV1."""
LARGE_PIXELS = 4 << 20
"""Above these x264 looks `LARGE_AHEAD` frames ahead instead of 40 (docs/decisions/0043)."""
LARGE_AHEAD = 14
_H264_WIDTH_LIMIT = 4096
"""Wider H.264 is beyond level 5.2 and not played by common hardware."""


@dataclass(frozen=True, slots=True)
class _Encoder:
    """One row of the table of encoders."""

    name: str
    """FFmpeg's name."""
    crf: float | None = None
    """Default constant quality; None where the encoder has no such thing."""
    max_crf: float = 0
    takes_bitrate: bool = True
    preset: str | None = None
    preset_option: str = "preset"
    presets: tuple[str, ...] = ()
    max_depth: int = 8
    """Most bits a sample taken without being asked for."""
    max_rate: int = 1000
    """Most frames a second that may be declared."""
    least_side: int = 1
    most_sides: tuple[int, int] = (65535, 65535)
    """(height, width) of its largest pictures; that of all FFmpeg has bounds beside."""
    most_pixels: int = 2**31
    options: Mapping[str, str] = field(default_factory=dict)
    parameter_option: str = ""
    """Option that holds the encoder library's own parameters, as k=v:k=v."""
    parameters: str = ""
    display_parameter: str = ""
    """Library parameter for HDR10's mastering display; empty: cannot be told."""
    display_units: tuple[int | None, int | None] = (50_000, 10_000)
    """Units of chromaticity and of luminance in it, per 1 and per cd/m2; None is decimals."""
    light_parameter: str = ""
    """Library parameter for HDR10's light levels."""
    alpha_format: str = ""
    """The only pixel format with alpha that is taken; empty: all that the encoder has."""
    thread_parameter: str = ""
    """Library parameter that bounds the threads; empty: FFmpeg's own thread count does."""


ENCODERS: Mapping[str, _Encoder] = {
    "h264": _Encoder(
        "libx264",
        crf=16,
        max_crf=51,
        preset="medium",
        presets=_X26_PRESETS,
        max_depth=10,
        most_sides=(16384, 16384),
        options={"threads": "4"},  # the bytes depend on it
        parameter_option="x264-params",
        display_parameter="mastering-display",
        light_parameter="cll",
    ),
    "h265": _Encoder(
        "libx265",
        crf=18,
        max_crf=51,
        preset="medium",
        presets=_X26_PRESETS,
        max_depth=10,
        most_pixels=16384 * 8704,  # level 7.2
        least_side=64,  # x265 4.1 overwrites its memory at 48x17 and less
        parameter_option="x265-params",
        # no text about threads in the headers, which must be equal in all chunks
        parameters="log-level=none:info=0:open-gop=0:frame-threads=2",
        display_parameter="master-display",
        light_parameter="max-cll",
        thread_parameter="pools",
    ),
    "av1": _Encoder(
        "libsvtav1",
        crf=24,
        max_crf=63,
        preset="6",
        presets=tuple(str(n) for n in range(14)),
        max_depth=10,
        max_rate=240,
        least_side=16,
        most_sides=(8704, 16384),
        parameter_option="svtav1-params",
        display_parameter="mastering-display",
        display_units=(None, None),
        light_parameter="content-light",
        thread_parameter="lp",
    ),
    "vp9": _Encoder(
        "libvpx-vp9",
        crf=22,
        max_crf=63,
        preset="good",
        preset_option="deadline",
        presets=("best", "good", "realtime"),
        options={"cpu-used": "2", "row-mt": "1"},
        alpha_format="yuva420p",  # FFmpeg calls the others experimental
    ),
    "ffv1": _Encoder(
        "ffv1",
        takes_bitrate=False,
        max_depth=16,
        options={"level": "3", "slicecrc": "1", "g": "1"},
    ),
    "prores": _Encoder("prores_ks", takes_bitrate=False, max_depth=10, options={"vendor": "apl0"}),
}
"""By the name that `--codec` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderRequest:
    """What was asked of the encoder. One that exists has no value that every encoder refuses."""

    codec: str | None = None
    """One of `ENCODERS`; None leaves the choice to the container and the source."""
    crf: float | None = None
    """Constant quality, smaller is better; None is the codec's default."""
    bitrate: int | None = None
    """Bits a second, instead of constant quality."""
    preset: str | None = None
    """Speed against size, by the encoder's own names."""
    pix_fmt: str | None = None
    """FFmpeg's pixel format; None keeps what the source has as far as the encoder can."""
    options: tuple[tuple[str, str], ...] = ()
    """The encoder's own options by FFmpeg's names; they win over all defaults."""

    def __post_init__(self) -> None:
        if self.codec is not None and self.codec not in ENCODERS:
            raise OptionError(f"no codec is called {printable(self.codec)}", hint=_choose(ENCODERS))
        if self.crf is not None and self.bitrate is not None:
            raise OptionError("crf and bitrate are both given", hint="choose one of them")
        if self.crf is not None and not (math.isfinite(self.crf) and self.crf >= 0):
            raise OptionError(f"crf is {self.crf}", hint="choose 0 to 51, smaller is better")
        if self.bitrate is not None and not 1000 <= self.bitrate <= 10**10:
            raise OptionError(f"bitrate is {self.bitrate} bits/s", hint="choose 1k to 10G")


@dataclass(frozen=True, slots=True)
class VideoTarget:
    """How the restored video is encoded. Pure data; equal targets give equal bytes for equal frames."""

    codec: str
    """One of `ENCODERS`."""
    encoder: str
    """FFmpeg's encoder, "libx264"."""
    pix_fmt: str
    """What the encoder gets."""
    format: PlaneFormat
    """Planes that the writer takes."""
    size: tuple[int, int]
    """(height, width) of the frames that the writer takes."""
    coded_size: tuple[int, int]
    """(height, width) as encoded: where the format needs even sizes, up to one more row and column."""
    color: ColorSpec
    """What the planes mean; also the tags of the file."""
    sample_aspect_ratio: Fraction | None
    display_matrix: tuple[int, ...] | None
    time_base: Fraction
    """Unit of every time, that of the source."""
    nominal_rate: Fraction
    """Frames a second as told to the encoder; times do not come from it."""
    bit_rate: int | None
    options: dict[str, str]
    codec_tag: str
    """Four characters for MP4 and MOV; empty leaves it to the muxer."""
    is_progressive: bool = False
    """Whether the file says that frames are whole pictures; else it says nothing."""
    notes: tuple[str, ...] = ()
    """One line each: choices that a user should see."""


def choose_video_target(
    request: EncoderRequest, info: SourceInfo, size: tuple[int, int], container: Container
) -> VideoTarget:
    """What will be encoded, from what was asked, what the source is and what the container holds.

    Args:
        request: what was asked.
        info: the source; its planes, color, times and shape are kept as far as the encoder can.
        size: (height, width) of the frames to come.
        container: where the video goes.

    Raises:
        OptionError: a preset, crf, pixel format or option that the encoder does not have.
        TargetError: a codec that the container does not hold.
        EncoderError: an encoder that is missing here.
    """
    codec = request.codec or _default_codec(request, info, size, container)
    if codec not in container.video_codecs:
        raise TargetError(
            f"{container.name} does not hold {codec}",
            hint=f"{_choose(container.video_codecs)}, or name the output .mkv",
        )
    encoder = ENCODERS[codec]
    _check_available(encoder)
    asked = request.pix_fmt
    pix_fmt = _pix_fmt(codec, info.format) if asked is None else _asked_pix_fmt(asked, encoder, info)
    planes = plane_format(pix_fmt, alpha=info.format.alpha)
    coded_size = _coded_size(codec, planes, size)
    target = VideoTarget(
        codec=codec,
        encoder=encoder.name,
        pix_fmt=pix_fmt,
        format=planes,
        size=size,
        coded_size=coded_size,
        color=target_color(codec, info, planes, size),
        sample_aspect_ratio=info.sample_aspect_ratio,
        display_matrix=info.display_matrix,
        time_base=info.timeline.time_base,
        nominal_rate=nominal_rate(info, encoder.max_rate),
        bit_rate=request.bitrate,
        options=_options(request, encoder, planes, size, info),
        codec_tag=_codec_tag(codec, planes) if container.has_codec_tags else "",
        is_progressive=info.fields is not None,
    )
    if request.options:
        _try_options(target, request.options)
    return replace(target, notes=_notes(target, info))


def check_opens(target: VideoTarget, *, threads: int = 1, source_size: tuple[int, int] | None = None) -> None:
    """Encodes one gray frame at full size, to nowhere.

    Args:
        target: what will be encoded.
        threads: as for `set_up_encoder`.
        source_size: (height, width), for the largest scale that fits where this one does not.

    Raises:
        EncoderError: the encoder does not open.
        TargetError: it does not take such a picture.
    """
    height, width = target.size
    least = ENCODERS[target.codec].least_side
    if min(target.coded_size) < least:
        raise TargetError(
            f"{target.encoder} does not encode {width}x{height}",
            hint=f"{least}x{least} is its least, choose another --codec or a larger --scale",
        )
    _check_not_too_large(target, source_size)
    try:
        middle = gray_frame(target, Timeline((0,), (1,), target.time_base))
        frame = to_av_frame(repeat_edges(middle.planes, target), target.format)
        frame.pts, frame.time_base = 0, target.time_base
        context = av.Codec(target.encoder, "w").create("video")
        set_up_encoder(context, target, threads=threads)
        packets = context.encode(as_encoded(frame, target)) + context.encode(None)
    except (FFmpegError, ValueError, MemoryError) as error:
        raise EncoderError(
            f"{target.encoder} does not open for {width}x{height} {target.pix_fmt}: {cause_of(error)}",
            hint="choose another --codec, --pix-fmt or a smaller size",
            encoder=target.encoder,
        ) from error
    if len(packets) != 1:
        raise TargetError(f"{target.encoder} made {len(packets)} packets of one frame", hint="choose another --codec")


def _check_not_too_large(target: VideoTarget, source_size: tuple[int, int] | None) -> None:
    height, width = target.size
    encoder = ENCODERS[target.codec]

    def fits(size: tuple[int, int]) -> bool:
        return _fits_any(size) and _fits(size, encoder)

    if not _fits_any(target.size):
        hint = scale_hint(source_size, target.size, fits)
        raise TargetError(f"{width}x{height} is larger than any encoder takes", hint=hint)
    if not _fits(target.coded_size, encoder):
        hint = f"{scale_hint(source_size, target.size, fits)}, or choose another --codec"
        raise TargetError(f"{width}x{height} is larger than {target.encoder} takes", hint=hint)


def _fits_any(size: tuple[int, int]) -> bool:
    return (size[0] + 128) * (size[1] + 128) < _PICTURE_LIMIT


def _fits(size: tuple[int, int], encoder: _Encoder) -> bool:
    is_within = all(side <= most for side, most in zip(size, encoder.most_sides, strict=True))
    return is_within and size[0] * size[1] <= encoder.most_pixels


def gray_frame(target: VideoTarget, timeline: Timeline) -> Frame:
    """A gray picture as the target takes them, at the first time of a timeline."""
    kind = target.format
    sizes = [kind.plane_size(target.size, plane) for plane in range(kind.planes)]
    gray = 1 << (kind.depth - 1)
    planes: list[Plane]
    if kind.depth == 8:
        planes = [np.full(size, gray, np.uint8) for size in sizes]
    else:
        planes = [np.full(size, gray, np.uint16) for size in sizes]
    return Frame(0, tuple(planes), kind, target.color, timeline.pts[0], timeline.durations[0], timeline.time_base)


def repeat_edges(planes: tuple[Plane, ...], target: VideoTarget) -> tuple[Plane, ...]:
    """Planes of `target.size` with their last row and column repeated up to `target.coded_size`."""
    if target.size == target.coded_size:
        return planes
    sizes = (target.format.plane_size(target.coded_size, plane) for plane in range(len(planes)))
    return tuple(_repeated(plane, size) for plane, size in zip(planes, sizes, strict=True))


def set_up_encoder(encoder: VideoCodecContext | VideoStream, target: VideoTarget, *, threads: int) -> None:
    """Gives all settings of the target to an encoder that is not open yet.

    Args:
        encoder: FFmpeg's encoder `target.encoder`, alone or as a stream of a container.
        target: the settings.
        threads: most threads to use where the encoder lets them be bounded; at least 1.
    """
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 writes to stderr by itself; 1 is errors only
    context = encoder.codec_context if isinstance(encoder, VideoStream) else encoder
    context.height, context.width = target.coded_size
    context.pix_fmt = target.pix_fmt
    context.time_base = target.time_base
    context.framerate = target.nominal_rate
    context.sample_aspect_ratio = target.sample_aspect_ratio or Fraction(0)
    if target.bit_rate:
        context.bit_rate = target.bit_rate
    if target.is_progressive:
        context.field_order = 1  # AV_FIELD_PROGRESSIVE
    tag_color(context, target.color)
    context.thread_count = threads
    context.options = _options_here(target, threads) | {"chroma_sample_location": _SITE_NAMES[target.color.chroma_site]}


def tag_color(tagged: VideoCodecContext | av.VideoFrame, color: ColorSpec) -> None:
    """Writes matrix, range, primaries and transfer where FFmpeg looks for them."""
    tagged.colorspace = int(color.matrix)
    tagged.color_range = 2 if color.range is Range.FULL else 1  # AVCOL_RANGE_JPEG, AVCOL_RANGE_MPEG
    tagged.color_primaries = color.primaries
    tagged.color_trc = color.transfer


def as_encoded(frame: av.VideoFrame, target: VideoTarget) -> av.VideoFrame:
    """The frame in the encoder's pixel format (the same samples, packed) and with its color tags."""
    tag_color(frame, target.color)
    if frame.format.name == target.pix_fmt:
        return frame
    packed = frame.reformat(format=target.pix_fmt, threads=1)
    packed.pts, packed.time_base = frame.pts, frame.time_base
    tag_color(packed, target.color)
    return packed


def _default_codec(request: EncoderRequest, info: SourceInfo, size: tuple[int, int], container: Container) -> str:
    depth = _asked_depth(request.pix_fmt) if request.pix_fmt is not None else info.format.depth
    if "h264" not in container.video_codecs:
        return "av1" if depth > 8 else "vp9"
    if min(size) < ENCODERS["h265"].least_side:
        return "h264"
    return "h265" if depth > 8 or size[1] > _H264_WIDTH_LIMIT else "h264"


def _asked_depth(pix_fmt: str) -> int:
    try:
        return plane_format(pix_fmt).depth
    except InputError as error:
        raise OptionError(
            f"no pixel format is called {printable(pix_fmt)}", hint="choose one such as yuv420p or yuv420p10le"
        ) from error


def _check_available(encoder: _Encoder) -> None:
    if encoder.name not in av.codecs_available:
        here = [codec for codec, known in ENCODERS.items() if known.name in av.codecs_available]
        raise EncoderError(f"the encoder {encoder.name} is missing here", hint=_choose(here), encoder=encoder.name)


def _encodable(encoder: _Encoder, *, alpha: bool) -> dict[str, PlaneFormat]:
    """Pixel formats whose planes we can give the encoder without loss, with those planes.

    Args:
        encoder: which.
        alpha: whether formats with alpha are wanted, or those without.
    """
    names = [f.name for f in av.Codec(encoder.name, "w").video_formats or ()]
    formats = {}
    for name in names:
        is_plain = not name.startswith(("ya", "yuvj")) and "f16" not in name and "f32" not in name
        is_taken = not alpha or encoder.alpha_format in ("", name)
        if has_alpha(name) is alpha and is_plain and is_taken:
            planes = plane_format(name, alpha=alpha)
            if name in (planes.name, "bgra" if alpha else "bgr0"):
                formats[name] = planes
    return formats


def _asked_pix_fmt(name: str, encoder: _Encoder, info: SourceInfo) -> str:
    known = _encodable(encoder, alpha=info.format.alpha)
    if name in known:
        return name
    for packed, planes in known.items():  # gbrp for ffv1, which wants the same as bgr0
        if planes.name == name:
            return packed
    raise OptionError(f"{encoder.name} does not encode the pixel format {printable(name)}", hint=_choose(known))


def _pix_fmt(codec: str, source: PlaneFormat) -> str:
    """The encoder's format that loses least of the source's planes, without going to rare ones."""
    known = _encodable(ENCODERS[codec], alpha=source.alpha)
    family, subsampling = _wanted_planes(codec, source, known)
    depths = {
        planes.depth: name
        for name, planes in known.items()
        if planes.family is family
        and (planes.log2_chroma_height, planes.log2_chroma_width) == subsampling
        and planes.depth <= ENCODERS[codec].max_depth
    }
    enough = [depth for depth in depths if depth >= source.depth]
    return depths[min(enough) if enough else max(depths)]


def _wanted_planes(codec: str, source: PlaneFormat, known: Mapping[str, PlaneFormat]) -> tuple[Family, tuple[int, int]]:
    """Family and (log2 chroma height, log2 chroma width) to encode."""
    families = {planes.family for planes in known.values()}
    if source.family is Family.RGB:
        if codec == "ffv1":
            return Family.RGB, (0, 0)
        return Family.YUV, (0, 0) if codec == "prores" else (1, 1)
    if source.family is Family.GRAY and Family.GRAY in families:
        return Family.GRAY, (0, 0)
    halvings = (1, 1)
    if source.family is Family.YUV:
        halvings = (source.log2_chroma_height, source.log2_chroma_width)
    return Family.YUV, _kept_subsampling(halvings, known)


def _kept_subsampling(halvings: tuple[int, int], known: Mapping[str, PlaneFormat]) -> tuple[int, int]:
    """The coarsest chroma that the encoder has and that is as fine as the source's; else its finest."""
    offered = {
        (planes.log2_chroma_height, planes.log2_chroma_width)
        for planes in known.values()
        if planes.family is Family.YUV
    }
    fine = [have for have in offered if have[0] <= halvings[0] and have[1] <= halvings[1]]
    return max(fine, key=lambda have: (sum(have), have)) if fine else min(offered, key=sum)


def _coded_size(codec: str, planes: PlaneFormat, size: tuple[int, int]) -> tuple[int, int]:
    """H.264 and HEVC crop by whole chroma samples: their 4:2:0 pictures are even."""
    if codec not in ("h264", "h265") or planes.family is not Family.YUV:
        return size
    steps = (1 << planes.log2_chroma_height, 1 << planes.log2_chroma_width)
    return (-(-size[0] // steps[0]) * steps[0], -(-size[1] // steps[1]) * steps[1])


def target_color(codec: str, info: SourceInfo, planes: PlaneFormat, size: tuple[int, int]) -> ColorSpec:
    """What the target's planes mean: as in the source where that can be."""
    color = info.color
    if planes.family is Family.RGB:
        return replace(color, matrix=Matrix.RGB, range=Range.FULL)
    if info.format.family is Family.RGB or color.matrix is Matrix.RGB:
        by_height = Matrix.SMPTE170M if size[0] < 720 else Matrix.BT709
        color = replace(color, matrix=by_height, range=Range.LIMITED, chroma_site=ChromaSite.LEFT)
    if codec == "prores":  # has no flag for the range
        color = replace(color, range=Range.LIMITED)
    if codec == "av1" and color.chroma_site is not ChromaSite.TOP_LEFT:  # AV1 knows these two
        color = replace(color, chroma_site=ChromaSite.LEFT)
    return color


def nominal_rate(info: SourceInfo, most: int) -> Fraction:
    """A rate that rate control and levels can live with; declared ones such as 60000 are not believed."""
    measured = Fraction(len(info.timeline)) / info.duration
    declared = info.average_rate
    is_sane = declared is not None and declared > 0 and Fraction(1, 4) < measured / declared < 4
    rate = declared if is_sane and declared is not None else measured
    return min(max(rate, Fraction(1, 10)), Fraction(most)).limit_denominator(1001)


def _options(
    request: EncoderRequest,
    encoder: _Encoder,
    planes: PlaneFormat,
    size: tuple[int, int],
    info: SourceInfo,
) -> dict[str, str]:
    options = dict(encoder.options)
    options |= _quality_options(request, encoder)
    options |= _preset_options(request, encoder)
    if encoder.name == "ffv1" and min(size) < _LEAST_SLICED:
        options["slices"] = "1"  # otherwise FFmpeg finds a number that divides the picture
    if encoder.name == "prores_ks":
        options["profile"] = "hq" if planes.log2_chroma_width else "4444"
    asked = dict(request.options)
    steady = "force-cfr=1" if encoder.name == "libx264" and not info.is_variable_rate else ""
    parts = (encoder.parameters, steady, _look_ahead(request, encoder, size), _light_parameters(encoder, info))
    ours = ":".join(text for text in parts if text)
    if ours:
        theirs = asked.get(encoder.parameter_option)
        asked[encoder.parameter_option] = f"{ours}:{theirs}" if theirs else ours
    return options | asked


def _look_ahead(request: EncoderRequest, encoder: _Encoder, size: tuple[int, int]) -> str:
    """Fewer frames for x264 to look ahead where each takes 22 MB; a preset that was asked for has its own number."""
    is_large = size[0] * size[1] > LARGE_PIXELS
    return f"rc-lookahead={LARGE_AHEAD}" if encoder.name == "libx264" and is_large and request.preset is None else ""


def _light_parameters(encoder: _Encoder, info: SourceInfo) -> str:
    """HDR10's static metadata (SMPTE ST 2086 and CTA-861.3) as the encoder library writes it."""
    parameters = []
    if encoder.display_parameter and info.mastering_display:
        chroma, luminance = encoder.display_units
        points = [f"({_units(x, chroma)},{_units(y, chroma)})" for x, y in _pairs(info.mastering_display[:8])]
        red, green, blue, white = points
        least, most = (_units(value, luminance) for value in info.mastering_display[8:])
        parameters.append(f"{encoder.display_parameter}=G{green}B{blue}R{red}WP{white}L({most},{least})")
    if encoder.light_parameter and info.content_light:
        sample, average = info.content_light
        parameters.append(f"{encoder.light_parameter}={sample},{average}")
    return ":".join(parameters)


def _pairs(numbers: tuple[Fraction, ...]) -> list[tuple[Fraction, Fraction]]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _units(value: Fraction, per_one: int | None) -> str:
    """A quantity in the encoder's units: whole ones, or None for decimals."""
    return f"{float(value):.5f}" if per_one is None else str(round(value * per_one))


def _quality_options(request: EncoderRequest, encoder: _Encoder) -> dict[str, str]:
    if request.bitrate is not None:
        if not encoder.takes_bitrate:
            raise OptionError(f"{encoder.name} has no bitrate", hint="leave --bitrate out")
        return {}
    if encoder.crf is None:
        if request.crf is not None:
            raise OptionError(f"{encoder.name} has no crf", hint="leave --crf out")
        return {}
    crf = encoder.crf if request.crf is None else request.crf
    if not 0 <= crf <= encoder.max_crf:
        raise OptionError(
            f"crf is {crf:g}", hint=f"choose 0 to {encoder.max_crf:g} for {encoder.name}, smaller is better"
        )
    if encoder.name in ("libsvtav1", "libvpx-vp9") and crf != int(crf):
        raise OptionError(f"crf is {crf:g}", hint=f"choose a whole number for {encoder.name}")
    return {"crf": f"{crf:g}"}


def _preset_options(request: EncoderRequest, encoder: _Encoder) -> dict[str, str]:
    if request.preset is None:
        return {encoder.preset_option: encoder.preset} if encoder.preset else {}
    if request.preset not in encoder.presets:
        name = printable(request.preset)
        hint = _choose(encoder.presets) if encoder.presets else "leave --preset out"
        raise OptionError(f"{encoder.name} has no preset {name}", hint=hint)
    return {encoder.preset_option: request.preset}


def _codec_tag(codec: str, planes: PlaneFormat) -> str:
    """hvc1 is what Apple's players ask for; ProRes tells its kind by its tag."""
    if codec == "prores":
        return "apch" if planes.log2_chroma_width else "ap4h"
    return "hvc1" if codec == "h265" else ""


def _options_here(target: VideoTarget, threads: int) -> dict[str, str]:
    """The target's options, with those that suit this machine and change no byte."""
    encoder = ENCODERS[target.codec]
    here = [f"{encoder.thread_parameter}={threads}"] if encoder.thread_parameter else []
    if target.codec == "h264":
        here += x264_here()
    given = target.options.get(encoder.parameter_option)
    if not here:
        return dict(target.options)
    return target.options | {encoder.parameter_option: ":".join([*here, *([given] if given else [])])}


def x264_here() -> list[str]:
    """Parameters of x264 with which the same frames give the same bytes on this machine."""
    return ["asm=AVX2"] if _has_avx512() else []


@cache
def _has_avx512() -> bool:
    """Whether x264 would use AVX-512, with which its rate control reads memory that nobody has written.

    Seen in the x264 of PyAV 18.1: other bytes in each run, and the same in all with AVX2, which such processors
    have too.
    """
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text("ascii", errors="replace")
    except OSError:
        return False


def _try_options(target: VideoTarget, asked: tuple[tuple[str, str], ...]) -> None:
    """Refuses options that the encoder does not know, or whose values it does not take."""
    context = av.Codec(target.encoder, "w").create("video")
    known = _option_names(context)
    for key, _ in asked:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=3)
            hint = f"did you mean {', '.join(close)}" if close else f"see FFmpeg's options of {target.encoder}"
            raise OptionError(f"{target.encoder} has no option {printable(key)}", hint=hint)
    complaint = _complaint(context, replace(target, coded_size=(128, 128)))
    if complaint:
        given = ", ".join(f"{key}={value}" for key, value in asked)
        raise OptionError(
            f"{target.encoder} does not take {printable(given)}: {complaint}",
            hint="correct or leave out --encoder-option",
        )


def _option_names(context: VideoCodecContext) -> list[str]:
    options = context.supported_options
    needed = OptionFlags.ENCODING_PARAM | OptionFlags.VIDEO_PARAM
    generic = [option.name for option in options.generic if option.flags & needed == needed]
    return sorted({*generic, *(option.name for option in options.private)})


def _complaint(context: VideoCodecContext, target: VideoTarget) -> str:
    """What FFmpeg says against opening the encoder so; empty if nothing.

    Bad keys inside x264-params and its like only make a warning, so the log is read.
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as lines:
            set_up_encoder(context, target, threads=1)
            context.open()
    except (FFmpegError, ValueError) as error:
        said = [text.strip().rstrip(".") for number, _, text in lines if number <= av.logging.ERROR]
        return printable(said[0]) if said else cause_of(error).partition(": 'avcodec_open2(")[0]
    finally:
        av.logging.set_level(level)
    marks = ("error parsing option", "unknown option", "invalid value")
    bad = [text.strip().rstrip(".") for _, _, text in lines if text.lower().startswith(marks)]
    return printable(bad[0]) if bad else ""


def _notes(target: VideoTarget, info: SourceInfo) -> tuple[str, ...]:
    notes = []
    if target.format.depth < info.format.depth:
        notes.append(
            f"{info.format.depth} bits a sample become {target.format.depth} ({target.encoder} {target.pix_fmt})"
        )
        if target.format.depth == 8 and info.color.transfer in _HDR_TRANSFERS:
            notes.append("HDR in 8 bits shows steps in skies and shadows; --codec h265 keeps 10")
    if (info.mastering_display or info.content_light) and not ENCODERS[target.codec].light_parameter:
        notes.append(f"{target.codec} has no room for HDR10's static metadata; --codec h265 keeps it")
    halvings = [(f.log2_chroma_height, f.log2_chroma_width) for f in (info.format, target.format)]
    if info.format.family is target.format.family is Family.YUV and sum(halvings[1]) > sum(halvings[0]):
        notes.append(f"chroma has less resolution in {target.pix_fmt} ({target.encoder})")
    if info.format.family is Family.RGB and target.format.family is not Family.RGB:
        notes.append(f"RGB becomes {target.pix_fmt}; --codec ffv1 keeps RGB")
    if target.coded_size != target.size:
        height, width = target.coded_size
        notes.append(
            f"{target.pix_fmt} needs even sizes: edges are repeated to {width}x{height}; "
            "--pix-fmt yuv444p keeps the exact size"
        )
    if target.color.range is not info.color.range and info.format.family is not Family.RGB:
        notes.append(f"{target.codec} is always limited range; full range is converted")
    return tuple(notes)


def _choose(names: Mapping[str, object] | tuple[str, ...] | list[str]) -> str:
    return f"choose {', '.join(names)}"


def _repeated(plane: Plane, size: tuple[int, int]) -> Plane:
    rows = np.minimum(np.arange(size[0]), plane.shape[0] - 1)
    columns = np.minimum(np.arange(size[1]), plane.shape[1] - 1)
    padded: Plane = plane[rows][:, columns]
    return padded
