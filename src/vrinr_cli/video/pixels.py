"""FFmpeg's pixel formats and frames, to planes of samples and back.

Each format that a software decoder gives has one planar format of ours with the same content, `plane_format`.
A format with one component a plane is copied as it lies; small packed RGB is unpacked here; all other packed
formats are unpacked by swscale, with matrix and range equal on both sides, which changes no sample
(tests/video/test_pixels.py tries every one). Only Bayer and XYZ pictures are converted in earnest.
"""

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

import av
import numpy as np
from av.video.format import VideoFormatComponent
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from vrinr_cli.errors import InputError
from vrinr_cli.frame import Family, Plane, PlaneFormat

_FLOAT = re.compile(r"(gray|ya|gbra?p|rgba?)f(16|32)[lb]e")
_SMALL_RGB = re.compile(r"(rgb|bgr)(565[lb]e|555[lb]e|444[lb]e|8|4_byte)")
"""Packed RGB of 4 to 16 bits a pixel; the first letter lies in the highest bits."""
_NOT_UNPACKED = re.compile(r"rgb4|bgr4|(x2rgb10|x2bgr10|v30x|xv30|y210|y212|y216)be")
"""Formats that swscale refuses to read; no decoder is known to give them."""

_SUBSAMPLING = {(0, 0): "444", (0, 1): "422", (1, 1): "420", (1, 0): "440", (0, 2): "411", (2, 2): "410"}
"""(log2 chroma height, log2 chroma width) to the digits in FFmpeg's names."""

_ALL_DEPTHS = (8, 9, 10, 12, 14, 16)
_FEW_DEPTHS = {"440": (8, 10, 12), "411": (8,), "410": (8,)}
"""Depths in which FFmpeg has a planar format, for the subsamplings that have not all."""


@lru_cache
def plane_format(name: str, *, alpha: bool = False) -> PlaneFormat:
    """The planar format with the content of an FFmpeg pixel format.

    Depths below 8 bits and palettes become 8 bits; floating point and 32 bits become 16.

    Args:
        name: FFmpeg's name, for instance "nv12", "yuvj420p", "bgr0" or "yuv420p10le".
        alpha: whether its alpha, if it has any, is a plane too.

    Raises:
        InputError: no such format, or one that cannot be read, as those in a device's memory.
    """
    if alpha and has_alpha(name):
        return with_alpha(plane_format(name))
    stored = _stored_format(name)
    depth = _depth(stored)
    if stored.is_rgb or stored.has_palette or name.startswith("xyz"):
        return _planar("gbrp", Family.RGB, _rounded_depth("gbrp", depth), (0, 0))
    if len(_colors(stored)) == 1:
        return _planar("gray", Family.GRAY, _rounded_depth("gray", depth), (0, 0))
    halvings = (_halvings(stored.chroma_height(16)), _halvings(stored.chroma_width(16)))
    digits = _SUBSAMPLING[halvings]
    return _planar(f"yuv{digits}p", Family.YUV, _rounded_depth(digits, depth), halvings)


def has_alpha(name: str) -> bool:
    """Whether an FFmpeg pixel format has samples of transparency (a palette may, and counts as without)."""
    return any(component.is_alpha for component in av.VideoFormat(name).components)


def with_alpha(format: PlaneFormat) -> PlaneFormat:  # noqa: A002 - the field's term
    """The format with the same planes and alpha as the last."""
    if format.family is Family.GRAY:
        name = format.name.replace("gray", "ya") if format.depth > 8 else "ya8"
    else:
        name = format.name.replace("gbrp", "gbrap").replace("yuv", "yuva")
    return replace(format, name=name, alpha=True)


def planes_of(frame: av.VideoFrame, format: PlaneFormat) -> tuple[Plane, ...]:  # noqa: A002 - the field's term
    """The samples of a frame, in own arrays that stay when the decoder goes on.

    Args:
        frame: a decoded frame, whose format's `plane_format` is `format`.
        format: the format of the planes.

    Returns:
        Contiguous planes in the order of the family (Y, U, V or R, G, B) and alpha if the format has it, each as
        large as `format.plane_size` says, in the machine's byte order.

    Raises:
        InputError: the frame is of another format.
    """
    name = frame.format.name
    if plane_format(name, alpha=format.alpha) != format:
        raise InputError(
            f"pixel format is {name}, the video began with {format.name}",
            hint="split the file where its format changes",
        )
    if _SMALL_RGB.fullmatch(name):
        return _unpack_small_rgb(frame)
    if not _has_own_planes(frame.format):
        # with more threads PyAV 18.1 sometimes gives wrong samples (2 to 14 % of small pictures)
        frame = VideoReformatter().reformat(frame, format=format.name, threads=1)
    size = (frame.height, frame.width)
    if format.alpha and format.family is Family.GRAY:
        pixels = _lines(frame.planes[0], (size[0], 2 * size[1]), np.dtype("u1" if format.depth == 8 else "<u2"))
        return tuple(_to_depth(pixels[:, place::2], format.name, format.depth) for place in (0, 1))
    return tuple(
        _to_depth(_read_plane(frame, stored, format.plane_size(size, plane)), frame.format.name, format.depth)
        for plane, stored in enumerate(_stored_order(format))
    )


def to_av_frame(planes: tuple[Plane, ...], format: PlaneFormat) -> av.VideoFrame:  # noqa: A002
    """An FFmpeg frame of pixel format `format.name` with these samples; its time and color are not set.

    Raises:
        ValueError: gray with alpha, which FFmpeg has in no planar format.
    """
    if format.alpha and format.family is Family.GRAY:
        raise ValueError(f"{format.name} is not planar")
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, format.name)
    for plane, stored in zip(planes, _stored_order(format), strict=True):
        _write_plane(frame.planes[stored], plane)
    return frame


