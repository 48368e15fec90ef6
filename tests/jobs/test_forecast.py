"""What a job says before it begins, beside what it does then."""

import shutil
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.facts import stopped, tiny_weights
from media import clips, tracks
from networks import CLIP, seeded_clip
from vrinr_cli.errors import JobError, TargetError
from vrinr_cli.frame import Frame
from vrinr_cli.jobs import trial
from vrinr_cli.jobs.folder import JobFolder
from vrinr_cli.jobs.forecast import Forecast, forecast
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.model import clip_checkpoint
from vrinr_cli.model.header import FittedTo
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Trials as short as can be; the folder for files of a moment."""
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    monkeypatch.setattr(trial, "SIZE_SECONDS", 0.0)
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def options(folder: Path, **more: Any) -> UpscaleOptions:
    return UpscaleOptions(weights=str(tiny_weights(folder)), precision="fp32", device="cpu", **more)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_says_what_the_job_then_does_and_writes_nothing(tmp_path: Path, quick: Path) -> None:
    source = tracks.with_sound(tmp_path / "in.mp4")
    asked = options(tmp_path, chunk_frames=7)
    found = forecast(source, None, asked)
    assert names(tmp_path) == ["in.mp4", "tiny.safetensors", "tmp"]
    assert names(quick) == []
    report = upscale(source, None, asked)
    for name in ("source", "output", "source_size", "target_size", "frames", "chunks", "codec", "pix_fmt", "device"):
        assert getattr(found, name) == getattr(report, name), name
    assert (found.method, found.weights_digest, found.tile) == (report.method, report.weights, report.tile)
    assert [(action.kind, action.action) for action in found.streams] == [("audio", "copy")]
    assert found.seconds == pytest.approx(float(probe(found.output).duration), abs=0.001)
    assert (found.done, found.enough_disk) == (0, True)
    assert found.fps > 0
    assert found.work_seconds == pytest.approx(found.frames / found.fps)
    assert found.memory > 0


@pytest.mark.parametrize("seconds", [0.0, 1e6])
def test_a_part_of_the_picture_stands_for_it_where_time_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=6, size=(128, 160))
    monkeypatch.setattr(trial, "SECONDS", seconds)
    found = forecast(source, None, options(tmp_path))
    assert (found.trial_share == 1) is (seconds > 0)
    assert found.trial_frames == (6 if seconds > 0 else 4)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_have_a_trial(tmp_path: Path, frames: int) -> None:
    found = forecast(clips.plain(tmp_path / "in.mkv", frames=frames), None, options(tmp_path))
    assert (found.frames, found.trial_frames) == (frames, frames)
    assert found.output_bytes > 0


def test_the_estimate_of_the_size_is_of_the_right_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SIZE_SECONDS", 1e6)  # as many frames in every run
    source = clips.plain(tmp_path / "in.mkv", frames=60)
    asked = UpscaleOptions(method="bicubic")
    found = forecast(source, None, asked)
    assert 0.5 < found.output_bytes / upscale(source, None, asked).bytes < 2
    assert found.disk_needed == pytest.approx(2 * found.output_bytes, rel=0.01)


def test_tiles_are_told_with_the_work_that_they_do_again(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=4, size=(128, 160))
    whole, tiled = (forecast(source, None, options(tmp_path, tile=tile)) for tile in (512, 32))
    assert (whole.tile, whole.tiles) == (0, 1)
    assert (tiled.tile, tiled.tiles) == (32, 20)


def test_a_part_is_cut_from_the_middle_with_its_chroma(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=1, size=(96, 128))
    (frame,) = list(read_frames(probe(source), 0, 1))
    part: Frame = trial.cropped(frame, 16, 32, (64, 48))
    assert [plane.shape for plane in part.planes] == [(64, 48), (32, 24), (32, 24)]
    assert np.array_equal(part.planes[0], frame.planes[0][16:80, 32:80])
    assert np.array_equal(part.planes[1], frame.planes[1][8:40, 16:40])


def test_a_network_that_was_fitted_to_a_clip_and_a_part_of_the_video(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=12, size=(128, 160))
    weights = tmp_path / "fitted.safetensors"
    fitted = FittedTo(name="in.mkv", digest="abc", reference="def", scales=(2.0,), first=0)
    clip_checkpoint.save(weights, seeded_clip(CLIP).float(), card={}, fitted=fitted)
    found = forecast(source, None, UpscaleOptions(weights=str(weights), device="cpu", start=Fraction(1, 5)))
    assert (found.method, found.tile, found.device) == ("vrinr", 0, "cpu fp32")
    assert found.frames < 12
    assert found.trial_share < 1


PLAIN = UpscaleOptions(method="bicubic", chunk_frames=5)


def test_work_of_an_unfinished_job_counts_and_is_not_touched(tmp_path: Path) -> None:
    source, output = clips.plain(tmp_path / "in.mp4", frames=18), tmp_path / "out.mp4"
    folder = stopped(source, output, PLAIN, after=12)
    journal = folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes() + b"torn")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    found = forecast(source, output, PLAIN)
    assert found.done == 10
    assert found.work_seconds == pytest.approx(8 / found.fps)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_what_the_job_would_refuse_is_refused(tmp_path: Path) -> None:
    source, output = clips.plain(tmp_path / "in.mp4", frames=18), tmp_path / "out.mp4"
    stopped(source, output, PLAIN, after=12)
    with pytest.raises(JobError, match="differs in the encoder's settings"):
        forecast(source, output, UpscaleOptions(method="bicubic", chunk_frames=5, crf=30))
    again: Forecast = forecast(source, output, UpscaleOptions(method="bicubic", chunk_frames=5, crf=30, restart=True))
    assert again.done == 0
    with JobFolder(output), pytest.raises(JobError, match="another vrinr is making it"):
        forecast(source, output, PLAIN)
    output.write_text("precious")
    with pytest.raises(TargetError, match="exists already"):
        forecast(source, output, PLAIN)


def test_a_disk_that_is_too_small_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    found = forecast(clips.plain(tmp_path / "in.mp4", frames=18), None, PLAIN)
    assert not found.enough_disk
    assert (found.room.free, found.room.needed) == (1000, found.disk_needed)


def test_several_workers_on_one_device_are_named_and_not_taken_for_quicker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vrinr_cli.jobs.forecast.try_out", lambda *_: trial.Trial(3, 1.0, 0.5, 100.0))
    source = clips.plain(tmp_path / "in.mp4", frames=12)
    found = forecast(source, None, UpscaleOptions(method="bicubic", chunk_frames=5, device="cpu,cpu"))
    assert (found.device, found.fps, found.work_seconds) == ("cpu,cpu fp32", 2.0, 6.0)
