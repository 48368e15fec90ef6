"""Alpha at another size, and colors below transparency."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vrinr_cli.engine.alpha import HARDLY_SEEN, AlphaResizer, fill_hidden, fill_transparent
from vrinr_cli.frame import Family, Plane, PlaneFormat
from vrinr_cli.model.resample import Axis


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


def video(log2_chroma: int, depth: int = 8) -> PlaneFormat:
    """YUV with alpha."""
    digits, deep = ("420" if log2_chroma else "444"), ("" if depth == 8 else f"{depth}le")
    return PlaneFormat(f"yuva{digits}p{deep}", Family.YUV, depth, log2_chroma, log2_chroma, alpha=True)


@pytest.mark.parametrize("log2_chroma", [0, 1])
@pytest.mark.parametrize("size", [33, 34])
def test_a_videos_hidden_chroma_is_filled_on_its_own_grid(log2_chroma: int, size: int) -> None:
    luma, alpha = disc(size)
    step = 1 << log2_chroma
    chroma = luma[::step, ::step].copy()
    for row, column in np.ndindex(chroma.shape):  # of a cell that is seen in part all is orange
        cell = alpha[row * step : (row + 1) * step, column * step : (column + 1) * step]
        chroma[row, column] = 90 if cell.any() else 128
    filled = fill_hidden((luma, chroma, chroma, alpha), video(log2_chroma))
    assert [np.unique(plane).tolist() for plane in filled[:3]] == [[200], [90], [90]]
    assert filled[3] is alpha


def test_a_little_alpha_from_a_lossy_codec_counts_as_none() -> None:
    plane, alpha = disc()
    noisy = np.maximum(alpha, 3).astype(np.uint8)
    assert 3 / 255 < HARDLY_SEEN < 4.5 / 255
    filled = fill_hidden((plane, plane, plane, noisy), video(0))
    assert (filled[0] == 200).all()
    assert fill_hidden((plane, plane, plane, np.full_like(alpha, 3)), video(0))[0] is plane


@pytest.mark.parametrize(("before", "after"), [(8, 8), (8, 10), (12, 10), (10, 16)])
def test_alpha_has_the_whole_range_at_every_depth(before: int, after: int) -> None:
    resize = AlphaResizer(video(1, before), video(0, after), (Axis(5, 12), Axis(7, 7)), torch.device("cpu"))
    for code in (0, (1 << before) - 1):
        plane: Plane = np.full((5, 7), code, np.uint8) if before == 8 else np.full((5, 7), code, np.uint16)
        found = resize(plane)
        assert found.shape == (12, 7)
        assert found.dtype == (np.uint8 if after == 8 else np.uint16)
        assert np.unique(found).tolist() == [((1 << after) - 1) * (code > 0)]


def test_an_edge_may_not_leave_the_range() -> None:
    step = np.repeat(np.array([[0] * 6 + [255] * 6], np.uint8), 4, axis=0)
    found = AlphaResizer(video(1), video(1), (Axis(4, 4), Axis(12, 48)), torch.device("cpu"))(step)
    assert (found[:, :10] == 0).all()
    assert (found[:, -10:] == 255).all()
    assert len(np.unique(found)) > 3
