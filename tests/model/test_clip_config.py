"""ClipConfig: one that exists can be built; what every network of the paper costs, by hand."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from networks import CLIP
from vrinr_cli.errors import OptionError
from vrinr_cli.model.clip_config import LARGEST_TABLE, ClipConfig, dense_for_clip, for_clip, with_constant_code
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.lattice import Lattice
from vrinr_cli.record import from_plain, to_plain

NAN = float("nan")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cells_per_px": ()}, "0 levels with [3, 3, 3, 3] values"),
        ({"cells_per_px": (1.0, 1.0)}, "2 levels with [3, 3, 3, 3] values"),
        ({"entries": (64,)}, "3 levels with [1, 3, 3, 3] values"),
        ({"patch_sides": (3, 3)}, "3 levels with [3, 2, 3, 3] values"),
        ({"patch_spacing_px": (1,) * 4}, "3 levels with [3, 3, 4, 3] values"),
        ({"patch_blur_px": ()}, "3 levels with [3, 3, 3, 0] values"),
        (
            {
                "cells_per_px": (1.0,) * 17,
                "entries": (8,) * 17,
                "patch_sides": (1,) * 17,
                "patch_spacing_px": (1,) * 17,
                "patch_blur_px": (0.0,) * 17,
            },
            "17 levels with [17, 17, 17, 17]",
        ),
        ({"size": (0, 8)}, "size (0, 8), frames 3"),
        ({"size": (8, 0)}, "size (8, 0), frames 3"),
        ({"size": (8, 32769)}, "size (8, 32769)"),
        ({"frames": 0}, "frames 0"),
        ({"frames": (1 << 20) + 1}, "frames 1048577"),
        ({"cells_per_px": (1.0, 0.0, 0.5)}, "cells_per_px (1.0, 0.0, 0.5)"),
        ({"cells_per_px": (8.1, 1.0, 0.5)}, "cells_per_px (8.1, 1.0, 0.5)"),
        ({"cells_per_px": (NAN, 1.0, 0.5)}, "cells_per_px (nan, 1.0, 0.5)"),
        ({"entries": (64, 0, 1024)}, "entries (64, 0, 1024)"),
        ({"entries": (64, 100, 1024)}, "entries (64, 100, 1024)"),
        ({"entries": (64, 128, 2 * LARGEST_TABLE)}, "entries (64, 128, 134217728)"),
        ({"features": 0}, "features 0, units 5, texture_cells 1"),
        ({"features": 65}, "features 65"),
        ({"units": 0}, "units 0"),
        ({"units": 1025}, "units 1025"),
        ({"vertex_hash": "vertex", "texture_cells": 0}, "texture_cells 0"),
        ({"vertex_hash": "vertex", "texture_cells": 65}, "texture_cells 65"),
        ({"texture_cells": 2}, "vertex_hash block with texture_cells 2"),
        ({"patch_sides": (3, 4, 5)}, "patch_sides (3, 4, 5)"),
        ({"patch_sides": (3, -1, 5)}, "patch_sides (3, -1, 5)"),
        ({"patch_sides": (3, 17, 5)}, "patch_sides (3, 17, 5)"),
        ({"patch_spacing_px": (0, 1, 1)}, "patch_spacing_px (0, 1, 1)"),
        ({"patch_spacing_px": (65, 1, 1)}, "patch_spacing_px (65, 1, 1)"),
        ({"patch_blur_px": (-0.1, 1.0, 1.0)}, "patch_blur_px (-0.1, 1.0, 1.0)"),
        ({"patch_blur_px": (0.0, NAN, 1.0)}, "patch_blur_px (0.0, nan, 1.0)"),
        ({"patch_blur_px": (0.0, 64.5, 1.0)}, "patch_blur_px (0.0, 64.5, 1.0)"),
        ({"code_scale": -0.1}, "code_scale -0.1"),
        ({"code_scale": 10.5}, "code_scale 10.5"),
        ({"code_scale": NAN}, "code_scale nan"),
        ({"table_init": -0.1}, "table_init -0.1"),
        ({"table_init": 1.1}, "table_init 1.1"),
        ({"table_step": -0.1}, "table_step -0.1"),
        ({"table_step": NAN}, "table_step nan"),
        ({"key": "xy"}, "'xy' instead of stt or xyt"),
        ({"vertex_hash": "edge"}, "'edge' instead of block or vertex"),
        ({"weights": "plain"}, "'plain' instead of printed or anchored or multilinear"),
        ({"gates": "on"}, "'on' instead of printed or anchored or off"),
        ({"output": "both"}, "'both' instead of direct or residual"),
    ],
)
def test_impossible_networks_are_refused(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        replace(CLIP, **asked)
    assert words in str(caught.value)
    assert ";" not in str(caught.value)  # nothing else is found wrong
    assert caught.value.hint == "see ClipConfig"


@pytest.mark.parametrize(
    "asked",
    [
        {"size": (1, 1), "frames": 1},
        {"size": (1 << 15, 1 << 15), "frames": 1 << 20},
        {"cells_per_px": (8.0, 8.0, 8.0), "entries": (8, LARGEST_TABLE, 24)},
        {"features": 64, "units": 1024, "vertex_hash": "vertex", "texture_cells": 64},
        {"features": 1, "units": 1, "patch_sides": (1, 15, 1)},
        {"patch_spacing_px": (64, 1, 1), "patch_blur_px": (64.0, 0.0, 0.0), "code_scale": 10.0, "table_init": 1.0},
        {"code_scale": 0.0, "table_init": 0.0},
    ],
)
def test_the_limits_themselves_are_allowed(asked: dict[str, Any]) -> None:
    assert to_plain(replace(CLIP, **asked)) | to_plain(CLIP) == to_plain(CLIP)


def test_several_problems_are_told_together() -> None:
    with pytest.raises(OptionError, match=r"frames 0; features 0, .*; 'on' instead of"):
        replace(CLIP, frames=0, features=0, gates="on")  # type: ignore[arg-type]


@given(
    size=st.tuples(st.integers(1, 99), st.integers(1, 99)),
    cells=st.lists(st.floats(0.1, 8), min_size=1, max_size=4),
    key=st.sampled_from(["stt", "xyt"]),
    table_step=st.floats(0, 1),
    vertex_hash=st.sampled_from(["block", "vertex"]),
    weights=st.sampled_from(["printed", "anchored", "multilinear"]),
    gates=st.sampled_from(["printed", "anchored", "off"]),
    output=st.sampled_from(["direct", "residual"]),
)
def test_json_form_and_back(size: tuple[int, int], cells: list[float], **kinds: Any) -> None:
    n = len(cells)
    lists = {"entries": (16,) * n, "patch_sides": (3,) * n, "patch_spacing_px": (2,) * n, "patch_blur_px": (0.5,) * n}
    config = ClipConfig(size=size, frames=2, cells_per_px=tuple(cells), **lists, **kinds)  # type: ignore[arg-type]
    assert from_plain(ClipConfig, to_plain(config)) == config


def test_a_json_form_is_checked_as_well() -> None:
    plain = to_plain(CLIP)
    with pytest.raises(ValueError, match="gates: expected one of"):
        from_plain(ClipConfig, {**plain, "gates": "on"})
    with pytest.raises(OptionError, match="features 0"):
        from_plain(ClipConfig, {**plain, "features": 0})
    with pytest.raises(ValueError, match="expected a field frames"):
        from_plain(ClipConfig, {key: value for key, value in plain.items() if key != "frames"})


def test_a_config_is_read_without_torch() -> None:
    code = "import sys, vrinr_cli.model.clip_config as c; c.for_clip((9, 9), 2); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_cells_by_hand() -> None:
    assert CLIP.levels == 3
    assert CLIP.context == 0
    assert CLIP.cells(0) == (8, 6, 2, 1, 1, 1)  # width, height, frames - 1
    assert CLIP.cells(1) == (6, 4, 2, 1, 1, 1)  # 8 * 0.75 and 4.5
    assert CLIP.cells(2) == (4, 3, 2, 1, 1, 1)
    assert replace(CLIP, vertex_hash="vertex", texture_cells=5).cells(0)[3:] == (5, 5, 5)
    assert replace(CLIP, size=(1, 2), frames=1).cells(2) == (1, 1, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("size", "frames", "entries_per_px", "entries"),
    [
        ((256, 256), 8, 2.0, 2**20),  # 2^19 pixels
        ((256, 256), 8, 1.0, 2**19),
        ((100, 100), 3, 4.0, 2**17),  # 120000: 2^16.87
        ((90, 100), 1, 1.0, 2**13),  # 9000: 2^13.14
        ((1, 2), 1, 4.0, 8),
        ((4320, 7680), 100, 4.0, LARGEST_TABLE),
    ],
)
def test_tables_grow_with_the_clip(size: tuple[int, int], frames: int, entries_per_px: float, entries: int) -> None:
    config = for_clip(size, frames, entries_per_px=entries_per_px)
    assert config == ClipConfig(size=size, frames=frames, entries=(entries, entries))


def test_dense_tables_fit_their_grids_just_so() -> None:
    config = dense_for_clip((10, 20), 4, cells_per_px=(1.0, 0.5), features=3, table_step=0.05)
    assert config.entries == (22 * 12 * 5, 12 * 7 * 5 + 4)  # 1320 and 420, rounded up to a multiple of 8
    assert (config.key, config.key_dimensions, config.features, config.table_step) == ("xyt", 3, 3, 0.05)
    assert all(Lattice(config, level).is_dense for level in range(2))
    smaller = replace(config, entries=(22 * 12 * 5 - 8, 12 * 7 * 5 - 4))
    assert not any(Lattice(smaller, level).is_dense for level in range(2))


def test_the_control_differs_in_the_code_alone() -> None:
    assert with_constant_code(CLIP) == replace(CLIP, code_scale=0.0) != CLIP


def test_parameters_of_the_default_by_hand() -> None:
    network = ClipNetwork(for_clip((256, 256), 8))
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    small, large = (27 * 64 + 64) + (64 * 3 + 3), (75 * 64 + 64) + (64 * 3 + 3)  # patches of 3x3 and 5x5 samples
    tables = (1048576 + 1048576) * 6
    g_hash = (18 * 64 + 64) + (64 * 64 + 64)
    assert counts == {
        "codes": small + large,
        "grids": tables + 2 * g_hash,
        "gates": (6 * 64 + 64) + (64 * 6 + 6),
        "color": (2 * 6 * 64 + 64) + (64 * 3 + 3),
    }
    assert sum(counts.values()) == 12_602_575
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items() if "table" in name}
    assert shapes == {"grids.0.table": (2**20, 6), "grids.1.table": (2**20, 6)}
    assert len(network.state_dict()) == 2 * 4 + 2 * 5 + 4 + 4  # codes, grids, a gate, color: no offsets


def test_parts_that_a_config_leaves_out_have_no_parameters() -> None:
    off = ClipNetwork(replace(CLIP, gates="off", weights="multilinear"))
    tables = (64 + 128 + 1024) * 2
    codes = 2 * (27 * 5 + 5 + 5 * 3 + 3) + (75 * 5 + 5 + 5 * 3 + 3)
    color = 6 * 5 + 5 + 5 * 3 + 3
    assert sum(p.numel() for p in off.parameters()) == tables + codes + color
