"""`vrinr jobs`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vrinr_cli.cli import parse
from vrinr_cli.cli.job_options import is_terminal, resume_words
from vrinr_cli.cli.progress import show_duration
from vrinr_cli.cli.show import command_words, print_json, say, shown_errors
from vrinr_cli.errors import OptionError, VrinrError, counted, printable, show_bytes

if TYPE_CHECKING:
    from vrinr_cli.jobs.unfinished import PartState, UnfinishedJob


def jobs(
    folder: Annotated[Path, typer.Argument(help="Folder to look in, and below it.")] = Path(),
    *,
    clean: Annotated[bool, typer.Option("--clean", help="Remove them, but those that are at work.")] = False,
    older: Annotated[str | None, typer.Option(help="Only those not worked on for so long: 7d, 12h or 30m.")] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Remove without asking.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object a job on stdout.")] = False,
) -> None:
    """List unfinished jobs below FOLDER, or remove them.

    Examples:
      vrinr jobs

      vrinr jobs ~/videos --older 7d

      vrinr jobs ~/videos --older 7d --clean
    """
    with shown_errors(as_json=json_):
        if yes and not clean:
            raise OptionError("-y given without --clean", hint="add --clean to remove jobs")
        from vrinr_cli.jobs.unfinished import find_jobs  # noqa: PLC0415 - PyAV loads here

        least = parse.age_seconds(older)
        found = [job for job in find_jobs(folder) if job.age >= least]
        _show(found, folder, as_json=json_)
        if clean:
            _clean([job for job in found if not job.holder], yes=yes, as_json=json_)


def _show(found: "list[UnfinishedJob]", folder: Path, *, as_json: bool) -> None:
    from vrinr_cli.record import to_plain  # noqa: PLC0415

    for job in found:
        if as_json:
            print_json({"event": "job", **to_plain(job)})
        else:
            for line in job_lines(job):
                typer.echo(printable(line))
    if not found and not as_json:
        say(f"no unfinished jobs below {folder.resolve()}")


def job_lines(job: "UnfinishedJob") -> list[str]:
    """What a listing says of a job, in lines."""
    frames = f"{job.done} of {counted(job.frames, 'frame')}" if job.frames else "frames unknown"
    lines = [f"{_near(job.output)}: {frames}, {show_bytes(job.bytes)}, {_age(job.age)}"]
    if job.source is not None:
        lines.append(f"  from {_near(job.source)}")
    if job.parts:
        lines.append(f"  parts begun: {', '.join(f'{part.part} ({_state(part)})' for part in job.parts)}")
    if job.holder:
        lines.append(f"  at work: {job.holder}")
    elif job.obstacle:
        lines.append(f"  cannot go on: {job.obstacle}")
    elif job.parts and job.done == job.frames:
        lines.append(f"  ends with: {command_words('join', _near(job.output))}")
    else:
        lines.append(f"  goes on with: {resume_words(_near(job.output))}")
    return lines


def _state(part: "PartState") -> str:
    return f"{counted(part.done, 'frame')}, at work" if part.holder else counted(part.done, "frame")


def _clean(idle: "list[UnfinishedJob]", *, yes: bool, as_json: bool) -> None:
    """Remove jobs, after asking.

    Raises:
        OptionError: there is nobody to ask.
    """
    if not idle:
        say("nothing to remove")
        return
    what = f"{counted(len(idle), 'job')}, {show_bytes(sum(job.bytes for job in idle))}"
    if not yes:
        if as_json or not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
            raise OptionError(f"{what} would be removed", hint="use -y to remove without asking")
        if not typer.confirm(f"Remove {what}? Their work is lost.", err=True):
            return
    removed = [job for job in idle if _removed(job)]
    if as_json:
        print_json({"event": "removed", "folders": [str(job.folder) for job in removed]})
    say(f"removed {counted(len(removed), 'job')}, {show_bytes(sum(job.bytes for job in removed))}")


def _removed(job: "UnfinishedJob") -> bool:
    """Remove one job; what stands in the way is told, and does not hold up the others."""
    from vrinr_cli.jobs.unfinished import remove_job  # noqa: PLC0415

    try:
        is_gone = remove_job(job)
    except VrinrError as error:
        say(f"{_near(job.folder)} stays: {error}")
        return False
    if not is_gone:
        say(f"{_near(job.folder)} stays: it holds files that vrinr did not make")
    return True


def _near(path: Path) -> Path:
    """The path from here, if that is shorter."""
    try:
        near = Path(os.path.relpath(path))
    except (OSError, ValueError):
        return path
    return near if len(str(near)) < len(str(path)) else path


def _age(seconds: float) -> str:
    days = round(seconds / 86400)
    return f"{counted(days, 'day')} old" if seconds >= 172800 else f"{show_duration(seconds)} old"
