"""Parts of a picture: a rectangle, the one with the most detail, and how players turn what is stored.

Integers only; nothing here knows of files.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""RGB, (H, W, 3)."""
A = TypeVar("A", bound=np.generic)

WINDOW_STEP = 16
"""Windows are tried at every so many pixels."""
LARGEST_GRID = 64
"""Pixels; a scale whose pixels meet more seldom has no grid."""
COARSE_GRID = 16


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a picture in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.left + self.width

    def of(self, picture: NDArray[A]) -> NDArray[A]:
        """This part of a picture, (height, width, ...)."""
        return picture[self.top : self.bottom, self.left : self.right]

    def holds(self, other: "Window") -> bool:
        """Whether all of another lies in this one."""
        return (
            self.top <= other.top
            and self.left <= other.left
            and other.bottom <= self.bottom
            and other.right <= self.right
        )


def window_between(top: int, left: int, bottom: int, right: int) -> Window:
    """A rectangle by its edges."""
    return Window(top, left, bottom - top, right - left)


def best_window(picture: Pixels, size: tuple[int, int]) -> Window:
    """The window with the most detail: the largest sum of absolute differences of neighbouring pixels.

    Args:
        picture: (H, W, 3) uint8.
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


def window_around(middle: Window, area: float, whole: tuple[int, int], grid: tuple[int, int]) -> Window:
    """A window of about an area and of the picture's shape around another window, with edges on a grid.

    Args:
        middle: what it is to hold, as far as the area allows.
        area: pixels, at most, unless `middle` has more.
        whole: (height, width) of the picture; all of it if the area allows.
        grid: edges are multiples of it, but for those of the picture.
    """
    share = math.sqrt(min(area / math.prod(whole), 1.0))
    spans = []
    for length, least, start, step in zip(whole, middle.size, (middle.top, middle.left), grid, strict=True):
        wanted = length if share == 1 else max(int(length * share), least)
        low = min(max(start - (wanted - least) // 2, 0), length - min(wanted, length)) // step * step
        high = min(-(-max(low + wanted, start + least) // step) * step, length)
        spans.append((low, high))
    (top, bottom), (left, right) = spans
    return window_between(top, left, bottom, right)


def grown(window: Window, margin: int, whole: tuple[int, int], grid: tuple[int, int]) -> Window:
    """The window with at least a margin on every side, as far as the picture goes, with edges on a grid."""
    edges = []
    for low, high, length, step in zip(
        (window.top, window.left), (window.bottom, window.right), whole, grid, strict=True
    ):
        edges.append((max(low - margin, 0) // step * step, min(-(-(high + margin) // step) * step, length)))
    (top, bottom), (left, right) = edges
    return window_between(top, left, bottom, right)


def grid_of(scale: Fraction, fold: int = 1) -> int:
    """Source pixels between two places where source and target pixels begin together, on even samples of both.

    Four source and four target pixels hold whole chroma samples of every format. Scales that meet more seldom than
    every `LARGEST_GRID` pixels get a coarse grid on which they meet about.
    """
    step = math.lcm(4, fold) * scale.denominator
    return step if step <= LARGEST_GRID else COARSE_GRID


def target_window(window: Window, source: tuple[int, int], target: tuple[int, int]) -> Window:
    """Where a window of the source lies in the target; edges inside the picture to multiples of four."""
    (top, bottom), (left, right) = (
        tuple(_edge(edge, before, after) for edge in edges)
        for edges, before, after in zip(
            ((window.top, window.bottom), (window.left, window.right)), source, target, strict=True
        )
    )
    return window_between(top, left, bottom, right)


def _edge(place: int, before: int, after: int) -> int:
    return after if place == before else 4 * round(Fraction(place * after, 4 * before))


@dataclass(frozen=True, slots=True)
class Upright:
    """How players turn a stored picture: by quarters counter-clockwise, then perhaps as in a mirror."""

    quarters: int = 0
    is_mirrored: bool = False

    @staticmethod
    def of(rotation: int, display_matrix: tuple[int, ...] | None) -> "Upright":
        """From what probe found."""
        matrix = display_matrix
        return Upright(rotation // 90, matrix is not None and matrix[0] * matrix[4] < matrix[1] * matrix[3])

    @property
    def is_turned(self) -> bool:
        """Whether height and width change places."""
        return self.quarters % 2 == 1

    def turn(self, picture: NDArray[A]) -> NDArray[A]:
        """Stored (h, w, ...) to shown."""
        turned = np.rot90(picture, self.quarters)
        return turned[:, ::-1] if self.is_mirrored else turned

    def turn_back(self, picture: NDArray[A]) -> NDArray[A]:
        """Shown (h, w, ...) to stored."""
        stored = picture[:, ::-1] if self.is_mirrored else picture
        return np.rot90(stored, -self.quarters)

    def size(self, stored: tuple[int, int]) -> tuple[int, int]:
        """(height, width) as shown; of a shown size, as stored."""
        return stored[::-1] if self.is_turned else stored

    def stored(self, shown: Window, size: tuple[int, int]) -> Window:
        """Where a window of the shown picture lies in the stored one of this (height, width)."""
        across = self.size(size)
        turned = _mirrored(shown, across[1]) if self.is_mirrored else shown
        return _turned(turned, across, -self.quarters % 4)

    def shown(self, stored: Window, size: tuple[int, int]) -> Window:
        """Where a window of the stored picture of this (height, width) is shown."""
        turned = _turned(stored, size, self.quarters)
        return _mirrored(turned, self.size(size)[1]) if self.is_mirrored else turned


def _turned(window: Window, size: tuple[int, int], quarters: int) -> Window:
    """By quarters counter-clockwise, with the picture of this (height, width)."""
    for _ in range(quarters):
        window = Window(size[1] - window.right, window.top, window.width, window.height)
        size = size[::-1]
    return window


def _mirrored(window: Window, width: int) -> Window:
    return Window(window.top, width - window.right, window.height, window.width)
