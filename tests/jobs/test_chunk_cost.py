"""What cutting a job into chunks costs, beside one unbroken encode."""

import os
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import av
import pytest

from media import clips
from vrinr_cli.frame import Plane
from vrinr_cli.video.pixels import plane_format, planes_of

DEMO = Path(__file__).parents[2] / "demo" / "bbb.mp4"
LENGTH = int(os.environ.get("TEST_CHUNK_FRAMES", "3000"))
ALL = "1000000"
DEFAULT = "300"


def there_and_back(path: Path, frames: int) -> Path:
    """The demo clip forwards and backwards for so many frames, without cuts; near to lossless."""
    shown: list[tuple[Plane, ...]] = []
    with av.open(DEMO) as container:
        shown.extend(planes_of(frame, plane_format("yuv420p")) for frame in container.decode(video=0))
    both = [*shown, *shown[-2:0:-1]]
    size = shown[0][0].shape
    spec = clips.Spec(size=(size[0], size[1]), frames=frames, options={"crf": "8", "preset": "veryfast"}, gop=250)
    return clips.from_planes(path, islice(cycle(both), frames), spec)


def run(source: Path, output: Path, chunk_frames: str) -> float:
    """Wall seconds of a whole command with plain bicubic, where chunks weigh most."""
    command = [sys.executable, "-m", "vrinr_cli", "upscale", str(source), "-o", str(output), "--scale", "2", "-q"]
    started = time.monotonic()
    subprocess.run([*command, "--method", "bicubic", "--chunk-frames", chunk_frames], check=True)
    return time.monotonic() - started


@pytest.mark.stress
def test_chunks_add_less_than_a_fiftieth_to_the_file(tmp_path: Path) -> None:
    source = there_and_back(tmp_path / "in.mp4", LENGTH)
    seconds, sizes = {}, {}
    for name in (ALL, DEFAULT):
        output = tmp_path / f"{name}.mp4"
        seconds[name] = run(source, output, name)
        sizes[name] = output.stat().st_size
    ratio = sizes[DEFAULT] / sizes[ALL]
    print(
        f"{LENGTH} frames, chunks of {DEFAULT} over one: size x{ratio:.4f}, time x{seconds[DEFAULT] / seconds[ALL]:.3f}"
    )
    assert ratio < 1.02
