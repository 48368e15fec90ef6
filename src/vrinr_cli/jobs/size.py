"""How large the result is: integers and fractions only. Sizes are (height, width)."""

import re
from dataclasses import dataclass
from fractions import Fraction

from vrinr_cli.errors import OptionError

LARGEST_SCALE = 32
LARGEST_SIDE = 65536
SAME_SHAPE = Fraction(1, 100)
"""Axes whose scales differ by less than this share are scaled alike; the rest is rounding."""


@dataclass(frozen=True, slots=True)
class SizeRequest:
    """One way of saying how large: exactly one field is given."""

    scale: str | None = None
    """ "2.25", or "2x1.5" for width x height."""
    size: str | None = None
    """ "1920x1080", width x height as displayed."""
    height: int | None = None
    """Height as displayed; the width follows the shape, to the nearest even number."""
    box: str | None = None
    """ "3840x2160": the largest size of the source's shape that fits inside."""

    def __post_init__(self) -> None:
        given = [name for name in ("scale", "size", "height", "box") if getattr(self, name) is not None]
        if len(given) != 1:
            words = " and ".join(f"--{name}" for name in given) or "no size"
            raise OptionError(f"{words} given", hint="give one of --scale, --size, --height, --box")
        if self.scale is not None:
            parse_scale(self.scale)
        for pair in (self.size, self.box):
            if pair is not None:
                parse_size(pair)
        if self.height is not None and not 1 <= self.height <= LARGEST_SIDE:
            raise OptionError(f"height is {self.height}", hint=f"choose 1 to {LARGEST_SIDE}")

    @property
    def word(self) -> str:
        """The request in a file name: "x2", "1920x1080", "1080p"."""
        if self.scale is not None:
            return f"x{self.scale.replace('/', '-')}"
        return self.size or self.box or f"{self.height}p"


def parse_scale(text: str) -> tuple[Fraction, Fraction]:
    """Scales (vertical, horizontal) from "2.25", "9/4" or "2x1.5" (width x height).

    Raises:
        OptionError: not a number, or not within 1 to 32.
    """
    hint = f"choose 1 to {LARGEST_SCALE}, such as 2.25, or 2x1.5 for width x height"
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(re.fullmatch(r"\d{1,6}(\.\d{1,9})?|\d{1,6}/\d{1,6}", part) for part in parts):
        raise OptionError(f"scale is {text!r}", hint=hint)
    try:
        across, down = (Fraction(part) for part in (parts[0], parts[-1]))
    except ZeroDivisionError as error:
        raise OptionError(f"scale is {text!r}", hint=hint) from error
    if not all(1 <= scale <= LARGEST_SCALE for scale in (across, down)):
        raise OptionError(f"scale is {text}", hint=hint)
    return down, across


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) from "1920x1080".

    Raises:
        OptionError: not two whole numbers within limits.
    """
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text.lower())
    if not match or not all(1 <= int(side) <= LARGEST_SIDE for side in match.groups()):
        raise OptionError(f"size is {text!r}", hint=f"write WIDTHxHEIGHT, each 1 to {LARGEST_SIDE}")
    return int(match[2]), int(match[1])


def target_size(request: SizeRequest, source: tuple[int, int], *, is_turned: bool) -> tuple[int, int]:
    """The size of the result as stored.

    Args:
        request: what was asked; `size`, `height` and `box` count on the screen.
        source: stored size of the source.
        is_turned: whether a player shows the picture turned by 90 or 270 degrees.

    Raises:
        OptionError: an axis would shrink, or grow by more than 32.
    """
    if request.scale is not None:
        down, across = parse_scale(request.scale)
        return _nearest(source[0] * down), _nearest(source[1] * across)
    shown = source[::-1] if is_turned else source
    wanted = _shown_size(request, shown)
    size = wanted[::-1] if is_turned else wanted
    for before, after in zip(source, size, strict=True):
        if not before <= after <= before * LARGEST_SCALE:
            raise OptionError(
                f"{wanted[1]}x{wanted[0]} from {shown[1]}x{shown[0]}: each axis may grow 1 to {LARGEST_SCALE} times",
                hint=f"choose at least {shown[1]}x{shown[0]}",
            )
    return size


def scaled_shape(source: tuple[int, int], target: tuple[int, int], shape: Fraction | None) -> Fraction | None:
    """The sample aspect ratio of the result, so that it looks like the source.

    Args:
        source: (height, width).
        target: (height, width).
        shape: the source's sample aspect ratio; None is unknown and taken as square.

    Returns:
        The source's own where both axes are scaled alike; None where that is unknown.
    """
    down, across = Fraction(target[0], source[0]), Fraction(target[1], source[1])
    if abs(across / down - 1) < SAME_SHAPE or min(*source, *target) < 16:
        return shape
    exact = (shape or Fraction(1)) * down / across
    rounded = exact.limit_denominator(1000)
    return Fraction(1) if abs(rounded - 1) < SAME_SHAPE else rounded


def _shown_size(request: SizeRequest, shown: tuple[int, int]) -> tuple[int, int]:
    if request.size is not None:
        return parse_size(request.size)
    if request.box is not None:
        height, width = parse_size(request.box)
        scale = min(Fraction(height, shown[0]), Fraction(width, shown[1]))
        return _even_below(shown[0] * scale, height), _even_below(shown[1] * scale, width)
    height = request.height or shown[0]
    return height, max(2 * _nearest(Fraction(shown[1] * height, 2 * shown[0])), shown[1])


def _even_below(exact: Fraction, limit: int) -> int:
    return min(max(2 * _nearest(exact / 2), 1), limit)


def _nearest(exact: Fraction) -> int:
    """Half goes up."""
    return int(exact + Fraction(1, 2))
