"""Features at LR resolution from a frame and its neighbours in time.

Differs from the paper: G_T reads patches of one resized frame; here a small convolutional trunk reads the LR
frames, and a few channels of every convolution's input come from the frame before and the frame after, at the place
where a pixel finds its like there (`matching`, docs/decisions/0018), or partly moved by fixed amounts
(docs/decisions/0003). Context is finite: each convolution looks one frame further.
Beyond the first and last frame the clip is taken to stand still.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vrinr_cli.model.averaging import Averaged, Averaging, averages
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.matching import Matches, find, find_in_clip, luma_codes, price_of, take, take_words, words
from vrinr_cli.model.source import DEVIATION_UNIT, deviations, fold_pixels


def move(image: Tensor, down: int, right: int) -> Tensor:
    """The image moved by whole pixels, zeros coming in: (..., h, w) -> the same shape."""
    if down == right == 0:
        return image
    height, width = image.shape[-2:]
    moved = torch.zeros_like(image)
    if abs(down) < height and abs(right) < width:
        y, x = slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0))
        v, u = slice(max(-down, 0), height - max(down, 0)), slice(max(-right, 0), width - max(right, 0))
        moved[..., y, x] = image[..., v, u]
    return moved


class TimeMix:
    """Replaces the first channels of a frame by channels of its neighbours. Has no parameters."""

    def __init__(self, mixed: int, shift: int) -> None:
        """Without matches parts of the channels are moved.

        Args:
            mixed: channels from each neighbour.
            shift: pixels of the moves.
        """
        self.mixed = mixed
        directions = [(shift, 0, 1), (-shift, 0, 1), (0, shift, 1), (0, -shift, 1)] if mixed >= 4 else []
        self.moves = [*directions, (0, 0, mixed - len(directions))]
        """(down, right, channels) of each part; the last part stays in place and may be empty."""

    def moved(self, neighbour: Tensor) -> Tensor:
        """The mixed channels as the frame beside sees them: (N, mixed, h, w) -> the same shape."""
        parts = neighbour.split([count for _, _, count in self.moves], dim=-3)
        return torch.cat(
            [move(part, down, right) for part, (down, right, _) in zip(parts, self.moves, strict=True)],
            dim=-3,
        )

    def __call__(self, before: Tensor, frame: Tensor, after: Tensor, matches: Matches | None = None) -> Tensor:
        """Mix one frame with its neighbours.

        Args:
            before: channels [0, mixed) of the frame before, (N, mixed, h, w).
            frame: (N, C, h, w).
            after: channels [mixed, 2 mixed) of the frame after, (N, mixed, h, w).
            matches: where the frame's pixels are found in both; None moves parts of the channels instead.

        Returns:
            (N, C, h, w).
        """
        if not self.mixed:
            return frame
        kept = frame[:, 2 * self.mixed :]
        if matches is not None:
            return torch.cat([take(before, matches.before), take(after, matches.after), kept], dim=1)
        return torch.cat([self.moved(before), self.moved(after), kept], dim=1)

    def clip(self, frames: Tensor, length: int, matches: Matches | None = None) -> Tensor:
        """Mix a whole clip at once: (B * length, C, h, w), time running fastest -> the same shape."""
        if not self.mixed:
            return frames
        clips = frames.reshape(-1, length, *frames.shape[1:])
        past, future = clips[:, :, : self.mixed], clips[:, :, self.mixed : 2 * self.mixed]
        before = torch.cat([past[:, :1], past[:, :-1]], dim=1).flatten(0, 1)
        after = torch.cat([future[:, 1:], future[:, -1:]], dim=1).flatten(0, 1)
        return self(before, frames, after, matches)


class Trunk(nn.Module):
    """Stem, residual pairs of mixed convolutions, one closing convolution."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.channels
        self.match_reach = config.match_reach if config.mixed_channels else 0
        self.fold = config.fold
        self.is_told_noise = config.noise_input
        self.averaged_frames = config.averaged_frames
        self.averaging = {"fold": config.fold, "frames": config.averaged_frames, "reach": config.match_reach}
        self.stem = nn.Conv2d(config.stem_channels, width, 3, padding=1)
        convolutions = [nn.Conv2d(width, width, 3, padding=1) for _ in range(config.convolutions)]
        self.mixes = [TimeMix(config.mixed_channels, config.shift_of(n)) for n in range(config.convolutions)]
        last = nn.Linear(16, 2 * width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.scale_units = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), last)
        self.steps = [("open" if n % 2 == 0 else "close") for n in range(2 * config.residual_blocks)] + ["last"]
        for n, step in enumerate(self.steps):
            if step == "close":
                nn.init.zeros_(convolutions[n].weight)  # each residual pair starts as the identity
                nn.init.zeros_(torch.as_tensor(convolutions[n].bias))
        self.convolutions = nn.ModuleList(convolutions)

    def told(self, noise: Tensor | None) -> Tensor:
        """The noise, or none: (N, 3, 2), see `source`."""
        return noise if noise is not None else self.stem.weight.new_zeros(1, 3, 2, dtype=torch.float32)

    def opened(self, folded: Tensor, noise: Tensor | None, beside: Tensor | None = None) -> Tensor:
        """The stem.

        Args:
            folded: RGB, (N, 3 fold^2, h, w) in [0, 1].
            noise: (N, 3, 2), see `source`; None is none.
            beside: the means of a network that averages, see `averaging`.

        Returns:
            (N, C, h, w).
        """
        seen = folded - 0.5
        if self.is_told_noise:
            told = self.told(noise).expand(len(folded), -1, -1)
            seen = torch.cat([seen, deviations(folded, told) * DEVIATION_UNIT], dim=1)
        if beside is not None:
            seen = torch.cat([seen, beside], dim=1)
        features: Tensor = self.stem(seen.to(self.stem.weight.dtype))
        return features

    def convolve(self, number: int, mixed: Tensor, entered: Tensor, scale: Tensor) -> Tensor:
        """Convolution `number` on mixed features, with what follows it.

        Args:
            number: 0 .. convolutions - 1.
            mixed: its input after the mix, (N, C, h, w).
            entered: what entered the residual pair, added by the pair's second convolution, (N, C, h, w).
            scale: log2 of the scale per axis, (2,).
        """
        out: Tensor = self.convolutions[number](mixed)
        if self.steps[number] == "open":
            return out.relu_()
        if self.steps[number] == "close":
            return entered + out
        gain, offset = self._modulation(scale).to(out.dtype)[:, None, None].chunk(2)
        return (out * (1 + gain)).add_(offset).relu_()

    def _modulation(self, scale: Tensor) -> Tensor:
        units: Tensor = self.scale_units(scale.to(self.stem.weight.dtype))
        return units

    def forward(self, clip: Tensor, scale: Tensor, noise: Tensor | None = None) -> Tensor:
        """All frames of clips.

        Args:
            clip: (B, T, 3, h, w) in [0, 1].
            scale: log2 of the scale per axis, (2,).
            noise: of each clip, (B, 3, 2), see `source`; None is none.

        Returns:
            (B, T, C, h / fold, w / fold), rounded up.
        """
        length = clip.shape[1]
        known = noise if self.is_told_noise else None
        of_frames = known.repeat_interleave(length, dim=0) if known is not None else None
        matches = None
        if self.averaged_frames:
            averaged = averages(clip, self.told(known).expand(len(clip), -1, -1), **self.averaging)
            features = self.opened(averaged.folded, of_frames, averaged.beside)
            matches = averaged.matches if length > 1 else Matches(None, None)
        else:
            folded = fold_pixels(clip.flatten(0, 1), self.fold)
            if self.match_reach:
                price = price_of(known, self.fold)
                matches = find_in_clip(folded.unflatten(0, clip.shape[:2]), self.match_reach, price)
            features = self.opened(folded, of_frames)  # (B T, C, h, w)
        entered = features
        for number, mix in enumerate(self.mixes):
            if self.steps[number] == "open":
                entered = features
            features = self.convolve(number, mix.clip(features, length, matches), entered, scale)
        return features.reshape(-1, length, *features.shape[1:])


