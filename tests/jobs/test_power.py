"""Power that goes, or a kill, at every step on the file system: the same call goes on, no recorded chunk is lost."""

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from jobs.facts import Facts, facts
from jobs.volatile_disk import VolatileDisk, as_it_is, every_step, words_of
from media import clips
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.journal import ChunkReport, Journal
from vrinr_cli.jobs.options import UpscaleOptions

OPTIONS = UpscaleOptions(method="bicubic", chunk_frames=4, preset="ultrafast")


def same_pictures(one: Facts, two: Facts) -> bool:
    return one.seconds == two.seconds and all(map(np.array_equal, one.pictures, two.pictures))


def lost(disk: VolatileDisk, target: Path) -> None:
    """Power goes."""
    disk.left(target)


def kept(disk: VolatileDisk, target: Path) -> None:
    """The process is killed."""
    as_it_is(disk.root, target)


@pytest.mark.parametrize(("cut", "ending"), [(lost, "mkv"), (lost, "mp4"), (kept, "mkv")])
def test_a_job_goes_on_from_whatever_a_step_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: Callable[[VolatileDisk, Path], None], ending: str
) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=8, gop=4)
    root, numbers = tmp_path / "disk", count()
    root.mkdir()
    recorded: list[int] = []
    plain = Journal.append

    def append(journal: Journal, report: ChunkReport) -> None:
        plain(journal, report)
        recorded.append(report.written.frames)

    monkeypatch.setattr(Journal, "append", append)
    states: list[tuple[Path, int]] = []

    def at_step(disk: VolatileDisk) -> None:
        target = tmp_path / f"cut{next(numbers)}"
        cut(disk, target)
        if states and words_of(target) == words_of(states[-1][0]) and states[-1][1] == sum(recorded):
            shutil.rmtree(target)
            return
        states.append((target, sum(recorded)))

    with every_step(root, at_step):
        upscale(source, root / f"out.{ending}", OPTIONS)
    assert sum(recorded) == 8
    expected = facts(root / f"out.{ending}")
    assert len(states) >= 10
    for folder, frames in states:
        output = folder / f"out.{ending}"
        if not output.exists():
            report = upscale(source, output, OPTIONS)
            assert report.resumed_frames >= frames, words_of(folder).keys()
            assert words_of(folder).keys() == {output.name}
        assert same_pictures(facts(output), expected)
