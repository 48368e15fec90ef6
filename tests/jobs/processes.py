"""Which processes are there: Linux only, as the locks are."""

import os
import time
from pathlib import Path


def alive_in_group(group: int) -> list[int]:
    """Processes of a group that still run; those that only wait to be counted as ended do not."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it ended while we looked
            continue
        if int(its_group) == group and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def until_gone(group: int, *, patience: float = 60) -> list[int]:
    """Who is left of a group when nobody is left, or patience is."""
    end = time.monotonic() + patience
    while (left := alive_in_group(group)) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def is_running(process: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
