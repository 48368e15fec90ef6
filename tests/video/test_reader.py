"""Frames by number: each one, in order, the same from wherever reading begins."""

import gc
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media import clips, damaged, pictures, tracks
from media.clips import Spec
from vrinr_cli.errors import InputError
from vrinr_cli.frame import ColorSpec, Frame, Matrix, Range
from vrinr_cli.video import reader
from vrinr_cli.video.pixels import plane_format
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames

FRAMES = 36
SOURCES: dict[str, Callable[[Path], Path]] = {
    "h264_open_gop.mkv": lambda p: clips.b_frames(p, frames=FRAMES),
    "h264_open_gop.mp4": lambda p: clips.b_frames(p, frames=FRAMES),
    "h264_open_gop.ts": lambda p: clips.b_frames(p, frames=FRAMES),
    "h264_closed_gop.mov": lambda p: clips.b_frames(p, frames=FRAMES, open_gop=False),
    "h264.avi": lambda p: clips.b_frames(p, frames=FRAMES),
    "h264.flv": lambda p: clips.b_frames(p, frames=FRAMES),
    "raw.h264": lambda p: clips.plain(p, frames=FRAMES),
    "hevc_open_gop.mkv": lambda p: clips.open_gop_hevc(p, frames=FRAMES),
    "hevc_open_gop.ts": lambda p: clips.open_gop_hevc(p, frames=FRAMES),
    "mpeg2.ts": lambda p: clips.plain(p, frames=FRAMES, codec="mpeg2video"),
    "mpeg2.mpg": lambda p: clips.plain(p, frames=FRAMES, codec="mpeg2video"),
    "mpeg4.avi": lambda p: clips.plain(p, frames=FRAMES, codec="mpeg4"),
    "wmv2.wmv": lambda p: clips.plain(p, frames=FRAMES, codec="wmv2", b_frames=0),
    "vp8.webm": lambda p: clips.plain(p, frames=FRAMES, codec="libvpx", options={"auto-alt-ref": "1"}),
    "vp9.webm": lambda p: clips.plain(p, frames=FRAMES, codec="libvpx-vp9"),
    "ffv1.mkv": lambda p: clips.plain(p, frames=FRAMES, codec="ffv1", pix_fmt="yuv422p10le"),
    "prores.mov": lambda p: clips.plain(p, frames=FRAMES, codec="prores_ks", pix_fmt="yuv422p10le"),
    "jpeg.mov": lambda p: clips.plain(p, frames=FRAMES, codec="mjpeg", pix_fmt="yuvj420p"),
    "animated.gif": lambda p: clips.plain(p, frames=FRAMES, codec="gif", pix_fmt="rgb8"),
    "vfr.mkv": lambda p: clips.vfr(p, frames=FRAMES),
    "vfr.mp4": lambda p: clips.vfr(p, frames=FRAMES),
    "edit_list.mp4": damaged.edit_list,
    "equal_times.mkv": lambda p: damaged.odd_times(p, (0, 40, 40, 80, 120, 160)),
    "swapped_times.mkv": lambda p: damaged.odd_times(p, (0, 80, 40, 120, 160, 200)),
    "rich.mkv": lambda p: tracks.rich_mkv(p, spec=Spec(frames=FRAMES)),
    "sound.ts": lambda p: tracks.transport(p, spec=Spec(frames=FRAMES)),
    "interlaced.mp4": clips.interlaced,
    "transparent.webm": clips.transparent,
    "ten_bit.mkv": clips.ten_bit_hevc,
}


@pytest.mark.parametrize("name", SOURCES)
def test_any_range_equals_that_part_of_the_whole(tmp_path: Path, name: str) -> None:
    info = probe(SOURCES[name](tmp_path / name))
    count = len(info.timeline)
    whole = list(read_frames(info, 0, count, threads=1))
    first_number = 5 if name.startswith("edit") else 0
    assert [frame.index for frame in whole] == list(range(count))
    assert [_number(frame) for frame in whole] == list(range(first_number, first_number + count))
    assert tuple(frame.pts for frame in whole) == info.timeline.pts
    assert tuple(frame.duration for frame in whole) == info.timeline.durations
    for start in range(count):
        stop = min(start + 5, count)
        _assert_same(list(read_frames(info, start, stop)), whole[start:stop])


