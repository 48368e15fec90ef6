"""What a fit learns from, step by step, and by which measure: functions that a fit is given.

Another way to learn from a clip is another pair of them: a `Sampler` that draws a `Sample`, and a `Loss`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vrinr_cli.errors import InputError
from vrinr_cli.model.loss import squared_error
from vrinr_cli.model.resample import Axis
from vrinr_cli.training.degrade import to_unit
from vrinr_cli.training.footage import Pair
from vrinr_cli.training.loop import Sample, Sampler
from vrinr_cli.training.windows import Window, span_at

LEAST_SIDE = 8
"""LR pixels of a picture's shorter side."""


def paired_windows(pair: Pair, *, batch: int, frames: int, side: int, support: int, device: torch.device) -> Sampler:
    """A sampler of windows of a clip in LR beside the same in HR.

    Args:
        pair: the pictures.
        batch: B, windows a sample.
        frames: T, frames of a window; fewer where the runs are shorter.
        side: of a window in LR pixels; the whole picture where that is smaller.
        support: of the network's base kernel.
        device: where the samples are put.

    Raises:
        InputError: the pictures are too small to cut windows from.
    """
    axes = tuple(Axis(low, high) for low, high in zip(pair.low_size, pair.high_size, strict=True))
    if min(pair.low_size) < LEAST_SIDE:
        height, width = pair.low_size
        raise InputError(f"{width}x{height} is too small to learn from", hint=f"{LEAST_SIDE} pixels or more a side")
    sides = tuple(min(side, axis.source) for axis in axes)
    length = min(frames, max(len(run) for run in pair.low))
    runs = [n for n, run in enumerate(pair.low) if len(run) >= length]
    shares = np.array([len(pair.low[n]) - length + 1 for n in runs], float)

    def window(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Window]:
        run = runs[rng.choice(len(runs), p=shares / shares.sum())]
        first = int(rng.integers(len(pair.low[run]) - length + 1))
        rows, columns = (
            span_at(axis, int(rng.integers(axis.source - n + 1)), n, support)
            for axis, n in zip(axes, sides, strict=True)
        )
        time = slice(first, first + length)
        low = pair.low[run][time, rows.source, columns.source]
        return low, pair.high[run][time, rows.target, columns.target], Window(rows, columns)

    def sample(rng: np.random.Generator) -> Sample:
        lows, highs, windows = zip(*(window(rng) for _ in range(batch)), strict=True)
        source, target = (to_unit(torch.from_numpy(np.stack(part)).to(device)) for part in (lows, highs))
        return Sample(source, target, windows)

    return sample


def in_turn(samplers: Sequence[Sampler]) -> Sampler:
    """A sampler that draws from one of several, each as likely."""

    def sample(rng: np.random.Generator) -> Sample:
        return samplers[int(rng.integers(len(samplers)))](rng)

    return sample if len(samplers) > 1 else samplers[0]


def squared(output: Tensor, sample: Sample, share: float) -> Tensor:  # noqa: ARG001 - the same at all times
    """The mean squared error, which PSNR measures."""
    return squared_error(output, sample.target)
