"""The job folder: `.OUTPUTNAME.vrinr/` beside the target, with plan, journal, lock and chunks.

Nothing else is ever written but the target. Only names that this module gives are ever removed.
"""

import contextlib
import errno
import hashlib
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vrinr_cli.errors import EncodeError, JobError, TargetError, VrinrError, printable
from vrinr_cli.jobs import locks, own_files
from vrinr_cli.jobs.journal import ChunkReport, Journal, peek_all
from vrinr_cli.jobs.parts import Part, part_in
from vrinr_cli.jobs.request import LONGEST_NAME, JobRequest, kept_identity, kept_request, plan_words
from vrinr_cli.video.files import cause_of, sync_folder

if TYPE_CHECKING:
    from vrinr_cli.jobs.plan import Plan

_PATIENCE = 100
"""How often a part tries to get in while another one prepares the folder: ten seconds."""


class JobFolder:
    """One job's folder, locked while it is open: used as a context manager.

    Parts of a job share its lock, and each has one of its own. Who comes first has the folder alone, until `share`.
    """

    def __init__(self, target: Path, part: Part | None = None) -> None:
        """Nothing is made yet.

        Args:
            target: the output.
            part: which part of the job will be at work; None is all of it.
        """
        self.target, self.part = target, part
        self.path = target.with_name(folder_name(target.name))
        self.is_alone = False
        """Whether nobody else is in the folder, nor can be."""
        self._lock: int | None = None
        self._part_lock: int | None = None

    @property
    def plan_path(self) -> Path:
        """What the job is."""
        return self.path / own_files.PLAN

    @property
    def journal_path(self) -> Path:
        """Which chunks are done: of this part, or of the whole job."""
        return self.path / (f"journal.{self.part.suffix}.jsonl" if self.part else own_files.JOURNAL)

    @property
    def has_work(self) -> bool:
        """Whether anybody has finished a chunk."""
        return bool(own_files.journals(self.path))

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
            lock = self._opened(self.lock_path)
            try:
                self.is_alone = self._locked(lock)
            except OSError as error:
                raise self._not_locked(lock, error) from error
            if locks.is_at(lock, self.lock_path):
                self._lock = lock
            else:
                os.close(lock)  # its holder removed the folder between our two calls
        for path in own_files.own_files(self.path):
            if path.is_symlink():
                path.unlink()  # vrinr makes none, and would write where they lead
        if self.is_alone:
            locks.sign(self._lock, f"process {os.getpid()}")
        if self.part is not None:
            try:
                self._part_lock = self._locked_part(self.part)
            except VrinrError:
                self._close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def share(self) -> None:
        """Let other parts in: the plan is there, and from now on neither it nor what is theirs is touched.

        Raises:
            JobError: another process has got in first.
        """
        if self._lock is None or not self.is_alone:
            return
        self.is_alone = False
        try:
            locks.lock_soon(self._lock, shared=True, tries=_PATIENCE)
        except OSError as error:
            raise self._in_use() from error
        if not locks.is_at(self._lock, self.lock_path):
            raise JobError(
                f"{printable(self.target.name)}: its folder was removed meanwhile", hint="run the same command again"
            )

    def leave_nothing(self) -> None:
        """Remove everything if no chunk is finished and nobody else is at work."""
        if self._lock is None or self.has_work:
            return
        with contextlib.suppress(OSError):
            locks.lock_soon(self._lock, tries=1)
            if locks.is_at(self._lock, self.lock_path) and not self.has_work:
                self.remove()

    def _close(self) -> None:
        for lock in (self._part_lock, self._lock):
            if lock is not None:
                os.close(lock)
        self._part_lock = self._lock = None

    def _opened(self, path: Path) -> int:
        """A lock's file, in a folder that is made if need be; nothing outside it, whatever links lie there."""
        try:
            for folder in (self.path, self.path / own_files.CHUNKS):
                _make_folder(folder)
            return locks.open_lock(path)
        except OSError as error:
            raise TargetError(
                f"{printable(str(self.target.parent))}: cannot be written: {cause_of(error)}",
                hint="choose another output",
            ) from error

    def _locked(self, lock: int) -> bool:
        """Take the job's lock; whether for us alone. A part shares it once somebody has kept the plan.

        Raises:
            BlockingIOError: somebody else has it.
            OSError: the file system has no locks.
        """
        if self.part is None:
            locks.lock_soon(lock)
            return True
        for _ in range(_PATIENCE):
            with contextlib.suppress(BlockingIOError):
                locks.lock_soon(lock, tries=1)
                return True
            with contextlib.suppress(BlockingIOError):
                locks.lock_soon(lock, shared=True, tries=1)
                if self.plan_path.exists():
                    return False
                locks.unlock(lock)  # somebody else glances at it, as we do
            time.sleep(locks.GLANCE)
        raise BlockingIOError

    def _locked_part(self, part: Part) -> int:
        """Take the part's own lock.

        Raises:
            JobError: another process is at this part, or at one of another division.
            TargetError: it cannot be made here.
        """
        path = self.path / f"lock.{part.suffix}"
        lock = self._opened(path)
        try:
            locks.lock_soon(lock)
        except OSError as error:
            raise self._not_locked(lock, error, f"part {part}", path) from error
        for other in own_files.locks(self.path):
            found = part_in(other.name)
            if found is not None and found.count != part.count and locks.holder_of(other):
                os.close(lock)
                raise JobError(
                    f"{printable(self.target.name)}: another vrinr is making part {found} of it",
                    hint=f"wait for it, or divide by {found.count}",
                )
        locks.sign(lock, f"process {os.getpid()} on {socket.gethostname()}")
        return lock

    def _not_locked(self, lock: int, error: OSError, what: str = "it", path: Path | None = None) -> VrinrError:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            return self._in_use(what, path)
        if not self.has_work:
            self.remove()
        name = printable(self.target.name)
        return TargetError(f"{name}: its folder cannot be locked: {cause_of(error)}", hint="choose another disk")

    def _in_use(self, what: str = "it", path: Path | None = None) -> JobError:
        holder = (locks.holder_of(path) if path else holders(self.path)) or "a process"
        return JobError(f"{printable(self.target.name)}: another vrinr is making {what} ({holder})", hint="wait for it")

    def reports(self) -> list[ChunkReport]:
        """Chunks that are recorded in any journal, one maybe more than once. The end of the own one is mended.

        Raises:
            JobError: a journal is no file that vrinr wrote.
        """
        Journal(self.journal_path).read()
        return peek_all(self.path)

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
            sync_folder(self.path.parent)  # else a power cut may take the whole folder
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
        """Begin anew: remove plan, journal, chunks and result, keep folder and locks."""
        for path in own_files.own_files(self.path):
            if not own_files.is_lock(path):
                path.unlink(missing_ok=True)

    def publish(self, *, overwrite: bool, name: Path | None = None) -> None:
        """Give the verified result its name: the only moment at which the target changes.

        Args:
            overwrite: whether a file that is there by now is replaced.
            name: one of several files that the target means; None is the target itself.

        Raises:
            TargetError: there is a file, and it is not to be replaced.
            EncodeError: the file system refuses.
        """
        target = name or self.target
        try:
            if overwrite:
                self.result_path.replace(target)
            else:
                self._name_anew(target)
            sync_folder(target.parent)
        except OSError as error:
            raise EncodeError(
                f"{printable(target.name)}: the finished file cannot be renamed: {cause_of(error)}",
                hint="run the same command again; the chunks are kept",
            ) from error

    def _name_anew(self, target: Path) -> None:
        """Name the result, unless there is a file of that name by now."""
        try:
            name_anew(self.result_path, target)
        except FileExistsError as error:
            raise _taken(target) from error


def _taken(target: Path) -> TargetError:
    return TargetError(f"{printable(target.name)}: appeared meanwhile, and stays", hint="use -y to replace it")


def name_anew(file: Path, name: Path) -> None:
    """Give a finished file its name.

    Raises:
        FileExistsError: there is something of that name by now; it stays, and so does the file.
        OSError: the file system refuses.
    """
    try:
        name.hardlink_to(file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: a moment remains between the look and the rename
        if os.path.lexists(name):
            raise FileExistsError(name) from None
        file.replace(name)
    else:
        file.unlink()


def holders(folder: Path) -> str:
    """Who works in a job folder, in words: "process 5", or each part with its process; empty if nobody does."""
    found = []
    for path in own_files.locks(folder):
        part, holder = part_in(path.name), locks.holder_of(path)
        found += [f"part {part}: {holder}" if part else holder] if holder else []
    return ", ".join(found)


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
