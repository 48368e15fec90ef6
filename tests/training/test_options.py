"""TrainOptions: one that exists is valid."""

from dataclasses import replace
from typing import Any

import pytest

from vrinr_cli.errors import OptionError
from vrinr_cli.model.config import DEFAULT
from vrinr_cli.record import from_plain, to_plain
from vrinr_cli.training.options import TrainOptions, network_with

NAN = float("nan")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "a run needs a length"),
        ({"steps": 1, "minutes": 1.0}, "a run needs a length"),
        ({"steps": 0}, "a run of length 0"),
        ({"minutes": -1.0}, "a run of length -1.0"),
        ({"minutes": NAN}, "a run of length nan"),
        ({"minutes": float("inf")}, "a run of length inf"),
        ({"steps": 1, "batch": 0}, "batch 0, frames 8, crop 48"),
        ({"steps": 1, "frames": 0}, "batch 2, frames 0, crop 48"),
        ({"steps": 1, "crop": 7}, "batch 2, frames 8, crop 7"),
        ({"steps": 1, "crop": 513}, "batch 2, frames 8, crop 513"),
        ({"steps": 1, "hr_limit": 63}, "batch 2, frames 8, crop 48"),
        ({"steps": 1, "rate": 0.0}, "rate 0.0"),
        ({"steps": 1, "rate": NAN}, "rate nan"),
        ({"steps": 1, "clip_share": 1.1}, "clip share 1.1"),
        ({"steps": 1, "average": 1.0}, "average 1.0"),
        ({"steps": 1, "seed": -1}, "seed -1"),
        ({"steps": 1, "seed": 1 << 63}, "seed 9223372036854775808"),
        ({"steps": 1, "threads": -2}, "threads -2"),
        ({"steps": 1, "threads": 1025}, "threads 1025"),
        ({"steps": 1, "validate_minutes": -1.0}, "validate minutes -1.0"),
        ({"steps": 1, "validate_minutes": NAN}, "validate minutes nan"),
        ({"steps": 1, "checkpoint_minutes": NAN}, "checkpoint minutes nan"),
        ({"steps": 1, "checkpoint_minutes": -0.5}, "checkpoint minutes -0.5"),
        ({"steps": 1, "scales": "x3"}, "scales 'x3'"),
        ({"steps": 1, "precision": "fp16"}, "precision 'fp16'"),
    ],
)
def test_impossible_runs_are_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        TrainOptions(**asked)
    assert str(caught.value) == words


def test_options_come_back_from_json() -> None:
    options = TrainOptions(minutes=2.5, seed=3, scales="x4")
    assert from_plain(TrainOptions, to_plain(options)) == options


def test_a_network_with_other_fields() -> None:
    assert network_with([]) == DEFAULT
    changed = network_with(["channels=64", "level_widths=[1]", "table_cells=[8]", "base_kernel=-0.5"])
    assert changed == replace(DEFAULT, channels=64, level_widths=(1,), table_cells=(8,), base_kernel=-0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("channels", "'channels': no change of the network"),
        ("channels=many", "'channels=many': no change of the network"),
        ("chanels=64", "'chanels': no field of a network"),
        ("extra={}", "'extra': no field of a network"),
        ("channels=1.5", "network.channels: expected of type int"),
        ("channels=0", "no such network: channels 0, not 1 to 1024"),
        ("channels=12", "no such network: mixed_channels 7, not 0 to half of 12 channels"),
        ("orientations=3", "no such network: orientations 3, not 1, 2 or 4"),
        ("match_reach=33", "no such network: match_reach 33, not 0 to 32"),
        ("fold=9", "no such network: fold 9, not 1 to 8"),
    ],
)
def test_no_such_network(change: str, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        network_with([change])
    assert str(caught.value) == words


def test_hints_say_what_there_is() -> None:
    with pytest.raises(OptionError) as caught:
        network_with(["chanels=64"])
    assert caught.value.hint.startswith("choose channels, residual_blocks, ")
    assert "extra" not in caught.value.hint
    with pytest.raises(OptionError) as caught:
        network_with(["level_widths=1"])
    assert caught.value.hint == "write it as in level_widths=[1,3,7]"


def test_a_field_is_set_once() -> None:
    with pytest.raises(OptionError, match=r"^channels is set twice$"):
        network_with(["channels=64", "channels=32"])


def test_folding_and_mirroring_exclude_each_other() -> None:
    with pytest.raises(OptionError, match=r"orientations 2 with fold 2, not both above 1$"):
        network_with(["orientations=2", "fold=2"])
