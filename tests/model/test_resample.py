"""The base and the place of target pixels on the source grid."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from networks import noise
from strategies import axes
from vrinr_cli.model.resample import BICUBIC, LANCZOS, Axis, Kernel, enlarge, kernel_matrix, lanczos_kernel

KERNELS = [BICUBIC, Kernel("keys", -0.5), LANCZOS, Kernel("lanczos", 2.0)]


@given(height=axes(), width=axes(), seed=st.integers(0, 99))
def test_bicubic_base_equals_torchs(height: Axis, width: Axis, seed: int) -> None:
    image = noise(2, 3, height.source, width.source, seed=seed)
    size = (height.target, width.target)
    expected = functional.interpolate(image, size=size, mode="bicubic", align_corners=False)
    torch.testing.assert_close(enlarge(image, size), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: f"{k.name} {k.a}")
@given(axis=axes(), data=st.data())
def test_matrix_equals_a_loop_over_taps(kernel: Kernel, axis: Axis, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, axis.target - 1))
    stop = data.draw(st.integers(start + 1, axis.target))
    matrix, low, high = kernel_matrix(axis, start, stop, kernel)
    assert 0 <= low < high <= axis.source
    for row, target in enumerate(range(start, stop)):
        place = (target + 0.5) * axis.source / axis.target - 0.5
        slow = [0.0] * axis.source
        for pixel in range(math.floor(place) - 4, math.floor(place) + 6):
            slow[min(max(pixel, 0), axis.source - 1)] += kernel_by_hand(kernel, place - pixel)
        whole = [w / sum(slow) for w in slow]
        assert matrix[row].tolist() == pytest.approx(whole[low:high], abs=1e-12)
        assert sum(abs(w) for w in (*whole[:low], *whole[high:])) < 1e-12  # nothing is left out


def kernel_by_hand(kernel: Kernel, x: float) -> float:
    d = abs(x)
    if kernel.name == "lanczos":
        if d >= kernel.a:
            return 0.0
        turns = [math.pi * d, math.pi * d / kernel.a]
        return math.prod(math.sin(turn) / turn if turn else 1.0 for turn in turns)
    a = kernel.a
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: f"{k.name} {k.a}")
@given(axis=axes())
def test_rows_sum_to_one(kernel: Kernel, axis: Axis) -> None:
    matrix, _, _ = kernel_matrix(axis, 0, axis.target, kernel)
    torch.testing.assert_close(matrix.sum(1), torch.ones(axis.target, dtype=torch.float64), rtol=0, atol=1e-12)


def test_lanczos_is_one_at_zero_and_zero_at_every_other_whole_number_and_outside() -> None:
    whole = torch.tensor([-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 3.5], dtype=torch.float64)
    expected = torch.tensor([0.0, 0, 0, 0, 1, 0, 0, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(lanczos_kernel(whole, 3.0), expected, rtol=0, atol=1e-15)


@given(place=st.floats(0, 1))
def test_lanczos_is_a_partition_within_a_percent(place: float) -> None:
    taps = torch.arange(-3, 4, dtype=torch.float64) - place
    total = float(lanczos_kernel(taps, 3.0).sum())
    assert total == pytest.approx(1, abs=0.011)  # why rows are divided by their sum


@given(axis=axes())
def test_matrix_of_a_part_is_part_of_the_whole_matrix(axis: Axis) -> None:
    whole, _, _ = kernel_matrix(axis, 0, axis.target, BICUBIC)
    for start in range(0, axis.target, 7):
        stop = min(start + 7, axis.target)
        part, low, high = kernel_matrix(axis, start, stop, BICUBIC)
        torch.testing.assert_close(part, whole[start:stop, low:high], rtol=0, atol=1e-15)


@given(source=st.integers(1, 4000), numerator=st.integers(1, 640), denominator=st.integers(1, 20))
def test_positions_are_exact_far_from_the_origin(source: int, numerator: int, denominator: int) -> None:
    ratio = max(Fraction(numerator, denominator), Fraction(1))
    axis = Axis(source, math.ceil(source * ratio), ratio)
    last = axis.target - 1
    exact = (last + Fraction(1, 2)) / ratio - Fraction(1, 2)
    assert float(axis.positions(last, last + 1)) == pytest.approx(float(exact), abs=1e-9)


def test_offset_moves_every_position() -> None:
    assert Axis(4, 8, offset=0.25).positions(0, 2).tolist() == [0.0, 0.5]


def test_same_size_gives_the_picture_itself() -> None:
    image = noise(3, 5, 7)
    for kernel in KERNELS:
        torch.testing.assert_close(enlarge(image, (5, 7), kernel), image, rtol=0, atol=1e-15)
