from fractions import Fraction

import pytest

from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.jobs.times import chosen_frames, frame_at, parse_time, show_time
from vrinr_cli.video.info import Timeline

LINE = Timeline(pts=tuple(range(1000, 1400, 40)), durations=(40,) * 10, time_base=Fraction(1, 1000))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("80", 80), ("80.5", Fraction(161, 2)), ("1:20", 80), ("1:00:00.25", Fraction(14401, 4)), ("0:00", 0)],
)
def test_time_is_read(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "-5", "1:2:3:4", "1;20", "nan", "1e3", "5s", ":30"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="time is"):
        parse_time(text)


def test_time_is_shown_with_milliseconds() -> None:
    assert show_time(Fraction(37259999, 10000)) == "1:02:06.000"
    assert show_time(Fraction(5, 2)) == "0:00:02.500"


@pytest.mark.parametrize(
    ("start", "end", "count", "expected"),
    [
        (None, None, None, (0, 10)),
        (Fraction(0), None, 3, (0, 3)),
        (Fraction(80, 1000), Fraction(160, 1000), None, (2, 4)),
        (Fraction(81, 1000), Fraction(161, 1000), None, (3, 5)),  # a frame is in if it begins there
        (None, Fraction(100), 20, (0, 10)),
    ],
)
def test_frames_are_chosen_by_time_from_the_first_frame(
    start: Fraction | None, end: Fraction | None, count: int | None, expected: tuple[int, int]
) -> None:
    assert chosen_frames(LINE, start, end, count) == expected


def test_a_start_after_the_end_says_how_long_the_video_is() -> None:
    with pytest.raises(InputError, match="no frame from 0:00:09") as caught:
        chosen_frames(LINE, Fraction(9), None, None)
    assert caught.value.hint == "the video ends at 0:00:00.400"


@pytest.mark.parametrize(("at", "frame"), [(0, 0), (Fraction(39, 1000), 0), (Fraction(1, 25), 1), (None, 5)])
def test_a_moment_means_the_frame_on_the_screen(at: Fraction | None, frame: int) -> None:
    assert frame_at(LINE, at) == frame


def test_a_moment_after_the_last_frame_is_refused_with_the_length() -> None:
    assert frame_at(LINE, Fraction(399, 1000)) == 9
    with pytest.raises(InputError, match=r"^no frame at 0:00:00.400$") as caught:
        frame_at(LINE, Fraction(2, 5))
    assert caught.value.hint == "the video ends at 0:00:00.400"
