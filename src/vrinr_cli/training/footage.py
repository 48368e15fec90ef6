"""The pictures that a fit learns from: runs of frames of a clip in memory, as the engine would see them.

Of a clip that is too long to be held, runs of consecutive frames are taken at equal distances.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from vrinr_cli.engine.color import ColorConverter, Picture
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.degrade import bicubic_downscale, to_unit
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.reader import read_frames

PICTURE_BYTES = 1 << 30
"""Of all pictures that a fit holds."""
RUN_FRAMES = 24
"""Consecutive frames taken at a time, where not all are."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The same runs of frames in LR and HR: (T, h, w, 3) and (T, H, W, 3), uint8."""

    low: tuple[Pixels, ...]
    high: tuple[Pixels, ...]

    @property
    def low_size(self) -> tuple[int, int]:
        """(h, w)."""
        return (self.low[0].shape[1], self.low[0].shape[2])

    @property
    def high_size(self) -> tuple[int, int]:
        """(H, W)."""
        return (self.high[0].shape[1], self.high[0].shape[2])

    @property
    def frames(self) -> int:
        """Of all runs together."""
        return sum(len(run) for run in self.low)


def choose_runs(first: int, stop: int, most: int, *, length: int = RUN_FRAMES) -> tuple[range, ...]:
    """All frames [first, stop) as one run if they are at most `most`, else shorter runs at equal distances.

    Args:
        first: number of the first frame.
        stop: one past the last.
        most: frames in all, 1 or more.
        length: frames of a run.
    """
    frames = stop - first
    if frames <= most:
        return (range(first, stop),)
    count, length = max(most // length, 1), min(length, most)
    if count == 1:
        return (range(first, first + length),)
    starts = [first + (frames - length) * n // (count - 1) for n in range(count)]
    return tuple(range(start, start + length) for start in starts)


def read_runs(info: SourceInfo, runs: Sequence[range]) -> tuple[Pixels, ...]:
    """Runs of frames as RGB in memory, each (T, H, W, 3); see `pictures`."""
    return tuple(np.stack(list(pictures(info, run))) for run in runs)


def pictures(info: SourceInfo, run: range) -> Iterator[NDArray[np.uint8]]:
    """Frames as RGB, (H, W, 3), by the source's own matrix and range as the engine has it, rounded to 8 bits.

    Raises:
        InputError: a frame is damaged.
    """
    picture = Picture(info.format, info.color, info.size)
    converter = ColorConverter(picture, picture, torch.device("cpu"))
    for frame in read_frames(info, run.start, run.stop):
        unit = converter.network_input(frame.planes).permute(1, 2, 0)
        yield (unit * 255).round().to(torch.uint8).numpy()


def used_frames(info: SourceInfo, first: int, frames: int | None) -> tuple[int, int]:
    """Frames [first, stop) of a clip that a fit uses.

    Raises:
        OptionError: there is no such frame.
    """
    count = len(info.timeline)
    if first >= count:
        raise OptionError(
            f"first frame {first} of {info.path.name}, which has {count}", hint="choose a smaller --first"
        )
    return first, count if frames is None else min(first + frames, count)


def check_pair(clip: SourceInfo, reference: SourceInfo) -> tuple[str, ...]:
    """Refuse files that cannot be the same clip; give notes on what differs.

    Raises:
        InputError: another number of frames, or a reference that is not larger.
    """
    counts = (len(clip.timeline), len(reference.timeline))
    names = (clip.path.name, reference.path.name)
    if counts[0] != counts[1]:
        raise InputError(
            f"{names[0]} has {counts[0]} frames, {names[1]} has {counts[1]}",
            hint="give the same clip in two sizes, frame for frame",
        )
    if any(high < low for low, high in zip(clip.size, reference.size, strict=True)) or clip.size == reference.size:
        sizes = [f"{size[1]}x{size[0]}" for size in (clip.size, reference.size)]
        raise InputError(
            f"{names[1]} is {sizes[1]}, not larger than {names[0]} with {sizes[0]}",
            hint="give the larger one with --reference",
        )
    return _time_notes(clip, reference)


def _time_notes(clip: SourceInfo, reference: SourceInfo) -> tuple[str, ...]:
    """A line if frames of one number are shown at other times, beyond rounding to milliseconds."""
    times = [
        [(pts - info.timeline.pts[0]) * info.timeline.time_base for pts in info.timeline.pts]
        for info in (clip, reference)
    ]
    largest = max(abs(one - other) for one, other in zip(*times, strict=True))
    if largest * 1000 <= 2:
        return ()
    return (f"the frames' times differ by up to {float(largest):.3f} s; frames are paired by number",)


def shrunk(runs: Sequence[Pixels], scale: float) -> tuple[Pixels, ...]:
    """Every frame made smaller, as `degrade.bicubic_downscale` does it.

    Args:
        runs: (T, H, W, 3).
        scale: HR size over LR size; the LR size is rounded to whole pixels, 1 at least.
    """
    height, width = (max(round(side / scale), 1) for side in runs[0].shape[1:3])
    return tuple(np.stack([_shrunk(frame, (height, width)) for frame in run]) for run in runs)


def _shrunk(frame: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    small = bicubic_downscale(to_unit(torch.from_numpy(frame[None, None])), size)
    return (small[0, 0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def split_runs(runs: Sequence[Pixels], *, length: int, every: int) -> tuple[list[Pixels], list[Pixels]]:
    """Cut runs into pieces of `length` frames and set every so many aside.

    Args:
        runs: (T, H, W, 3).
        length: frames of a piece; the last of a run may be shorter.
        every: of so many pieces the last is held out, and of fewer than that the last of all.

    Returns:
        (pieces to learn from, joined where they follow each other; pieces held out).
    """
    kept: list[Pixels] = []
    held: list[Pixels] = []
    pieces = [(n, a, b) for n, run in enumerate(runs) for a, b in pairwise([*range(0, len(run), length), len(run)])]
    out = {n for n in range(len(pieces)) if n % every == every - 1} or {len(pieces) - 1}
    begun: tuple[int, int, int] | None = None
    for number, (run, start, stop) in enumerate(pieces):
        if number in out:
            held.append(runs[run][start:stop])
        follows = begun is not None and begun[0] == run and number not in out
        if begun is not None and not follows:
            kept.append(runs[begun[0]][begun[1] : begun[2]])
            begun = None
        if number not in out:
            begun = (run, begun[1] if begun else start, stop)
    if begun is not None:
        kept.append(runs[begun[0]][begun[1] : begun[2]])
    return kept, held


def raw_bytes(runs: Sequence[Pixels]) -> int:
    """Of all pictures."""
    return sum(run.nbytes for run in runs)
