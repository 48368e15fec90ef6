"""Top-down attention: Eq. (8) to (10)."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from networks import noise
from vrinr_cli.model.attention import LevelGate, refine


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
