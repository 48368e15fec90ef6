"""The kinds of picture files that vrinr reads and writes, by what they hold."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.errors import TargetError, printable
from vrinr_cli.video.pictures import jpeg, png, tiff, webp
from vrinr_cli.video.pictures.content import Content

_HEAD = 1 << 16
_STREAM_HEAD = 64 << 20
"""Bytes of a JPEG in which a second picture is looked for."""


@dataclass(frozen=True, slots=True)
class PictureKind:
    """One kind of file."""

    name: str
    endings: tuple[str, ...]
    decoder: str
    """FFmpeg's name."""
    signature: "re.Pattern[bytes]"
    read: Callable[[bytes], Content]
    largest_side: int
    """Pixels, of what is written."""
    max_depth: int = 8
    """Bits a sample, of what is written."""
    holds_alpha: bool = True


PNG = PictureKind("PNG", (".png",), "png", re.compile(rb"\x89PNG\r\n\x1a\n"), png.read, 1 << 20, max_depth=16)
JPEG = PictureKind(
    "JPEG", (".jpg", ".jpeg"), "mjpeg", re.compile(rb"\xff\xd8\xff"), jpeg.read, 65500, holds_alpha=False
)
WEBP = PictureKind("WebP", (".webp",), "webp", re.compile(rb"RIFF....WEBP", re.DOTALL), webp.read, 16383)
TIFF = PictureKind(
    "TIFF",
    (".tif", ".tiff"),
    "tiff",
    re.compile(rb"II[*+]\0|MM\0[*+]"),
    tiff.read,
    1 << 20,
    max_depth=16,
)
KINDS = (PNG, JPEG, WEBP, TIFF)
ENDINGS = tuple(ending for kind in KINDS for ending in kind.endings)


def kind_of_name(path: Path) -> PictureKind | None:
    """The kind that a name's ending asks for; None if it is none of a picture."""
    ending = path.suffix.lower()
    return next((kind for kind in KINDS if ending in kind.endings), None)


def kind_to_write(path: Path) -> PictureKind:
    """The kind that a name's ending asks for.

    Raises:
        TargetError: it is none of a picture.
    """
    kind = kind_of_name(path)
    if kind is None:
        raise TargetError(
            f"{printable(path.name)}: names no picture file that vrinr writes",
            hint=f"choose one of {' '.join(ENDINGS)}",
        )
    return kind


def kind_of_content(head: bytes) -> PictureKind | None:
    """The kind of file that begins so, whatever it is called."""
    return next((kind for kind in KINDS if kind.signature.match(head)), None)


def picture_kind(path: Path) -> PictureKind | None:
    """The kind of a file that holds one picture, by its content; None for all else, also what cannot be read.

    Animated PNG and Motion JPEG count as video.
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD)
            kind = kind_of_content(head)
            if kind is JPEG:
                head += file.read(_STREAM_HEAD)
    except OSError:
        return None
    if (kind is PNG and png.is_animated(head)) or (kind is JPEG and jpeg.is_stream(head)):
        return None
    return kind


def is_picture(path: Path) -> bool:
    """Whether a file holds one picture of a kind that vrinr reads, by its content and not its name."""
    return picture_kind(path) is not None
