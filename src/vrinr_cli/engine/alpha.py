"""Colors below transparency: filled in before a picture is resized, so that none bleed into what is seen.

Files store any color where nothing is seen, mostly black, and a kernel would draw it into the edges of what is. Each
pixel without opacity gets the mean of what is visible around it, from the smallest square that has any: the pull-push
of Gortler et al., The Lumigraph (1996), section 3.4.1, with alpha as the weight.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vrinr_cli.frame import Plane

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
