"""psnr_y by hand, and scores of methods whose place is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from networks import TINY, noise
from vrinr_cli.model.network import VrInr
from vrinr_cli.model.resample import BICUBIC, enlarge
from vrinr_cli.model.source import sigma_codes
from vrinr_cli.training.degrade import quantize
from vrinr_cli.training.validate import Case, ClipScore, crop_for, luma, psnr_y, score_clip, score_model


def test_luma_is_matlabs() -> None:
    colors = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64).T
    assert luma(colors[:, :, None])[:, 0].tolist() == pytest.approx([16, 235, 81.481, 144.553, 40.966])


def test_psnr_by_hand() -> None:
    """Gray 100 against gray 105: 5 codes of RGB are 5 * 218.999 / 255 = 4.29409 of luma."""
    low, high = (torch.full((2, 3, 6, 6), code / 255, dtype=torch.float64) for code in (100, 105))
    difference = 5 / 255 * (65.481 + 128.553 + 24.966)
    assert psnr_y(low, high, 0) == pytest.approx(20 * math.log10(255 / difference))


def test_psnr_is_of_rounded_pictures() -> None:
    one, other = (torch.full((1, 3, 4, 4), value) for value in (0.5, 0.5 + 0.4 / 255))
    assert psnr_y(one, one, 0) == pytest.approx(20 * math.log10(255) + 100)
    assert psnr_y(torch.full((1, 3, 4, 4), 1.0), torch.full((1, 3, 4, 4), 3.0), 0) > 140
    assert psnr_y(quantize(one), other, 0) == psnr_y(one, other, 0)


def test_psnr_is_the_mean_over_frames_of_the_frames_psnr() -> None:
    target = noise(3, 3, 8, 8)
    output = (target + 0.02 * torch.arange(1, 4)[:, None, None, None]).clamp(0, 1)
    singles = [psnr_y(output[n : n + 1], target[n : n + 1], 2) for n in range(3)]
    assert psnr_y(output, target, 2) == pytest.approx(sum(singles) / 3)


def test_the_border_does_not_count() -> None:
    target = noise(1, 3, 10, 10)
    output = target.clone()
    output[..., :3, :] = 0
    output[..., :, -3:] = 0
    assert psnr_y(output, target, 3) > 140
    assert psnr_y(output, target, 2) < 30


def test_halving_an_error_adds_six_decibels() -> None:
    target = torch.full((1, 3, 8, 8), 0.5, dtype=torch.float64)
    sign = (noise(1, 1, 8, 8) > 0.5).double() * 2 - 1
    scores = [psnr_y(quantize(target) + sign * codes / 255, target, 0) for codes in (8, 4, 2)]
    assert scores[1] - scores[0] == pytest.approx(20 * math.log10(2))
    assert scores[2] - scores[1] == pytest.approx(20 * math.log10(2))


@given(size=st.tuples(st.integers(16, 300), st.integers(16, 300)), scale=st.floats(1, 8))
def test_crops_have_the_scale_as_nearly_as_whole_pixels_allow(size: tuple[int, int], scale: float) -> None:
    low, high = crop_for(size, scale)
    for small, large, side in zip(low, high, size, strict=True):
        assert large <= side
        assert abs(large - small * scale) <= 1


def test_bicubic_itself_has_bicubics_score() -> None:
    pixels = (np.random.default_rng(0).random((2, 24, 24, 3)) * 255).astype(np.uint8)
    score = score_clip(lambda source, size: enlarge(source, size, BICUBIC), "a", pixels, Case(2.0), 4)
    assert score.vrinr == score.bicubic
    assert score.gain == score.bicubic - max(score.bicubic, score.lanczos) <= 0


def test_the_target_itself_is_the_best() -> None:
    pixels = (np.random.default_rng(0).random((2, 24, 24, 3)) * 255).astype(np.uint8)
    target = torch.from_numpy(pixels).permute(0, 3, 1, 2)[None] / 255

    def oracle(source: Tensor, size: tuple[int, int]) -> Tensor:
        assert tuple(source.shape) == (1, 2, 3, 8, 8)
        assert size == (24, 24)
        return target

    assert score_clip(oracle, "a", pixels, Case(3.0), 4).gain > 50


def test_a_new_network_scores_as_bicubic() -> None:
    clips = {
        name: (np.random.default_rng(n).random((2, 20, 22, 3)) * 255).astype(np.uint8)
        for n, name in enumerate(("one", "two"))
    }
    scores = score_model(VrInr(TINY).eval(), clips, (Case(2.0), Case(2.5)))
    assert [(s.clip, s.case.name) for s in scores] == [("one", "x2"), ("two", "x2"), ("one", "x2.5"), ("two", "x2.5")]
    assert all(s.vrinr == pytest.approx(s.bicubic, abs=1e-6) for s in scores)


def test_noise_is_added_to_what_the_network_reads_and_told() -> None:
    pixels = np.full((3, 32, 32, 3), 128, np.uint8)
    case = Case(1.0, 20.0)

    def plain(source: Tensor, size: tuple[int, int]) -> Tensor:
        assert size == (32, 32)
        assert float(source.std()) * 255 == pytest.approx(20, rel=0.05)
        return source

    score = score_clip(plain, "a", pixels, case, 4)
    assert score.case.name == "x1 sigma 20"
    assert score.gain == pytest.approx(0, abs=1e-4)
    told: list[Tensor] = []

    class Listening(VrInr):
        def forward(self, clip: Tensor, size: tuple[int, int], noise: Tensor | None = None) -> Tensor:
            assert noise is not None
            told.append(noise)
            return super().forward(clip, size, noise)

    score_model(Listening(replace(TINY, noise_input=True)), {"a": pixels}, (case, Case(2.0)))
    assert [float(sigma_codes(noise)) for noise in told] == pytest.approx([20, 0], abs=1e-4)


def test_gain_is_over_the_better_baseline() -> None:
    assert ClipScore("a", Case(2.0), 30.0, 28.0, 29.0).gain == 1.0
    assert ClipScore("a", Case(2.0), 30.0, 31.0, 29.0).gain == -1.0
