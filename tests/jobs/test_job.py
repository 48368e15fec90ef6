"""Whole jobs on the kinds of video that people have; each clip is made by tests/media."""

import os
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.facts import StopError, facts, packets, restore, stop_after, tiny_weights
from media import clips, damaged, pictures, tracks
from vrinr_cli.engine.engine import Engine
from vrinr_cli.errors import EngineError, InputError, JobError, OptionError, TargetError, VrinrError
from vrinr_cli.frame import Frame, Matrix, Range
from vrinr_cli.jobs.events import Advanced, Event
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.size import SizeRequest
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames

MILLISECOND = Fraction(1, 1000)


def numbers(path: Path) -> list[int]:
    """The number that every picture of a clip carries."""
    found = facts(path)
    depth = 10 if "10" in found.pix_fmt else 8
    return [pictures.number_in(plane, depth=depth) for plane in found.pictures]


@pytest.mark.parametrize("scale", ["1", "2", "2.25", "2x1.5"])
def test_every_frame_comes_out_once_in_order_at_its_time(tmp_path: Path, scale: str) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=20)
    restore(source, tmp_path / "out.mp4", scale=scale, chunk_frames=7)
    assert numbers(tmp_path / "out.mp4") == list(range(20))
    assert facts(tmp_path / "out.mp4").seconds == facts(source).seconds
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "tiny.safetensors"]


@pytest.mark.parametrize("frames", [1, 2, 6, 7, 8, 22])
def test_as_many_frames_out_as_in_at_every_length(tmp_path: Path, frames: int) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=frames)
    report = restore(source, tmp_path / "out.mkv", chunk_frames=7)
    assert report.frames == frames
    assert numbers(tmp_path / "out.mkv") == list(range(frames))


def test_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    source = clips.vfr(tmp_path / "in.mkv")
    for name in ("out.mkv", "out.mp4"):
        report = restore(source, tmp_path / name, chunk_frames=9)
        assert facts(tmp_path / name).seconds == facts(source).seconds
        assert report.largest_time_error == 0
    steps = {b - a for a, b in zip(facts(source).seconds, facts(source).seconds[1:], strict=False)}
    assert len(steps) > 3  # the clip is what it is meant to be


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    source = clips.ten_bit_hevc(tmp_path / "in.mkv")
    report = restore(source, tmp_path / "out.mp4")
    found = facts(tmp_path / "out.mp4")
    assert (found.codec, found.pix_fmt, report.codec) == ("hevc", "yuv420p10le", "h265")
    assert len(np.unique(found.pictures[0])) > 256
    assert numbers(tmp_path / "out.mp4") == list(range(12))


def test_a_phone_clip_stays_upright(tmp_path: Path) -> None:
    source = clips.rotated(tmp_path / "in.mp4")
    height, width = probe(source).size
    restore(source, tmp_path / "out.mp4", size=SizeRequest(size=f"{2 * height}x{2 * width}"))
    before, after = probe(source), probe(tmp_path / "out.mp4")
    assert after.display_matrix == before.display_matrix is not None
    assert (after.rotation, after.size) == (before.rotation, (2 * height, 2 * width))


def test_pixel_shape_is_kept(tmp_path: Path) -> None:
    source = clips.anamorphic(tmp_path / "in.mp4")
    restore(source, tmp_path / "out.mkv")
    assert probe(tmp_path / "out.mkv").sample_aspect_ratio == Fraction(64, 45)


def test_odd_sizes(tmp_path: Path) -> None:
    source = clips.odd_sized(tmp_path / "in.mkv", pix_fmt="yuv444p")
    report = restore(source, tmp_path / "out.mkv", scale="3")
    assert report.target_size == (183, 249)
    assert facts(tmp_path / "out.mkv").size == (183, 249)


