"""Planes of samples to a picture file's bytes, with what is to be said of their color."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from vrinr_cli.errors import EncodeError, TargetError, VerifyError, printable
from vrinr_cli.frame import ChromaSite, ColorSpec, Family, Matrix, Plane, PlaneFormat, Range
from vrinr_cli.video.files import cause_of
from vrinr_cli.video.limits import scale_hint
from vrinr_cli.video.pictures import jpeg, png, tiff, webp
from vrinr_cli.video.pictures.content import LONGEST_WORDS, PictureTags
from vrinr_cli.video.pictures.exif import made_upright
from vrinr_cli.video.pictures.kinds import JPEG, PNG, TIFF, WEBP, PictureKind
from vrinr_cli.video.pictures.reading import decode_picture
from vrinr_cli.video.pixels import plane_format, to_av_frame

LARGEST_TARGET = 2**31 // 8
"""Samples of a picture, with some room around it, that FFmpeg takes (av_image_check_size)."""
QUALITY = "95"
"""Of lossy WebP, 0 to 100."""
_JPEG_QUANTIZER = "1"
"""The finest of FFmpeg's JPEG, 1 to 31."""
_OPTIONS = {
    "PNG": {"pred": "mixed"},
    "TIFF": {"compression_algo": "deflate"},
    "JPEG": {"qmin": _JPEG_QUANTIZER, "qmax": _JPEG_QUANTIZER},
}
_SRGB_GAMMA, _SRGB_POINTS = (45455).to_bytes(4, "big"), bytes([1, 13])
"""What gAMA, and the first two bytes of cICP, say of sRGB: PNG clause 11.3.2, H.273 tables 2 and 3."""
_ENCODERS = {"PNG": "png", "TIFF": "tiff", "JPEG": "mjpeg", "WebP": "libwebp"}


@dataclass(frozen=True, slots=True)
class PictureTarget:
    """How a picture is written. Pure data."""

    kind: PictureKind
    size: tuple[int, int]
    """(height, width) of the planes to come."""
    format: PlaneFormat
    """Of the planes to come."""
    color: ColorSpec
    has_alpha: bool
    is_lossy: bool

    @property
    def encoder(self) -> str:
        """FFmpeg's name."""
        return _ENCODERS[self.kind.name]

    @property
    def pix_fmt(self) -> str:
        """FFmpeg's pixel format in the file."""
        if self.kind is JPEG:
            return "yuvj444p"
        if self.kind is WEBP:
            return "bgra"
        letters = ("ya" if self.has_alpha else "gray") if self.format.family is Family.GRAY else "rgb"
        alpha = "a" if letters == "rgb" and self.has_alpha else ""
        if self.format.depth == 8:
            return {"ya": "ya8", "gray": "gray"}.get(letters, "rgba" if alpha else "rgb24")
        order = "be" if self.kind is PNG else "le"
        return f"{letters}{'16' if letters != 'rgb' else alpha + ('64' if alpha else '48')}{order}"


def choose_picture_target(
    kind: PictureKind,
    source: PlaneFormat,
    size: tuple[int, int],
    *,
    has_alpha: bool,
    is_lossy: bool,
    source_size: tuple[int, int] | None = None,
) -> PictureTarget:
    """What keeps most of a picture in a kind of file.

    Args:
        kind: of the file to write.
        source: the planes that the picture comes from.
        size: (height, width) of the planes to write.
        has_alpha: whether there is alpha to keep.
        is_lossy: whether the picture comes out of a lossy file, of which a lossless one would only be larger.
        source_size: (height, width) of the source, turned as `size` is: for the largest scale that fits.

    Raises:
        TargetError: such a file cannot be so large.
    """

    def fits(wanted: tuple[int, int]) -> bool:
        return max(wanted) <= kind.largest_side and (wanted[0] + 128) * (wanted[1] + 128) < LARGEST_TARGET

    if not fits(size):
        raise TargetError(
            f"{size[1]}x{size[0]} is larger than {kind.name} takes here", hint=scale_hint(source_size, size, fits)
        )
    form, color = _planes_for(kind, source)
    return PictureTarget(
        kind=kind,
        size=size,
        format=form,
        color=color,
        has_alpha=has_alpha and kind.holds_alpha,
        is_lossy=kind is JPEG or (kind is WEBP and is_lossy),
    )


