"""A word to whoever starts a job on a CPU that will take hours: once, as soon as its pace is known."""

import time
from collections.abc import Callable

from vrinr_cli.jobs.options import UpscaleOptions

LONG = 3600.0
"""Seconds that are worth a word."""
LOOK = 20.0
"""Seconds after the first frame at which the pace is taken."""


class LongWait:
    """Listens to the frames of one job."""

    def __init__(self, options: UpscaleOptions, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            options: of a job whose device was chosen by itself, and is a CPU.
            clock: seconds.
        """
        is_large = options.denoise is None and options.weights == "general"
        self._advice = "; --weights fast is a fifth of the work" if is_large else ""
        self._clock = clock
        self._first: tuple[float, int] | None = None
        self._is_over = False

    def after(self, done: int, total: int) -> str:
        """What to say now that so many frames are done; mostly nothing."""
        now = self._clock()
        if self._first is None:
            self._first = now, done  # the first one has waited for the network's window
        began, before = self._first
        if self._is_over or now - began < LOOK or done <= before:
            return ""
        self._is_over = True
        left = (total - done) * (now - began) / (done - before)
        if left < LONG:
            return ""
        hours = f"{left / 3600:.1f}" if left < 10 * 3600 else f"{left / 3600:.0f}"
        return f"no GPU was found, and at this pace the CPU takes {hours} hours more{self._advice}; see `vrinr plan`"
