"""`--progress-file`: where a job is, as one JSON object in a file that programs may look at whenever they like.

The file is replaced whole, so that nobody ever reads a part of it; its last state stays. docs/events.md has the keys.
"""

import contextlib
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vrinr_cli.cli.progress import Progress, rounded
from vrinr_cli.cli.show import SCHEMA, error_record, finite
from vrinr_cli.errors import InterruptedJobError, OptionError, VrinrError, printable
from vrinr_cli.jobs.events import Event, JobReport, Noted, PartReport, Started, Stepped
from vrinr_cli.jobs.progress import Tracker

PERIOD = 1.0
"""Seconds from one state to the next, at least; steps and the end do not wait."""
LARGEST = 1 << 20
"""Bytes of an existing file that may be an earlier state."""


def check_progress_file(path: Path, *, source: Path | None, output: Path) -> Path:
    """The file as an absolute path, if it may be written.

    Args:
        path: as given.
        source: of the job; None where it is not known yet.
        output: of the job.

    Raises:
        OptionError: it is the source or the output, lies in no folder, or is a file that holds something else.
    """
    name = printable(str(path))
    for other, what in ((source, "source"), (output, "output")):
        if other is not None and _is_same(path, other):
            raise OptionError(f"progress file {name}: is the {what} itself", hint="name another file")
    if not path.parent.is_dir():
        raise OptionError(f"progress file {name}: no such folder", hint="make the folder first")
    if os.path.lexists(path) and not _is_state(path):
        raise OptionError(f"progress file {name}: holds something else", hint="name another file, or remove it")
    return path.parent.resolve() / path.name


def _is_same(one: Path, other: Path) -> bool:
    if one.parent.resolve() / one.name == other.parent.resolve() / other.name:
        return True
    try:
        return one.samefile(other)
    except OSError:
        return False


def _is_state(path: Path) -> bool:
    """Whether a file is what an earlier job has left, which alone is replaced; never a link or a device."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
            return False
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.get("event") == "state"


class ProgressFile:
    """Shows a job as another way of showing does, and keeps its state in a file beside that."""

    def __init__(self, shown: Progress, path: Path) -> None:
        """Begin.

        Args:
            shown: what else shows the job.
            path: the file, see `check_progress_file`.
        """
        self.shown, self.path = shown, path
        self.tracker = Tracker()
        self._written = -PERIOD
        self._report: JobReport | PartReport | None = None
        self._has_failed = False

    def __enter__(self) -> Self:
        self.shown.__enter__()
        self._write("running")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end(error)
        finally:
            self.shown.__exit__(kind, error, trace)

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self.shown(event)
        self.tracker(event)
        if isinstance(event, Started | Stepped) or time.monotonic() - self._written >= PERIOD:
            self._write("running")

    def finish(self, report: JobReport | PartReport) -> None:
        """Show the end."""
        self._report = report
        self.tracker.finish(report)
        self.shown.finish(report)

    def _end(self, error: BaseException | None) -> None:
        if error is None:
            self._write("done")
        elif isinstance(error, VrinrError):
            state = "stopped" if isinstance(error, InterruptedJobError) else "failed"
            self._write(state, error=error_record(error))
        elif isinstance(error, KeyboardInterrupt):
            self._write("stopped", error=error_record(InterruptedJobError("stopped", hint="the same command goes on")))
        else:
            words = (str(error) or type(error).__name__).splitlines()[0]
            self._write("failed", error=error_record(VrinrError(words, hint="see it all with `vrinr --debug ...`")))

    def _write(self, state: str, *, error: dict[str, Any] | None = None) -> None:
        """Replace the file; a disk that does not take it is told once and costs the job nothing."""
        self._written = time.monotonic()
        content = json.dumps(finite(self._record(state, error))) + "\n"
        beside = self.path.with_name(f".{self.path.name[:200]}.{os.getpid()}.part")
        try:
            beside.write_text(content, encoding="utf-8")
            beside.replace(self.path)
        except OSError as problem:
            with contextlib.suppress(OSError):
                beside.unlink()
            if not self._has_failed:
                self._has_failed = True
                cause = problem.strerror or type(problem).__name__
                self.shown(Noted(f"progress file {printable(self.path.name)}: {cause}; the job goes on"))

    def _record(self, state: str, error: dict[str, Any] | None) -> dict[str, Any]:
        from vrinr_cli.record import to_plain  # noqa: PLC0415

        report = to_plain(self._report) if self._report is not None else None
        now: dict[str, Any] = {name: rounded(value) for name, value in to_plain(self.tracker.state).items()}
        return {
            "schema": SCHEMA,
            "event": "state",
            "state": state,
            "process": os.getpid(),
            "updated": round(time.time(), 3),
            **now,
            "report": report,
            "error": error,
        }
