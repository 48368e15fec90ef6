"""The speed table, over a picture so small that nothing takes long: no figure is judged."""

import pytest
from typer.testing import CliRunner

from event_schema import checked
from vrinr_cli.benchmark import speed
from vrinr_cli.cli.app import app
from vrinr_cli.engine.device import choose


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SIZE", (16, 16))
    monkeypatch.setattr(speed, "FRAMES", 2)
    monkeypatch.setattr(speed, "ROUNDS", 2)


def test_training_and_inference_are_timed_beside_the_plain_reading() -> None:
    done = CliRunner().invoke(app, ["benchmark", "--speed", "--preset", "paper", "--json", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    rows = checked("benchmark --speed --preset", done.stdout)
    assert [row["what"] for row in rows] == [
        "training step",
        "inference, one frame",
        "training step, plain reading",
        "inference, one frame, plain reading",
    ]
    for row in rows:
        assert row["points_per_second"] == pytest.approx(row["points"] / row["seconds"])
        assert row["spread"] >= 1
        assert row["environment"]["threads"] >= 1


def test_on_a_terminal_there_are_words() -> None:
    done = CliRunner().invoke(app, ["benchmark", "--speed", "--preset", "small", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "k points/s" in done.stdout


def test_one_frame_is_one_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "FRAMES", 1)
    assert speed.measure("paper", choose("cpu", "fp32")).title == "paper, 1 frame of 16x16"
