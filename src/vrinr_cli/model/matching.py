"""Where each pixel of a frame finds its like in a neighbouring frame: hard attention within a few pixels.

For every pixel, the 5x5 patch of luma around it is held against the patches around all pixels of the other frame that
lie within `reach`, and the place of the nearest is kept: top-1 attention with fixed keys, by the sum of squared
differences (block matching; Jain and Jain, "Displacement measurement and its application in interframe image coding",
1981). Nothing is learned, nothing is interpolated, and no flow is estimated between pixels. Luma is rounded to 8 bits,
so all sums are whole numbers and every device finds the same places. A cost and the number of its displacement stand in
one integer, so that the least of them names both.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.model.config import PATCH_REACH
from vrinr_cli.model.source import sigma_codes

PRICE = 3
"""Added to a patch's sum of squared differences for each squared pixel of displacement, so that flat areas stand."""
NOISE_PRICE = 2
"""Added to `PRICE` for each unit of the variance of noise in luma codes: noise must not look like motion."""
WORDS = {4: torch.int32, 8: torch.int64, 16: torch.complex128}
"""By their bytes."""
LARGEST_SUM = (2 * PATCH_REACH + 1) ** 2 * 255**2
"""Of the squared differences of a patch."""
LARGEST_FINE = 1 << 21
"""Most that a displacement costs by itself: above `LARGEST_SUM`, so that it loses to none at all."""


@dataclass(slots=True)
class Matches:
    """Where each pixel of N frames finds its like: places (N, h w) counted row by row; None is the pixel itself."""

    before: Tensor | None
    """In the frame before."""
    after: Tensor | None
    """In the frame after."""


def luma_codes(frames: Tensor) -> Tensor:
    """RGB (N, 3, h, w) in [0, 1], or folded -> the mean of all channels as whole codes 0..255, float32 (N, h, w)."""
    return (frames.to(torch.float32).sum(dim=1) * (255 / frames.shape[1])).round()


def price_of(noise: Tensor | None, fold: int) -> Tensor | float:
    """What a squared pixel of displacement costs.

    Args:
        noise: (N, 3, 2), see `source`; None is none.
        fold: source pixels per trunk pixel along each axis: their mean is less noisy than they are.

    Returns:
        A whole number, or one for each of the N, (N, 1, 1).
    """
    if noise is None:
        return PRICE
    variance = sigma_codes(noise).square() / (3 * fold * fold)
    return (PRICE + NOISE_PRICE * variance).round()[:, None, None]


@torch.no_grad()
def find(one: Tensor, other: Tensor, reach: int, price: Tensor | float = PRICE) -> tuple[Tensor, Tensor]:
    """For every pixel the place of the likest patch in the other frame, both ways.

    A displacement from one frame to the other costs what its opposite costs the other way, so each is looked at once.

    Args:
        one: luma codes, (N, h, w).
        other: the same shape.
        reach: largest displacement along each axis, in pixels.
        price: of a squared pixel of displacement, a whole number, or (N, 1, 1) of them.

    Returns:
        Places in `other` for the pixels of `one`, and the reverse: (N, h w) int64, counted row by row. Beyond the
        border the outermost pixel is repeated; equal costs go to the displacement that is first, row by row.
    """
    height, width = one.shape[-2:]
    side, tall, wide = 2 * reach + 1, height + 2 * reach, width + 2 * reach
    moves = side * side
    kind = torch.int32 if moves * (LARGEST_SUM + LARGEST_FINE) < 1 << 31 else torch.int64
    near = _repeated(one, PATCH_REACH + reach).to(kind)  # costs are needed as far out as the other way reaches
    far = _repeated(other, PATCH_REACH + 2 * reach).to(kind)
    fine = torch.as_tensor(price, device=one.device).to(torch.int64)
    there = torch.full_like(near[:, :height, :width], torch.iinfo(kind).max)
    back = there.clone()
    for number in range(moves):
        top, left = number // side, number % side  # displacement + reach
        moved = far[:, top : top + tall + 2 * PATCH_REACH, left : left + wide + 2 * PATCH_REACH] - near
        distance = (top - reach) ** 2 + (left - reach) ** 2
        added = ((fine * distance).clamp_max(LARGEST_FINE) * moves + number).to(kind)
        cost = torch.add(added, _patch_sums(moved.mul_(moved)), alpha=moves)  # ends in the displacement's number
        torch.minimum(there, cost[:, reach : reach + height, reach : reach + width], out=there)
        y, x = side - 1 - top, side - 1 - left  # of the pixel that this displacement ends at
        torch.minimum(back, cost[:, y : y + height, x : x + width], out=back)
    return _places(there % moves, side, 1), _places(back % moves, side, -1)