class TrunkStream:
    """The trunk on frames that come one by one: each convolution waits for one frame more than the one before.

    Gives the same features as `Trunk.forward` on the whole clip, and keeps only what is still needed: per
    convolution one frame and the mixed channels of another. Its steps know nothing of each other: they may work at the
    same time, each on one frame after the other.
    """

    def __init__(self, trunk: Trunk, scale: Tensor, noise: Tensor | None = None) -> None:
        """Begin a clip.

        Args:
            trunk: what the frames pass.
            scale: log2 of the scale per axis, (2,).
            noise: of the clip, (1, 3, 2), see `source`; None is none.
        """
        told = noise if trunk.is_told_noise else None
        openings: list[TrunkStep] = [Opening(trunk, told)]
        if trunk.averaged_frames:
            openings.insert(0, Averaging(trunk.told(told), **trunk.averaging))
        self.convolvings = [Convolving(trunk, number, scale) for number in range(len(trunk.mixes))]
        self.steps: list[TrunkStep] = [*openings, *self.convolvings]

    def push(self, frame: Tensor) -> Tensor | None:
        """Take the next frame, (N, 3, h, w); give the features of the frame `context` before it, if any."""
        return self._pass(0, frame)

    def finish(self) -> Iterator[Tensor]:
        """The features still inside, oldest first, once the last frame was pushed."""
        for number, step in enumerate(self.steps):
            for left in step.finish():
                out = self._pass(number + 1, left)
                if out is not None:
                    yield out

    def _pass(self, number: int, item: Any) -> Tensor | None:
        """From step `number` on, as far as a frame comes: each lets go of the one that has waited there."""
        for step in self.steps[number:]:
            item = step.push(item)
            if item is None:
                return None
        features: Tensor = item.features
        return features


