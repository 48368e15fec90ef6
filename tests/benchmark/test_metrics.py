"""Each metric by hand, against another reading of its definition, and against the trainer's own psnr_y."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from vrinr_cli.benchmark.metrics import MOST_PSNR, Meter, dtssd_y, inner_luma, psnr_rgb, psnr_y, ssim
from vrinr_cli.training import validate


def flat(*codes: int, side: int = 20) -> Tensor:
    """Gray frames, one a code."""
    return torch.stack([torch.full((3, side, side), code, dtype=torch.uint8) for code in codes])


def random_pair(
    seed: int, frames: int = 2, size: tuple[int, int] = (25, 31), spread: int = 12
) -> tuple[Tensor, Tensor]:
    """Smooth pictures, and the same with noise."""
    numbers = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    waves = 128 + 70 * np.sin(rows / 5 + seed) * np.cos(columns / 7)
    target = np.clip(waves + numbers.integers(-9, 10, (frames, 3, *size)), 0, 255)
    output = np.clip(target + numbers.integers(-spread, spread + 1, target.shape), 0, 255)
    return torch.from_numpy(output.astype(np.uint8)), torch.from_numpy(target.astype(np.uint8))


def luma_by_numpy(frames: Tensor) -> NDArray[np.float64]:
    """Y = 16 + 65.481 R + 128.553 G + 24.966 B, R, G, B in [0, 1]: MATLAB's rgb2ycbcr without its rounding."""
    red, green, blue = (frames.numpy()[:, channel].astype(np.float64) / 255 for channel in range(3))
    return np.asarray(16 + 65.481 * red + 128.553 * green + 24.966 * blue)


