"""Moments of a video as people write them, and the frames that they mean."""

import re
from bisect import bisect_left, bisect_right
from fractions import Fraction
from typing import TYPE_CHECKING

from vrinr_cli.errors import InputError, OptionError

if TYPE_CHECKING:
    from vrinr_cli.video.info import Timeline


def parse_time(text: str) -> Fraction:
    """Seconds from "80", "80.5", "1:20" or "0:01:20.5".

    Raises:
        OptionError: not a time.
    """
    match = re.fullmatch(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,9}(?:\.\d{1,9})?)", text)
    if not match:
        raise OptionError(f"time is {text!r}", hint="write seconds or [h:]mm:ss, such as 80.5 or 1:20.5")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)


def show_time(seconds: Fraction) -> str:
    """h:mm:ss.mmm."""
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 3_600_000}:{milliseconds // 60_000 % 60:02d}:{milliseconds % 60_000 / 1000:06.3f}"


def chosen_frames(
    timeline: "Timeline", start: Fraction | None, end: Fraction | None, count: int | None
) -> tuple[int, int]:
    """The frames [first, stop) that --start, --end and --frames choose; times count from the first frame.

    Raises:
        InputError: no frame lies there.
    """
    begins = timeline.pts[0]
    first = 0 if start is None else bisect_left(timeline.pts, begins + start / timeline.time_base)
    stop = len(timeline) if end is None else bisect_left(timeline.pts, begins + end / timeline.time_base)
    if count is not None:
        stop = min(stop, first + count)
    if first >= stop:
        ends = (timeline.pts[-1] + timeline.durations[-1] - begins) * timeline.time_base
        raise InputError(
            f"no frame from {show_time(start or Fraction(0))} on", hint=f"the video ends at {show_time(ends)}"
        )
    return first, stop


def frame_at(timeline: "Timeline", at: Fraction | None) -> int:
    """The frame that is on the screen at a time, counted from the first frame; None is the middle of the video.

    Raises:
        InputError: the video has ended by then.
    """
    begins = timeline.pts[0]
    ends = (timeline.pts[-1] + timeline.durations[-1] - begins) * timeline.time_base
    moment = ends / 2 if at is None else at
    if moment >= ends:
        raise InputError(f"no frame at {show_time(moment)}", hint=f"the video ends at {show_time(ends)}")
    return bisect_right(timeline.pts, begins + moment / timeline.time_base) - 1
