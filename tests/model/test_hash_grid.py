"""The table read beside a loop over the eight grid points around a code."""

import itertools
import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import noise
from vrinr_cli.model.hash_grid import TextureTable

some_codes = st.lists(st.tuples(*[st.floats(-1, 1) | st.sampled_from([-1.0, 0.0, 1.0])] * 3), min_size=1, max_size=6)


def seeded_table(cells: int, seed: int = 0) -> TextureTable:
    table = TextureTable(cells, 2).double().requires_grad_(False)
    table.table.copy_(noise(2, cells, cells, cells, seed=seed))
    return table


def read_by_loop(table: TextureTable, code: tuple[float, ...]) -> Tensor:
    cells = table.table.shape[-1]
    places = [(number + 1) / 2 * (cells - 1) for number in code]
    total = torch.zeros(2, dtype=torch.float64)
    for corner in itertools.product((0, 1), repeat=3):
        points = [min(math.floor(place), cells - 2) + c for place, c in zip(places, corner, strict=True)]
        weight = math.prod(1 - abs(place - point) for place, point in zip(places, points, strict=True))
        x, y, z = points
        total += weight * table.table[:, z, y, x]  # the code's first number runs along the table's last axis
    return total


@given(codes=some_codes, cells=st.integers(2, 5), seed=st.integers(0, 99), learns=st.booleans())
def test_table_equals_a_loop_over_its_vertices(
    codes: list[tuple[float, ...]], cells: int, seed: int, *, learns: bool
) -> None:
    table = seeded_table(cells, seed)
    slow = torch.stack([read_by_loop(table, code) for code in codes], dim=1)  # (D, n)
    with torch.set_grad_enabled(learns):  # the way that has gradients, and the fast one
        fast = table(torch.tensor(codes, dtype=torch.float64).T[None, :, :, None])[0, :, :, 0]
    torch.testing.assert_close(fast, slow)


def test_frames_and_pixels_keep_their_order() -> None:
    table = seeded_table(4)
    codes = noise(2, 3, 2, 3) * 2 - 1
    for n, y, x in itertools.product(range(2), range(2), range(3)):
        one = table(codes[n : n + 1, :, y : y + 1, x : x + 1])
        torch.testing.assert_close(table(codes)[n, :, y, x], one[0, :, 0, 0])


def test_a_reduced_precision_code_is_read_at_its_own_place() -> None:
    table = TextureTable(16, 4).requires_grad_(False)
    codes = noise(1, 3, 4, 4, dtype=torch.bfloat16) * 2 - 1
    exact = table(codes.float())
    assert table(codes).dtype is torch.bfloat16
    torch.testing.assert_close(table(codes).float(), exact, rtol=2**-8, atol=0)
    table.to(torch.bfloat16)
    torch.testing.assert_close(table(codes).float(), exact, rtol=2**-7, atol=1e-3)


def test_gradients_are_right() -> None:
    table = seeded_table(3).requires_grad_(True)
    code = (noise(1, 3, 2, 2) * 1.6 - 0.8).requires_grad_(True)

    def read(code: Tensor, entries: Tensor) -> Tensor:
        assert entries is table.table
        answer: Tensor = table(code)
        return answer

    assert torch.autograd.gradcheck(read, (code, table.table))
