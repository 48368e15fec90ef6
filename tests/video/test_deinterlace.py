"""Whole frames from fields: right, and the same wherever reading begins."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media import fields, scenes
from strategies import plane_format
from vrinr_cli.frame import ColorSpec, Frame, Matrix, PlaneFormat, Range
from vrinr_cli.video.deinterlace import deinterlaced
from vrinr_cli.video.fields import with_fields
from vrinr_cli.video.info import FieldOrder, Fields, Timeline
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames

MOMENTS = fields.moving(24)
COLOR = ColorSpec(Matrix.BT709, Range.LIMITED)
ORDERS: tuple[FieldOrder, FieldOrder] = ("top", "bottom")


def frames_of(pictures: list[scenes.Luma], kind: PlaneFormat, *, flagged: bool = True) -> list[Frame]:
    return [
        Frame(n, fields.planes_of(picture, kind), kind, COLOR, n, 1, Fraction(1, 25), is_interlaced=flagged)
        for n, picture in enumerate(pictures)
    ]


def line_of(frames: int) -> Timeline:
    return Timeline(tuple(range(frames)), (1,) * frames, Fraction(1, 25))


def made(frames: list[Frame], chosen: Fields) -> list[Frame]:
    return list(deinterlaced(frames, chosen, line_of(len(frames) * chosen.per_frame), threads=1))


def error(frame: Frame, moment: scenes.Luma) -> float:
    truth = scenes.plane(moment, depth=frame.format.depth).astype(int)
    return float(np.abs(frame.planes[0].astype(int) - truth).mean()) / (1 << frame.format.depth - 8)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("per_frame", [1, 2])
def test_combs_become_pictures_of_one_moment(order: FieldOrder, per_frame: int) -> None:
    frames = frames_of(fields.woven(MOMENTS, order), plane_format("420"))
    after = made(frames, Fields(order, per_frame, all_frames=True))
    assert [frame.index for frame in after] == list(range(12 * per_frame))
    for frame in after:
        moment = MOMENTS[frame.index * 2 // per_frame]
        assert error(frames[frame.index // per_frame], moment) > 4 * error(frame, moment)
        assert error(frame, moment) < 1


@pytest.mark.parametrize("name", ["420", "422", "444", "gray", "rgb"])
@pytest.mark.parametrize("depth", [8, 10, 16])
def test_lines_of_the_field_that_is_there_are_kept_in_every_plane(name: str, depth: int) -> None:
    kind = plane_format(name, depth)
    for order in ORDERS:
        frames = frames_of(fields.woven(MOMENTS, order), kind)
        for frame in made(frames, Fields(order, 2, all_frames=True)):
            first = (frame.index % 2) ^ (order == "bottom")
            before = frames[frame.index // 2]
            for now, was in zip(frame.planes, before.planes, strict=True):
                assert np.array_equal(now[first::2], was[first::2])
                assert not np.array_equal(now, was)
                assert now.max() < 1 << depth
            assert frame.format == kind


def test_gray_of_ten_bits_stays_within_its_codes() -> None:
    kind = plane_format("gray", 10)
    rows = np.where(np.arange(48)[:, None] // 3 % 2, 1023, 0).repeat(64, 1).astype(np.uint16)
    frames = [
        Frame(n, (np.roll(rows, n, 0),), kind, COLOR, n, 1, Fraction(1, 25), is_interlaced=True) for n in range(4)
    ]
    after = made(frames, Fields("top", 2, all_frames=True))
    assert max(int(frame.planes[0].max()) for frame in after) == 1023


@pytest.mark.parametrize(("count", "per_frame"), [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2)])
def test_short_clips_lose_nothing(count: int, per_frame: int) -> None:
    frames = frames_of(fields.woven(MOMENTS)[:count], plane_format("420"))
    after = made(frames, Fields("top", per_frame, all_frames=True))
    assert [(frame.index, frame.pts) for frame in after] == [(n, n) for n in range(count * per_frame)]
    assert all(error(frame, MOMENTS[frame.index * 2 // per_frame]) < 1.5 for frame in after)


def test_a_single_frame_gives_its_fields_too() -> None:
    (frame,) = frames_of(fields.woven(MOMENTS)[:1], plane_format("420"))
    first, second = made([frame], Fields("top", 2, all_frames=True))
    assert [(f.index, f.pts) for f in (first, second)] == [(0, 0), (1, 1)]
    assert error(first, MOMENTS[0]) < 1.5
    assert np.array_equal(second.planes[0][1::2], frame.planes[0][1::2])


def test_frames_without_the_flag_stay_as_they_are() -> None:
    pictures = frames_of(fields.woven(MOMENTS), plane_format("420"))
    mixed = [replace(frame, is_interlaced=frame.index % 4 in (1, 2)) for frame in pictures]
    after = made(mixed, Fields("top", 1, all_frames=False))
    everything = made(pictures, Fields("top", 1, all_frames=True))
    for frame, was, whole in zip(after, mixed, everything, strict=True):
        expected = whole if was.is_interlaced else was
        assert all(np.array_equal(a, b) for a, b in zip(frame.planes, expected.planes, strict=True))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le"])
@pytest.mark.parametrize("per_frame", [1, 2])
def test_frames_are_the_same_wherever_reading_begins(tmp_path: Path, pix_fmt: str, per_frame: int) -> None:
    path = fields.clip(tmp_path / "clip.mkv", fields.woven(MOMENTS), pix_fmt=pix_fmt)
    info = with_fields(probe(path), Fields("top", per_frame, all_frames=False))
    whole = list(read_frames(info, 0, len(info.timeline)))
    assert [frame.index for frame in whole] == list(range(12 * per_frame))
    for start in range(len(whole)):
        for length in (1, 3, 7):
            stop = min(start + length, len(whole))
            part = list(read_frames(info, start, stop))
            assert [frame.index for frame in part] == list(range(start, stop))
            for frame in part:
                same = whole[frame.index]
                assert (frame.pts, frame.duration, frame.time_base) == (same.pts, same.duration, same.time_base)
                assert all(np.array_equal(a, b) for a, b in zip(frame.planes, same.planes, strict=True))


def test_nothing_is_read_for_no_frames(tmp_path: Path) -> None:
    info = with_fields(probe(fields.clip(tmp_path / "clip.mkv", fields.woven(MOMENTS))), Fields("top", 1, True))
    assert list(read_frames(info, 5, 5)) == []
