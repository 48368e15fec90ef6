"""Where each pixel of a frame finds its like in a neighbouring frame: hard attention within a few pixels.

For every pixel, the 5x5 patch of luma around it is held against the patches around all pixels of the other frame that
lie within `reach`, and the place of the nearest is kept: top-1 attention with fixed keys, by the sum of squared
differences (block matching; Jain and Jain, "Displacement measurement and its application in interframe image coding",
1981). Nothing is learned, nothing is interpolated, and no flow is estimated between pixels. Luma is rounded to 8 bits,
so all sums are exact in float32 and every device finds the same places.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.model.config import PATCH_REACH

PRICE = 3
"""Added to a patch's sum of squared differences for each squared pixel of displacement, so that flat areas stand."""


@dataclass(slots=True)
class Matches:
    """Where each pixel of N frames finds its like: places (N, h w) counted row by row; None is the pixel itself."""

    before: Tensor | None
    """In the frame before."""
    after: Tensor | None
    """In the frame after."""


def luma_codes(frames: Tensor) -> Tensor:
    """RGB (N, 3, h, w) in [0, 1] -> the mean of the three as whole codes 0..255, float32 (N, h, w)."""
    return (frames.to(torch.float32).sum(dim=1) * 85).round()


@torch.no_grad()
def find(frame: Tensor, other: Tensor, reach: int) -> Tensor:
    """The place in `other` of the likest patch for every pixel of `frame`.

    Args:
        frame: luma codes, (N, h, w).
        other: the same shape.
        reach: largest displacement along each axis, in pixels.

    Returns:
        (N, h w) int64, pixels of `other` counted row by row. Beyond the border the outermost pixel is repeated.
    """
    height, width = frame.shape[-2:]
    side, tall, wide = 2 * reach + 1, height + 2 * PATCH_REACH, width + 2 * PATCH_REACH
    inner, outer = _repeated(frame, PATCH_REACH), _repeated(other, PATCH_REACH + reach)
    least = torch.full_like(frame, torch.inf)
    best = torch.zeros_like(frame)
    for number in range(side * side):
        top, left = number // side, number % side
        difference = outer[:, top : top + tall, left : left + wide] - inner
        cost = _patch_sums(difference.square_()).add_(PRICE * ((top - reach) ** 2 + (left - reach) ** 2))
        best.masked_fill_(cost < least, number)
        least = torch.minimum(least, cost)
    rows, columns = (torch.arange(n, device=frame.device) for n in (height, width))
    down, right = best.long() // side - reach, best.long() % side - reach
    y, x = (rows[:, None] + down).clamp_(0, height - 1), (columns + right).clamp_(0, width - 1)
    return (y * width + x).flatten(1)


def find_in_clip(clip: Tensor, reach: int) -> Matches:
    """All frames of clips in the frames before and after; a clip's first frame has itself before it, its last after.

    Args:
        clip: (B, T, 3, h, w) in [0, 1].
        reach: as in `find`.

    Returns:
        Of the B T frames, time running fastest.
    """
    count, length = clip.shape[:2]
    if length == 1:
        return Matches(None, None)
    lumas = luma_codes(clip.flatten(0, 1)).unflatten(0, (count, length))  # (B, T, h, w)
    early, late = lumas[:, :-1].flatten(0, 1), lumas[:, 1:].flatten(0, 1)
    itself = torch.arange(lumas[0, 0].numel(), device=clip.device).expand(count, 1, -1)
    before, after = (
        find(one, other, reach).unflatten(0, (count, length - 1)) for one, other in ((late, early), (early, late))
    )
    return Matches(
        torch.cat([itself, before], dim=1).flatten(0, 1),
        torch.cat([after, itself], dim=1).flatten(0, 1),
    )


def take(image: Tensor, places: Tensor | None) -> Tensor:
    """The image's values at places: (N, C, h, w), (N, h w) -> (N, C, h, w)."""
    if places is None:
        return image
    count, channels, height, width = image.shape
    rows = image.permute(0, 2, 3, 1).reshape(-1, channels)  # (N h w, C)
    first = torch.arange(count, device=image.device)[:, None] * (height * width)
    taken = rows.index_select(0, (places + first).flatten())
    return taken.reshape(count, height, width, channels).permute(0, 3, 1, 2)


def _patch_sums(image: Tensor) -> Tensor:
    """Sums over 5x5: (N, h + 4, w + 4) -> (N, h, w)."""
    tall = image[:, :-4] + image[:, 1:-3] + image[:, 2:-2] + image[:, 3:-1] + image[:, 4:]
    return tall[..., :-4] + tall[..., 1:-3] + tall[..., 2:-2] + tall[..., 3:-1] + tall[..., 4:]


def _repeated(image: Tensor, border: int) -> Tensor:
    return functional.pad(image[:, None], (border,) * 4, mode="replicate")[:, 0]
