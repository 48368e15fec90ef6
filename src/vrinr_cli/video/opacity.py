"""What a source's alpha is used for, told from frames of several places: nothing, or straight or multiplied colors.

Screen recordings and exports have alpha that is opaque all over. And no container says whether colors are straight or
multiplied by alpha already, as some programs export them: black wherever nothing is seen, and nowhere brighter than
alpha (docs/decisions/0038).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vrinr_cli.errors import InputError
from vrinr_cli.frame import Family, Frame, Range
from vrinr_cli.video.alpha import with_alpha_read
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.reader import read_frames

PLACES = 8
"""Frames that are looked at, spread evenly from the first to the last."""
BEYOND_KEY = 60
"""Frames from a key frame within which they lie, where there are few of them."""
LEAST_PARTLY = 64
"""Pixels that are partly seen, in all frames together, from which multiplied colors are told."""
PARTLY = (0.05, 0.95)
"""Alpha of such pixels, 0 to 1."""
NOISE = 0.03
"""Of luma and alpha, by which lossy codecs may be off."""
SHARE = 0.995
"""Of the pixels that must fit to multiplied colors; edges of straight ones are a few in a hundred at least."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AlphaSeen:
    """What was seen of a source's alpha."""

    frames: int
    """That were looked at."""
    is_opaque: bool
    """Whether every pixel of them is opaque."""
    is_multiplied: bool
    """Whether colors are multiplied by alpha."""


def look_at_alpha(info: SourceInfo, on_picture: Callable[[], object] | None = None) -> AlphaSeen:
    """Look at a frame of several places of a source. Damaged ones are passed over.

    Args:
        info: a source that has alpha.
        on_picture: called for each picture that is decoded to find out.
    """
    return alpha_of(_frames(with_alpha_read(info), on_picture))


def alpha_of(frames: Iterable[Frame]) -> AlphaSeen:
    """What frames with a plane of alpha say of it."""
    count = partly = hidden = fitting = black = 0
    is_opaque = True
    for frame in frames:
        count += 1
        most = (1 << frame.format.depth) - 1
        is_opaque = is_opaque and bool((frame.planes[-1] == most).all())
        alpha, luma = frame.planes[-1] / most, _luma(frame)
        is_partly, is_hidden = (alpha > PARTLY[0]) & (alpha < PARTLY[1]), alpha == 0
        partly += int(is_partly.sum())
        hidden += int(is_hidden.sum())
        fitting += int((luma[is_partly] <= alpha[is_partly] + NOISE).sum())
        black += int((luma[is_hidden] <= NOISE).sum())
    is_multiplied = partly >= LEAST_PARTLY and fitting >= SHARE * partly and black >= SHARE * hidden
    return AlphaSeen(count, is_opaque and count > 0, is_multiplied)


def _frames(info: SourceInfo, on_picture: Callable[[], object] | None) -> Iterator[Frame]:
    for place in _places(info):
        with (
            suppress(InputError),
            closing(
                read_frames(info, place, place + 1, allow_damaged=True, on_picture=on_picture)  # type: ignore[type-var]
            ) as frames,
        ):
            yield from frames


def _places(info: SourceInfo) -> list[int]:
    """Frames that are reached soon: at key frames, or a little after."""
    last = len(info.timeline) - 1
    even = [number * last // (PLACES - 1) for number in range(PLACES)]
    keys = [info.keyframes[bisect_right(info.keyframes, place) - 1] for place in even]
    return sorted({min(place, key + BEYOND_KEY) for place, key in zip(even, keys, strict=True)})


def _luma(frame: Frame) -> _Floats:
    """What is brightest of each pixel: luma, or the largest of R, G and B; 0 to 1."""
    is_rgb = frame.format.family is Family.RGB
    codes = np.max(frame.planes[:3], axis=0) if is_rgb else frame.planes[0]
    step = 1 << (frame.format.depth - 8)
    if is_rgb or frame.color.range is Range.FULL:
        return codes / ((1 << frame.format.depth) - 1)
    return (codes.astype(np.float64) - 16 * step) / (219 * step)
