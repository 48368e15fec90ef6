"""What `--skip-existing` skips: files that are there, and rows of pictures that are there to the last one."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from jobs.facts import restore, stopped
from media import clips, stills
from vrinr_cli.jobs.finished import is_finished
from vrinr_cli.jobs.options import UpscaleOptions

BICUBIC: dict[str, Any] = {"method": "bicubic"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return clips.plain(tmp_path / "in.mkv", frames=6, size=(16, 24))


def test_a_file_is_finished_when_it_is_there(tmp_path: Path, source: Path) -> None:
    assert not is_finished(source, tmp_path / "out.mp4", UpscaleOptions())
    (tmp_path / "out.mp4").touch()
    assert is_finished(source, tmp_path / "out.mp4", UpscaleOptions())


@pytest.mark.parametrize("asked", [{}, {"frames": 2}, {"start": Fraction(3, 25)}, {"start_number": 7}])
def test_a_row_is_finished_when_every_picture_that_was_asked_for_is_there(
    tmp_path: Path, source: Path, asked: dict[str, Any]
) -> None:
    options, row = UpscaleOptions(**BICUBIC, **asked), tmp_path / "%d.png"
    assert not is_finished(source, row, options)
    restore(source, row, **BICUBIC, **asked)
    assert is_finished(source, row, options)
    max(tmp_path.glob("?.png")).unlink()
    assert not is_finished(source, row, options)


def test_a_row_of_fewer_pictures_is_no_whole_one(tmp_path: Path) -> None:
    for number in (4, 5, 6):
        stills.save(tmp_path / f"in{number}.png", stills.samples((16, 24)))
    restore(tmp_path / "in%d.png", tmp_path / "%d.png", frames=2, **BICUBIC)
    assert is_finished(tmp_path / "in%d.png", tmp_path / "%d.png", UpscaleOptions(**BICUBIC, frames=2))
    assert not is_finished(tmp_path / "in%d.png", tmp_path / "%d.png", UpscaleOptions(**BICUBIC))


def test_what_a_stopped_job_left_is_not_finished_whatever_lies_there(tmp_path: Path, source: Path) -> None:
    options, row = UpscaleOptions(**BICUBIC, chunk_frames=2), tmp_path / "%d.png"
    restore(source, row, **BICUBIC)
    kept = {path: path.read_bytes() for path in tmp_path.glob("?.png")}
    for path in kept:
        path.unlink()
    stopped(source, row, options, after=3)
    for path, content in kept.items():
        path.write_bytes(content)
    assert not is_finished(source, row, options)


def test_a_source_that_cannot_be_read_has_no_finished_row(tmp_path: Path) -> None:
    (tmp_path / "in.mkv").write_bytes(b"no video")
    (tmp_path / "1.png").touch()
    assert not is_finished(tmp_path / "in.mkv", tmp_path / "%d.png", UpscaleOptions())
