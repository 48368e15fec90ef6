"""Noise of known strength, put on synthetic pictures, is found again."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from vrinr_cli.engine import noise_blocks
from vrinr_cli.engine.noise import NoiseLevel, estimate_noise
from vrinr_cli.engine.noise_blocks import FlatLevel, flat_levels, measured, sample
from vrinr_cli.engine.noise_line import clipped_moments, fit_line
from vrinr_cli.errors import EngineError

Frames = list[NDArray[np.uint8]]
SIZE = (96, 160)


def textured(count: int = 4, size: tuple[int, int] = SIZE) -> NDArray[np.float64]:
    """(T, H, W, 3) in codes: a ramp, a grating of 4 pixels that moves on its left half, and white blocks."""
    time, row, column = np.meshgrid(*(np.arange(n) for n in (count, *size)), indexing="ij")
    ramp = 40 + 180 * column / size[1]
    grating = 30 * np.sin(2 * np.pi * (column + row / 3 + time) / 4) * (column < size[1] // 2)
    marks = 60 * ((row // 16 + column // 16) % 5 == 0)
    gray = (ramp + grating + marks)[..., None]
    picture: NDArray[np.float64] = np.clip(gray * np.array([1.0, 0.8, 0.6]), 0, 255)
    return picture


def flat(code: float, count: int = 4) -> NDArray[np.float64]:
    return np.full((count, *SIZE, 3), code)


def noisy(clean: NDArray[np.float64], sigma: float | NDArray[np.float64], seed: int = 1) -> Frames:
    """Rounded and cut to 8 bits, as a file is."""
    drawn = np.random.default_rng(seed).normal(size=clean.shape)
    return list(np.clip(np.rint(clean + sigma * drawn), 0, 255).astype(np.uint8))


def noise_of(frames: Frames | list[Tensor]) -> NoiseLevel:
    level = estimate_noise(frames)
    assert level is not None
    return level


@pytest.mark.parametrize("sigma", [3, 5, 10, 20, 30, 40, 50])
def test_gaussian_noise_on_texture_is_found_within_a_tenth(sigma: float) -> None:
    level = noise_of(noisy(textured(), sigma))
    assert level.sigma == pytest.approx(sigma, rel=0.1)
    assert level.sigma_at(128) == pytest.approx((sigma,) * 3, rel=0.12)


@pytest.mark.parametrize(("constant", "slope"), [(9.0, 0.0), (4.0, 1.0), (0.0, 3.0), (100.0, 2.0)])
def test_both_parts_are_told_apart(constant: float, slope: float) -> None:
    clean = textured(count=12)
    level = noise_of(noisy(clean, np.sqrt(constant + slope * clean)))
    for intensity in (50, 100, 150, 200):
        truth = math.sqrt(constant + slope * intensity)
        assert level.sigma_at(intensity) == pytest.approx((truth,) * 3, rel=0.1)
    assert level.slope == pytest.approx((slope,) * 3, rel=0.25, abs=0.04)


def test_one_figure_is_the_root_of_the_mean_variance() -> None:
    level = NoiseLevel(constant=(1.0, 4.0, 0.0), slope=(0.0, 0.5, 1.0), mean=(80.0, 100.0, 31.0))
    assert level.sigma == math.sqrt((1 + 54 + 31) / 3)
    assert level.sigma_at(16) == (1.0, math.sqrt(12), 4.0)


def test_channels_have_noise_of_their_own() -> None:
    level = noise_of(noisy(textured(), np.array([4.0, 8.0, 16.0])))
    assert level.sigma_at(100) == pytest.approx((4.0, 8.0, 16.0), rel=0.1)


@pytest.mark.parametrize("code", [0, 4, 20, 128, 240, 255])
def test_a_flat_picture_shows_its_noise_even_where_half_of_it_is_cut_off(code: float) -> None:
    assert noise_of(noisy(flat(code), 15)).sigma == pytest.approx(15, rel=0.1)


def test_black_areas_do_not_pull_the_noise_down() -> None:
    clean = textured()
    clean[:, :, : SIZE[1] * 3 // 4] = 0  # what is cut off there has half of the deviation
    sigma = 20
    frames = noisy(clean, sigma)
    assert np.stack(frames)[:, :, : SIZE[1] * 3 // 4].std() < 0.65 * sigma
    assert noise_of(frames).sigma == pytest.approx(sigma, rel=0.1)


def test_bars_without_noise_are_left_out() -> None:
    frames = noisy(textured(), 10)
    for frame in frames:
        frame[:24] = frame[-24:] = 0
    assert noise_of(frames).sigma_at(100) == pytest.approx((10,) * 3, rel=0.1)


def test_blocks_that_clipping_emptied_are_not_measured() -> None:
    samples = torch.full((3, 8, 8), 100.0)
    samples[0, :7] = 0  # 56 of 64
    samples[1, :4] = 255
    blocks = measured(samples)
    assert blocks.clipped.tolist() == [0.5, 0.0]


@pytest.mark.parametrize("clean", [textured(), flat(77), textured()[:1]], ids=["textured", "flat", "one frame"])
def test_a_clean_clip_has_next_to_none(clean: NDArray[np.float64]) -> None:
    assert noise_of(noisy(clean, 0)).sigma < 0.5


def test_a_clip_of_nothing_but_texture_is_the_upper_bound_of_its_noise() -> None:
    column = np.arange(SIZE[1])
    clean = np.broadcast_to((128 + 40 * (column % 2))[None, None, :, None], (2, *SIZE, 3)).astype(float)
    assert noise_of(noisy(clean, 5)).sigma > 5


def test_floating_point_is_read_as_codes() -> None:
    frames = noisy(textured(), 12)
    tensors = [torch.from_numpy(frame).permute(2, 0, 1).to(torch.float64) / 255 for frame in frames]
    assert noise_of(tensors) == noise_of(frames)


def test_more_than_8_bits_show_noise_below_a_code() -> None:
    clean = torch.from_numpy(textured()).permute(0, 3, 1, 2).float() / 255
    drawn = torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    assert noise_of(list(clean + drawn * 0.5 / 255)).sigma == pytest.approx(0.5, rel=0.1)


def test_same_frames_give_same_figures_and_random_state_stays() -> None:
    frames = noisy(textured(), 8)
    before = torch.get_rng_state()
    first = estimate_noise(frames)
    assert estimate_noise([frame.copy() for frame in frames]) == first
    assert torch.equal(torch.get_rng_state(), before)


def test_long_clips_are_read_from_end_to_end() -> None:
    class Counted(list[NDArray[np.uint8]]):
        def __init__(self, frames: Frames) -> None:
            super().__init__(frames)
            self.read: list[int] = []

        def __getitem__(self, index):  # type: ignore[no-untyped-def]
            self.read.append(index)
            return super().__getitem__(index)

    frames = Counted(noisy(flat(90, count=60), 6))
    noise_of(frames)
    assert len(frames.read) == 24
    assert (frames.read[0], frames.read[-1]) == (0, 59)


@pytest.mark.parametrize(
    "frames",
    [[], [np.zeros((7, 100, 3), np.uint8)], [np.zeros((64, 64, 3), np.uint8)] * 3, [np.zeros((12, 12, 3), np.uint8)]],
    ids=["no frame", "below a block", "all black", "too few blocks"],
)
def test_where_nothing_can_be_said_nothing_is(frames: Frames) -> None:
    assert estimate_noise(frames) is None


def test_a_black_channel_gets_the_noise_of_the_others() -> None:
    frames = noisy(textured(), 10)
    for frame in frames:
        frame[..., 2] = 0
    level = noise_of(frames)
    assert level.constant[2] == pytest.approx((level.constant[0] + level.constant[1]) / 2)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((3, 64, 64), np.uint8),
        np.zeros((64, 64, 3), np.uint16),
        np.zeros((64, 64), np.uint8),
        torch.zeros(64, 64, 3),
        torch.zeros(3, 64, 64, dtype=torch.uint8),
        torch.zeros(1, 3, 64, 64),
    ],
    ids=lambda frame: f"{frame.dtype} {tuple(frame.shape)}",
)
def test_other_frames_are_refused(frame: NDArray[np.uint8] | Tensor) -> None:
    with pytest.raises(EngineError) as caught:
        estimate_noise([frame])
    assert str(caught.value) == f"frame 0: {frame.dtype} of shape {tuple(frame.shape)} to estimate noise in"


def test_frames_of_two_sizes_are_refused() -> None:
    with pytest.raises(EngineError, match=r"frames of \(64, 64\) and of \(64, 72\)"):
        estimate_noise([np.zeros((64, 64, 3), np.uint8), np.zeros((64, 72, 3), np.uint8)])


def test_energy_of_white_noise_is_its_variance_in_every_coefficient() -> None:
    samples = 128 + 10 * torch.randn(8000, 8, 8, generator=torch.Generator().manual_seed(0))
    blocks = measured(samples)
    torch.testing.assert_close(blocks.energy[:, 1:].mean(dim=0), torch.full((63,), 100.0), rtol=0.08, atol=0)
    torch.testing.assert_close(blocks.energy[:, 0], 64 * blocks.mean**2, rtol=1e-4, atol=0)


def test_choosing_flat_blocks_does_not_pull_the_variance_down() -> None:
    samples = 128 + 10 * torch.randn(8000, 8, 8, generator=torch.Generator().manual_seed(0))
    largest = min(flat_levels(measured(samples)), key=lambda level: level.sampling)
    assert largest.variance == pytest.approx(100, rel=0.03)
    assert largest.texture == pytest.approx(100, rel=0.1)


def test_levels_hold_every_block_once() -> None:
    mean = 255 * torch.rand(3000, generator=torch.Generator().manual_seed(0)) ** 4
    members = noise_blocks._members(mean)
    assert sorted(torch.cat(members).tolist()) == list(range(3000))
    assert all(len(level) >= noise_blocks.MIN_IN_LEVEL for level in members)
    assert all(mean[low].max() <= mean[high].min() for low, high in pairwise(members))


def test_blocks_are_cut_where_they_stand() -> None:
    picture = torch.arange(3 * 40 * 50).reshape(3, 40, 50)
    blocks = sample(picture, 10_000, seed=0)
    assert blocks.shape == (3, 9 * 11, 8, 8)
    corners = {(int(block[0, 0]) // 50, int(block[0, 0]) % 50) for block in blocks[0]}
    assert corners == {(row, column) for row in range(0, 33, 4) for column in range(0, 43, 4)}
    assert torch.equal(blocks[2, 5], blocks[0, 5] + 2 * 40 * 50)
    assert sample(picture, 7, seed=0).shape[1] == 7


@pytest.mark.parametrize(("mean", "sigma"), [(0.0, 30.0), (10.0, 20.0), (128.0, 60.0), (250.0, 5.0), (255.0, 50.0)])
def test_clipped_moments_equal_those_of_clipped_numbers(mean: float, sigma: float) -> None:
    drawn = np.clip(np.random.default_rng(0).normal(mean, sigma, 100_000), 0, 255)
    first, variance = clipped_moments(np.array([mean]), np.array([sigma]))
    assert first[0] == pytest.approx(drawn.mean(), abs=0.01 * sigma)
    assert variance[0] == pytest.approx(drawn.var(), rel=0.02)


def level_at(mean: float, variance: float, **other: float) -> FlatLevel:
    figures = {"sampling": 0.02, "texture": variance, "clipped": 0.0} | other
    return FlatLevel(mean=mean, variance=variance, **figures)


@pytest.mark.parametrize(
    "line", [lambda _: 30.0, lambda x: 5 + 0.4 * x, lambda x: 0.7 * x], ids=["gaussian", "both", "poisson"]
)
def test_a_line_meets_the_levels_that_lie_on_one(line: Callable[[float], float]) -> None:
    constant, slope = fit_line([level_at(mean, line(mean)) for mean in range(60, 200, 10)])
    assert constant == pytest.approx(line(0), abs=0.05)
    assert slope == pytest.approx(line(1) - line(0), abs=1e-3)


def test_textured_levels_and_outliers_hardly_move_the_line() -> None:
    flat_ones = [level_at(mean, 25) for mean in range(100, 200, 10)]
    odd_ones = [level_at(50, 90, texture=2000), level_at(205, 60, texture=25)]
    constant, slope = fit_line([*flat_ones, *odd_ones])
    for intensity in (128, 205):  # without weights that answer to the line, it misses the second
        assert constant + intensity * slope == pytest.approx(25, rel=0.1)


def test_noise_that_shrinks_with_intensity_is_taken_as_constant() -> None:
    assert fit_line([level_at(mean, 60 - mean / 10) for mean in range(60, 200, 10)])[1] == 0