@pytest.mark.parametrize("name", ["h264_open_gop.mkv", "h264_open_gop.mp4", "h264.avi", "hevc_open_gop.mkv"])
def test_a_key_frame_before_the_range_is_enough(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    info = probe(SOURCES[name](tmp_path / name))
    entries = _noted_entries(monkeypatch)
    list(read_frames(info, 25, 30))
    assert entries == [20]


@pytest.mark.parametrize("name", ["h264_open_gop.ts", "mpeg2.mpg"])
def test_where_seeking_is_coarse_an_earlier_key_frame_is_sought(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = probe(SOURCES[name](tmp_path / name))
    entries = _noted_entries(monkeypatch)
    frames = list(read_frames(info, 30, 33))
    assert [_number(frame) for frame in frames] == [30, 31, 32]
    assert len(entries) == 2
    assert entries[1] > 0


def test_a_frame_carries_all_that_is_known(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "clip.mkv"))
    (frame,) = read_frames(info, 13, 14)
    assert (frame.index, frame.pts, frame.duration, frame.time_base) == (13, 520, 40, info.timeline.time_base)
    assert (frame.size, frame.format, frame.color) == (info.size, info.format, info.color)


@pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.SMPTE170M, Matrix.BT2020_NCL])
@pytest.mark.parametrize("span", list(Range))
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv420p", "yuv422p10le", "yuv444p12le"])
def test_color_bars_come_back_code_by_code(tmp_path: Path, matrix: Matrix, span: Range, pix_fmt: str) -> None:
    path = clips.color_bars(tmp_path / "bars.mkv", matrix=matrix, span=span, pix_fmt=pix_fmt)
    info = probe(path)
    expected = pictures.bars(info.format, ColorSpec(matrix, span), info.size)
    for frame in read_frames(info, 0, 3):
        for plane, wanted in zip(frame.planes, expected, strict=True):
            np.testing.assert_array_equal(plane, wanted)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le", "gray16le", "bgr0", "gbrp10le", "gbrp16le", "yuv411p", "ya8"])
def test_lossless_planes_come_back(tmp_path: Path, pix_fmt: str) -> None:
    info = probe(clips.plain(tmp_path / "clip.mkv", codec="ffv1", pix_fmt=pix_fmt, size=(33, 47), frames=3))
    kind = plane_format(pix_fmt)
    for frame in read_frames(info, 0, 3):
        for plane, wanted in zip(frame.planes, pictures.numbered(frame.index, kind, (33, 47)), strict=True):
            np.testing.assert_array_equal(plane, wanted)


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (5, 4), (0, 25)])
def test_a_range_outside_the_source_is_a_mistake(tmp_path: Path, start: int, stop: int) -> None:
    info = probe(clips.plain(tmp_path / "clip.mkv"))
    with pytest.raises(ValueError, match=f"frames {start} to {stop} of 24"):
        read_frames(info, start, stop)


def test_an_empty_range_has_no_frames(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "clip.mkv"))
    assert list(read_frames(info, 24, 24)) == []


def test_closing_early_closes_the_file(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "clip.mkv"))
    frames = read_frames(info, 0, 24)
    next(frames)
    assert _is_open_here(info.path)
    frames.close()  # type: ignore[attr-defined]
    gc.collect()
    assert not _is_open_here(info.path)


def test_planes_stay_when_reading_goes_on(tmp_path: Path) -> None:
    info = probe(clips.plain(tmp_path / "clip.mkv"))
    kept = list(read_frames(info, 0, 24))
    assert [_number(frame) for frame in kept] == list(range(24))


