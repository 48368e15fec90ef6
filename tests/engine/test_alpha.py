"""Colors below transparency."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vrinr_cli.engine.alpha import fill_transparent
from vrinr_cli.frame import Plane


def disc(size: int = 33) -> tuple[Plane, Plane]:
    """A disc of one code, 200, on black that is not seen."""
    y, x = np.mgrid[:size, :size] - size // 2
    alpha = np.where(y**2 + x**2 < (size // 3) ** 2, 255, 0).astype(np.uint8)
    return np.where(alpha > 0, 200, 0).astype(np.uint8), alpha


def test_one_color_is_everywhere_afterwards() -> None:
    plane, alpha = disc()
    (filled,) = fill_transparent([plane], alpha)
    assert (filled == 200).all()


@given(seed=st.integers(0, 1000), height=st.integers(1, 19), width=st.integers(1, 19), deep=st.booleans())
def test_what_is_seen_stays_and_what_is_not_lies_between_what_is(
    seed: int, height: int, width: int, deep: bool
) -> None:
    rng = np.random.default_rng(seed)
    most = 65535 if deep else 255
    codes, parts = rng.integers(0, most + 1, (height, width)), rng.integers(0, 3, (height, width)) * (most // 2)
    plane: Plane = codes.astype(np.uint16) if deep else codes.astype(np.uint8)
    alpha: Plane = parts.astype(np.uint16) if deep else parts.astype(np.uint8)
    (filled,) = fill_transparent([plane], alpha)
    seen = alpha > 0
    assert np.array_equal(filled[seen], plane[seen])
    if seen.any():
        assert filled.min() >= plane[seen].min()
        assert filled.max() <= plane[seen].max()
    else:
        assert np.array_equal(filled, plane)


def test_a_picture_without_transparency_is_given_back_as_it_is() -> None:
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert fill_transparent([plane], np.full((3, 4), 255, np.uint8))[0] is plane
