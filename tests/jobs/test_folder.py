from pathlib import Path

import pytest

from vrinr_cli.errors import JobError, TargetError
from vrinr_cli.jobs.folder import JobFolder, folder_name


def test_only_own_files_are_removed(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "000000.mkv").write_text("keep")
    with JobFolder(target) as folder:
        (folder.path / "plan.json").write_text("{}")
        folder.chunk_path(0).write_bytes(b"x")
        (folder.path / "chunks" / "mine.txt").write_text("foreign")
        (folder.path / "chunks" / "000001.mkv").symlink_to(outside / "000000.mkv")
        folder.remove()
    assert (folder.path / "chunks" / "mine.txt").read_text() == "foreign"
    assert (outside / "000000.mkv").read_text() == "keep"
    assert sorted(p.name for p in folder.path.rglob("*")) == ["chunks", "mine.txt"]


def test_a_folder_with_nothing_foreign_goes_away(tmp_path: Path) -> None:
    with JobFolder(tmp_path / "out.mp4") as folder:
        folder.chunk_path(3).write_bytes(b"x")
        folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_second_job_for_the_same_target_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with JobFolder(target):
        with pytest.raises(JobError, match="another vrinr is making it") as caught, JobFolder(target):
            raise AssertionError("two jobs in one folder")
        assert caught.value.exit_code == 2
    with JobFolder(target) as folder:  # the lock goes with its holder
        folder.remove()


def test_the_folder_of_a_long_name_fits_the_file_system(tmp_path: Path) -> None:
    name = "ü" * 120 + ".mp4"
    assert len(folder_name(name).encode()) <= 255
    assert folder_name(name) != folder_name("ü" * 119 + "x.mp4")
    with JobFolder(tmp_path / name) as folder:
        folder.remove()


def test_publishing_replaces_the_target_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("old")
    with JobFolder(target) as folder:
        folder.result_path.write_text("new")
        assert target.read_text() == "old"
        with pytest.raises(TargetError, match="appeared meanwhile"):
            folder.publish(overwrite=False)
        assert target.read_text() == "old"
        folder.publish(overwrite=True)
        folder.remove()
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
