"""A picture file to planes of samples, as stored, with alpha and with what the file says of its color.

Only the bytes that samples depend on reach FFmpeg's decoder: no demuxer looks at names or at other files. Sizes are
looked at before anything is decoded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.frame import ChromaSite, ColorSpec, Family, Matrix, Plane, PlaneFormat, Range
from vrinr_cli.video.files import cause_of
from vrinr_cli.video.limits import LARGEST_PICTURE, more_pixels
from vrinr_cli.video.pictures.content import Content, PictureTags
from vrinr_cli.video.pictures.kinds import WEBP, PictureKind, kind_of_content
from vrinr_cli.video.pixels import plane_format, planes_of
from vrinr_cli.video.source import shown, with_edges

LARGEST_FILE = 1 << 30
"""Bytes; 8192x8192 pixels of 16 bits and alpha have half of that."""
_PACKED = {
    "gray": "Y",
    "gray16le": "Y",
    "gray16be": "Y",
    "ya8": "YA",
    "ya16le": "YA",
    "ya16be": "YA",
    "rgb24": "RGB",
    "rgb48le": "RGB",
    "rgb48be": "RGB",
    "rgba": "RGBA",
    "rgba64le": "RGBA",
    "rgba64be": "RGBA",
    "argb": "ARGB",
    "bgra": "BGRA",
    "bgr0": "BGR0",
}
"""FFmpeg's packed formats of whole bytes a sample, and the samples of a pixel in their order."""
_ALPHA_PLANE = 3
_HINT = "convert it to PNG"


@dataclass(frozen=True, slots=True)
class StillPicture:
    """A picture as its file stores it."""

    planes: tuple[Plane, ...]
    """In the order of `format.family`."""
    alpha: Plane | None
    """As large as the first plane and as deep; 0 is transparent."""
    format: PlaneFormat
    color: ColorSpec
    kind: PictureKind
    tags: PictureTags
    """What the file says, also how it is to be turned."""
    is_lossy: bool
    """Whether the file's way of encoding loses something."""
    notes: tuple[str, ...] = ()
    """What a user should know, one line each."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) as stored."""
        rows, columns = self.planes[0].shape
        return rows, columns


def read_picture(path: Path, *, allow_damaged: bool = False, most_pixels: int = LARGEST_PICTURE) -> StillPicture:
    """The picture of a file.

    Args:
        path: of any kind in `KINDS`, whatever it is called.
        allow_damaged: take what can be decoded of a damaged one, with a note.
        most_pixels: that it may have.

    Raises:
        OptionError: there is no such file.
        InputError: it is no picture that vrinr reads, or it is too large, cut or damaged.
    """
    data = bytes_of(path)
    try:
        return decode_picture(data, allow_damaged=allow_damaged, most_pixels=most_pixels)
    except InputError as error:
        raise InputError(f"{shown(path)}: {error}", hint=error.hint) from error


def decode_picture(data: bytes, *, allow_damaged: bool = False, most_pixels: int = LARGEST_PICTURE) -> StillPicture:
    """The picture of a file's bytes.

    Raises:
        InputError: as for `read_picture`; the text names no file.
    """
    kind = kind_of_content(data[:64])
    if kind is None:
        raise InputError("not a picture that vrinr reads", hint=_HINT)
    content = kind.read(data)
    _check(content, kind, allow_damaged=allow_damaged, most_pixels=most_pixels)
    decoding = _Decoding(kind, content, most_pixels)
    frame = _decoded(decoding, allow_damaged=allow_damaged)
    planes, alpha, form = _samples(frame, content)
    alpha = None if content.is_opaque else alpha
    if content.is_premultiplied and alpha is not None:
        planes = tuple(_divided(plane, alpha) for plane in planes)
    is_damaged = allow_damaged and (content.is_cut or frame.is_corrupt or _is_damaged(decoding))
    damage = ("it is damaged; what could be decoded is taken",) if is_damaged else ()
    return StillPicture(
        planes=planes,
        alpha=alpha,
        format=form,
        color=_color_of(form, kind),
        kind=kind,
        tags=content.tags,
        is_lossy=content.is_lossy,
        notes=(*content.notes, *damage),
    )


