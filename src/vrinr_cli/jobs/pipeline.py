"""Decode, engine and encode at the same time: two threads with short queues around the caller's own.

An exception on either side stops all three and reaches the caller as it was raised. A thread has ended when its
context is left, whatever signals come: what it works on may be closed then.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

_TICK = 0.1
"""Seconds between looks at whether the other side has stopped."""


class _End:
    """Stands in a queue for the end, or for the exception that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Worker:
    """A thread that can be told to stop and be waited for."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ended = threading.Event()
        self.stopped = threading.Event()

    @property
    def has_ended(self) -> bool:
        """Whether nothing runs any more."""
        return self._ended.is_set()

    def start(self, work: Callable[[], None]) -> None:
        """Run the work in the thread.

        The thread alone holds the work, and lets go of it at the end: a reference from here would be a circle
        that keeps an encoder and its pictures until the garbage collector comes by.
        """
        threading.Thread(target=self._run, args=(work,), name=self._name, daemon=True).start()

    def wait(self) -> None:
        """Until the thread has ended; a signal meanwhile tells it to stop, and is raised when it has.

        Not `join`: interrupted, it takes a live thread for an ended one (CPython 3.11).
        """
        late: BaseException | None = None
        while not self._ended.is_set():
            try:
                self._ended.wait()
            except BaseException as error:  # noqa: BLE001 - raised again below
                self.stopped.set()
                late = late or error
        if late is not None:
            raise late

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._ended.set()


class ReadAhead(Generic[T]):
    """Runs a generator in a thread, some items ahead: used as a context manager, iterated once."""

    def __init__(self, items: Generator[T], ahead: int) -> None:
        self._items = items
        self._queue: queue.Queue[T | _End] = queue.Queue(maxsize=ahead)
        self._worker = _Worker("vrinr-read")

    def __enter__(self) -> Self:
        self._worker.start(self._fill)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.stopped.set()
        self._worker.wait()

    @property
    def stopped(self) -> threading.Event:
        """Set when nothing more is wanted of the thread: what it waits for outside Python is to be given up."""
        return self._worker.stopped

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def _fill(self) -> None:
        end = _End()
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, whatever it is
            end = _End(error)
        finally:
            self._items.close()
        self._put(end)

    def _put(self, item: T | _End) -> bool:
        while not self._worker.stopped.is_set():
            try:
                self._queue.put(item, timeout=_TICK)
            except queue.Full:
                continue
            return True
        return False


class WriteBehind(Generic[T]):
    """Calls a function in a thread, in order, some items behind: leaving it waits for the last item."""

    def __init__(self, write: Callable[[T], None], behind: int) -> None:
        self._write = write
        self._queue: queue.Queue[T | _End] = queue.Queue(maxsize=behind)
        self._error: BaseException | None = None
        self._worker = _Worker("vrinr-write")

    def __enter__(self) -> Self:
        self._worker.start(self._drain)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._worker.stopped.set()
        try:
            self._offer(_End())
        except BaseException:  # a signal: the end is not told, so nothing but this ends the thread
            self._worker.stopped.set()
            raise
        finally:
            self._worker.wait()
        if error is None and self._error is not None:
            raise self._error

    @property
    def stopped(self) -> threading.Event:
        """Set when nothing more is wanted of the thread: what it waits for outside Python is to be given up."""
        return self._worker.stopped

    def put(self, item: T) -> None:
        """Hand over one item; raises what an earlier one's writing raised."""
        self._offer(item)
        if self._error is not None:
            raise self._error

    def _offer(self, item: T | _End) -> None:
        while not self._worker.has_ended:
            try:
                self._queue.put(item, timeout=_TICK)
            except queue.Full:
                continue
            return

    def _drain(self) -> None:
        try:
            while not self._worker.stopped.is_set():
                try:
                    item = self._queue.get(timeout=_TICK)
                except queue.Empty:
                    continue
                if isinstance(item, _End):
                    return
                self._write(item)
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, whatever it is
            self._error = error
