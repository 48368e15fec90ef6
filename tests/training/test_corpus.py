"""Windows of the corpus: every pixel of a window is a pixel of a picture, moved as promised."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from vrinr_cli.errors import InputError
from vrinr_cli.training import still_motion
from vrinr_cli.training.corpus import Corpus, Pixels


@pytest.fixture(autouse=True, scope="module")
def pans_alone() -> Iterator[None]:
    """Stills move by whole pixels, so that every pixel of a window tells where it comes from."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(still_motion, "KINDS", {still_motion.PAN: 1.0})
        yield


def numbered(frames: int, height: int, width: int, *, picture: int = 0) -> Pixels:
    """Pixels that tell their picture and frame, row and column."""
    t, y, x = np.indices((frames, height, width))
    return np.stack([t + 50 * picture, y, x], axis=-1).astype(np.uint8)


def steps(window: Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(T, H, W) of the frame, row and column numbers that a window shows."""
    wide = window.numpy().astype(np.int64)
    return wide[..., 0], wide[..., 1], wide[..., 2]


@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 5),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    scale=st.floats(1, 8),
    side=st.integers(20, 60),
)
def test_a_window_is_a_whole_piece_of_one_picture(
    seed: int, frames: int, size: tuple[int, int], scale: float, side: int
) -> None:
    corpus = Corpus.from_arrays([numbered(6, 22, 40), numbered(1, side, 20, picture=1)])
    rng = np.random.default_rng(seed)
    window = corpus.window(rng, frames=frames, size=size, scale=scale, clip_share=0.5)
    assert window.shape == (frames, *size, 3)
    assert window.dtype == torch.uint8
    _, rows, columns = steps(window)
    if np.ptp(rows[0], axis=0).any() or size[0] == 1 == size[1]:
        turned = False
    else:
        turned = bool(np.ptp(columns[0], axis=0).any()) or bool(np.ptp(rows[0], axis=1).any())
    down, across = (columns, rows) if turned else (rows, columns)
    for numbers, axis in ((down, 1), (across, 2)):
        step = np.diff(numbers, axis=axis)
        assert not step.size or (abs(step) == 1).all()  # neighbours stay neighbours: whole pixels
        assert not step.size or np.ptp(step) == 0  # in all frames the same way round
        assert not np.ptp(numbers, axis=3 - axis).any()


@given(seed=st.integers(0, 10**6), frames=st.integers(2, 5))
def test_a_real_clip_stands_still_and_runs_forward_or_backward(seed: int, frames: int) -> None:
    corpus = Corpus.from_arrays([numbered(6, 22, 24)])
    window = corpus.window(np.random.default_rng(seed), frames=frames, size=(9, 9), scale=4, clip_share=1)
    times, rows, columns = steps(window)
    assert not np.ptp(rows, axis=0).any()
    assert not np.ptp(columns, axis=0).any()
    assert not np.ptp(times, axis=(1, 2)).any()
    assert {int(n) for n in np.diff(times[:, 0, 0])} in ({1}, {-1})


def test_same_seed_same_windows_another_seed_others() -> None:
    corpus = Corpus.from_arrays([numbered(9, 60, 60), numbered(1, 60, 60, picture=1)])

    def windows(seed: int) -> list[bytes]:
        rng = np.random.default_rng(seed)
        drawn = (corpus.window(rng, frames=4, size=(16, 20), scale=3, clip_share=0.5) for _ in range(8))
        return [window.numpy().tobytes() for window in drawn]

    assert windows(1) == windows(1)
    assert len({*windows(1), *windows(2)}) == 16


def test_a_still_no_larger_than_its_window_stands() -> None:
    corpus = Corpus.from_arrays([numbered(1, 8, 8)])
    window = corpus.window(np.random.default_rng(3), frames=5, size=(8, 8), scale=4, clip_share=0)
    assert all(torch.equal(window[0], frame) for frame in window)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.3, 0.3), (1.0, 1.0)])
def test_the_share_of_clips(share: float, expected: float) -> None:
    corpus = Corpus.from_arrays([numbered(4, 12, 12), numbered(1, 12, 12, picture=1)])
    rng = np.random.default_rng(0)
    windows = [corpus.window(rng, frames=2, size=(6, 6), scale=2, clip_share=share) for _ in range(600)]
    assert sum(int(w[0, 0, 0, 0]) < 50 for w in windows) / 600 == pytest.approx(expected, abs=0.06)


def test_clips_that_are_too_short_and_pictures_too_small_are_passed_over() -> None:
    corpus = Corpus.from_arrays([numbered(2, 30, 30), numbered(8, 10, 10, picture=1), numbered(1, 30, 30, picture=2)])
    rng = np.random.default_rng(0)
    seen = {
        int(corpus.window(rng, frames=4, size=(12, 12), scale=2, clip_share=1.0)[0, 0, 0, 0]) // 50 for _ in range(40)
    }
    assert seen == {2}


def test_all_ways_of_turning_occur() -> None:
    corpus = Corpus.from_arrays([numbered(2, 9, 9)])
    rng = np.random.default_rng(0)
    ways = {corpus.window(rng, frames=2, size=(9, 9), scale=2, clip_share=1).numpy().tobytes() for _ in range(200)}
    assert len(ways) == 16  # turned or not, and three axes each way


def test_nothing_large_enough_is_told() -> None:
    corpus = Corpus.from_arrays([numbered(1, 10, 40)])
    with pytest.raises(InputError, match="nothing in the corpus holds 11x11"):
        corpus.window(np.random.default_rng(0), frames=1, size=(11, 11), scale=2, clip_share=0)


def test_an_empty_corpus_is_told() -> None:
    with pytest.raises(InputError, match="no clip and no still to train on"):
        Corpus.from_arrays([])


def test_arrays_are_sorted_by_their_length() -> None:
    clip, still = numbered(2, 4, 4), numbered(1, 4, 4)
    corpus = Corpus.from_arrays([still, clip])
    assert torch.equal(corpus.clips[0], torch.from_numpy(clip))
    assert torch.equal(corpus.stills[0], torch.from_numpy(still))
