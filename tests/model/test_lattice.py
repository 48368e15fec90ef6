"""A level's lattice and table, Eq. (3) to (7): cells and rows by hand, values beside a loop over 64 vertices."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from clip_by_hand import cell_of, entry_of, level_value, tensor
from networks import noise, seeded_clip
from vrinr_cli.model.clip_config import ClipConfig, Key, VertexHash, Weights
from vrinr_cli.model.lattice import Lattice, LatticeLevel, corner_offsets, multilinear_weights
from vrinr_cli.model.table_read import block_entries

SMALL = ClipConfig(
    size=(2, 2),
    frames=3,
    cells_per_px=(1.0,),
    entries=(512,),
    features=2,
    patch_sides=(1,),
    patch_spacing_px=(1,),
    patch_blur_px=(0.0,),
    units=4,
    weights="multilinear",
)
"""One level of 2x2x2 cells: 4x4x4 blocks, which just fit."""
LARGE = replace(SMALL, size=(5, 6), frames=4)
"""One level of 6x5x3 cells: 8x7x5 blocks, which do not fit."""

numbers = st.floats(-1, 1) | st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0])
some_codes = st.lists(st.tuples(*[numbers] * 6), min_size=1, max_size=3)


def seeded_level(config: ClipConfig, seed: int = 0) -> LatticeLevel:
    level = seeded_clip(config, seed=seed).grids[0]
    assert isinstance(level, LatticeLevel)
    return level


def codes_of(values: Iterable[tuple[float, ...]]) -> Tensor:
    return tensor([list(code) for code in values])


def vertex_of(config: ClipConfig, *code: float) -> tuple[list[int], list[float]]:
    low, inside = Lattice(config, 0).place(codes_of([code]))
    return low[0].tolist(), inside[0].tolist()


def entries_read(level: LatticeLevel, code: Tensor) -> Tensor:
    """The 64 entries of one code, in the order of its weights."""
    rows = level.rows(level.lattice.place(code[None])[0])
    return (block_entries(rows) if level.lattice.is_block else rows)[0]


def test_corners_count_in_binary() -> None:
    assert corner_offsets(2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert corner_offsets(6).tolist() == [list(corner) for corner in itertools.product((0, 1), repeat=6)]


def test_the_cell_of_a_code_by_hand() -> None:
    low, inside = vertex_of(SMALL, -0.5, 0.5, 0.25, -0.5, 0.0, 0.5)
    assert low == [0, 1, 1, 0, 0, 0]  # of places 0.5, 1.5, 1.25 and 0.25, 0.5, 0.75
    assert inside == [0.5, 0.5, 0.25, 0.25, 0.5, 0.75]


def test_the_eight_blocks_around_a_code_by_hand() -> None:
    level = seeded_level(SMALL)
    code = torch.tensor([-0.5, 0.5, 0.25, 0.1, 0.2, 0.3], dtype=torch.float64)
    blocks = [
        (0 * 4 + 1) * 4 + 1,  # x 0, y 1, t 1
        (0 * 4 + 1) * 4 + 2,
        (0 * 4 + 2) * 4 + 1,
        (0 * 4 + 2) * 4 + 2,
        (1 * 4 + 1) * 4 + 1,
        (1 * 4 + 1) * 4 + 2,
        (1 * 4 + 2) * 4 + 1,
        (1 * 4 + 2) * 4 + 2,  # x 1, y 2, t 2
    ]
    assert level.rows(level.lattice.place(code[None])[0]).tolist() == [blocks]
    assert entries_read(level, code).tolist() == [8 * block + corner for block in blocks for corner in range(8)]


def test_the_64_vertices_around_a_code_by_hand() -> None:
    config = replace(SMALL, vertex_hash="vertex", entries=(4 * 4 * 4 * 3 * 3 * 3 + 8 - 4 * 4 * 4 * 3 * 3 * 3 % 8,))
    level = seeded_level(config)
    code = torch.tensor([-0.5, 0.5, 0.25, 0.1, 0.2, 0.3], dtype=torch.float64)
    low = level.lattice.place(code[None])[0]
    expected = [
        ((((x * 4 + y) * 4 + t) * 3 + a) * 3 + b) * 3 + c
        for x in (0, 1)
        for y in (1, 2)
        for t in (1, 2)
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
    ]
    assert level.rows(low).tolist() == [expected]


@pytest.mark.parametrize(
    ("place", "low", "inside"),
    [
        (-1.0, [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]),
        (0.0, [1, 1, 1, 0, 0, 0], [0, 0, 0, 0.5, 0.5, 0.5]),  # on a grid line of x, y and t
        (1.0, [2, 2, 2, 0, 0, 0], [0, 0, 0, 1, 1, 1]),  # the last texture cell ends with its upper vertex
    ],
)
def test_a_code_on_a_grid_line_has_the_upper_vertex_floor_plus_one(
    place: float, low: list[int], inside: list[float]
) -> None:
    assert vertex_of(SMALL, *[place] * 6) == (low, inside)
    level = seeded_level(SMALL)
    entries = entries_read(level, torch.full((6,), place, dtype=torch.float64)).tolist()
    assert len(set(entries)) == 64
    upper = [n + 1 for n in low]
    assert entries[-1] == 8 * ((upper[0] * 4 + upper[1]) * 4 + upper[2]) + 7


def test_texture_codes_reach_every_texture_cell() -> None:
    config = replace(SMALL, vertex_hash="vertex", texture_cells=3)
    for number, low, inside in ((-1.0, 0, 0.0), (-0.5, 0, 0.75), (0.5, 2, 0.25), (1.0, 2, 1.0)):
        found = vertex_of(config, 0.0, 0.0, 0.0, number, number, number)
        assert found[0][3:] == [low] * 3
        assert found[1][3:] == [inside] * 3


@given(code=st.tuples(*[numbers] * 6), texture_cells=st.integers(1, 3))
def test_the_cell_equals_the_definition(code: tuple[float, ...], texture_cells: int) -> None:
    config = replace(LARGE, vertex_hash="vertex", texture_cells=texture_cells)
    assert vertex_of(config, *code) == cell_of(list(code), config, 0)


@pytest.mark.parametrize("vertex_hash", ["block", "vertex"])
@pytest.mark.parametrize("axis", range(6))
def test_multilinear_values_are_continuous_across_grid_lines(vertex_hash: VertexHash, axis: int) -> None:
    level = seeded_level(replace(SMALL, vertex_hash=vertex_hash, texture_cells=1 if vertex_hash == "block" else 2))
    on_line = torch.tensor([[0.3, -0.7, 0.1, 0.4, -0.6, 0.2]], dtype=torch.float64)
    on_line[0, axis] = 0.0
    step = torch.zeros_like(on_line)
    step[0, axis] = 1e-9
    for near in (on_line - step, on_line + step):
        torch.testing.assert_close(level(near), level(on_line), rtol=0, atol=1e-7)
    assert not torch.allclose(level(on_line + 1e8 * step), level(on_line), atol=1e-3)


def test_multilinear_values_on_a_vertex_are_its_entry() -> None:
    level = seeded_level(SMALL)
    value = level(torch.tensor([[0.0, 1.0, -1.0, 1.0, -1.0, 1.0]], dtype=torch.float64))
    torch.testing.assert_close(value[0], level.table[8 * ((1 * 4 + 2) * 4 + 0) + 5])


def test_a_grid_that_fits_is_counted_through() -> None:
    lattice = Lattice(SMALL, 0)
    assert (lattice.vertices, lattice.rows, lattice.is_dense) == ((4, 4, 4), 64, True)
    vertices = torch.cartesian_prod(*[torch.arange(4)] * 3)
    assert lattice.row(vertices).tolist() == list(range(64))
    assert not Lattice(replace(SMALL, entries=(504,)), 0).is_dense


def test_a_dense_table_of_vertices_gives_each_its_own_row() -> None:
    lattice = Lattice(replace(SMALL, vertex_hash="vertex", entries=(1728,)), 0)
    assert (lattice.vertices, lattice.rows, lattice.is_dense) == ((4, 4, 4, 3, 3, 3), 1728, True)
    axes = [torch.arange(count) for count in lattice.vertices]
    assert lattice.row(torch.cartesian_prod(*axes)).tolist() == list(range(1728))
    assert not Lattice(replace(SMALL, vertex_hash="vertex", entries=(1720,)), 0).is_dense


def test_the_hash_of_a_block_by_hand() -> None:
    vertex = torch.tensor([3, 5, 2])  # x, y, t
    # 3 * 1 = 3, 5 * 2654435761 = 13272178805 and 2 * 805459861 = 1610919722 end in 0011, 0101 and 1010
    assert int(Lattice(replace(LARGE, entries=(16 * 8,)), 0).row(vertex)) == 0b1100
    assert int(Lattice(replace(LARGE, entries=(13 * 8,)), 0).row(vertex)) == (3 ^ 13272178805 ^ 1610919722) % 13


def test_the_hash_of_a_vertex_by_hand() -> None:
    config = replace(LARGE, vertex_hash="vertex")
    vertex = torch.tensor([3, 5, 2, 1, 0, 1])
    hashed = 3 ^ 13272178805 ^ 1610919722 ^ 3674653429 ^ 0 ^ 1434869437
    # the factors of xi_1 and xi_3 end in 0101 and 1101, so 1100 ^ 0101 ^ 1101 = 0100
    assert int(Lattice(replace(config, entries=(16,)), 0).row(vertex)) == 0b0100
    assert int(Lattice(replace(config, entries=(72,)), 0).row(vertex)) == hashed % 72
    vertex[4] = 1
    assert int(Lattice(replace(config, entries=(72,)), 0).row(vertex)) == (hashed ^ 2097192037) % 72


@st.composite
def some_configs(draw: st.DrawFn) -> ClipConfig:
    vertex_hash = cast(VertexHash, draw(st.sampled_from(["block", "vertex"])))
    return replace(
        SMALL,
        size=(draw(st.integers(1, 2000)), draw(st.integers(1, 4000))),
        frames=draw(st.integers(1, 1000)),
        cells_per_px=(draw(st.floats(0.01, 8)),),
        entries=(8 * draw(st.integers(1, 200)),),
        vertex_hash=vertex_hash,
        texture_cells=1 if vertex_hash == "block" else draw(st.integers(1, 64)),
    )


@given(config=some_configs(), codes=some_codes)
def test_every_row_lies_in_the_table(config: ClipConfig, codes: list[tuple[float, ...]]) -> None:
    lattice = Lattice(config, 0)
    dimensions = 3 if lattice.is_block else 6
    for dtype in (torch.float32, torch.float64):
        low, inside = lattice.place(codes_of(codes).to(dtype))
        rows = lattice.row(low[:, None, :dimensions] + corner_offsets(dimensions))
        assert 0 <= int(rows.min()) <= int(rows.max()) < lattice.rows
        assert 0 <= float(inside.min()) <= float(inside.max()) <= 1
        assert bool((low + 1 <= torch.tensor(lattice.cells) + 1).all())


def test_a_hashed_table_is_used_throughout() -> None:
    lattice = Lattice(replace(LARGE, size=(64, 64), entries=(64 * 8,)), 0)
    rows = lattice.row(torch.cartesian_prod(torch.arange(20), torch.arange(20), torch.arange(3)))
    counts = torch.bincount(rows, minlength=64)
    assert len(counts) == 64
    assert int(counts.min()) > 0
    assert int(counts.max()) < 4 * 1200 / 64


@pytest.mark.parametrize("config", [SMALL, LARGE])
def test_texture_corners_lie_side_by_side(config: ClipConfig) -> None:
    level = seeded_level(config)
    assert level.lattice.is_dense == (config is SMALL)
    level.table.copy_(torch.arange(512, dtype=torch.float64)[:, None].expand(-1, 2))  # an entry tells its number
    for corner in itertools.product((-1.0, 1.0), repeat=3):
        code = codes_of([(-1.0, 1.0, 1.0, *corner)])  # on a vertex
        block = int(level.rows(level.lattice.place(code)[0])[0, 0])
        a, b, c = (int(number > 0) for number in corner)
        assert level(code)[0].tolist() == [8 * block + 4 * a + 2 * b + c] * 2


@pytest.mark.parametrize("weights", ["printed", "anchored", "multilinear"])
def test_both_layouts_are_the_same_where_the_grid_fits(weights: Weights) -> None:
    blocks = seeded_level(replace(SMALL, weights=weights))
    vertices = seeded_level(replace(SMALL, weights=weights, vertex_hash="vertex", entries=(1728,)))
    vertices.load_state_dict({**blocks.state_dict(), "table": vertices.table})
    for vertex in itertools.product(*(range(n) for n in (4, 4, 4, 2, 2, 2))):
        own = int(vertices.lattice.row(torch.tensor(vertex)))
        block = int(blocks.lattice.row(torch.tensor(vertex[:3])))
        vertices.table[own] = blocks.table[8 * block + 4 * vertex[3] + 2 * vertex[4] + vertex[5]]
    codes = torch.cat([noise(50, 6) * 2 - 1, codes_of(itertools.product((-1.0, 0.0, 1.0), repeat=6))])
    torch.testing.assert_close(blocks(codes), vertices(codes))


@pytest.mark.parametrize("inside", [(0.0,) * 6, (1.0, 0.25, 0.5, 0.125, 0.75, 0.0)])
def test_multilinear_weights_are_products(inside: tuple[float, ...]) -> None:
    weights = multilinear_weights(codes_of([inside]))[0]
    x, y, t, a, b, c = inside
    assert float(weights[0]) == (1 - x) * (1 - y) * (1 - t) * (1 - a) * (1 - b) * (1 - c)
    assert float(weights[0b101110]) == x * (1 - y) * t * a * b * (1 - c)
    assert float(weights[63]) == x * y * t * a * b * c
    for weight, corner in zip(weights.tolist(), itertools.product((0, 1), repeat=6), strict=True):
        expected = math.prod(place if upper else 1 - place for place, upper in zip(inside, corner, strict=True))
        assert weight == pytest.approx(expected)


def test_multilinear_weights_of_a_square_by_hand() -> None:
    assert multilinear_weights(codes_of([(0.25, 0.5)])).tolist() == [[0.375, 0.375, 0.125, 0.125]]


@given(inside=st.lists(st.tuples(*[st.floats(0, 1)] * 6), min_size=1, max_size=4))
def test_multilinear_weights_sum_to_one(inside: list[tuple[float, ...]]) -> None:
    weights = multilinear_weights(codes_of(inside))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(inside), dtype=torch.float64))
    assert bool((weights >= 0).all())


@pytest.mark.parametrize("is_dense", [True, False])
@pytest.mark.parametrize("weights", ["printed", "anchored", "multilinear"])
@pytest.mark.parametrize("layout", [("stt", "block"), ("stt", "vertex"), ("xyt", "vertex")])
@given(codes=some_codes, seed=st.integers(0, 99))
def test_a_level_equals_a_loop_over_its_vertices(
    layout: tuple[Key, VertexHash], weights: Weights, is_dense: bool, codes: list[tuple[float, ...]], seed: int
) -> None:
    key, vertex_hash = layout
    config = replace(
        LARGE,
        entries=(8 * 7 * 5 * 4 * 4 * 4 if is_dense else 72,),
        key=key,
        vertex_hash=vertex_hash,
        texture_cells=1 if vertex_hash == "block" else 2,
        weights=weights,
    )
    level = seeded_level(config, seed)
    assert level.lattice.is_dense == is_dense
    slow = tensor([level_value(level, config, 0, list(code)) for code in codes])
    torch.testing.assert_close(level(codes_of(codes)), slow)


def test_a_key_of_place_and_time_has_eight_vertices() -> None:
    level = seeded_level(replace(SMALL, key="xyt", entries=(64,), weights="printed"))
    assert (level.lattice.vertices, level.lattice.rows, level.lattice.is_dense) == ((4, 4, 4), 64, True)
    code = codes_of([(-0.5, 0.5, 0.25, 0.1, 0.2, 0.3)])
    low, inside = level.lattice.place(code)
    assert level.rows(low).tolist() == [[5, 6, 9, 10, 21, 22, 25, 26]]  # (4 x + y) 4 + t of x 0, 1, y 1, 2, t 1, 2
    assert level.weights(code, inside).shape == (1, 8)
    assert not torch.equal(level(code), level(code + codes_of([(0, 0, 0, 0.1, 0, 0)])))  # the texture acts by G_Hash


@pytest.mark.parametrize("vertex_hash", ["block", "vertex"])
def test_plain_reads_equal_fast_ones(vertex_hash: VertexHash) -> None:
    level = seeded_level(replace(LARGE, vertex_hash=vertex_hash))
    codes = noise(20, 6) * 2 - 1
    fast = level(codes)
    level.is_plain = True
    torch.testing.assert_close(level(codes), fast)


def test_noise_moves_every_entry_by_up_to_half_a_step() -> None:
    level = seeded_level(replace(SMALL, table_step=0.25))
    code = codes_of([(0.0, 1.0, -1.0, 1.0, -1.0, 1.0)]).expand(4000, -1)  # on a vertex: one weight of 1
    still = level(code)
    level.noise = torch.Generator().manual_seed(0)
    moved = level(code) - still
    assert 0.12 < float(moved.max()) <= 0.125
    assert -0.125 <= float(moved.min()) < -0.12
    assert abs(float(moved.mean())) < 0.005
    assert float(moved.std()) == pytest.approx(0.25 / math.sqrt(12), rel=0.05)  # of a uniform step


def test_noise_without_a_step_moves_nothing() -> None:
    level, codes = seeded_level(SMALL), noise(5, 6)
    still = level(codes)
    level.noise = torch.Generator().manual_seed(0)
    assert torch.equal(level(codes), still)


def test_the_loop_itself_by_hand() -> None:
    """At a vertex, a multilinear loop gives that vertex' entry: the slow reading is checked as well."""
    level = seeded_level(SMALL)
    slow = level_value(level, SMALL, 0, [0.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    assert slow == level.table[entry_of((1, 2, 0, 1, 0, 1), SMALL, 0)].tolist()
    assert entry_of((1, 2, 0, 1, 0, 1), SMALL, 0) == 8 * 24 + 5


def test_g_hash_reads_18_numbers_in_the_stated_order() -> None:
    level = seeded_level(replace(SMALL, weights="printed", units=18))
    assert level.weigh is not None
    first, last = level.weigh[0], level.weigh[2]
    assert isinstance(first, torch.nn.Linear)
    assert isinstance(last, torch.nn.Linear)
    assert (first.in_features, last.out_features) == (18, 64)
    first.weight.copy_(torch.eye(18))
    first.bias.fill_(1.0)  # above 0, so that no input is cut by the ReLU
    last.weight.zero_()
    last.weight[:18].copy_(torch.eye(18))
    last.bias.fill_(-1.0)
    code = codes_of([(-0.5, 0.5, 0.25, -0.75, 0.0, 0.5)])
    _, inside = level.lattice.place(code)
    answer = level.weights(code, inside)[0]
    expected = [-0.5, 0.5, 0.25, -0.75, 0.0, 0.5, 0.5, 0.5, 0.25, 0.125, 0.5, 0.75, 0.5, 0.5, 0.75, 0.875, 0.5, 0.25]
    assert answer[:18].tolist() == expected
    assert answer[18:].tolist() == [-1.0] * 46


def test_a_new_anchored_level_interpolates() -> None:
    torch.manual_seed(0)
    level = LatticeLevel(replace(SMALL, weights="anchored"), 0).double().requires_grad_(False)
    inside = noise(5, 6)
    assert torch.equal(level.weights(noise(5, 6, seed=1), inside), multilinear_weights(inside))
    printed = LatticeLevel(replace(SMALL, weights="printed"), 0).double().requires_grad_(False)
    assert not torch.allclose(printed.weights(noise(5, 6, seed=1), inside), multilinear_weights(inside))


def test_a_new_table_lies_between_its_limits() -> None:
    torch.manual_seed(0)
    table = LatticeLevel(replace(SMALL, table_init=0.25), 0).table.detach()
    assert table.shape == (512, 2)
    assert 0.24 < float(table.max()) <= 0.25
    assert -0.25 <= float(table.min()) < -0.24


@pytest.mark.parametrize("weights", ["printed", "anchored", "multilinear"])
def test_gradients_towards_the_code_are_right(weights: Weights) -> None:
    level = seeded_level(replace(SMALL, weights=weights))
    code = (noise(3, 6, seed=5) * 0.8 + 0.1).requires_grad_(True)  # inside cells, away from their walls
    assert torch.autograd.gradcheck(level, (code,))
