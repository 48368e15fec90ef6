"""Which frames of several videos show the same moment: by their times, or else by their numbers. Pure arithmetic."""

import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vrinr_cli.errors import counted
from vrinr_cli.video.info import Timeline

LEAST_SHARE = 0.9
"""Of the shortest video's frames that have a partner at their time; with fewer, times say nothing."""


@dataclass(frozen=True, slots=True)
class Match:
    """Moments that all videos show."""

    frames: tuple[tuple[int, ...], ...]
    """Of each moment: the number of the frame in each video."""
    seconds: tuple[float, ...]
    """Of each moment, from the first frame of the first video."""
    by: Literal["time", "number"]
    notes: tuple[str, ...]


def match(lines: Sequence[Timeline], names: Sequence[str]) -> Match:
    """Frames of the first video with those of the others, in order.

    Times count from each video's first frame. Two frames are partners if they are at most half a frame apart.

    Args:
        lines: when the frames are shown; there is a frame in each.
        names: of the videos, for notes.
    """
    times = [_seconds(line) for line in lines]
    apart = min(_distance(line) for line in lines) / 2
    found = _by_time(times, apart)
    shortest = min(len(line) for line in lines)
    is_by_time = len(found) >= LEAST_SHARE * shortest
    frames = found if is_by_time else [(number,) * len(lines) for number in range(shortest)]
    notes = []
    if len({len(line) for line in lines}) > 1 or len(frames) < shortest:
        counts = ", ".join(f"{name} has {counted(len(line), 'frame')}" for name, line in zip(names, lines, strict=True))
        verb = "is" if len(frames) == 1 else "are"
        notes.append(f"{counts}; {counted(len(frames), 'moment')} of them {verb} compared")
    if not is_by_time:
        notes.append("frames are not shown at the same times: they are matched by number")
    seconds = tuple(float(times[0][first]) for first, *_ in frames)
    return Match(tuple(frames), seconds, "time" if is_by_time else "number", tuple(notes))


def spread(count: int, wanted: int) -> list[int]:
    """At most so many numbers below `count`, evenly spread, each the middle of its share."""
    wanted = min(count, wanted)
    return [(2 * place + 1) * count // (2 * wanted) for place in range(wanted)]


def _seconds(line: Timeline) -> list[Fraction]:
    return [(pts - line.pts[0]) * line.time_base for pts in line.pts]


def _distance(line: Timeline) -> Fraction:
    """Seconds from one frame to the next, usually."""
    return Fraction(statistics.median_low(line.durations)) * line.time_base


def _by_time(times: Sequence[Sequence[Fraction]], apart: Fraction) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    for number, moment in enumerate(times[0]):
        partners = [_nearest(other, moment) for other in times[1:]]
        is_near = all(abs(other[p] - moment) <= apart for other, p in zip(times[1:], partners, strict=True))
        is_new = not found or all(p > before for p, before in zip(partners, found[-1][1:], strict=True))
        if is_near and is_new:
            found.append((number, *partners))
    return found


def _nearest(times: Sequence[Fraction], moment: Fraction) -> int:
    place = min(bisect_left(times, moment), len(times) - 1)
    return place - 1 if place > 0 and moment - times[place - 1] <= times[place] - moment else place