def _places(number: Tensor, side: int, sign: int) -> Tensor:
    """Where displacements lead, counted row by row and cut at the border: (N, h, w) -> (N, h w)."""
    height, width = number.shape[-2:]
    rows, columns = (torch.arange(n, device=number.device) for n in (height, width))
    y = rows[:, None] + sign * (number // side - side // 2)
    x = columns + sign * (number % side - side // 2)
    return (y.clamp_(0, height - 1) * width + x.clamp_(0, width - 1)).flatten(1)


def find_in_clip(clip: Tensor, reach: int, price: Tensor | float = PRICE) -> Matches:
    """All frames of clips in the frames before and after; a clip's first frame has itself before it, its last after.

    Args:
        clip: (B, T, 3, h, w) in [0, 1], or folded.
        reach: as in `find`.
        price: as in `find`, of each clip.

    Returns:
        Of the B T frames, time running fastest.
    """
    count, length = clip.shape[:2]
    if length == 1:
        return Matches(None, None)
    lumas = luma_codes(clip.flatten(0, 1)).unflatten(0, (count, length))  # (B, T, h, w)
    early, late = lumas[:, :-1].flatten(0, 1), lumas[:, 1:].flatten(0, 1)
    itself = torch.arange(lumas[0, 0].numel(), device=clip.device).expand(count, 1, -1)
    each = price.repeat_interleave(length - 1, dim=0) if isinstance(price, Tensor) else price
    after, before = (places.unflatten(0, (count, length - 1)) for places in find(early, late, reach, each))
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
    if image.element_size() == 2:
        rows = functional.pad(rows, (0, -channels % 8))  # a row of 16 bytes is copied at once, one of 14 is not
    first = torch.arange(count, device=image.device)[:, None] * (height * width)
    taken = rows.index_select(0, (places + first).flatten())
    return taken.reshape(count, height, width, -1).permute(0, 3, 1, 2)[:, :channels]


def words(image: Tensor, channels: int) -> Tensor | None:
    """So many channels of a pixel as one machine word, which is moved at once; the words share the image's memory.

    Args:
        image: (N, C, h, w), channels last.
        channels: of each word.

    Returns:
        (N h w, C / channels), numbers that mean nothing; None where no word is as long, or C is no multiple of it.
    """
    kind = WORDS.get(channels * image.element_size())
    rows = image.permute(0, 2, 3, 1)
    if kind is None or image.shape[1] % channels or not rows.is_contiguous():
        return None
    return rows.reshape(-1, image.shape[1]).view(kind)


def take_words(column: Tensor, places: Tensor | None) -> Tensor:
    """The words at places: (N h w,), (N, h w) -> (N h w,)."""
    if places is None:
        return column
    first = torch.arange(0, column.numel(), places.shape[1], device=column.device)
    chosen = (places + first[:, None]).flatten() if len(places) > 1 else places[0]
    return column.contiguous().index_select(0, chosen)  # close together they stay in the cache


def _patch_sums(image: Tensor) -> Tensor:
    """Sums over 5x5: (N, h + 4, w + 4) -> (N, h, w). Two and two, then four, then the fifth: three sums an axis."""
    pairs = image[:, :-1] + image[:, 1:]
    tall = (pairs[:, :-3] + pairs[:, 2:-1]).add_(image[:, 4:])
    pairs = tall[..., :-1] + tall[..., 1:]
    return (pairs[..., :-3] + pairs[..., 2:-1]).add_(tall[..., 4:])


def _repeated(image: Tensor, border: int) -> Tensor:
    return functional.pad(image[:, None], (border,) * 4, mode="replicate")[:, 0]
