"""Film out of 3:2 pulldown: fields put together again, and one frame of five left out.

Each film picture was spread over two or three fields: of four pictures A, B, C, D came five frames AA, BB, BC, CD, DD,
so that the first field of the third frame and the second field of the fifth repeat those before them. That tells where
in its cycle a film is, and with it which fields belong together; three cycles of five frames decide about the one in
their middle. Where they do not tell, as after an edit or in a picture that stands still, FFmpeg's fieldmatch says of
each frame which neighbour has the field that belongs to it, and of five frames the one that repeats its predecessor is
left out. What is combed even so goes through bwdif; since fieldmatch sees combs in fine lines too, idet is asked as
well.

With the settings here each filter looks at a frame and its two neighbours and keeps nothing else, and cycles are
counted from the first frame of the source: so a frame is the same bit by bit wherever reading begins
(docs/decisions/0039).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, pairwise, tee
from typing import TypeVar

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from vrinr_cli.errors import InputError
from vrinr_cli.frame import Family, Frame, Plane, PlaneFormat
from vrinr_cli.video.deinterlace import deinterlaced
from vrinr_cli.video.fields import CYCLE, KEPT
from vrinr_cli.video.idet import GRAYS, idet_graph, idet_words, pulled
from vrinr_cli.video.info import FieldOrder, Fields, Timeline
from vrinr_cli.video.pixels import to_av_frame

CLEARLY = 0.7
"""How much less the repeated fields must change than those that would be in the next likely place of the cycle."""
BLOCK = 16
"""Luma samples of a side of the squares that are compared where the cycle is not told: what moves may be small."""

T = TypeVar("T")

_UNIT = Fraction(1)
_CARRIER = PlaneFormat("yuv444p", Family.YUV, 8)
"""What fieldmatch gets: luma, and planes that say whose lines they are."""
_MARKS = (16, 96, 176)
"""Of three frames that follow each other."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A stored frame with fields that belong together."""

    frame: Frame
    """Flagged as interlaced if it is combed even so."""
    repeated: int | None
    """Which frame of its cycle, from 0, repeats the one before; None where the cycle is not told."""


def film(frames: Iterable[Frame], fields: Fields, line: Timeline, count: int, *, threads: int = 0) -> Iterator[Frame]:
    """The film's frames out of stored ones, in their order: four of each cycle, and a last cycle that is not whole.

    Args:
        frames: stored frames that follow each other, of one format and size; from `stored_range` of what is wanted.
        fields: their order.
        line: times of the frames that are made, from the first of the clip.
        count: stored frames of the clip.
        threads: of the filters; 0 is one a core. They change nothing.

    Raises:
        InputError: a filter failed.
    """
    whole = replace(fields, all_frames=False, film=None)
    unmarked = Timeline(tuple(range(count)), (1,) * count, _UNIT)
    together, kept = tee(matched(frames, fields))
    shown = deinterlaced((one.frame for one in together), whole, unmarked, threads=threads)
    cycle: list[tuple[Matched, Frame]] = []
    before: Frame | None = None
    for one, clean in zip(kept, shown, strict=True):
        number = one.frame.index
        if not cycle and number % CYCLE:
            before = one.frame  # of a cycle whose beginning was not read
            continue
        cycle.append((one, clean))
        if len(cycle) == CYCLE:
            repeated = _repeated([one for one, _ in cycle], before)
            yield from _numbered([clean for place, (_, clean) in enumerate(cycle) if place != repeated], line)
            cycle, before = [], one.frame
    if cycle and number == count - 1:
        yield from _numbered([clean for _, clean in cycle], line)


