"""Thousands of broken files: each is read right or refused in one line, never a crash, a hang or a traceback."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from media import mutated

PROGRAM = Path(__file__).with_name("read_whole.py")
FILES = int(os.environ.get("VRINR_MUTATIONS", "10000"))


@dataclass(frozen=True, slots=True)
class Read:
    """How the reading of some files went."""

    outcomes: dict[str, str]
    """Words of each file that was read to its end."""
    failures: list[str]
    """Lines about those that were not."""


def test_a_broken_file_is_read_right_or_refused(tmp_path: Path) -> None:
    assert read_all(islice(mutations(tmp_path), 64)).failures == []


@pytest.mark.stress
def test_thousands_of_broken_files_are_read_right_or_refused(tmp_path: Path) -> None:
    files = mutations(tmp_path)
    failures: list[str] = []
    for _ in range(0, FILES, 250):
        batch = list(islice(files, 250))
        found = read_all(batch)
        failures += found.failures
        for path in batch:
            if path.name in found.outcomes:  # what failed stays, to be looked at
                path.unlink()
    assert failures == []


def test_a_file_that_ends_its_reader_is_named_and_the_next_one_read(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\nfor line in sys.stdin:\n    if 'bad' in line: os.abort()\n    print('read', flush=True)\n"
    )
    found = read_all([Path(name) for name in ("a", "bad", "b", "c", "bad too")], program)
    assert found.outcomes == dict.fromkeys("abc", "read")
    assert [line.partition(": ")[0] for line in found.failures] == ["bad", "bad too"]


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


def read_all(paths: Iterable[Path], program: Path = PROGRAM) -> Read:
    """Read files in a process of its own; where one ends it, in another from the next file on."""
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
