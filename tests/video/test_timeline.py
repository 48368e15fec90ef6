"""When frames are shown: the arithmetic, and the times found in files of many kinds."""

from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import clips, damaged, tracks
from media.clips import Spec
from vrinr_cli.errors import InputError
from vrinr_cli.video.info import Timeline
from vrinr_cli.video.probe import probe
from vrinr_cli.video.timeline import clock, on_screen, rising

some_times = st.lists(st.none() | st.integers(-1000, 1000), max_size=30)


@given(times=some_times, step=st.integers(1, 50))
def test_times_are_made_strictly_rising(times: list[int | None], step: int) -> None:
    result = rising(times, step)
    assert len(result) == len(times)
    assert all(early < late for early, late in pairwise(result))


@given(times=st.lists(st.integers(-1000, 1000), unique=True))
def test_known_times_are_kept_and_sorted(times: list[int]) -> None:
    assert list(rising(times, 7)) == sorted(times)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([None, None, None], (0, 40, 80)),
        ([5, None, 85], (5, 45, 85)),
        ([0, 40, 40, 80], (0, 40, 41, 80)),
        ([1, 3, 4, 2], (1, 2, 3, 4)),
        ([-80, -40, 0], (-80, -40, 0)),
        ([], ()),
    ],
)
def test_missing_equal_and_swapped_times_are_set_right(times: list[int | None], expected: tuple[int, ...]) -> None:
    assert rising(times, 40) == expected


def test_a_frame_stays_until_the_next_and_the_last_as_it_says() -> None:
    assert on_screen((0, 33, 833), last=40, step=1) == (33, 800, 40)
    assert on_screen((0, 33), last=0, step=1) == (33, 33)
    assert on_screen((7,), last=0, step=25) == (25,)


def test_the_clock_counts_from_the_first_frame() -> None:
    line = Timeline((900_000, 900_000 + 90 * 3_723_004), (1, 1), Fraction(1, 90_000))
    assert clock(line, 0) == "0:00:00.000"
    assert clock(line, 1) == "1:02:03.004"


@pytest.mark.parametrize("name", ["vfr.mkv", "vfr.mp4"])
def test_a_variable_rate_keeps_each_time(tmp_path: Path, name: str) -> None:
    info = probe(clips.vfr(tmp_path / name, frames=16))
    steps = [clips.VFR_STEPS_MS[n % len(clips.VFR_STEPS_MS)] for n in range(15)]
    expected = [Fraction(time, 1000) for time in accumulate(steps, initial=0)]
    assert [time * info.timeline.time_base for time in info.timeline.pts] == expected
    assert [d * info.timeline.time_base for d in info.timeline.durations[:-1]] == [
        Fraction(step, 1000) for step in steps
    ]
    assert info.is_variable_rate


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(25), Fraction(2997, 125)])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_constant_rate_is_an_exact_fraction(tmp_path: Path, rate: Fraction, ending: str) -> None:
    info = probe(clips.plain(tmp_path / f"clip.{ending}", rate=rate))
    assert info.average_rate == rate
    assert not info.is_variable_rate
    assert len(info.timeline) == 24


def test_reordered_frames_stand_in_display_order(tmp_path: Path) -> None:
    info = probe(clips.b_frames(tmp_path / "clip.mkv"))
    assert info.timeline.pts == tuple(range(0, 1200, 40))
    assert info.keyframes == (0, 10, 20)
    assert info.decoder_pts is None


def test_a_transport_stream_starts_where_it_starts(tmp_path: Path) -> None:
    info = probe(tracks.transport(tmp_path / "clip.ts"))
    assert info.timeline.time_base == Fraction(1, 90_000)
    assert info.timeline.pts[0] > 0
    assert {late - early for early, late in pairwise(info.timeline.pts)} == {3600}
    assert info.duration == Fraction(24, 25)


def test_times_may_start_late(tmp_path: Path) -> None:
    info = probe(clips.from_spec(tmp_path / "late.mkv", Spec(pts=tuple(range(250, 274)))))
    assert info.timeline.pts[:2] == (10_000, 10_040)


def test_frames_cut_off_by_an_edit_list_do_not_count(tmp_path: Path) -> None:
    info = probe(damaged.edit_list(tmp_path / "clip.mp4", skipped=5))
    assert len(info.timeline) == 19
    assert info.timeline.pts[0] == 0
    assert info.keyframes == (0, 7)


def test_avi_with_b_frames_gets_its_times_sorted(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "clip.avi"))
    assert info.decoder_pts is not None
    assert list(info.decoder_pts) != sorted(info.decoder_pts, key=lambda time: time or 0)
    assert {late - early for early, late in pairwise(info.timeline.pts)} == {1}
    assert info.keyframes == (0, 12)


def test_a_raw_stream_gets_times_from_its_rate(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "clip.h264", rate=Fraction(30)))
    times = [time * info.timeline.time_base for time in info.timeline.pts]
    assert times == [Fraction(n, 30) for n in range(24)]
    assert info.keyframes == (0,)


@pytest.mark.parametrize(
    ("pts", "expected"), [((0, 40, 40, 80), (0, 40, 41, 80)), ((0, 80, 40, 120), (0, 40, 80, 120))]
)
def test_equal_and_swapped_times_in_a_file_are_set_right(
    tmp_path: Path, pts: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert probe(damaged.odd_times(tmp_path / "clip.mkv", pts)).timeline.pts == expected


def test_hidden_packets_of_vp8_are_no_frames(tmp_path: Path) -> None:
    options = {"auto-alt-ref": "1", "lag-in-frames": "16"}
    info = probe(clips.plain(tmp_path / "clip.webm", codec="libvpx", options=options, gop=200))
    assert len(info.timeline) == 24
    assert info.timeline.pts == tuple(range(0, 960, 40))


def test_a_stream_that_begins_inside_a_group_begins_at_its_first_picture(tmp_path: Path) -> None:
    whole = tracks.transport(tmp_path / "whole.ts", spec=Spec(frames=48))
    part = tmp_path / "part.ts"
    part.write_bytes(whole.read_bytes()[188 * 40 :])
    info, before = probe(part), probe(whole)
    assert 24 <= len(info.timeline) < 48
    assert info.timeline.pts == before.timeline.pts[-len(info.timeline) :]


def test_times_that_start_anew_are_refused(tmp_path: Path) -> None:
    path = damaged.joined_times(tmp_path / "joined.ts")
    with pytest.raises(InputError, match=r"^joined.ts: times start anew at frame 60 \(joined files\?\)$"):
        probe(path)


def test_a_single_frame_has_a_time_on_screen(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "one.mkv", frames=1))
    assert len(info.timeline) == 1
    assert info.timeline.durations[0] * info.timeline.time_base == Fraction(1, 25)
