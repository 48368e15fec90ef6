"""A job in parts, each by a process that knows nothing of the others, and what joins them."""

import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.facts import StopError, facts, stop_after, stopped
from media import clips, tracks
from vrinr_cli.errors import DiskError, JobError, OptionError, PartsError
from vrinr_cli.jobs import disk, locks, own_files
from vrinr_cli.jobs.events import PartReport
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.job import join_parts, upscale, upscale_part
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.parts import Part, part_in, runs_in_words
from vrinr_cli.jobs.unfinished import PartState, UnfinishedJob, find_jobs, remove_job

OPTIONS = UpscaleOptions(method="bicubic", chunk_frames=5)
"""18 frames become the chunks [0, 5), [5, 10), [10, 14), [14, 18), as the source's key frames lie or not."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return clips.plain(tmp_path / "in.mp4", frames=20)


def make(source: Path, *parts: str, **more: Any) -> list[PartReport]:
    output = source.with_name("out.mp4")
    return [upscale_part(source, output, OPTIONS, Part.parse(part), **more) for part in parts]


def only(root: Path) -> UnfinishedJob:
    (found,) = find_jobs(root)
    return found


@given(count=st.integers(1, 40), items=st.integers(0, 90))
def test_all_shares_together_are_everything_in_order(count: int, items: int) -> None:
    shares = [Part(number, count).share(range(items)) for number in range(1, count + 1)]
    assert [item for share in shares for item in share] == list(range(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "1/0", "1/1000", "-1/3", "1/3/5", "a/b", "1.5/2", "²/3"])
def test_no_part(text: str) -> None:
    with pytest.raises(OptionError, match="part is"):
        Part.parse(text)


def test_files_of_parts_have_names_of_their_own() -> None:
    assert part_in("journal.2-of-5.jsonl") == part_in("lock.2-of-5") == Part(2, 5)
    for name in ("journal.jsonl", "lock", "journal.2-of-5", "lock.2-of-5.jsonl", "lock.6-of-5", "lock.02-of-5", "x"):
        assert part_in(name) is None


@pytest.mark.parametrize(("numbers", "words"), [([3], "3"), ([0, 1, 2, 5, 7, 8], "0 to 2, 5, 7 to 8"), ([], "")])
def test_runs_in_words(numbers: list[int], words: str) -> None:
    assert runs_in_words(numbers) == words


def test_parts_in_any_order_give_what_one_process_gives(tmp_path: Path) -> None:
    source = tracks.with_sound(tmp_path / "in.mp4")
    reports = make(source, "3/3", "1/3", "2/3")
    assert not (tmp_path / "out.mp4").exists()
    assert sum(report.frames for report in reports) == len(facts(source).seconds)
    found = only(tmp_path)
    assert (found.done, [state.part for state in found.parts]) == (found.frames, ["1/3", "2/3", "3/3"])
    report = join_parts(tmp_path / "out.mp4")
    assert (report.frames, report.resumed_frames, report.device) == (found.frames, found.frames, "")
    upscale(source, tmp_path / "whole.mp4", OPTIONS)
    one, parts = facts(tmp_path / "whole.mp4"), facts(tmp_path / "out.mp4")
    assert (one.seconds, one.kinds) == (parts.seconds, parts.kinds)
    assert all(np.array_equal(a, b) for a, b in zip(one.pictures, parts.pictures, strict=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "whole.mp4"]


def test_a_missing_part_is_named_and_a_plain_run_does_it(source: Path) -> None:
    make(source, "1/3", "3/3")
    chunks = sorted(path.name for path in (source.parent / ".out.mp4.vrinr" / "chunks").iterdir())
    assert chunks == ["000000.mkv", "000002.mkv", "000003.mkv"]
    for named in ("out.mp4", ".out.mp4.vrinr"):
        with pytest.raises(PartsError) as caught:
            join_parts(source.with_name(named))
        assert str(caught.value) == "out.mp4: part 2/3, chunk 1 of 4 is missing or damaged"
        assert caught.value.exit_code == 1
    assert only(source.parent).done == 15
    assert upscale(source, source.with_name("out.mp4"), OPTIONS).resumed_frames == 15
    assert len(facts(source.with_name("out.mp4")).seconds) == 20
    assert sorted(path.name for path in source.parent.iterdir()) == ["in.mp4", "out.mp4"]


def test_a_damaged_chunk_is_found_and_made_again_by_its_part(source: Path) -> None:
    make(source, "1/2", "2/2")
    chunk = source.parent / ".out.mp4.vrinr" / "chunks" / "000002.mkv"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
    with pytest.raises(PartsError, match=r"^out.mp4: part 2/2, chunk 2 of 4 is missing or damaged$"):
        join_parts(source.with_name("out.mp4"))
    assert [report.resumed_frames for report in make(source, "2/2", "1/2")] == [5, 10]
    assert join_parts(source.with_name("out.mp4")).frames == 20


def test_two_processes_cannot_make_the_same_part_but_others_can(source: Path) -> None:
    output = source.with_name("out.mp4")
    make(source, "1/2")
    holder = f"part 1/2: process {os.getpid()} on {socket.gethostname()}"
    with JobFolder(output, Part(1, 2)) as folder:
        folder.share()
        with pytest.raises(JobError, match=rf"another vrinr is making part 1/2 \(process {os.getpid()} on "):
            make(source, "1/2")
        with pytest.raises(JobError, match="another vrinr is making part 1/2 of it") as caught:
            make(source, "3/3")
        assert caught.value.hint == "wait for it, or divide by 2"
        with pytest.raises(JobError, match=rf"another vrinr is making it \({holder}\)"):
            upscale(source, output, OPTIONS)
        with pytest.raises(JobError, match=rf"another vrinr is making it \({holder}\)"):
            join_parts(output)
        with pytest.raises(JobError, match="another vrinr is making it"):
            remove_job(only(source.parent))
        assert make(source, "2/2")[0].frames == 10
        found = only(source.parent)
        assert (found.holder, found.parts[0].holder, found.parts[1]) == (
            holder,
            holder.removeprefix("part 1/2: "),
            PartState("2/2", 10, ""),
        )
    assert only(source.parent).holder == ""
    assert join_parts(output).frames == 20


def test_a_part_waits_while_another_prepares_and_not_for_ever(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = JobFolder(source.with_name("out.mp4"), Part(1, 2))
    first.__enter__()
    assert first.is_alone
    monkeypatch.setattr("vrinr_cli.jobs.folder._PATIENCE", 3)
    waits: list[float] = []

    def leave_after_two(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            first.__exit__(None, None, None)

    monkeypatch.setattr("vrinr_cli.jobs.locks.time.sleep", waits.append)
    with pytest.raises(JobError, match="another vrinr is making it"):
        make(source, "2/2")
    assert waits == [locks.GLANCE] * 3
    waits.clear()
    monkeypatch.setattr("vrinr_cli.jobs.locks.time.sleep", leave_after_two)
    assert make(source, "2/2")[0].frames == 10


def test_a_part_with_other_options_is_refused(source: Path) -> None:
    make(source, "1/2")
    other = UpscaleOptions(method="lanczos", chunk_frames=5)
    with pytest.raises(JobError, match="differs in the method") as caught:
        upscale_part(source, source.with_name("out.mp4"), other, Part(2, 2))
    assert caught.value.hint == "remove it with `vrinr jobs --clean`"
    with pytest.raises(OptionError, match="a part cannot restart a job"):
        upscale_part(source, source.with_name("out.mp4"), UpscaleOptions(restart=True), Part(2, 2))
    assert only(source.parent).done == 10


def test_a_job_begun_by_one_process_goes_on_in_parts(source: Path) -> None:
    stopped(source, source.with_name("out.mp4"), OPTIONS, after=7)
    assert [report.resumed_frames for report in make(source, "1/2", "2/2")] == [5, 0]
    assert join_parts(source.with_name("out.mp4")).frames == 20


def test_a_part_goes_on_after_a_stop_over_a_torn_line(source: Path) -> None:
    with pytest.raises(StopError):
        make(source, "2/2", listen=stop_after(7))
    journal = source.parent / ".out.mp4.vrinr" / "journal.2-of-2.jsonl"
    with journal.open("a") as file:
        file.write("torn")
    assert [report.resumed_frames for report in make(source, "2/2", "1/2")] == [5, 0]
    assert len(journal.read_text().splitlines()) == 2
    assert join_parts(source.with_name("out.mp4")).frames == 20


def test_a_stop_before_the_first_chunk_leaves_nothing_but_what_is_others(source: Path) -> None:
    with pytest.raises(StopError):
        make(source, "1/2", listen=stop_after(2))
    assert [path.name for path in source.parent.iterdir()] == ["in.mp4"]
    with JobFolder(source.with_name("out.mp4"), Part(2, 2)) as folder:
        folder.plan_path.write_text("{}")
        folder.share()
        with pytest.raises(JobError, match="differs in"):
            make(source, "1/2")
        assert folder.plan_path.exists()
        folder.leave_nothing()
    assert [path.name for path in source.parent.iterdir()] == ["in.mp4"]


def test_more_parts_than_chunks_leave_some_without_work(source: Path) -> None:
    reports = make(source, *(f"{number}/6" for number in range(1, 7)))
    assert [report.chunks for report in reports] == [0, 1, 1, 0, 1, 1]
    assert join_parts(source.with_name("out.mp4")).frames == 20


def test_links_in_place_of_a_parts_files_lead_nowhere(source: Path, tmp_path: Path) -> None:
    make(source, "1/2")
    outside = tmp_path / "precious"
    outside.write_text("precious")
    folder = tmp_path / ".out.mp4.vrinr"
    for name in ("journal.2-of-2.jsonl", "lock.2-of-2", "journal.1-of-2.jsonl"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(outside)
    assert make(source, "2/2")[0].frames == 10
    assert outside.read_text() == "precious"
    with pytest.raises(PartsError, match=r"part 1/2, chunks 0 to 1 of 4 are missing"):
        join_parts(source.with_name("out.mp4"))
    assert remove_job(only(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "precious"]


def test_room_counts_what_other_parts_have_made(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(source, "1/2")
    seen: list[int] = []

    def room_for(_: object, reports: list[object], __: object) -> disk.Room:
        seen.append(len(reports))
        return disk.Room(needed=len(seen), free=1, is_least=False)

    monkeypatch.setattr(disk, "room_for", room_for)
    with pytest.raises(DiskError, match="5 of 10 frames are kept"):
        make(source, "2/2")
    assert seen == [2, 3]


def test_own_files_know_parts(tmp_path: Path) -> None:
    for name in ("journal.jsonl", "lock", "journal.2-of-3.jsonl", "lock.2-of-3", "lock.x", "journal.4-of-3.jsonl"):
        (tmp_path / name).touch()
    assert [path.name for path in own_files.journals(tmp_path)] == ["journal.2-of-3.jsonl", "journal.jsonl"]
    assert [path.name for path in own_files.locks(tmp_path)] == ["lock", "lock.2-of-3"]
    assert own_files.parts(tmp_path) == [Part(1, 3), Part(2, 3), Part(3, 3)]
