"""A folder on a disk that loses power: what would be left of it, at every step that a job takes on the file system.

The model is the strictest that POSIX allows. A file keeps what it held when it was last synced, nothing if it never
was; a folder keeps the names that it had when it was last synced, whatever was made, renamed or removed in it since.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

STEPS = ("fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir", "truncate")
"""Calls of `os` before and after which power may go."""
_FORGETTING = ("unlink", "replace", "rename", "rmdir")


@dataclass(slots=True)
class VolatileDisk:
    """Follows one folder while something works in it. Inodes are used again, so things get numbers of their own."""

    root: Path
    is_busy: bool = False
    """Whether it is being looked at."""
    _names: dict[int, dict[str, tuple[int, bool]]] = field(default_factory=dict)
    """Of each synced folder: name to number, and whether it is a folder."""
    _contents: dict[int, bytes] = field(default_factory=dict)
    """Of each synced file."""
    _numbers: dict[int, int] = field(default_factory=dict)
    """Of what is there now, by inode."""
    _fresh: Iterator[int] = field(default_factory=count)

    def number(self, inode: int) -> int:
        """Of a file or folder that is there."""
        if inode not in self._numbers:
            self._numbers[inode] = next(self._fresh)
        return self._numbers[inode]

    def sync(self, path: Path) -> None:
        """What is there of a file, or which names in a folder, stays from now on."""
        number = self.number(path.stat().st_ino)
        if path.is_dir():
            self._names[number] = {
                entry.name: (self.number(entry.inode()), entry.is_dir(follow_symlinks=False))
                for entry in os.scandir(path)
            }
        else:
            self._contents[number] = path.read_bytes()

    def forget(self, path: Path) -> None:
        """Something loses its last name: its inode may be another's soon."""
        if os.path.lexists(path) and (path.is_dir() or path.lstat().st_nlink == 1):
            self._numbers.pop(path.lstat().st_ino, None)

    def left(self, target: Path) -> None:
        """Make a folder with what a power cut would leave."""
        self._leave(self.number(self.root.stat().st_ino), target)

    def _leave(self, folder: int, target: Path) -> None:
        target.mkdir()
        for name, (number, is_folder) in self._names.get(folder, {}).items():
            if is_folder:
                self._leave(number, target / name)
            else:
                (target / name).write_bytes(self._contents.get(number, b""))


@contextmanager
def every_step(root: Path, at_step: Callable[[VolatileDisk], None]) -> Iterator[None]:
    """Call a function before and after each step that is taken meanwhile. What is there at the beginning is synced."""
    disk = VolatileDisk(root)
    disk.sync(root)
    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, _watched(name, getattr(os, name), disk, at_step))
        yield


def _watched(
    name: str, plain: Callable[..., Any], disk: VolatileDisk, at_step: Callable[[VolatileDisk], None]
) -> Callable[..., Any]:
    def step(*arguments: Any, **options: Any) -> Any:
        if disk.is_busy:  # what is done to follow it is no step of the job
            return plain(*arguments, **options)
        disk.is_busy = True
        try:
            at_step(disk)
            if name in _FORGETTING:
                disk.forget(Path(arguments[-1]))
            result = plain(*arguments, **options)
            if name == "fsync":
                disk.sync(Path(f"/proc/self/fd/{arguments[0]}").resolve())
            at_step(disk)
        finally:
            disk.is_busy = False
        return result

    return step


def as_it_is(root: Path, target: Path) -> None:
    """Make a folder with all that is in another: what a kill would leave, as the system keeps what was written."""
    shutil.copytree(root, target, symlinks=True)


def words_of(folder: Path) -> dict[str, bytes | None]:
    """All files and folders with their contents, by name."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }
