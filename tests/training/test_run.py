"""A training run from a request: what it reads, what it refuses, and what it says first."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from networks import TINY
from stops import StoppedError, stop_at
from vrinr_cli.errors import InputError, JobError, OptionError, TargetError, WeightsError
from vrinr_cli.model import checkpoint
from vrinr_cli.training.fit_lock import only_one
from vrinr_cli.training.options import TrainOptions, TrainRequest
from vrinr_cli.training.run import train
from vrinr_cli.training.trainer import TrainProgress, TrainStart

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


@pytest.fixture
def scored(asked: TrainRequest, tmp_path: Path) -> TrainRequest:
    """The same, with a still to score."""
    still(tmp_path / "held" / "v.npy", seed=9)
    return replace(asked, validation=tmp_path / "held")


@pytest.mark.parametrize(
    ("length", "words", "hint"),
    [
        ({"steps": 2}, "at step 3 already, too far for --steps 2", "give --steps 4 or more"),
        ({"steps": 3}, "at step 3 already, too far for --steps 3", "give --steps 4 or more"),
        (
            {"steps": None, "minutes": 1e-6},
            "at step 3 already, too far for --minutes 1e-06",
            "give --minutes 1 or more",
        ),
    ],
)
def test_a_state_that_is_too_far_is_refused(
    scored: TrainRequest, length: dict[str, Any], words: str, hint: str
) -> None:
    state = stopped(scored, replace(OPTIONS, steps=9), step=4)
    before = state.read_bytes()
    with pytest.raises(OptionError, match=words) as caught:
        train(scored, replace(OPTIONS, **length), report=ignore)
    assert caught.value.hint == f"{hint}, so that its last tenth is learned, or delete it to begin anew"
    assert state.read_bytes() == before
    assert not scored.output.exists()
    train(scored, replace(OPTIONS, steps=4), report=ignore)
    assert scored.output.exists()


def test_a_run_that_lacks_only_its_last_validation_goes_on(scored: TrainRequest) -> None:
    state = stopped(scored, step=4)
    assert state.exists()
    reports: list[TrainProgress] = []
    train(scored, OPTIONS, report=reports.append)
    assert [report.step for report in reports] == [4]
    assert reports[0].gains


def test_a_chart_is_replaced_with_leave_or_by_its_own_run(scored: TrainRequest, tmp_path: Path) -> None:
    chart = tmp_path / "curve.svg"
    chart.write_text("dear to me")
    asked = replace(scored, chart=chart)
    with pytest.raises(TargetError, match=r"curve\.svg: exists already$"):
        train(asked, OPTIONS, report=ignore)
    assert chart.read_text() == "dear to me"
    stopped(replace(scored, chart=None))
    with pytest.raises(WeightsError, match="the state of another run"):
        train(asked, replace(OPTIONS, seed=1), report=ignore)
    assert chart.read_text() == "dear to me"
    train(asked, OPTIONS, report=ignore)
    assert "psnr_y" in chart.read_text()
    chart.write_text("dear to me")
    train(replace(asked, overwrite=True), OPTIONS, report=ignore)
    assert "psnr_y" in chart.read_text()


def test_what_is_scored_is_not_learned_from(asked: TrainRequest, tmp_path: Path) -> None:
    data = tmp_path / "data"
    still(data / "held" / "c.npy")
    starts: list[TrainStart] = []
    train(replace(asked, validation=data / "held"), OPTIONS, report=ignore, begun=starts.append)
    assert (starts[0].clips, starts[0].stills) == (0, 2)
    assert starts[0].notes == (f"1 file of {data / 'held'} left out of what is learned from",)
    other = replace(asked, output=tmp_path / "other.safetensors", validation=tmp_path / "linked")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "a.npy").symlink_to(data / "a.npy")
    train(other, OPTIONS, report=ignore, begun=starts.append)
    assert starts[1].stills == 2


def test_data_that_is_all_scored_is_refused(asked: TrainRequest, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(OptionError, match="both data and validation"):
        train(replace(asked, validation=tmp_path / "link"), OPTIONS, report=ignore)
    with pytest.raises(InputError, match="every file is a validation clip"):
        train(replace(asked, validation=tmp_path), OPTIONS, report=ignore)


def test_a_run_says_what_it_begins_with(scored: TrainRequest) -> None:
    starts: list[TrainStart] = []
    stopped(scored, replace(OPTIONS, precision="fp32"))
    train(scored, replace(OPTIONS, precision="fp32"), report=ignore, begun=starts.append)
    parameters = sum(parameter.numel() for parameter in checkpoint.initial(TINY, 0).parameters())
    words = {"clips": 0, "stills": 2, "device": "cpu", "precision": "fp32", "resumed_at": 1}
    assert starts == [TrainStart(**words, parameters=parameters)]  # type: ignore[arg-type]


def test_one_run_at_a_time_makes_an_output(asked: TrainRequest) -> None:
    with only_one(asked.output), pytest.raises(JobError, match="another vrinr is making it"):
        train(asked, OPTIONS, report=ignore)
    train(asked, OPTIONS, report=ignore)
    assert sorted(path.name for path in asked.output.parent.glob(".*")) == []


def test_a_validation_step_has_one_report(scored: TrainRequest) -> None:
    reports: list[TrainProgress] = []
    train(scored, replace(OPTIONS, steps=20, validate_minutes=0.0), report=reports.append)
    assert [report.step for report in reports] == list(range(1, 21))
    assert all(report.gains for report in reports)


def test_weights_that_are_told_of_noise_have_scales_of_their_own(asked: TrainRequest) -> None:
    noisy = replace(asked, weights=None, changes=("noise_input=true", "channels=16", "residual_blocks=0"))
    starts: list[TrainStart] = []
    train(noisy, OPTIONS, report=ignore, begun=starts.append)
    train(replace(noisy, overwrite=True), replace(OPTIONS, scales="low"), report=ignore, begun=starts.append)
    assert starts[0].notes == ("the network is told of noise: --scales low is for it, not mixed",)
    assert starts[1].notes == ()
