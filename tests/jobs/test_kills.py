"""Jobs that are killed with SIGKILL at any moment and run again."""

import os
from itertools import count
from pathlib import Path
from random import Random

import numpy as np
import pytest

from jobs.facts import Facts, facts
from jobs.job_process import OPTIONS, run
from media import clips

KILLS = int(os.environ.get("TEST_KILLS", "200"))
LONGEST_CHUNK = OPTIONS.chunk_frames * 5 // 4


def same_pictures(one: Facts, two: Facts) -> bool:
    return one.seconds == two.seconds and all(map(np.array_equal, one.pictures, two.pictures))


def storm(folder: Path, kills: int) -> int:
    """Kill jobs until so many are killed, each up to twice, and look at what comes out; the most frames made again."""
    source = clips.plain(folder / "in.mkv", frames=40, gop=40)
    unbroken = folder / "unbroken.mkv"
    length = run(source, unbroken).seconds
    expected, random = facts(unbroken), Random(41)  # noqa: S311
    killed = most_lost = 0
    for number in count():
        output = folder / f"{number}.mkv"
        done = 0
        for wait in (random.uniform(0, length), random.uniform(0, length), None):
            if output.exists():
                break  # there was nothing left to do but to remove the folder
            last = run(source, output, kill_after=wait)
            killed += last.is_killed
            if last.done:  # it came as far as its first words
                most_lost = max(most_lost, done - last.resumed)
                done = last.done
        assert same_pictures(facts(output), expected)
        if killed >= kills:
            break
    return most_lost


def test_a_killed_job_makes_a_chunk_again_at_most(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=40, gop=40)
    unbroken, output = tmp_path / "unbroken.mkv", tmp_path / "out.mkv"
    killed = run(source, output, kill_at=18)
    assert killed.is_killed
    assert not output.exists()
    assert killed.done - run(source, output).resumed <= LONGEST_CHUNK
    run(source, unbroken)
    assert same_pictures(facts(output), facts(unbroken))


@pytest.mark.stress
def test_a_storm_of_kills_makes_a_chunk_again_at_most_each_time(tmp_path: Path) -> None:
    assert storm(tmp_path, KILLS) <= LONGEST_CHUNK
