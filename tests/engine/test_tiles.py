"""Tiles cover the target once and hold all that they read."""

from hypothesis import given
from hypothesis import strategies as st

from strategies import axes
from vrinr_cli.engine.tiles import cut, spans
from vrinr_cli.model.resample import Axis


@given(axis=axes(longest=60), side=st.integers(1, 70), halo=st.integers(0, 20))
def test_spans_cover_every_target_pixel_once_and_hold_what_they_read(axis: Axis, side: int, halo: int) -> None:
    found = spans(axis, side, halo)
    assert [n for span in found for n in range(span.start, span.stop)] == list(range(axis.target))
    for span in found:
        reached = {min(max(n, 0), axis.source - 1) for n in neighbours(axis, span.start, span.stop)}
        assert reached <= set(range(span.low, span.high))
        assert (span.region_low, span.region_high) == (max(span.low - halo, 0), min(span.high + halo, axis.source))
        assert span.high - span.low <= side + 2


def neighbours(axis: Axis, start: int, stop: int) -> set[int]:
    floors = [((2 * n + 1) * axis.source - axis.target) // (2 * axis.target) for n in range(start, stop)]
    return {n + tap for n in floors for tap in (0, 1)}


@given(height=axes(longest=30, largest=3), width=axes(longest=30, largest=3), side=st.integers(1, 40))
def test_tiles_cover_the_target_exactly_once(height: Axis, width: Axis, side: int) -> None:
    tiles = cut(height, width, side, 4)
    area = sum((t.rows.stop - t.rows.start) * (t.columns.stop - t.columns.start) for t in tiles)
    assert area == height.target * width.target
    corners = {(t.rows.start, t.columns.start) for t in tiles}
    assert len(corners) == len(tiles)
    assert (0, 0) in corners


def test_one_tile_if_the_side_covers_the_source() -> None:
    assert len(cut(Axis(40, 80), Axis(64, 128), 64, 10)) == 1
    assert len(cut(Axis(40, 80), Axis(65, 128), 64, 10)) == 2
