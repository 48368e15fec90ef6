"""Damaged frames in whose place another picture stands: counted, bounded, and told with their times."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.facts import StopError, stop_after
from media import clips, damaged
from media.piped import Going
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.job import join_parts, upscale, upscale_part
from vrinr_cli.jobs.journal import Journal, peek_all
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.parts import Part
from vrinr_cli.jobs.stream import upscale_stream
from vrinr_cli.jobs.unfinished import stopped_job

DAMAGED = (57, 63, 71, 72, 83)
"""Of 90 frames at 25 a second; behind the first, which are looked at for their times."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    whole = clips.plain(tmp_path / "whole.mkv", frames=90, codec="mjpeg", pix_fmt="yuvj420p", b_frames=0)
    return damaged.zeroed(whole, tmp_path / "in.mkv", packets=DAMAGED)


def asked(max_errors: int | None = None, **changes: Any) -> UpscaleOptions:
    usual: dict[str, Any] = {"method": "bicubic", "device": "cpu", "chunk_frames": 10, "allow_damaged": True}
    return UpscaleOptions(max_errors=max_errors, **(usual | changes))


def test_as_many_as_allowed_are_covered_and_the_first_times_told(source: Path, tmp_path: Path) -> None:
    report = upscale(source, tmp_path / "out.mkv", asked(5))
    assert (report.frames, report.repeated_frames) == (90, 5)
    words = "the source is damaged: the last good picture stands in for 5 frames, at "
    (note,) = (note for note in report.notes if note.startswith(words))
    assert note == words + "0:00:02.280, 0:00:02.520, 0:00:02.840, 0:00:02.880, ..."


def test_the_first_times_are_told_also_after_a_stop(source: Path, tmp_path: Path) -> None:
    with pytest.raises(StopError):
        upscale(source, tmp_path / "out.mkv", asked(), listen=stop_after(85))
    report = upscale(source, tmp_path / "out.mkv", asked())
    assert report.resumed_frames > 0
    assert any("for 5 frames, at 0:00:02.280, 0:00:02.520," in note for note in report.notes)


def test_more_damaged_frames_than_allowed_end_the_job_and_a_larger_bound_goes_on(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    with pytest.raises(InputError) as caught:
        upscale(source, output, asked(2))
    assert caught.value.exit_code == 1
    words = (
        "in.mkv: 4 frames could not be decoded, the first at 0:00:02.280 (frame 57): more than the 2 that are allowed"
    )
    assert str(caught.value) == words
    assert "--max-errors" in caught.value.hint
    assert "finished chunks are in .out.mkv.vrinr" in caught.value.hint
    assert not output.exists()
    with pytest.raises(InputError, match="4 frames could not be decoded"):
        upscale(source, output, asked(3))  # the finished chunks alone are too many: nothing is made
    report = upscale(source, output, asked(5))
    assert (report.resumed_frames, report.repeated_frames) == (80, 5)


def test_resume_keeps_to_the_bound_that_was_asked_last(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    for bound, count in ((2, 4), (4, 5)):
        with pytest.raises(InputError, match=f"{count} frames could not be decoded"):
            upscale(source, output, asked(bound))
    assert stopped_job(output)[1].options.max_errors == 4


def test_a_chunk_is_not_made_to_its_end_once_it_has_too_many(source: Path, tmp_path: Path) -> None:
    seen: list[object] = []
    with pytest.raises(InputError, match=r"2 frames could not be decoded, the first at 0:00:02.280 \(frame 57\)"):
        upscale(source, tmp_path / "out.mkv", asked(1, chunk_frames=100), listen=seen.append)
    assert not JobFolder(tmp_path / "out.mkv").path.exists()


def test_none_may_be_asked_for(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1 frame could not be decoded, .*: more than the 0 that are allowed"):
        upscale(source, tmp_path / "out.mkv", asked(0))


@pytest.mark.parametrize(("frames", "bad", "is_allowed"), [(90, 10, True), (90, 11, False), (130, 13, True)])
def test_a_tenth_of_all_and_ten_at_least_are_allowed(tmp_path: Path, frames: int, bad: int, is_allowed: bool) -> None:
    whole = clips.plain(tmp_path / "whole.mkv", frames=frames, codec="mjpeg", pix_fmt="yuvj420p", b_frames=0)
    source = damaged.zeroed(whole, tmp_path / "in.mkv", packets=range(53, 53 + bad))
    if is_allowed:
        assert upscale(source, tmp_path / "out.mkv", asked()).repeated_frames == bad
    else:
        with pytest.raises(InputError, match=r"11 frames .*: more than the 10 that are allowed"):
            upscale(source, tmp_path / "out.mkv", asked())


def test_frames_outside_the_part_that_was_asked_for_do_not_count(source: Path, tmp_path: Path) -> None:
    assert upscale(source, tmp_path / "out.mkv", asked(1, frames=60)).repeated_frames == 1


def test_the_bound_is_of_all_parts_together(source: Path, tmp_path: Path) -> None:
    output, bound = tmp_path / "out.mkv", asked(4)
    upscale_part(source, output, bound, Part(1, 2))
    with pytest.raises(InputError, match=r"5 frames could not be decoded, the first at 0:00:02.280"):
        upscale_part(source, output, bound, Part(2, 2))
    with pytest.raises(InputError, match="more than the 4 that are allowed") as caught:
        join_parts(output)
    assert "run a part again with a larger --max-errors" in caught.value.hint
    upscale_part(source, output, asked(5), Part(2, 2))
    assert join_parts(output).repeated_frames == 5


def test_several_workers_keep_to_it_together(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"[45] frames could not be decoded, the first at"):
        upscale(source, tmp_path / "out.mkv", asked(3, device="cpu,cpu"))


def test_it_holds_for_video_through_stdout(source: Path) -> None:
    options = UpscaleOptions(method="bicubic", device="cpu", allow_damaged=True, max_errors=2)
    with Going() as pipe, pytest.raises(InputError, match=r"3 frames could not be decoded, the first at 0:00:02.280"):
        upscale_stream(source, pipe, options)
    going = Going()
    with going as pipe:
        report = upscale_stream(source, pipe, replace(options, max_errors=5))
    assert report.repeated_frames == 5
    assert any("stands in for 5 frames, at 0:00:02.280," in note for note in report.notes)


def test_lines_of_a_journal_without_places_are_read(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    with pytest.raises(InputError):
        upscale(source, output, asked(2))
    folder = JobFolder(output)
    reports = peek_all(folder.path)
    assert [report.repeated_at for report in reports if report.repeated] == [(57,), (63,), (71, 72)]
    folder.journal_path.unlink()
    journal = Journal(folder.journal_path)
    for report in reports:
        journal.append(replace(report, repeated_at=()))
    notes = upscale(source, output, asked(5)).notes
    assert any("stands in for 5 frames, at 0:00:03.320, ..." in note for note in notes)


def test_a_journal_that_names_frames_of_another_chunk_is_not_believed(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        upscale(source, tmp_path / "out.mkv", asked(2))
    journal = JobFolder(tmp_path / "out.mkv").journal_path
    first = next(report for report in Journal(journal).peek() if report.repeated)
    for places in ((10_000,), (-1,), (49,), (57, 58)):
        forged = Journal(tmp_path / "forged")
        forged.path.unlink(missing_ok=True)
        forged.append(replace(first, repeated_at=places))
        assert forged.peek() == []


def test_wrong_bounds_are_told() -> None:
    with pytest.raises(OptionError, match="--max-errors without --skip-damaged"):
        UpscaleOptions(max_errors=5)
    with pytest.raises(OptionError, match="max errors is -1"):
        asked(-1)
