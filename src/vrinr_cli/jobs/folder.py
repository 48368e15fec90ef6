"""The job folder: `.OUTPUTNAME.vrinr/` beside the target, with plan, journal, lock and chunks.

Nothing else is ever written but the target. Only names that this module gives are ever removed.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vrinr_cli.errors import EncodeError, JobError, TargetError, VrinrError, printable
from vrinr_cli.jobs import own_files
from vrinr_cli.jobs.request import LONGEST_NAME, JobRequest, kept_identity, kept_request, plan_words
from vrinr_cli.video.files import cause_of, sync_folder

if TYPE_CHECKING:
    from vrinr_cli.jobs.plan import Plan

_GLANCE = 0.1
"""Seconds after which a lock is tried again: `vrinr jobs` holds it for a moment to see whether anybody does."""


class JobFolder:
    """One job's folder, locked while it is open: used as a context manager."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(folder_name(target.name))
        self._lock: int | None = None

    @property
    def plan_path(self) -> Path:
        """What the job is."""
        return self.path / own_files.PLAN

    @property
    def journal_path(self) -> Path:
        """Which chunks are done."""
        return self.path / own_files.JOURNAL

    @property
    def result_path(self) -> Path:
        """The joined file until it is verified; with the target's ending."""
        return self.path / f"result{self.target.suffix}"

    @property
    def lock_path(self) -> Path:
        """The kernel lock's file; it holds its last holder's name."""
        return self.path / own_files.LOCK

    def chunk_path(self, index: int) -> Path:
        """File of a chunk."""
        return self.path / own_files.CHUNKS / f"{index:06d}.mkv"

    def __enter__(self) -> Self:
        """Make the folder if need be and lock it.

        Raises:
            JobError: another process works in it.
            TargetError: it cannot be made here.
        """
        while self._lock is None:
            lock = self._opened()
            try:
                _lock_soon(lock)
            except OSError as error:
                raise self._not_locked(lock, error) from error
            if _is_at(lock, self.lock_path):
                self._lock = lock
            else:
                os.close(lock)  # its holder removed the folder between our two calls
        for path in own_files.own_files(self.path):
            if path.is_symlink():
                path.unlink()  # vrinr makes none, and would write where they lead
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"process {os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _opened(self) -> int:
        """The lock's file, in a folder that is made if need be; nothing outside it, whatever links lie there."""
        try:
            for folder in (self.path, self.path / own_files.CHUNKS):
                _make_folder(folder)
            return _open_lock(self.lock_path)
        except OSError as error:
            raise TargetError(
                f"{printable(str(self.target.parent))}: cannot be written: {cause_of(error)}",
                hint="choose another output",
            ) from error

    def _not_locked(self, lock: int, error: OSError) -> VrinrError:
        holder = os.pread(lock, 64, 0).decode(errors="replace").strip()
        os.close(lock)
        name = printable(self.target.name)
        if isinstance(error, BlockingIOError):
            return JobError(f"{name}: another vrinr is making it ({printable(holder)})", hint="wait for it")
        self.remove()
        return TargetError(f"{name}: its folder cannot be locked: {cause_of(error)}", hint="choose another disk")

    def differences(self, plan: "Plan") -> list[str] | None:
        """What the job in the folder has different from this one; None if there is no job in it.

        An unreadable plan differs in everything.
        """
        try:
            kept = kept_identity(own_files.read_own(self.plan_path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return ["the plan"]
        mine = plan.identity()
        return sorted(name for name in mine if mine[name] != kept.get(name))

    def request(self) -> JobRequest | None:
        """What was asked of the job in the folder; None if there is none, or none that can be read."""
        try:
            kept = kept_request(own_files.read_own(self.plan_path))
        except (OSError, ValueError):
            return None
        return kept if kept.output == self.target.name else None

    def keep_plan(self, plan: "Plan", request: JobRequest) -> None:
        """Write the plan, whole or not at all.

        Raises:
            EncodeError: the disk is full or fails.
        """
        from vrinr_cli.model.checkpoint import write_whole  # noqa: PLC0415 - torch loads here

        words = plan_words(plan.identity(), request, plan)
        try:
            write_whole(self.plan_path, words.encode())
            sync_folder(self.path)
        except OSError as error:
            raise EncodeError(
                f"{printable(str(self.plan_path))}: cannot be written: {cause_of(error)}", hint="make room"
            ) from error

    def remove(self) -> None:
        """Remove what vrinr made, and the folders if nothing else is in them."""
        for path in own_files.own_files(self.path):
            path.unlink(missing_ok=True)
        for folder in (self.path / own_files.CHUNKS, self.path):
            with contextlib.suppress(OSError):  # not empty: a foreign file stays, and so does its folder
                folder.rmdir()

    def clear(self) -> None:
        """Begin anew: remove plan, journal, chunks and result, keep folder and lock."""
        for path in own_files.own_files(self.path):
            if path.name != own_files.LOCK:
                path.unlink(missing_ok=True)

    def publish(self, *, overwrite: bool) -> None:
        """Give the verified result its name: the only moment at which the target changes.

        Args:
            overwrite: whether a file that is there by now is replaced.

        Raises:
            TargetError: there is a file, and it is not to be replaced.
            EncodeError: the file system refuses.
        """
        try:
            if overwrite:
                self.result_path.replace(self.target)
            else:
                self._name_anew()
            sync_folder(self.target.parent)
        except OSError as error:
            raise EncodeError(
                f"{printable(self.target.name)}: the finished file cannot be renamed: {cause_of(error)}",
                hint="run the same command again; the chunks are kept",
            ) from error

    def _name_anew(self) -> None:
        """Name the result, unless there is a file of that name by now."""
        try:
            self.target.hardlink_to(self.result_path)
        except FileExistsError as error:
            raise self._taken() from error
        except OSError:  # a file system without links: a moment remains between the look and the rename
            if os.path.lexists(self.target):
                raise self._taken() from None
            self.result_path.replace(self.target)
        else:
            self.result_path.unlink()

    def _taken(self) -> TargetError:
        name = printable(self.target.name)
        return TargetError(f"{name}: appeared meanwhile; the chunks are kept", hint="use -y to replace it")


def folder_name(name: str) -> str:
    """Name of the job folder of an output, cut to what a file system takes."""
    whole = f".{name}.vrinr"
    if len(os.fsencode(whole)) <= LONGEST_NAME:
        return whole
    short = os.fsencode(name)[:180].decode(errors="ignore")
    return f".{short}.{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.vrinr"


def _make_folder(path: Path) -> None:
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"{path.name} is a link")
    path.mkdir(parents=True, exist_ok=True)


def _open_lock(path: Path) -> int:
    """A descriptor of the lock's file, made if need be.

    Raises:
        OSError: it cannot be made, or what is there is another's file.
    """
    if path.is_symlink():
        path.unlink()
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    found = os.fstat(lock)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return lock
    os.close(lock)
    raise OSError(errno.EINVAL, "its lock is no ordinary file")


def _lock_soon(lock: int) -> None:
    """Take the kernel lock, which somebody may hold for a moment.

    Raises:
        BlockingIOError: it is held for longer.
        OSError: the file system has no locks.
    """
    for last in (False, True):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if last:
                raise
            time.sleep(_GLANCE)
        else:
            return


def _is_at(lock: int, path: Path) -> bool:
    """Whether the locked file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False
