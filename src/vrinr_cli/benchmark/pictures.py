"""Pictures to look at: one window of one frame of each clip, by every method."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from vrinr_cli.benchmark.scores import Condition
from vrinr_cli.jobs.spot import Window, best_window
from vrinr_cli.training.corpus import Pixels

WINDOW = (216, 384)
"""Largest (height, width) of what is shown, in HR pixels."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same window of one frame by several methods."""

    clip: str
    condition: Condition
    frame: int
    window: Window
    pictures: tuple[tuple[str, Pixels], ...]
    """(name, (h, w, 3) uint8): LR first, then the methods, HR last."""


def compare(
    clip: str, condition: Condition, frame: int, window: Window, pictures: Sequence[tuple[str, Pixels]]
) -> Comparison:
    """Cut the window out of every picture; all are of HR size."""
    return Comparison(clip, condition, frame, window, tuple((name, window.of(p).copy()) for name, p in pictures))


def shown_condition(conditions: Sequence[Condition]) -> Condition:
    """Of which pictures are shown: the scale nearest to 4, and the middle noise level."""
    nearest = min(conditions, key=lambda c: abs(math.log(c.scale / 4)))
    alike = sorted((c for c in conditions if c.scale == nearest.scale), key=lambda c: c.level)
    return alike[len(alike) // 2]


def detailed_window(picture: Pixels) -> Window:
    """The window of at most `WINDOW` with the most detail of a picture (H, W, 3) uint8."""
    return best_window(picture, WINDOW)


def data_uri(picture: Pixels) -> str:
    """A picture (H, W, 3) uint8 as PNG inside a URI."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
