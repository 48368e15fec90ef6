"""Pictures to look at: one window of one frame of each clip, by every method."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vrinr_cli.benchmark.scores import Condition
from vrinr_cli.training.corpus import Pixels

WINDOW = (216, 384)
"""Largest (height, width) of what is shown, in HR pixels."""
WINDOW_STEP = 16
"""Windows are tried at every so many pixels."""


@dataclass(frozen=True, slots=True)
class Window:
    """Part of a picture in HR pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, picture: Pixels) -> Pixels:
        """The part, (height, width, 3)."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


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


def best_window(picture: Pixels, size: tuple[int, int] = WINDOW) -> Window:
    """The window with the most detail: the largest sum of absolute differences of neighbouring pixels.

    Args:
        picture: HR, (H, W, 3) uint8.
        size: largest (height, width) of the window.
    """
    height, width = min(size[0], picture.shape[0]), min(size[1], picture.shape[1])
    gray = picture.astype(np.float64).mean(axis=2)
    detail = np.abs(np.diff(gray, axis=0, append=gray[-1:])) + np.abs(np.diff(gray, axis=1, append=gray[:, -1:]))
    sums = np.pad(detail, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    places = [
        (top, left)
        for top in range(0, picture.shape[0] - height + 1, WINDOW_STEP)
        for left in range(0, picture.shape[1] - width + 1, WINDOW_STEP)
    ]

    def amount(place: tuple[int, int]) -> float:
        top, left = place
        bottom, right = top + height, left + width
        return float(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left])

    return Window(*max(places, key=amount), height, width)


def data_uri(picture: Pixels) -> str:
    """A picture (H, W, 3) uint8 as PNG inside a URI."""
    from PIL import Image  # noqa: PLC0415 - an extra

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
