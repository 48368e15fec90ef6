"""Transparency: alpha at another size, and the colors below it, so that none bleed into what is seen.

Alpha is resized by the bicubic kernel alone. Files store any color where nothing is seen, mostly black, and a kernel
would draw it into the edges of what is: these are filled in before a picture is resized. Each
pixel without opacity gets the mean of what is visible around it, from the smallest square that has any: the pull-push
of Gortler et al., The Lumigraph (1996), section 3.4.1, with alpha as the weight.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from vrinr_cli.engine.color import to_codes, to_values
from vrinr_cli.engine.resizer import Resizer
from vrinr_cli.frame import Plane, PlaneFormat
from vrinr_cli.model.resample import BICUBIC, Axis

HARDLY_SEEN = 1 / 64
"""Alpha, 0 to 1, up to which a video's pixel counts as hidden: lossy codecs make a little of none."""

_Floats = NDArray[np.float32]


def fill_transparent(planes: Sequence[Plane], alpha: Plane) -> tuple[Plane, ...]:
    """The planes with other codes where alpha is 0; all else stays as it is.

    Args:
        planes: of one size.
        alpha: of the same size; 0 is transparent.

    Returns:
        The same planes where nothing or everything is transparent.
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return tuple(planes)
    weight: _Floats = alpha.astype(np.float32) / np.float32(np.iinfo(alpha.dtype).max)
    return tuple(_filled(plane, weight, hidden) for plane in planes)


def fill_hidden(planes: Sequence[Plane], format_: PlaneFormat) -> tuple[Plane, ...]:
    """A video's planes with other codes where next to nothing is seen; alpha stays as it is.

    A chroma sample is as visible as the pixels of its cell are on the mean.

    Args:
        planes: in the format, alpha last.
        format_: with alpha.
    """
    *colors, alpha = planes
    weight: _Floats = alpha.astype(np.float32) / np.float32((1 << format_.depth) - 1)
    weight[weight <= HARDLY_SEEN] = 0
    if weight.all() or not weight.any():
        return tuple(planes)
    small = weight
    steps = (1 << format_.log2_chroma_height, 1 << format_.log2_chroma_width)
    if steps != (1, 1):
        small = _means_of_cells(weight, steps)
    weights = [weight if plane.shape == weight.shape else small for plane in colors]
    filled = (_filled(plane, around, around == 0) for plane, around in zip(colors, weights, strict=True))
    return (*filled, alpha)


class AlphaResizer:
    """Alpha from a source's size and depth to a target's; made once per job."""

    def __init__(self, source: PlaneFormat, target: PlaneFormat, axes: tuple[Axis, Axis], device: torch.device) -> None:
        self._most, self._depth = float((1 << source.depth) - 1), target.depth
        self._resizer = Resizer(*axes, device, BICUBIC)
        self._device = device

    def __call__(self, alpha: Plane) -> Plane:
        """Codes of the source's depth -> codes of the target's; all range, in every format."""
        values = self._resizer(to_values(alpha, 0.0, self._most, self._device))
        return to_codes(values, 0.0, float((1 << self._depth) - 1), self._depth)


def _means_of_cells(plane: _Floats, steps: tuple[int, int]) -> _Floats:
    """Means over cells of so many rows and columns; the last ones hold what there is."""
    rows, columns = (-(-length // step) for length, step in zip(plane.shape, steps, strict=True))
    padding = ((0, rows * steps[0] - plane.shape[0]), (0, columns * steps[1] - plane.shape[1]))
    whole = np.pad(plane, padding, mode="edge").reshape(rows, steps[0], columns, steps[1])
    means: _Floats = whole.mean(axis=(1, 3), dtype=np.float32)
    return means


def _filled(plane: Plane, weight: _Floats, hidden: NDArray[np.bool_]) -> Plane:
    result = plane.copy()
    around = _spread(plane.astype(np.float32) * weight, weight)
    result[hidden] = around[hidden].round().astype(plane.dtype)
    return result


def _spread(weighted: _Floats, weight: _Floats) -> _Floats:
    """Weighted sums (h, w) and their weights, at least one above 0, to means that are known everywhere."""
    if min(weight.shape) == 0:
        raise ValueError("a picture without pixels")
    known = weight > 0
    means: _Floats = (weighted / np.where(known, weight, 1)).astype(np.float32)
    if known.all():
        return means
    coarse = _spread(_halved(weighted), _halved(weight))
    rows, columns = weight.shape
    around = coarse.repeat(2, axis=0)[:rows].repeat(2, axis=1)[:, :columns]
    return np.where(known, means, around)


def _halved(plane: _Floats) -> _Floats:
    """Sums over squares of two by two."""
    rows, columns = plane.shape
    even = np.pad(plane, ((0, rows % 2), (0, columns % 2)))
    sums: _Floats = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return sums
