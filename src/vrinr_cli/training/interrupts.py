"""Ctrl-C and SIGTERM held back until a step is over: a state saved in the middle of one would not be resumable."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

HELD = (signal.SIGINT, signal.SIGTERM)


class HeldInterrupts:
    """While it is entered, a first signal is only noted, and `check` raises KeyboardInterrupt; a second one acts."""

    def __init__(self) -> None:
        self.is_asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._before = {number: signal.signal(number, self._note) for number in HELD}
        except ValueError:  # not the main thread: whoever called us handles signals
            self._before = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self, kept: str = "") -> None:
        """Raise KeyboardInterrupt if a signal has come; `kept` says how to go on."""
        if self.is_asked:
            raise KeyboardInterrupt(kept)

    def _note(self, _: int, __: FrameType | None) -> None:
        if self.is_asked:
            raise KeyboardInterrupt
        self.is_asked = True
