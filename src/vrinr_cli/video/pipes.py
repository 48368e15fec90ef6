"""The two ends of a pipe: bytes from a descriptor and to one, which can be given up while they are waited for."""

import os
import select
import stat
import threading

_TICK = 0.1
"""Seconds between looks at whether the wait was given up."""
_SLICE = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe with any room takes at once: more would wait inside the system, where nothing reaches it."""


class GivenUpError(Exception):
    """Nobody wants the bytes any more; no failure of the pipe."""


class PipeInput:
    """What comes from a descriptor; nothing of it can be read twice."""

    def __init__(self, descriptor: int) -> None:
        """The descriptor stays the caller's to close."""
        self._wait = _Wait(descriptor, writes=False)
        self._held = b""
        self.bytes = 0
        """That have come so far."""
        self.has_ended = False
        """Whether the other end has closed it and all was read."""

    def give_up_on(self, event: threading.Event) -> None:
        """Once the event is set, whoever waits gets `GivenUpError`."""
        self._wait.event = event

    def peek(self, count: int) -> bytes:
        """The next bytes, fewer where it ends before; they are read again."""
        while len(self._held) < count and (more := self._next(count - len(self._held))):
            self._held += more
        return self._held[:count]

    def read(self, count: int = 1 << 16) -> bytes:
        """Some bytes, at most so many; none where it has ended.

        Raises:
            GivenUpError: see `give_up_on`.
            OSError: the system's.
        """
        if self._held:
            found, self._held = self._held[:count], self._held[count:]
            return found
        return self._next(count)

    def read_into(self, whole: memoryview) -> int:
        """Fill a buffer of bytes; returns how many came before it ended."""
        filled = 0
        while filled < len(whole) and (found := self.read(len(whole) - filled)):
            whole[filled : filled + len(found)] = found
            filled += len(found)
        return filled

    def read_line(self, most: int) -> bytes:
        """Bytes to a line's end, without it; all `most` of them where it has none, fewer where the pipe ends."""
        line = b""
        while len(line) < most and (byte := self.read(1)) not in {b"", b"\n"}:
            line += byte
        return line

    def _next(self, count: int) -> bytes:
        self._wait.until_ready()
        found = os.read(self._wait.descriptor, min(count, 1 << 20))
        self.has_ended = self.has_ended or not found
        self.bytes += len(found)
        return found


class PipeOutput:
    """What goes to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        """The descriptor stays the caller's to close."""
        self._wait = _Wait(descriptor, writes=True)
        self.bytes = 0
        """Written so far."""

    def give_up_on(self, event: threading.Event) -> None:
        """Once the event is set, whoever waits gets `GivenUpError`."""
        self._wait.event = event

    def write(self, content: bytes | memoryview) -> int:
        """All of the bytes.

        Raises:
            BrokenPipeError: nobody reads them.
            GivenUpError: see `give_up_on`.
            OSError: the system's.
        """
        left = memoryview(content).cast("B")
        while left:
            self._wait.until_ready()
            count = os.write(self._wait.descriptor, left[: self._wait.at_once])
            self.bytes += count
            left = left[count:]
        return len(content)


class _Wait:
    """Waits for a descriptor to be ready, a tick at a time."""

    def __init__(self, descriptor: int, *, writes: bool) -> None:
        self.descriptor, self._writes = descriptor, writes
        self.event = threading.Event()
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._can_wait = not is_file and os.name != "nt"  # Windows knows no such wait for pipes
        self.at_once = _SLICE if self._can_wait else 1 << 20
        """Bytes that may be written when it is ready."""

    def until_ready(self) -> None:
        while True:
            if self.event.is_set():
                raise GivenUpError
            if not self._can_wait or self._is_ready():
                return

    def _is_ready(self) -> bool:
        poll = select.poll()  # not select, which takes no descriptor above 1023
        poll.register(self.descriptor, select.POLLOUT if self._writes else select.POLLIN)
        return bool(poll.poll(_TICK * 1000))