def test_an_odd_size_in_420_is_made_even_and_said(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mkv", size=(64, 98), frames=3)
    report = restore(source, tmp_path / "out.mp4", scale="1.5")
    assert report.target_size == (96, 147)
    assert facts(tmp_path / "out.mp4").size == (96, 148)
    assert any("148x96" in note for note in report.notes)


def test_b_frames_in_matroska(tmp_path: Path) -> None:
    source = clips.b_frames(tmp_path / "in.mkv")
    restore(source, tmp_path / "out.mkv", chunk_frames=8)
    assert numbers(tmp_path / "out.mkv") == list(range(30))
    assert facts(tmp_path / "out.mkv").seconds == facts(source).seconds


def test_sound_subtitles_chapters_and_fonts_are_kept(tmp_path: Path) -> None:
    source = tracks.rich_mkv(tmp_path / "in.mkv")
    restore(source, tmp_path / "out.mkv", chunk_frames=10)
    output = tmp_path / "out.mkv"
    assert sorted(facts(output).kinds)[1:] == sorted(facts(source).kinds)[1:]
    for kind, count in (("audio", 2), ("subtitle", 2)):
        for number in range(count):
            assert packets(output, kind, number) == packets(source, kind, number)
    before, after = probe(source), probe(output)
    assert after.chapters == before.chapters > 0
    names = [[(s.language, s.title) for s in info.streams if s.kind == "audio"] for info in (before, after)]
    assert names[0] == names[1]


@pytest.mark.parametrize("ending", ["mkv", "mp4", "webm"])
@pytest.mark.parametrize(("kind", "name"), [("audio", b"A_AAC"), ("video", b"V_MPEG4/ISO/AVC")])
def test_a_track_of_an_unknown_codec_is_dropped_with_a_note(
    tmp_path: Path, ending: str, kind: str, name: bytes
) -> None:
    make = tracks.with_sound if kind == "audio" else partial(tracks.two_videos, default=0)
    source = make(tmp_path / "in.mkv")
    before, found, after = source.read_bytes().rpartition(name)
    assert found
    source.write_bytes(before + name[:2] + b"X" * (len(name) - 2) + after)
    report = restore(source, tmp_path / f"out.{ending}", method="bicubic")
    assert any(note.startswith(f"{kind} stream 1 (?) is dropped: ") for note in report.notes)
    assert len(facts(tmp_path / f"out.{ending}").kinds) == 1


def test_sound_in_mp4_is_bit_identical(tmp_path: Path) -> None:
    source = tracks.with_sound(tmp_path / "in.mp4")
    restore(source, tmp_path / "out.mp4", scale="1.5")
    assert packets(tmp_path / "out.mp4", "audio") == packets(source, "audio")


def test_a_part_is_cut_with_its_sound(tmp_path: Path) -> None:
    source = tracks.with_sound(tmp_path / "in.mkv")
    restore(source, tmp_path / "out.mkv", start=Fraction(1, 5), end=Fraction(3, 5))
    whole, part = facts(source).seconds, facts(tmp_path / "out.mkv").seconds
    inside = [t for t in whole if Fraction(1, 5) <= t - whole[0] < Fraction(3, 5)]
    assert len(part) == len(inside)
    assert part[0] == 0
    assert all(abs(a - (b - inside[0])) <= MILLISECOND for a, b in zip(part, inside, strict=True))
    sound = packets(tmp_path / "out.mkv", "audio")
    assert sound
    assert all(-MILLISECOND * 30 <= time < Fraction(2, 5) for time, _ in sound)


@pytest.mark.parametrize("span", list(Range))
@pytest.mark.parametrize("matrix", [Matrix.SMPTE170M, Matrix.BT709, Matrix.BT2020_NCL])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p"])
def test_bars_come_back_at_scale_1(tmp_path: Path, matrix: Matrix, span: Range, pix_fmt: str) -> None:
    source = clips.color_bars(tmp_path / "in.mkv", matrix=matrix, span=span, pix_fmt=pix_fmt)
    restore(source, tmp_path / "out.mkv", scale="1", codec="ffv1")
    before, after = probe(source), probe(tmp_path / "out.mkv")
    assert (after.color.matrix, after.color.range) == (matrix, span)
    assert (after.color.primaries, after.color.transfer) == (before.color.primaries, before.color.transfer)
    for a, b in zip(facts(source).pictures, facts(tmp_path / "out.mkv").pictures, strict=True):
        assert int(np.abs(a.astype(int) - b.astype(int)).max()) <= 1


def test_chunks_tiles_and_threads_change_no_frame_by_more_than_a_code(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=18)
    whole = tmp_path / "whole.mkv"
    restore(source, whole, codec="ffv1", chunk_frames=100)
    ways: list[dict[str, Any]] = [{"chunk_frames": 4}, {"chunk_frames": 5, "tile": 24}, {"threads": 1}]
    for number, options in enumerate(ways):
        other = tmp_path / f"other{number}.mkv"
        restore(source, other, codec="ffv1", **options)
        for a, b in zip(facts(whole).pictures, facts(other).pictures, strict=True):
            assert int(np.abs(a.astype(int) - b.astype(int)).max()) <= 1


def test_the_same_call_goes_on_after_a_stop(tmp_path: Path) -> None:
    source = tracks.with_sound(tmp_path / "in.mp4")
    options = UpscaleOptions(weights=str(tiny_weights(tmp_path)), precision="fp32", device="cpu", chunk_frames=5)
    output = tmp_path / "out.mp4"
    with pytest.raises(StopError):
        upscale(source, output, options, listen=stop_after(12))
    assert not output.exists()
    assert sorted(p.name for p in (tmp_path / ".out.mp4.vrinr" / "chunks").iterdir()) == ["000000.mkv", "000001.mkv"]
    report = upscale(source, output, options)
    assert report.resumed_frames == 10
    unbroken = tmp_path / "unbroken.mp4"
    upscale(source, unbroken, options)
    for a, b in zip(facts(output).pictures, facts(unbroken).pictures, strict=True):
        assert np.array_equal(a, b)
    assert not (tmp_path / ".out.mp4.vrinr").exists()


def test_a_damaged_chunk_is_made_again(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=18)
    options = UpscaleOptions(weights=str(tiny_weights(tmp_path)), precision="fp32", device="cpu", chunk_frames=5)
    with pytest.raises(StopError):
        upscale(source, tmp_path / "out.mp4", options, listen=stop_after(12))
    chunk = tmp_path / ".out.mp4.vrinr" / "chunks" / "000000.mkv"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
    report = upscale(source, tmp_path / "out.mp4", options)
    assert report.resumed_frames == 5
    assert numbers(tmp_path / "out.mp4") == list(range(18))


def test_a_path_spelled_otherwise_is_the_same_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=18)
    options = UpscaleOptions(method="bicubic", chunk_frames=5)
    with pytest.raises(StopError):
        upscale(source, tmp_path / "out.mp4", options, listen=stop_after(12))
    monkeypatch.chdir(tmp_path)
    assert upscale(Path("in.mp4"), Path("out.mp4"), options).resumed_frames == 10


