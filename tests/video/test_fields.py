"""Times of frames made of fields, and the way back."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.written import made_up_source
from vrinr_cli.video.fields import INTERLACED, film_number, stored, stored_range, with_fields, with_film
from vrinr_cli.video.info import Fields, SourceInfo, Timeline

DOUBLE = Fields("top", 2, all_frames=True)
ONE = Fields("bottom", 1, all_frames=True)


@st.composite
def sources(draw: st.DrawFn) -> SourceInfo:
    steps = tuple(draw(st.lists(st.integers(1, 5000), min_size=1, max_size=9)))
    first = draw(st.integers(-100, 100))
    pts = tuple(first + sum(steps[:place]) for place in range(len(steps)))
    keys = draw(st.sets(st.integers(0, len(steps) - 1)))
    line = Timeline(pts, steps, draw(st.sampled_from([Fraction(1, 90000), Fraction(1001, 30000), Fraction(1, 25)])))
    return replace(
        made_up_source(), timeline=line, keyframes=tuple(sorted({0, *keys})), average_rate=Fraction(30000, 1001)
    )


@given(source=sources())
def test_each_field_has_half_of_its_frame_exactly(source: SourceInfo) -> None:
    was, made = source.timeline, with_fields(source, DOUBLE)
    line = made.timeline
    assert len(line) == 2 * len(was)
    seconds = [pts * line.time_base for pts in line.pts]
    assert seconds[::2] == [pts * was.time_base for pts in was.pts]
    assert seconds[1::2] == [
        (pts + Fraction(step, 2)) * was.time_base for pts, step in zip(was.pts, was.durations, strict=True)
    ]
    assert made.duration == source.duration
    assert all(step == after - pts for step, (pts, after) in zip(line.durations, pairwise(line.pts), strict=False))
    assert made.average_rate == Fraction(60000, 1001)
    assert made.keyframes == tuple(2 * key for key in source.keyframes)


@given(source=sources(), fields=st.sampled_from([ONE, DOUBLE]))
def test_the_way_back_is_exact(source: SourceInfo, fields: Fields) -> None:
    assert stored(with_fields(source, fields)) == source
    assert stored(source) == source


def test_one_frame_a_frame_keeps_all_times() -> None:
    source = made_up_source()
    made = with_fields(replace(source, is_interlaced=True, notes=("a", INTERLACED, "b")), ONE)
    assert made == replace(source, fields=ONE, notes=("a", "b"))


@given(count=st.integers(1, 9), per_frame=st.sampled_from([1, 2]), data=st.data())
def test_frames_beside_those_that_are_made_are_read_too(count: int, per_frame: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, count * per_frame - 1))
    stop = data.draw(st.integers(start + 1, count * per_frame))
    needed = stored_range(range(start, stop), replace(ONE, per_frame=per_frame), count)
    own = {number // per_frame for number in range(start, stop)}
    assert set(needed) == {n + by for n in own for by in (-1, 0, 1) if 0 <= n + by < count}


@given(source=sources())
def test_four_frames_of_film_have_the_time_of_five(source: SourceInfo) -> None:
    was, made = source.timeline, with_film(source, "top")
    line, cycles = made.timeline, len(was) // 5
    assert len(line) == 4 * cycles + len(was) % 5
    seconds = [pts * line.time_base for pts in line.pts]
    stored_seconds = [pts * was.time_base for pts in was.pts]
    ends = [*stored_seconds, stored_seconds[-1] + was.durations[-1] * was.time_base]
    for cycle in range(cycles):
        begin, end = ends[5 * cycle], ends[5 * cycle + 5]
        assert seconds[4 * cycle : 4 * cycle + 4] == [begin + place * (end - begin) / 4 for place in range(4)]
    assert seconds[4 * cycles :] == stored_seconds[5 * cycles :]
    assert all(step == after - pts for step, (pts, after) in zip(line.durations, pairwise(line.pts), strict=False))
    assert made.duration == source.duration
    assert made.average_rate == Fraction(24000, 1001)
    assert set(made.keyframes) == {film_number(key) for key in source.keyframes}
    assert max(made.keyframes) < len(line)
    assert stored(made) == source


@given(count=st.integers(1, 30), data=st.data())
def test_whole_cycles_are_read_with_what_the_filters_look_at(count: int, data: st.DataObject) -> None:
    made = with_film(
        replace(made_up_source(), timeline=Timeline(tuple(range(count)), (1,) * count, Fraction(1))), "top"
    )
    start = data.draw(st.integers(0, len(made.timeline) - 1))
    stop = data.draw(st.integers(start + 1, len(made.timeline)))
    assert made.fields is not None
    read = stored_range(range(start, stop), made.fields, count)
    first, beyond = start // 4 * 5, (stop - 1) // 4 * 5 + 5
    assert read == range(max(first - 11, 0), min(beyond + 10, count))
