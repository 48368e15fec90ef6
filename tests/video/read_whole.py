"""Reads files from end to end, each with and without leave to be damaged: a program, so that a crash ends no test.

Names come on stdin, one a line; for each a line on stdout says what became of it.
"""

import faulthandler
import resource
import sys
from itertools import pairwise
from pathlib import Path

from vrinr_cli.errors import VrinrError
from vrinr_cli.video.probe import probe
from vrinr_cli.video.reader import read_frames

MOST_MEMORY = 4 << 30
"""Bytes of address space: a header that claims a huge picture must not get it."""
LONGEST = 120
"""Seconds for one file, far more than any needs even where others use the processor; then it hangs, and so it ends."""


def read(path: Path, *, allow_damaged: bool) -> str:
    """What becomes of a file: "N frames", or the kind of error that explains it."""
    try:
        info = probe(path, allow_damaged=allow_damaged)
        numbers, times = [], []
        for frame in read_frames(info, 0, len(info.timeline), allow_damaged=allow_damaged):
            numbers.append(frame.index)
            times.append(frame.pts)
    except VrinrError as error:
        if "\n" in f"{error}{error.hint}" or not error.hint:
            raise ValueError(f"not one line: {error}") from error
        return type(error).__name__
    if numbers != list(range(len(info.timeline))) or not all(before < after for before, after in pairwise(times)):
        raise ValueError(f"frames {numbers} at {times} of {len(info.timeline)}")
    return f"{len(numbers)} frames"


if __name__ == "__main__":
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    for line in sys.stdin:
        faulthandler.dump_traceback_later(LONGEST, exit=True)
        outcomes = [read(Path(line.rstrip()), allow_damaged=allowed) for allowed in (False, True)]
        print(*outcomes, sep=", ", flush=True)
