"""A training run from a request: what it reads, what it refuses, and what it says first."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from networks import TINY
from stops import StoppedError, stop_at
from vrinr_cli.errors import WeightsError
from vrinr_cli.model import checkpoint
from vrinr_cli.training.options import TrainOptions, TrainRequest
from vrinr_cli.training.run import train
from vrinr_cli.training.trainer import TrainProgress

OPTIONS = TrainOptions(steps=4, batch=1, frames=1, crop=8, hr_limit=64, threads=1, checkpoint_minutes=0.0)


def ignore(_: TrainProgress) -> None:
    return


def still(path: Path, *, side: int = 64, seed: int = 0) -> None:
    """Random colors as an array file."""
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.random.default_rng(seed).integers(0, 256, (1, side, side, 3), dtype=np.uint8))


@pytest.fixture
def asked(tmp_path: Path) -> TrainRequest:
    """Two stills to learn from, and the weights of a tiny network to start from."""
    for seed, name in enumerate(("a.npy", "b.npy")):
        still(tmp_path / "data" / name, seed=seed)
    checkpoint.save(tmp_path / "tiny.safetensors", checkpoint.initial(TINY, 0), card={})
    return TrainRequest(tmp_path / "data", tmp_path / "w.safetensors", weights=tmp_path / "tiny.safetensors")


def stopped(asked: TrainRequest, options: TrainOptions = OPTIONS, *, step: int = 2) -> Path:
    """The state of a run that was stopped on its way."""
    many = replace(options, validate_minutes=0.0)
    with pytest.raises(StoppedError):
        train(asked, many, report=stop_at(step))
    return asked.output.with_name(f".{asked.output.name}.state")


def test_a_state_does_not_go_on_with_other_data_or_weights(asked: TrainRequest, tmp_path: Path) -> None:
    still(tmp_path / "held" / "v.npy")
    asked = replace(asked, validation=tmp_path / "held")
    state = stopped(asked).read_bytes()
    checkpoint.save(tmp_path / "other.safetensors", checkpoint.initial(TINY, 1), card={})
    with pytest.raises(WeightsError, match=r"which differs in start weights$"):
        train(replace(asked, weights=tmp_path / "other.safetensors"), OPTIONS, report=ignore)
    with pytest.raises(WeightsError, match=r"which differs in network, start weights$"):
        train(replace(asked, weights=None), OPTIONS, report=ignore)
    still(tmp_path / "data" / "c.npy")
    with pytest.raises(WeightsError, match=r"which differs in data$"):
        train(asked, OPTIONS, report=ignore)
    (tmp_path / "data" / "c.npy").unlink()
    assert (tmp_path / ".w.safetensors.state").read_bytes() == state
    train(asked, OPTIONS, report=ignore)
    assert asked.output.exists()
