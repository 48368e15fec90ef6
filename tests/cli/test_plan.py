"""`vrinr plan` and `--dry-run` as a user meets them."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.facts import noise_weights
from media import tracks
from vrinr_cli.cli.app import app
from vrinr_cli.cli.forecast import COLUMNS, forecast_lines
from vrinr_cli.jobs import trial
from vrinr_cli.jobs.forecast import Forecast
from vrinr_cli.video.containers import StreamAction


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a clip, and trials as short as can be."""
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    monkeypatch.setattr(trial, "SIZE_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    tracks.with_sound(tmp_path / "in.mp4")
    return tmp_path


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def heads(out: str) -> list[str]:
    return [line[:12].strip() for line in out.splitlines()]


def test_a_plan_is_said_in_80_columns_and_nothing_is_written(here: Path) -> None:
    code, out, err = run("plan", "in.mp4", "--method", "bicubic")
    assert (code, err) == (0, "")
    assert [head for head in heads(out)[1:] if head != "note"] == [
        *("picture", "length", "chunks", "video", "stream", "method", "device", "memory", "file", "disk", "time", ""),
    ]
    assert "  picture   96x64 -> 192x128\n" in out
    assert "audio stream 1 (aac) is copied" in out
    assert max(map(len, out.splitlines()[1:])) <= COLUMNS
    assert [path.name for path in here.iterdir()] == ["in.mp4"]


def test_upscale_and_denoise_have_a_dry_run(here: Path) -> None:
    assert heads(run("upscale", "in.mp4", "--method", "bicubic", "--dry-run")[1])[1] == "picture"
    code, out, err = run("denoise", "in.mp4", "--sigma", "10", "--weights", noise_weights(here), "--dry-run")
    assert code == 0, err
    assert "  note      noise: sigma 10, as given\n" in out
    assert run("plan", "in.mp4", "--method", "bicubic", "-q") == (0, "", "")


def test_json_is_one_object(here: Path) -> None:
    code, out, err = run("plan", "in.mp4", "--method", "bicubic", "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    record = json.loads(out)
    assert set(record) == {"schema", "event"} | set(Forecast.__dataclass_fields__)
    assert (record["event"], record["output"]) == ("plan", str(here / "in.x2.mp4"))


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_disk_that_is_too_small_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    code, out, err = run("plan", "in.mp4", "--method", "bicubic", *flags)
    assert code == 1
    assert err.startswith("vrinr: error: in.x2.mp4: needs about ")
    assert err.count("\n") == 1
    if flags:
        assert json.loads(out)["enough_disk"] is False


def test_what_the_job_would_refuse_exits_with_2(here: Path) -> None:
    (here / "there.mp4").write_text("precious")
    code, out, err = run("plan", "in.mp4", "-o", "there.mp4")
    assert (code, out) == (2, "")
    assert err == "vrinr: error: there.mp4: exists already; use -y to replace it\n"


def test_long_words_are_folded_and_notes_of_streams_told_once() -> None:
    note = "subtitle stream 2 (hdmv_pgs_subtitle) is dropped: MP4 does not hold it; an output named .mkv keeps it"
    found = Forecast(
        source=Path("/a/in.mkv"),
        output=Path("/a/out.mp4"),
        container="MP4",
        source_size=(1080, 1920),
        target_size=(2160, 3840),
        frames=1000,
        done=300,
        seconds=40.0,
        chunks=4,
        chunk_frames=300,
        codec="h264",
        encoder="libx264",
        pix_fmt="yuv420p",
        streams=(StreamAction(2, "subtitle", "drop", "hdmv_pgs_subtitle", note=note),),
        method="vrinr",
        weights="general",
        weights_digest="e23f8f517f70aaaa",
        device="cpu bf16",
        tile=96,
        tiles=12,
        memory=3_140_000_000,
        memory_free=9_000_000_000,
        output_bytes=71_000_000,
        disk_needed=120_000_000,
        disk_free=75_400_000_000,
        enough_disk=True,
        trial_frames=4,
        trial_share=0.089,
        fps=0.42,
        work_seconds=1667.0,
        notes=(note, "interlaced; combs are enlarged"),
    )
    assert forecast_lines(found) == [
        "in.mkv -> /a/out.mp4",
        "  picture   1920x1080 -> 3840x2160",
        "  length    1000 frames, 300 of them are done, 40.0 s",
        "  chunks    4 of up to 300 frames",
        "  video     h264 (libx264), yuv420p, in MP4",
        "  stream    subtitle stream 2 (hdmv_pgs_subtitle) is dropped: MP4 does not hold",
        "            it; an output named .mkv keeps it",
        "  method    vrinr, weights general e23f8f517f70",
        "  device    cpu bf16, 12 tiles of 96 pixels",
        "  memory    about 3.1 GB; 9.0 GB are free",
        "  file      about 71 MB of video",
        "  disk      about 120 MB while it is joined; 75.4 GB are free",
        "  time      about 28 min at 0.42 fps",
        "            file, disk and time by a trial of 4 frames of 8.9 % of the picture",
        "  note      interlaced; combs are enlarged",
    ]
