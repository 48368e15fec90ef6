"""Means along motion: beside a noisy frame the trunk reads what the frames around it hold of the same place.

Every block of fold x fold source pixels looks for its like in the frames near by, first on the trunk's grid (`find`),
then within a source pixel of that place; what is found counts the less, the more it differs beyond what noise explains.
So noise falls before the first convolution, where things can be followed, as in V-BM3D (Dabov, Foi, Egiazarian, "Video
denoising by sparse 3D transform-domain collaborative filtering", EUSIPCO 2007) and in the motion-compensated filters of
encoders. Nothing is learned here: the trunk sees the frame, the means, and how noisy each still is.
Pixels are rounded to 8-bit codes, so sums of squares are exact (fold 3 at most) and every device finds the same places.
All three channels are compared: with half the chroma, as in nearly every file, noise is much the same in all of them,
and luma would have more of it than the channels' own deviations tell.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.model.matching import Matches, find, luma_codes, price_of, take
from vrinr_cli.model.source import CODES, deviations, fold_pixels

TOLERANCES = (0.05, 0.4)
"""Of each mean (`config.AVERAGES`): by how much of the noise's own share a patch may differ before it counts 1 / e."""
FLOOR = 0.5
"""Added to the squared difference that noise explains, in squared codes: rounding."""
STAY = 8.0
"""Price of a squared source pixel of the second search, in squared differences that noise explains."""
PATCH = 3
"""Side in blocks of the patches that are compared there."""
MOVES = tuple((y, x) for y in (0, -1, 1) for x in (0, -1, 1))
"""Of the second search, in source pixels; none comes first."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Frames as they are searched, N of them."""

    own: Tensor
    """Each block's pixels, (N, 3, fold, fold, h, w), in codes."""
    coarse: Tensor
    """Luma codes of the blocks' means, (N, h, w)."""
    around: Tensor
    """Each block's pixels and those one pixel around, (N, 3 (fold + 2)^2, h, w), in codes."""
    expected: Tensor
    """Squared difference of two pixels that noise explains, all channels together, (N, h, w)."""
    deviations: Tensor
    """Of one pixel, (N, 3, h, w), see `source`."""
    fold: int

    def part(self, which: slice) -> "Looked":
        """Some of the frames."""
        return Looked(
            own=self.own[which],
            coarse=self.coarse[which],
            around=self.around[which],
            expected=self.expected[which],
            deviations=self.deviations[which],
            fold=self.fold,
        )


@dataclass(slots=True)
class Sums:
    """What was found so far for N frames, for each of M tolerances."""

    colors: Tensor
    """Weighted codes, (M, N, 3 fold^2, h, w)."""
    weights: Tensor
    """(M, N, 1, h, w)."""
    squares: Tensor
    """Of the weights."""

    @classmethod
    def of(cls, looked: Looked) -> "Sums":
        """The frames themselves, each with weight 1."""
        colors = torch.stack([looked.own.flatten(1, 3)] * len(TOLERANCES))
        return cls(colors, torch.ones_like(colors[:, :, :1]), torch.ones_like(colors[:, :, :1]))

    def part(self, which: slice) -> "Sums":
        """Some of the frames; what is added to them is added here."""
        return Sums(self.colors[:, which], self.weights[:, which], self.squares[:, which])

    def add(self, found: "Found") -> None:
        """Add what one more frame holds of each of them."""
        for number, tolerance in enumerate(TOLERANCES):
            weight = torch.exp(found.excess / -tolerance)[:, None]
            self.colors[number].addcmul_(weight, found.colors)
            self.weights[number].add_(weight)
            self.squares[number].addcmul_(weight, weight)

    def read(self, looked: Looked) -> Tensor:
        """What the trunk reads: each mean less a half, then how noisy each is: (N, M (3 fold^2 + 3), h, w)."""
        means = (self.colors / (CODES * self.weights) - 0.5).transpose(0, 1).flatten(1, 2)
        shares = self.squares.sqrt() / self.weights  # (M, N, 1, h, w)
        noise = (shares * looked.deviations).transpose(0, 1).flatten(1, 2)
        return torch.cat([means, noise], dim=1)


