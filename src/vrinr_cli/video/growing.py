"""Whether a file is being written, where nobody counts what is written: FFmpeg ends an MP4 by moving all of it once."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

LOOKS = 1.0
"""Seconds between two looks."""


class Growing:
    """A file that somebody writes."""

    def __init__(self, path: Path) -> None:
        """As it is now.

        Args:
            path: of the file; it may not be there.
        """
        self._path = path
        self._seen = self._state()

    def has_changed(self) -> bool:
        """Whether it was written since it was last looked at."""
        before, self._seen = self._seen, self._state()
        return self._seen != before

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns


@contextlib.contextmanager
def told_of_writes(path: Path, tell: Callable[[], object] | None, *, every: float = LOOKS) -> Iterator[None]:
    """Tell, in a thread beside, each time that a file was seen to be written.

    Args:
        path: of the file.
        tell: called then; None is nobody.
        every: seconds between two looks.
    """
    if tell is None:
        yield
        return
    is_over = threading.Event()

    def look() -> None:
        file = Growing(path)
        while not is_over.wait(every):
            if file.has_changed():
                tell()

    thread = threading.Thread(target=look, name="vrinr-writes", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
