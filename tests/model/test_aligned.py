"""A network with longer rows of channels: the same function, and none where it would cost something."""

from dataclasses import replace

import pytest
import torch

from networks import TINY, noise, seeded
from vrinr_cli.model.aligned import aligned
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.matching import words
from vrinr_cli.model.source import white_noise

WIDE = replace(TINY, channels=56, mixed_channels=7, match_reach=2)


@pytest.mark.parametrize(
    "config",
    [
        WIDE,
        replace(WIDE, mixed_channels=5, gate_units=0),
        replace(WIDE, mixed_channels=3, channels=55, table_features=0),
        replace(WIDE, noise_input=True, averaged_frames=1, fold=2),
        replace(WIDE, orientations=4),
    ],
)
def test_it_is_the_same_function(config: ModelConfig) -> None:
    model = seeded(config)
    wide = aligned(model, itemsize=2)
    assert wide.config.channels > config.channels
    clip, told = noise(1, 4, 3, 6, 5), white_noise(20.0)
    with torch.no_grad():
        torch.testing.assert_close(wide(clip, (18, 15), told), model(clip, (18, 15), told))


@pytest.mark.parametrize(("mixed", "channels"), [(7, 64), (5, 64), (3, 60)])
def test_mixed_channels_fill_words(mixed: int, channels: int) -> None:
    wide = aligned(seeded(replace(WIDE, mixed_channels=mixed)), itemsize=2).config
    rows = torch.zeros(1, wide.channels, 2, 2, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    assert (wide.channels, words(rows, wide.mixed_channels) is not None) == (channels, True)


@pytest.mark.parametrize(
    ("config", "itemsize"),
    [
        (replace(WIDE, mixed_channels=8), 2),  # it fits as it is
        (replace(WIDE, channels=64), 2),  # 72 would be a third block of 32
        (WIDE, 4),  # 28 bytes are more than a word
        (replace(WIDE, match_reach=0), 2),  # parts of the channels move by fixed amounts
        (replace(WIDE, mixed_channels=0), 2),
    ],
)
def test_where_it_helps_nothing_the_network_stays(config: ModelConfig, itemsize: int) -> None:
    model = seeded(config)
    assert aligned(model, itemsize) is model