def matched(frames: Iterable[Frame], fields: Fields) -> Iterator[Matched]:
    """As many frames, each with the fields that belong together.

    The first and the last two cycles, or parts of cycles, are right only at the ends of the clip.

    Args:
        frames: stored frames that follow each other.
        fields: their order.

    Raises:
        InputError: a filter failed.
    """
    return _confirmed(_by_cadence(_by_fieldmatch(frames, fields), fields.order))


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of a stored frame by itself."""

    stored: Frame
    before: Frame | None
    """The stored frame before it, if it was read."""
    woven: Frame
    """As fieldmatch would have it; flagged as interlaced if it sees combs."""
    changes: tuple[float, float]
    """By how much its first and its second field differ from those of the frame before, in codes of 8 bits."""


def _by_fieldmatch(frames: Iterable[Frame], fields: Fields) -> Iterator[_Told]:
    near: deque[Frame] = deque()

    def told(found: av.VideoFrame) -> _Told:
        if found.pts is None:
            raise InputError("fieldmatch gave a frame without a number", hint="use --deinterlace off")
        while near[0].index < found.pts - 1:
            near.popleft()
        own = next(frame for frame in near if frame.index == found.pts)
        before = near[0] if near[0].index < own.index else None
        by_mark = {_mark(frame): frame for frame in near if abs(frame.index - own.index) <= 1}
        marks = np.frombuffer(memoryview(found.planes[1]), np.uint8).reshape(-1, found.planes[1].line_size)
        planes = _woven(by_mark[int(marks[0, 0])], by_mark[int(marks[1, 0])])
        woven = replace(own, planes=planes, is_interlaced=bool(found.interlaced_frame))
        return _Told(own, before, woven, _changes(own, before, fields.order))

    def give(frame: Frame) -> av.VideoFrame:
        near.append(frame)
        luma = _luma(frame)
        mark = np.full(luma.shape, _mark(frame), np.uint8)
        return to_av_frame((luma, mark, mark), _CARRIER)

    yield from _through(frames, lambda frame: _match_graph(frame.size, fields.order), give, told)


def _confirmed(found: Iterable[Matched]) -> Iterator[Matched]:
    """The same, flagged as interlaced only where idet sees two moments too."""
    given, kept = tee(found)
    words = _through(
        (one.frame for one in given),
        lambda frame: idet_graph(frame.size, GRAYS[1]),
        lambda frame: to_av_frame((_luma(frame),), GRAYS[1]),
        lambda frame: idet_words(frame)[0],
    )
    for one, word in zip(kept, words, strict=True):
        is_combed = one.frame.is_interlaced and word in ("tff", "bff")
        yield replace(one, frame=replace(one.frame, is_interlaced=is_combed))


def _through(
    frames: Iterable[Frame],
    make: Callable[[Frame], Graph],
    give: Callable[[Frame], av.VideoFrame],
    take: Callable[[av.VideoFrame], T],
) -> Iterator[T]:
    """What is made of each frame that a filter gives back, one for each that it gets."""
    graph: Graph | None = None
    try:
        for frame in frames:
            graph = graph or make(frame)
            given = give(frame)
            given.pts, given.time_base = frame.index, _UNIT
            graph.vpush(given)
            yield from map(take, pulled(graph))
        if graph is not None:
            graph.vpush(None)
            yield from map(take, pulled(graph))
    except (av.FFmpegError, MemoryError) as error:
        raise InputError(f"a filter stopped ({error})", hint="use --deinterlace off") from error


def _match_graph(size: tuple[int, int], order: FieldOrder) -> Graph:
    graph = Graph()
    graph.threads = 1
    kind = av.VideoFormat(_CARRIER.name)
    source = graph.add_buffer(width=size[1], height=size[0], format=kind, time_base=_UNIT)
    # combmatch=full: the other kinds remember scene changes
    options = f"order={'tff' if order == 'top' else 'bff'}:mode=pc:combmatch=full:mchroma=0:chroma=0"
    graph.link_nodes(source, graph.add("fieldmatch", options), graph.add("buffersink")).configure()
    return graph


def _by_cadence(found: Iterable[_Told], order: FieldOrder) -> Iterator[Matched]:
    """Frames woven by their place in the film's cycle where that is told, else as fieldmatch has it."""
    near: deque[list[_Told]] = deque([[]], maxlen=3)
    for _, cycle in groupby(found, lambda one: one.stored.index // CYCLE):
        near.append(list(cycle))
        yield from _cycle(near[-2], [one for part in near for one in part], order)
    near.append([])
    yield from _cycle(near[-2], [one for part in near for one in part], order)


def _cycle(cycle: Sequence[_Told], around: Sequence[_Told], order: FieldOrder) -> Iterator[Matched]:
    begins = _begin(around)
    for one in cycle:
        if begins is None:
            yield Matched(one.woven, None)
            continue
        place = (one.stored.index - begins) % CYCLE
        frame = one.stored
        if place in (2, 3) and one.before is not None:  # BC and CD: the second field belongs to the frame before
            pair = (one.stored, one.before) if order == "top" else (one.before, one.stored)
            frame = replace(frame, planes=_woven(*pair))
        yield Matched(replace(frame, is_interlaced=one.woven.is_interlaced), (begins + 2) % CYCLE)


def _begin(around: Sequence[_Told]) -> int | None:
    """The number, modulo five, at which the film's cycle begins; None where it is not told."""
    seen = [one for one in around if one.before is not None]
    scores = []
    for begins in range(CYCLE):
        repeats = [
            change
            for one in seen
            for change, place in zip(one.changes, (2, 4), strict=True)
            if (one.stored.index - begins) % CYCLE == place
        ]
        scores.append(sum(repeats) / len(repeats) if repeats else float("inf"))
    best, second = sorted(scores)[:2]
    return scores.index(best) if best < CLEARLY * second and second < float("inf") else None


def _changes(own: Frame, before: Frame | None, order: FieldOrder) -> tuple[float, float]:
    if before is None:
        return 0.0, 0.0
    apart = np.abs(_luma(own).astype(np.int16) - _luma(before))
    top, bottom = float(apart[::2].mean()), float(apart[1::2].mean())
    return (top, bottom) if order == "top" else (bottom, top)


def _repeated(cycle: Sequence[Matched], before: Frame | None) -> int:
    """Which of five frames repeats the one before: as told, else the one that differs least, of equals the first.

    Args:
        cycle: all five.
        before: the frame before them; None at the beginning of the clip.
    """
    told = cycle[0].repeated
    if told is not None:
        return told
    lumas = [_luma(frame) for frame in (*([before] if before is not None else []), *(one.frame for one in cycle))]
    changes = [_largest_change(one, two) for one, two in pairwise(lumas)]
    return int(np.argmin(changes)) + (before is None)


def _largest_change(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> float:
    """Mean difference of the square that changes most, in codes of 8 bits."""
    apart = np.abs(one.astype(np.int16) - two).astype(np.float32)
    rows, columns = (-(-length // BLOCK) for length in apart.shape)
    padded = np.pad(apart, ((0, rows * BLOCK - apart.shape[0]), (0, columns * BLOCK - apart.shape[1])))
    return float(padded.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3)).max())


def _mark(frame: Frame) -> int:
    return _MARKS[frame.index % len(_MARKS)]


def _luma(frame: Frame) -> NDArray[np.uint8]:
    """Luma, or green, in 8 bits."""
    plane = frame.planes[1 if frame.format.family is Family.RGB else 0]
    return (plane >> (frame.format.depth - 8)).astype(np.uint8, copy=False)


def _woven(top: Frame, bottom: Frame) -> tuple[Plane, ...]:
    """The even lines of one frame and the odd ones of another, in every plane."""
    if top is bottom:
        return top.planes
    planes = tuple(plane.copy() for plane in top.planes)
    for plane, other in zip(planes, bottom.planes, strict=True):
        plane[1::2] = other[1::2]
    return planes


def _numbered(frames: Sequence[Frame], line: Timeline) -> Iterator[Frame]:
    """Frames of one cycle at their places in the film."""
    first = frames[0].index // CYCLE * KEPT
    for number, frame in enumerate(frames, first):
        yield replace(
            frame,
            index=number,
            pts=line.pts[number],
            duration=line.durations[number],
            time_base=line.time_base,
            is_interlaced=False,
        )
