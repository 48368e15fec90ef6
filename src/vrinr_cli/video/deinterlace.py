"""Whole frames from fields, by FFmpeg's bwdif through PyAV.

Each line of the field that is missing comes from the lines beside it and from the frames before and after, so a frame
depends on three stored ones and on nothing else: whoever reads one more on either side gets the same samples wherever
they begin (docs/decisions/0031). The lines of the field that is there are kept as they are.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from vrinr_cli.errors import InputError
from vrinr_cli.frame import Family, Frame, Plane, PlaneFormat
from vrinr_cli.video.info import Fields, Timeline
from vrinr_cli.video.pixels import planes_of, to_av_frame

LEAST_SIDE = 16
"""Pixels; bwdif reads lines three above and below."""


def deinterlaced(frames: Iterable[Frame], fields: Fields, line: Timeline, *, threads: int = 0) -> Iterator[Frame]:
    """Frames made of the fields of stored ones, in their order: one or two of each.

    The first and the last of `frames` are made without a neighbour; they are right only at the ends of the clip.

    Args:
        frames: stored frames that follow each other, of one format and size, at least `LEAST_SIDE` on each side.
        fields: their order, and what is made.
        line: times of the frames that are made, from the first of the clip.
        threads: of the filter; 0 is one a core. They change nothing.

    Raises:
        InputError: the filter failed.
    """
    waiting: deque[Frame] = deque()  # as many as the filter holds
    graph: Graph | None = None
    count = 0
    try:
        for frame in frames:
            graph = graph or _graph(frame, fields, threads)
            graph.vpush(_given(frame, frame.index))
            waiting.append(frame)
            count += 1
            yield from _made(graph, fields, line, waiting)
        if graph is None:
            return
        if count == 1:  # flushed after a single frame bwdif leaves its combs; so the first field at least has none
            only = waiting[0]
            graph.vpush(_given(only, only.index + 1))
        else:
            graph.vpush(None)
        yield from _made(graph, fields, line, waiting)
    except (av.FFmpegError, MemoryError) as error:
        raise InputError(f"bwdif stopped ({error})", hint="use --deinterlace off") from error


def _graph(first: Frame, fields: Fields, threads: int) -> Graph:
    height, width = first.size
    graph = Graph()
    graph.threads = threads
    kind = av.VideoFormat(_filter_format(first.format))
    source = graph.add_buffer(width=width, height=height, format=kind, time_base=_UNIT)
    mode = "send_field" if fields.per_frame == 2 else "send_frame"
    parity = "tff" if fields.order == "top" else "bff"
    bwdif = graph.add("bwdif", f"mode={mode}:parity={parity}:deint=all")
    graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
    return graph


_UNIT = Fraction(1)
"""Frames go by their numbers; bwdif halves the unit."""


def _filter_format(format_: PlaneFormat) -> str:
    """FFmpeg's name of the format in which bwdif takes the samples; it has gray of 8 and 16 bits alone."""
    is_odd_gray = format_.family is Family.GRAY and 8 < format_.depth < 16
    return "gray16le" if is_odd_gray else format_.name


def _given(frame: Frame, index: int) -> av.VideoFrame:
    given = to_av_frame(frame.planes, _as_filtered(frame.format))
    given.pts, given.time_base = index, _UNIT
    return given


def _as_filtered(format_: PlaneFormat) -> PlaneFormat:
    name = _filter_format(format_)
    return format_ if name == format_.name else PlaneFormat(name, format_.family, 16)


def _made(graph: Graph, fields: Fields, line: Timeline, waiting: deque[Frame]) -> Iterator[Frame]:
    """What is ready now; frames that are done are taken from those that wait."""
    while True:
        try:
            found = graph.vpull()
        except (BlockingIOError, EOFError):
            return
        if found.pts is None:
            raise InputError("bwdif gave a frame without a number", hint="use --deinterlace off")
        index, second = divmod(found.pts, 2)
        while waiting[0].index < index:
            waiting.popleft()
        yield _frame(waiting[0], found, index * fields.per_frame + second, fields, line)


def _frame(original: Frame, found: av.VideoFrame, number: int, fields: Fields, line: Timeline) -> Frame:
    is_kept = not (fields.all_frames or original.is_interlaced)
    return Frame(
        index=number,
        planes=original.planes if is_kept else _planes(found, original.format),
        format=original.format,
        color=original.color,
        pts=line.pts[number],
        duration=line.durations[number],
        time_base=line.time_base,
    )


def _planes(found: av.VideoFrame, format_: PlaneFormat) -> tuple[Plane, ...]:
    filtered = _as_filtered(format_)
    planes = planes_of(found, filtered)
    if filtered == format_:
        return planes
    most = (1 << format_.depth) - 1  # interpolation may pass it, as the filter knows of 16 bits
    return tuple(np.minimum(plane, plane.dtype.type(most)) for plane in planes)