def test_an_output_to_be_replaced_stays_until_the_end(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=18)
    output = tmp_path / "out.mp4"
    output.write_text("old")
    options = UpscaleOptions(method="bicubic", chunk_frames=5)
    with pytest.raises(StopError):
        upscale(source, output, options, overwrite=True, listen=stop_after(18))
    assert output.read_text() == "old"
    upscale(source, output, options, overwrite=True)
    assert numbers(output) == list(range(18))


def test_another_job_for_the_same_output_is_refused_until_restart(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=18)
    weights = str(tiny_weights(tmp_path))
    output = tmp_path / "out.mp4"
    common: dict[str, Any] = {"weights": weights, "precision": "fp32", "device": "cpu", "chunk_frames": 5}
    with pytest.raises(StopError):
        upscale(source, output, UpscaleOptions(**common), listen=stop_after(12))
    other = UpscaleOptions(crf=30, **common)
    with pytest.raises(JobError, match="differs in the encoder's settings") as caught:
        upscale(source, output, other)
    assert caught.value.exit_code == 2
    assert "--restart" in caught.value.hint
    restarted = UpscaleOptions(crf=30, restart=True, **common)
    assert upscale(source, output, restarted).resumed_frames == 0


def test_chunks_of_another_job_are_not_taken_even_when_the_plan_is_lost(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=18)
    output = tmp_path / "out.mp4"
    with pytest.raises(StopError):
        upscale(source, output, UpscaleOptions(method="bicubic", chunk_frames=5), listen=stop_after(12))
    (tmp_path / ".out.mp4.vrinr" / "plan.json").unlink()
    assert upscale(source, output, UpscaleOptions(method="lanczos", chunk_frames=5)).resumed_frames == 0


