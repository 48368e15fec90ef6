"""Which frames a fit uses, how they are paired, and in which colors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import clips
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.frame import Matrix, Range
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.footage import check_pair, choose_runs, read_runs, shrunk, split_runs, used_frames
from vrinr_cli.video.probe import probe


@given(first=st.integers(0, 50), frames=st.integers(1, 500), most=st.integers(1, 200))
def test_runs_stay_within_the_clip_and_the_memory(first: int, frames: int, most: int) -> None:
    runs = choose_runs(first, first + frames, most)
    taken = [n for run in runs for n in run]
    assert len(taken) == len(set(taken)) <= most
    assert first <= min(taken) <= max(taken) < first + frames
    if frames <= most:
        assert taken == list(range(first, first + frames))


def test_runs_lie_at_equal_distances_from_end_to_end() -> None:
    assert choose_runs(10, 1010, 100, length=24) == (range(10, 34), range(335, 359), range(660, 684), range(986, 1010))


def run_of(frames: int, *, first: int = 0) -> Pixels:
    return np.arange(first, first + frames, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)


def numbers(runs: list[Pixels]) -> list[list[int]]:
    return [[int(frame[0, 0, 0]) for frame in run] for run in runs]


def test_every_fourth_piece_is_held_out() -> None:
    kept, held = split_runs([run_of(19)], length=2, every=4)
    assert numbers(held) == [[6, 7], [14, 15]]
    assert numbers(kept) == [[0, 1, 2, 3, 4, 5], [8, 9, 10, 11, 12, 13], [16, 17, 18]]


def test_pieces_of_different_runs_are_not_joined() -> None:
    kept, held = split_runs([run_of(5), run_of(2, first=50), run_of(3, first=90)], length=3, every=4)
    assert (numbers(kept), numbers(held)) == ([[0, 1, 2, 3, 4], [50, 51]], [[90, 91, 92]])


@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=4), length=st.integers(1, 6), every=st.integers(2, 5))
def test_no_frame_is_both_learned_and_held_out(lengths: list[int], length: int, every: int) -> None:
    starts = np.cumsum([0, *lengths])
    runs = [run_of(n, first=int(s)) for n, s in zip(lengths, starts, strict=False)]
    kept, held = split_runs(runs, length=length, every=every)
    seen = [n for run in numbers(kept) + numbers(held) for n in run]
    assert sorted(seen) == list(range(sum(lengths)))
    assert held


def test_frames_outside_the_clip_are_refused(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "a.mkv", frames=6))
    assert used_frames(info, 2, None) == (2, 6)
    assert used_frames(info, 2, 3) == (2, 5)
    assert used_frames(info, 2, 30) == (2, 6)
    with pytest.raises(OptionError, match=r"first frame 6 of a\.mkv, which has 6"):
        used_frames(info, 6, None)


def test_two_clips_of_other_lengths_are_refused_by_name(tmp_path: Path) -> None:
    low, high = clips.plain(tmp_path / "lr.mkv", frames=5), clips.plain(tmp_path / "hr.mkv", frames=6, size=(128, 192))
    with pytest.raises(InputError) as caught:
        check_pair(probe(low), probe(high))
    assert str(caught.value) == "lr.mkv has 5 frames, hr.mkv has 6"


@pytest.mark.parametrize("size", [(64, 96), (32, 192), (62, 94)])
def test_a_reference_that_is_not_larger_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    low, high = clips.plain(tmp_path / "lr.mkv", frames=4), clips.plain(tmp_path / "hr.mkv", frames=4, size=size)
    with pytest.raises(InputError, match=r"not larger than lr\.mkv with 96x64"):
        check_pair(probe(low), probe(high))


def test_other_times_are_a_note(tmp_path: Path) -> None:
    low = probe(clips.plain(tmp_path / "lr.mkv", frames=5))
    high = replace(low, size=(128, 192))
    assert check_pair(low, high) == ()
    late = replace(high.timeline, pts=tuple(pts + (40 if n > 2 else 0) for n, pts in enumerate(high.timeline.pts)))
    (note,) = check_pair(low, replace(high, timeline=late))
    assert note == "the frames' times differ by up to 0.040 s; frames are paired by number"


@pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.SMPTE170M])
@pytest.mark.parametrize("span", [Range.LIMITED, Range.FULL])
def test_colors_are_those_of_the_tags(tmp_path: Path, matrix: Matrix, span: Range) -> None:
    info = probe(clips.color_bars(tmp_path / "bars.mkv", matrix=matrix, span=span))
    (run,) = read_runs(info, [range(1)])
    middles = run[0, run.shape[1] // 2, [run.shape[2] * (2 * n + 1) // 16 for n in range(8)]]
    bars = np.array([(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)])
    assert np.abs(middles.astype(int) - np.rint(bars * 0.75 * 255)).max() <= 2


def test_the_shrunk_clip_has_the_nearest_whole_size() -> None:
    (small,) = shrunk([np.full((2, 45, 64, 3), 77, np.uint8)], 2.0)
    assert small.shape == (2, 22, 32, 3)
    assert (small == 77).all()
