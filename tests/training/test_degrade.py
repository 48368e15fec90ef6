"""HR to LR."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from networks import noise
from vrinr_cli.training.degrade import bicubic_downscale, quantize, to_unit


@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    cut=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    seed=st.integers(0, 9),
)
def test_downscale_is_torchs_antialiased_bicubic_in_8_bits(
    size: tuple[int, int], cut: tuple[int, int], seed: int
) -> None:
    low = (min(size[0], cut[0]), min(size[1], cut[1]))
    clip = quantize(noise(2, 3, 3, *size, seed=seed, dtype=torch.float32))
    small = bicubic_downscale(clip, low)
    assert small.shape == (2, 3, 3, *low)
    for n in range(3):
        exact = functional.interpolate(clip[:, n], size=low, mode="bicubic", antialias=True) * 255
        codes = small[:, n] * 255
        assert torch.equal(codes.round(), (codes + 1e-4).round())  # whole codes
        assert float((codes - exact.clamp(0, 255)).abs().max()) <= 0.5 + 1e-3
        assert float(codes.min()) >= 0
        assert float(codes.max()) <= 255


def test_a_flat_picture_stays_flat() -> None:
    clip = torch.full((1, 1, 3, 16, 16), 100 / 255)
    assert torch.equal(bicubic_downscale(clip, (5, 3)), torch.full((1, 1, 3, 5, 3), 100 / 255))


def test_nothing_to_shrink_is_rounded_all_the_same() -> None:
    clip = torch.full((1, 1, 3, 4, 4), 0.5)
    assert float(bicubic_downscale(clip, (4, 4))[0, 0, 0, 0, 0]) == pytest.approx(128 / 255)


def test_quantize_by_hand() -> None:
    values = torch.tensor([-0.1, 0.0, 0.1, 0.999, 1.0, 1.7], dtype=torch.float64)
    assert (quantize(values) * 255).tolist() == pytest.approx([0, 0, 26, 255, 255, 255])


def test_to_unit_moves_the_colors_to_the_front() -> None:
    pixels = torch.arange(2 * 2 * 3, dtype=torch.uint8).reshape(1, 1, 2, 2, 3)
    unit = to_unit(pixels)
    assert unit.shape == (1, 1, 3, 2, 2)
    assert (unit[0, 0, 1] * 255).tolist() == [[1, 4], [7, 10]]
    assert unit.dtype is torch.float32
