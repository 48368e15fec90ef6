"""Windows of a picture: their pixels lie where the whole picture has them, at every scale."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from networks import TINY, noise, seeded
from vrinr_cli.model import checkpoint
from vrinr_cli.model.resample import Axis, enlarge
from vrinr_cli.training.windows import Span, Window, restore_windows, span_at


@given(source=st.integers(9, 200), side=st.integers(8, 60), scale=st.floats(1.0, 8.0), data=st.data())
def test_a_span_decides_pixels_whose_base_lies_inside_it(
    source: int, side: int, scale: float, data: st.DataObject
) -> None:
    axis, side = Axis(source, round(source * scale)), min(side, source)
    lows = range(source - side + 1)
    span = span_at(axis, data.draw(st.sampled_from(lows)), side, 2)
    low, high = axis.reach(span.start, span.stop, 2)
    assert span.low <= low < high <= span.high
    assert 0 <= span.start < span.stop <= axis.target
    others = {s.stop - s.start for s in (span_at(axis, n, side, 2) for n in lows)}
    assert others == {span.stop - span.start}


@pytest.mark.parametrize("side", [8, 9, 20])
def test_windows_reach_every_target_pixel(side: int) -> None:
    axis = Axis(20, 47)
    seen = {x for low in range(20 - side + 1) for x in range(*_ends(axis, low, side))}
    assert seen == set(range(47))


def _ends(axis: Axis, low: int, side: int) -> tuple[int, int]:
    span = span_at(axis, low, side, 2)
    return span.start, span.stop


@pytest.mark.parametrize(("low", "left"), [(0, 0), (5, 3), (8, 14)])
def test_an_untrained_network_gives_the_base_of_the_whole_picture(low: int, left: int) -> None:
    height, width = Axis(20, 53), Axis(24, 96)  # x2.65 by x4
    window = Window(span_at(height, low, 12, 2), span_at(width, left, 10, 2))
    picture = noise(2, 3, 20, 24)
    cut = picture[..., window.rows.source, window.columns.source]
    ours = restore_windows(checkpoint.initial(TINY, 0).double(), cut[None], (window,))
    whole = enlarge(picture, (53, 96), checkpoint.initial(TINY, 0).base)
    torch.testing.assert_close(ours[0], whole[..., window.rows.target, window.columns.target])


def test_far_from_its_edges_a_window_is_the_whole_picture() -> None:
    model = seeded()
    height, width = Axis(40, 67), Axis(44, 100)
    windows = tuple(Window(span_at(height, low, 36, 2), span_at(width, 4, 36, 2)) for low in (2, 4))
    clip = noise(1, 3, 3, 40, 44)
    cuts = torch.cat([clip[..., w.rows.source, w.columns.source] for w in windows])
    ours = restore_windows(model, cuts, windows)
    whole = model(clip, (67, 100))[0]
    for window, got in zip(windows, ours, strict=True):
        rows, columns = (range(_inner(axis, s.low), _inner(axis, s.high)) for axis, s in _axes(window))
        assert len(rows) > 5 < len(columns)
        expected = whole[..., rows.start : rows.stop, columns.start : columns.stop]
        top, left = rows.start - window.rows.start, columns.start - window.columns.start
        torch.testing.assert_close(got[..., top : top + len(rows), left : left + len(columns)], expected)


def _axes(window: Window) -> list[tuple[Axis, Span]]:
    return [(window.rows.axis, window.rows), (window.columns.axis, window.columns)]


def _inner(axis: Axis, edge: int) -> int:
    """A target pixel that lies a halo inside a window's edge, whichever side that is."""
    inward = TINY.halo_px + 3 if edge < axis.source / 2 else -TINY.halo_px - 3
    return round((edge + inward) * axis.scale)
