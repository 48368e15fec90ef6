"""FFmpeg's idet: how the lines of a frame fit to the fields of its neighbours, and which field is repeated."""

from collections.abc import Iterator
from fractions import Fraction

import av
from av.filter import Graph

from vrinr_cli.frame import Family, PlaneFormat

REPEATED = 1.5
"""How many times more one field must change than the other to count as the one that is repeated; noise is in both."""
GRAYS = {1: PlaneFormat("gray", Family.GRAY, 8), 2: PlaneFormat("gray16le", Family.GRAY, 16)}
"""By the bytes of a sample; idet compares differences, so depths between need not be scaled."""


def idet_graph(size: tuple[int, int], kind: PlaneFormat) -> Graph:
    """FFmpeg's idet for luma of a size, (height, width), in one of `GRAYS`."""
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(width=size[1], height=size[0], format=av.VideoFormat(kind.name), time_base=Fraction(1))
    graph.link_nodes(source, graph.add("idet", f"rep_thres={REPEATED}"), graph.add("buffersink")).configure()
    return graph


def pulled(graph: Graph) -> Iterator[av.VideoFrame]:
    """What a filter has ready."""
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return


def idet_words(frame: av.VideoFrame) -> tuple[str, str]:
    """What idet says of a frame that it gave back: how its lines fit, and which field is repeated."""
    said = frame.metadata
    return said["lavfi.idet.single.current_frame"], said["lavfi.idet.repeated.current_frame"]
