"""Damaged source frames in whose place another picture stands: how many, when, and how many a job may have."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from vrinr_cli.errors import InputError, counted, printable
from vrinr_cli.jobs.journal import ChunkReport
from vrinr_cli.jobs.plan import Plan
from vrinr_cli.video.timeline import clock

TOLD = 4
"""Frames at most whose times are kept and told."""
_HINT = "copy the source again, or allow more with a larger --max-errors"


@dataclass(slots=True)
class Losses:
    """Damaged frames among those that are wanted, as they are read."""

    plan: Plan
    wanted: range
    """Source frames that count; those around them are another chunk's, or nobody's."""
    indices: list[int] = field(default_factory=list)
    """Source frames in whose place another picture stands, in order."""

    def add(self, index: int) -> None:
        """Count one.

        Args:
            index: of the source frame.

        Raises:
            InputError: that is more than the whole job may have.
        """
        if index in self.wanted:
            self.indices.append(index)
            check(self.plan, len(self.indices), self.indices)


def check(plan: Plan, count: int, indices: Sequence[int], *, hint: str = _HINT) -> None:
    """See that no more frames are damaged than the job may have.

    Args:
        plan: the job.
        count: damaged frames so far.
        indices: the first of them, as source frames in order; may be fewer than there are.
        hint: what to do.

    Raises:
        InputError: there are more.
    """
    if count > plan.most_errors:
        first = f", the first at {clock(plan.source.timeline, indices[0])} (frame {indices[0]})" if indices else ""
        raise InputError(
            f"{printable(plan.source.path.name)}: {counted(count, 'frame')} could not be decoded{first}: "
            f"more than the {plan.most_errors} that are allowed",
            hint=hint,
        )


def check_chunks(plan: Plan, reports: Sequence[ChunkReport], *, hint: str = _HINT) -> None:
    """The same for finished chunks.

    Raises:
        InputError: there are more.
    """
    check(plan, sum(report.repeated for report in reports), first_of(reports), hint=hint)


def first_of(reports: Sequence[ChunkReport]) -> list[int]:
    """The first damaged source frames of some chunks, in order."""
    return sorted(index for report in reports for index in report.repeated_at)[:TOLD]


def note(plan: Plan, count: int, indices: Sequence[int]) -> str:
    """What the user is told in the end: how many, and the times of the first, counted from the source's first frame.

    Args:
        plan: the job.
        count: damaged frames, above 0.
        indices: the first of them, as source frames in order; none where a job was begun before they were kept.
    """
    words = f"the source is damaged: the last good picture stands in for {counted(count, 'frame')}"
    times = [clock(plan.source.timeline, index) for index in indices[:TOLD]]
    more = ["..."] if count > len(times) else []
    return f"{words}, at {', '.join(times + more)}" if times else words
