"""Which chunks are done: one line each, appended and synced; a torn or foreign last line is dropped.

A line is the JSON of a `ChunkReport` with a checksum of itself before it.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vrinr_cli.errors import EncodeError, JobError, printable
from vrinr_cli.jobs import own_files
from vrinr_cli.jobs.own_files import parse_json, read_own
from vrinr_cli.record import from_plain, to_plain
from vrinr_cli.video.files import cause_of, sync_folder
from vrinr_cli.video.writer import WrittenChunk, digest_of, reorder_depth

_LATEST = 1 << 62
"""Ticks beyond which no container counts."""


@dataclass(frozen=True, slots=True)
class ChunkReport:
    """One finished chunk."""

    index: int
    start: int
    """First source frame."""
    written: WrittenChunk
    fingerprint: str
    """Of the job that made it."""
    repeated: int
    """Damaged source frames in whose place the last good picture stands."""
    redone_in_fp32: int
    """Frames whose reduced-precision result was not finite, or of another brightness."""
    seconds: float
    """Time that it took."""
    cuts: int = 0
    """Scene cuts seen in it, not counting one before the job's first frame."""
    repeated_at: tuple[int, ...] = ()
    """The first of the damaged source frames, in order; empty where an earlier vrinr has written the line."""


class Journal:
    """The journal of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, report: ChunkReport) -> None:
        """Record a chunk; it counts once this returns.

        Raises:
            EncodeError: the disk is full or fails; the chunk does not count.
        """
        words = json.dumps(to_plain(report), sort_keys=True)
        line = f"{_checksum(words)} {words}\n".encode()
        try:
            is_new = not self.path.exists()
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self.path.parent)  # its name, too, is there after a power cut
        except OSError as error:
            raise EncodeError(
                f"{printable(str(self.path))}: cannot be written: {cause_of(error)}",
                hint="make room; the same command goes on",
            ) from error

    def read(self) -> list[ChunkReport]:
        """All chunks recorded before the first line that is torn or damaged; that line is cut off the file.

        Raises:
            JobError: what is there is no file that vrinr wrote.
        """
        reports, good, length = self._parsed()
        if good < length:
            os.truncate(self.path, good)
        return reports

    def peek(self) -> list[ChunkReport]:
        """As `read`, but the file stays as it is: somebody else may be at work.

        Raises:
            JobError: what is there is no file that vrinr wrote.
        """
        return self._parsed()[0]

    def _parsed(self) -> tuple[list[ChunkReport], int, int]:
        """The chunks, the bytes that they take, and all bytes."""
        try:
            content = read_own(self.path)
        except FileNotFoundError:
            return [], 0, 0
        except OSError as error:
            raise JobError(
                f"{printable(str(self.path))}: cannot be read: {cause_of(error)}", hint="remove it; its work is lost"
            ) from error
        reports: list[ChunkReport] = []
        good = 0
        for line in content.splitlines(keepends=True):
            report = _parse(line)
            if report is None:
                break
            reports.append(report)
            good += len(line)
        return reports, good, len(content)


def peek_all(folder: Path) -> list[ChunkReport]:
    """What all journals of a job folder record, as `Journal.peek` does; a chunk may come more than once.

    Raises:
        JobError: one of them is no file that vrinr wrote.
    """
    return [report for path in own_files.journals(folder) for report in Journal(path).peek()]


def is_whole(report: ChunkReport, path: Path) -> bool:
    """Whether a chunk's file is there with the size and sha256 that were recorded."""
    try:
        return path.stat().st_size == report.written.bytes and digest_of(path) == report.written.digest
    except OSError:
        return False


def _parse(line: bytes) -> ChunkReport | None:
    try:
        checksum, words = line.decode().rstrip("\n").split(" ", 1)
        if not line.endswith(b"\n") or checksum != _checksum(words):
            return None
        report = from_plain(ChunkReport, parse_json(words), at="journal")
    except ValueError:
        return None
    return report if _is_sound(report) else None


def _is_sound(report: ChunkReport) -> bool:
    """Whether what a line says of its packets holds together: anybody can make a checksum."""
    written, frames = report.written, report.written.frames
    if report.index < 0 or not len(written.pts) == len(written.durations) == len(written.order) == frames > 0:
        return False
    has_times = all(before < after for before, after in pairwise(written.pts))
    fits = max(-written.pts[0], written.pts[-1], *written.durations) < _LATEST and min(written.durations) >= 0
    is_order = sorted(written.order) == list(range(frames))
    are_damaged_here = all(report.start <= index < report.start + frames for index in report.repeated_at)
    if not are_damaged_here or len(report.repeated_at) > report.repeated:
        return False
    return has_times and fits and is_order and written.reorder_depth == reorder_depth(written.order)


def _checksum(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:16]
