"""What the bytes of a picture file say of it, before any sample is decoded. Pure data."""

from dataclasses import dataclass

LARGEST_PROFILE = 16 << 20
"""Bytes of a color profile or of EXIF; printers' profiles have a few."""

LONGEST_WORDS = 256
"""Bytes of a text about the software."""


@dataclass(frozen=True, slots=True)
class PictureTags:
    """What a file says of its picture, in a form that every kind of file can hold."""

    icc: bytes = b""
    """The color profile as it is; empty without one."""
    exif: bytes = b""
    """EXIF as a TIFF structure ("II*\\0" or "MM\\0*" first); empty without."""
    orientation: int = 1
    """How the stored picture is turned and mirrored, 1 to 8 as in EXIF; 1 is upright."""
    png_color: tuple[tuple[bytes, bytes], ...] = ()
    """PNG's own chunks about color, name and content: cICP, sRGB, gAMA, cHRM."""
    software: str = ""
    """What the file says made it, in ASCII; where that stands in EXIF it is left there."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was found in a file, as far as it could be followed."""

    size: tuple[int, int] | None
    """(height, width) as stored; None where the file does not get that far."""
    tags: PictureTags
    encoded: bytes
    """What the decoder needs, and no more."""
    problem: str = ""
    """Why vrinr does not read such a file, "is CMYK"; empty if it does."""
    is_cut: bool = False
    """Whether the file ends too early."""
    is_lossy: bool = False
    is_opaque: bool = False
    """Whether alpha, if the decoder gives any, is none of the file's."""
    has_transparent_colors: bool = False
    """Whether single colors of a palette, or one color, are transparent."""
    is_premultiplied: bool = False
    """Whether the colors were multiplied by alpha."""
    notes: tuple[str, ...] = ()
    """What is left out, one line each."""


def plain_words(content: bytes) -> str:
    """A text of a file, as far as it is ASCII and not long; up to the first zero byte."""
    return content[:LONGEST_WORDS].split(b"\0")[0].decode("ascii", "ignore")


def bounded(profile: bytes) -> bytes:
    """A profile that is not too long; else nothing."""
    return profile if len(profile) <= LARGEST_PROFILE else b""
