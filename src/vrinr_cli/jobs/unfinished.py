"""Jobs that were stopped: found below a folder, asked again, or removed. Needs no torch.

All of it reads what anybody may have put there; see `request` for what is believed of it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.errors import JobError, OptionError, printable
from vrinr_cli.jobs import own_files
from vrinr_cli.jobs.folder import JobFolder, folder_name
from vrinr_cli.jobs.journal import Journal
from vrinr_cli.jobs.request import JobRequest, hash_of, kept_identity, kept_request


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
        holder=_holder(folder / own_files.LOCK),
        obstacle=obstacle or (_obstacle(request) if request else ""),
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
    return request.source_state


def _frames_done(folder: Path) -> int:
    """Frames of chunks that are recorded and there; their content is looked at when the job goes on."""
    try:
        fingerprint = hash_of(kept_identity(own_files.read_own(folder / own_files.PLAN)))
        reports = Journal(folder / own_files.JOURNAL).peek()
    except (OSError, ValueError, JobError):
        return 0
    sizes = {path.name: state.st_size for path in own_files.own_files(folder) if (state := _state(path)) is not None}
    done = {
        report.index: report.written.frames
        for report in reports
        if report.fingerprint == fingerprint and sizes.get(f"{report.index:06d}.mkv") == report.written.bytes
    }
    return sum(done.values())


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _holder(lock: Path) -> str:
    """Who holds a job's lock; empty if nobody does."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        words = os.read(descriptor, 64).decode(errors="replace").strip()
        return printable(words) or "a process"
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return ""
