"""Scenes and what lies between them: luma in [0, 1], one array a picture, all from a seed."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vrinr_cli.frame import ColorSpec, Family, Frame, Matrix, Plane, PlaneFormat, Range

Luma = NDArray[np.float64]
SIZE = (48, 80)
WAVES = 12
GRAY = PlaneFormat("gray", Family.GRAY, 8)
COLOR = ColorSpec(Matrix.BT709, Range.FULL)


def scene(seed: int, frames: int, *, speed: float = 0.5, jerk: float = 0.0, size: tuple[int, int] = SIZE) -> list[Luma]:
    """A smooth texture that moves.

    Args:
        seed: decides the texture and the way.
        frames: how many.
        speed: pixels a frame.
        jerk: pixels a frame by which the speed changes from frame to frame, up and down.
        size: (height, width).
    """
    numbers = np.random.default_rng(seed)
    places = _places(numbers.uniform(-np.pi, np.pi), frames, speed, jerk)
    waves = numbers.uniform(-0.4, 0.4, (WAVES, 2))  # radians a pixel
    phases, heights = numbers.uniform(0, 2 * np.pi, WAVES), numbers.uniform(0.2, 1, WAVES)
    rows, columns = np.indices(size, dtype=np.float64)
    middle = numbers.uniform(0.4, 0.6)
    return [
        middle
        + 0.35
        * sum(
            height * np.sin(wave[0] * (rows + down) + wave[1] * (columns + right) + phase)
            for wave, phase, height in zip(waves, phases, heights, strict=True)
        )
        / heights.sum()
        * 2
        for down, right in places
    ]


def _places(direction: float, frames: int, speed: float, jerk: float) -> NDArray[np.float64]:
    steps = speed + jerk * np.sin(np.arange(frames) * 1.7)
    return np.outer(np.cumsum(steps), [np.sin(direction), np.cos(direction)])


def black(frames: int, *, size: tuple[int, int] = SIZE) -> list[Luma]:
    return [np.zeros(size)] * frames


def faded(pictures: Sequence[Luma], frames: int) -> list[Luma]:
    """The last pictures go to black, one step a frame."""
    weights = [1.0] * (len(pictures) - frames) + [1 - (n + 1) / frames for n in range(frames)]
    return [picture * weight for picture, weight in zip(pictures, weights, strict=True)]


def dissolved(before: Sequence[Luma], after: Sequence[Luma], frames: int) -> list[Luma]:
    """The last pictures of one scene go over into the first of another."""
    over = [
        one + (two - one) * (n + 1) / (frames + 1)
        for n, (one, two) in enumerate(zip(before[-frames:], after[:frames], strict=True))
    ]
    return [*before[:-frames], *over, *after[frames:]]


def flashed(pictures: Sequence[Luma], at: int, frames: int) -> list[Luma]:
    """Some pictures much brighter."""
    return [p * 0.3 + 0.7 if at <= n < at + frames else p for n, p in enumerate(pictures)]


def held(pictures: Sequence[Luma], times: int) -> list[Luma]:
    """Every picture several times, as drawn films are shot."""
    return [picture for picture in pictures for _ in range(times)]


def noisy(pictures: Sequence[Luma], sigma: float) -> list[Luma]:
    """White noise, in codes of 255."""
    numbers = np.random.default_rng(0)
    return [picture + numbers.normal(0, sigma / 255, picture.shape) for picture in pictures]


def plane(picture: Luma, *, depth: int = 8) -> Plane:
    """As samples of full range."""
    top = (1 << depth) - 1
    codes = (picture.clip(0, 1) * top).round()
    return codes.astype(np.uint8) if depth == 8 else codes.astype(np.uint16)


def frames_of(pictures: Iterable[Luma], *, first: int = 0) -> Iterator[Frame]:
    """Gray frames without a file."""
    for index, picture in enumerate(pictures, start=first):
        yield Frame(index, (plane(picture),), GRAY, COLOR, index, 1, Fraction(1, 25))
