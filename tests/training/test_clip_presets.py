"""Presets and recipes of a fit to one clip."""

from dataclasses import replace
from typing import Any

import pytest

from vrinr_cli.errors import OptionError
from vrinr_cli.model.clip_config import for_clip
from vrinr_cli.training.clip_presets import PRESETS, Recipe, preset


def test_the_papers_preset_is_the_paper_to_the_letter() -> None:
    config = preset("paper").shape((64, 48), 5)
    assert config == for_clip((64, 48), 5)
    assert (config.weights, config.gates, config.output) == ("printed", "printed", "direct")
    assert (config.features, config.units) == (6, 64)
    assert preset("paper").recipe.loss == "pea"


def test_the_best_preset_has_larger_tables_and_the_squared_error() -> None:
    best, paper = preset("best"), preset("paper")
    larger, config = best.shape((64, 48), 5), paper.shape((64, 48), 5)
    assert larger.entries == tuple(2 * count for count in config.entries)
    assert replace(larger, entries=config.entries) == config
    assert best.recipe == Recipe(loss="mse")
    assert best.epochs > paper.epochs


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(OptionError, match=r"^preset 'fast'$") as caught:
        preset("fast")
    assert caught.value.hint == f"choose {', '.join(PRESETS)}"


@pytest.mark.parametrize(
    ("share", "factor"),
    [(0.0, 1.0), (0.3, 1.0), (0.5, 1.0), (0.75, 0.1), (0.875, 0.01**0.75), (1.0, 0.01)],
)
def test_the_schedule_by_hand(share: float, factor: float) -> None:
    assert Recipe(flat_share=0.5, last_rate=0.01).factor(share) == pytest.approx(factor, rel=1e-12)


def test_a_schedule_may_be_flat_or_fall_from_the_start() -> None:
    flat, falling = Recipe(flat_share=1.0, last_rate=0.01), Recipe(flat_share=0.0, last_rate=0.01)
    assert [flat.factor(share) for share in (0.0, 0.9, 1.0)] == [1.0, 1.0, 1.0]
    assert [falling.factor(share) for share in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.1, 0.01], rel=1e-12)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"loss": "l1"}, "loss 'l1'"),
        ({"table_rate": 0.0}, "rates (0.0, 0.001, 0.02)"),
        ({"table_rate": 1.5}, "rates (1.5, "),
        ({"rate": -1e-3}, "rates (0.01, -0.001, 0.02)"),
        ({"rate": float("nan")}, "rates (0.01, nan, 0.02)"),
        ({"last_rate": 0.0}, "rates (0.01, 0.001, 0.0)"),
        ({"flat_share": -0.1}, "flat share -0.1"),
        ({"flat_share": 1.1}, "flat share 1.1"),
        ({"flat_share": float("nan")}, "flat share nan"),
        ({"batch": 0}, "batch 0"),
        ({"points": 0}, "0 points"),
    ],
)
def test_impossible_recipes_are_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        Recipe(**asked)
    assert words in str(caught.value)
