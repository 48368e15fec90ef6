"""Kernel locks on files of a job folder: gone with their holder, whatever became of it."""

import errno
import fcntl
import os
import stat
import time
from pathlib import Path

from vrinr_cli.errors import printable

GLANCE = 0.1
"""Seconds after which a lock is tried again: `vrinr jobs` holds it for a moment to see whether anybody does."""


def open_lock(path: Path) -> int:
    """A descriptor of a lock's file, made if need be.

    Raises:
        OSError: it cannot be made, or what is there is another's file.
    """
    if path.is_symlink():
        path.unlink()
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    found = os.fstat(lock)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return lock
    os.close(lock)
    raise OSError(errno.EINVAL, "its lock is no ordinary file")


def lock_soon(lock: int, *, shared: bool = False, tries: int = 2) -> None:
    """Take a kernel lock, which somebody may hold for a moment. What was held before on the descriptor is let go.

    Raises:
        BlockingIOError: it is held for longer.
        OSError: the file system has no locks.
    """
    for left in reversed(range(tries)):
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            time.sleep(GLANCE)
        else:
            return


def unlock(lock: int) -> None:
    """Let go of a lock."""
    fcntl.flock(lock, fcntl.LOCK_UN)


def is_at(lock: int, path: Path) -> bool:
    """Whether the locked file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False


def sign(lock: int, words: str) -> None:
    """Write into a lock's file who holds it."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{words}\n".encode(), 0)


def holder_of(path: Path) -> str:
    """Who holds a lock, as its file says; empty if nobody does."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        words = os.read(lock, 128).decode(errors="replace").strip()
        return printable(words) or "a process"
    except OSError:
        return ""
    finally:
        os.close(lock)
    return ""
