"""Broken files by the thousand, and programs that take them, so that a crash ends no test."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from media import mutated

FILES = int(os.environ.get("TEST_MUTATIONS", "10000"))
"""How many `make stress` makes."""


@dataclass(frozen=True, slots=True)
class Read:
    """How it went."""

    outcomes: dict[str, str]
    """Words of each file that the program has done with."""
    failures: list[str]
    """Lines about those that were not."""


@dataclass(slots=True)
class Tally:
    """What became of many files."""

    files: int = 0
    done: Counter[int] = field(default_factory=Counter)
    """How many were read or made, by the number of the attempt: a program may take a file in several ways."""
    refused: Counter[int] = field(default_factory=Counter)
    """How many were refused in one line, likewise."""
    failures: list[str] = field(default_factory=list)
    """Lines about the files that ended a program: by a crash, a traceback, a wrong result, or as it hung."""

    def add(self, found: Read) -> None:
        """Count a program's words, such as "12 frames, 12 frames"."""
        self.files += len(found.outcomes) + len(found.failures)
        self.failures += found.failures
        for words in found.outcomes.values():
            for attempt, word in enumerate(words.split(", ")):
                (self.done if word.endswith(" frames") else self.refused)[attempt] += 1

    @property
    def words(self) -> str:
        """As in "64 files: 33 done, 31 refused; 0 crashed, hung or with a traceback"."""
        ways = [
            f"{self.done[attempt]} done, {self.refused[attempt]} refused"
            for attempt in sorted(self.done | self.refused) or [0]
        ]
        return f"{self.files} files: {'; '.join(ways)}; {len(self.failures)} crashed, hung or with a traceback"


def mutations(folder: Path) -> Iterator[Path]:
    """Broken files without end, one of each kind after the other."""
    kinds = [(path, path.read_bytes(), grammar) for path, grammar in mutated.sources(folder)]
    number = 0
    while True:
        for path, content, grammar in kinds:
            broken, words = mutated.mutated(content, grammar, f"{path.name} {number}")
            target = folder / f"{number:05d} {words}{path.suffix}"
            target.write_bytes(broken)
            yield target
            number += 1


def tally(program: Path, folder: Path, count: int, *, at_once: int = 250) -> Tally:
    """What becomes of so many files, said as they go; those that end a program stay, to be looked at."""
    files = mutations(folder)
    result = Tally()
    for first in range(0, count, at_once):
        batch = list(islice(files, min(at_once, count - first)))
        found = read_all(batch, program)
        result.add(found)
        for path in batch:
            if path.name in found.outcomes:
                path.unlink()
        print(result.words, flush=True)
    return result


def read_all(paths: Iterable[Path], program: Path) -> Read:
    """Give files to a program, one name a line; where one ends it, to another process from the next file on.

    The program says a line about each.
    """
    left = list(paths)
    found = Read({}, [])
    while left:
        names = "".join(f"{path}\n" for path in left)
        command = [sys.executable, str(program)]
        done = subprocess.run(command, input=names, capture_output=True, text=True, check=False)
        words = done.stdout.splitlines()
        found.outcomes.update(zip((path.name for path in left), words, strict=False))
        if len(words) < len(left):
            found.failures.append(f"{left[len(words)].name}: exit code {done.returncode}: {done.stderr[-2000:]}")
        left = left[len(words) + 1 :]
    return found
