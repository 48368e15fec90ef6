"""Jobs on a disk without room; the room is a stand-in, a full disk is /dev/full."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from jobs.facts import facts
from media import clips
from vrinr_cli.errors import DiskError, EncodeError
from vrinr_cli.jobs import disk
from vrinr_cli.jobs.events import Advanced, Event
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import make_plan
from vrinr_cli.jobs.unfinished import find_jobs
from vrinr_cli.video.probe import probe

OPTIONS = UpscaleOptions(method="bicubic", chunk_frames=5)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the bytes that a disk has left from now on."""

    def set_free(count: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(count, 0, count))

    return set_free


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return clips.plain(tmp_path / "in.mp4", frames=18)


def test_without_room_for_the_least_nothing_is_begun(source: Path, free: Callable[[int], None]) -> None:
    free(100)
    with pytest.raises(DiskError, match=r"^out.mp4: needs at least 0\.\d MB more, 0\.0 MB are free$") as caught:
        upscale(source, source.with_name("out.mp4"), OPTIONS)
    assert caught.value.exit_code == 1
    assert caught.value.hint.startswith("free at least 0.")
    assert [path.name for path in source.parent.iterdir()] == ["in.mp4"]


def test_it_stops_between_chunks_and_goes_on_when_there_is_room(source: Path, free: Callable[[int], None]) -> None:
    output = source.with_name("out.mp4")

    def shrink(event: Event) -> None:
        if isinstance(event, Advanced) and event.done == 10:
            free(3000)

    with pytest.raises(
        DiskError, match=r"needs about .* MB more, 0\.0 MB are free; 10 of 18 frames are kept"
    ) as caught:
        upscale(source, output, OPTIONS, listen=shrink)
    assert caught.value.hint.endswith("; the same command goes on; finished chunks are in .out.mp4.vrinr")
    (job,) = find_jobs(source.parent)
    assert job.done == 10
    free(1 << 30)
    assert upscale(source, output, OPTIONS).resumed_frames == 10
    assert len(facts(output).seconds) == 18


def test_the_join_has_its_room_too(source: Path, free: Callable[[int], None]) -> None:
    def shrink(event: Event) -> None:
        if isinstance(event, Advanced) and event.done == 18:
            free(0)

    with pytest.raises(DiskError, match="18 of 18 frames are kept"):
        upscale(source, source.with_name("out.mp4"), OPTIONS, listen=shrink)


@pytest.mark.parametrize("name", ["chunks/000001.mkv.part", "journal.jsonl", "result.mp4"])
def test_a_disk_that_is_full_all_the_same_loses_no_chunk(source: Path, name: str) -> None:
    output = source.with_name("out.mp4")
    folder = source.with_name(".out.mp4.vrinr")
    at = {"chunks/000001.mkv.part": 4, "journal.jsonl": 8, "result.mp4": 12}[name]
    kept = {"chunks/000001.mkv.part": 5, "journal.jsonl": 5, "result.mp4": 18}[name]
    journal = folder / "journal.jsonl"
    lines: list[bytes] = []

    def fill(event: Event) -> None:
        if isinstance(event, Advanced) and event.done == at:
            if name == "journal.jsonl":
                lines.append(journal.read_bytes())
                journal.unlink()
            (folder / name).symlink_to("/dev/full")

    with pytest.raises(DiskError, match=rf"^out.mp4: the disk is full at frame \d+; {kept} of 18 frames are kept$"):
        upscale(source, output, OPTIONS, listen=fill)
    if lines:
        journal.unlink()
        journal.write_bytes(lines[0])
    assert upscale(source, output, OPTIONS).resumed_frames == kept


def test_other_failures_of_an_encoder_are_no_full_disk() -> None:
    error = EncodeError("it broke", hint="mend it")
    assert not disk.is_full(error)
    error.__cause__ = OSError(28, "No space left on device")
    assert disk.is_full(error)


def test_the_least_follows_the_bit_rate_or_the_codec(source: Path) -> None:
    info = probe(source)

    def least(**options: object) -> float:
        asked = UpscaleOptions(method="bicubic", **options)  # type: ignore[arg-type]
        return disk.least_per_frame(make_plan(info, source.with_name("out.mkv"), asked))

    assert least() == pytest.approx(128 * 192 * 0.005 / 8)
    assert least(codec="ffv1") == pytest.approx(128 * 192 * 0.5 / 8)
    rate = info.average_rate
    assert rate is not None
    assert least(bitrate=1_600_000) == pytest.approx(100_000 / float(rate))