class TrunkStep(Protocol):
    """A station on the frames' way."""

    def push(self, item: Any, /) -> Any:
        """Take what the step before gives, in order; give what the next takes, or None where frames wait."""

    def finish(self) -> Iterable[Any]:
        """What still waits, oldest first, once the last frame came."""


@dataclass(frozen=True, slots=True)
class Passing:
    """A frame on its way through the convolutions."""

    features: Tensor
    """(N, C, h, w)."""
    entered: Tensor
    """What entered the residual pair that it is in."""
    matches: Matches | None


class Opening:
    """Stem and matches."""

    def __init__(self, trunk: Trunk, noise: Tensor | None) -> None:
        self.trunk, self.noise = trunk, noise
        self.price = price_of(noise, trunk.fold)
        self.last: tuple[Tensor, Matches] | None = None
        """Luma and matches of the last frame, where pixels are matched."""

    def push(self, frame: Tensor | Averaged) -> Passing:
        """Take the next frame, (N, 3, h, w), or what was averaged of it."""
        if isinstance(frame, Averaged):
            features = self.trunk.opened(frame.folded, self._noise_of(frame.folded), frame.beside)
            return Passing(features, features, frame.matches)
        folded = fold_pixels(frame, self.trunk.fold)
        features = self.trunk.opened(folded, self._noise_of(folded))
        return Passing(features, features, self._matched(folded))

    def finish(self) -> tuple[()]:
        """Nothing waits here."""
        return ()

    def _noise_of(self, folded: Tensor) -> Tensor | None:
        return self.noise.expand(len(folded), -1, -1) if self.noise is not None else None

    def _matched(self, folded: Tensor) -> Matches | None:
        """The matches of a frame: those in the frame after it are added when that comes."""
        reach = self.trunk.match_reach
        if not reach:
            return None
        luma, matches = luma_codes(folded), Matches(None, None)
        if self.last is not None:
            before, waiting = self.last
            waiting.after, matches.before = find(before, luma, reach, self.price)
        self.last = luma, matches
        return matches


class Convolving:
    """One convolution of the trunk: lets go of a frame when the next one has come, whose channels it mixes in."""

    def __init__(self, trunk: Trunk, number: int, scale: Tensor) -> None:
        self.trunk, self.number, self.scale = trunk, number, scale
        self.mix = trunk.mixes[number]
        self.is_shared = trunk.steps[number] == "open"
        """Whether what comes in is read again later, as what entered a residual pair."""
        self.waiting: Passing | None = None
        self.past: Tensor | None = None
        """The mixed channels of the frame before the one that waits, as words where they are mixed so."""

    def push(self, frame: Passing) -> Passing | None:
        """Take the next frame; give the one before it, convolved, if any."""
        if self.trunk.steps[self.number] == "open":
            frame = Passing(frame.features, frame.features, frame.matches)
        if not self.mix.mixed:  # looks at no other frame, so it waits for none
            return self._convolved(frame.features, frame)
        ready, self.waiting = self.waiting, frame
        return self._mixed_with(ready, frame.features) if ready is not None else None

    def finish(self) -> Iterator[Passing]:
        """The frame that still waits, convolved: after it the clip stands still."""
        ready, self.waiting = self.waiting, None
        if ready is not None:
            yield self._mixed_with(ready, ready.features)

    def _mixed_with(self, frame: Passing, after: Tensor) -> Passing:
        count, features = self.mix.mixed, frame.features
        mixed = self._in_words(frame, after)
        if mixed is None:
            before = self.past if self.past is not None else features[:, :count]
            mixed = self.mix(before, features, after[:, count : 2 * count], frame.matches)
            self.past = features[:, :count].clone()
        return self._convolved(mixed, frame)

    def _in_words(self, frame: Passing, after: Tensor) -> Tensor | None:
        """The same mix with each neighbour's channels moved as one word; None where there are no such words."""
        count, features = self.mix.mixed, frame.features
        own, following = words(features, count), words(after, count)
        if frame.matches is None or own is None or following is None:
            return None
        past, self.past = self.past, own[:, 0].clone()
        before = take_words(self.past if past is None else past, frame.matches.before)
        behind = take_words(following[:, 1], frame.matches.after)
        mixed = features.clone() if self.is_shared else features
        target = words(mixed, count)
        if target is None:
            raise RuntimeError("a copy that lies otherwise in memory")
        target[:, :2] = torch.stack([before, behind], dim=1)
        return mixed

    def _convolved(self, mixed: Tensor, frame: Passing) -> Passing:
        out = self.trunk.convolve(self.number, mixed, frame.entered, self.scale)
        return Passing(out, frame.entered, frame.matches)
