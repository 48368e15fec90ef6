"""Losses by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import noise
from vrinr_cli.model import loss
from vrinr_cli.model.loss import charbonnier, pea, squared_error

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


BLACK = torch.zeros(1, 3, dtype=torch.float64)


def pixel(*channels: float) -> Tensor:
    return torch.tensor([channels], dtype=torch.float64)


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ((0.0, 0.0, 0.0), 5 * 0.001),  # no error: delta alone
        ((0.09, 0.0, 0.06), 5 * (0.0039 + 0.001)),  # (0.0081 + 0.0036) / 3, below epsilon
        ((0.09, 0.09, 0.0), 5 * 0.0054),  # between epsilon and tau
        ((0.1, 0.1, -0.08), 5 * 0.0088),
        ((0.2, 0.0, 0.1), (1 + 5) * 0.05 / 3),  # above tau
        ((0.0, 0.0, 1.0), 6 / 3),
    ],
)
def test_pea_of_one_pixel_by_hand(color: tuple[float, ...], expected: float) -> None:
    assert float(pea(pixel(*color), BLACK)) == pytest.approx(expected, rel=1e-12)
    assert float(pea(BLACK, pixel(*color))) == pytest.approx(expected, rel=1e-12)


def test_pea_of_three_pixels_by_hand() -> None:
    """The mask is one number a pixel: a channel's error of 0.0144 is not masked in where the pixel's mean is 0.0048."""
    output = torch.cat([pixel(0.12, 0.0, 0.0), pixel(0.09, 0.0, 0.09), pixel(0.3, 0.3, 0.3)])
    masked = 0.09 / 3
    boost = (0.0048 + 0.001 + 0.0054 + 0.09) / 3
    assert float(pea(output, torch.zeros_like(output))) == pytest.approx(masked + 5 * boost, rel=1e-12)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [(0.5, 5 * 0.25), (0.5 + 1e-9, 6 * 0.25), (0.25, 5 * 0.0625), (0.25 - 1e-9, 5 * (0.0625 + 0.001))],
)
def test_a_threshold_itself_belongs_to_the_middle(
    difference: float, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "PEA_TAU", 0.25)  # numbers that float64 holds exactly
    monkeypatch.setattr(loss, "PEA_EPSILON", 0.0625)
    assert float(pea(pixel(*[difference] * 3), BLACK)) == pytest.approx(expected, rel=1e-7)


def pea_by_loop(output: Tensor, target: Tensor) -> float:
    masked = boost = 0.0
    pixels = list(zip(output.reshape(-1, 3).tolist(), target.reshape(-1, 3).tolist(), strict=True))
    for ours, wanted in pixels:
        error = sum((a - b) ** 2 for a, b in zip(ours, wanted, strict=True)) / 3
        masked += error if error > 0.01 else 0.0
        boost += error + (0.001 if error < 0.005 else 0.0)
    return masked / len(pixels) + 5.0 * boost / len(pixels)


@given(seed=st.integers(0, 99), spread=st.sampled_from([0.05, 0.2, 0.4, 2.0]))
def test_pea_equals_a_loop_over_pixels(seed: int, spread: float) -> None:
    target = noise(2, 5, 7, 3, seed=seed)
    output = target + (noise(2, 5, 7, 3, seed=seed + 100) - 0.5) * spread
    assert float(pea(output, target)) == pytest.approx(pea_by_loop(output, target), rel=1e-12)


def test_the_gradient_of_pea_is_that_of_the_squared_error_times_mask_plus_alpha() -> None:
    target = noise(40, 3)
    output = (target + (noise(40, 3, seed=1) - 0.5) * 0.4).requires_grad_(True)
    pea(output, target).backward()
    difference = output.detach() - target
    errors = difference.square().mean(dim=1)
    counts = [
        int(n) for n in ((errors < 0.005).sum(), ((errors > 0.005) & (errors < 0.01)).sum(), (errors > 0.01).sum())
    ]
    assert min(counts) > 3  # all three kinds of pixel are there
    plain = 2 * difference / difference.numel()  # of the mean squared error
    factor = torch.where(errors > 0.01, 1.0 + 5.0, 5.0).double()
    torch.testing.assert_close(output.grad, factor[:, None] * plain)


def test_delta_has_no_gradient() -> None:
    output = pixel(0.0, 0.0, 0.0).requires_grad_(True)
    answer = pea(output, BLACK)
    answer.backward()
    assert float(answer.detach()) == pytest.approx(0.005)
    assert output.grad is not None
    assert output.grad.tolist() == [[0.0, 0.0, 0.0]]


def test_the_gradient_of_pea_by_finite_differences() -> None:
    target = torch.zeros(3, 3, dtype=torch.float64)
    output = torch.cat([pixel(0.02, 0.01, -0.03), pixel(0.08, -0.09, 0.09), pixel(0.3, -0.1, 0.2)])
    assert torch.autograd.gradcheck(pea, (output.requires_grad_(True), target))


def test_the_mask_is_found_anew_from_the_current_error() -> None:
    target = torch.zeros(2, 3, dtype=torch.float64)
    first = torch.cat([pixel(0.3, 0.3, 0.3), pixel(0.08, 0.08, 0.08)])
    before, swapped = float(pea(first, target)), float(pea(first.flip(0), target))
    assert before == swapped == pytest.approx((0.09 + 5 * 0.0964) / 2)
    better = torch.cat([pixel(0.08, 0.08, 0.08), pixel(0.08, 0.08, 0.08)])
    assert float(pea(better, target)) == pytest.approx(5 * 0.0064)
    assert float(pea(first, target)) == before
