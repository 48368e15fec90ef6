"""Rows of numbered picture files: `frames/%06d.png` and the files that it means. Standard library only."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.errors import OptionError, printable

_PLACE = re.compile(r"%(?:0(\d{1,2}))?d")
_MOST_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Pattern:
    """The name of a row of files: one place in it holds the number."""

    folder: Path
    head: str
    digits: int
    """At least so many, with zeros in front."""
    tail: str

    def file(self, number: int) -> Path:
        """The file of a number."""
        return self.folder / f"{self.head}{number:0{self.digits}d}{self.tail}"

    def number_in(self, name: str) -> int | None:
        """The number that a file's name holds; None if it is none of the row's."""
        end = len(name) - len(self.tail)
        digits = name[len(self.head) : end]
        is_alike = name.startswith(self.head) and name.endswith(self.tail) and re.fullmatch(r"[0-9]+", digits)
        if not is_alike or len(digits) > _MOST_DIGITS:
            return None
        number = int(digits)
        return number if f"{number:0{self.digits}d}" == digits else None


def pattern_of(path: Path) -> Pattern | None:
    """The row that a path's name means; None if it means one file, or a row's pattern comes twice in it."""
    found = list(_PLACE.finditer(path.name))
    if len(found) != 1:
        return None
    place = found[0]
    return Pattern(path.parent, path.name[: place.start()], int(place[1] or 1), path.name[place.end() :])


def row_of_source(path: Path) -> Pattern | None:
    """The row that a source's name means; None where there is a file of just this name."""
    return None if os.path.lexists(path) else pattern_of(path)


def numbers_of(path: Path, pattern: Pattern) -> range:
    """The numbers of the files that there are.

    Args:
        path: as the user wrote it.
        pattern: of its name.

    Raises:
        OptionError: there is no such file, or a number between the first and the last is missing.
    """
    try:
        names = [path.name for path in pattern.folder.iterdir()]
    except OSError as error:
        raise OptionError(
            f"{printable(str(pattern.folder))}: {(error.strerror or 'cannot be read').lower()}", hint="check the name"
        ) from error
    found = sorted(number for name in names if (number := pattern.number_in(name)) is not None)
    if not found:
        raise OptionError(f"{printable(str(path))}: no such files", hint="check the name and its digits")
    if found[-1] - found[0] + 1 != len(found):
        missing = next(number for number, there in enumerate(found, start=found[0]) if number != there)
        raise OptionError(
            f"{printable(str(pattern.file(missing)))}: is missing, numbers go from {found[0]} to {found[-1]}",
            hint="number the pictures without gaps",
        )
    return range(found[0], found[-1] + 1)


@dataclass(frozen=True, slots=True)
class RowState:
    """What a file system says of a row of files."""

    bytes: int
    changed_ns: int
    """When the last of them was changed."""
    digest: str
    """sha256 over names, sizes and times."""


def state_of(pattern: Pattern, numbers: range) -> RowState:
    """Sizes and times of the files.

    Raises:
        OSError: one is not there.
    """
    total, latest, digest = 0, 0, hashlib.sha256()
    for number in numbers:
        path = pattern.file(number)
        state = path.stat()
        total += state.st_size
        latest = max(latest, state.st_mtime_ns)
        digest.update(f"{number} {state.st_size} {state.st_mtime_ns}\n".encode())
    return RowState(total, latest, digest.hexdigest())
