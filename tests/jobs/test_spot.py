"""Rectangles of pictures: detail, grids, and how players turn what is stored."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrinr_cli.jobs.spot import (
    COARSE_GRID,
    Upright,
    Window,
    best_window,
    grid_of,
    grown,
    target_window,
    window_around,
    window_between,
)

TURNS = st.builds(Upright, st.integers(0, 3), st.booleans())
SIZES = st.tuples(st.integers(2, 40), st.integers(2, 40))


def test_the_window_has_the_detail() -> None:
    flat = np.full((100, 200, 3), 90, np.uint8)
    flat[60:80, 120:150] = np.random.default_rng(0).integers(0, 256, (20, 30, 3))
    window = best_window(flat, (32, 48))
    assert (window.height, window.width) == (32, 48)
    assert 80 - 32 <= window.top <= 60
    assert 150 - 48 <= window.left <= 120
    assert best_window(flat, (500, 500)) == Window(0, 0, 100, 200)


@given(turn=TURNS, size=SIZES, seed=st.integers(0, 1000))
def test_a_window_turns_as_its_picture_does(turn: Upright, size: tuple[int, int], seed: int) -> None:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 1000, size)
    top, left = (int(random.integers(0, side)) for side in size)
    stored = window_between(
        top, left, *(int(random.integers(a, b)) + 1 for a, b in zip((top, left), size, strict=True))
    )
    shown = turn.shown(stored, size)
    assert turn.turn(picture).shape == turn.size(size)
    np.testing.assert_array_equal(shown.of(turn.turn(picture)), turn.turn(stored.of(picture)))
    np.testing.assert_array_equal(turn.turn_back(turn.turn(picture)), picture)
    assert turn.stored(shown, size) == stored


@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    area=st.floats(1, 1e5),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    grid=st.sampled_from([4, 8, 16]),
)
def test_a_window_around_another_holds_it_on_the_grid(
    size: tuple[int, int], area: float, place: tuple[float, float], grid: int
) -> None:
    top, left = (int(share * (side - 1)) for share, side in zip(place, size, strict=True))
    middle = Window(top, left, min(5, size[0] - top), min(5, size[1] - left))
    around = window_around(middle, area, size, (grid, grid))
    larger = grown(around, 10, size, (grid, grid))
    assert Window(0, 0, *size).holds(larger)
    assert larger.holds(around)
    assert around.holds(middle)
    assert all(edge % grid == 0 for edge in (around.top, around.left))
    assert around.bottom % grid == 0 or around.bottom == size[0]
    assert around.height * around.width <= (area**0.5 * max(size[0] / size[1], 1) ** 0.5 + 2 * grid + 5) * max(size) * 2


@pytest.mark.parametrize(
    ("scale", "fold", "grid"),
    [
        (Fraction(1), 1, 4),
        (Fraction(4), 2, 4),
        (Fraction(3, 2), 1, 8),
        (Fraction(9, 4), 3, 48),
        (Fraction(853, 480), 1, COARSE_GRID),
    ],
)
def test_the_grid_is_where_pixels_of_both_sides_begin(scale: Fraction, fold: int, grid: int) -> None:
    assert grid_of(scale, fold) == grid
    if grid != COARSE_GRID:
        assert (grid * scale).denominator == 1
        assert grid * scale % 4 == 0


def test_a_window_in_the_target_is_exact_on_the_grid_and_reaches_the_edges() -> None:
    assert target_window(Window(8, 16, 8, 24), (61, 83), (122, 166)) == Window(16, 32, 16, 48)
    assert target_window(Window(8, 16, 53, 67), (61, 83), (122, 166)) == Window(16, 32, 106, 134)
    assert target_window(Window(16, 16, 16, 16), (480, 480), (853, 853)) == Window(28, 28, 28, 28)
