"""Texture codes: Eq. (1) and (2) as the module reads them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from networks import noise
from vrinr_cli.model.texture import TextureCode


def seeded_code(width: int, seed: int = 0) -> TextureCode:
    level = TextureCode(2, width).double().requires_grad_(False)
    level.project.weight.copy_(noise(3, 2, 1, 1, seed=seed) * 2 - 1)
    level.project.bias = torch.nn.Parameter(noise(3, seed=seed + 1) - 0.5, requires_grad=False)
    return level


@given(width=st.sampled_from([1, 3, 7]), height=st.integers(1, 8), length=st.integers(1, 8), seed=st.integers(0, 9))
def test_code_is_tanh_of_the_mean_of_the_real_pixels_of_a_box(width: int, height: int, length: int, seed: int) -> None:
    level = seeded_code(width, seed)
    features = noise(1, 2, height, length, seed=seed) * 4 - 2
    fast = level(features)[0]
    for y in range(height):
        for x in range(length):
            box = features[
                0, :, max(y - width // 2, 0) : y + width // 2 + 1, max(x - width // 2, 0) : x + width // 2 + 1
            ]
            mean = box.flatten(1).mean(1)
            for n in range(3):
                weights = level.project.weight[n, :, 0, 0]
                slow = math.tanh(float(weights @ mean) + float(torch.as_tensor(level.project.bias)[n]))
                assert float(fast[n, y, x]) == pytest.approx(slow, abs=1e-12)


def test_code_of_a_constant_picture_is_the_same_at_the_border() -> None:
    code = seeded_code(7)(torch.full((1, 2, 9, 9), 0.3, dtype=torch.float64))
    torch.testing.assert_close(code, code[:, :, 4:5, 4:5].expand_as(code))


def test_codes_stay_inside_the_grid_for_any_feature() -> None:
    code = seeded_code(3)(noise(1, 2, 8, 8) * 20 - 10)
    assert bool((code.abs() < 1).all())
    assert float(code.abs().max()) > 0.9
    assert bool((seeded_code(3)(torch.full((1, 2, 8, 8), 1e30, dtype=torch.float64)).abs() <= 1).all())