def _stored_format(name: str) -> av.VideoFormat:
    try:
        stored = av.VideoFormat(name, 16, 16)
    except ValueError as error:
        raise _unreadable(name) from error
    is_readable = (
        stored.components
        and not _NOT_UNPACKED.fullmatch(name)
        # swscale aborts the process on some packed formats of floating point
        and (_has_own_planes(stored) or not (_FLOAT.fullmatch(name) or _stored_bits(stored) > 16))
    )
    if not is_readable:
        raise _unreadable(name)
    return stored


def _unreadable(name: str) -> InputError:
    return InputError(f"pixel format {name} cannot be read", hint="convert the file to a format such as yuv420p")


def _depth(stored: av.VideoFormat) -> int:
    """Bits a sample that keep a format's content, 8 to 16."""
    if stored.is_bayer:  # its components count the samples of a 2 x 2 cell
        return 16 if stored.bits_per_pixel > 8 else 8
    if _FLOAT.fullmatch(stored.name):
        return 16
    return min(max(_stored_bits(stored), 8), 16)


def _stored_bits(stored: av.VideoFormat) -> int:
    return max(component.bits for component in _colors(stored))


def _colors(stored: av.VideoFormat) -> list[VideoFormatComponent]:
    return [component for component in stored.components if not component.is_alpha]


def _halvings(samples_of_16: int) -> int:
    return (16 // samples_of_16).bit_length() - 1


def _rounded_depth(kind: str, depth: int) -> int:
    """The least depth in which FFmpeg has planes of the kind."""
    return min(known for known in _FEW_DEPTHS.get(kind, _ALL_DEPTHS) if known >= depth)


def _planar(stem: str, family: Family, depth: int, halvings: tuple[int, int]) -> PlaneFormat:
    return PlaneFormat(stem if depth == 8 else f"{stem}{depth}le", family, depth, *halvings)


def _stored_order(format: PlaneFormat) -> tuple[int, ...]:  # noqa: A002
    """The number of FFmpeg's plane for each of ours; it stores RGB as G, B, R."""
    return (2, 0, 1, 3)[: format.planes] if format.family is Family.RGB else tuple(range(format.planes))


def _has_own_planes(stored: av.VideoFormat) -> bool:
    """Whether each component stands alone in its plane, in whole bytes."""
    planes = [component.plane for component in stored.components]
    is_plain = not (stored.has_palette or stored.is_bayer) and min(c.bits for c in stored.components) >= 8
    return is_plain and len(set(planes)) == len(planes)


def _sample_type(stored: av.VideoFormat) -> np.dtype[Any]:
    """How one sample of a format with own planes lies in memory."""
    kind = "f" if _FLOAT.fullmatch(stored.name) else "u"
    order = ">" if stored.is_big_endian else "<"
    bits = _stored_bits(stored)
    return np.dtype(f"{order}{kind}{1 if bits == 8 else 2 if bits <= 16 else 4}")


def _read_plane(frame: av.VideoFrame, plane: int, size: tuple[int, int]) -> NDArray[Any]:
    """One plane as stored, (rows, columns), without the padding at the ends of its lines."""
    return _lines(frame.planes[plane], size, _sample_type(frame.format))


def _lines(plane: VideoPlane, size: tuple[int, int], sample: np.dtype[Any]) -> NDArray[Any]:
    rows, columns = size
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, abs(plane.line_size))
    samples: NDArray[Any] = lines[:rows, : columns * sample.itemsize].view(sample)
    return samples if plane.line_size >= 0 else samples[::-1]  # such a frame's last line lies first


def _to_depth(samples: NDArray[Any], stored: str, depth: int) -> Plane:
    """Own copy of stored samples as integers of `depth` bits in the machine's byte order."""
    if samples.dtype.kind == "f":
        codes = np.nan_to_num(samples.astype(np.float64)).clip(0, 1) * ((1 << depth) - 1)
        return codes.round().astype(np.uint16)
    if samples.dtype.itemsize == 4:
        return (samples >> 16).astype(np.uint16)
    if stored.endswith(("msble", "msbbe")):
        samples = samples >> (16 - depth)
    if depth == 8:
        return samples.astype(np.uint8, order="C", copy=True)
    return samples.astype(np.uint16, order="C", copy=True)


def _unpack_small_rgb(frame: av.VideoFrame) -> tuple[Plane, ...]:
    """R, G and B of packed pixels of 4 to 16 bits, stretched to 8 bits with white at 255."""
    stored = frame.format
    byte_order = ">" if stored.is_big_endian else "<"
    sample = np.dtype(f"{byte_order}u{stored.padded_bits_per_pixel // 8}")
    pixels = _lines(frame.planes[0], (frame.height, frame.width), sample).astype(np.uint16)
    red, green, blue = (component.bits for component in stored.components)
    if stored.name.startswith("rgb"):
        places = ((green + blue, red), (blue, green), (0, blue))
    else:
        places = ((0, red), (red, green), (red + green, blue))
    return tuple(_stretch((pixels >> shift) & ((1 << bits) - 1), bits) for shift, bits in places)


def _stretch(codes: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    return (codes * (255 / ((1 << bits) - 1))).round().astype(np.uint8)


def _write_plane(plane: VideoPlane, samples: Plane) -> None:
    rows, columns = samples.shape
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    lines[:rows, : columns * samples.itemsize] = np.ascontiguousarray(samples).view(np.uint8)
