"""Line charts as inline SVG, by matplotlib."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

SIZE_INCHES = (6.4, 3.6)
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of Okabe and Ito (2008): told apart by color-blind readers too. Weights come first."""
BASELINE_COLORS = ("#555555", "#888888", "#b0b0b0")
MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    name: str
    points: tuple[tuple[float, float], ...]
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows."""

    title: str
    x: str
    """Title of the horizontal axis."""
    y: str
    lines: tuple[Line, ...]
    is_logarithmic: bool = False
    """Whether equal steps of x are equal factors."""
    x_prefix: str = ""
    """Before the numbers along x."""


def svg(chart: Chart, *, salt: str) -> str:
    """The chart as an SVG element, with its text as text and no reference to anything outside.

    Args:
        chart: what to draw.
        salt: part of the names inside the drawing: two in one page need different ones.
    """
    import matplotlib as mpl  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif", "font.size": 10}):
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        for line, color, marker in zip(chart.lines, _colors(chart.lines), _markers(chart.lines), strict=True):
            style = "--" if line.is_baseline else "-"
            x, y = zip(*line.points, strict=True)
            axes.plot(x, y, style, color=color, marker=marker, markersize=5, label=_label(line.name))
        places = sorted({x for line in chart.lines for x, _ in line.points})
        if chart.is_logarithmic:
            axes.set_xscale("log", base=2)
        axes.set_xticks(places, [f"{chart.x_prefix}{place:g}" for place in places])
        axes.minorticks_off()
        axes.set_xlabel(chart.x)
        axes.set_ylabel(chart.y)
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _as_element(file.getvalue(), salt)


def _label(name: str) -> str:
    """A name as matplotlib shows it to the letter: a dollar would start a formula, a leading "_" would hide it."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def _colors(lines: Sequence[Line]) -> list[str]:
    return _in_turn(lines, COLORS, BASELINE_COLORS)


def _markers(lines: Sequence[Line]) -> list[str]:
    return _in_turn(lines, MARKERS, MARKERS[::-1])


def _in_turn(lines: Sequence[Line], weights: Sequence[str], baselines: Sequence[str]) -> list[str]:
    """One of `weights` or of `baselines` a line, from the beginning again where there are too few."""
    seen = {True: 0, False: 0}
    chosen = []
    for line in lines:
        kind = baselines if line.is_baseline else weights
        chosen.append(kind[seen[line.is_baseline] % len(kind)])
        seen[line.is_baseline] += 1
    return chosen


def _as_element(document: str, salt: str) -> str:
    """The SVG element alone; names of its groups, which repeat in every drawing, get the salt."""
    element = document[document.index("<svg") :]
    return re.sub(r'<g id="([^"]+)"', lambda match: f'<g id="{salt}-{match[1]}"', element)
