"""Two videos or pictures side by side, with or without a reference: figures by frame, pictures, a row over time.

Figures are of 8-bit RGB as shown, by `benchmark.metrics`: psnr_y and ssim on luma, a border left out. With a reference
each video is measured against it; without one the second against the first, which says how they differ and not which is
better. Videos are read as streams: no more than a moment is held, beside encoded pictures and one row a frame.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from vrinr_cli.benchmark import metrics
from vrinr_cli.benchmark.compared import Compared, open_compared
from vrinr_cli.benchmark.matched import Match, match, spread
from vrinr_cli.benchmark.stills import LEVELS, Level, data_uri
from vrinr_cli.engine.rgb import RgbView
from vrinr_cli.errors import OptionError, TargetError, printable, show_bytes
from vrinr_cli.jobs.job import check_place
from vrinr_cli.jobs.sources import check_source
from vrinr_cli.jobs.spot import Pixels, Upright
from vrinr_cli.jobs.times import show_time
from vrinr_cli.model.resample import BICUBIC, enlarge
from vrinr_cli.video.info import SourceInfo

SHOWN = 12
MOST_SHOWN = 60
MOST_MEASURED = 1000
MEASURED_PIXELS = 600 * 1920 * 1080
"""That are measured at most; of longer videos every so many-th frame."""
PICTURE_BYTES = 24_000_000
"""That all pictures of a page take at most, as they are written in it."""
PROFILE_FRAMES = 400
SEEK_FRAMES = 100
"""Frames between two that are wanted from which on they are sought and not read through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """What to compare, and how."""

    first: Path
    second: Path
    reference: Path | None = None
    shown: int = SHOWN
    """Frames with pictures, evenly spread."""
    every: int | None = None
    """Show each so many-th frame instead, `MOST_SHOWN` at most."""
    border: int = metrics.BORDER
    """Pixels that figures leave out on each side."""

    def __post_init__(self) -> None:
        if not 1 <= self.shown <= MOST_SHOWN:
            raise OptionError(f"frames is {self.shown}", hint=f"choose 1 to {MOST_SHOWN}")
        if self.every is not None and self.every < 1:
            raise OptionError(f"every is {self.every}", hint="choose 1 or more")
        if self.border < 0:
            raise OptionError(f"border is {self.border}", hint="choose 0 or more")

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files: the two, then the reference."""
        return (self.first, self.second, *((self.reference,) if self.reference is not None else ()))


@dataclass(frozen=True, slots=True)
class Video:
    """One of the files, in words."""

    key: str
    """ "A", "B" or "reference"."""
    name: str
    facts: tuple[tuple[str, str], ...]
    size: tuple[int, int]
    """(height, width) as shown."""
    scaled: str
    """How its pictures come to the common size; empty where they have it."""


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over the measured moments."""

    metric: str
    """ "psnr_y" or "ssim"."""
    name: str
    """Of what: "A", "B", or "B against A"."""
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the moments."""
        return sum(self.values) / len(self.values)

    @property
    def lowest(self) -> int:
        """The number of the moment with the least value."""
        return min(range(len(self.values)), key=self.values.__getitem__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A moment with pictures."""

    place: int
    """Among the measured moments."""
    pictures: tuple[str, ...]
    """Of each video, as URIs with the data inside."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that a page says."""

    videos: tuple[Video, ...]
    size: tuple[int, int]
    """(height, width) at which pictures are shown."""
    measured_size: tuple[int, int]
    frames: tuple[tuple[int, ...], ...]
    """Of each measured moment: number of the frame in each video."""
    seconds: tuple[float, ...]
    by: str
    step: int
    """Each so many-th moment is measured."""
    border: int
    series: tuple[Series, ...]
    shown: tuple[Shown, ...]
    level: Level
    """How pictures are kept."""
    row: int
    """Of the measured picture, whose profile is shown."""
    profile: tuple[str, ...]
    """Of each video: rows are moments."""
    notes: tuple[str, ...]

    @property
    def has_reference(self) -> bool:
        """Whether figures say something of quality."""
        return len(self.videos) > 2


Progress = Callable[[int, int], None]
"""Called with moments done and all of them."""


