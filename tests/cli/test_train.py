from pathlib import Path

from typer.testing import CliRunner

from media import clips
from vrinr_cli.cli.app import app
from vrinr_cli.model.header import read_header


def run(folder: Path, *more: str) -> tuple[int, str]:
    """Two steps on a tiny folder of clips."""
    command = ["train", str(folder / "clips"), "-o", str(folder / "w.safetensors"), "--steps", "2", "--batch", "1"]
    done = CliRunner().invoke(app, [*command, "--frames", "3", "--crop", "8", *more])
    return done.exit_code, done.stderr


def test_weights_come_out_and_are_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    clips.plain(tmp_path / "clips" / "one.mkv", frames=4, size=(96, 96))
    code, words = run(tmp_path)
    assert code == 0, words
    assert words.splitlines()[-1].endswith("w.safetensors written")
    first = read_header(tmp_path / "w.safetensors")
    assert first.card["steps"] == "2"
    code, words = run(tmp_path, "--seed", "5")
    assert (code, "exists already" in words) == (2, True)
    assert read_header(tmp_path / "w.safetensors").digest == first.digest
    code, words = run(tmp_path, "--seed", "5", "-y")
    assert code == 0, words
    assert read_header(tmp_path / "w.safetensors").digest != first.digest


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    code, words = run(tmp_path)
    assert (code, words.count("\n")) == (1, 1)
    assert "no clip and no still" in words
