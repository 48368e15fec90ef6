"""Losses by hand."""

import math

import pytest
import torch

from vrinr_cli.model.loss import charbonnier, squared_error

OUTPUT = torch.tensor([0.5, 0.5, 0.1], dtype=torch.float64)
TARGET = torch.tensor([0.5, 0.2, 0.5], dtype=torch.float64)


def test_charbonnier_by_hand() -> None:
    expected = (1e-3 + math.sqrt(0.09 + 1e-6) + math.sqrt(0.16 + 1e-6)) / 3
    assert float(charbonnier(OUTPUT, TARGET)) == pytest.approx(expected)


def test_charbonnier_has_a_gradient_where_there_is_no_error() -> None:
    output = TARGET.clone().requires_grad_(True)
    charbonnier(output, TARGET).backward()
    assert output.grad is not None
    assert output.grad.tolist() == [0, 0, 0]


def test_squared_error_by_hand() -> None:
    assert float(squared_error(OUTPUT, TARGET)) == pytest.approx((0.09 + 0.16) / 3)
