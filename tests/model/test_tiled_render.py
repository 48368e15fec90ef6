"""Frames in tiles beside the same frames query by query, which test_clip_network.py holds to loops over pixels."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import CLIP, noise, seeded_clip
from vrinr_cli.model.clip_config import ClipConfig, for_clip
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.lattice import LatticeLevel
from vrinr_cli.model.tiled_render import can_tile

TILED = [
    CLIP,
    replace(CLIP, vertex_hash="vertex"),  # single vertices: hashed, with a remainder of a power of two
    replace(CLIP, vertex_hash="vertex", entries=(2880, 72, 13 * 8)),  # and of other numbers
    replace(CLIP, key="xyt"),
    replace(CLIP, gates="anchored", output="residual"),
    replace(CLIP, gates="off"),
    replace(CLIP, code_scale=0.0),
    replace(CLIP, frames=1),
]
sizes = st.tuples(st.integers(1, 13), st.integers(1, 13))


def plainly(network: ClipNetwork, frame: Tensor, time: float) -> Tensor:
    """The frame by scattered queries and reads by indexing alone."""
    grids = [grid for grid in network.grids if isinstance(grid, LatticeLevel)]
    for grid in grids:
        grid.is_plain = True
    picture = network.render(frame, time)
    for grid in grids:
        grid.is_plain = False
    return picture


@pytest.mark.parametrize("config", TILED)
@given(size=sizes, points=st.integers(1, 200), time=st.sampled_from([-1.0, -0.3, 0.0, 0.75, 1.0]))
def test_tiles_of_any_size_equal_single_queries(
    config: ClipConfig, size: tuple[int, int], points: int, time: float
) -> None:
    network, frame = seeded_clip(config), noise(3, *size)
    expected = plainly(network, frame, time)
    torch.testing.assert_close(network.render(frame, time, points=points), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [(66, 150), (33, 75), (132, 300)])
def test_the_papers_network_in_single_precision_is_the_same_to_a_ten_thousandth(size: tuple[int, int]) -> None:
    """Fitted at 150x66, whose tables are hashed; several tiles, the last of each row narrow."""
    config = for_clip((66, 150), 8)
    network, frame = seeded_clip(config).float(), noise(3, *size).float()
    for parameter in network.color[2].parameters():
        parameter.div_(60)  # colors of about 0 to 1, as fitted networks have
    expected = plainly(network, frame, 3 / 7 * 2 - 1)
    assert 0.1 < float(expected.std()) < 1
    torch.testing.assert_close(network.render(frame, 3 / 7 * 2 - 1), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        replace(CLIP, weights="anchored"),
        replace(CLIP, weights="multilinear"),
        replace(CLIP, vertex_hash="vertex", texture_cells=2),
    ],
)
def test_other_networks_are_asked_query_by_query(config: ClipConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not can_tile(config)
    network, frame = seeded_clip(config), noise(3, *config.size)
    expected = plainly(network, frame, 0.5)
    monkeypatch.setattr(ClipNetwork, "_in_tiles", _fails)
    torch.testing.assert_close(network.render(frame, 0.5), expected)


@pytest.mark.parametrize("config", TILED)
def test_networks_as_printed_are_rendered_in_tiles(config: ClipConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_tile(config)
    monkeypatch.setattr(ClipNetwork, "at_pixels", _fails)
    assert seeded_clip(config).render(noise(3, *config.size), 0.5).shape == (3, *config.size)
    with pytest.raises(AssertionError, match="not this way"):
        plainly(seeded_clip(config), noise(3, *config.size), 0.5)


def _fails(*_: object) -> Callable[..., Tensor]:
    raise AssertionError("not this way")
