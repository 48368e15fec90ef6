"""The denoising weights in the box, on pictures whose clean selves are known: no ghosts, no swimming."""

import functools

import torch
from torch import Tensor

from vrinr_cli.jobs import weights
from vrinr_cli.model.network import VrInr
from vrinr_cli.model.source import white_noise
from vrinr_cli.training.degrade import CODES, add_gaussian

SIGMA = 30.0
SIZE = (64, 112)
FRAMES = 9
BAR, GRAY, SPEED = 16, 0.85, 4


@functools.cache
def bundled() -> VrInr:
    model = weights.load(weights.find("denoise"))
    assert isinstance(model, VrInr)
    return model


def scene() -> Tensor:
    """(T, 3, h, w) in [0, 1]: soft waves that stand still."""
    y, x = torch.meshgrid(*(torch.arange(side) for side in SIZE), indexing="ij")
    picture = 0.4 + 0.2 * torch.sin(y / 9) * torch.cos(x / 14)
    return picture.expand(FRAMES, 3, *SIZE).clone()


def noisy(clean: Tensor) -> Tensor:
    return add_gaussian(clean, SIGMA, torch.Generator().manual_seed(0))


@torch.inference_mode()
def denoised(clip: Tensor) -> Tensor:
    result: Tensor = bundled()(clip[None], SIZE, white_noise(SIGMA))
    return result[0]


def ghost(result: Tensor, clean: Tensor, still: Tensor) -> float:
    """Part of the bar's contrast in the middle frame that stands where the bar was in the three frames before it."""
    middle = FRAMES // 2
    tail = bar_left(middle) - 2  # two pixels of blur are no ghost
    columns = slice(tail - 3 * SPEED, tail)
    contrast = (GRAY - still[middle])[..., columns]
    missed = (result[middle] - clean[middle])[..., columns]
    return float((contrast * missed).sum() / contrast.square().sum())


def bar_left(frame: int) -> int:
    return (SIZE[1] - BAR) // 2 + SPEED * (frame - FRAMES // 2)


def test_a_moving_bar_leaves_no_ghost() -> None:
    still = scene()
    clean = still.clone()
    for t in range(FRAMES):
        clean[t, :, :, bar_left(t) : bar_left(t) + BAR] = GRAY
    seen = noisy(clean)
    assert abs(ghost(denoised(seen), clean, still)) < 0.03
    averaged = seen.clone()
    averaged[FRAMES // 2] = seen[FRAMES // 2 - 2 : FRAMES // 2 + 3].mean(dim=0)
    assert ghost(averaged, clean, still) > 0.1  # what a mean of five frames leaves


def test_a_still_scene_swims_less_than_under_a_mean_of_five_frames() -> None:
    seen = noisy(scene())
    over_time = float(denoised(seen).var(dim=0).mean().sqrt()) * CODES
    assert over_time < SIGMA / 5**0.5
    alone = torch.cat([denoised(frame[None]) for frame in seen])
    assert over_time < 0.8 * float(alone.var(dim=0).mean().sqrt()) * CODES  # the frames beside it count
