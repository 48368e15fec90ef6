"""Whole scales by convolutions beside the continuous query, which any scale has."""

import pytest
import torch

from networks import noise, seeded
from vrinr_cli.model.network import whole_scales
from vrinr_cli.model.phases import Phases
from vrinr_cli.model.resample import Axis


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (2, 2), (3, 4), (4, 4), (5, 1), (8, 6)])
def test_they_equal_the_continuous_query(rows: int, columns: int) -> None:
    query = seeded().query
    code = noise(2, 8, 5, 7)
    height, width = Axis(5, 5 * rows), Axis(7, 7 * columns)
    blocks = (query.basis.blocks(axis, 0, axis.target, 0, axis.source) for axis in (height, width))
    torch.testing.assert_close(Phases.of(query, rows, columns)(code), query(code, *blocks))


def test_gradients_are_those_of_the_continuous_query() -> None:
    model, code = seeded().requires_grad_(True), noise(1, 8, 4, 5)
    blocks = [model.query.basis.blocks(Axis(n, 3 * n), 0, 3 * n, 0, n) for n in (4, 5)]
    outputs = (Phases.of(model.query, 3, 3)(code), model.query(code, *blocks))
    found = [torch.autograd.grad(output.square().sum(), list(model.query.parameters())) for output in outputs]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_reduced_precision_is_near() -> None:
    query, code = seeded(dtype=torch.float32).query, noise(1, 8, 6, 6, dtype=torch.float32)
    phases = Phases.of(query, 4, 4)
    exact, near = phases(code), phases.to(torch.bfloat16)(code.bfloat16()).float()
    assert float((near - exact).abs().max()) < 0.02 * float(exact.abs().max())


@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 9])
def test_rows_by_rows_is_the_same(at_once: int) -> None:
    phases, code = Phases.of(seeded().query, 3, 2), noise(2, 8, 5, 7)
    torch.testing.assert_close(phases.picture(code, at_once=at_once), phases(code))


def test_which_scales_are_whole() -> None:
    assert whole_scales(Axis(5, 10), Axis(7, 28)) == (2, 4)
    assert whole_scales(Axis(5, 11), Axis(7, 28)) is None
    assert whole_scales(Axis(5, 10), Axis(7, 27)) is None
