"""Bytes against dB as a picture, by matplotlib, which only this and the benchmark need."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vrinr_cli import extra
from vrinr_cli.errors import OptionError, TargetError
from vrinr_cli.training.fit_options import RatePoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".svg", ".png")


def check_chart(path: Path, *, overwrite: bool) -> None:
    """Refuse a chart that cannot be drawn, before the work.

    Args:
        path: the chart.
        overwrite: whether an existing one may be replaced.

    Raises:
        OptionError: another kind of file, or matplotlib is not installed.
        TargetError: no folder to put it in, or the chart exists already.
    """
    if path.suffix.lower() not in ENDINGS:
        raise OptionError(f"{path.name}: charts are {' or '.join(ENDINGS)}", hint="name the chart so")
    if not path.parent.is_dir():
        raise TargetError(f"{path.parent}: no such folder", hint="make it first")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise TargetError(f"{path}: cannot be written", hint="choose another file")
    if path.exists() and not overwrite:
        raise TargetError(f"{path}: exists already", hint="use -y to replace it")
    extra.load("matplotlib", what="a chart")


def draw_chart(points: Sequence[RatePoint], title: str, path: Path) -> None:
    """Draw ways to deliver a clip: bytes to the right, dB upwards.

    Args:
        points: of `FitReport`.
        title: over the chart.
        path: .svg or .png; replaced where it exists.

    Raises:
        TargetError: it cannot be written.
    """
    figure = extra.load("matplotlib.figure", what="a chart").Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    ours = [p for p in points if not p.name.startswith("x265")]
    theirs = sorted((p for p in points if p.name.startswith("x265")), key=lambda p: p.bytes)
    for line, style, name in ((theirs, "o--", "x265 of the HR clip"), (ours, "s-", "LR, enlarged")):
        axes.plot([p.bytes / 1000 for p in line], [p.psnr_y for p in line], style, label=name)
    for point in ours:
        axes.annotate(point.name, (point.bytes / 1000, point.psnr_y), xytext=(6, -12), textcoords="offset points")
    axes.set(title=title, xlabel="kB in all", ylabel="psnr_y, dB")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    save(figure, path)


def save(figure: "Figure", path: Path) -> None:
    """Write a chart, whole or not at all; an existing one is replaced.

    Raises:
        TargetError: it cannot be written.
    """
    made = path.with_name(f".{path.stem}.new{path.suffix}")
    try:
        figure.savefig(made)
        made.replace(path)
    except OSError as error:
        raise TargetError(f"{path}: cannot be written: {error.strerror}", hint="see that the disk has space") from error
    finally:
        made.unlink(missing_ok=True)
