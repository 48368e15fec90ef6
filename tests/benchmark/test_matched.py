"""Which frames show the same moment."""

from fractions import Fraction
from itertools import pairwise

import pytest

from vrinr_cli.benchmark.matched import match, spread
from vrinr_cli.video.info import Timeline


def line(times: list[int], *, base: int = 1000, last: int = 40) -> Timeline:
    durations = (*(after - before for before, after in pairwise(times)), last)
    return Timeline(tuple(times), durations, Fraction(1, base))


EVERY_40 = list(range(0, 400, 40))


def test_frames_of_equal_times_are_partners_whatever_the_time_base() -> None:
    other = Timeline(tuple(range(7, 17)), (1,) * 10, Fraction(1, 25))  # begins elsewhere
    found = match([line(EVERY_40), other], ["A", "B"])
    assert found.frames == tuple((n, n) for n in range(10))
    assert (found.by, found.notes) == ("time", ())
    assert found.seconds[3] == pytest.approx(0.12)


def test_times_that_a_container_has_rounded_are_equal() -> None:
    rounded = [round(n * 1001 / 24) for n in range(10)]
    exact = Timeline(tuple(range(0, 10010, 1001)), (1001,) * 10, Fraction(1, 24000))
    assert match([line(rounded), exact], ["A", "B"]).by == "time"


def test_a_frame_that_one_lacks_is_left_out_and_told() -> None:
    fewer = EVERY_40[:4] + EVERY_40[5:]
    found = match([line(EVERY_40), line(fewer)], ["A", "B"])
    assert found.frames == ((0, 0), (1, 1), (2, 2), (3, 3), (5, 4), (6, 5), (7, 6), (8, 7), (9, 8))
    assert found.notes == ("A has 10 frames, B has 9 frames; 9 moments of them are compared",)


def test_three_videos_share_moments() -> None:
    lines = [line(EVERY_40), line(EVERY_40[2:]), line(EVERY_40[:5])]
    assert match(lines, ["A", "B", "reference"]).frames == tuple((n, n, n) for n in range(5))


def test_other_rates_are_matched_by_number_with_a_note() -> None:
    found = match([line(EVERY_40), line([n * 100 for n in range(6)], last=100)], ["A", "B"])
    assert (found.by, len(found.frames)) == ("number", 6)
    assert found.frames[5] == (5, 5)
    assert found.notes[-1] == "frames are not shown at the same times: they are matched by number"


def test_a_still_is_a_video_too() -> None:
    assert match([line([0]), line([0])], ["A", "B"]).frames == ((0, 0),)


def test_numbers_are_spread_from_the_middle_of_their_shares() -> None:
    assert spread(100, 4) == [12, 37, 62, 87]
    assert spread(3, 12) == [0, 1, 2]
    assert spread(1, 5) == [0]
