"""Upright: planes turned and mirrored as EXIF's orientation says, and the same as a video's display matrix.

EXIF names the edges that the first row and the first column of the stored picture have on the screen (CIPA DC-008,
4.6.5.A). A display matrix [[a, b], [c, d]] takes the row vector (x, y) of a stored sample, y downwards, to its place on
the screen (ISO/IEC 14496-12, 8.3.2).
"""

from vrinr_cli.frame import Plane

_ONE, _ONE_W = 1 << 16, 1 << 30
"""1 in the matrix's 16.16 and 2.30 fixed point."""
_STEPS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""Orientation to: rows and columns change places, then rows in reverse, then columns in reverse."""


def upright(plane: Plane, orientation: int) -> Plane:
    """A plane as it is to be seen.

    Args:
        plane: as stored.
        orientation: 1 to 8 as in EXIF.
    """
    swap, rows, columns = _STEPS[orientation]
    seen = plane.T if swap else plane
    return seen[:: -1 if rows else 1, :: -1 if columns else 1].copy(order="C")


def is_turned(orientation: int) -> bool:
    """Whether height and width change places."""
    return _STEPS[orientation][0]


def matrix_of(orientation: int) -> tuple[int, ...] | None:
    """The display matrix of an orientation, nine numbers in fixed point; None for an upright picture."""
    if orientation == 1:
        return None
    a, b, c, d = (sign * _ONE for sign in _signs(orientation))
    return a, b, 0, c, d, 0, 0, 0, _ONE_W


def orientation_of(matrix: tuple[int, ...] | None) -> int:
    """EXIF's orientation of a display matrix; 1 for one that is no quarter turn."""
    if matrix is None:
        return 1
    found = tuple((value > 0) - (value < 0) for value in (matrix[0], matrix[1], matrix[3], matrix[4]))
    return next((orientation for orientation in _STEPS if _signs(orientation) == found), 1)


def _signs(orientation: int) -> tuple[int, int, int, int]:
    """Signs of a, b, c and d: the rows say where a step to the right and a step down lead."""
    swap, rows, columns = _STEPS[orientation]
    across, down = -1 if columns else 1, -1 if rows else 1
    return (0, down, across, 0) if swap else (across, 0, 0, down)
