"""Film out of 3:2 pulldown: its own frames, the same ones wherever reading begins."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from media import fields, scenes
from media.scenes import Luma
from media.written import made_up_source
from vrinr_cli.frame import ColorSpec, Family, Frame, Matrix, PlaneFormat, Range
from vrinr_cli.video.fields import stored_range, with_film
from vrinr_cli.video.info import FieldOrder, SourceInfo, Timeline
from vrinr_cli.video.pixels import plane_format
from vrinr_cli.video.pulldown import film, matched

FILM = fields.moving(24)
COLOR = ColorSpec(Matrix.BT709, Range.LIMITED)


def source_of(count: int, order: FieldOrder = "top") -> SourceInfo:
    line = Timeline(tuple(range(count)), (1,) * count, Fraction(1001, 30000))
    return with_film(replace(made_up_source(), timeline=line, keyframes=(0,)), order)


def stored_frames(pictures: Sequence[Luma], kind: PlaneFormat) -> list[Frame]:
    return [
        Frame(n, fields.planes_of(picture, kind), kind, COLOR, n, 1, Fraction(1001, 30000), is_interlaced=True)
        for n, picture in enumerate(pictures)
    ]


def made(frames: Sequence[Frame], wanted: range, source: SourceInfo) -> list[Frame]:
    """Film frames as the reader makes them of what it reads for them."""
    how, count = source.fields, len(frames)
    assert how is not None
    read = stored_range(wanted, how, count)
    found = film(frames[read.start : read.stop], how, source.timeline, count)
    return [frame for frame in found if frame.index in wanted]


def same(one: Frame, two: Frame) -> bool:
    return one.index == two.index and all(np.array_equal(a, b) for a, b in zip(one.planes, two.planes, strict=True))


@pytest.mark.parametrize("order", ["top", "bottom"])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv444p", "gray", "gbrp"])
def test_the_films_frames_come_back_bit_by_bit(order: FieldOrder, name: str) -> None:
    kind = plane_format(name)
    frames = stored_frames(fields.pulled_down(FILM, order), kind)
    source = source_of(len(frames), order)
    found = made(frames, range(24), source)
    assert [frame.index for frame in found] == list(range(24))
    for frame, picture in zip(found, FILM, strict=True):
        assert np.array_equal(frame.planes[0], fields.planes_of(picture, kind)[0])
        assert not frame.is_interlaced
    line = source.timeline
    assert [(frame.pts, frame.duration, frame.time_base) for frame in found] == [
        (pts, step, line.time_base) for pts, step in zip(line.pts, line.durations, strict=True)
    ]


@pytest.mark.parametrize("place", range(5))
def test_it_may_begin_anywhere_in_its_cycle(place: int) -> None:
    frames = stored_frames(fields.pulled_down(FILM)[place : place + 25], plane_format("gray"))
    found = made(frames, range(20), source_of(25))
    codes = [scenes.plane(picture) for picture in FILM]
    numbers = [int(np.argmin([np.abs(f.planes[0].astype(int) - one).mean() for one in codes])) for f in found]
    assert all(two - one == 1 for one, two in pairwise(numbers[1:]))  # of the very first one field may be missing
    assert all(np.array_equal(f.planes[0], codes[n]) for f, n in zip(found[1:], numbers[1:], strict=True))


@pytest.mark.parametrize("count", [30, 28, 5, 4, 1])
def test_a_frame_is_the_same_wherever_reading_begins(count: int) -> None:
    pictures = scenes.noisy(fields.pulled_down(FILM), 3)
    pictures[11] = fields.frame_of(FILM[3], FILM[15])  # a bad edit: no field belongs to it
    frames = stored_frames(pictures[:count], plane_format("yuv420p"))
    source = source_of(count)
    whole = made(frames, range(len(source.timeline)), source)
    assert [frame.index for frame in whole] == list(range(len(source.timeline)))
    for length in (1, 3, 4, 7):
        for start in range(0, len(whole), length):
            stop = min(start + length, len(whole))
            part = made(frames, range(start, stop), source)
            assert len(part) == stop - start
            assert all(same(one, two) for one, two in zip(part, whole[start:stop], strict=True))


def test_what_no_field_belongs_to_is_deinterlaced() -> None:
    pictures = fields.pulled_down(FILM)
    strange = fields.moving(2, seed=8)
    pictures[11] = fields.frame_of(strange[0], 1 - strange[1])
    frames = stored_frames(pictures, plane_format("gray"))
    how = source_of(len(frames)).fields
    assert how is not None
    flagged = [one.frame.index for one in matched(frames, how) if one.frame.is_interlaced]
    assert flagged == [11, 12]  # 12 should have had a field of 11
    (found,) = [f for f in made(frames, range(24), source_of(len(frames))) if f.index == 9]
    codes = scenes.plane(strange[0])
    assert np.array_equal(found.planes[0][::2], codes[::2])
    assert np.abs(found.planes[0].astype(int) - codes).mean() < 12


def test_fine_lines_are_no_combs() -> None:
    rows = np.where(np.arange(48) % 2, 0.9, 0.1)
    lines = [np.clip(picture * 0.2 + rows[:, None] * 0.8, 0, 1) for picture in FILM]
    frames = stored_frames(fields.pulled_down(lines), PlaneFormat("gray", Family.GRAY, 8))
    how = source_of(len(frames)).fields
    assert how is not None
    assert not any(one.frame.is_interlaced for one in matched(frames, how))
