"""What of a file is read, and how much one may hold: a file of a kilobyte may claim anything. Pure data."""

from collections.abc import Callable
from dataclasses import dataclass

LARGEST_PICTURE = 8192 * 8192
"""Pixels of a source's frame that are taken unasked. A file of a kilobyte may claim four times as many, and would get
gigabytes."""
MOST_PIXELS = 2**31 // 8 - 1
"""That FFmpeg holds at all, with some room around the picture (av_image_check_size)."""
LONGEST_HOURS = 100.0
"""From a source's first frame to its last that are taken unasked: a single wrong time may claim years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a file is opened for."""

    video_stream: int | None = None
    """Index of the stream in the file; None is the one flagged as default, or else the first."""
    most_pixels: int = LARGEST_PICTURE
    longest_hours: float = LONGEST_HOURS


PLAIN = Wanted()
"""What is wanted where nobody asked for anything."""


def pixels_in_words(pixels: int) -> str:
    """As in "8192x8192 pixels", or "2000000 pixels" where there is no such square."""
    side = round(pixels**0.5)
    return f"{side}x{side} pixels" if side**2 == pixels else f"{pixels} pixels"


def more_pixels(size: tuple[int, int], most: int) -> str:
    """The hint where a picture (height, width) has more than are taken."""
    height, width = size
    words = f"{pixels_in_words(most)} are the most, in any shape"
    return f"{words}; --max-pixels {width}x{height} takes it" if height * width <= MOST_PIXELS else words


def scale_hint(source: tuple[int, int] | None, target: tuple[int, int], fits: Callable[[tuple[int, int]], bool]) -> str:
    """The hint where a target is too large: the largest scale that fits, where one does.

    Args:
        source: (height, width); None where nobody knows.
        target: (height, width) that does not fit.
        fits: whether a target of a size can be, which every smaller one can then be too.
    """
    if source is None or max(target[0] * source[1], target[1] * source[0]) > 1.02 * target[0] * source[1]:
        return "choose a smaller size"  # the axes grow unequally: no one number says it
    low, high = 0, round(100 * target[0] / source[0]) + 1
    while high - low > 1:
        middle = (low + high) // 2
        size = tuple(-(-side * middle // 100) + 1 for side in source)
        low, high = (middle, high) if fits((size[0], size[1])) else (low, middle)
    return f"{low / 100:g} is the largest --scale that fits" if low >= 100 else "it does not even fit as it is"
