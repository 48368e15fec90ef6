"""HR to LR."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from networks import noise
from vrinr_cli.training.degrade import (
    add_gaussian,
    add_poisson,
    bicubic_downscale,
    blur_downscale,
    poisson_peak,
    quantize,
    to_unit,
)


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


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_bd_by_hand() -> None:
    """x2: sigma 0.8 around the middle between two pixels, one axis at a time; a bright column in the dark."""
    clip = torch.zeros(1, 1, 3, 12, 12, dtype=torch.float64)
    clip[..., 5] = 1
    centres = [2 * n + 0.5 for n in range(6)]
    whole = sum(math.exp(-((n + 0.5) ** 2) / 1.28) for n in range(-4, 4))
    expected = [math.exp(-((5 - centre) ** 2) / 1.28) / whole if abs(5 - centre) < 3.2 else 0 for centre in centres]
    small = blur_downscale(clip, (6, 6))
    assert (small[0, 0, 0, 3] * 255).tolist() == [round(255 * value) for value in expected]
    assert torch.equal(small, small.flip(-2))  # rows lie alike from both ends


def test_bd_keeps_flat_pictures_and_what_is_symmetric() -> None:
    clip = torch.full((1, 2, 3, 21, 30), 100 / 255)
    assert torch.allclose(blur_downscale(clip, (6, 9)), torch.full((1, 2, 3, 6, 9), 100 / 255))
    ramp = torch.linspace(0, 1, 40, dtype=torch.float64).expand(1, 1, 3, 40, 40)
    middle = (blur_downscale(ramp, (10, 10)) * 255)[0, 0, 0, 5]
    steps = middle[3:7].diff()
    assert float((steps - 255 * 4 / 39).abs().max()) <= 1  # a ramp stays a ramp, where LR pixels lie


def test_bd_is_at_x4_the_fields_blur() -> None:
    """sigma 1.6: a step's width after the blur is that of the Gaussian's integral, between LR pixels of one phase."""
    clip = torch.zeros(1, 1, 3, 64, 64, dtype=torch.float64)
    clip[..., 32:] = 1
    small = blur_downscale(clip, (16, 16))[0, 0, 0, 8] * 255
    centres = torch.arange(16, dtype=torch.float64) * 4 + 1.5
    expected = 255 * 0.5 * (1 + torch.erf((centres - 31.5) / (1.6 * math.sqrt(2))))
    assert float((small - expected).abs().max()) <= 3


def test_gaussian_noise_has_its_sigma_in_codes() -> None:
    clip = torch.full((1, 1, 3, 100, 100), 128 / 255)
    noisy = add_gaussian(clip, 10, seeded()) * 255
    assert torch.equal(noisy.round(), (noisy + 1e-4).round())
    assert float(noisy.mean()) == pytest.approx(128, abs=0.3)
    assert float(noisy.std()) == pytest.approx(math.sqrt(10**2 + 1 / 12), rel=0.02)
    assert torch.equal(add_gaussian(clip, 0, seeded()), quantize(clip))


def test_noise_is_cut_at_black_and_white() -> None:
    for value in (0.0, 1.0):
        noisy = add_gaussian(torch.full((1, 3, 40, 40), value), 60, seeded())
        assert 0 <= float(noisy.min()) < float(noisy.max()) <= 1
        assert float((noisy == value).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_poisson_noise_at_level_10_is_one_photon_a_code() -> None:
    assert [round(poisson_peak(level), 1) for level in (10, 30, 50)] == [255.0, 64.6, 34.1]
    for code in (40, 160):
        clip = torch.full((1, 3, 100, 100), code / 255)
        noisy = add_poisson(clip, 10, seeded()) * 255
        assert float(noisy.mean()) == pytest.approx(code, abs=0.3)
        assert float(noisy.var()) == pytest.approx(code, rel=0.05)


@pytest.mark.parametrize("level", [10.0, 30.0, 50.0])
def test_poisson_noise_has_the_variance_of_its_peak(level: float) -> None:
    noisy = add_poisson(torch.full((1, 3, 100, 100), 0.3), level, seeded())
    assert float(noisy.var()) == pytest.approx(0.3 / poisson_peak(level), rel=0.05)
    assert torch.equal(add_poisson(torch.zeros(1, 3, 4, 4), level, seeded()), torch.zeros(1, 3, 4, 4))


def test_the_generator_decides_the_noise() -> None:
    clip = torch.full((1, 3, 16, 16), 0.5)
    for add in (add_gaussian, add_poisson):
        assert torch.equal(add(clip, 30, seeded(1)), add(clip, 30, seeded(1)))
        assert not torch.equal(add(clip, 30, seeded(1)), add(clip, 30, seeded(2)))
