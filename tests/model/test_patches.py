"""Patches, Eq. (1): the fast reading beside nested loops."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from clip_by_hand import Picture, blur, patch, picture_of, tensor
from networks import CLIP, noise
from vrinr_cli.model.patches import PatchLevel, blurred, patch_levels


def every_pixel(frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    count, _, height, width = frames.shape
    frame, row, column = torch.cartesian_prod(*(torch.arange(n) for n in (count, height, width))).T
    return frame, row, column


def patches_by_loop(frames: Tensor, *, side: int, spacing: int, sigma: float) -> Tensor:
    smooth = [blur(picture_of(frame), sigma) for frame in frames]
    return tensor(
        [
            patch(smooth[frame], row, column, side=side, spacing=spacing)
            for frame, row, column in zip(*(index.tolist() for index in every_pixel(frames)), strict=True)
        ]
    )


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.5, 1.2])
@pytest.mark.parametrize(("side", "spacing"), [(1, 3), (3, 1), (3, 4), (5, 2)])
def test_patches_equal_a_loop_over_samples(side: int, spacing: int, sigma: float) -> None:
    frames = noise(2, 3, 4, 6)
    fast = PatchLevel(frames, side=side, spacing_px=spacing, sigma_px=sigma).read(*every_pixel(frames))
    assert fast.shape == (2 * 4 * 6, 3 * side**2)
    torch.testing.assert_close(fast, patches_by_loop(frames, side=side, spacing=spacing, sigma=sigma))


def test_a_corner_pixels_patch_by_hand() -> None:
    frame = torch.stack([torch.tensor([[0.0, 0.1], [0.2, 0.3]], dtype=torch.float64) + c * 0.2 for c in range(3)])
    zero = torch.tensor([0])
    read = PatchLevel(frame[None], side=3, spacing_px=1, sigma_px=0.0).read(zero, zero, zero)
    top, right, left, both = ([2 * (v + c * 0.2) - 1 for c in range(3)] for v in (0.0, 0.1, 0.2, 0.3))
    expected = [*top, *top, *right, *top, *top, *right, *left, *left, *both]
    assert read[0].tolist() == pytest.approx(expected)


def test_pixels_are_read_in_the_order_asked_for() -> None:
    level = PatchLevel(noise(2, 3, 4, 6), side=1, spacing_px=1, sigma_px=0.0)
    read = level.read(torch.tensor([1, 0, 1]), torch.tensor([3, 0, 3]), torch.tensor([5, 2, 5]))
    expected = [2 * noise(2, 3, 4, 6)[place] - 1 for place in ((1, slice(None), 3, 5), (0, slice(None), 0, 2))]
    torch.testing.assert_close(read, torch.stack([expected[0], expected[1], expected[0]]))


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
def test_a_constant_picture_has_constant_patches_at_the_border_too(sigma: float) -> None:
    frames = torch.tensor([0.2, 0.5, 1.0], dtype=torch.float64)[None, :, None, None].expand(1, 3, 4, 5)
    read = PatchLevel(frames, side=5, spacing_px=3, sigma_px=sigma).read(*every_pixel(frames))
    expected = torch.tensor([-0.6, 0.0, 1.0] * 25, dtype=torch.float64)
    torch.testing.assert_close(read, expected.expand(20, -1))


def test_a_dot_is_blurred_to_the_gaussians_taps() -> None:
    frame = torch.zeros(1, 3, 9, 9, dtype=torch.float64)
    frame[0, 1, 4, 4] = 1.0
    dot: Picture = blur(picture_of(frame[0]), 1.0)  # cut at 3 pixels
    smooth = blurred(frame, 1.0)
    assert float(smooth[0, 1, 4, 1]) == pytest.approx(dot[4][1][1]) != 0
    assert float(smooth[0, 1, 4, 0]) == 0
    assert float(smooth.sum()) == pytest.approx(1)
    assert not smooth[0, (0, 2)].any()
    torch.testing.assert_close(smooth[0, 1], smooth[0, 1].T)


def test_no_blur_gives_the_frame_itself() -> None:
    assert torch.equal(blurred(noise(1, 3, 4, 4), 0.0), noise(1, 3, 4, 4))


@pytest.mark.parametrize(
    ("size", "spacings", "sigmas"),
    [
        ((6, 8), (1, 2, 4), (0.0, 0.7, 1.0)),
        ((12, 16), (2, 4, 8), (0.0, 1.4, 2.0)),
        ((9, 12), (2, 3, 6), (0.0, 1.05, 1.5)),
        ((3, 4), (1, 1, 2), (0.0, 0.35, 0.5)),
    ],
)
def test_spacing_and_blur_grow_with_the_target(
    size: tuple[int, int], spacings: tuple[int, ...], sigmas: tuple[float, ...]
) -> None:
    frames = noise(1, 3, *size)
    config = replace(CLIP, patch_spacing_px=(1, 2, 4))
    for n, level in enumerate(patch_levels(frames, config)):
        expected = PatchLevel(frames, side=config.patch_sides[n], spacing_px=spacings[n], sigma_px=sigmas[n])
        torch.testing.assert_close(level.read(*every_pixel(frames)), expected.read(*every_pixel(frames)))


def test_a_patch_covers_the_same_part_of_a_larger_picture() -> None:
    small, large = (
        torch.linspace(0, 1, 2 * n + 1, dtype=torch.float64)[1::2].expand(1, 3, n, n) for n in (16, 48)
    )  # the same slope from left to right, sampled at pixel centres
    config = replace(CLIP, size=(16, 16), patch_blur_px=(0.0, 0.0, 0.0))
    for near, far in zip(patch_levels(small, config), patch_levels(large, config), strict=True):
        here, there = torch.tensor([8]), torch.tensor([3 * 8 + 1])
        torch.testing.assert_close(near.read(here * 0, here, here), far.read(here * 0, there, there))


def test_patches_never_grow_beyond_the_picture() -> None:
    config = replace(CLIP, size=(1, 1), patch_blur_px=(64.0, 64.0, 64.0), patch_spacing_px=(64, 64, 64))
    levels = patch_levels(noise(1, 3, 12, 9), config)
    sides = [(level.height - 12) // (side // 2 * 2) for level, side in zip(levels, config.patch_sides, strict=True)]
    assert sides == [12, 12, 12]
