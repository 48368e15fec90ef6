"""Whole jobs on broken files: each ends with a verified file or in one line."""

from pathlib import Path

import pytest

from broken_files import FILES, tally

PROGRAM = Path(__file__).with_name("restore_whole.py")


def test_a_job_on_a_broken_file_ends_well_or_in_one_line(tmp_path: Path) -> None:
    assert tally(PROGRAM, tmp_path, 8).failures == []


@pytest.mark.stress
def test_many_jobs_on_broken_files_end_well_or_in_one_line(tmp_path: Path) -> None:
    assert tally(PROGRAM, tmp_path, FILES // 10).failures == []
