"""Tables keyed by place and time alone: eight vertices, and the texture code acts through G_Hash only."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from clip_by_hand import mlp
from networks import noise
from vrinr_cli.errors import OptionError
from vrinr_cli.model.clip_config import ClipConfig, Weights, dense_for_clip
from vrinr_cli.model.lattice import LatticeLevel

CONFIG = dense_for_clip((4, 5), 3, cells_per_px=(1.0, 0.5), features=2, table_step=0.0)


def level(config: ClipConfig = CONFIG) -> LatticeLevel:
    grid = LatticeLevel(config, 0).double().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for tensor in grid.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=torch.float64))
    return grid


def codes(count: int = 7) -> Tensor:
    return 2 * noise(count, 6, seed=3) - 1


def by_hand(grid: LatticeLevel, code: list[float], *, kind: str) -> list[float]:
    """Cells 5 x 4 x 2, so 7 x 6 x 4 vertices, counted through with t fastest."""
    places = [(code[0] + 1) / 2 * 5, (code[1] + 1) / 2 * 4, (code[2] + 1) / 2 * 2]
    low = [int(place) for place in places]
    inside = [p - n for p, n in zip(places, low, strict=True)] + [(c + 1) / 2 for c in code[3:]]
    assert grid.weigh is not None
    adaptive = mlp(grid.weigh, [*code, *inside, *(1 - a for a in inside)])
    value = [0.0, 0.0]
    for corner, weight in zip(itertools.product((0, 1), repeat=3), adaptive, strict=True):
        x, y, t = (n + up for n, up in zip(low, corner, strict=True))
        linear = 1.0
        for a, up in zip(inside[:3], corner, strict=True):
            linear *= a if up else 1 - a
        weighed = weight if kind == "printed" else linear * (1 + weight)
        value = [v + weighed * e for v, e in zip(value, grid.table[(x * 6 + y) * 4 + t].tolist(), strict=True)]
    return value


@pytest.mark.parametrize("kind", ["printed", "anchored"])
def test_a_level_is_the_sum_over_eight_vertices(kind: Weights) -> None:
    grid = level(replace(CONFIG, weights=kind))
    expected = torch.tensor([by_hand(grid, code, kind=kind) for code in codes().tolist()], dtype=torch.float64)
    torch.testing.assert_close(grid(codes()), expected)


def test_every_vertex_has_an_entry_of_its_own() -> None:
    grid = level()
    assert grid.lattice.is_dense
    assert grid.lattice.vertices == (7, 6, 4)
    assert grid.table.shape == (168, 2)  # 7 6 4 = 168, a multiple of 8 already
    everywhere = torch.cartesian_prod(torch.arange(7), torch.arange(6), torch.arange(4))
    assert sorted(grid.lattice.row(everywhere).tolist()) == list(range(168))


def test_the_texture_code_still_counts_through_g_hash() -> None:
    other = codes().clone()
    other[:, 3:] *= -1
    grid = level()
    assert not torch.allclose(grid(codes()), grid(other))
    plain = level(replace(CONFIG, weights="multilinear"))
    assert torch.equal(plain(codes()), plain(other))


def test_rounding_is_drawn_only_while_there_is_a_generator() -> None:
    grid = level(replace(CONFIG, table_step=0.5))
    still = grid(codes())
    grid.noise = torch.Generator().manual_seed(1)
    moved = grid(codes())
    assert not torch.equal(moved, still)
    grid.noise.manual_seed(1)
    assert torch.equal(grid(codes()), moved)
    grid.noise = None
    assert torch.equal(grid(codes()), still)


def test_rounding_moves_a_value_by_at_most_half_a_step_for_each_weight() -> None:
    grid = level(replace(CONFIG, table_step=0.5, weights="multilinear"))
    many = codes(4000)
    still = grid(many)
    grid.noise = torch.Generator().manual_seed(1)
    moved = (grid(many) - still).abs()
    assert 0.1 < float(moved.max()) <= 0.25


def test_table_steps_that_no_file_can_have_are_refused() -> None:
    with pytest.raises(OptionError, match="table_step 2"):
        replace(CONFIG, table_step=2.0)
    with pytest.raises(OptionError, match="'xyz' instead of stt or xyt"):
        replace(CONFIG, key="xyz")  # type: ignore[arg-type]
