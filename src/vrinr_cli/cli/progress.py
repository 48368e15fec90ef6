"""A job's events as a progress bar on a terminal, as a few plain lines elsewhere, or as JSON lines."""

import sys
import time
from collections import deque
from types import TracebackType
from typing import Any, Protocol, Self

from vrinr_cli.cli.show import command_words, print_json, say
from vrinr_cli.errors import counted, printable
from vrinr_cli.jobs.events import Advanced, Event, JobReport, Noted, PartReport, Started, Stepped

RATE_WINDOW = 60.0
"""Seconds over which frames a second are averaged."""


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


def show_duration(seconds: float) -> str:
    """Seconds in words: "41 s", "12 min", "3 h 10 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def show_rate(per_second: float) -> str:
    """Two digits below 10, whole numbers above: "0.42", "7.3", "126"."""
    return f"{per_second:.2g}" if per_second < 10 else f"{per_second:.0f}"


class Progress(Protocol):
    """Something that shows a job."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def __call__(self, event: Event) -> None:
        """Show one event."""

    def finish(self, report: JobReport | PartReport) -> None:
        """Show the end."""


def progress_for(
    *, as_json: bool, quiet: bool, verbose: bool, head: str = "", about: dict[str, Any] | None = None
) -> Progress:
    """The way of showing that fits where the words go.

    Args:
        as_json: objects on stdout.
        quiet: nothing but errors.
        verbose: every step.
        head: words that say which of several jobs it is, such as "[3/12] ".
        about: keys that say the same in each object.
    """
    if as_json:
        return JsonProgress(about)
    if quiet:
        return Quiet()
    if sys.stderr is not None and sys.stderr.isatty():
        return Bar(verbose=verbose, head=head)
    return Lines(verbose=verbose, head=head)


class _Shown:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __call__(self, event: Event) -> None:
        """Nothing by itself."""

    def finish(self, report: JobReport | PartReport) -> None:
        """Nothing by itself."""


class Quiet(_Shown):
    """Errors only."""


class Lines(_Shown):
    """For logs: what is done, notes, and the end; no line per frame."""

    def __init__(self, *, verbose: bool, head: str = "") -> None:
        self.verbose, self.head = verbose, head

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Started):
            say(f"{self.head}{started_words(event)}")
        elif isinstance(event, Noted):
            say(f"note: {event.text}")
        elif isinstance(event, Stepped) and self.verbose:
            say(event.name)

    def finish(self, report: JobReport | PartReport) -> None:
        """The closing line."""
        say(f"{self.head}{finished_words(report)}")


class Bar(Lines):
    """For terminals: `412/1800  23 %  1.9 fps  12 min left  cuda:0 bf16`."""

    def __init__(self, *, verbose: bool, head: str = "") -> None:
        super().__init__(verbose=verbose, head=head)
        from rich.console import Console  # noqa: PLC0415 - rich is slow to load
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        columns = (
            TextColumn("{task.fields[step]}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}"),
        )
        self.rich = RichProgress(*columns, console=Console(stderr=True, markup=False), transient=True)
        self.task = self.rich.add_task("", total=1, visible=False, step=f"{head}frames", speed="")
        self.rate = Rate(time.monotonic())
        self.device = ""

    def __enter__(self) -> Self:
        self.rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rich.stop()

    def __call__(self, event: Event) -> None:
        """Show one event; lines appear above the bar."""
        if isinstance(event, Started):
            self.rate = Rate(time.monotonic())
            self.device = event.device
            self.rich.update(self.task, visible=True, total=event.frames, completed=event.done)
            self.rich.console.print(printable(f"{self.head}{started_words(event)}"), highlight=False)
        elif isinstance(event, Advanced):
            self.rate.add(time.monotonic())
            self.rich.update(self.task, completed=event.done, speed=self._speed(event))
        elif isinstance(event, Stepped):
            self.rich.update(self.task, step=f"{self.head}{event.name}", speed="")
            if self.verbose:
                self.rich.console.print(event.name, highlight=False)
        elif isinstance(event, Noted):
            self.rich.console.print(printable(f"note: {event.text}"), highlight=False)

    def finish(self, report: JobReport | PartReport) -> None:
        """The closing line, in place of the bar."""
        self.rich.console.print(printable(f"{self.head}{finished_words(report)}"), highlight=False)

    def _speed(self, event: Advanced) -> str:
        rate = self.rate.per_second
        if rate is None:
            return self.device
        left = show_duration((event.total - event.done) / rate)
        return f"{show_rate(rate)} fps  {left} left  {self.device}"


class JsonProgress(_Shown):
    """For programs: one object per line on stdout; keys stay, new ones may come."""

    def __init__(self, about: dict[str, Any] | None = None) -> None:
        self.about = about or {}

    def __call__(self, event: Event) -> None:
        """Print one event."""
        from vrinr_cli.record import to_plain  # noqa: PLC0415

        names = {Started: "start", Advanced: "progress", Noted: "warning", Stepped: "step"}
        print_json({"event": names[type(event)], **self.about, **to_plain(event)})

    def finish(self, report: JobReport | PartReport) -> None:
        """Print the report."""
        from vrinr_cli.record import to_plain  # noqa: PLC0415

        words: dict[str, Any] = to_plain(report)
        print_json({"event": "done" if isinstance(report, JobReport) else "part", **self.about, **words})


def started_words(event: Started) -> str:
    """One line before the work."""
    before, after = event.source_size, event.target_size
    return (
        f"{event.source.name}: {before[1]}x{before[0]} -> {after[1]}x{after[0]}, {counted(event.frames, 'frame')}, "
        f"{event.method} on {event.device}, {event.codec} {event.pix_fmt}"
    )


def finished_words(report: JobReport | PartReport) -> str:
    """One line after the work."""
    made = report.frames - report.resumed_frames
    rate = f", {show_rate(made / report.seconds)} fps" if made and report.seconds > 0 else ""
    notes = f", {counted(len(report.notes), 'note')}" if report.notes else ""
    ending = f"in {show_duration(report.seconds)}{rate}, peak memory {report.peak_memory / 2**20:.0f} MiB{notes}"
    frames = counted(report.frames, "frame")
    if isinstance(report, JobReport):
        return f"{report.output}: {frames}, {report.bytes / 1e6:.3g} MB {ending}"
    then = command_words("join", report.output)
    return f"part {report.part} of {report.output}: {frames} {ending}; after all parts: {then}"
