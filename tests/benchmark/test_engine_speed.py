"""The speed of jobs by stage, over clips so small that nothing takes long: no figure is judged."""

import threading
import time
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from event_schema import checked
from vrinr_cli.benchmark import engine_speed
from vrinr_cli.cli.app import app
from vrinr_cli.engine.device import Compute, choose
from vrinr_cli.engine.stages import Stage, Stopwatch
from vrinr_cli.errors import EngineError, OptionError
from vrinr_cli.jobs.weights import find
from vrinr_cli.model import clip_checkpoint, cost
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.header import FittedTo, read_header
from vrinr_cli.training.clip_presets import preset


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_speed, "SIZE", (32, 48))
    monkeypatch.setattr(engine_speed, "FRAMES", 3)
    monkeypatch.setattr(engine_speed, "ROUNDS", 1)
    monkeypatch.setattr(engine_speed, "PRODUCT_SIDE", 64)
    monkeypatch.setattr(engine_speed, "COPIED_BYTES", 1 << 12)


@pytest.fixture
def compute() -> Compute:
    return choose("cpu", "fp32")


@pytest.mark.parametrize("scale", ["4", "2.5"])
def test_the_stages_are_all_of_the_engine(compute: Compute, tmp_path: Path, scale: str) -> None:
    table = engine_speed.measure_stages("general", scale, compute, tmp_path)
    rows = {row.what: row for row in table.rows}
    stages = [rows[stage.value] for stage in Stage]
    assert all(row.seconds > 0 for row in stages)
    parts = [*stages, rows["waiting, between stages"]]
    assert sum(row.seconds for row in parts) == pytest.approx(rows["engine"].seconds)
    assert sum(row.share or 0 for row in parts) == pytest.approx(1)
    assert sum(row.gmac or 0 for row in stages) == pytest.approx(
        cost.per_target_pixel(cost_config(), table_scale(table.title)) / 1000
    )
    assert {"decode", "encode", "reference: bicubic of RGB", "reference: stack of 16 to x4"} <= rows.keys()


def cost_config() -> ModelConfig:
    config = read_header(find("general")).config
    assert isinstance(config, ModelConfig)
    return config


def table_scale(title: str) -> float:
    """The scale that the sizes in a table's title have: odd sizes are rounded."""
    low, high = (tuple(map(int, part.split("x"))) for part in title.split(", ")[1].split(" to "))
    return float((high[0] * high[1] / (low[0] * low[1])) ** 0.5)


def test_the_stack_costs_what_is_published_for_its_kind(compute: Compute, tmp_path: Path) -> None:
    """A compact network of 16 convolutions of 64 channels: 0.62 M parameters, each used once an LR pixel."""
    table = engine_speed.measure_stages("general", "2", compute, tmp_path)
    (row,) = [row for row in table.rows if row.what.startswith("reference: stack")]
    assert row.gmac is not None
    assert row.gmac * 16 == pytest.approx(0.62 * 1000, rel=0.01)


def test_weights_for_one_clip_are_refused(compute: Compute, tmp_path: Path) -> None:
    network = ClipNetwork(preset("paper").shape((16, 16), 2))
    path = tmp_path / "fit.safetensors"
    clip_checkpoint.save(path, network, card={}, fitted=FittedTo(name="", digest=""))
    with pytest.raises(OptionError, match="weights for one clip are not timed so"):
        engine_speed.measure_stages(str(path), "2", compute, tmp_path)


def test_the_command_line_gives_both_tables() -> None:
    done = CliRunner().invoke(app, ["benchmark", "--speed", "--scales", "2", "--threads", "1", "--device", "cpu"])
    assert done.exit_code == 0, done.stderr
    assert "general x2: 3 frames, 48x32 to 96x64" in done.stdout
    assert "start to first frame" in done.stdout
    done = CliRunner().invoke(app, ["benchmark", "--speed", "--scales", "2,4", "--device", "cpu", "--json"])
    assert done.exit_code == 0, done.stderr
    rows = checked("benchmark --speed", done.stdout)
    assert [row["of"] for row in rows if row["what"] == "engine"] == [
        "general x2: 3 frames, 48x32 to 96x64",
        "general x4: 3 frames, 48x32 to 192x128",
    ]
    command = {row["what"]: row["value"] for row in rows if "value" in row}
    assert 0 < command["start to first frame handed to the encoder"] < command["wall time a megapixel of output"] * 9
    assert command["peak memory"] > 0
    assert command["two at once, over the wall time of one"] > 0


def test_a_command_that_fails_is_told() -> None:
    with pytest.raises(EngineError, match="vrinr upscale ended with 2"):
        engine_speed.run_vrinr(["upscale", "there-is-no-such-file.mkv"])


def test_a_watch_adds_up_what_threads_do_at_the_same_time() -> None:
    watch = Stopwatch(torch.device("cpu"))
    together = threading.Barrier(2, timeout=60)

    def work() -> None:
        with watch(Stage.QUERY):
            together.wait()
            time.sleep(0.02)

    other = threading.Thread(target=work)
    other.start()
    work()
    other.join()
    assert watch.seconds[Stage.QUERY] >= 2 * 0.02
    assert watch.seconds[Stage.BASE] == 0
