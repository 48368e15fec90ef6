"""A run that is stopped on its way."""

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """What a run says of itself."""

    @property
    def step(self) -> int:
        """Steps done."""


class StoppedError(Exception):
    """What a user's ^C is here."""


def stop_at(step: int) -> Callable[[Progress], None]:
    """A report that stops the run at a step."""

    def report(progress: Progress) -> None:
        if progress.step == step:
            raise StoppedError

    return report