class TestDamage:
    @pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
    def test_it_is_told_with_its_time(self, tmp_path: Path, name: str) -> None:
        info = probe(_damaged(tmp_path, name))
        with pytest.raises(InputError) as caught:
            list(read_frames(info, 0, 60))
        assert str(caught.value) == f"{name}: damaged at 0:00:00.840 (frame 21)"

    def test_frames_elsewhere_are_read(self, tmp_path: Path) -> None:
        info = probe(_damaged(tmp_path, "clip.mkv"))
        assert [_number(f) for f in read_frames(info, 0, 21)] == list(range(21))
        assert [_number(f) for f in read_frames(info, 24, 60)] == list(range(24, 60))

    def test_where_it_is_allowed_the_last_good_picture_stays(self, tmp_path: Path) -> None:
        info = probe(_damaged(tmp_path, "clip.mkv"))
        repeated: list[int] = []
        frames = list(read_frames(info, 0, 60, allow_damaged=True, on_repeat=repeated.append))
        assert repeated == [21]
        assert [f.index for f in frames] == list(range(60))
        assert tuple(f.pts for f in frames) == info.timeline.pts
        assert [_number(f) for f in frames] == [*range(21), 20, *range(22, 60)]

    def test_it_looks_the_same_from_wherever_reading_begins(self, tmp_path: Path) -> None:
        info = probe(_damaged(tmp_path, "clip.mkv"))
        whole = list(read_frames(info, 0, 60, allow_damaged=True))
        for start in range(19, 25):
            _assert_same(list(read_frames(info, start, start + 3, allow_damaged=True)), whole[start : start + 3])

    def test_a_machine_with_one_core_sees_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """FFmpeg conceals damage in another way with one thread."""
        info = probe(_damaged(tmp_path, "clip.mkv"))
        frames = list(read_frames(info, 0, 60, allow_damaged=True))
        monkeypatch.setattr(os, "cpu_count", lambda: 1)
        if not hasattr(os, "sched_setaffinity"):
            _assert_same(list(read_frames(info, 0, 60, allow_damaged=True)), frames)
            return
        all_cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(all_cores)})
        try:
            _assert_same(list(read_frames(info, 0, 60, allow_damaged=True)), frames)
        finally:
            os.sched_setaffinity(0, all_cores)

    def test_before_the_first_good_picture_that_one_is_shown(self, tmp_path: Path) -> None:
        whole = clips.plain(tmp_path / "whole.mkv", frames=60)
        info = probe(damaged.with_noise(whole, tmp_path / "clip.mkv", packet=0))
        repeated: list[int] = []
        frames = list(read_frames(info, 0, 5, allow_damaged=True, on_repeat=repeated.append))
        assert repeated == [0]
        assert [_number(f) for f in frames] == [1, 1, 2, 3, 4]

    def test_where_frames_must_be_decoded_for_their_times_it_is_found_by_probing(self, tmp_path: Path) -> None:
        whole = clips.plain(tmp_path / "whole.avi", frames=60)
        path = damaged.zeroed(whole, tmp_path / "clip.avi", packets=[49])
        with pytest.raises(
            InputError, match=r"^clip.avi: damaged at 0:00:0[12]\.\d{3}, 1 of its frames do not decode$"
        ):
            probe(path)
        info = probe(path, allow_damaged=True)
        assert info.notes[0].startswith("damaged at 0:00:0")
        assert len(list(read_frames(info, 0, len(info.timeline), allow_damaged=True))) == 59

    def test_a_packet_that_gives_no_frame_is_missed(self, tmp_path: Path) -> None:
        whole = clips.plain(tmp_path / "whole.mkv", frames=60, codec="mjpeg", pix_fmt="yuvj420p")
        info = probe(damaged.zeroed(whole, tmp_path / "clip.mkv", packets=[45]))
        with pytest.raises(InputError, match=r"^clip.mkv: damaged at 0:00:01.800 \(frame 45\)$"):
            list(read_frames(info, 0, 60))
        frames = list(read_frames(info, 44, 48, allow_damaged=True))
        assert [_number(f) for f in frames] == [44, 44, 46, 47]

    def test_a_lost_tail_is_filled_with_the_last_picture(self, tmp_path: Path) -> None:
        info = probe(clips.plain(tmp_path / "clip.mkv"))
        line = info.timeline
        longer = replace(line, pts=(*line.pts, 960, 1000), durations=(*line.durations, 40, 40))
        with pytest.raises(InputError, match=r"damaged at 0:00:00.960 \(frame 24\)"):
            list(read_frames(replace(info, timeline=longer), 20, 26))
        frames = list(read_frames(replace(info, timeline=longer), 20, 26, allow_damaged=True))
        assert [_number(f) for f in frames] == [20, 21, 22, 23, 23, 23]

    def test_a_change_of_size_names_the_frame(self, tmp_path: Path) -> None:
        info = probe(damaged.size_change(tmp_path / "clip.h264"))
        with pytest.raises(InputError, match=r"^clip.h264: frame 12 is 48x32, the video began with 96x64$"):
            list(read_frames(info, 0, len(info.timeline)))

    def test_a_change_of_pixel_format_names_the_frame(self, tmp_path: Path) -> None:
        then = Spec(frames=12, b_frames=0, pix_fmt="yuv422p")
        info = probe(damaged.size_change(tmp_path / "clip.h264", then=then))
        expected = r"^clip.h264: frame 12: pixel format is yuv422p, the video began with yuv420p$"
        with pytest.raises(InputError, match=expected):
            list(read_frames(info, 0, len(info.timeline)))

    def test_another_file_under_the_name_is_not_read(self, tmp_path: Path) -> None:
        path = clips.plain(tmp_path / "clip.mkv")
        info = probe(path)
        clips.plain(path, frames=30)
        with pytest.raises(InputError, match="the file has changed since it was probed"):
            list(read_frames(info, 0, 5))


def _damaged(folder: Path, name: str) -> Path:
    whole = clips.plain(folder / f"whole_{name}", frames=60)
    return damaged.with_noise(whole, folder / name, packet=20)


def _number(frame: Frame) -> int:
    return pictures.number_in(frame.planes[0], depth=frame.format.depth)


def _assert_same(frames: list[Frame], expected: list[Frame]) -> None:
    assert [(f.index, f.pts, f.duration) for f in frames] == [(f.index, f.pts, f.duration) for f in expected]
    for frame, wanted in zip(frames, expected, strict=True):
        for plane, other in zip(frame.planes, wanted.planes, strict=True):
            np.testing.assert_array_equal(plane, other)


def _noted_entries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that reading sought, in a list that fills while it reads."""
    entries: list[int] = []
    numbered = reader._numbered

    def noting(reading: reader._Reading, entry: int) -> object:
        entries.append(entry)
        return numbered(reading, entry)

    monkeypatch.setattr(reader, "_numbered", noting)
    return entries


def _is_open_here(path: Path) -> bool:
    folder = Path("/proc/self/fd")
    return any(link.exists() and os.path.realpath(link) == str(path) for link in folder.iterdir())
