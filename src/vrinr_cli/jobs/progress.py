"""Where a job is, as one record that follows its events: for bars, graphical programs and files that are polled."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.jobs.events import Advanced, Event, JobReport, Noted, PartReport, Started, Stepped

RATE_WINDOW = 60.0
"""Seconds over which frames a second are averaged."""
FRAMES = "frames"
"""The step that restores frames."""


class Rate:
    """Frames a second over the last minute; what an earlier run has done does not count."""

    def __init__(self, now: float) -> None:
        self._seen: deque[tuple[float, int]] = deque([(now, 0)])
        self._count = 0

    def add(self, now: float) -> None:
        """One more frame."""
        self._count += 1
        self._seen.append((now, self._count))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_WINDOW:
            self._seen.popleft()

    @property
    def per_second(self) -> float | None:
        """None while nothing is known."""
        (first, low), (last, high) = self._seen[0], self._seen[-1]
        return (high - low) / (last - first) if last > first and high > low else None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """Where a job is."""

    step: str = "plan"
    """What it is at: "plan", "frames", "join", "verify", "end"."""
    source: Path | None = None
    """None while it is planned."""
    output: Path | None = None
    part: str = ""
    """As in "2/5"; empty for a whole job."""
    device: str = ""
    """Devices and precision, "cpu bf16"."""
    total: int = 0
    """Frames that are to be made; 0 while it is planned, and where nobody knows."""
    done: int = 0
    """Frames that are with the encoder or finished, by an earlier run too."""
    chunks: int = 0
    chunks_done: int = 0
    percent: float | None = 0.0
    """Of the frames, 0 to 100; the join comes after that. None where nobody knows how many there are."""
    fps: float | None = None
    """Frames a second over the last minute; None while nothing is known."""
    seconds: float = 0.0
    """Since the tracker was made."""
    seconds_left: float | None = None
    """Until the last frame; None while nothing is known."""
    notes: tuple[str, ...] = ()


class Tracker:
    """A listener that keeps a job's state. `state` may be read from any thread.

    def listen(event):
        tracker(event)
        window.show(tracker.state)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            clock: seconds.
        """
        self._clock = clock
        self._began = clock()
        self._rate = Rate(self._began)
        self._started: Started | None = None
        self._step = "plan"
        self._done, self._chunks_done = 0, 0
        self._notes: tuple[str, ...] = ()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        now = self._clock()
        if isinstance(event, Started):
            self._started, self._rate = event, Rate(now)
            self._step, self._done, self._chunks_done = FRAMES, event.done, event.chunks_done
        elif isinstance(event, Advanced):
            self._rate.add(now)
            self._done, self._chunks_done = event.done, event.chunks_done
        elif isinstance(event, Noted):
            self._notes = (*self._notes, event.text)
        elif isinstance(event, Stepped):
            self._step = event.name

    def finish(self, report: JobReport | PartReport) -> None:
        """Take in the end."""
        self._step, self._done, self._chunks_done = "end", report.frames, report.chunks

    @property
    def state(self) -> JobState:
        """Where the job is now."""
        started = self._started
        seconds = self._clock() - self._began
        if started is None:
            return JobState(step=self._step, seconds=seconds, notes=self._notes)
        is_known = started.frames > 0
        left = max(started.frames - self._done, 0)
        fps = self._rate.per_second
        return JobState(
            step=self._step,
            source=started.source,
            output=started.output,
            part=started.part,
            device=started.device,
            total=started.frames,
            done=self._done,
            chunks=started.chunks,
            chunks_done=self._chunks_done,
            percent=100 * self._done / started.frames if is_known else None,
            fps=fps,
            seconds=seconds,
            seconds_left=_left(left, fps) if is_known else None,
            notes=self._notes,
        )


def _left(frames: int, fps: float | None) -> float | None:
    """Seconds for so many frames; None while nothing is known."""
    if not frames:
        return 0.0
    return frames / fps if fps else None
