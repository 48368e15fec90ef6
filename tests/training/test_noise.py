"""Noise that networks learn from has the variance that they are told."""

import numpy as np
import pytest
import torch

from vrinr_cli.model.source import sigma_codes, white_noise
from vrinr_cli.training.noise import SIGMAS, add_noise, draw_noise, halve_chroma, in_luma


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("intensity", [0.3, 0.6])
def test_variance_is_as_told_for_each_clip_and_channel(intensity: float) -> None:
    clips = torch.full((2, 3, 3, 64, 64), intensity)
    told = torch.tensor(
        [[[0.004, 0.0], [0.0, 0.02], [0.0, 0.0]], [[0.001, 0.01], [0.002, 0.0], [0.0, 0.004]]], dtype=torch.float32
    )
    noisy = add_noise(clips, told, generator())
    variance = noisy.transpose(1, 2).flatten(2).var(dim=-1)
    rounding = torch.where(told.sum(-1) > 0, 1 / 12 / 255**2, 0.0)
    torch.testing.assert_close(variance, told[..., 0] + told[..., 1] * intensity + rounding, rtol=0.06, atol=1e-9)
    assert not torch.equal(noisy[0, 0, 0], noisy[0, 1, 0])  # frames have their own
    assert float(noisy[0, :, 2].std()) < 1e-6  # where none is told there is none


def test_noise_is_cut_and_rounded_as_a_file_would_be() -> None:
    noisy = add_noise(torch.rand(1, 2, 3, 32, 32, generator=generator()), white_noise(60), generator())
    codes = noisy * 255
    assert float(noisy.min()) == 0
    assert float(noisy.max()) == 1
    torch.testing.assert_close(codes, codes.round(), atol=1e-4, rtol=0)


def test_the_same_generator_gives_the_same_noise() -> None:
    clips, told = torch.rand(1, 2, 3, 8, 8, generator=generator()), white_noise(10)
    assert torch.equal(add_noise(clips, told, generator(3)), add_noise(clips, told, generator(3)))
    assert not torch.equal(add_noise(clips, told, generator(3)), add_noise(clips, told, generator(4)))


def test_every_kind_is_drawn() -> None:
    rng = np.random.default_rng(0)
    told = torch.stack([draw_noise(rng) for _ in range(2000)])
    constant, slope = told[:, 0, 0] > 0, told[:, 0, 1] > 0
    uneven = (told[:, 0, 0] != told[:, 1, 0]) & ~slope
    shares = [float(part.float().mean()) for part in (constant & ~slope, slope & ~constant, slope & constant, uneven)]
    assert shares == pytest.approx([0.6, 0.25, 0.1, 0.1], abs=0.03)
    assert float(sigma_codes(told[constant & ~slope & ~uneven]).max()) == pytest.approx(SIGMAS[1], abs=1)
    assert float((told == 0).flatten(1).all(dim=1).float().mean()) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("size", [(32, 48), (31, 47)])
def test_half_of_the_chroma_keeps_luma_and_gray(size: tuple[int, int]) -> None:
    gray = torch.rand(1, 2, 1, *size, generator=generator()).expand(-1, -1, 3, -1, -1)
    torch.testing.assert_close(halve_chroma(gray), gray, atol=1 / 255, rtol=0)
    clips = 0.3 + 0.4 * torch.rand(1, 2, 3, *size, generator=generator())
    luma = torch.tensor([0.299, 0.587, 0.114])
    found = halve_chroma(clips)
    torch.testing.assert_close(
        torch.einsum("btchw,c->bthw", found, luma), torch.einsum("btchw,c->bthw", clips, luma), atol=1 / 255, rtol=0
    )
    assert float((found - found.mean(2, keepdim=True)).std()) < 0.7 * float((clips - clips.mean(2, keepdim=True)).std())


def test_the_finest_detail_of_half_chroma_is_lumas() -> None:
    told = white_noise(20)
    noisy = halve_chroma(add_noise(torch.full((1, 4, 3, 64, 64), 0.5), told, generator()))
    finest = (noisy[..., ::2, ::2] - noisy[..., 1::2, ::2] - noisy[..., ::2, 1::2] + noisy[..., 1::2, 1::2]) / 2
    expected = float(sigma_codes(in_luma(told)))
    assert float(finest.std()) * 255 == pytest.approx(expected, rel=0.1)
    assert expected == pytest.approx(20 * (0.299**2 + 0.587**2 + 0.114**2) ** 0.5, rel=1e-4)
