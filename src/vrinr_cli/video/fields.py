"""Sources whose frames are two fields: what is made of them, and when the result is shown. Pure arithmetic.

A source with `Fields` has the timeline of what is made of it, so that whoever counts frames or times of a source counts
those. `stored` gives back the one that the file has.
"""

from collections.abc import Sequence
from dataclasses import replace

from vrinr_cli.video.info import FieldOrder, Fields, SourceInfo, StoredTimes, Timeline

CYCLE, KEPT = 5, 4
"""Stored frames of 3:2 pulldown that begin anew together, and the film's among them."""
INTERLACED = "interlaced; combs are enlarged"
"""The note of a source that is read as it is stored."""


def with_fields(info: SourceInfo, fields: Fields) -> SourceInfo:
    """The source as it is after deinterlacing: as many frames, or one a field at half the distance.

    Args:
        info: a source as it is stored.
        fields: what is made of its fields.
    """
    info = replace(info, fields=fields, is_interlaced=False, notes=_without(info.notes, INTERLACED))
    if fields.per_frame == 1:
        return info
    line = info.timeline
    return replace(
        info,
        timeline=Timeline(
            pts=tuple(time for pts, step in zip(line.pts, line.durations, strict=True) for time in _two(2 * pts, step)),
            durations=tuple(step for step in line.durations for _ in range(2)),
            time_base=line.time_base / 2,
        ),
        keyframes=tuple(2 * key for key in info.keyframes),
        average_rate=None if info.average_rate is None else 2 * info.average_rate,
    )


def with_film(info: SourceInfo, order: FieldOrder) -> SourceInfo:
    """The source after its 3:2 pulldown is undone: four frames of five, evenly spread over the time of the five.

    Cycles count from the first frame; a last one that is not whole keeps all of its frames, at their times.

    Args:
        info: a source as it is stored.
        order: which field comes first.
    """
    line = info.timeline
    ends = [pts + step for pts, step in zip(line.pts, line.durations, strict=True)]
    pts: list[int] = []
    durations: list[int] = []
    for first in range(0, len(line), CYCLE):
        if first + CYCLE <= len(line):
            end = line.pts[first + CYCLE] if first + CYCLE < len(line) else ends[-1]
            pts += [KEPT * line.pts[first] + place * (end - line.pts[first]) for place in range(KEPT)]
            durations += [end - line.pts[first]] * KEPT
        else:
            pts += [KEPT * time for time in line.pts[first:]]
            durations += [KEPT * step for step in line.durations[first:]]
    return replace(
        info,
        fields=Fields(order, 1, all_frames=True, film=StoredTimes(line, info.keyframes, info.average_rate)),
        is_interlaced=False,
        notes=_without(info.notes, INTERLACED),
        timeline=Timeline(tuple(pts), tuple(durations), line.time_base / KEPT),
        keyframes=tuple(sorted({film_number(key) for key in info.keyframes})),
        average_rate=None if info.average_rate is None else info.average_rate * KEPT / CYCLE,
    )


def film_number(number: int) -> int:
    """The film's frame at the place of a stored one, or the one before."""
    return number // CYCLE * KEPT + min(number % CYCLE, KEPT - 1)


def stored(info: SourceInfo) -> SourceInfo:
    """The source as its file has it, for whoever reads that."""
    if info.fields is not None and info.fields.film is not None:
        film = info.fields.film
        return replace(
            info, fields=None, timeline=film.timeline, keyframes=film.keyframes, average_rate=film.average_rate
        )
    if info.fields is None or info.fields.per_frame == 1:
        return replace(info, fields=None)
    line = info.timeline
    return replace(
        info,
        fields=None,
        timeline=Timeline(tuple(pts // 2 for pts in line.pts[::2]), line.durations[::2], line.time_base * 2),
        keyframes=tuple(key // 2 for key in info.keyframes),
        average_rate=None if info.average_rate is None else info.average_rate / 2,
    )


def stored_range(wanted: range, fields: Fields, count: int) -> range:
    """The stored frames that frames made of fields need: bwdif looks at one before and one after.

    Where pulldown is undone these are whole cycles and two more on either side: what bwdif looks at lies in the next
    one, and that is decided by one more. Each frame is compared with the one before.

    Args:
        wanted: numbers of the frames that are made, not empty.
        fields: how.
        count: stored frames of the source.
    """
    if fields.film is not None:
        begin, end = wanted.start // KEPT * CYCLE, -(-wanted.stop // KEPT) * CYCLE
        return range(max(begin - 2 * CYCLE - 1, 0), min(end + 2 * CYCLE, count))
    first, last = wanted.start // fields.per_frame, (wanted.stop - 1) // fields.per_frame
    return range(max(first - 1, 0), min(last + 2, count))


def _two(first: int, step: int) -> tuple[int, int]:
    return first, first + step


def _without(notes: Sequence[str], note: str) -> tuple[str, ...]:
    return tuple(other for other in notes if other != note)
