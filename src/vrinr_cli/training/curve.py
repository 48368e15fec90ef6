"""How a training run went: validation gains over time, as lines of JSON and as a picture."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli import extra
from vrinr_cli.errors import OptionError, TargetError
from vrinr_cli.record import from_plain, to_plain

ENDINGS = (".svg", ".png")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One validation of a run."""

    step: int
    minutes: float
    """Of computing, before a resume included."""
    loss: float
    """Mean since the validation before."""
    rate: float
    """Learning rate."""
    gains: tuple[tuple[float, float], ...]
    """(scale, mean dB of psnr_y over the better of bicubic and Lanczos)."""


def to_words(points: Sequence[CurvePoint]) -> str:
    """As JSON, for the state and the card of a run."""
    return json.dumps([to_plain(point) for point in points])


def from_words(words: str) -> tuple[CurvePoint, ...]:
    """What `to_words` was given.

    Raises:
        ValueError: it is not that.
    """
    return tuple(from_plain(CurvePoint, item, at="curve") for item in json.loads(words))


def check_chart(path: Path) -> None:
    """Refuse a chart that cannot be drawn, before the work. An existing one is drawn anew.

    Raises:
        OptionError: another kind of file, or matplotlib is not installed.
        TargetError: it cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise OptionError(f"{path.name}: charts are {' or '.join(ENDINGS)}", hint="name the chart so")
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise TargetError(f"{path}: cannot be written", hint="choose another file")
    extra.load("matplotlib", what="a chart")


def draw_curve(points: Sequence[CurvePoint], title: str, path: Path) -> None:
    """Draw the gains: minutes to the right, dB upwards, a line for each scale.

    Args:
        points: in order of time, 1 or more.
        title: over the chart.
        path: .svg or .png; replaced where it exists.

    Raises:
        TargetError: it cannot be written.
    """
    figure = extra.load("matplotlib.figure", what="a chart").Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, (scale, _) in enumerate(points[0].gains):
        axes.plot([p.minutes for p in points], [p.gains[number][1] for p in points], "o-", label=f"x{scale:g}")
    axes.set(title=title, xlabel="minutes", ylabel="psnr_y over bicubic and Lanczos, dB")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    made = path.with_name(f".{path.stem}.new{path.suffix}")
    try:
        figure.savefig(made)
        made.replace(path)
    except OSError as error:
        raise TargetError(f"{path}: cannot be written: {error.strerror}", hint="see that the disk has space") from error
