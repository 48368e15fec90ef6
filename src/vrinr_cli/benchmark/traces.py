"""A figure over time as the numbers of an SVG drawing: the page's template draws it, its style sheet colors it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vrinr_cli.benchmark.compare import Series

WIDTH, HEIGHT = 900, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 34
"""Of the drawing around the plot."""
TICKS = 5


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the plot with its number."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Trace:
    """One series as a line."""

    name: str
    points: str
    """As `polyline` takes them."""
    style: int
    """Which of the style sheet's lines."""


@dataclass(frozen=True, slots=True)
class Plot:
    """All numbers of one drawing."""

    title: str
    unit: str
    width: int
    height: int
    left: int
    top: int
    right: int
    """Of the plot's edges, in the drawing."""
    bottom: int
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    traces: tuple[Trace, ...]
    places: tuple[float, ...]
    """Across, of every moment."""


def plot(title: str, unit: str, seconds: Sequence[float], series: Sequence[Series]) -> Plot:
    """Lay out some series over the same moments."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    lows, highs = min(min(one.values) for one in series), max(max(one.values) for one in series)
    y_marks = nice_marks(lows, highs)
    x_marks = [mark for mark in nice_marks(seconds[0], seconds[-1]) if seconds[0] <= mark <= seconds[-1]]
    places = [_place(moment, seconds[0], seconds[-1], LEFT, right) for moment in seconds]
    traces = [
        Trace(
            one.name,
            " ".join(
                f"{x:.1f},{_place(value, y_marks[0], y_marks[-1], bottom, TOP):.1f}"
                for x, value in zip(places, one.values, strict=True)
            ),
            number,
        )
        for number, one in enumerate(series)
    ]
    return Plot(
        title=title,
        unit=unit,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        top=TOP,
        right=right,
        bottom=bottom,
        x_ticks=tuple(Tick(_place(mark, seconds[0], seconds[-1], LEFT, right), f"{mark:g}") for mark in x_marks),
        y_ticks=tuple(Tick(_place(mark, y_marks[0], y_marks[-1], bottom, TOP), f"{mark:g}") for mark in y_marks),
        traces=tuple(traces),
        places=tuple(round(place, 1) for place in places),
    )


def nice_marks(low: float, high: float) -> list[float]:
    """Round numbers, evenly spaced, from below `low` to above `high`; two at least."""
    span = high - low if high > low else max(abs(high) * 0.02, 0.01)
    exponent = math.floor(math.log10(span / TICKS))
    step = next(size * 10.0**exponent for size in (1, 2, 2.5, 5, 10, 20) if span / (size * 10.0**exponent) <= TICKS)
    first = math.floor(low / step)
    last = max(math.ceil(high / step), first + 1)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _place(value: float, low: float, high: float, start: float, stop: float) -> float:
    """Where a value lies between two places; the middle where there is no span."""
    share = 0.5 if high <= low else (value - low) / (high - low)
    return start + share * (stop - start)
