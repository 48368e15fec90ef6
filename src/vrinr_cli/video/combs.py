"""How the lines of a moving frame fit to each other, beside how they fit to the fields of its neighbours.

idet says which order of fields fits better, and not whether any fits. Patterns of fine lines that move have an order
by chance: there each frame's own lines fit far better than a neighbour's. In a frame of two fields its own lines are as
far from each other in time as the nearest field of a neighbour, and fit as badly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vrinr_cli.frame import Plane

Samples = NDArray[np.int32]

COLUMNS = 320
"""That are looked at, about; lines are looked at all."""
MOVED = 12 / 255
"""Of the sample range: least sum of a sample's changes from the frame before and to the next that counts as moved."""


@dataclass(frozen=True, slots=True)
class LineFit:
    """Of one frame's moving samples: sums of how far each lies from the mean of the lines above and below it."""

    within: float = 0.0
    """Lines of the frame itself."""
    across_top: float = 0.0
    """Lines of the neighbours that are next in time if the top field comes first."""
    across_bottom: float = 0.0
    """The same if the bottom field does."""


class LineFits:
    """Of frames that follow each other, all of one size; no more than three are kept."""

    def __init__(self) -> None:
        self._fits: list[LineFit] = []
        self._before: Samples | None = None
        self._here: Samples | None = None

    def add(self, plane: Plane, depth: int) -> None:
        """One more frame: a plane of it, (H, W), and its bits a sample."""
        step = max(plane.shape[1] // COLUMNS, 1)
        after = plane[:, ::step].astype(np.int32)
        if self._here is not None:
            least = MOVED * ((1 << depth) - 1)
            self._fits.append(LineFit() if self._before is None else _fit(self._before, self._here, after, least))
        self._before, self._here = self._here, after

    def all(self) -> list[LineFit]:
        """One for each frame; zeros for the first and the last, which lack a neighbour."""
        return [*self._fits, *([LineFit()] if self._here is not None else [])]


def _fit(before: Samples, here: Samples, after: Samples, least: float) -> LineFit:
    inner = here[1:-1]
    has_moved = np.abs(before[1:-1] - inner) + np.abs(after[1:-1] - inner) >= least

    def rows(frame: Samples) -> tuple[float, float]:
        """Of the lines of the bottom field, and those of the top field: the first inner line is of the bottom one."""
        far = np.abs(frame[:-2] + frame[2:] - 2 * inner) * has_moved
        return float(far[::2].sum()), float(far[1::2].sum())

    (bottom_before, top_before), (bottom_after, top_after) = rows(before), rows(after)
    return LineFit(sum(rows(here)), top_before + bottom_after, bottom_before + top_after)
