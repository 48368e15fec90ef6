"""A short trial of a job: what a frame takes in time and bytes, from the first frames, on this machine.

The engine and the encoder are the job's own. Where a whole picture takes too long its middle stands for it, as large
as time allows: cost goes by area. For the size of the file a few frames say little, so some more are encoded from the
middle of the video, enlarged by the plain kernel; what the network changes about the size is known from the few.
"""

import math
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Geometry, Outlook
from vrinr_cli.frame import Frame
from vrinr_cli.jobs.plan import Plan
from vrinr_cli.jobs.run import geometry_of, make_engine, processors
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.network import VrInr
from vrinr_cli.video.files import open_written
from vrinr_cli.video.reader import read_frames
from vrinr_cli.video.writer import ChunkWriter

SECONDS, SIZE_SECONDS = 1.5, 0.5
"""That a trial computes for the time of a frame and for its size, about."""
FIRST_SIDE = 64
"""Source pixels of the square whose cost says how much more can be tried."""
GRID = 16
"""A part's sides are multiples of it, as chroma samples and folds of pixels are."""
LEAST_FRAMES = 3
"""That are timed, after one that warms up."""
MOST_FRAMES, SIZE_FRAMES = 60, 24
KEY_DISTANCE = 250
"""Frames from one key frame to the next, as encoders choose it, for the few that a trial sees."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a frame of the job takes, as far as a trial can tell."""

    frames: int
    """That were computed."""
    share: float
    """Of the picture's area; 1 is all of it."""
    seconds: float
    """Of a whole frame."""
    bytes: float
    """Of a whole frame, encoded."""


def try_out(plan: Plan, compute: Compute, model: VrInr | ClipNetwork | None, outlook: Outlook, folder: Path) -> Trial:
    """Compute and encode the first frames for about two seconds.

    Args:
        plan: the job.
        compute: device and precision.
        model: the job's network; None for the plain methods.
        outlook: of the job's engine.
        folder: for a file of a moment.

    Raises:
        VrinrError: as the job would.
    """
    first = range(plan.first, min(plan.first + MOST_FRAMES, plan.stop))
    limit = _limit(plan, model, outlook)
    size = _part(limit, FIRST_SIDE**2)
    part = _Part(plan, compute, model, size)
    seen = part.measure(folder, first, time.monotonic() + SECONDS if size == limit else None)
    until = time.monotonic() + SECONDS  # from here, as a device's first work is slow
    while size != limit:
        larger = _part(limit, math.prod(size) * _affordable(seen, part.context, until))
        if larger != limit and math.prod(larger) < 2 * math.prod(size):
            break
        size = larger
        part = _Part(plan, compute, model, size)
        seen = part.measure(folder, first, until if size == limit else None)
    times = math.prod(plan.source.size) / math.prod(size)
    size_of_frame = _size(plan, compute, seen, size, folder)
    return Trial(seen.frames, 1 / times, seen.seconds * times * outlook.work, size_of_frame * times)


