"""Runs a job on each file that stdin names, to Matroska, MP4 and WebM in turn: in a process that may crash."""

import faulthandler
import sys
from itertools import cycle
from pathlib import Path

from vrinr_cli.errors import VrinrError
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import UpscaleOptions

OPTIONS = UpscaleOptions(method="bicubic", chunk_frames=5, allow_damaged=True)
LONGEST = 300
"""Seconds for one job, far more than any needs."""


def restore(source: Path, output: Path) -> str:
    """What becomes of a job: "N frames", or the kind of error that explains it; no file lies about either."""
    try:
        frames = upscale(source, output, OPTIONS).frames
    except VrinrError as error:
        if output.exists() or "\n" in f"{error}{error.hint}":
            raise ValueError(f"a file, or not one line: {error}") from error
        return type(error).__name__
    output.unlink()
    return f"{frames} frames"


if __name__ == "__main__":
    faulthandler.enable()
    for line, ending in zip(sys.stdin, cycle(("mkv", "mp4", "webm")), strict=False):
        faulthandler.dump_traceback_later(LONGEST, exit=True)
        source = Path(line.rstrip("\n"))
        print(restore(source, source.with_suffix(f".out.{ending}")), flush=True)
