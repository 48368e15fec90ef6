"""Multiply-adds counted from a config beside those that torch counts while the network runs."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from torch.utils.flop_counter import FlopCounterMode

from networks import TINY, noise, seeded
from strategies import model_configs
from vrinr_cli.model import cost
from vrinr_cli.model.config import DEFAULT, ModelConfig


@given(config=model_configs())
def test_convolutions_are_counted_as_torch_counts_them(config: ModelConfig) -> None:
    config = replace(config, orientations=1)
    model = seeded(replace(config, match_reach=0, averaged_frames=0))
    with FlopCounterMode(display=False) as counter:
        features = model.trunk(noise(1, 2, 3, 4, 5), torch.zeros(2, dtype=torch.float64))[0]
        model.query.spread(model.code(features))
    pixels = 2 * -(-4 // config.fold) * -(-5 // config.fold)
    levels, width = len(config.level_widths), config.slice_features + config.table_features
    once = 2 * 16 + 16 * 2 * config.channels  # the scale's small network, once for all pixels
    tables = levels * cost.CORNERS * config.table_features
    products = (levels - 1) * width if config.gate_units else 0  # both of these are no convolutions
    counted = (
        cost.per_source_pixel(replace(config, match_reach=0, averaged_frames=0)) - tables - products
    ) * pixels + once
    assert counter.get_total_flops() == 2 * counted


def test_the_default_network_by_hand() -> None:
    trunk = 27 * 56 + 9 * 9 * 56 * 56
    levels = 56 * 24 + 3 * (3 * 56 + 64) + 2 * (2 * 16 * 32 + 16) + 9 * 56 * 48
    at_source = 2 * 13 * 13 + trunk + levels + 48 * 256
    assert cost.per_source_pixel(DEFAULT) == at_source
    assert cost.per_target_pixel(DEFAULT, 4.0) == at_source / 16 + 512 / 4 + 128 + 48
    assert cost.per_target_pixel(DEFAULT, 4.0) == pytest.approx(18.8e3, rel=0.02)


def test_a_folded_network_costs_its_trunk_once_for_all_pixels_of_a_fold() -> None:
    folded = replace(DEFAULT, fold=2, noise_input=True)
    assert cost.per_source_pixel(folded) - cost.per_source_pixel(DEFAULT) == 9 * 12 * 56
    assert cost.per_target_pixel(folded, 1.0) == cost.per_source_pixel(folded) / 4 + 512 / 2 + 128 + 48


def test_the_query_counts_two_neighbours_an_axis() -> None:
    difference = cost.per_target_pixel(TINY, 2.0) - cost.per_source_pixel(TINY) / 4
    assert difference == 2 * 2 * 2 * 4 / 2 + 2 * 2 * 4 + 3 * 4


def test_each_orientation_costs_the_same() -> None:
    assert cost.per_target_pixel(replace(DEFAULT, orientations=4), 4.0) == 4 * cost.per_target_pixel(DEFAULT, 4.0)
