"""Whether a source's frames are two fields of different moments, told from frames of several places by FFmpeg's idet.

Flags alone do not tell: whole pictures are stored as interlaced, and combs as progressive. idet says of each frame how
its lines fit to the fields of its neighbours; what is made of that stands here (docs/decisions/0031).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from av.filter import Graph

from vrinr_cli.errors import InputError
from vrinr_cli.frame import Family, Frame
from vrinr_cli.video.combs import LineFit, LineFits
from vrinr_cli.video.idet import GRAYS, idet_graph, idet_words, pulled
from vrinr_cli.video.info import FieldOrder, SourceInfo
from vrinr_cli.video.pixels import to_av_frame
from vrinr_cli.video.reader import read_frames
from vrinr_cli.video.source import main_video, open_source

PLACES = 8
"""Of the source that are looked at, at key frames, spread evenly."""
RUN = 12
"""Frames at each place; the first and the last lack a neighbour and do not count."""
BEYOND_KEY = 60
"""Frames from a key frame within which a place may lie, where there are few of them."""
LEAST_FRAMES = 4
"""That must move, and speak for one answer."""
SHARE = 0.6
"""Of the frames that move: least that must be combed in one order. In telecined film it is four in five."""
OTHER_ORDER = 0.25
"""Most frames that may seem to be of the other order, for each of the more frequent one."""
APART = 0.75
"""Of how far lines lie from the nearest field of a neighbour: least that lines of combed frames lie from each other."""
LEAST_REPEATED = 0.25
"""Share of moving frames that repeat a field, at least, in telecined film; there it is two in five."""
PERIOD = 5
"""Frames after which 3:2 pulldown begins anew."""

Look = Literal["interlaced", "telecined", "progressive", "unknown"]
_SEEN = {"tff": "top", "bff": "bottom", "progressive": "progressive"}


@dataclass(frozen=True, slots=True)
class FieldsSeen:
    """What was seen of a source's fields."""

    frames: int
    """That were looked at."""
    flagged: int
    """Of these, how many the decoder calls interlaced."""
    top: int
    """Frames with combs that fit to the top field coming first."""
    bottom: int
    """Frames with combs that fit to the bottom field coming first."""
    progressive: int
    """Frames that move and have no combs."""
    is_pulldown: bool
    """Whether fields are repeated as 3:2 pulldown does."""
    apart: float
    """How far lines of combed frames lie from each other, for what they lie from the nearest field of a neighbour: 1 in
    two fields, less in whole pictures whose lines only happen to fit to one order; 0 without such frames."""
    header_order: FieldOrder | None
    """What the stream's header says of the order."""

    @property
    def is_flagged(self) -> bool:
        """Whether more frames than not are flagged."""
        return 2 * self.flagged > self.frames

    @property
    def seen_order(self) -> FieldOrder | None:
        """Which field comes first, if the frames tell."""
        most, least = max(self.top, self.bottom), min(self.top, self.bottom)
        if most < LEAST_FRAMES or least > OTHER_ORDER * most:
            return None
        return "top" if self.top > self.bottom else "bottom"

    @property
    def order(self) -> FieldOrder:
        """Which field comes first: as seen, else as the header says, else top."""
        return self.seen_order or self.header_order or "top"

    @property
    def look(self) -> Look:
        """What the pictures themselves say."""
        moving = self.top + self.bottom + self.progressive
        if moving < LEAST_FRAMES:
            return "unknown"
        if self.seen_order is not None and max(self.top, self.bottom) >= SHARE * moving:
            if self.is_pulldown:
                return "telecined"
            return "interlaced" if self.apart >= APART else "unknown"
        return "progressive" if self.progressive >= SHARE * moving else "unknown"


def look_at_fields(info: SourceInfo, on_picture: Callable[[], object] | None = None) -> FieldsSeen:
    """Look at frames from several places of a source. Damaged places are passed over.

    Args:
        info: a source as it is stored.
        on_picture: called for each picture that is decoded.
    """
    return fields_of((_run_from(info, place, on_picture) for place in _places(info)), _header_order(info))


