"""Room on the disk: what a job still needs, and what is told when there is too little."""

import errno
import math
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.errors import DiskError, printable, show_bytes
from vrinr_cli.jobs.journal import ChunkReport
from vrinr_cli.jobs.plan import Plan

LEAST_BITS = {"ffv1": 0.5, "prores": 0.5}
"""Bits per pixel below which these codecs hardly stay."""
LEAST_BITS_LOSSY = 0.005
"""The same of codecs that spend almost nothing on a still picture."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a job needs on its disk and what there is."""

    needed: int
    """Bytes, while the finished chunks lie beside the file that they are joined to."""
    free: int
    is_least: bool
    """Whether the need is the least that such a codec takes, as nothing is known yet."""

    @property
    def suffices(self) -> bool:
        """Whether the job can be finished, as far as can be told."""
        return self.needed <= self.free

    @property
    def lacking(self) -> int:
        """Bytes to be freed."""
        return max(self.needed - self.free, 0)


def nearest_folder(path: Path) -> Path:
    """The folder of a file, or the nearest one above that is there."""
    return next(folder for folder in path.absolute().parents if os.path.lexists(folder))


def room_for(plan: Plan, reports: Iterable[ChunkReport], folder: Path, *, per_frame: float | None = None) -> Room:
    """What the rest of a job needs, at the bytes a frame of its largest chunk so far.

    Args:
        plan: the job.
        reports: its finished chunks.
        folder: on the disk in question.
        per_frame: bytes of a frame, where they are known before the first chunk.
    """
    sizes = [(report.written.frames, report.written.bytes) for report in reports]
    known = max((size / frames for frames, size in sizes), default=per_frame)
    done = sum(size for _, size in sizes)
    frames_left = plan.frames - sum(frames for frames, _ in sizes)
    left = math.ceil(frames_left * (known if known is not None else least_per_frame(plan)))
    return Room(needed=left + done + left, free=shutil.disk_usage(folder).free, is_least=known is None)


def least_per_frame(plan: Plan) -> float:
    """Bytes that a frame takes at least, from the bit rate that was asked for or else the codec."""
    target = plan.target
    if target.bit_rate:
        return float(target.bit_rate / target.nominal_rate) / 16  # encoders may stay below it: half
    height, width = target.coded_size
    return height * width * LEAST_BITS.get(target.codec, LEAST_BITS_LOSSY) / 8


def shortage(room: Room, name: str, *, kept: str = "", frame: int | None = None) -> DiskError:
    """The error that says how much is lacking.

    Args:
        room: need and what is free.
        name: of the output.
        kept: what is not lost, "10 of 18 frames are kept".
        frame: at which the disk was full; None if it was told in time.
    """
    about = "at least" if room.is_least else "about"
    cause = f"needs {about} {show_bytes(room.needed)} more, {show_bytes(room.free)} are free"
    if frame is not None:
        cause = f"the disk is full at frame {frame}"
    amount = f"{about} {show_bytes(room.lacking)}" if room.lacking else "more, --dry-run says about how much"
    hint = f"free {amount}" + ("; the same command goes on" if kept else "")
    return DiskError(f"{printable(name)}: {cause}{f'; {kept}' if kept else ''}", hint=hint)


def is_full(error: BaseException | None) -> bool:
    """Whether a failure comes from a full disk or quota."""
    while error is not None:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False
