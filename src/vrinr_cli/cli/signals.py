"""Ctrl-C and SIGTERM: the first ends the work in good order, a later one the process at once.

Good order means that the step under way is waited for: a frame in the encoder, a layer of the network. Python runs its
handlers between two steps only, so a thread beside listens for the second signal.
"""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

ASKED = frozenset({signal.SIGINT, signal.SIGTERM})
"""To stop."""

STDERR = 2
"""Its number."""

SAME = 1.0
"""Seconds after the first within which a signal is still that one: `timeout` sends it to a process and to its group."""


class Asked:
    """When it was first asked to stop."""

    def __init__(self) -> None:
        """Not yet."""
        self._first: float | None = None

    def is_again(self, now: float) -> bool:
        """Note a signal; whether it is another one than the first.

        Args:
            now: seconds of a clock that only rises.
        """
        if self._first is None:
            self._first = now
        return now - self._first >= SAME


@contextlib.contextmanager
def two_signals(on_second: Callable[[], None]) -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt as SIGINT does; does nothing but in the main thread, which signals reach.

    Args:
        on_second: called in a thread of its own when one of them comes again, a second or more after the first.
    """

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # whoever called us handles signals
        yield
        return
    try:
        with _listening(on_second):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _listening(on_second: Callable[[], None]) -> Iterator[None]:
    ours, told = _pair()
    with ours, told:
        told.setblocking(False)
        thread = threading.Thread(target=_listen, args=(ours, on_second), name="vrinr-signals", daemon=True)
        thread.start()
        before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            told.close()
            thread.join()


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two ends whose numbers are above those of stdin, stdout and stderr, which a process may be started without."""
    with contextlib.ExitStack() as low:
        while True:
            ours, told = socket.socketpair()
            if min(ours.fileno(), told.fileno()) > STDERR:
                return ours, told
            low.enter_context(ours)
            low.enter_context(told)


def _listen(ours: socket.socket, on_second: Callable[[], None]) -> None:
    """Read the number of each signal as the interpreter gets it, until the other end is closed."""
    asked = Asked()
    while number := ours.recv(1):
        if number[0] in ASKED and asked.is_again(time.monotonic()):
            on_second()