def test_a_source_that_was_touched_is_another_source(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=18)
    output = tmp_path / "out.mp4"
    options = UpscaleOptions(method="bicubic", chunk_frames=5)
    with pytest.raises(StopError):
        upscale(source, output, options, listen=stop_after(12))
    os.utime(source, (1, 1))
    with pytest.raises(JobError, match="differs in the source"):
        upscale(source, output, options)


def test_a_stop_before_the_first_chunk_stands_in_nobodys_way(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=8)
    output = tmp_path / "out.mp4"
    upscale(source, output, UpscaleOptions(method="bicubic"))
    output.unlink()
    folder = JobFolder(output)
    (folder.path / "chunks").mkdir(parents=True)
    folder.plan_path.write_text("{}")  # what a power cut may leave
    assert upscale(source, output, UpscaleOptions(method="lanczos")).frames == 8
    assert not folder.path.exists()


@pytest.mark.parametrize("chunk_frames", [100, 4])
def test_repeated_frames_are_counted_once_and_over_a_stop(tmp_path: Path, chunk_frames: int) -> None:
    whole = clips.plain(tmp_path / "whole.mkv", frames=60, codec="mjpeg", pix_fmt="yuvj420p", b_frames=0)
    source = damaged.zeroed(whole, tmp_path / "in.mkv", packets={50})
    output = tmp_path / "out.mkv"
    options = UpscaleOptions(
        weights=str(tiny_weights(tmp_path)), precision="fp32", chunk_frames=chunk_frames, allow_damaged=True
    )
    once = upscale(source, tmp_path / "once.mkv", options)
    assert once.repeated_frames == 1
    assert set(range(60)) - set(numbers(tmp_path / "once.mkv")) == {50}
    assert "the source is damaged: the last good picture stands in for 1 frame, at 0:00:02.000" in once.notes
    with pytest.raises(StopError):
        upscale(source, output, options, listen=stop_after(59))
    assert upscale(source, output, options).repeated_frames == 1


def test_an_output_that_appears_during_the_job_is_kept(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=8)
    output = tmp_path / "out.mp4"

    def write_one(event: Event) -> None:
        if isinstance(event, Advanced) and event.done == 5:
            output.write_text("precious")

    with pytest.raises(TargetError, match="appeared meanwhile"):
        upscale(source, output, UpscaleOptions(method="bicubic"), listen=write_one)
    assert output.read_text() == "precious"


def test_damaged_sound_becomes_silence_where_it_is_converted(tmp_path: Path) -> None:
    source = tracks.with_sound(tmp_path / "in.mkv", audio="flac")
    content = bytearray(source.read_bytes())
    sound = packets(source, "audio")
    victim = sound[len(sound) // 2][1]
    place = content.find(victim)
    content[place : place + len(victim)] = bytes(len(victim))
    source.write_bytes(content)
    report = upscale(source, tmp_path / "out.webm", UpscaleOptions(method="bicubic"))
    assert any(": 1 packet of converted sound became silence" in note for note in report.notes)
    assert abs(packets(tmp_path / "out.webm", "audio")[-1][0] - sound[-1][0]) < Fraction(1, 5)


def test_memory_that_runs_out_while_reading_is_no_end_of_the_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any, **options: Any) -> Iterator[Frame]:
        for frame in read_frames(*arguments, **options):
            if frame.index == 9:
                raise MemoryError
            yield frame

    monkeypatch.setattr("vrinr_cli.jobs.run.read_frames", failing)
    with pytest.raises(EngineError, match="a frame after 5 could not be read"):
        restore(clips.plain(tmp_path / "in.mp4"), tmp_path / "out.mp4", chunk_frames=7)


