"""Means along motion: what they follow, what they leave alone, and how noisy they say they are."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from networks import noise
from vrinr_cli.model.averaging import Averaged, averages
from vrinr_cli.model.config import AVERAGES
from vrinr_cli.model.source import white_noise

SIGMA = 20.0
INNER = (..., slice(12, -12), slice(12, -12))
"""Pixels whose place is in every frame."""


def picture(side: int, seed: int = 0) -> Tensor:
    """Shapes of all sizes, (3, side, side) in [0.2, 0.8]."""
    coarse, fine = (noise(1, 3, side // n, side // n, seed=seed, dtype=torch.float32) for n in (8, 2))
    large, small = (functional.interpolate(part, size=(side, side), mode="nearest")[0] for part in (coarse, fine))
    return 0.2 + 0.3 * (large + small)


def noisy(clip: Tensor, sigma: float = SIGMA) -> Tensor:
    """The clip with white noise, in whole codes."""
    generator = torch.Generator().manual_seed(3)
    drawn = torch.randn(clip.shape, generator=generator) * sigma
    return (clip * 255 + drawn).round().clamp(0, 255) / 255


def moving(frames: int, down: int, right: int, side: int = 48) -> Tensor:
    """A picture that moves by so many pixels a frame: (1, T, 3, side, side)."""
    large = picture(side + 8 * max(abs(down), abs(right)) * frames // 4 + 16)
    middle = (large.shape[-1] - side) // 2
    starts = [(middle - (n - frames // 2) * down, middle - (n - frames // 2) * right) for n in range(frames)]
    return torch.stack([large[:, y : y + side, x : x + side] for y, x in starts])[None]


def means_of(averaged: Averaged, frame: int, fold: int) -> tuple[Tensor, Tensor]:
    """Means (M, 3, H, W) in [0, 1] and their deviations (M, 3, h, w) of one frame."""
    means, deviations = averaged.beside[frame].split([AVERAGES * 3 * fold**2, AVERAGES * 3])
    pixels = functional.pixel_shuffle(means.unflatten(0, (AVERAGES, -1)) + 0.5, fold)
    return pixels, deviations.unflatten(0, (AVERAGES, 3))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, -3), (2, 1)])
def test_what_moves_by_whole_pixels_is_followed(down: int, right: int) -> None:
    """Odd moves too, which lie between the pixels of a folded grid."""
    clean = moving(5, down, right)
    averaged = averages(noisy(clean), white_noise(SIGMA), fold=2, frames=2, reach=4)
    strict, lax = ((mean - clean[0, 2])[INNER].square().mean().sqrt() * 255 for mean in means_of(averaged, 2, 2)[0])
    assert strict < 0.8 * SIGMA
    assert lax < 1.25 * SIGMA / math.sqrt(5)


def test_means_tell_how_noisy_they_are() -> None:
    clean = moving(5, 1, 1)
    means, deviations = means_of(averages(noisy(clean), white_noise(SIGMA), fold=2, frames=2, reach=3), 2, 2)
    for mean, deviation in zip(means, deviations, strict=True):
        error = (mean - clean[0, 2])[INNER].square().mean().sqrt()
        told = deviation[..., 6:-6, 6:-6].square().mean().sqrt()
        assert SIGMA / 255 / math.sqrt(5) * 0.99 < told
        assert 0.85 < error / told < 1.3


def test_other_pictures_are_left_alone() -> None:
    sigma = 4.0
    clip = noisy(0.2 + 0.6 * noise(1, 3, 3, 48, 48, dtype=torch.float32), sigma)
    averaged = averages(clip, white_noise(sigma), fold=2, frames=2, reach=3)
    for mean in means_of(averaged, 1, 2)[0]:
        assert (mean - clip[0, 1]).abs().max() * 255 < 0.05 * sigma


@given(seed=st.integers(0, 9), fold=st.integers(1, 3))
def test_without_noise_every_frame_is_its_own_mean(seed: int, fold: int) -> None:
    """Within what rounding to codes explains."""
    clip = (noise(2, 4, 3, 7, 8, seed=seed, dtype=torch.float32) * 255).round() / 255
    averaged = averages(clip, white_noise(0).expand(2, -1, -1), fold=fold, frames=2, reach=2)
    for number, frame in enumerate(clip.flatten(0, 1)):
        means, deviations = means_of(averaged, number, fold)
        assert not deviations.any()
        assert (means[..., :7, :8] - frame).abs().max() * 255 < 1.5
