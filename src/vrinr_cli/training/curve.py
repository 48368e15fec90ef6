"""How a training run went: validation gains over time, as JSON and as a picture."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli import extra
from vrinr_cli.record import from_plain, to_plain
from vrinr_cli.training.fit_chart import save


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
    gains: tuple[tuple[str, float], ...]
    """(case, mean dB of psnr_y over the better of bicubic and Lanczos)."""


def to_words(points: Sequence[CurvePoint]) -> str:
    """As JSON, for the state and the card of a run."""
    return json.dumps([to_plain(point) for point in points])


def from_words(words: str) -> tuple[CurvePoint, ...]:
    """What `to_words` was given.

    Raises:
        ValueError: it is not that.
    """
    return tuple(from_plain(CurvePoint, item, at="curve") for item in json.loads(words))


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
    for number, (case, _) in enumerate(points[0].gains):
        axes.plot([p.minutes for p in points], [p.gains[number][1] for p in points], "o-", label=case)
    axes.set(title=title, xlabel="minutes", ylabel="psnr_y over bicubic and Lanczos, dB")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    save(figure, path)
