"""Thousands of broken files: each is read right or refused in one line, never a crash, a hang or a traceback."""

from pathlib import Path

import pytest

from broken_files import FILES, read_all, tally
from media import mutated

PROGRAM = Path(__file__).with_name("read_whole.py")


def test_a_whole_file_is_read_whole(tmp_path: Path) -> None:
    found = read_all([mutated.sources(tmp_path)[0][0], tmp_path / "nosuch.mp4"], PROGRAM)
    assert list(found.outcomes.values()) == ["12 frames, 12 frames", "OptionError, OptionError"]


def test_a_broken_file_is_read_right_or_refused(tmp_path: Path) -> None:
    found = tally(PROGRAM, tmp_path, 64)
    assert found.failures == []
    assert found.files == found.done[0] + found.refused[0] == found.done[1] + found.refused[1] == 64
    assert found.done[1] > found.done[0]


@pytest.mark.stress
def test_thousands_of_broken_files_are_read_right_or_refused(tmp_path: Path) -> None:
    assert tally(PROGRAM, tmp_path, FILES).failures == []


def test_a_file_that_ends_its_reader_is_named_and_the_next_one_read(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\nfor line in sys.stdin:\n    if 'bad' in line: os.abort()\n    print('read', flush=True)\n"
    )
    found = read_all([Path(name) for name in ("a", "bad", "b", "c", "bad too")], program)
    assert found.outcomes == dict.fromkeys("abc", "read")
    assert [line.partition(": ")[0] for line in found.failures] == ["bad", "bad too"]
