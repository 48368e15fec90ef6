"""How noisy a job's source is taken to be: as the user says, or measured on frames from all of its length."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
from torch import Tensor

from vrinr_cli.engine.color import ColorConverter, Picture
from vrinr_cli.engine.noise import CODES, NoiseLevel, Rgb, as_told, estimate_noise, spread
from vrinr_cli.errors import InputError
from vrinr_cli.frame import Frame
from vrinr_cli.jobs.options import DenoiseOptions
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.reader import read_frames

LARGEST_SIDE = 1024
"""Pixels along each axis of the middle of a frame that is looked at."""
DIGITS = 4
"""Decimal places of a measured variance in codes squared: a resumed job must find the same."""


@dataclass(frozen=True, slots=True)
class NoiseChoice:
    """What the network is told, and what is done with what it removes."""

    constant: Rgb
    """Of the variance of R, G and B, in 8-bit codes squared."""
    slope: Rgb
    """Variance per code of intensity."""
    keep_grain: float = 0.0
    is_zero_shot: bool = False
    note: str = ""
    """The figures in words."""

    def as_tensor(self) -> Tensor:
        """As networks are told, (1, 3, 2)."""
        return as_told(self.constant, self.slope)


def choose_noise(
    options: DenoiseOptions,
    source: SourceInfo,
    frames: range,
    *,
    learned: tuple[float, ...] = (),
    allow_damaged: bool = False,
    measure: Callable[[], NoiseLevel] | None = None,
    on_picture: Callable[[], object] | None = None,
) -> NoiseChoice:
    """What the network will be told of the frames' noise.

    Args:
        options: what was asked.
        source: the clip.
        frames: those that are restored.
        learned: what weights that were fitted to a clip have learned of its noise, see `FittedTo`; empty measures.
        allow_damaged: whether damaged frames are measured too.
        measure: how noisy the clip is, where it is not to be read again; None reads the frames.
        on_picture: called for each picture that is decoded for it.

    Raises:
        InputError: it cannot be measured, or a frame cannot be read.
    """
    reading = measure or (lambda: measure_noise(source, frames, allow_damaged=allow_damaged, on_picture=on_picture))
    return choose_from(options, reading, learned=learned)


def choose_from(
    options: DenoiseOptions, measure: Callable[[], NoiseLevel], *, learned: tuple[float, ...] = ()
) -> NoiseChoice:
    """The same of anything whose noise can be measured, which is done only where it must be.

    Raises:
        VrinrError: as `measure` does.
    """
    keep, nothing = options.keep_grain, (0.0, 0.0, 0.0)
    if options.zero_shot:
        note = "zero-shot: the network has seen clean video only and is not told of noise"
        return NoiseChoice(nothing, nothing, keep, is_zero_shot=True, note=note)
    factor = options.strength**2
    if options.sigma is not None:
        constant = round(options.sigma**2 * factor, DIGITS)
        told = f"noise: sigma {options.sigma:g}, as given{_strength_words(options)}"
        return NoiseChoice((constant,) * 3, nothing, keep, note=told)
    if learned:
        constants, slopes = _scaled(_rgb(learned[0::2]), factor), _scaled(_rgb(learned[1::2]), factor)
        half = sum(a + b * CODES / 2 for a, b in zip(learned[0::2], learned[1::2], strict=True)) / 3
        told = f"noise: sigma {half**0.5:.1f}, as the weights have learned it{_strength_words(options)}"
        return NoiseChoice(constants, slopes, keep, note=told)
    level = measure()
    return NoiseChoice(
        _scaled(level.constant, factor),
        _scaled(level.slope, factor),
        keep,
        note=_words(level) + _strength_words(options),
    )


def measure_noise(
    source: SourceInfo,
    frames: range,
    *,
    allow_damaged: bool = False,
    on_picture: Callable[[], object] | None = None,
) -> NoiseLevel:
    """The noise of some frames of a source, from at most 24 of them.

    Raises:
        InputError: nothing can be said of it, or a frame cannot be read.
    """

    def chosen() -> Iterator[Frame]:
        for index in (frames[number] for number in spread(len(frames))):
            reading = read_frames(source, index, index + 1, allow_damaged=allow_damaged, on_picture=on_picture)
            with closing(reading) as read:  # type: ignore[type-var]
                yield from read

    return noise_of(source, chosen())


def noise_of(source: SourceInfo, frames: Iterable[Frame]) -> NoiseLevel:
    """The noise of frames of a source.

    Raises:
        InputError: nothing can be said of it.
    """
    picture = Picture(source.format, source.color, source.size)
    converter = ColorConverter(picture, picture, torch.device("cpu"))
    rows, columns = (_middle(side) for side in source.size)
    level = estimate_noise([converter.network_input(frame.planes, rows, columns) for frame in frames])
    if level is None:
        raise InputError(
            f"{source.path.name}: its noise cannot be measured: too small, or black or white throughout",
            hint="say how noisy it is: --sigma 20",
        )
    return level


def _middle(side: int) -> tuple[int, int]:
    taken = min(side, LARGEST_SIDE)
    return (side - taken) // 2, (side + taken) // 2


def _rgb(values: Sequence[float]) -> Rgb:
    red, green, blue = values
    return red, green, blue


def _scaled(values: Rgb, factor: float) -> Rgb:
    red, green, blue = (round(value * factor, DIGITS) for value in values)
    return red, green, blue


def _words(level: NoiseLevel) -> str:
    at = ", ".join(f"{max(level.sigma_at(code)):.1f} at {code}" for code in (32, 128, 224))
    return f"noise: sigma {level.sigma:.1f} measured (largest of R, G, B by intensity: {at})"


def _strength_words(options: DenoiseOptions) -> str:
    return f", told as {options.strength:g} times that" if options.strength != 1 else ""