def losses(target: PictureTarget, source: PlaneFormat, tags: PictureTags, *, has_alpha: bool) -> tuple[str, ...]:
    """What of a picture a file does not hold, one line each."""
    name, held = target.kind.name, held_tags(target, tags)
    told = {
        f"{name} holds no transparency: it is dropped": has_alpha and not target.has_alpha,
        f"{source.depth} bits a sample become 8: {name} holds no more": source.depth > target.format.depth,
        f"the color profile of a gray picture is left out: {name} makes colors of it": bool(tags.icc) and not held.icc,
        f"what the camera says (EXIF) is left out: vrinr writes none into such a {name}": bool(tags.exif)
        and not held.exif,
        f"the colors are not those of sRGB, and {name} cannot say so as PNG does": _says_more_than_srgb(tags)
        and not (held.png_color or held.icc),
    }
    return tuple(text for text, is_told in told.items() if is_told)


def held_tags(target: PictureTarget, tags: PictureTags, *, software: str = "") -> PictureTags:
    """What a file can say of an upright picture of the target's size, and what it shall say that made it."""
    is_gray_profile = tags.icc[16:20] == b"GRAY"
    is_gray = target.kind.max_depth > 8 and target.format.family is Family.GRAY
    exif = made_upright(tags.exif, target.size) if tags.exif else b""
    has_room = target.kind is not TIFF and not (target.kind is JPEG and len(exif) > jpeg.LONGEST_EXIF)
    return PictureTags(
        icc=b"" if is_gray_profile and not is_gray else tags.icc,
        exif=exif if has_room else b"",
        png_color=tags.png_color if target.kind is PNG else (),
        software=printable(software).encode("ascii", "replace").decode()[: LONGEST_WORDS - 1],
    )


def _says_more_than_srgb(tags: PictureTags) -> bool:
    """Whether PNG's chunks name other colors than sRGB's, which is what everybody takes a picture for."""
    told = dict(tags.png_color)
    gamma = told.get(b"gAMA", _SRGB_GAMMA)
    points = told.get(b"cICP", _SRGB_POINTS)
    return b"sRGB" not in told and (gamma != _SRGB_GAMMA or points[:2] != _SRGB_POINTS)


def encode_picture(target: PictureTarget, planes: tuple[Plane, ...], alpha: Plane | None, tags: PictureTags) -> bytes:
    """A whole file, looked at once more: what was written is read again and compared.

    Args:
        target: how.
        planes: in `target.format`, of `target.size`.
        alpha: as large and as deep, where the target has it.
        tags: what the file shall say, as `held_tags` gives it.

    Raises:
        EncodeError: FFmpeg does not encode it.
        VerifyError: what was encoded is not what was given.
    """
    height, width = target.size
    try:
        encoded = _encoded(target, _frame(target, planes, alpha))
        file = _with_tags(target, encoded, tags)
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise EncodeError(
            f"{target.kind.name} of {width}x{height}: {cause_of(error)}", hint="choose another kind of file"
        ) from error
    _verify(target, file, planes, alpha)
    return file


def _planes_for(kind: PictureKind, source: PlaneFormat) -> tuple[PlaneFormat, ColorSpec]:
    if kind is JPEG:
        color = ColorSpec(Matrix.SMPTE170M, Range.FULL, chroma_site=ChromaSite.CENTER)
        return plane_format("yuv444p"), color
    deep = "16le" if source.depth > 8 and kind.max_depth > 8 else ""
    if source.family is Family.GRAY:
        return plane_format(f"gray{deep}"), ColorSpec(Matrix.SMPTE170M, Range.FULL)
    return plane_format(f"gbrp{deep}"), ColorSpec(Matrix.RGB, Range.FULL)


