"""A file that is written is heard, one that is not is silent."""

import os
import threading
from pathlib import Path

import pytest

from media import clips
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.video import join as join_room
from vrinr_cli.video.growing import Growing, told_of_writes


def test_what_changes_size_or_time_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    file = Growing(path)
    assert not file.has_changed()
    path.write_bytes(b"one")
    assert file.has_changed()
    assert not file.has_changed()
    path.write_bytes(b"longer")
    assert file.has_changed()
    os.utime(path, ns=(1, 1))
    assert file.has_changed()
    assert not file.has_changed()


def test_writes_are_told_while_they_go_on(tmp_path: Path) -> None:
    path, heard, size = tmp_path / "file", threading.Event(), 0
    with told_of_writes(path, heard.set, every=0.01):
        while not heard.wait(0.02):
            size += 1
            path.write_bytes(bytes(size))
    assert size > 0
    assert not any(thread.name == "vrinr-writes" for thread in threading.enumerate())


def test_nobody_is_told_of_a_file_that_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, looked, told = tmp_path / "file", threading.Semaphore(0), []
    path.write_bytes(b"one")
    plain = Growing.has_changed

    def has_changed(file: Growing) -> bool:
        looked.release()
        return plain(file)

    monkeypatch.setattr(Growing, "has_changed", has_changed)
    with told_of_writes(path, lambda: told.append(1), every=0.001):
        for _ in range(5):
            assert looked.acquire(timeout=60)
    assert told == []


def test_the_end_of_an_output_is_listened_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moving the index of an MP4 writes all of it again, without a packet."""
    watched = []

    def told(path: Path, tell: object) -> object:
        watched.append((path.name, tell is not None))
        return told_of_writes(path, None)

    monkeypatch.setattr(join_room, "told_of_writes", told)
    source = clips.plain(tmp_path / "in.mp4", frames=4)
    upscale(source, tmp_path / "out.mp4", UpscaleOptions(method="bicubic"))
    assert ("result.mp4", True) in watched
