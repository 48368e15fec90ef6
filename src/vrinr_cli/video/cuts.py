"""Where one scene ends and the next begins, told from a few frames on either side (docs/decisions/0023).

What a cut is stands here alone; whoever restores frames reads it off `Frame.begins_scene`. FFmpeg's scdet compares a
frame with the two before it: it takes a flash for a cut, and cannot know better without looking ahead.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from vrinr_cli.frame import Family, Frame

REACH = 4
"""Frames on either side of a boundary that decide about it, fewer at the ends of a clip: as many tell a flash of three
from two cuts."""
MOTION = 1.5
"""How many times the step from picture to picture beside it the step over a cut is at least."""
LEAST_STEP = 4.0
"""What it is beyond that, in 8-bit codes."""
HELD = 0.5
"""Codes: pictures beside a boundary that differ by less may be one that is shown several times, as where 15 pictures a
second are stored as 60. How they move is not known then."""
LEAST_HELD_STEP = 20.0
"""What the step over a cut between such pictures is at least, in 8-bit codes: few motions of one frame are as large."""
ALIKE = 0.5
"""Share of the step over a boundary that two pictures on either side differ by, at most, if one scene has both."""
CELLS = 64
"""Of a thumbnail along the longer side, about; more only in pictures of a few rows or columns."""

Thumbnail = NDArray[np.float32]
"""Means of square cells of luma (of green where there is none), in 8-bit codes."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is kept of a frame."""

    thumbnail: Thumbnail
    step: float
    """From the frame before it; 0 where there is none."""


def mark_cuts(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames; those that a cut lies before begin a scene. The first one never does.

    A frame comes once `REACH` - 1 more have been read, or the clip has ended. What is said of it depends on no more
    than `REACH` frames before it and as many from it on.
    """
    seen: list[_Seen] = []
    waiting: deque[Frame] = deque()
    for frame in frames:
        picture = thumbnail(frame)
        seen.append(_Seen(picture, _difference(seen[-1].thumbnail, picture) if seen else 0.0))
        waiting.append(frame)
        if len(waiting) == REACH:
            yield _marked(waiting.popleft(), seen, len(seen) - REACH)
            del seen[: -2 * REACH + 1]
    while waiting:
        yield _marked(waiting.popleft(), seen, len(seen) - len(waiting) - 1)


def _marked(frame: Frame, seen: Sequence[_Seen], place: int) -> Frame:
    before, after = seen[max(place - REACH, 0) : place], seen[place : place + REACH]
    return replace(frame, begins_scene=_is_cut(before, after))


def _is_cut(before: Sequence[_Seen], after: Sequence[_Seen]) -> bool:
    """Whether the step over a boundary is no motion, and nothing that was there before comes back."""
    if not before:
        return False
    step, motion = after[0].step, _motion(before, after)
    if step < max(_most_by_motion(motion, 1), LEAST_HELD_STEP if motion < HELD else 0.0):
        return False
    pairs = product(enumerate(reversed(before), 1), enumerate(after))
    return all(
        _difference(one.thumbnail, two.thumbnail) >= min(_most_by_motion(motion, back + on), ALIKE * step)
        for (back, one), (on, two) in pairs
        if back + on <= REACH  # as far as from before a flash of three to after it
    )


def _most_by_motion(motion: float, frames: int) -> float:
    """What pictures so many frames apart may differ by and still be of one scene."""
    return MOTION * motion * frames + LEAST_STEP


def _motion(before: Sequence[_Seen], after: Sequence[_Seen]) -> float:
    """The second largest step beside a boundary, as the largest may be another cut; near a clip's ends the largest."""
    steps = sorted(seen.step for seen in (*before[1:], *after[1:]))
    is_whole = len(before) == len(after) == REACH
    return steps[-2] if is_whole else max(steps, default=0.0)


def thumbnail(frame: Frame) -> Thumbnail:
    """The frame in few numbers, which noise and fine motion hardly move."""
    plane = frame.planes[1 if frame.format.family is Family.RGB else 0]
    cell = min(-(-max(plane.shape) // CELLS), *plane.shape)
    rows, columns = (side // cell for side in plane.shape)
    inside = plane[: rows * cell, : columns * cell]
    sums = inside.reshape(rows, cell, -1).sum(axis=1, dtype=np.uint32).reshape(rows, columns, cell).sum(axis=2)
    codes: Thumbnail = (sums / (cell**2 << (frame.format.depth - 8))).astype(np.float32)
    return codes


def _difference(one: Thumbnail, two: Thumbnail) -> float:
    return float(np.abs(one - two).mean())