def compare(request: CompareRequest, *, listen: Progress | None = None) -> Comparison:
    """Read the videos together, and measure.

    Raises:
        OptionError: there is no such file, or the border leaves nothing.
        InputError: a file cannot be read.
    """
    sides = [open_compared(path) for path in request.paths]
    infos = [side.info for side in sides]
    keys = ("A", "B", "reference")[: len(infos)]
    turns = [Upright.of(info.rotation, info.display_matrix) for info in infos]
    sizes = [turn.size(info.size) for turn, info in zip(turns, infos, strict=True)]
    measured_size = sizes[2] if len(infos) > 2 else max(sizes[:2], key=math.prod)
    shown_size = max(sizes, key=math.prod)
    if min(measured_size) <= 2 * request.border:
        raise OptionError(
            f"border is {request.border}, the picture {measured_size[1]}x{measured_size[0]}",
            hint="choose a smaller one",
        )
    matched = match([info.timeline for info in infos], keys)
    step = _step(len(matched.frames), math.prod(measured_size))
    places = range(0, len(matched.frames), step)
    frames = [matched.frames[place] for place in places]
    wanted = _wanted(request, len(frames), step)
    reading = _Reading(sides, turns, frames)
    middle = reading.moment(len(frames) // 2)
    row = _row(_fitted(middle[-1], measured_size))
    level, kept = _level(middle, shown_size, wanted)
    seen = _Seen(request, measured=measured_size, shown_size=shown_size, level=level, row=row, wanted=frozenset(kept))
    for place, pictures in enumerate(reading.moments()):
        seen.add(place, pictures)
        if listen is not None:
            listen(place + 1, len(frames))
    notes = _notes(request, matched, sizes=sizes, step=step, kept=len(kept), wanted=len(wanted), sides=sides)
    return Comparison(
        videos=tuple(_video(key, side, turn, shown_size) for key, side, turn in zip(keys, sides, turns, strict=True)),
        size=shown_size,
        measured_size=measured_size,
        frames=tuple(frames),
        seconds=tuple(matched.seconds[place] for place in places),
        by=matched.by,
        step=step,
        border=request.border,
        series=seen.series(),
        shown=tuple(seen.shown),
        level=level,
        row=row,
        profile=tuple(data_uri(np.stack(rows), LEVELS[0]) for rows in seen.rows),
        notes=notes,
    )


class _Reading:
    """The frames of all videos, moment by moment, as RGB as shown."""

    def __init__(self, sides: Sequence[Compared], turns: Sequence[Upright], frames: Sequence[tuple[int, ...]]) -> None:
        self.sides, self.turns, self.frames = sides, turns, frames
        self.views = [RgbView(side.info.format, side.info.color, side.info.size) for side in sides]

    def moments(self) -> Iterator[tuple[Pixels, ...]]:
        """All of them, in order."""
        columns = [
            self._pictures(number, [frame[number] for frame in self.frames]) for number in range(len(self.sides))
        ]
        yield from zip(*columns, strict=True)

    def moment(self, place: int) -> tuple[Pixels, ...]:
        """One of them."""
        return tuple(next(self._pictures(number, [frame])) for number, frame in enumerate(self.frames[place]))

    def _pictures(self, number: int, wanted: Sequence[int]) -> Iterator[Pixels]:
        """Frames of a video by rising numbers; what lies far ahead is sought."""
        side, turn, view = self.sides[number], self.turns[number], self.views[number]
        for run in _runs(wanted):
            chosen = frozenset(run)
            for frame in side.frames(run[0], run[-1] + 1):
                if frame.index in chosen:
                    yield turn.turn(view(frame.planes))


def _runs(wanted: Sequence[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for number in wanted:
        if run and number - run[-1] > SEEK_FRAMES:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


class _Seen:
    """What is kept of the moments so far."""

    def __init__(
        self,
        request: CompareRequest,
        *,
        measured: tuple[int, int],
        shown_size: tuple[int, int],
        level: Level,
        row: int,
        wanted: frozenset[int],
    ) -> None:
        self.request, self.measured, self.shown_size = request, measured, shown_size
        self.level, self.row, self.wanted = level, row, wanted
        self.shown: list[Shown] = []
        self.rows: list[list[Pixels]] = [[] for _ in request.paths]
        has_reference = request.reference is not None
        self.pairs = [("A", 0, 2), ("B", 1, 2)] if has_reference else [("B against A", 1, 0)]
        self.values: dict[tuple[str, str], list[float]] = {}
        self.room = PICTURE_BYTES

    def add(self, place: int, pictures: Sequence[Pixels]) -> None:
        """One more moment."""
        fitted = [_fitted(picture, self.measured) for picture in pictures]
        tensors = [torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None] for picture in fitted]
        border = self.request.border
        is_large = min(self.measured) - 2 * border >= metrics.SSIM_WINDOW
        for name, output, target in self.pairs:
            pair = (tensors[output], tensors[target])
            self.values.setdefault(("psnr_y", name), []).append(float(metrics.psnr_y(*pair, border=border)))
            if is_large:
                self.values.setdefault(("ssim", name), []).append(float(metrics.ssim(*pair, border=border)))
        if place < PROFILE_FRAMES:
            for rows, picture in zip(self.rows, fitted, strict=True):
                rows.append(picture[self.row].copy())
        if place in self.wanted:
            uris = tuple(data_uri(_as_kept(picture, self.shown_size), self.level) for picture in pictures)
            self.room -= sum(map(len, uris))
            if self.room >= 0 or not self.shown:
                self.shown.append(Shown(place, uris))

    def series(self) -> tuple[Series, ...]:
        """Figures by metric, then by what they are of."""
        keys = sorted(self.values, key=lambda key: key[0] != "psnr_y")
        return tuple(Series(metric, name, tuple(self.values[metric, name])) for metric, name in keys)


def _wanted(request: CompareRequest, count: int, step: int) -> list[int]:
    """Places of the moments with pictures, among those that are measured."""
    if request.every is None:
        return spread(count, request.shown)
    return list(range(0, count, -(-request.every // step)))[:MOST_SHOWN]


def _step(count: int, pixels: int) -> int:
    """Each so many-th moment is measured."""
    return max(-(-count // MOST_MEASURED), -(-count * pixels // MEASURED_PIXELS), 1)


def _row(picture: Pixels) -> int:
    """The row with the most detail in the middle half of the picture, where letterboxes and captions are not."""
    height: int = picture.shape[0]
    low, high = height // 4, max(height - height // 4, height // 4 + 1)
    detail = np.abs(np.diff(picture[low:high].astype(np.int32), axis=1)).sum(axis=(1, 2))
    return low + int(detail.argmax())


def _level(middle: Sequence[Pixels], size: tuple[int, int], wanted: Sequence[int]) -> tuple[Level, list[int]]:
    """The best way of keeping pictures in which all fit, by one moment's; and those that fit in the last way."""
    for level in LEVELS:
        taken = sum(len(data_uri(_as_kept(picture, size), level)) for picture in middle)
        if taken * len(wanted) <= PICTURE_BYTES:
            return level, list(wanted)
    most = max(PICTURE_BYTES // taken, 1)
    return LEVELS[-1], [wanted[place] for place in spread(len(wanted), most)]


def whole_factor(size: tuple[int, int], larger: tuple[int, int]) -> int | None:
    """By how many times a size is smaller on both axes; None where that is no whole number."""
    factor = larger[0] // size[0]
    is_whole = (size[0] * factor, size[1] * factor) == larger
    return factor if is_whole else None


def _as_kept(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """As it is where a whole factor makes it as large, which the page does; else resized."""
    is_whole = whole_factor((picture.shape[0], picture.shape[1]), size) is not None
    return picture if is_whole else _fitted(picture, size)


def _fitted(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture at another size: bicubic, as `upscale --method bicubic` enlarges; antialiased where it shrinks."""
    if picture.shape[:2] == size:
        return picture
    planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float()
    if all(after >= before for after, before in zip(size, picture.shape, strict=False)):
        resized = enlarge(planes, size, BICUBIC)
    else:
        resized = functional.interpolate(planes[None], size=size, mode="bicubic", antialias=True)[0]
    return resized.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def _video(key: str, side: Compared, turn: Upright, size: tuple[int, int]) -> Video:
    own = turn.size(side.info.size)
    factor = whole_factor(own, size)
    if own == size:
        scaled = ""
    elif factor is not None:
        scaled = f"{factor} times as large, pixels as blocks"
    else:
        scaled = f"to {size[1]}x{size[0]} by bicubic"
    return Video(key, printable(side.info.path.name), tuple(_facts(side, own, scaled)), own, scaled)


def _facts(side: Compared, size: tuple[int, int], scaled: str) -> Iterator[tuple[str, str]]:
    info = side.info
    yield "file", printable(info.path.name)
    yield "bytes", show_bytes(info.bytes)
    yield "container", info.container
    yield "codec", info.codec
    yield "picture", f"{size[1]}x{size[0]}"
    yield "shown", scaled or "as it is"
    yield "pixel format", info.format.name
    yield "frames", str(len(info.timeline))
    times = _time_facts(info) if side.has_times else ("-",) * len(_TIME_FACTS)
    yield from zip(_TIME_FACTS, times, strict=True)
    matrix = f"{info.color.matrix.name}, {info.color.range.value}"
    yield "color", matrix + (" (not tagged)" if info.color.guessed else "")


_TIME_FACTS = ("rate", "length", "bits a second")


def _time_facts(info: SourceInfo) -> tuple[str, str, str]:
    rate = info.average_rate
    bits = 8 * info.bytes / max(float(info.duration), 1e-3) / 1e6
    return (
        f"{float(rate):.5g} fps{', variable' if info.is_variable_rate else ''}" if rate else "-",
        show_time(info.duration),
        f"{bits:.3g} M, all streams",
    )


def _notes(
    request: CompareRequest,
    matched: Match,
    *,
    sizes: Sequence[tuple[int, int]],
    step: int,
    kept: int,
    wanted: int,
    sides: Sequence[Compared],
) -> tuple[str, ...]:
    notes = list(matched.notes)
    if step > 1:
        notes.append(f"every {step}th moment is measured, so that it ends in time")
    if kept < wanted:
        notes.append(f"{kept} of {wanted} frames are shown, to keep the page small")
    shapes = {round(float(Fraction(width, height)), 2) for height, width in sizes}
    if len(shapes) > 1:
        notes.append("the pictures have different shapes: each axis is scaled by itself")
    if any(side.is_transparent for side in sides):
        notes.append("transparency is not shown: colors are compared as they are stored")
    if any(side.info.sample_aspect_ratio not in (None, 1) for side in sides):
        notes.append("pixels that are not square are shown square")
    if any(side.info.color.transfer in (16, 18) for side in sides):
        notes.append("HDR is shown and measured as it is stored, which looks pale")
    if request.every is not None and wanted == MOST_SHOWN:
        notes.append(f"{MOST_SHOWN} frames are shown at most")
    return tuple(notes)


def request_of(
    first: Path, second: Path, reference: Path | None, *, frames: int | None, every: int | None, border: int
) -> CompareRequest:
    """What was asked on a command line.

    Raises:
        OptionError: options that contradict each other or are out of range; there is no such file.
    """
    if frames is not None and every is not None:
        raise OptionError("--frames and --every given", hint="choose one of them")
    shown = SHOWN if frames is None else frames
    request = CompareRequest(first=first, second=second, reference=reference, shown=shown, every=every, border=border)
    for path in request.paths:
        check_source(path)
    return request


def page_path(request: CompareRequest, output: Path | None, *, overwrite: bool) -> Path:
    """The page to write, absolute.

    Raises:
        TargetError: it cannot be written, or is none.
        OptionError: it is one of the videos.
    """
    stems = "-".join(path.stem[:100] for path in (request.first, request.second))
    named = request.second.with_name(f"{stems}.html") if output is None else output
    if named.suffix.lower() not in (".html", ".htm"):
        raise TargetError(f"{printable(str(named))}: no name for a page", hint="use .html")
    for path in request.paths:
        target = check_place(path, named, overwrite=overwrite)
    return target


def record(found: Comparison) -> dict[str, Any]:
    """The figures as plain data, without pictures."""
    return {
        "videos": [{"key": video.key, **dict(video.facts)} for video in found.videos],
        "has_reference": found.has_reference,
        "matched_by": found.by,
        "measured_size": list(found.measured_size),
        "border": found.border,
        "frames": [list(numbers) for numbers in found.frames],
        "seconds": list(found.seconds),
        "shown": [shown.place for shown in found.shown],
        "pictures": found.level.words,
        "series": [
            {"metric": one.metric, "of": one.name, "mean": one.mean, "values": list(one.values)} for one in found.series
        ],
        "notes": list(found.notes),
    }