def fields_of(runs: Iterable[Iterable[Frame]], header_order: FieldOrder | None = None) -> FieldsSeen:
    """What runs of frames say of their fields. A frame is not kept longer than idet needs it.

    Args:
        runs: frames that follow each other, all of one size; of each run the first and the last do not count.
        header_order: what the stream's header says.
    """
    runs_told = [_told(run) for run in runs]
    inside = [told[1:-1] for told in runs_told]
    seen = [_SEEN.get(word.single, "") for told in inside for word in told]
    return FieldsSeen(
        frames=sum(len(told) for told in runs_told),
        flagged=sum(word.is_flagged for told in runs_told for word in told),
        top=seen.count("top"),
        bottom=seen.count("bottom"),
        progressive=seen.count("progressive"),
        apart=_apart(word for told in inside for word in told),
        is_pulldown=_is_pulldown([[word.repeated for word in told] for told in inside], sum(map(bool, seen))),
        header_order=header_order,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What is said of one frame."""

    is_flagged: bool
    """Whether the decoder calls it interlaced."""
    single: str
    """tff, bff, progressive or undetermined, from this frame and its neighbours."""
    repeated: str
    """Which field is the one of the frame before: top, bottom or neither."""
    fit: LineFit


def _places(info: SourceInfo) -> list[int]:
    """First frames of the runs, where decoding begins soon: at key frames, or a little after."""
    count = len(info.timeline)
    keys = info.keyframes
    places = set()
    for number in range(PLACES):
        even = number * count // PLACES
        key = max(key for key in keys if key <= even)
        places.add(min(even, key + BEYOND_KEY))
    apart: list[int] = []
    for place in sorted(min(place, max(count - RUN, 0)) for place in places):
        if not apart or place >= apart[-1] + RUN:
            apart.append(place)
    return apart


def _run_from(info: SourceInfo, place: int, on_picture: Callable[[], object] | None) -> Iterator[Frame]:
    """A run's frames; fewer where they cannot be read, as the job will tell if it needs them."""
    stop = min(place + RUN, len(info.timeline))
    with (
        suppress(InputError),
        closing(read_frames(info, place, stop, allow_damaged=True, on_picture=on_picture)) as frames,  # type: ignore[type-var]
    ):
        yield from frames


def _told(run: Iterable[Frame]) -> list[_Told]:
    """What the decoder and idet say of each frame; idet of luma, or of green where there is none."""
    graph: Graph | None = None
    flags: list[bool] = []
    words: list[tuple[str, str]] = []
    fits = LineFits()
    for frame in run:
        flags.append(frame.is_interlaced)
        plane = frame.planes[1 if frame.format.family is Family.RGB else 0]
        fits.add(plane, frame.format.depth)
        kind = GRAYS[plane.itemsize]
        if graph is None:
            graph = idet_graph(frame.size, kind)
        given = to_av_frame((plane,), kind)
        given.pts, given.time_base = frame.index, Fraction(1)
        graph.vpush(given)
        words += map(idet_words, pulled(graph))
    if graph is not None:
        graph.vpush(None)
        words += map(idet_words, pulled(graph))
    return [_Told(flag, *word, fit) for flag, word, fit in zip(flags, words, fits.all(), strict=True)]


def _apart(told: Iterable[_Told]) -> float:
    """How far the lines of combed frames lie from each other, beside the nearest field of a neighbour."""
    within = {"tff": 0.0, "bff": 0.0}
    across = dict(within)
    for word in told:
        if word.single in within:
            within[word.single] += word.fit.within
            across[word.single] += word.fit.across_top if word.single == "tff" else word.fit.across_bottom
    order = max(across, key=across.__getitem__)
    return within[order] / across[order] if across[order] else 0.0


def _is_pulldown(runs: Sequence[Sequence[str]], moving: int) -> bool:
    """Whether one top and one bottom field of every five frames are repeated, two or three frames apart."""
    repeats = fitting = 0
    for run in runs:
        tops, bottoms = ([place for place, word in enumerate(run) if word == name] for name in ("top", "bottom"))
        repeats += len(tops) + len(bottoms)
        if tops and bottoms:
            fitting += max(_in_step(tops, bottoms, phase, apart) for phase in range(PERIOD) for apart in (2, 3))
    return fitting >= max(LEAST_REPEATED * moving, 2) and fitting >= SHARE * repeats


def _in_step(tops: Sequence[int], bottoms: Sequence[int], phase: int, apart: int) -> int:
    """How many repeated fields lie where a pulldown puts them."""
    tops_fit = sum(place % PERIOD == phase for place in tops)
    return tops_fit + sum((place - apart) % PERIOD == phase for place in bottoms)


def _header_order(info: SourceInfo) -> FieldOrder | None:
    with open_source(info.path) as container:
        said = main_video(container, info.path, info.wanted).codec_context.field_order
    orders: dict[int, FieldOrder] = {2: "top", 3: "bottom", 4: "top", 5: "bottom"}  # AVFieldOrder TT, BB, TB, BT
    return orders.get(int(said))
