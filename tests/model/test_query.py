"""The query beside a slow reading of the formula in its module's docstring."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import TINY, noise, seeded
from strategies import axes
from vrinr_cli.model import query as query_module
from vrinr_cli.model.query import Query
from vrinr_cli.model.resample import Axis


def seeded_query(seed: int = 0) -> Query:
    return seeded(seed=seed).query


def whole_image(query: Query, code: Tensor, height: Axis, width: Axis) -> Tensor:
    rows = query.basis.blocks(height, 0, height.target, 0, height.source)
    columns = query.basis.blocks(width, 0, width.target, 0, width.source)
    answer: Tensor = query(code, rows, columns)
    return answer


def color_by_loop(query: Query, code: Tensor, place: tuple[float, float], scales: tuple[float, float]) -> Tensor:
    """One color at y, x in LR pixels; code is (Z, h, w)."""
    count, units = query.basis.count, query.units
    matrices = query.spread.weight.reshape(count, count, units, -1)  # M_ij
    hidden = query.bias.clone()
    y, x = place
    for q in (math.floor(y), math.floor(y) + 1):
        for p in (math.floor(x), math.floor(x) + 1):
            z = code[:, min(max(q, 0), code.shape[1] - 1), min(max(p, 0), code.shape[2] - 1)]
            down, across = (basis_by_loop(query, o, s) for o, s in zip((y - q, x - p), scales, strict=True))
            for i in range(count):
                for j in range(count):
                    hat = (1 - abs(x - p)) * (1 - abs(y - q))
                    hidden = hidden + hat * down[i] * across[j] * (matrices[i, j] @ z)
    return query.color.weight @ hidden.clamp_min(0) + query.color.bias


def basis_by_loop(query: Query, offset: float, scale: float) -> list[float]:
    count = query.basis.count
    low, high = query.basis.scales
    mixed = query.basis.mix(torch.tensor([1 / min(max(scale, low), high)], dtype=torch.float64))
    cosines = [math.cos(math.pi / 2 * k * (offset + 1)) for k in range(count)]
    return [cosines[k] + sum(cosines[j] * float(mixed[j * count + k]) for j in range(count)) for k in range(count)]


@given(height=axes(longest=4, largest=3), width=axes(longest=4, largest=3), seed=st.integers(0, 99))
def test_query_equals_a_loop_over_pixels_neighbours_and_functions(height: Axis, width: Axis, seed: int) -> None:
    query = seeded_query(seed)
    code = noise(1, query.spread.in_channels, height.source, width.source, seed=seed) * 2 - 1
    fast = whole_image(query, code, height, width)[0]
    for row, y in enumerate(height.positions(0, height.target).tolist()):
        for column, x in enumerate(width.positions(0, width.target).tolist()):
            slow = color_by_loop(query, code[0], (y, x), (height.scale, width.scale))
            torch.testing.assert_close(fast[:, row, column], slow)


def test_blocks_of_the_query_are_the_query_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    query, code = seeded_query(), noise(2, 8, 5, 6)
    height, width = Axis(5, 17), Axis(6, 23)
    whole = whole_image(query, code, height, width)
    monkeypatch.setattr(query_module, "BLOCK", 4)
    torch.testing.assert_close(whole_image(query, code, height, width), whole)


def test_a_part_reads_only_what_it_says_it_reaches() -> None:
    query, code = seeded_query(), noise(1, 8, 9, 9)
    axis = Axis(9, 30)
    whole = whole_image(query, code, axis, axis)
    low, high = axis.reach(11, 19, 1)
    part = query(
        code[:, :, low:high, low:high],
        query.basis.blocks(axis, 11, 19, low, high),
        query.basis.blocks(axis, 11, 19, low, high),
    )
    torch.testing.assert_close(part, whole[:, :, 11:19, 11:19])


def test_a_part_whose_source_is_missing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"target \[4, 8\) reaches \[1, 5\), only \[2, 5\) is there"):
        seeded_query().basis.blocks(Axis(6, 12), 4, 8, 2, 5)


@pytest.mark.parametrize("border", [0.0, 0.5, 1.0])
def test_color_is_continuous_over_cell_borders(border: float) -> None:
    query = seeded_query()
    code = noise(1, 8, 6, 6) * 4 - 2
    shifted = [
        whole_image(query, code, Axis(6, 6, Fraction(1), border + step), Axis(6, 6, Fraction(1), border + step))
        for step in (-1e-7, 1e-7)
    ]
    torch.testing.assert_close(shifted[0], shifted[1], rtol=0, atol=1e-5)
    apart = whole_image(query, code, Axis(6, 6, Fraction(1), border + 0.1), Axis(6, 6, Fraction(1), border))
    assert float((apart - shifted[0]).abs().max()) > 1e-3  # it is not constant either


def test_new_decoder_adds_nothing() -> None:
    query = Query(8, TINY)
    axis = Axis(5, 12)
    assert torch.equal(whole_image(query, noise(1, 8, 5, 5).float(), axis, axis), torch.zeros(1, 3, 12, 12))


def test_scales_outside_the_trained_ones_are_clamped() -> None:
    basis, offsets = seeded_query().basis, torch.tensor([-0.7, 0.1], dtype=torch.float64)
    assert torch.equal(basis(offsets, 32.0), basis(offsets, 8.0))
    assert torch.equal(basis(offsets, 0.5), basis(offsets, 1.0))
    assert not torch.equal(basis(offsets, 8.0), basis(offsets, 4.0))


def test_gradients_are_right() -> None:
    query = seeded_query().requires_grad_(True)
    code = (noise(1, 8, 2, 3) * 2 - 1).requires_grad_(True)
    weights = (code, query.spread.weight, dict(query.named_parameters())["basis.mix.2.weight"])

    def color(code: Tensor, *_: Tensor) -> Tensor:
        return whole_image(query, code, Axis(2, 3), Axis(3, 5))

    assert torch.autograd.gradcheck(color, weights)
