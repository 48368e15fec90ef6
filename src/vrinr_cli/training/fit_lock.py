"""One fit at a time for one output: a kernel lock, gone with its holder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from vrinr_cli.errors import JobError, TargetError


@contextlib.contextmanager
def only_one(output: Path) -> Iterator[None]:
    """Hold the lock of an output, `.NAME.lock` beside it; the file goes away with the lock.

    Raises:
        JobError: another process holds it.
        TargetError: the folder cannot be written.
    """
    path = output.with_name(f".{output.name}.lock")
    lock = _locked(path, output)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def _locked(path: Path, output: Path) -> int:
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise TargetError(f"{output.parent}: cannot be written: {error.strerror}", hint="choose another") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, path):
                return lock
        except BlockingIOError as error:
            os.close(lock)
            raise JobError(f"{output.name}: another vrinr is making it", hint="wait for it") from error
        except OSError as error:
            os.close(lock)
            raise TargetError(
                f"{output.name}: cannot be locked: {error.strerror}", hint="choose another disk"
            ) from error
        os.close(lock)  # its holder removed the file between our two calls


def _is_at(lock: int, path: Path) -> bool:
    """Whether the locked file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False
