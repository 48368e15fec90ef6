"""Folded pixels, where they lie, and what is told of noise."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from networks import noise
from vrinr_cli.model.resample import Axis
from vrinr_cli.model.source import deviations, fold_pixels, sigma_codes, trunk_axis, white_noise


@given(height=st.integers(1, 7), width=st.integers(1, 7), fold=st.integers(1, 3))
def test_folding_keeps_every_pixel_and_repeats_the_last(height: int, width: int, fold: int) -> None:
    frames = noise(2, 3, height, width)
    folded = fold_pixels(frames, fold)
    assert folded.shape == (2, 3 * fold**2, -(-height // fold), -(-width // fold))
    for y in range(folded.shape[2] * fold):
        for x in range(folded.shape[3] * fold):
            part = (y % fold) * fold + x % fold
            got = folded[:, part :: fold**2, y // fold, x // fold]
            assert torch.equal(got, frames[:, :, min(y, height - 1), min(x, width - 1)])


@given(source=st.integers(1, 9), fold=st.integers(1, 3), scale=st.fractions(1, 4, max_denominator=5))
def test_target_pixels_stay_where_they_are(source: int, fold: int, scale: Fraction) -> None:
    axis = Axis(source, max(round(source * scale), 1))
    folded = trunk_axis(axis, fold)
    assert (folded.source, folded.target) == (-(-source // fold), axis.target)
    expected = (axis.positions(0, axis.target) + 0.5) / fold - 0.5
    torch.testing.assert_close(folded.positions(0, axis.target), expected)


def test_deviation_grows_with_intensity_as_told() -> None:
    frames = torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)[:, None, None, None].expand(3, 3, 2, 4)
    told = torch.tensor([[0.0, 0.04], [0.01, 0.0], [0.01, 0.08]], dtype=torch.float64).expand(3, 3, 2)
    found = deviations(fold_pixels(frames, 2), told)
    assert found.shape == (3, 3, 1, 2)
    expected = [[0, 0.1, 0.1], [0.1, 0.1, 0.03**0.5], [0.2, 0.1, 0.3]]
    torch.testing.assert_close(found[:, :, 0, 0], torch.tensor(expected, dtype=torch.float64))


def test_one_figure_for_noise() -> None:
    assert float(sigma_codes(white_noise(30))) == pytest.approx(30, rel=1e-5)
    shot = torch.tensor([0.0, 2 / 255**2]).expand(1, 3, 2)
    assert float(sigma_codes(shot)) == pytest.approx(1)  # of variance 1 code^2 at half intensity
