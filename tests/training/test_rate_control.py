"""lambda goes up where tables take too many bytes, and down where they leave some."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vrinr_cli.errors import OptionError
from vrinr_cli.model import clip_checkpoint
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.header import FittedTo
from vrinr_cli.training.clip_presets import Recipe
from vrinr_cli.training.clip_trainer import ClipTrainer
from vrinr_cli.training.lossless import ffv1_bytes
from vrinr_cli.training.rate_control import LARGEST_TURN, TURNS, RateControl, budget_of

CONFIG = ClipConfig(
    size=(32, 32),
    frames=2,
    key="xyt",
    cells_per_px=(1.0,),
    entries=(4096,),
    features=4,
    patch_sides=(3,),
    patch_spacing_px=(1,),
    patch_blur_px=(0.0,),
    units=8,
    table_step=0.05,
    table_init=0.02,
)
STEPS = 160


def tables(spread: int) -> list[torch.Tensor]:
    numbers = torch.Generator().manual_seed(0)
    return [torch.randint(-spread, spread + 1, (2000, 4), generator=numbers) * 0.05]


def control(budget: int = 8_000, weight: float = 1e-4) -> RateControl:
    return RateControl(weight, ClipNetwork(CONFIG), budget)


@pytest.mark.parametrize(("spread", "is_too_much"), [(1, False), (60, True)])
def test_lambda_follows_the_coded_size(spread: int, is_too_much: bool) -> None:
    rate = control()
    rate.follow(tables(spread), 0.05, 1 / TURNS)
    assert (rate.weight > 1e-4) == is_too_much
    assert 1e-4 / LARGEST_TURN * 0.999 <= rate.weight <= 1e-4 * LARGEST_TURN * 1.001


def test_lambda_is_set_once_a_turn_and_not_at_the_start() -> None:
    rate = control()
    rate.follow(tables(60), 0.05, 0.9 / TURNS)
    assert rate.weight == 1e-4
    rate.follow(tables(60), 0.05, 1 / TURNS)
    once = rate.weight
    rate.follow(tables(60), 0.05, 1.9 / TURNS)
    assert rate.weight == once > 1e-4
    rate.follow(tables(60), 0.05, 2 / TURNS)
    assert rate.weight > once


def test_without_a_budget_lambda_stays() -> None:
    rate = control(budget=0)
    rate.follow(tables(60), 0.05, 0.5)
    assert rate.weight == 1e-4


def test_a_resume_keeps_lambda_and_turn() -> None:
    rate, again = control(), control()
    rate.follow(tables(60), 0.05, 3 / TURNS)
    again.load_state(rate.state().clone())
    assert (again.weight, again.turn) == (rate.weight, 3)


def test_a_budget_below_the_networks_is_refused() -> None:
    with pytest.raises(OptionError, match="a budget of 2200 bytes holds no tables"):
        control(budget=2200)


def test_the_budget_is_a_share_of_the_lossless_clip() -> None:
    pixels = frames().repeat(1, 3, 3, 1).numpy()
    half = Recipe(rate_weight=1e-4, lossless_share=0.5)
    assert budget_of(CONFIG, half, pixels) == round(ffv1_bytes(pixels) / 2)
    assert budget_of(CONFIG, Recipe(), pixels) == 0
    assert budget_of(CONFIG, half, pixels[:, :8, :8]) == 0  # the networks alone are larger


def frames() -> torch.Tensor:
    """HR frames (2, 32, 32, 3) that cannot be guessed."""
    return torch.randint(0, 256, (2, 32, 32, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


@pytest.mark.parametrize("budget", [6_000, 9_000])
def test_a_fit_ends_near_its_budget(budget: int, tmp_path: Path) -> None:
    recipe = Recipe(loss="mse", batch=512, points=512, rate=5e-3, table_rate=5e-2, rate_weight=1e-3)
    high = frames()
    low = torch.nn.functional.avg_pool2d(high.permute(0, 3, 1, 2) / 255, 4)
    trainer = ClipTrainer(low, high, CONFIG, recipe, budget=budget)
    for step in range(STEPS):
        trainer.train_step(step / STEPS)
    path = tmp_path / "w.safetensors"
    clip_checkpoint.save(path, trainer.finish(), card={}, fitted=FittedTo(name="", digest=""))
    free = ClipTrainer(low, high, CONFIG, replace(recipe, rate_weight=0.0))
    for step in range(STEPS):
        free.train_step(step / STEPS)
    plain = tmp_path / "plain.safetensors"
    clip_checkpoint.save(plain, free.finish(), card={}, fitted=FittedTo(name="", digest=""))
    assert path.stat().st_size < 1.05 * budget < plain.stat().st_size
    assert path.stat().st_size > 0.8 * budget
