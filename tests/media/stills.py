"""Still pictures as files: made by Pillow, which shares no code with FFmpeg, or by hand where it has no such kind."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Samples = NDArray[Any]


def samples(size: tuple[int, int] = (40, 56), channels: int = 3, *, seed: int = 7, deep: bool = False) -> Samples:
    """A soft texture that uses most codes, (height, width, channels), uint8 or uint16."""
    height, width = size
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((y * a + x * b) / 9 + c) for a, b, c in rng.uniform(0.2, 1.5, (channels, 3))]
    values = np.clip(0.5 + 0.45 * np.stack(waves, axis=-1) + rng.normal(0, 0.01, (height, width, channels)), 0, 1)
    return (values * 65535).astype(np.uint16) if deep else (values * 255).astype(np.uint8)


def image(array: Samples) -> Image.Image:
    """A Pillow picture of 8-bit gray, gray and alpha, RGB or RGBA."""
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[array.shape[2]]
    return Image.fromarray(array[..., 0] if mode == "L" else array, mode)


def save(path: Path, array: Samples, **options: Any) -> Path:
    """A file of the kind that its name says, by Pillow."""
    image(array).save(path, **options)
    return path


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of such a file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(array: Samples, *, extra: bytes = b"", size: tuple[int, int] | None = None) -> bytes:
    """A PNG by hand, of 8 or 16 bits and 1 to 4 channels; `extra` are chunks after the header."""
    height, width = size or array.shape[:2]
    color = {1: 0, 2: 4, 3: 2, 4: 6}[array.shape[2]]
    depth = 8 * array.dtype.itemsize
    rows = array.astype(">u2" if depth == 16 else "u1").reshape(array.shape[0], -1)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    parts = [chunk(b"IHDR", header), extra, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def profile(space: bytes = b"RGB ") -> bytes:
    """A color profile; its space is only said, for gray."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:16] + space + made[20:24] + bytes(12) + made[36:]  # without the time at which it was made


def exif(orientation: int = 1) -> Image.Exif:
    """What a camera says: which way is up, its maker, and the size of the picture."""
    told = Image.Exif()
    told[0x0112] = orientation
    told[0x010F] = "Maker"
    told.get_ifd(0x8769)[0xA002] = 56
    return told


def seen_by_another(path: Path) -> Image.Image:
    """A file as Pillow reads it, whole."""
    with Image.open(path) as picture:
        picture.load()
        return picture.copy()


def profile_in(path: Path) -> bytes:
    """The color profile that Pillow finds."""
    with Image.open(path) as picture:
        return bytes(picture.info.get("icc_profile", b""))


def exif_in(path: Path) -> Image.Exif:
    """The EXIF that Pillow finds."""
    with Image.open(path) as picture:
        return picture.getexif()