def ssim_by_loop(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Eq. 13 of Wang et al. 2004 window by window: weighted mean, variance and covariance where the window fits."""
    places = np.arange(11) - 5
    gauss = np.exp(-(places**2) / (2 * 1.5**2))
    window = np.outer(gauss, gauss) / gauss.sum() ** 2
    low, high = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = []
    for top in range(one.shape[0] - 10):
        for left in range(one.shape[1] - 10):
            a, b = one[top : top + 11, left : left + 11], other[top : top + 11, left : left + 11]
            mean_a, mean_b = float((window * a).sum()), float((window * b).sum())
            var_a, var_b = (float((window * (x - m) ** 2).sum()) for x, m in ((a, mean_a), (b, mean_b)))
            both = float((window * (a - mean_a) * (b - mean_b)).sum())
            found.append(
                (2 * mean_a * mean_b + low)
                * (2 * both + high)
                / ((mean_a**2 + mean_b**2 + low) * (var_a + var_b + high))
            )
    return sum(found) / len(found)


def test_psnr_rgb_by_hand() -> None:
    """Every sample 5 codes off: 20 log10(255 / 5) = 34.151 dB; one sample in 3 off by 6: MSE 12."""
    assert psnr_rgb(flat(100), flat(105)).tolist() == pytest.approx([20 * math.log10(51)])
    red_off = flat(100)
    red_off[:, 0] += 6
    assert psnr_rgb(red_off, flat(100)).tolist() == pytest.approx([10 * math.log10(255**2 / 12)])


def test_psnr_is_one_figure_a_frame() -> None:
    found = psnr_rgb(flat(100, 100, 100), flat(101, 102, 104)).tolist()
    assert [round(a - b, 4) for a, b in pairwise(found)] == [round(20 * math.log10(2), 4)] * 2


def test_psnr_y_by_hand() -> None:
    """5 codes of gray are 5 * 219 / 255 of luma."""
    assert psnr_y(flat(100), flat(105)).tolist() == pytest.approx([20 * math.log10(255 * 255 / (5 * 219))])


def test_what_is_equal_has_the_most() -> None:
    assert psnr_rgb(flat(9), flat(9)).tolist() == psnr_y(flat(9), flat(9)).tolist() == [MOST_PSNR]
    assert validate.psnr_y(flat(9) / 255, flat(9) / 255, 4) == pytest.approx(MOST_PSNR, abs=0.01)


@given(seed=st.integers(0, 50), border=st.integers(0, 6))
def test_psnr_y_is_the_trainers(seed: int, border: int) -> None:
    output, target = random_pair(seed)
    ours = float(psnr_y(output, target, border=border).mean())
    assert ours == pytest.approx(validate.psnr_y(output.double() / 255, target.double() / 255, border), abs=1e-5)


@given(seed=st.integers(0, 50), border=st.integers(0, 6))
def test_psnr_is_numpys(seed: int, border: int) -> None:
    output, target = random_pair(seed)
    height, width = output.shape[-2:]
    inner = (..., slice(border, height - border), slice(border, width - border))
    luma_error = ((luma_by_numpy(output) - luma_by_numpy(target))[inner] ** 2).mean(axis=(1, 2))
    assert psnr_y(output, target, border=border).tolist() == pytest.approx(list(10 * np.log10(255**2 / luma_error)))
    rgb_error = ((output.numpy().astype(float) - target.numpy()) ** 2).mean(axis=(1, 2, 3))
    assert psnr_rgb(output, target).tolist() == pytest.approx(list(10 * np.log10(255**2 / rgb_error)))


def test_ssim_of_flat_pictures_by_hand() -> None:
    """Without variance only the luminance term is left: (2 a b + C1) / (a^2 + b^2 + C1)."""
    a, b = (16 + code * 219 / 255 for code in (60, 180))
    expected = (2 * a * b + 6.5025) / (a * a + b * b + 6.5025)
    assert ssim(flat(60), flat(180)).tolist() == pytest.approx([expected], abs=2e-4)
    assert ssim(flat(60), flat(60)).tolist() == [1.0]


@pytest.mark.parametrize("border", [0, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ssim_is_the_papers_equation_where_the_window_fits(seed: int, border: int) -> None:
    output, target = random_pair(seed, frames=1, size=(24, 27), spread=30)
    pictures = (luma_by_numpy(output)[0], luma_by_numpy(target)[0])
    inner = [p[border : p.shape[0] - border, border : p.shape[1] - border] for p in pictures]
    assert ssim(output, target, border=border).tolist() == pytest.approx([ssim_by_loop(*inner)], abs=2e-5)
    assert 0.3 < ssim_by_loop(*inner) < 0.99


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="SSIM's window is 11"):
        ssim(flat(1, side=18), flat(1, side=18), border=4)


def test_dtssd_by_hand() -> None:
    """The output jumps by 10 and back, the reference stays: 10 * 219 / 255 of luma each time."""
    step = 10 * 219 / 255
    assert dtssd_y(flat(50, 60, 50), flat(50, 50, 50)).tolist() == pytest.approx([step, step])


def test_a_steady_error_has_no_dtssd_and_motion_that_is_right_neither() -> None:
    assert dtssd_y(flat(50, 60, 70), flat(20, 30, 40)).abs().max() < 1e-9
    _, moving = random_pair(3, frames=4)
    assert dtssd_y(moving, moving).tolist() == [0, 0, 0]


def test_flicker_of_deviation_s_counts_s_times_the_root_of_two() -> None:
    numbers = np.random.default_rng(0)
    target = np.full((3, 3, 80, 80), 120.0)
    gray_noise = numbers.normal(0, 6, (3, 1, 80, 80))
    output = torch.from_numpy((target + gray_noise).round().astype(np.uint8))
    found = dtssd_y(output, torch.from_numpy(target.astype(np.uint8)))
    assert float(found.mean()) == pytest.approx(6 * math.sqrt(2) * 219 / 255, rel=0.03)


def test_the_border_is_cut_from_every_side() -> None:
    frames = flat(10, side=20)
    frames[..., :3, :] = frames[..., -3:, :] = frames[..., :3] = frames[..., -3:] = 200
    assert inner_luma(frames, 3).unique().numel() == 1
    assert inner_luma(frames, 2).unique().numel() == 2


def test_the_meter_gives_the_mean_over_frames() -> None:
    output, target = random_pair(5, frames=3)
    meter = Meter(2)
    for one, other in zip(output, target, strict=True):
        meter.add(one, other)
    found = meter.figures()
    assert found.psnr_rgb == pytest.approx(float(psnr_rgb(output, target).mean()))
    assert found.psnr_y == pytest.approx(float(psnr_y(output, target, border=2).mean()))
    assert found.ssim == pytest.approx(float(ssim(output, target, border=2).mean()), abs=1e-6)
    assert found.dtssd_y == pytest.approx(float(dtssd_y(output, target, border=2).mean()))


def test_the_meter_has_no_figure_where_there_is_none() -> None:
    meter = Meter()
    meter.add(flat(1, side=18)[0], flat(2, side=18)[0])
    assert (meter.figures().ssim, meter.figures().dtssd_y) == (None, None)
    with pytest.raises(ValueError, match="no frame"):
        Meter().figures()
