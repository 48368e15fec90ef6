"""How noisy a job's source is taken to be: as the user says, or measured on frames from all of its length."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

import torch
from torch import Tensor

from vrinr_cli.engine.color import ColorConverter, Picture
from vrinr_cli.engine.noise import CODES, NoiseLevel, Rgb, as_told, estimate_noise, spread
from vrinr_cli.errors import OptionError, printable
from vrinr_cli.frame import Frame
from vrinr_cli.jobs.events import NoiseFacts
from vrinr_cli.jobs.options import DenoiseOptions
from vrinr_cli.video.info import SourceInfo
from vrinr_cli.video.reader import read_frames

LARGEST_SIDE = 1024
"""Pixels along each axis of the middle of a frame that is looked at."""
DIGITS = 4
"""Decimal places of a measured variance in codes squared: a resumed job must find the same."""
LARGEST_LEARNED = 55.0
"""Largest deviation that the bundled weights were trained with, in 8-bit codes: see `training.noise`."""


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
    warning: str = ""
    """What may come out badly of them; empty where nothing will."""
    facts: NoiseFacts | None = None
    """The figures for programs; None where the network is not told."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know."""
        return (self.note, self.warning) if self.warning else (self.note,)

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
        OptionError: it cannot be measured.
        InputError: a frame cannot be read.
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
    if options.zero_shot:
        nothing, note = (0.0, 0.0, 0.0), "zero-shot: the network has seen clean video only and is not told of noise"
        return NoiseChoice(nothing, nothing, options.keep_grain, is_zero_shot=True, note=note)
    if options.sigma is not None:
        facts = _facts("given", (options.sigma**2,) * 3, (0.0,) * 3, options)
        return _told(facts, f"sigma {options.sigma:g}, as given", options)
    if learned:
        facts = _facts("learned", _rgb(learned[0::2]), _rgb(learned[1::2]), options)
        most = max(LARGEST_LEARNED, facts.sigma)
        return _told(facts, f"sigma {facts.sigma:.1f}, as the weights have learned it", options, most=most)
    level = measure()
    facts = _facts("measured", level.constant, level.slope, options)
    return _told(facts, _measured_words(facts, level), options)


def _facts(origin: str, constant: Rgb, slope: Rgb, options: DenoiseOptions) -> NoiseFacts:
    constant, slope = _rounded(constant), _rounded(slope)
    return NoiseFacts(origin, round(_sigma(constant, slope), DIGITS), constant, slope, options.strength)


def _told(facts: NoiseFacts, words: str, options: DenoiseOptions, *, most: float = LARGEST_LEARNED) -> NoiseChoice:
    """The choice of figures that a network is told.

    Args:
        facts: before the strength.
        words: the same for people.
        options: what was asked.
        most: the largest deviation that the weights have learned.
    """
    stronger = f", told as {options.strength:g} times that" if options.strength != 1 else ""
    sigma, factor = facts.sigma * options.strength, options.strength**2
    warning = f"noise: the weights have learned sigma up to {most:.3g}, and are told {sigma:.3g}: colors may shift"
    return NoiseChoice(
        _rounded(value * factor for value in facts.constant),
        _rounded(value * factor for value in facts.slope),
        options.keep_grain,
        note=f"noise: {words}{stronger}",
        warning=warning if sigma > most else "",
        facts=facts,
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
        OptionError: nothing can be said of it.
        InputError: a frame cannot be read.
    """

    def chosen() -> Iterator[Frame]:
        for index in (frames[number] for number in spread(len(frames))):
            reading = read_frames(source, index, index + 1, allow_damaged=allow_damaged, on_picture=on_picture)
            with closing(reading) as read:  # type: ignore[type-var]
                yield from read

    return noise_of(source, chosen())


def noise_of(source: SourceInfo, frames: Iterable[Frame], *, is_all: bool = True) -> NoiseLevel:
    """The noise of frames of a source: none of such as are of one color each.

    Args:
        source: the clip.
        frames: those that are looked at.
        is_all: whether they stand for the whole clip; else frames of one color say nothing of what follows them.

    Raises:
        OptionError: nothing can be said of it.
    """
    picture = Picture(source.format, source.color, source.size)
    converter = ColorConverter(picture, picture, torch.device("cpu"))
    rows, columns = (_middle(side) for side in source.size)
    pictures, are_flat = [], True
    for frame in frames:
        pictures.append(converter.network_input(frame.planes, rows, columns))
        are_flat = are_flat and all(plane.min() == plane.max() for plane in frame.planes)
    level = estimate_noise(pictures)
    if level is not None:
        return level
    if is_all and are_flat and pictures:
        nothing = (0.0, 0.0, 0.0)
        return NoiseLevel(constant=nothing, slope=nothing, mean=nothing)
    raise OptionError(
        f"{printable(source.path.name)}: its noise cannot be measured: too small, or black or white throughout",
        hint="say how noisy it is: --sigma 20",
    )


def _middle(side: int) -> tuple[int, int]:
    taken = min(side, LARGEST_SIDE)
    return (side - taken) // 2, (side + taken) // 2


def _rgb(values: Sequence[float]) -> Rgb:
    red, green, blue = values
    return red, green, blue


def _rounded(values: Iterable[float]) -> Rgb:
    return _rgb([round(value, DIGITS) for value in values])


def _sigma(constant: Rgb, slope: Rgb) -> float:
    """One figure: root mean square over channels at half intensity, in codes; as `model.source.sigma_codes`."""
    return sqrt(fmean(a + b * CODES / 2 for a, b in zip(constant, slope, strict=True)))


def _measured_words(facts: NoiseFacts, level: NoiseLevel) -> str:
    if not any((*facts.constant, *facts.slope)):
        return "sigma 0 measured: there is none to be seen"
    at = ", ".join(f"{max(level.sigma_at(code)):.1f} at {code}" for code in (32, 128, 224))
    return f"sigma {facts.sigma:.1f} measured (largest of R, G, B by intensity: {at})"
