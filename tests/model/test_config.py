"""ModelConfig: one that exists can be built."""

from typing import Any

import pytest
from hypothesis import given

from strategies import model_configs
from vrinr_cli.errors import OptionError
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.record import from_plain, to_plain


@given(config=model_configs())
def test_json_form_and_back(config: ModelConfig) -> None:
    assert from_plain(ModelConfig, to_plain(config)) == config


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"channels": 0}, "channels 0, not 1 to 1024"),
        ({"channels": 13}, "mixed_channels 7, not 0 to half of 13 channels"),
        ({"mixed_channels": -1}, "mixed_channels -1, not 0"),
        ({"residual_blocks": -1}, "residual_blocks -1"),
        ({"shifts": ()}, "shifts ()"),
        ({"shifts": (2, -1)}, "shifts (2, -1)"),
        ({"level_widths": (), "table_cells": ()}, "level_widths ()"),
        ({"level_widths": (1, 2, 3)}, "level_widths (1, 2, 3)"),
        ({"level_widths": (1, -1, 3)}, "level_widths (1, -1, 3)"),
        ({"level_widths": (1,) * 17, "table_cells": (2,) * 17}, "level_widths (1, 1,"),
        ({"table_cells": (16, 12)}, "table_cells (16, 12)"),
        ({"table_cells": (16, 12, 1)}, "table_cells (16, 12, 1)"),
        ({"slice_features": 0}, "feature sizes (0, "),
        ({"table_features": -1}, "feature sizes (8, 16, -1, 32)"),
        ({"gate_units": -1}, "feature sizes (8, 16, 8, -1)"),
        ({"match_reach": 33}, "match_reach 33"),
        ({"query_basis": 17}, "query_basis 17"),
        ({"orientations": 3}, "orientations 3, not 1, 2 or 4"),
        ({"orientations": 2, "fold": 2}, "orientations 2 with fold 2"),
        ({"scales": (0.0, 8.0)}, "scales (0.0, 8.0)"),
        ({"scales": (4.0, 2.0)}, "scales (4.0, 2.0)"),
        ({"scales": (1.0, float("nan"))}, "scales (1.0, nan)"),
        ({"base_kernel": float("inf")}, "base_kernel inf"),
    ],
)
def test_impossible_networks_are_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        ModelConfig(**asked)
    assert words in str(caught.value)


def test_several_problems_are_told_together() -> None:
    with pytest.raises(OptionError, match=r"channels 0, .*; table_cells"):
        ModelConfig(channels=0, mixed_channels=0, table_cells=(1, 2, 3))
