"""Texture codes: Eq. (1) and (2) as the module reads them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clip_by_hand import mlp
from networks import noise
from vrinr_cli.model.texture import PatchCode, TextureCode


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


def seeded_patch_code(scale: float, seed: int = 0) -> PatchCode:
    code = PatchCode(27, 5, scale).double().requires_grad_(False)
    for n, tensor in enumerate(code.state_dict().values()):
        tensor.copy_(noise(*tensor.shape, seed=seed + n) * 2 - 1)
    return code


def test_a_patch_code_by_hand() -> None:
    code = PatchCode(2, 2, 0.5).double().requires_grad_(False)
    first, last = (layer for layer in code.layers if isinstance(layer, torch.nn.Linear))
    first.weight.copy_(torch.tensor([[1.0, 2.0], [1.0, -1.0]]))
    first.bias.copy_(torch.tensor([0.0, -1.0]))
    last.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 9.0], [-2.0, 1.0]]))
    last.bias.copy_(torch.tensor([0.0, 0.25, 1.0]))
    # the patch (1, 0.5) gives hidden units 2 and -0.5, of which the ReLU leaves 2 and 0
    expected = [math.tanh(0.5 * 2), math.tanh(0.5 * 0.25), math.tanh(0.5 * (-4 + 1))]
    assert code(torch.tensor([[1.0, 0.5]], dtype=torch.float64))[0].tolist() == pytest.approx(expected)


@given(scale=st.floats(0.001, 10), seed=st.integers(0, 99))
def test_a_patch_code_is_tanh_of_c_times_the_mlp(scale: float, seed: int) -> None:
    code, patches = seeded_patch_code(scale, seed), noise(4, 27, seed=seed) * 2 - 1
    slow = [[math.tanh(scale * number) for number in mlp(code.layers, patch)] for patch in patches.tolist()]
    torch.testing.assert_close(code(patches), torch.tensor(slow, dtype=torch.float64))


def test_patch_codes_stay_inside_the_grid() -> None:
    code = seeded_patch_code(10.0)(noise(200, 27) * 2e3 - 1e3)
    assert bool((code.abs() <= 1).all())
    assert float(code.max()) > 0.99
    assert float(code.min()) < -0.99


def test_a_scale_of_zero_holds_the_code_at_zero() -> None:
    code = seeded_patch_code(0.0)(noise(4, 27, dtype=torch.float64))
    assert code.tolist() == [[0.0] * 3] * 4
    assert code.dtype is torch.float64
    assert not PatchCode(27, 5, 0.0)(noise(4, 27).float()).requires_grad  # its weights are never learned


def test_a_smaller_scale_begins_with_smaller_codes_of_the_same_network() -> None:
    large, small = seeded_patch_code(1.0), seeded_patch_code(0.05)
    patches = noise(50, 27) * 2 - 1
    torch.testing.assert_close(torch.atanh(small(patches)) * 20, torch.atanh(large(patches)))


def test_gradients_of_a_patch_code_are_right() -> None:
    assert torch.autograd.gradcheck(seeded_patch_code(0.7), (noise(2, 27).requires_grad_(True),))
