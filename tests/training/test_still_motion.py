"""Stills in motion: every way of moving, by pictures whose pixels tell where they come from."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from vrinr_cli.training import still_motion
from vrinr_cli.training.still_motion import KINDS, SPEEDS, Shot, moved, panned, passed_over, paths, turned


def still(height: int, width: int, *, mark: int = 0) -> Tensor:
    """Pixels that tell their row, their column, and which still they are of."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([y, x, torch.full_like(y, mark)], dim=-1)[None].to(torch.uint8)


def ways(count: int, *, scale: float = 4.0) -> list[list[tuple[int, int]]]:
    """Where windows of a large still lie in each of their frames."""
    rng, shot = np.random.default_rng(0), Shot(6, (8, 8), scale)
    return [list(zip(*paths(rng, still(250, 250), shot), strict=True)) for _ in range(count)]


def test_a_share_of_stills_does_not_move_and_speeds_are_as_the_table_says() -> None:
    found = ways(1500)
    assert sum(share for share, _, _ in SPEEDS) == pytest.approx(1)
    standing = sum(len({row for row, _ in way}) == 1 for way in found) / len(found)
    assert 0.08 <= standing <= 0.16  # the standing tenth, and the slowest of the slow
    fastest = max(abs(b[0] - a[0]) for way in found for a, b in itertools.pairwise(way))
    assert 20 <= fastest <= 8 * 4 + 6  # 8 LR pixels a frame at x4, and shake
    both = sum(len(set(way)) == 1 for way in found) / len(found)
    assert 0.002 <= both <= 0.04  # the axes move apart: a tenth of a tenth


def test_motion_is_told_in_lr_pixels() -> None:
    def speed(scale: float) -> float:
        moves = [abs(b[0] - a[0]) for way in ways(400, scale=scale) for a, b in itertools.pairwise(way)]
        return sum(moves) / len(moves)

    assert speed(4.0) == pytest.approx(4 * speed(1.0), rel=0.2)


def test_a_pan_shows_the_still_where_the_window_is() -> None:
    clip = panned(still(30, 40), ([3, 5], [7, 4]), Shot(2, (6, 8), 4.0))
    assert clip.shape == (2, 6, 8, 3)
    assert clip[1, :, 0, 0].tolist() == [5, 6, 7, 8, 9, 10]
    assert clip[1, 0, :, 1].tolist() == list(range(4, 12))


@given(seed=st.integers(0, 10**6))
def test_a_turn_is_near_the_rigid_motion_that_it_should_be(seed: int) -> None:
    """Rows and columns are linear in a picture of its own coordinates, so reading between pixels loses nothing."""
    clip = turned(np.random.default_rng(seed), still(120, 120), Shot(4, (20, 20), 1.0)).double()
    inner = clip[:, 4:-4, 4:-4, :2]
    down, right = inner[:, 1:] - inner[:, :-1], inner[:, :, 1:] - inner[:, :, :-1]
    assume(inner.min() >= 6 and inner.max() <= 113)  # else it is reflected at the border
    for frame in range(4):
        cosine, sine = float(down[frame, ..., 0].mean()), float(right[frame, ..., 0].mean())
        size = math.hypot(cosine, sine)
        assert still_motion.CLOSEST * 0.93 <= size <= still_motion.FARTHEST * 1.07
        assert abs(math.atan2(sine, cosine)) <= 3 * still_motion.MOST_TURN + 0.05
        assert abs(float(right[frame, ..., 1].mean()) - cosine) < 0.1


def test_turns_do_turn_and_zoom() -> None:
    rng, shot = np.random.default_rng(1), Shot(8, (40, 40), 1.0)
    clips = [turned(rng, still(200, 200), shot).double() for _ in range(20)]
    turns = [abs(float((c[-1, 10:30, 11:31, 0] - c[-1, 10:30, 10:30, 0]).mean())) for c in clips]
    assert max(turns) > 0.05  # rows change along a row: seven frames of up to one degree


@given(seed=st.integers(0, 10**6))
def test_what_passes_over_is_one_still_before_another(seed: int) -> None:
    rng, shot = np.random.default_rng(seed), Shot(5, (24, 24), 1.0)
    clip = passed_over(rng, still(100, 100, mark=1), still(90, 110, mark=2), shot)
    assert clip.shape == (5, 24, 24, 3)
    assert set(clip[..., 2].unique().tolist()) <= {1, 2}
    for frame in clip.long():  # each still by whole pixels, unbroken but for the edge between them
        same = frame[:, 1:, 2] == frame[:, :-1, 2]
        assert bool(((frame[:, 1:, 1] - frame[:, :-1, 1])[same] == 1).all())


def test_the_edge_moves_with_what_is_inside_it() -> None:
    shot = Shot(6, (40, 40), 1.0)
    seen = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        clip = passed_over(rng, still(200, 200, mark=1), still(200, 200, mark=2), shot).long()
        inside = clip[..., 2] == 2
        whole = all(bool(m.any()) and not bool(m[[0, -1]].any()) and not bool(m[:, [0, -1]].any()) for m in inside)
        if not whole:
            continue
        seen += 1
        tops = [int(m.any(dim=1).nonzero()[0]) for m in inside]
        rows = [int(c[m][:, 0].min()) for c, m in zip(clip, inside, strict=True)]
        assert len(set(rows)) == 1, "the same rows of the still are shown all along"
        assert len(tops) == 6
    assert seen >= 5


def test_all_kinds_are_drawn_as_often_as_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def noted(name: str, *_: object) -> Tensor:
        drawn.append(name)
        return torch.zeros(1)

    for name in ("panned", "turned", "passed_over"):
        monkeypatch.setattr(still_motion, name, partial(noted, name))
    rng = np.random.default_rng(0)
    for _ in range(1000):
        moved(rng, [still(30, 30)], Shot(2, (8, 8), 4.0))
    assert sum(KINDS.values()) == pytest.approx(1)
    for name, kind in (("panned", "pan"), ("turned", "turn"), ("passed_over", "pass over")):
        assert drawn.count(name) / 1000 == pytest.approx(KINDS[kind], abs=0.05)
