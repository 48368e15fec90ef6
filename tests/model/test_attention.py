"""Top-down attention: Eq. (8) to (10)."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from clip_by_hand import mlp
from networks import noise
from vrinr_cli.model.attention import LevelGate, PointGate, refine


def seeded_gate(features: int, units: int, seed: int) -> LevelGate:
    gate = LevelGate(features, units).double().requires_grad_(False)
    for n, tensor in enumerate(gate.state_dict().values()):
        tensor.copy_(noise(*tensor.shape, seed=seed + n) * 2 - 1)
    return gate


def gate_by_hand(gate: LevelGate, coarser: list[float]) -> list[float]:
    first, second = (layer for layer in gate.layers if isinstance(layer, nn.Conv2d))
    hidden = [max(0.0, value) for value in layer_by_hand(first, coarser)]
    return [2 / (1 + math.exp(-value)) for value in layer_by_hand(second, hidden)]


def layer_by_hand(layer: nn.Conv2d, values: list[float]) -> list[float]:
    biases = torch.as_tensor(layer.bias).tolist()
    return [
        bias + sum(w * v for w, v in zip(row, values, strict=True))
        for row, bias in zip(layer.weight[:, :, 0, 0].tolist(), biases, strict=True)
    ]


@given(count=st.integers(1, 4), seed=st.integers(0, 99))
def test_refine_equals_the_formula_level_by_level(count: int, seed: int) -> None:
    levels = [noise(1, 2, 2, 3, seed=seed + n) * 4 - 2 for n in range(count)]
    gates = [seeded_gate(2, 3, seed + 10 * n) for n in range(count - 1)]
    fast = refine(levels, gates)
    assert fast.shape == (1, 2 * count, 2, 3)
    for y in range(2):
        for x in range(3):
            values = [level[0, :, y, x].tolist() for level in levels]
            for n in reversed(range(count - 1)):  # v^l <- w^l(v^(l+1)) v^l with the refined v^(l+1)
                weights = gate_by_hand(gates[n], values[n + 1])
                values[n] = [w * v for w, v in zip(weights, values[n], strict=True)]
            flat = [number for value in values for number in value]
            assert fast[0, :, y, x].tolist() == pytest.approx(flat, abs=1e-12)


def test_a_gate_without_weights_changes_nothing() -> None:
    gate = LevelGate(2, 3)
    for tensor in gate.state_dict().values():
        tensor.zero_()
    levels = [noise(1, 2, 2, 2, seed=n).float() for n in range(2)]
    assert torch.equal(refine(levels, [gate]), torch.cat(levels, dim=1))


def test_as_many_gates_as_pairs_of_levels() -> None:
    with pytest.raises(ValueError, match="zip"):
        refine([noise(1, 2, 2, 2)] * 3, [seeded_gate(2, 3, 0)])


def test_gradients_are_right() -> None:
    gates = [seeded_gate(2, 3, 0), seeded_gate(2, 3, 7)]
    levels = tuple((noise(1, 2, 2, 2, seed=n) * 2 - 1).requires_grad_(True) for n in range(3))

    def refined(*levels: Tensor) -> Tensor:
        return refine(levels, gates)

    assert torch.autograd.gradcheck(refined, levels)


def seeded_point_gate(*, anchored: bool, seed: int = 0) -> PointGate:
    gate = PointGate(2, 3, anchored=anchored).double().requires_grad_(False)
    for n, tensor in enumerate(gate.state_dict().values()):
        tensor.copy_(noise(*tensor.shape, seed=seed + n) * 2 - 1)
    return gate


@pytest.mark.parametrize(("anchored", "anchor"), [(False, 0.0), (True, 1.0)])
@given(seed=st.integers(0, 99))
def test_a_point_gate_is_an_mlp_without_an_activation_at_its_end(anchored: bool, anchor: float, seed: int) -> None:
    gate, coarser = seeded_point_gate(anchored=anchored, seed=seed), noise(4, 2, seed=seed) * 8 - 4
    slow = [[anchor + number for number in mlp(gate.layers, values)] for values in coarser.tolist()]
    torch.testing.assert_close(gate(coarser), torch.tensor(slow, dtype=torch.float64))


def test_a_printed_point_gate_may_be_negative_and_above_two() -> None:
    answers = torch.cat([seeded_point_gate(anchored=False, seed=n)(noise(50, 2) * 20 - 10) for n in range(5)])
    assert float(answers.min()) < -0.5
    assert float(answers.max()) > 2.5


def test_a_new_point_gate_is_one_only_if_anchored() -> None:
    torch.manual_seed(0)
    assert torch.equal(PointGate(2, 3, anchored=True)(torch.randn(5, 2)), torch.ones(5, 2))
    assert not torch.allclose(PointGate(2, 3, anchored=False)(torch.randn(5, 2)), torch.ones(5, 2), atol=0.1)


@pytest.mark.parametrize("anchored", [False, True])
def test_gradients_of_a_point_gate_are_right(anchored: bool) -> None:
    gate = seeded_point_gate(anchored=anchored)
    assert torch.autograd.gradcheck(gate, ((noise(3, 2) * 2 - 1).requires_grad_(True),))