def _frame(target: PictureTarget, planes: tuple[Plane, ...], alpha: Plane | None) -> av.VideoFrame:
    if target.kind is JPEG:
        frame = to_av_frame(planes, target.format).reformat(
            format="yuvj444p", src_color_range=2, dst_color_range=2, threads=1
        )
        frame.color_range = 2  # AVCOL_RANGE_JPEG
        return frame
    most = (1 << target.format.depth) - 1
    opaque = alpha if alpha is not None else np.full_like(planes[0], most)
    if target.kind is WEBP:
        red, green, blue = planes if len(planes) == 3 else planes * 3
        return _packed(target.pix_fmt, (blue, green, red, opaque))
    return _packed(target.pix_fmt, (*planes, opaque) if target.has_alpha else planes)


def _packed(name: str, planes: tuple[Plane, ...]) -> av.VideoFrame:
    """A frame of packed samples in this order."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, name)
    sample: np.dtype[Any] = planes[0].dtype
    if sample.itemsize > 1:
        sample = np.dtype(">u2" if name.endswith("be") else "<u2")
    lines = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(-1, frame.planes[0].line_size)
    used: NDArray[Any] = lines[:height, : width * len(planes) * sample.itemsize].view(sample)
    pixels = used.reshape(height, width, len(planes))
    for number, plane in enumerate(planes):
        pixels[..., number] = plane
    return frame


def _encoded(target: PictureTarget, frame: av.VideoFrame) -> bytes:
    context = cast(VideoCodecContext, av.CodecContext.create(target.encoder, "w"))
    context.height, context.width = target.size
    context.pix_fmt, context.time_base = target.pix_fmt, Fraction(1)
    context.thread_count = 1
    if target.kind is JPEG:
        context.color_range = 2
    webp_options = {"quality": QUALITY} if target.is_lossy else {"lossless": "1", "quality": "75"}
    context.options = _OPTIONS.get(target.kind.name, webp_options)
    frame.pts = 0
    packets = context.encode(frame) + context.encode(None)
    if len(packets) != 1:
        raise ValueError(f"{len(packets)} packets of one picture")
    return bytes(packets[0])


def _with_tags(target: PictureTarget, encoded: bytes, tags: PictureTags) -> bytes:
    if target.kind is JPEG:
        return jpeg.with_tags(encoded, tags)
    if target.kind is WEBP:
        return webp.with_tags(encoded, tags, target.size, has_alpha=target.has_alpha)
    return png.with_tags(encoded, tags) if target.kind is PNG else tiff.with_tags(encoded, tags)


def _verify(target: PictureTarget, file: bytes, planes: tuple[Plane, ...], alpha: Plane | None) -> None:
    """Read it again: lossless files hold what was given, lossy ones a picture of the size."""
    found = decode_picture(file)
    is_same = found.size == target.size
    if is_same and not target.is_lossy:
        kept = alpha if target.has_alpha else None
        is_same = _same_samples(target, found.planes, planes, kept)
        if kept is not None:
            is_same &= found.alpha is not None and np.array_equal(found.alpha, kept)
    if not is_same:
        raise VerifyError(f"the {target.kind.name} that was written differs from the picture", hint="report this")


def _same_samples(
    target: PictureTarget, found: tuple[Plane, ...], planes: tuple[Plane, ...], alpha: Plane | None
) -> bool:
    """Whether samples are equal; where nothing is seen WebP keeps none."""
    wanted = planes * 3 if len(planes) < len(found) else planes
    seen = np.ones(planes[0].shape, bool) if alpha is None or target.kind is not WEBP else alpha > 0
    return all(np.array_equal(have[seen], want[seen]) for have, want in zip(found, wanted, strict=True))