def look(frames: Tensor, folded: Tensor, fold: int, noise: Tensor) -> Looked:
    """Frames made ready to be searched.

    Args:
        frames: (N, 3, H, W) in [0, 1].
        folded: the same through `fold_pixels`.
        fold: source pixels per trunk pixel along each axis.
        noise: of each frame, (N, 3, 2), see `source`.
    """
    spread = deviations(folded.to(torch.float32), noise)
    around = _around((frames.to(torch.float32) * CODES).round_(), folded, fold)
    inner = slice(1, 1 + fold)
    return Looked(
        own=around.unflatten(1, (3, fold + 2, fold + 2))[:, :, inner, inner].contiguous(),
        coarse=luma_codes(folded),
        around=around,
        expected=2 * CODES**2 * spread.square().sum(dim=1) + FLOOR,
        deviations=spread,
        fold=fold,
    )


def _around(frames: Tensor, folded: Tensor, fold: int) -> Tensor:
    """Each block's pixels and those one pixel around: (N, C, H, W) -> (N, C (fold + 2)^2, h, w)."""
    height, width = folded.shape[-2:]
    missing = (width * fold - frames.shape[-1], height * fold - frames.shape[-2])
    whole = functional.pad(frames, (1, 1 + missing[0], 1, 1 + missing[1]), mode="replicate")
    blocks: Tensor = functional.unfold(whole, fold + 2, stride=fold)  # (N, C (fold + 2)^2, h w)
    return blocks.reshape(*blocks.shape[:2], height, width)


@dataclass(frozen=True, slots=True)
class Found:
    """What other frames hold of N frames' blocks."""

    colors: Tensor
    """(N, 3 fold^2, h, w)."""
    excess: Tensor
    """By how much it differs more than noise explains, as a share of that, (N, h, w)."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """What N frames and as many later ones hold of each other."""

    before: Tensor
    """Places of the later ones' blocks in the earlier ones, (N, h w), as `find` gives them."""
    after: Tensor
    """The reverse."""
    ahead: Found
    """What the later ones hold of the earlier ones."""
    behind: Found
    """The reverse."""


def meet(early: Looked, late: Looked, reach: int, price: Tensor | float) -> Meeting:
    """Search frames in as many others, both ways; reach and price as in `find`."""
    after, before = find(early.coarse, late.coarse, reach, price)
    return Meeting(before, after, ahead=_found(early, late, after), behind=_found(late, early, before))


def _found(one: Looked, other: Looked, places: Tensor) -> Found:
    """What lies within a pixel of places in `other`, and is likest to `one`'s blocks."""
    fold = one.fold
    there = take(other.around, places).contiguous().unflatten(1, (3, fold + 2, fold + 2))
    explained = one.expected * (PATCH * fold) ** 2
    least = torch.full_like(explained, torch.inf)
    cheapest, chosen = least.clone(), torch.zeros_like(explained, dtype=torch.int64)
    for number, (down, right) in enumerate(MOVES):
        moved = there[:, :, 1 + down : 1 + down + fold, 1 + right : 1 + right + fold]
        squares = _sums((moved - one.own).square_().sum(dim=(1, 2, 3)))
        cost = squares + (STAY * (down * down + right * right)) * one.expected
        is_better = cost < cheapest
        chosen.masked_fill_(is_better, number)
        least = torch.where(is_better, squares, least)
        torch.minimum(cheapest, cost, out=cheapest)
    return Found(_windows(there, chosen), (least / explained - 1).clamp_min_(0))


def _windows(around: Tensor, chosen: Tensor) -> Tensor:
    """Of each block's surroundings the pixels at its move.

    Args:
        around: (N, C, fold + 2, fold + 2, h, w).
        chosen: number in `MOVES`, (N, h, w).

    Returns:
        (N, C fold^2, h, w).
    """
    fold = around.shape[2] - 2
    out = around[:, :, 1 : 1 + fold, 1 : 1 + fold].clone()
    for number, (down, right) in enumerate(MOVES[1:], start=1):
        moved = around[:, :, 1 + down : 1 + down + fold, 1 + right : 1 + right + fold]
        torch.where((chosen == number)[:, None, None, None], moved, out, out=out)
    return out.flatten(1, 3)


