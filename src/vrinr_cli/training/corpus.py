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
from vrinr_cli.training import still_motion
from vrinr_cli.training.still_motion import Shot

Pixels = NDArray[np.uint8]


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
            window = still_motion.moved(rng, stills, Shot(frames, cut, scale))
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
