"""Scene cuts: found where there are any, not where something else is quick, the same from wherever one reads."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frames import samples
from media import scenes
from media.scenes import GRAY, Luma
from strategies import plane_format
from vrinr_cli.frame import Frame
from vrinr_cli.video.cuts import CELLS, REACH, mark_cuts, thumbnail

SEEDS = range(12)


def cuts(pictures: list[Luma]) -> list[int]:
    return [frame.index for frame in mark_cuts(scenes.frames_of(pictures)) if frame.begins_scene]


def joined(*seeds: int, frames: int = 8, speed: float = 0.5) -> list[Luma]:
    return list(chain.from_iterable(scenes.scene(seed, frames, speed=speed) for seed in seeds))


@pytest.mark.parametrize("speed", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("sigma", [0.0, 10.0, 30.0])
def test_hard_cuts_are_found_and_nothing_else(speed: float, sigma: float) -> None:
    pictures = scenes.noisy(joined(*SEEDS, speed=speed), sigma)
    assert cuts(pictures) == list(range(8, 8 * len(SEEDS), 8))


@pytest.mark.parametrize("frames", [REACH - 1, REACH])
def test_short_scenes_are_scenes(frames: int) -> None:
    pictures = [*scenes.scene(50, 8), *scenes.scene(51, frames), *scenes.scene(52, 8)]
    assert cuts(pictures) == [8, 8 + frames]


NOT_CUTS: dict[str, Callable[[int], list[Luma]]] = {
    "a pan": lambda seed: scenes.scene(seed, 30, speed=4.0),
    "a pan that is not even": lambda seed: scenes.scene(seed, 30, speed=3.0, jerk=1.0),
    "noise": lambda seed: scenes.noisy(scenes.scene(seed, 30), 50.0),
    "noise on black": lambda _: scenes.noisy(scenes.black(30), 50.0),
    "a flash": lambda seed: scenes.flashed(scenes.scene(seed, 30), 12, 1),
    "a flash of three": lambda seed: scenes.flashed(scenes.scene(seed, 30), 12, 3),
    "two flashes": lambda seed: scenes.flashed(scenes.flashed(scenes.scene(seed, 30), 12, 1), 14, 1),
    "a black picture": lambda seed: [*scenes.scene(seed, 30)[:12], *scenes.black(1), *scenes.scene(seed, 30)[13:]],
    "a fade": lambda seed: scenes.faded(scenes.scene(seed, 30), 10),
    "a fade in": lambda seed: scenes.faded(scenes.scene(seed, 30), 10)[::-1],
    "a dissolve": lambda seed: scenes.dissolved(scenes.scene(seed, 20), scenes.scene(seed + 20, 20), 8),
    "a drawn film on twos": lambda seed: scenes.held(scenes.scene(seed, 15, speed=3.0), 2),
    "a drawn film on threes": lambda seed: scenes.held(scenes.scene(seed, 15, speed=3.0), 3),
    "a slower one on fours": lambda seed: scenes.held(scenes.scene(seed, 15, speed=1.5), 4),
    "one picture": lambda seed: scenes.scene(seed, 1),
    "black": lambda _: scenes.black(20),
}


@pytest.mark.parametrize("kind", NOT_CUTS)
def test_what_is_quick_but_no_cut(kind: str) -> None:
    assert [cuts(NOT_CUTS[kind](seed)) for seed in SEEDS] == [[] for _ in SEEDS]


@pytest.mark.parametrize("frames", [1, 2, 5, 20])
def test_black_between_scenes_is_a_scene(frames: int) -> None:
    for seed in SEEDS:
        pictures = [*scenes.scene(seed, 10), *scenes.black(frames), *scenes.scene(seed + 20, 10)]
        assert cuts(pictures) == [10, 10 + frames]


def test_a_cut_beside_the_ends_of_a_clip() -> None:
    for seed in SEEDS:
        one, two = scenes.scene(seed, 20), scenes.scene(seed + 20, 20)
        assert cuts([one[0], *two]) == [1]
        assert cuts([*one, two[0]]) == [20]
        assert cuts([one[0], two[0]]) == [1]


def test_a_cut_in_the_dark_and_one_in_ten_bits() -> None:
    dark = [picture * 0.15 for picture in joined(1, 2)]
    assert cuts(dark) == [8]
    kind = replace(GRAY, name="gray10le", depth=10)
    frames = [
        replace(frame, planes=(scenes.plane(picture, depth=10),), format=kind)
        for frame, picture in zip(scenes.frames_of(dark), dark, strict=True)
    ]
    assert [f.index for f in mark_cuts(frames) if f.begins_scene] == [8]


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    edges=st.lists(st.integers(0, 60), max_size=4),
)
def test_the_decision_needs_no_frame_beyond_reach(lengths: list[int], edges: list[int]) -> None:
    pictures = [p for seed, length in enumerate(lengths) for p in scenes.scene(seed, length, size=(12, 20))]
    count = len(pictures)
    whole = list(mark_cuts(scenes.frames_of(pictures)))
    for edge in edges:
        start, stop = min(edge, count - 1), min(edge + 5, count)
        first, last = max(start - REACH, 0), min(stop + REACH - 1, count)
        part = list(mark_cuts(scenes.frames_of(pictures[first:last], first=first)))
        ours = [frame.begins_scene for frame in part if start <= frame.index < stop]
        assert ours == [frame.begins_scene for frame in whole[start:stop]]


def test_frames_come_as_they_were_and_few_are_held() -> None:
    pictures, taken = joined(1, 2), [0]

    def source() -> Iterator[Frame]:
        for frame in scenes.frames_of(pictures):
            taken[0] += 1
            yield frame

    ahead = []
    for place, (ours, given_) in enumerate(zip(mark_cuts(source()), scenes.frames_of(pictures), strict=True), 1):
        assert replace(ours, begins_scene=False, planes=given_.planes) == given_
        assert np.array_equal(ours.planes[0], given_.planes[0])
        ahead.append(taken[0] - place)
    assert max(ahead) == REACH - 1


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 500), (500, 2), (64, 64), (65, 64), (180, 321), (1080, 1920)])
def test_a_thumbnail_is_the_mean_of_cells(size: tuple[int, int]) -> None:
    for depth in (8, 10):
        codes = samples(np.random.default_rng(0).integers(0, 1 << depth, size), depth)
        (frame,) = scenes.frames_of([np.zeros((1, 1))])
        frame = replace(frame, planes=(codes,), format=replace(GRAY, depth=depth))
        small = thumbnail(frame)
        cell = size[0] // small.shape[0]
        assert small.shape == (size[0] // cell, size[1] // cell)
        assert max(small.shape) <= CELLS or cell == min(size)
        assert small[0, 0] == pytest.approx(codes[:cell, :cell].mean() / (1 << (depth - 8)), rel=1e-6)
        last = codes[(small.shape[0] - 1) * cell :, (small.shape[1] - 1) * cell :][:cell, :cell]
        assert small[-1, -1] == pytest.approx(last.mean() / (1 << (depth - 8)), rel=1e-6)


def test_green_stands_for_luma_in_rgb() -> None:
    pictures = joined(1, 2)
    kind = plane_format("rgb", 8)
    still = scenes.plane(pictures[0])
    for moving, expected in ((1, [8]), (0, [])):
        frames = [
            replace(f, planes=tuple(f.planes[0] if n == moving else still for n in range(3)), format=kind)
            for f in scenes.frames_of(pictures)
        ]
        assert [f.index for f in mark_cuts(frames) if f.begins_scene] == expected
