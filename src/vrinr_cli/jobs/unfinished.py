"""Jobs that were stopped: found below a folder, asked again, or removed. Needs no torch.

All of it reads what anybody may have put there; see `request` for what is believed of it.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.errors import JobError, OptionError, printable
from vrinr_cli.jobs import own_files
from vrinr_cli.jobs.folder import JobFolder, folder_name, holders
from vrinr_cli.jobs.journal import ChunkReport, Journal, peek_all
from vrinr_cli.jobs.locks import holder_of
from vrinr_cli.jobs.parts import Part, part_in
from vrinr_cli.jobs.request import JobRequest, hash_of, kept_identity, kept_request


@dataclass(frozen=True, slots=True)
class PartState:
    """A part of a job that somebody has begun."""

    part: str
    """As in "2/5"."""
    done: int
    """Frames of chunks that it has finished."""
    holder: str
    """Who works on it right now; empty if nobody does."""


@dataclass(frozen=True, slots=True)
class UnfinishedJob:
    """A job folder and what it tells."""

    folder: Path
    output: Path
    """The file that it would become."""
    source: Path | None
    """None if the plan cannot be read."""
    frames: int
    """Of the output; 0 if the plan cannot be read."""
    done: int
    """Frames of finished chunks."""
    bytes: int
    """Of the files that vrinr made in the folder."""
    age: float
    """Seconds since it was last worked on."""
    holder: str
    """Who works on it right now, "process 123"; empty if nobody does."""
    obstacle: str
    """Why it cannot go on; empty if nothing is known to stand in its way."""
    parts: tuple[PartState, ...] = ()
    """Those that somebody has begun, where it is made in parts."""


def find_jobs(root: Path) -> list[UnfinishedJob]:
    """All job folders at or below a folder, by name; links are not followed.

    Raises:
        OptionError: it is no folder.
    """
    if not root.is_dir():
        raise OptionError(f"{printable(str(root))}: no such folder", hint="name a folder to look in")
    return [_looked_at(folder) for folder in sorted(_job_folders(root))]


def stopped_job(named: Path) -> tuple[Path, JobRequest]:
    """The output of a stopped job and what was asked of it, from its folder or its output's name.

    Raises:
        JobError: there is none, its plan cannot be read, or it holds what is not taken from a file.
    """
    is_folder = _is_job_folder(named)
    folder = named if is_folder else named.with_name(folder_name(named.name)) if named.name else named
    name = printable(str(named))
    if folder.is_symlink() or not _is_job_folder(folder):
        raise JobError(f"{name}: no unfinished job for it", hint="see `vrinr jobs`")
    try:
        request = _request_in(folder)
    except (OSError, ValueError) as error:
        raise JobError(
            f"{name}: its plan cannot be read: {printable(str(error))}", hint="run the whole command again"
        ) from error
    if request.odd_options:
        raise JobError(
            f"{name}: --encoder-option {printable(request.odd_options[0])} is not taken from a file",
            hint="run the whole command again",
        )
    return folder.parent / request.output, request


def remove_job(job: UnfinishedJob) -> bool:
    """Remove what vrinr made in a job folder; true if nothing is left of it.

    Raises:
        JobError: somebody works on it.
        TargetError: the folder cannot be written.
    """
    with JobFolder(job.output) as folder:
        folder.remove()
    return not os.path.lexists(job.folder)


def _job_folders(root: Path) -> Iterator[Path]:
    if _is_job_folder(root):
        yield root
        return
    for place, folders, _ in os.walk(root):
        found = [name for name in folders if _is_job_folder(Path(place, name))]
        yield from (Path(place, name) for name in found if not Path(place, name).is_symlink())
        folders[:] = [name for name in folders if name not in found]


def _is_job_folder(path: Path) -> bool:
    name = path.name
    if not (name.startswith(".") and name.endswith(".vrinr")) or name[1 : -len(".vrinr")] in ("", ".", ".."):
        return False
    marks = (own_files.PLAN, own_files.JOURNAL, own_files.LOCK, own_files.CHUNKS)
    return path.is_dir() and any(os.path.lexists(path / mark) for mark in marks)


def _looked_at(folder: Path) -> UnfinishedJob:
    request, obstacle = None, ""
    try:
        request = _request_in(folder)
    except FileNotFoundError:
        obstacle = "it has no plan"
    except (OSError, ValueError):
        obstacle = "its plan cannot be read"
    name = request.output if request else folder.name.removeprefix(".").removesuffix(".vrinr")
    states = [state for state in map(_state, own_files.own_files(folder)) if state is not None]
    return UnfinishedJob(
        folder=folder,
        output=folder.with_name(name),
        source=request.source if request else None,
        frames=request.frames if request else 0,
        done=_frames_done(folder),
        bytes=sum(state.st_size for state in states),
        age=max(time.time() - max((state.st_mtime for state in states), default=time.time()), 0.0),
        holder=holders(folder),
        obstacle=obstacle or (_obstacle(request) if request else ""),
        parts=_parts(folder),
    )


def _request_in(folder: Path) -> JobRequest:
    """What was asked, if it is a request for the output that the folder is named after.

    Raises:
        OSError: there is no plan, or it cannot be read.
        ValueError: it is no plan, or one for another output.
    """
    request = kept_request(own_files.read_own(folder / own_files.PLAN))
    if folder_name(request.output) != folder.name:
        raise ValueError("it is for another output")
    return request


def _obstacle(request: JobRequest) -> str:
    weights = Path(request.options.weights)
    if weights.is_absolute() and not weights.is_file():
        return "the weights are gone"
    if request.odd_options:
        return f"--encoder-option {request.odd_options[0]} is not taken from a file; run the whole command again"
    return request.source_state


def _frames_done(folder: Path, journal: Path | None = None) -> int:
    """Frames of chunks that are recorded and there; their content is looked at when the job goes on.

    Args:
        folder: of the job.
        journal: one of its journals; None is all of them.
    """
    reports: list[ChunkReport]
    try:
        fingerprint = hash_of(kept_identity(own_files.read_own(folder / own_files.PLAN)))
        reports = peek_all(folder) if journal is None else Journal(journal).peek()
    except (OSError, ValueError, JobError):
        return 0
    sizes = {path.name: state.st_size for path in own_files.own_files(folder) if (state := _state(path)) is not None}
    done = {
        report.index: report.written.frames
        for report in reports
        if report.fingerprint == fingerprint and sizes.get(f"{report.index:06d}.mkv") == report.written.bytes
    }
    return sum(done.values())


def _parts(folder: Path) -> tuple[PartState, ...]:
    found: dict[Part, PartState] = {}
    for path in own_files.locks(folder):
        part = part_in(path.name)
        if part is not None:
            done = _frames_done(folder, folder / f"journal.{part.suffix}.jsonl")
            found[part] = PartState(str(part), done, holder_of(path))
    return tuple(found[part] for part in sorted(found))


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