def test_a_lost_device_names_the_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure\nmore lines")

    monkeypatch.setattr(Engine, "_composed", fail)
    with pytest.raises(EngineError, match=r"frame 0: cpu: CUDA error: unspecified launch failure$"):
        restore(clips.plain(tmp_path / "in.mp4"), tmp_path / "out.mp4")


def test_after_a_lost_device_the_same_call_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=18)
    options = UpscaleOptions(method="bicubic", chunk_frames=5)
    composed, calls = Engine._composed, [0]

    def fail(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 13:
            raise RuntimeError("CUDA error: unspecified launch failure")
        return composed(*arguments)

    monkeypatch.setattr(Engine, "_composed", fail)
    with pytest.raises(EngineError, match="frame 12: cpu: CUDA error") as caught:
        upscale(source, tmp_path / "out.mp4", options)
    assert caught.value.hint.startswith("the same command goes on")
    assert upscale(source, tmp_path / "out.mp4", options).resumed_frames == 10


def test_an_error_in_the_engine_names_the_frame_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clips.plain(tmp_path / "in.mp4")

    def fail(*_: object) -> None:
        raise EngineError("frame 0: a stand-in for a fault", hint="none")

    monkeypatch.setattr(Engine, "_composed", fail)
    with pytest.raises(EngineError, match="frame 0"):
        restore(source, tmp_path / "out.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "tiny.safetensors"]


def test_an_existing_output_is_only_replaced_when_told(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=3)
    output = tmp_path / "out.mp4"
    output.write_text("precious")
    with pytest.raises(TargetError, match="exists already"):
        restore(source, output)
    assert output.read_text() == "precious"


@pytest.mark.parametrize("output", ["/proc/out.mp4", "/dev/null/out.mp4"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, output: str) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=3)
    with pytest.raises(TargetError, match=r"cannot be written|no such folder|is no folder"):
        restore(source, Path(output))


@pytest.mark.parametrize("kind", ["same", "symlink", "hardlink"])
def test_the_source_is_never_the_output(tmp_path: Path, kind: str) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=3)
    before = source.read_bytes()
    output = source if kind == "same" else tmp_path / "link.mp4"
    if kind == "symlink":
        output.symlink_to(source)
    if kind == "hardlink":
        output.hardlink_to(source)
    with pytest.raises(OptionError, match="is the source itself"):
        restore(source, output)
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("output", "options", "kind", "words"),
    [
        ("out.xyz", {}, TargetError, "names no video file"),
        ("missing/out.mp4", {}, TargetError, "no such folder"),
        ("out.mp4", {"codec": "nosuch"}, OptionError, "no codec is called nosuch"),
        ("out.mp4", {"encoder_options": (("nosuch", "1"),)}, OptionError, "nosuch"),
        ("out.mp4", {"pix_fmt": "nosuch"}, OptionError, "nosuch"),
        ("out.mp4", {"preset": "nosuch"}, OptionError, "nosuch"),
        ("out.mp4", {"crf": 99.0}, OptionError, "crf"),
        ("out.webm", {"codec": "h264"}, TargetError, "does not hold h264"),
        ("out.mp4", {"weights": "nosuch"}, OptionError, "no weights are called"),
        ("out.mp4", {"weights": "x.pth"}, OptionError, "never read"),
        ("out.mp4", {"start": Fraction(1000)}, InputError, "no frame from"),
        ("x" * 252 + ".mp4", {}, TargetError, "the name is too long"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_first_frame(
    tmp_path: Path, output: str, options: dict[str, Any], kind: type[VrinrError], words: str
) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=3)
    with pytest.raises(kind, match=words):
        restore(source, tmp_path / output, **options)
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".safetensors") == ["in.mp4"]
