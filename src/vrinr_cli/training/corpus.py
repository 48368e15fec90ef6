"""Clips and stills in memory, and the random HR windows cut from them. Knows arrays, not files.

Pictures may lie on a GPU: windows are then cut there, and nothing but their places is decided on the CPU.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vrinr_cli.errors import InputError

Pixels = NDArray[np.uint8]

STILL_SPEEDS = ((0.10, 0.0, 0.0), (0.50, 0.1, 1.0), (0.25, 1.0, 3.0), (0.15, 3.0, 8.0))
"""(share, slowest, fastest) in LR pixels a frame: how a still is moved to make a clip."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """RGB pictures: clips (T, H, W, 3) and stills (1, H, W, 3), uint8, all on one device."""

    clips: tuple[Tensor, ...]
    stills: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        if not self.clips and not self.stills:
            raise InputError("no clip and no still to train on", hint="give a folder with clips/ or stills/")

    @classmethod
    def from_arrays(cls, arrays: Sequence[Pixels]) -> "Corpus":
        """Sort arrays (T, H, W, 3) into clips and stills by their length."""
        tensors = [torch.from_numpy(a) for a in arrays]
        return cls(tuple(t for t in tensors if len(t) > 1), tuple(t for t in tensors if len(t) == 1))

    def to(self, device: torch.device) -> "Corpus":
        """The same pictures on a device."""
        return Corpus(tuple(t.to(device) for t in self.clips), tuple(t.to(device) for t in self.stills))

    def window(
        self, rng: np.random.Generator, *, frames: int, size: tuple[int, int], scale: float, clip_share: float
    ) -> Tensor:
        """A random HR window in motion, flipped, turned and time-reversed at random.

        Args:
            rng: decides everything.
            frames: T.
            size: (H, W) of the window.
            scale: target / source, by which speeds in LR pixels become HR pixels.
            clip_share: probability of a real clip rather than a moved still.

        Returns:
            (T, H, W, 3) uint8.
        """
        turned = bool(rng.integers(2))
        cut = (size[1], size[0]) if turned else size
        clips = [a for a in self.clips if a.shape[0] >= frames and _holds(a, cut)]
        stills = [a for a in self.stills if _holds(a, cut)]
        if clips and (not stills or rng.random() < clip_share):
            window = _from_clip(rng, clips[rng.integers(len(clips))], frames, cut)
        elif stills:
            window = _from_still(rng, stills[rng.integers(len(stills))], frames, cut, scale)
        else:
            raise InputError(f"nothing in the corpus holds {cut[1]}x{cut[0]}", hint="train with smaller crops")
        if turned:
            window = window.transpose(1, 2)
        return window.flip([axis for axis, is_turned in enumerate(rng.integers(2, size=3)) if is_turned])


def _holds(picture: Tensor, size: tuple[int, int]) -> bool:
    return picture.shape[1] >= size[0] and picture.shape[2] >= size[1]


def _from_clip(rng: np.random.Generator, clip: Tensor, frames: int, size: tuple[int, int]) -> Tensor:
    first = int(rng.integers(clip.shape[0] - frames + 1))
    top = int(rng.integers(clip.shape[1] - size[0] + 1))
    left = int(rng.integers(clip.shape[2] - size[1] + 1))
    return clip[first : first + frames, top : top + size[0], left : left + size[1]]


def _from_still(rng: np.random.Generator, still: Tensor, frames: int, size: tuple[int, int], scale: float) -> Tensor:
    """Pan over a still by whole HR pixels: no interpolation blur, and every sub-pixel phase at LR."""
    tops = _walk(rng, frames, still.shape[1] - size[0], scale)
    lefts = _walk(rng, frames, still.shape[2] - size[1], scale)
    picture = still[0]
    return torch.stack(
        [picture[top : top + size[0], left : left + size[1]] for top, left in zip(tops, lefts, strict=True)]
    )


def _walk(rng: np.random.Generator, frames: int, room: int, scale: float) -> list[int]:
    """Positions in [0, room] of a window that moves at a steady speed with a little shake."""
    shares = [share for share, _, _ in STILL_SPEEDS]
    _, slow, fast = STILL_SPEEDS[rng.choice(len(shares), p=shares)]
    speed = rng.uniform(slow, fast) * scale * rng.choice([-1, 1])
    shake = rng.normal(0, 0.15 * scale, size=frames) if speed else np.zeros(frames)
    path = rng.uniform(0, room) + speed * np.arange(frames) + shake
    reflected = np.abs((path + room) % (2 * room) - room) if room else np.zeros(frames)
    return [int(place) for place in np.rint(reflected)]
