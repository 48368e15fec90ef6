"""How long nothing has come on: after which time a job, or a worker of it, is taken to hang.

What counts is work that was done: a frame read, restored or encoded, a layer of the network, a packet joined, a
frame verified. Nothing beats by itself, so that what hangs falls silent. Loads neither torch nor PyAV.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

DEFAULT_SECONDS = 600.0
"""A layer of `general` on a frame of 8192x4096 pixels takes about ten seconds on two cores."""

_LOOKS = 20
"""How often in the time of a limit it is looked at whether anything has come on, at least."""


def nothing() -> None:
    """What is done at a beat that nobody listens to."""


class Pulse:
    """What a job is doing right now, and that it comes on. Any of its threads may tell."""

    def __init__(self, on_beat: Callable[[], None] = nothing) -> None:
        """Nothing has been done yet.

        Args:
            on_beat: called at every beat, in the thread that tells it.
        """
        self.count = 0
        """Rises with every beat; two at once may count as one."""
        self._on_beat = on_beat
        self._doing: dict[int, str] = {}
        """By thread."""

    @property
    def doing(self) -> str:
        """What has been begun and not ended, such as "encoding frame 33"; of several threads all of it."""
        return " and ".join(sorted(set(self._doing.copy().values()))) or "between two steps"

    def beat(self, *_: object) -> None:
        """Something has come on."""
        self.count += 1
        self._on_beat()

    @contextmanager
    def at(self, doing: str) -> Iterator[None]:
        """A piece of work, which beats at both of its ends.

        Args:
            doing: what it is, such as "encoding frame 33".
        """
        thread = threading.get_ident()
        before = self._doing.get(thread)
        self._doing[thread] = doing
        self.beat()
        try:
            yield
        finally:
            if before is None:
                del self._doing[thread]
            else:
                self._doing[thread] = before
            self.beat()

    def each(self, items: Iterator[T], doing: Callable[[int], str], first: int) -> Iterator[T]:
        """The items, each made as a piece of work of its own.

        Args:
            items: where they come from.
            doing: what making the n-th is.
            first: number of the first.
        """
        end, number = object(), first
        while True:
            with self.at(doing(number)):
                item = next(items, end)
            if item is end:
                return
            yield item  # type: ignore[misc]
            number += 1


class Silence:
    """How long nothing was heard, by somebody who looks at it again and again.

    Time in which the looker itself stood still, stopped by Ctrl-Z or asleep with the machine, does not count.
    """

    def __init__(self, limit: float) -> None:
        """It begins now.

        Args:
            limit: seconds; 0 is none.
        """
        self.limit = limit
        self._seconds = 0.0
        self._looked = time.monotonic()

    def end(self) -> None:
        """Something was heard."""
        self._seconds, self._looked = 0.0, time.monotonic()

    def is_too_long(self) -> bool:
        """Whether it has lasted as long as the limit."""
        now = time.monotonic()
        self._seconds += min(now - self._looked, 2 * tick(self.limit))
        self._looked = now
        return 0 < self.limit <= self._seconds


def tick(limit: float) -> float:
    """Seconds between two looks at a silence: a second at most."""
    return min(limit / _LOOKS, 1.0) if limit else 1.0


class Watchdog:
    """Calls a function, once, in a thread of its own, when a pulse has stood still for too long.

    Used as a context manager, around what may hang.
    """

    def __init__(self, pulse: Pulse, limit: float, on_stall: Callable[[str], None]) -> None:
        """Nothing is watched yet.

        Args:
            pulse: of the work.
            limit: seconds without a beat; 0 is none.
            on_stall: called with what hangs, as in `Pulse.doing`.
        """
        self._pulse, self._limit, self._on_stall = pulse, limit, on_stall
        self._is_over = threading.Event()

    def __enter__(self) -> Self:
        if self._limit:
            threading.Thread(target=self._watch, name="vrinr-watch", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()

    def _watch(self) -> None:
        silence, seen = Silence(self._limit), self._pulse.count
        while not self._is_over.wait(tick(self._limit)):
            if self._pulse.count != seen:
                seen = self._pulse.count
                silence.end()
            elif silence.is_too_long():
                self._on_stall(self._pulse.doing)
                return


def stall_words(limit: float, doing: str) -> str:
    """As in "after 600 s without progress, encoding frame 33"."""
    return f"after {limit:g} s without progress" + (f", {doing}" if doing else "")
