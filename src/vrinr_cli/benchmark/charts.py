"""Line charts as inline SVG, by matplotlib."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SIZE_INCHES = (6.4, 4.4)
FONT_POINTS = 12
"""Two charts stand side by side on a page, each about as wide as drawn."""
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of Okabe and Ito (2008): told apart by color-blind readers too. Weights come first."""
BASELINE_COLORS = ("#404040", "#707070", "#989898", "#b8b8b8")
"""Four, so that with six markers no two of eight baselines look alike."""
MARKERS = ("o", "s", "^", "D", "v", "P")
PRINTED_COLOR = "#000000"
LONG_NAME = 24
"""Characters above which a name has a line of the legend for itself."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    name: str
    points: tuple[tuple[float, float], ...]
    is_baseline: bool
    control_of: str = ""
    """Name of the line before it whose control it is: drawn in its color, broken and without marks."""
    is_printed: bool = False
    """Whether the points come from a paper: marks without a line."""


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

    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif", "font.size": FONT_POINTS}
    ):
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        for line, style in zip(chart.lines, _styles(chart.lines), strict=True):
            x, y = zip(*line.points, strict=True)
            axes.plot(x, y, markersize=5, label=_label(line.name), **style)
        places = sorted({x for line in chart.lines for x, _ in line.points})
        if chart.is_logarithmic:
            axes.set_xscale("log", base=2)
        axes.set_xticks(places, [f"{chart.x_prefix}{place:g}" for place in places])
        axes.minorticks_off()
        axes.set_xlabel(chart.x)
        axes.set_ylabel(chart.y)
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        is_long = any(len(line.name) > LONG_NAME for line in chart.lines)
        figure.legend(loc="outside lower center", ncols=1 if is_long else 2, frameon=False)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _as_element(file.getvalue(), salt)


def _label(name: str) -> str:
    """A name as matplotlib shows it to the letter: a dollar would start a formula, a leading "_" would hide it."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def _styles(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Of each line color, dashes and marker, from the beginning again where there are too few."""
    own: dict[str, dict[str, Any]] = {}
    kinds = {False: (COLORS, MARKERS, "-"), True: (BASELINE_COLORS, MARKERS[::-1], "--")}
    seen = {False: 0, True: 0}
    for line in lines:
        if line.is_printed:
            own[line.name] = {"color": PRINTED_COLOR, "linestyle": "", "marker": "x", "zorder": 3}
        elif line.control_of:
            own[line.name] = {"color": own[line.control_of]["color"], "linestyle": ":", "marker": ""}
        else:
            colors, markers, dashes = kinds[line.is_baseline]
            number = seen[line.is_baseline]
            seen[line.is_baseline] += 1
            color, marker = colors[number % len(colors)], markers[number % len(markers)]
            own[line.name] = {"color": color, "linestyle": dashes, "marker": marker}
    return [own[line.name] for line in lines]


def _as_element(document: str, salt: str) -> str:
    """The SVG element alone; names of its groups, which repeat in every drawing, get the salt."""
    element = document[document.index("<svg") :]
    return re.sub(r'<g id="([^"]+)"', lambda match: f'<g id="{salt}-{match[1]}"', element)
