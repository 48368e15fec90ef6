"""`vrinr preview` as a user meets it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from event_schema import checked
from jobs.facts import noise_weights
from media import clips, stills
from vrinr_cli.cli.app import app
from vrinr_cli.jobs import trial
from vrinr_cli.jobs.preview import PreviewReport


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a clip, and trials as short as can be."""
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    monkeypatch.setattr(trial, "SIZE_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    clips.plain(tmp_path / "in.mp4")
    return tmp_path


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["preview", *(str(word) for word in words)])
    return done.exit_code, done.stdout, done.stderr


def test_a_look_and_what_the_whole_file_would_take(here: Path) -> None:
    code, out, err = run("in.mp4", "--at", "0:00.5", "--method", "bicubic", "--seconds", "0.1")
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[0].startswith("in.mp4: 96x64 -> 192x128, 4 frames, bicubic on cpu ")
    assert lines[-3] == f"{here / 'in.preview.png'}: before and after, frame 12"
    assert lines[-2] == f"{here / 'in.preview.mp4'}: 3 frames, left before, right after"
    assert lines[-1].startswith("whole file: about ")
    assert lines[-1].endswith(" MB of video, by a trial")


def test_denoising(here: Path) -> None:
    code, _, err = run("in.mp4", "--denoise", "--sigma", "9", "--weights", noise_weights(here))
    assert code == 0, err
    assert "in.mp4: 96x64 -> 96x64, 1 frame, vrinr on cpu " in err
    assert "note: noise: sigma 9, as given" in err


def test_json_ends_with_the_report() -> None:
    code, out, err = run("in.mp4", "--method", "bicubic", "--json", "--crop", "32x16+8+4")
    assert (code, err) == (0, "")
    record = checked("preview", out)[-1]
    assert set(record) == {"schema", "event"} | set(PreviewReport.__dataclass_fields__)
    assert (record["event"], record["crop"]) == ("preview", [8, 16, 32, 64])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--at", "1:00"], 1, "no frame at 0:01:00.000; the video ends at 0:00:00.960"),
        (["--at", "soon"], 2, "time is 'soon'; write seconds or [h:]mm:ss, such as 80.5 or 1:20.5"),
        (["--crop", "9x9"], 2, "crop is '9x9'; write WIDTHxHEIGHT+X+Y, such as 96x54+200+80"),
        (["--sigma", "9"], 2, "options about noise without --denoise; add --denoise"),
        (["-o", "a.jpg"], 2, "a.jpg: no name for a preview; use .png"),
    ],
)
def test_wrong_use_is_one_line(here: Path, words: list[str], code: int, said: str) -> None:
    assert run("in.mp4", "--method", "bicubic", *words) == (code, "", f"vrinr: error: {said}\n")
    assert [path.name for path in here.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(("name", "what"), [("a.png", "a still picture"), ("p%d.png", "a row of pictures")])
def test_pictures_are_refused_before_anything_is_made(here: Path, name: str, what: str) -> None:
    for file in ("a.png", "p1.png"):
        stills.save(here / file, stills.samples())
    said = f"{name}: {what}, not a video; give a video; upscale, denoise and compare take pictures"
    assert run(name) == (2, "", f"vrinr: error: {said}\n")
    assert sorted(path.name for path in here.iterdir()) == ["a.png", "in.mp4", "p1.png"]
