"""What `upscale` and `denoise` do with the sources they are given: one as ever, several one after the other."""

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vrinr_cli.cli import pipes
from vrinr_cli.cli.forecast import print_forecast
from vrinr_cli.cli.job_options import run_job
from vrinr_cli.cli.progress import progress_for, show_duration
from vrinr_cli.cli.show import end_stalled, print_json, say, show_error
from vrinr_cli.cli.summary import show_summary
from vrinr_cli.errors import InterruptedJobError, OptionError, TargetError, VrinrError, counted, printable, show_bytes
from vrinr_cli.jobs.options import UpscaleOptions

if TYPE_CHECKING:
    from vrinr_cli.jobs.batch import BatchReport, Item, Naming, Outcome
    from vrinr_cli.jobs.forecast import Forecast
    from vrinr_cli.jobs.sources import Found, LeftOut
    from vrinr_cli.jobs.totals import Totals

SHOWN_NAMES = 3
"""Names of files that a note lists."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What was said of the outputs' names."""

    output: str | None = None
    """-o: a file, or a folder if it ends in a slash or is one."""
    out_dir: Path | None = None
    suffix: str | None = None
    container: str | None = None
    """Kind of file, where it is not named."""

    def __post_init__(self) -> None:
        if self.output is not None and self.out_dir is not None:
            raise OptionError("-o and --out-dir given", hint="choose one of them")
        if self.file is not None and self.suffix is not None:
            raise OptionError("--suffix given with the name of a file", hint="leave it out, or name a folder: -o DIR/")
        if self.file is not None and self.container is not None:
            raise OptionError("--container given with the name of a file", hint="leave it out: the ending says it")

    @property
    def folder(self) -> Path | None:
        """The folder that outputs go to; None is beside their sources."""
        if self.output is not None and (self.output.endswith(("/", os.sep)) or Path(self.output).is_dir()):
            return Path(self.output)
        return self.out_dir

    @property
    def file(self) -> Path | None:
        """The one file to write, if it was named."""
        return None if self.output is None or self.folder is not None else Path(self.output)

    @property
    def naming(self) -> "Naming":
        """How outputs are named.

        Raises:
            OptionError: the suffix is no part of a file name, or there is no such kind of file.
        """
        from vrinr_cli.jobs.batch import Naming  # noqa: PLC0415 - PyAV loads here

        return Naming(self.folder, self.suffix, self.container)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the work goes on and what is said of it, for one source or many."""

    recursive: bool
    skip_existing: bool
    fail_fast: bool
    yes: bool
    no: bool
    dry_run: bool
    share: str | None
    progress_file: Path | None
    pipe_format: str | None
    as_json: bool
    quiet: bool
    verbose: bool

    def __post_init__(self) -> None:
        if self.yes and (self.no or self.skip_existing):
            other = "-n" if self.no else "--skip-existing"
            raise OptionError(f"-y and {other} given", hint="choose one of them")


def run_sources(names: Sequence[Path], outputs: Outputs, options: UpscaleOptions, manner: Manner) -> None:
    """Make what was asked of all sources. A single one that was named is a job as ever, and may ask.

    Raises:
        VrinrError: names or options are wrong, before anything is made; or the only job failed.
        Exit: with the code of a batch.
    """
    if pipes.are_asked(names, outputs.output):
        _run_stream(names, outputs, options, manner)
        return
    if manner.pipe_format is not None:
        raise OptionError("--pipe-format given without -o -", hint="leave it out: the name's ending says the format")
    from vrinr_cli.jobs import sources  # noqa: PLC0415 - PyAV loads here

    found = sources.expand(names, recursive=manner.recursive, out_dir=outputs.folder)
    items, left_out = _items(found, outputs, options)
    if len(names) == 1 and found.sources[0].is_named:
        _run_one(items[0], options, manner, makes_folder=outputs.folder is not None)
        return
    if manner.share is not None:
        raise OptionError("--part given with a folder or several sources", hint="name one video")
    if manner.progress_file is not None:
        raise OptionError(
            "--progress-file given with a folder or several sources", hint="name one video, or use --json"
        )
    for words in _left_out_words(left_out):
        _note(words, manner)
    (_plan_batch if manner.dry_run else _run_batch)(items, options, manner)


def _run_stream(names: Sequence[Path], outputs: Outputs, options: UpscaleOptions, manner: Manner) -> None:
    """A job with a pipe at either end: one source, one output."""
    refused = {
        "several sources": len(names) > 1,
        "--out-dir": outputs.out_dir is not None,
        "--suffix": outputs.suffix is not None,
        "--recursive": manner.recursive,
        "--skip-existing": manner.skip_existing,
        "--fail-fast": manner.fail_fast,
        "--part": manner.share is not None,
        "--dry-run": manner.dry_run,
        "--progress-file": manner.progress_file is not None,
    }
    pipes.refuse([name for name, is_given in refused.items() if is_given])
    pipes.run_stream(
        names[0],
        None if outputs.output is None else Path(outputs.output),
        options,
        pipe_format=manner.pipe_format,
        overwrite=manner.yes,
        as_json=manner.as_json,
        quiet=manner.quiet,
        verbose=manner.verbose,
    )


def _items(found: "Found", outputs: Outputs, options: UpscaleOptions) -> "tuple[list[Item], list[LeftOut]]":
    from vrinr_cli.jobs import batch  # noqa: PLC0415

    if outputs.file is None:
        return batch.pair(found, options, outputs.naming)
    if len(found.sources) > 1:
        raise OptionError(
            f"-o names one file for {counted(len(found.sources), 'source')}", hint="name a folder: -o DIR/"
        )
    if not outputs.file.parent.is_dir():
        raise TargetError(f"{printable(str(outputs.file.parent))}: no such folder", hint="make it first")
    return [batch.Item(found.sources[0].path, outputs.file)], []


def _is_done(item: "Item", options: UpscaleOptions, manner: Manner) -> bool:
    """Whether a source is to be skipped."""
    from vrinr_cli.jobs.finished import is_finished  # noqa: PLC0415 - torch loads here

    return manner.skip_existing and is_finished(item.source, item.output, options)


def _run_one(item: "Item", options: UpscaleOptions, manner: Manner, *, makes_folder: bool) -> None:
    from vrinr_cli.jobs import batch  # noqa: PLC0415

    if _is_done(item, options, manner):
        _tell_skipped(item, {}, manner)
        return
    with batch.made_folder(item.output.parent) if makes_folder and not manner.dry_run else nullcontext():
        run_job(
            item.source,
            item.output,
            options,
            yes=manner.yes,
            no=manner.no,
            dry_run=manner.dry_run,
            makes_folder=makes_folder,
            share=manner.share,
            progress_file=manner.progress_file,
            as_json=manner.as_json,
            quiet=manner.quiet,
            verbose=manner.verbose,
        )


def _run_batch(items: "list[Item]", options: UpscaleOptions, manner: Manner) -> None:
    """Make them all, and sum it up."""
    from vrinr_cli.jobs import batch, job  # noqa: PLC0415 - torch loads here

    def work(number: int, item: "Item") -> "Outcome":
        head, about = f"[{number}/{len(items)}] ", {"index": number}
        shown = progress_for(as_json=manner.as_json, quiet=manner.quiet, verbose=manner.verbose, head=head, about=about)
        with batch.made_folder(item.output.parent), shown as progress:
            report = job.upscale(
                item.source,
                item.output,
                options,
                overwrite=manner.yes,
                listen=progress,
                on_stall=partial(end_stalled, as_json=manner.as_json, head=head, about=about),
            )
            progress.finish(report)
        return batch.Outcome(
            source=item.source,
            output=item.output,
            result="done",
            frames=report.frames,
            seconds=report.seconds,
            bytes=report.bytes,
        )

    report = _worked_off(items, options, manner, work)
    if not manner.quiet and not manner.as_json:
        show_summary(report)
    _end(report, manner)


def _plan_batch(items: "list[Item]", options: UpscaleOptions, manner: Manner) -> None:
    """Plan them all, and add it up."""
    from vrinr_cli.jobs import batch, disk, forecast, totals  # noqa: PLC0415 - torch loads here

    plans: list[Forecast] = []

    def work(number: int, item: "Item") -> "Outcome":
        found = forecast.forecast(item.source, item.output, options, overwrite=manner.yes, makes_folder=True)
        head = f"[{number}/{len(items)}] "
        print_forecast(found, as_json=manner.as_json, quiet=manner.quiet, head=head, about={"index": number})
        plans.append(found)
        return batch.Outcome(source=item.source, output=item.output, result="planned", frames=found.frames)

    report = _worked_off(items, options, manner, work)
    total = totals.total(plans)
    if not manner.quiet and not manner.as_json:
        for line in total_lines(total):
            typer.echo(line)
    if not total.enough_disk:
        show_error(disk.shortage(total.room, counted(total.files, "file")), as_json=False)
    _end(report, manner, total)


def _worked_off(
    items: "list[Item]", options: UpscaleOptions, manner: Manner, work: "Callable[[int, Item], Outcome]"
) -> "BatchReport":
    """Look at names and options, then work; what is skipped and what fails is told at once."""
    from vrinr_cli.jobs import batch, job  # noqa: PLC0415

    if not manner.yes and not manner.skip_existing:
        batch.check_none_exists(items)
    to_do = [item for item in items if not _is_done(item, options, manner)]
    batch.check_options(
        to_do,
        lambda item: job.check_plan(item.source, item.output, options, overwrite=manner.yes, makes_folder=True),
    )

    def about(number: int, item: "Item") -> dict[str, Any]:
        return {"index": number, "source": str(item.source), "output": str(item.output)}

    def failed(number: int, item: "Item", error: VrinrError) -> None:
        name = "" if printable(item.source.name) in str(error) else f"{printable(str(item.source))}: "
        head = f"[{number}/{len(items)}] {name}"
        show_error(error, as_json=manner.as_json, head=head, about=about(number, item))

    return batch.run(
        items,
        work,
        is_done=lambda item: _is_done(item, options, manner),
        fail_fast=manner.fail_fast,
        on_skip=lambda number, item: _tell_skipped(item, about(number, item), manner, f"[{number}/{len(items)}] "),
        on_failure=failed,
    )


def _end(report: "BatchReport", manner: Manner, total: "Totals | None" = None) -> None:
    """What to do next, the last object, and the exit code."""
    from vrinr_cli.record import to_plain  # noqa: PLC0415

    code = report.exit_code
    if total is not None and not total.enough_disk:
        code = code or 1
    if report.is_interrupted:
        show_error(InterruptedJobError("stopped", hint=_goes_on(report, manner)), as_json=manner.as_json)
    if manner.as_json:
        summed = {"total": to_plain(total)} if total is not None else {}
        print_json({"event": "batch", "code": code, **to_plain(report), **summed})
    elif report.count("failed") and not report.is_interrupted and total is None and not manner.quiet:
        say(_again(report, manner, "tries again what failed"))
    if code:
        raise typer.Exit(code)


def _goes_on(report: "BatchReport", manner: Manner) -> str:
    left = report.count("stopped") + report.count("not begun")
    return f"{_again(report, manner, 'goes on')}, {counted(left, 'file')} left"


def _again(report: "BatchReport", manner: Manner, what: str) -> str:
    """What the same command needs so that finished files stay as they are."""
    if manner.skip_existing or not report.count("done"):
        return f"the same command {what}"
    return f"the same command with --skip-existing {'in place of -y ' if manner.yes else ''}{what}"


def _tell_skipped(item: "Item", about: dict[str, Any], manner: Manner, head: str = "") -> None:
    if manner.as_json:
        print_json({"event": "skipped", "source": str(item.source), "output": str(item.output), **about})
    elif not manner.quiet:
        say(f"{head}{item.source}: skipped, {item.output} exists already")


def _note(text: str, manner: Manner) -> None:
    if manner.as_json:
        print_json({"event": "warning", "text": text})
    elif not manner.quiet:
        say(f"note: {text}")


def _left_out_words(left_out: "Sequence[LeftOut]") -> list[str]:
    """One line for each reason."""
    reasons: dict[str, list[str]] = {}
    for left in left_out:
        reasons.setdefault(left.why, []).append(printable(str(left.path)))
    return [f"left out, {why}: {_listed(names)}" for why, names in reasons.items()]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def total_lines(total: "Totals") -> list[str]:
    """The sum of plans, in lines as those of a plan."""
    done = f", {total.done} of them are done" if total.done else ""
    free = f"{show_bytes(total.disk_free)} are free"
    return [
        f"{counted(total.files, 'file')} one after the other",
        f"  length    {counted(total.frames, 'frame')}{done}, {total.seconds:.1f} s",
        f"  file      about {show_bytes(total.output_bytes)} of video",
        f"  disk      about {show_bytes(total.disk_needed)} at most while they are made; {free}",
        f"  time      about {show_duration(total.work_seconds)}",
    ]