def _sums(image: Tensor) -> Tensor:
    """Sums over `PATCH` x `PATCH` blocks, the outermost repeated beyond the border: (N, h, w) -> the same shape."""
    padded = functional.pad(image[:, None], (PATCH // 2,) * 4, mode="replicate")[:, 0]
    tall = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return tall[..., :-2] + tall[..., 1:-1] + tall[..., 2:]


@dataclass(slots=True)
class Averaged:
    """A frame, or N, with what the trunk reads of them."""

    folded: Tensor
    """(N, 3 fold^2, h, w) in [0, 1]."""
    beside: Tensor
    """The means, as `Sums.read` gives them."""
    matches: Matches
    """In the frames next to them."""


def averages(clip: Tensor, noise: Tensor, *, fold: int, frames: int, reach: int) -> Averaged:
    """All frames of clips.

    Args:
        clip: (B, T, 3, H, W) in [0, 1].
        noise: of each clip, (B, 3, 2), see `source`.
        fold: source pixels per trunk pixel along each axis.
        frames: on either side that are searched.
        reach: see `find`.

    Returns:
        Of the B T frames, time running fastest.
    """
    count, length = clip.shape[:2]
    pictures = clip.transpose(0, 1).flatten(0, 1)  # B frames of one time beside each other
    folded = fold_pixels(pictures, fold)
    looked = look(pictures, folded, fold, noise.repeat(length, 1, 1))
    sums, price = Sums.of(looked), price_of(noise, fold)
    itself = torch.arange(looked.coarse[0].numel(), device=clip.device).expand(count * length, -1)
    before, after = itself.clone(), itself.clone()
    later: list[tuple[slice, Found]] = []
    for apart in range(1, min(frames, length - 1) + 1):
        early, late = slice(0, (length - apart) * count), slice(apart * count, length * count)
        each = price.repeat(length - apart, 1, 1) if isinstance(price, Tensor) else price
        meeting = meet(looked.part(early), looked.part(late), reach, each)
        sums.part(late).add(meeting.behind)
        later.append((early, meeting.ahead))
        if apart == 1:
            before[late], after[early] = meeting.before, meeting.after
    for which, found in later:
        sums.part(which).add(found)
    order = torch.arange(count * length, device=clip.device).reshape(length, count).t().flatten()
    return Averaged(folded[order], sums.read(looked)[order], Matches(before[order], after[order]))


@dataclass(slots=True)
class _Waiting:
    """A frame that is not compared with all those after it yet."""

    folded: Tensor
    looked: Looked
    sums: Sums
    matches: Matches


class Averaging:
    """The same on frames that come one by one: each waits for the `frames` after it."""

    def __init__(self, noise: Tensor, *, fold: int, frames: int, reach: int) -> None:
        """Begin a clip.

        Args:
            noise: of the clip, (1, 3, 2), see `source`.
            fold: source pixels per trunk pixel along each axis.
            frames: on either side that are searched.
            reach: see `find`.
        """
        self.noise, self.fold, self.frames, self.reach = noise, fold, frames, reach
        self.price = price_of(noise, fold)
        self.waiting: deque[_Waiting] = deque()

    def push(self, frame: Tensor) -> Averaged | None:
        """Take the next frame, (N, 3, H, W); give the one `frames` before it, if any."""
        folded = fold_pixels(frame, self.fold)
        looked = look(frame, folded, self.fold, self.noise.expand(len(frame), -1, -1))
        new = _Waiting(folded, looked, Sums.of(looked), Matches(None, None))
        for apart, earlier in enumerate(reversed(self.waiting)):
            meeting = meet(earlier.looked, looked, self.reach, self.price)
            new.sums.add(meeting.behind)
            earlier.sums.add(meeting.ahead)
            if apart == 0:
                earlier.matches.after, new.matches.before = meeting.after, meeting.before
        self.waiting.append(new)
        return _given(self.waiting.popleft()) if len(self.waiting) > self.frames else None

    def finish(self) -> Iterator[Averaged]:
        """The frames that still wait, oldest first: after the last one the clip ends."""
        while self.waiting:
            yield _given(self.waiting.popleft())


def _given(frame: _Waiting) -> Averaged:
    return Averaged(frame.folded, frame.sums.read(frame.looked), frame.matches)
