import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from media import clips
from vrinr_cli.cli.app import app
from vrinr_cli.jobs.weights import find
from vrinr_cli.model.config import DEFAULT
from vrinr_cli.model.header import read_header
from vrinr_cli.record import from_plain
from vrinr_cli.training.curve import CurvePoint
from vrinr_cli.training.trainer import Trainer


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
    first, last, written = words.splitlines()
    assert re.fullmatch(r"1 clip, 0 stills; 0\.35 M parameters; cpu (fp32|bf16)", first)
    assert last.startswith("step 2  100.0 %  loss 0.")
    assert written.endswith("w.safetensors written")
    made = read_header(tmp_path / "w.safetensors")
    assert made.card["steps"] == "2"
    code, words = run(tmp_path, "--seed", "5")
    assert (code, "exists already" in words) == (2, True)
    assert read_header(tmp_path / "w.safetensors").digest == made.digest
    code, words = run(tmp_path, "--seed", "5", "-y")
    assert code == 0, words
    assert read_header(tmp_path / "w.safetensors").digest != made.digest


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    code, words = run(tmp_path)
    assert (code, words.count("\n")) == (1, 1)
    assert "no clip and no still" in words


def test_another_network_by_its_fields(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    clips.plain(tmp_path / "clips" / "one.mkv", frames=4, size=(96, 96))
    code, words = run(tmp_path, "--set", "channels=16", "--set", "table_features=0", "--set", "gate_units=0")
    assert code == 0, words
    config = read_header(tmp_path / "w.safetensors").config
    assert config == replace(DEFAULT, channels=16, table_features=0, gate_units=0)
    grow = ["-y", "--weights", str(tmp_path / "w.safetensors")]
    code, words = run(tmp_path, *grow, "--set", "gate_units=4")
    assert (code, "gate_units cannot change in a network that starts from weights" in words) == (2, True)
    code, words = run(tmp_path, *grow, "--set", "channels=18", "--set", "residual_blocks=5")
    assert code == 0, words
    larger = replace(config, channels=18, residual_blocks=5)
    assert read_header(tmp_path / "w.safetensors").config == larger


def test_a_chart_of_the_run(tmp_path: Path) -> None:
    for folder in ("clips", "held"):
        (tmp_path / folder).mkdir()
        clips.plain(tmp_path / folder / "one.mkv", frames=4, size=(96, 96))
    chart = tmp_path / "curve.svg"
    code, words = run(tmp_path, "--chart", str(chart))
    assert (code, "a chart without validation clips" in words) == (2, True)
    code, words = run(tmp_path, "--validation", str(tmp_path / "held"), "--chart", str(chart.with_suffix(".txt")))
    assert (code, "curve.txt: charts are .svg or .png" in words) == (2, True)
    code, words = run(tmp_path, "--validation", str(tmp_path / "held"), "--chart", str(chart))
    assert code == 0, words
    assert words.splitlines()[1].endswith(" dB over the better of bicubic and Lanczos")
    assert "psnr_y over bicubic and Lanczos" in chart.read_text()
    card = read_header(tmp_path / "w.safetensors").card
    ((point,),) = ([from_plain(CurvePoint, item) for item in json.loads(card["curve"])],)
    assert (point.step, [case for case, _ in point.gains]) == (2, ["x4"])


def folders(folder: Path, *names: str) -> None:
    """Folders with one small clip each."""
    for name in names:
        (folder / name).mkdir()
        clips.plain(folder / name / f"{name}.mkv", frames=4, size=(96, 96))


def test_weights_to_start_from_have_names(tmp_path: Path) -> None:
    folders(tmp_path, "clips")
    code, words = run(tmp_path, "--weights", "generl")
    assert (code, words.count("\n")) == (2, 1)
    assert "no weights are called 'generl'; choose compressed, denoise, fast, general, quality" in words
    code, words = run(tmp_path, "--weights", "fast")
    assert code == 0, words
    assert read_header(tmp_path / "w.safetensors").config == read_header(find("fast")).config


@pytest.mark.parametrize(
    ("held", "words"),
    [("nosuch", "nosuch: no such folder"), ("a.png", "a.png: not a folder"), ("empty", "empty: no clip and no still")],
)
def test_validation_without_a_clip_is_refused_before_the_first_step(tmp_path: Path, held: str, words: str) -> None:
    folders(tmp_path, "clips")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").write_bytes(b"no picture")
    code, said = run(tmp_path, "--validation", str(tmp_path / held))
    assert (code, said.count("\n")) == (1, 1)
    assert words in said
    (tmp_path / "empty" / "b.png").write_bytes(b"no picture")
    code, said = run(tmp_path, "--validation", str(tmp_path / "empty"))
    assert (code, said.count("\n")) == (1, 1)
    assert "b.png: cannot be read" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_keeps_the_step_and_the_same_line_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    folders(tmp_path, "clips")
    step = Trainer.train_step

    def interrupted(trainer: Trainer) -> float:
        os.kill(os.getpid(), number)
        return step(trainer)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "train_step", interrupted)
        code, words = run(tmp_path)
    assert code == 130
    assert words.endswith("error: stopped; the same command goes on from step 1\n")
    code, words = run(tmp_path, "--weights", "fast")
    assert (code, "which differs in network, start weights; delete" in words) == (1, True)
    code, words = run(tmp_path)
    assert code == 0, words
    assert words.splitlines()[1] == "going on from step 1, where it was stopped"
    assert words.splitlines()[2].startswith("step 2  100.0 %")
