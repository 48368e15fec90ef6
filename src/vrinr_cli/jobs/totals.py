"""What many planned jobs come to, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vrinr_cli.jobs import disk

if TYPE_CHECKING:
    from vrinr_cli.jobs.forecast import Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sum of plans. The fields are the keys of `total` in `--dry-run --json`."""

    files: int
    """That can be made."""
    frames: int
    done: int
    """Of these, finished by an earlier run."""
    seconds: float
    """That the outputs last."""
    work_seconds: float
    """That the rest of the work takes, by the trials."""
    output_bytes: int
    """Of all restored video."""
    disk_needed: int
    """Bytes that are taken at most while the work goes on, on the disk with the least room for it."""
    disk_free: int
    """Of that disk."""
    enough_disk: bool

    @property
    def room(self) -> disk.Room:
        """Need and room on the disk."""
        return disk.Room(self.disk_needed, self.disk_free, is_least=False)


def total(plans: Sequence["Forecast"]) -> Totals:
    """The sum of plans that are worked off in this order; outputs stay on their disks, chunks do not."""
    free: dict[int, int] = {}
    kept: dict[int, int] = {}
    needed: dict[int, int] = {}
    for plan in plans:
        device = disk.nearest_folder(plan.output).stat().st_dev
        free.setdefault(device, plan.disk_free)
        needed[device] = max(needed.get(device, 0), kept.get(device, 0) + plan.disk_needed)
        kept[device] = kept.get(device, 0) + plan.output_bytes
    tightest = min(needed, key=lambda device: free[device] - needed[device], default=None)
    return Totals(
        files=len(plans),
        frames=sum(plan.frames for plan in plans),
        done=sum(plan.done for plan in plans),
        seconds=sum(plan.seconds for plan in plans),
        work_seconds=sum(plan.work_seconds for plan in plans),
        output_bytes=sum(plan.output_bytes for plan in plans),
        disk_needed=needed[tightest] if tightest is not None else 0,
        disk_free=free[tightest] if tightest is not None else 0,
        enough_disk=all(needed[device] <= free[device] for device in needed),
    )
