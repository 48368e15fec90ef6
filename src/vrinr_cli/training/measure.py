"""How good a network is on pictures in memory: the engine's frames against the reference."""

import copy
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine, Geometry
from vrinr_cli.frame import ColorSpec, Family, Frame, Matrix, PlaneFormat, Range
from vrinr_cli.model.network import VrInr
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.fit_options import FitScore
from vrinr_cli.training.footage import Pair
from vrinr_cli.training.validate import psnr_y

BORDER = 4
"""Pixels left out on every side for psnr_y."""
_RGB = PlaneFormat("gbrp", Family.RGB, 8)
_COLOR = ColorSpec(Matrix.RGB, Range.FULL)


def score(model: VrInr | None, pair: Pair, compute: Compute) -> FitScore:
    """psnr_rgb and psnr_y of a network's frames, each the mean over frames.

    Args:
        model: the general network, corrected or not; left as it is. None is the bicubic base.
        pair: LR frames and what they should become.
        compute: device and precision.
    """
    geometry = Geometry(_RGB, _COLOR, pair.low_size, _RGB, _COLOR, pair.high_size)
    engine = Engine(copy.deepcopy(model), geometry, compute, method="vrinr" if model is not None else "bicubic")
    return mean_score(_pairs(engine, pair))


def mean_score(pairs: Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> FitScore:
    """The mean over pairs of frames, (H, W, 3) uint8 each: ours and the reference's."""
    scores = [(psnr_rgb(ours, theirs), _psnr_y(ours, theirs)) for ours, theirs in pairs]
    rgb, luma = (sum(column) / len(scores) for column in zip(*scores, strict=True))
    return FitScore(psnr_rgb=rgb, psnr_y=luma)


def psnr_rgb(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> float:
    """10 log10(255^2 / mean squared error over pixels and channels), dB; 148 for equal pictures."""
    error = float(np.square(ours.astype(np.float32) - theirs.astype(np.float32)).mean(dtype=np.float64))
    return float(10 * np.log10(255**2 / max(error, 1e-10)))


def _psnr_y(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> float:
    one, other = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() / 255 for p in (ours, theirs))
    border = BORDER if min(ours.shape[:2]) > 4 * BORDER else 0
    return psnr_y(one, other, border)


def _pairs(engine: Engine, pair: Pair) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    for low, high in zip(pair.low, pair.high, strict=True):
        restored = engine.restore(_frames(low), range(len(low)))
        for frame, reference in zip(restored, high, strict=True):
            yield np.stack(frame.planes, axis=-1).astype(np.uint8), reference


def _frames(run: Pixels) -> list[Frame]:
    return [
        Frame(n, tuple(np.ascontiguousarray(picture[..., c]) for c in range(3)), _RGB, _COLOR, n, 1, Fraction(1, 25))
        for n, picture in enumerate(run)
    ]
