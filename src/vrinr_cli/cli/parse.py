"""Options as people type them: sizes in memory, bit rates, k=v pairs."""

import re
from fractions import Fraction

from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.times import parse_time
from vrinr_cli.video.limits import LARGEST_PICTURE

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3}
_NTSC = {"23.976": 24000, "23.98": 24000, "29.97": 30000, "47.952": 48000, "59.94": 60000, "119.88": 120000}
"""Rates as people write them, in 1001 seconds."""
_BINARY = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def bits_per_second(text: str | None) -> int | None:
    """Bits a second from "800k", "2.5M" or "1200000".

    Raises:
        OptionError: not a rate.
    """
    return None if text is None else _with_unit(text, _UNITS, "bitrate", "write bits a second, such as 2.5M or 800k")


def memory_bytes(text: str | None) -> int | None:
    """Bytes from "4G" or "512M".

    Raises:
        OptionError: not an amount.
    """
    return None if text is None else _with_unit(text, _BINARY, "memory", "write bytes, such as 4G or 512M")


def file_bytes(text: str | None) -> int | None:
    """Bytes of a file from "300K" or "1.5M", in thousands.

    Raises:
        OptionError: not an amount.
    """
    return None if text is None else _with_unit(text, _UNITS, "budget", "write bytes, such as 300K or 1.5M")


def width_height(text: str | None) -> tuple[int, int] | None:
    """(height, width) from "256x192", width first.

    Raises:
        OptionError: not a size.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip().lower())
    if not match:
        raise OptionError(f"crop is {text!r}", hint="write WIDTHxHEIGHT, such as 256x256")
    return int(match[2]), int(match[1])


def most_pixels(text: str | None) -> int:
    """Pixels from "16000x9000", or "144000000"; what is taken unasked where nothing was said.

    Raises:
        OptionError: not a number of pixels.
    """
    if text is None:
        return LARGEST_PICTURE
    match = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", text.strip().lower())
    if not match:
        raise OptionError(f"max pixels is {text!r}", hint="write WIDTHxHEIGHT, such as 16000x9000")
    return int(match[1]) * int(match[2] or 1)


def rectangle(text: str) -> tuple[int, int, int, int]:
    """(top, left, height, width) from "96x54+200+80", width and X first.

    Raises:
        OptionError: not a rectangle.
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})\+(\d{1,5})\+(\d{1,5})", text.strip().lower())
    if not match:
        raise OptionError(f"crop is {text!r}", hint="write WIDTHxHEIGHT+X+Y, such as 96x54+200+80")
    width, height, left, top = (int(number) for number in match.groups())
    return top, left, height, width


def counts(text: str | None) -> tuple[int, ...] | None:
    """Whole numbers from "2M,1M" or "512K,256K", in powers of two: K is 1024.

    Raises:
        OptionError: not numbers.
    """
    if text is None:
        return None
    hint = "write numbers with commas between, such as 2M,1M"
    return tuple(_with_unit(part, _BINARY, "table entries", hint) for part in text.split(","))


def age_seconds(text: str | None) -> float:
    """Seconds from "7d", "12h" or "30m"; 0 where nothing was said.

    Raises:
        OptionError: not an age.
    """
    if text is None:
        return 0.0
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([mhd])", text.strip().lower())
    if not match:
        raise OptionError(f"older is {text!r}", hint="write an age, such as 7d, 12h or 30m")
    return float(match[1]) * {"m": 60, "h": 3600, "d": 86400}[match[2]]


def time(text: str | None) -> Fraction | None:
    """Seconds; see `parse_time`."""
    return None if text is None else parse_time(text)


def rate(text: str | None) -> Fraction | None:
    """Frames a second from "24", "29.97" or "30000/1001"; NTSC's rates are meant exactly.

    Raises:
        OptionError: not a rate.
    """
    if text is None:
        return None
    if text in _NTSC:
        return Fraction(_NTSC[text], 1001)
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?|\d{1,7}/[1-9]\d{0,6}", text):
        raise OptionError(f"fps is {text!r}", hint="write frames a second, such as 24, 23.976 or 30000/1001")
    return Fraction(text)


def key_values(texts: list[str]) -> tuple[tuple[str, str], ...]:
    """Pairs from items such as "tune=film".

    Raises:
        OptionError: no `=` in an item.
    """
    pairs = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise OptionError(f"encoder option is {text!r}", hint="write NAME=VALUE, such as tune=film")
        pairs.append((key, value))
    return tuple(pairs)


def numbers(text: str, name: str = "scales", *, example: str = "2,2.5,4") -> tuple[float, ...]:
    """Numbers from "2,2.5,4"; `name` is what they are and `example` some of them, for the error's text.

    Raises:
        OptionError: not numbers.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise OptionError(
            f"{name} are {text!r}", hint=f"write numbers with commas between, such as {example}"
        ) from error


def _with_unit(text: str, units: dict[str, int], name: str, hint: str) -> int:
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)([kmg]?)i?b?", text.strip().lower())
    if not match:
        raise OptionError(f"{name} is {text!r}", hint=hint)
    return int(float(match[1]) * units[match[2]])
