"""The job folder: `.OUTPUTNAME.vrinr/` beside the target, with plan, journal, lock and chunks.

Nothing else is ever written but the target. Only names that this module gives are ever removed.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from vrinr_cli.errors import EncodeError, JobError, TargetError, VrinrError, printable
from vrinr_cli.jobs.plan import Plan
from vrinr_cli.model.checkpoint import write_whole
from vrinr_cli.video.files import cause_of, sync_folder

LONGEST_NAME = 255
"""Bytes of a file name on common file systems."""


class JobFolder:
    """One job's folder, locked while it is open: used as a context manager."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(folder_name(target.name))
        self._lock: int | None = None

    @property
    def plan_path(self) -> Path:
        """What the job is."""
        return self.path / "plan.json"

    @property
    def journal_path(self) -> Path:
        """Which chunks are done."""
        return self.path / "journal.jsonl"

    @property
    def result_path(self) -> Path:
        """The joined file until it is verified; with the target's ending."""
        return self.path / f"result{self.target.suffix}"

    def chunk_path(self, index: int) -> Path:
        """File of a chunk."""
        return self.path / "chunks" / f"{index:06d}.mkv"

    def __enter__(self) -> Self:
        """Make the folder if need be and lock it.

        Raises:
            JobError: another process works in it.
            TargetError: it cannot be made here.
        """
        try:
            (self.path / "chunks").mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise TargetError(
                f"{printable(str(self.target.parent))}: cannot be written: {cause_of(error)}",
                hint="choose another output",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise self._not_locked(self._lock, error) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"process {os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _not_locked(self, lock: int, error: OSError) -> VrinrError:
        holder = os.pread(lock, 64, 0).decode(errors="replace").strip()
        os.close(lock)
        self._lock = None
        name = printable(self.target.name)
        if isinstance(error, BlockingIOError):
            return JobError(f"{name}: another vrinr is making it ({printable(holder)})", hint="wait for it")
        self.remove()
        return TargetError(f"{name}: its folder cannot be locked: {cause_of(error)}", hint="choose another disk")

    def differences(self, plan: Plan) -> list[str] | None:
        """What the job in the folder has different from this one; None if there is no job in it.

        An unreadable plan differs in everything.
        """
        try:
            kept = json.loads(self.plan_path.read_text())
            kept = {str(k): str(v) for k, v in kept["identity"].items()}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return ["the plan"]
        mine = plan.identity()
        return sorted(name for name in mine if mine[name] != kept.get(name))

    def keep_plan(self, words: str) -> None:
        """Write the plan, whole or not at all.

        Raises:
            EncodeError: the disk is full or fails.
        """
        try:
            write_whole(self.plan_path, words.encode())
            sync_folder(self.path)
        except OSError as error:
            raise EncodeError(
                f"{printable(str(self.plan_path))}: cannot be written: {cause_of(error)}", hint="make room"
            ) from error

    def remove(self) -> None:
        """Remove what vrinr made, and the folders if nothing else is in them."""
        for path in self._own_files():
            path.unlink(missing_ok=True)
        for folder in (self.path / "chunks", self.path):
            with contextlib.suppress(OSError):  # not empty: a foreign file stays, and so does its folder
                folder.rmdir()

    def clear(self) -> None:
        """Begin anew: remove plan, journal, chunks and result, keep folder and lock."""
        for path in self._own_files():
            if path.name != "lock":
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

    def _own_files(self) -> Iterator[Path]:
        yield from (self.plan_path, self.journal_path, self.result_path, self.path / "lock")
        yield self.plan_path.with_name(".plan.json.part")
        chunks = self.path / "chunks"
        if chunks.is_dir():
            for path in chunks.iterdir():
                stem = path.name.removesuffix(".part").removesuffix(".mkv")
                if stem.isdigit() and len(stem) == 6 and not path.is_dir():
                    yield path


def folder_name(name: str) -> str:
    """Name of the job folder of an output, cut to what a file system takes."""
    whole = f".{name}.vrinr"
    if len(os.fsencode(whole)) <= LONGEST_NAME:
        return whole
    short = os.fsencode(name)[:180].decode(errors="ignore")
    return f".{short}.{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.vrinr"