def bytes_of(path: Path) -> bytes:
    """All of a file.

    Raises:
        OptionError: there is no such file.
        InputError: it cannot be read, or has more than `LARGEST_FILE` bytes.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{shown(path)}: more than a gigabyte, too large to be read", hint=_HINT)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise OptionError(f"{shown(path)}: no such file", hint="check the path") from error
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({cause_of(error)})", hint="check its permissions") from error


def _check(content: Content, kind: PictureKind, *, allow_damaged: bool, most_pixels: int) -> None:
    if content.problem:
        raise InputError(f"this {kind.name} {content.problem}; vrinr does not read such", hint="convert it to RGB PNG")
    if content.size is None:
        raise InputError(f"this {kind.name} is cut or damaged: no size in it", hint="copy it again")
    height, width = content.size
    if height * width > most_pixels:
        raise InputError(
            f"its picture is {width}x{height}, too large to be read", hint=more_pixels(content.size, most_pixels)
        )
    if not height * width:
        raise InputError(f"its picture is {width}x{height}: nothing in it", hint="choose another picture")
    if content.is_cut and not allow_damaged:
        raise InputError("the file is cut", hint="copy it again, or take what is there with --skip-damaged")


@dataclass(frozen=True, slots=True)
class _Decoding:
    """What is decoded."""

    kind: PictureKind
    content: Content
    most_pixels: int


def _decoded(decoding: _Decoding, *, allow_damaged: bool) -> av.VideoFrame:
    kind, content = decoding.kind, decoding.content
    try:
        frame = _decoder(decoding, is_strict=not allow_damaged).decode(av.Packet(content.encoded))
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise InputError(f"this {kind.name} is damaged or of a rare kind: {cause_of(error)}", hint=_HINT) from error
    if not frame or (frame[0].is_corrupt and not allow_damaged):
        raise InputError(f"this {kind.name} is damaged", hint="copy it again, or allow damage with --skip-damaged")
    if (frame[0].height, frame[0].width) != content.size:
        raise InputError(f"this {kind.name} is damaged: it has two sizes", hint="copy it again")
    return frame[0]


def _is_damaged(decoding: _Decoding) -> bool:
    """Whether the strict decoder refuses what the lenient one took."""
    try:
        return not _decoder(decoding, is_strict=True).decode(av.Packet(decoding.content.encoded))
    except (av.FFmpegError, ValueError, MemoryError):
        return True


def _decoder(decoding: _Decoding, *, is_strict: bool) -> VideoCodecContext:
    context = cast(VideoCodecContext, av.CodecContext.create(decoding.kind.decoder, "r"))
    context.thread_count = 1
    context.options = {"max_pixels": str(with_edges(decoding.most_pixels))}
    if is_strict:
        context.options |= {"err_detect": "crccheck+bitstream+buffer+explode"}
    return context


def _samples(frame: av.VideoFrame, content: Content) -> tuple[tuple[Plane, ...], Plane | None, PlaneFormat]:
    """Planes, alpha and the planes' format of a decoded picture."""
    if frame.format.name == "pal8":
        frame = frame.reformat(format="rgba" if content.has_transparent_colors else "rgb24", threads=1)
    name = frame.format.name
    letters = _PACKED.get(name)
    if letters is None:
        form = plane_format(name)
        has_alpha = name.startswith(("yuva", "gbrap"))
        alpha = _pixels(frame, _ALPHA_PLANE, "A", form.depth)["A"] if has_alpha else None
        return planes_of(frame, form), alpha, form
    is_gray = "Y" in letters
    depth = 16 if "16" in name or "48" in name or "64" in name else 8
    form = plane_format(("gray" if is_gray else "gbrp") + ("16le" if depth == 16 else ""))
    found = _pixels(frame, 0, letters, depth, is_big_endian=name.endswith("be"))
    return tuple(found[letter] for letter in ("Y" if is_gray else "RGB")), found.get("A"), form


def _pixels(
    frame: av.VideoFrame, plane: int, letters: str, depth: int, *, is_big_endian: bool = False
) -> dict[str, Plane]:
    """The samples of a packed plane, apart, each (rows, columns) in the machine's byte order."""
    stored = frame.planes[plane]
    sample: np.dtype[Any] = np.dtype(f"{'>' if is_big_endian else '<'}u{1 if depth == 8 else 2}")
    lines = np.frombuffer(memoryview(stored), np.uint8).reshape(-1, abs(stored.line_size))
    used = lines[: frame.height, : frame.width * len(letters) * sample.itemsize]
    pixels: NDArray[Any] = used.view(sample).reshape(frame.height, frame.width, len(letters))
    own = sample.newbyteorder("=")
    return {letter: pixels[..., n].astype(own, order="C") for n, letter in enumerate(letters)}


def _divided(plane: Plane, alpha: Plane) -> Plane:
    """The color that was multiplied by alpha; black where nothing is left of it."""
    most = int(np.iinfo(plane.dtype).max)
    wide = np.minimum(plane, alpha).astype(np.int64)
    part = alpha.astype(np.int64)
    divided = (2 * wide * most + part) // np.maximum(2 * part, 1)
    return divided.astype(np.uint8) if most == 255 else divided.astype(np.uint16)


def _color_of(form: PlaneFormat, kind: PictureKind) -> ColorSpec:
    """What the samples mean: full range, but WebP's lossy kind has video's; BT.601 as JFIF and WebP have it."""
    if form.family is Family.RGB:
        return ColorSpec(Matrix.RGB, Range.FULL)
    if form.family is Family.GRAY:
        return ColorSpec(Matrix.SMPTE170M, Range.FULL)
    range_ = Range.LIMITED if kind is WEBP else Range.FULL
    return ColorSpec(Matrix.SMPTE170M, range_, chroma_site=ChromaSite.CENTER)
