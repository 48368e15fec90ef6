"""Where the engine's time goes: its stages, timed where somebody asks."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import Enum

import torch


class Stage(Enum):
    """What the engine does with a frame, in this order."""

    INPUT = "planes to RGB"
    FEATURES = "features"
    QUERY = "query"
    BASE = "base"
    OUTPUT = "sum, to planes"


Watch = Callable[[Stage], AbstractContextManager[None]]
"""Given a stage, a context that the work of that stage runs in."""

_NOTHING = nullcontext()


def unwatched(_: Stage) -> AbstractContextManager[None]:
    """Times nothing."""
    return _NOTHING


class Stopwatch:
    """A watch that adds up wall time of all threads; a GPU's work is waited for at both ends of a stage."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._adding = threading.Lock()
        self.seconds = dict.fromkeys(Stage, 0.0)

    @contextmanager
    def __call__(self, stage: Stage) -> Iterator[None]:
        """Time one piece of work."""
        self._wait()
        started = time.perf_counter()
        try:
            yield
        finally:
            self._wait()
            with self._adding:
                self.seconds[stage] += time.perf_counter() - started

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
