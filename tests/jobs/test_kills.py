"""Jobs that are killed with SIGKILL at any moment and run again."""

import os
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest

from jobs.facts import Facts, facts
from jobs.job_process import OPTIONS, run
from media import clips

KILLS = int(os.environ.get("TEST_KILLS", "200"))
FRAMES = 40
KILLS_EACH = 5
"""Most of one job."""
LONGEST_CHUNK = OPTIONS.chunk_frames * 5 // 4


def same_pictures(one: Facts, two: Facts) -> bool:
    return one.seconds == two.seconds and all(map(np.array_equal, one.pictures, two.pictures))


@dataclass(slots=True)
class Storm:
    """What many kills did."""

    kills: int = 0
    late: int = 0
    """Of these, after the last frame was with the encoder: while a chunk is closed, or joined, or the file verified."""
    jobs: int = 0
    """That were run to their end."""
    different: int = 0
    """Jobs with a frame that is not that of a job nobody stopped."""
    most_lost: int = 0
    """Frames that one run made again."""

    def __str__(self) -> str:
        """In words."""
        return (
            f"{self.kills} kills over {self.jobs} jobs, {self.late} after the last frame: "
            f"{self.different} jobs with other frames, {self.most_lost} frames made again at most"
        )


def storm(folder: Path, kills: int) -> Storm:
    """Kill jobs until so many are killed, each a few times, and look at what comes out."""
    source = clips.plain(folder / "in.mkv", frames=FRAMES, gop=FRAMES)
    unbroken = folder / "unbroken.mkv"
    length = run(source, unbroken).seconds
    expected, random, found = facts(unbroken), Random(41), Storm()  # noqa: S311
    while found.kills < kills:
        output = folder / f"{found.jobs}.mkv"
        done = 0
        for wait in (*(random.uniform(0, length) for _ in range(KILLS_EACH)), None):
            if output.exists():
                break  # there was nothing left to do but to remove the folder
            last = run(source, output, kill_after=wait)
            found.kills += last.is_killed
            found.late += last.is_killed and last.done == FRAMES
            if last.done:  # it came as far as its first words
                found.most_lost = max(found.most_lost, done - last.resumed)
                done = last.done
        found.jobs += 1
        found.different += not same_pictures(facts(output), expected)
        print(found, flush=True)
    return found


def test_a_killed_job_makes_a_chunk_again_at_most(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=FRAMES, gop=FRAMES)
    unbroken, output = tmp_path / "unbroken.mkv", tmp_path / "out.mkv"
    killed = run(source, output, kill_at=18)
    assert killed.is_killed
    assert not output.exists()
    assert killed.done - run(source, output).resumed <= LONGEST_CHUNK
    run(source, unbroken)
    assert same_pictures(facts(output), facts(unbroken))


@pytest.mark.stress
def test_a_storm_of_kills_makes_a_chunk_again_at_most_each_time(tmp_path: Path) -> None:
    found = storm(tmp_path, KILLS)
    assert found.kills >= KILLS
    assert found.different == 0
    assert found.most_lost <= LONGEST_CHUNK
