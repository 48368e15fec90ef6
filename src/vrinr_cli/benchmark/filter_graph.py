"""FFmpeg's video filters on our frames: one filter between a source and a sink, through PyAV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import av
import numpy as np
import torch
from av.filter import Graph
from av.filter import filters_available as _AVAILABLE  # noqa: N812

from vrinr_cli.engine.color import ColorConverter, Picture
from vrinr_cli.errors import EngineError, InputError
from vrinr_cli.frame import ColorSpec, Frame, Plane, PlaneFormat
from vrinr_cli.video.pixels import planes_of, to_av_frame

LEAST_SIDE = 16
"""Pixels: bm3d's blocks have this side, and it reads past the end of smaller planes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How samples lie when the filter sees them."""

    format: PlaneFormat
    color: ColorSpec
    divisor: int = 1
    """What codes are divided by before the filter and multiplied by after it: noise that is too strong for the range of
    an option becomes weaker by it. 16 bits leave room for this."""


def available() -> frozenset[str]:
    """Names of the filters that the installed build of PyAV has."""
    return frozenset(_AVAILABLE)


def filtered(frames: Sequence[Frame], layout: Layout, name: str, options: str) -> Iterator[Frame]:
    """The frames after one filter, as many and in their order; sizes, formats and times are those of the frames.

    Args:
        frames: of one size and format, their `pts` rising.
        layout: what the filter is given; the engine's matrices convert both ways.
        name: FFmpeg's name of the filter.
        options: as FFmpeg writes them, "a=1:b=2".

    Raises:
        InputError: the frames are too small.
        EngineError: the filter failed, or gave other frames than it got.
    """
    size = frames[0].size
    if min(size) < LEAST_SIDE:
        raise InputError(
            f"frames of {size[1]}x{size[0]} are too small for filters", hint=f"use {LEAST_SIDE}x{LEAST_SIDE} or more"
        )
    seen = 0
    try:
        for frame, (pts, planes) in zip(frames, _run(frames, layout, name, options), strict=True):
            _check_time(frame, pts)
            seen += 1
            yield replace(frame, planes=planes)
    except (av.error.FFmpegError, ValueError) as error:  # ValueError: another number or order of frames
        raise EngineError(
            f"filter {name} with {options} stopped after {seen} of {len(frames)} frames ({error})",
            hint="leave the filter out",
        ) from error


def _check_time(frame: Frame, pts: int | None) -> None:
    if pts != frame.pts:
        raise ValueError(f"the frame at {frame.pts} came out at {pts}")


def _run(
    frames: Sequence[Frame], layout: Layout, name: str, options: str
) -> Iterator[tuple[int | None, tuple[Plane, ...]]]:
    """Times and planes of every frame that comes out, in the frames' own format."""
    first = frames[0]
    ours = Picture(first.format, first.color, first.size)
    theirs = Picture(layout.format, layout.color, first.size)
    forth, back = (ColorConverter(*pair, torch.device("cpu")) for pair in ((ours, theirs), (theirs, ours)))
    graph = _graph(first, layout.format, name, options)
    for frame in frames:
        planes = forth.compose(forth.base(frame.planes), None)
        given = to_av_frame(tuple(_divided(plane, layout.divisor) for plane in planes), layout.format)
        given.pts, given.time_base = frame.pts, frame.time_base
        graph.vpush(given)
        yield from _pulled(graph, layout, back)
    graph.vpush(None)  # temporal filters hold frames back
    yield from _pulled(graph, layout, back)


def _graph(first: Frame, format_: PlaneFormat, name: str, options: str) -> Graph:
    height, width = first.size
    graph = Graph()
    graph.threads = torch.get_num_threads()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat(format_.name), time_base=first.time_base
    )
    graph.link_nodes(source, graph.add(name, options), graph.add("buffersink")).configure()
    return graph


def _pulled(graph: Graph, layout: Layout, back: ColorConverter) -> Iterator[tuple[int | None, tuple[Plane, ...]]]:
    """What is ready now."""
    while True:
        try:
            found = graph.vpull()
        except (BlockingIOError, EOFError):
            return
        planes = (_multiplied(p, layout.divisor, layout.format.depth) for p in planes_of(found, layout.format))
        yield found.pts, back.compose(back.base(tuple(planes)), None)


def _divided(plane: Plane, divisor: int) -> Plane:
    """Rounded to nearest, half up; the same plane for 1."""
    if divisor == 1:
        return plane
    return ((plane.astype(np.int64) + divisor // 2) // divisor).astype(np.uint16)


def _multiplied(plane: Plane, divisor: int, depth: int) -> Plane:
    """Cut to what `depth` bits hold; the same plane for 1."""
    if divisor == 1:
        return plane
    return (plane.astype(np.int64) * divisor).clip(0, (1 << depth) - 1).astype(np.uint16)
