from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.facts import tiny_weights
from media import clips
from vrinr_cli.benchmark.quality import QualityRequest, means, measure
from vrinr_cli.cli.app import app
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.training.validate import ClipScore


def folder_of_clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    clips.plain(folder / "one.mkv", frames=3)
    clips.plain(folder / "two.mkv", frames=2, size=(80, 64))
    return folder


def test_every_clip_is_scored_at_every_scale(tmp_path: Path) -> None:
    seen: list[ClipScore] = []
    request = QualityRequest(folder_of_clips(tmp_path), (2.0, 2.5), str(tiny_weights(tmp_path)), frames=2)
    scores = measure(request, report=seen.append)
    assert seen == scores
    assert [(s.clip, s.scale) for s in scores] == [("one", 2.0), ("one", 2.5), ("two", 2.0), ("two", 2.5)]
    assert all(15 < s.bicubic < 60 and s.gain == s.vrinr - max(s.bicubic, s.lanczos) for s in scores)
    assert means(scores)[0].bicubic == pytest.approx((scores[0].bicubic + scores[2].bicubic) / 2)


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="scales are"):
        QualityRequest(tmp_path, (1.0,), "general")
    with pytest.raises(InputError, match="no such folder"):
        measure(QualityRequest(tmp_path / "none", (2.0,), "general"), report=print)
    with pytest.raises(InputError, match="holds no clip"):
        measure(QualityRequest(tmp_path, (2.0,), "general"), report=print)


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    folder = folder_of_clips(tmp_path)
    weights = str(tiny_weights(tmp_path))
    done = CliRunner().invoke(app, ["benchmark", str(folder), "--scales", "2", "--weights", weights, "--frames", "1"])
    assert done.exit_code == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == ["one", "two", "mean"]