def _size(plan: Plan, compute: Compute, seen: "_Seen", size: tuple[int, int], folder: Path) -> float:
    """Bytes of an encoded frame of this part of the picture, from the middle of the video."""
    plain = replace(plan, method="bicubic", noise=None) if plan.method == "vrinr" else plan
    part = _Part(plain, compute, None, size)
    same = part.measure(folder, range(plan.first, plan.first + seen.frames), None, least=seen.frames)
    middle = max((plan.first + plan.stop - SIZE_FRAMES) // 2, plan.first)
    until = time.monotonic() + SIZE_SECONDS
    more = part.measure(folder, range(middle, min(middle + SIZE_FRAMES, plan.stop)), until, least=SIZE_FRAMES // 2)
    return more.long_bytes * seen.bytes / same.bytes


def _affordable(seen: "_Seen", engine_context: int, until: float) -> float:
    """How many times the area could be tried in the time that is left."""
    frames = engine_context + 1 + LEAST_FRAMES
    return max(until - time.monotonic(), 0.0) / (seen.seconds * frames)


def _limit(plan: Plan, model: VrInr | ClipNetwork | None, outlook: Outlook) -> tuple[int, int]:
    """The largest part that the engine computes in one piece."""
    height, width = plan.source.size
    if outlook.tiles == 1 or not isinstance(model, VrInr):
        return height, width
    side = max(outlook.tile * model.config.fold // GRID * GRID, FIRST_SIDE)
    return min(height, side), min(width, side)


def _part(limit: tuple[int, int], area: float) -> tuple[int, int]:
    """A size of about this area and the limit's shape, at least the first square, within the limit."""
    share = math.sqrt(area / math.prod(limit))
    height, width = (min(side, max(round(side * share / GRID) * GRID, FIRST_SIDE)) for side in limit)
    return limit if share >= 1 else (height, width)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What frames of a part took."""

    frames: int
    seconds: float
    """A frame."""
    bytes: float
    """A frame, on the mean of these."""
    long_bytes: float
    """A frame, of a long video."""


class _Part:
    """The middle of a job's pictures, as a job of its own."""

    def __init__(self, plan: Plan, compute: Compute, model: VrInr | ClipNetwork | None, size: tuple[int, int]) -> None:
        self.plan, self.size = plan, size
        geometry = geometry_of(plan)
        self.target = plan.target
        if size != plan.source.size:
            coded = _scaled(size, geometry)
            geometry = replace(geometry, source_size=size, target_size=coded)
            self.target = replace(plan.target, size=coded, coded_size=coded)
        self.engine = make_engine(plan, compute, model, geometry, tile=max(size), memory_limit=None)
        self.context = self.engine.context
        self.overlaps = compute.device.type != "cpu"

    def measure(self, folder: Path, wanted: range, until: float | None, *, least: int = LEAST_FRAMES + 1) -> _Seen:
        """Time frames until then, at least some of them; no more than those if there is no such moment."""
        path = folder / "trial.mkv"
        last = min(wanted.stop + self.context, len(self.plan.source.timeline))
        came = [time.monotonic()]
        written = []
        with (
            closing(self._frames(wanted.start, last)) as frames,
            ChunkWriter(path, self.target, threads=processors()) as writer,
        ):
            for frame in self.engine.restore(frames, wanted):
                came.append(time.monotonic())
                writer.write(frame)
                written.append(time.monotonic() - came[-1])
                if len(written) >= least and (until is None or time.monotonic() >= until):
                    break
            ended = time.monotonic()
            chunk = writer.close()
            closed = time.monotonic() - ended
        long_bytes = _bytes_a_frame(path, self.plan)
        path.unlink()
        return _Seen(len(written), self._seconds(came, written, closed), chunk.bytes / chunk.frames, long_bytes)

    def _seconds(self, came: list[float], written: list[float], closed: float) -> float:
        """Of one frame; on the CPU engine and encoder take turns, elsewhere the slower one counts.

        Args:
            came: when the engine began and when each frame came; the first one warms up, if it is not the only one.
            written: seconds that the encoder took each frame.
            closed: seconds that it took to end.
        """
        encoded = (sum(written) + closed) / len(written)
        if len(written) == 1:
            restored = came[1] - came[0]
        else:
            restored = (came[-1] - came[1] - sum(written[:-1])) / (len(written) - 1)
        return max(restored, encoded) if self.overlaps else restored + encoded

    def _frames(self, first: int, last: int) -> Generator[Frame]:
        top, left = (
            (whole - part) // 2 // GRID * GRID for whole, part in zip(self.plan.source.size, self.size, strict=True)
        )
        for frame in read_frames(self.plan.source, first, last, allow_damaged=self.plan.allow_damaged):
            yield frame if self.size == frame.size else cropped(frame, top, left, self.size)


def cropped(frame: Frame, top: int, left: int, size: tuple[int, int]) -> Frame:
    """A part of a frame; top and left are whole chroma samples."""
    planes = []
    for number, plane in enumerate(frame.planes):
        y, x = frame.format.plane_size((top, left), number)
        height, width = frame.format.plane_size(size, number)
        planes.append(plane[y : y + height, x : x + width])
    return replace(frame, planes=tuple(planes))


def _scaled(size: tuple[int, int], geometry: Geometry) -> tuple[int, int]:
    """A part's size in the target, even on both axes."""
    pairs = zip(size, geometry.source_size, geometry.target_size, strict=True)
    height, width = (2 * round(Fraction(part * after, 2 * before)) for part, before, after in pairs)
    return height, width


def _bytes_a_frame(path: Path, plan: Plan) -> float:
    """Of a long video, from a short one: key frames are rarer there."""
    with open_written(path) as file:
        sizes = [(packet.is_keyframe, packet.size) for packet in file.demux(video=0) if packet.size]
    keys = [size for is_key, size in sizes if is_key]
    others = [size for is_key, size in sizes if not is_key]
    key = sum(keys) / max(len(keys), 1)
    if not others:
        return key
    distance = min(KEY_DISTANCE, plan.frames, max(chunk.frames for chunk in plan.chunks))
    other = sum(others) / len(others)
    return other + (key - other) / distance
