"""Memory does not grow with the length of the video."""

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from jobs.facts import tiny_weights
from media import clips


def peak_of(source: Path, output: Path, *options: str) -> int:
    """Most bytes that the whole command held, by its own report; a process of its own."""
    command = [sys.executable, "-m", "vrinr_cli", "upscale", str(source), "-o", str(output), "--json", *options]
    command += ["--weights", str(tiny_weights(source.parent)), "--preset", "ultrafast"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout.splitlines()[-1])["peak_memory"])


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Heaps of codec threads settle over some chunks; keeping even one picture in five would show."""
    frames, picture = (120, 840), 480 * 640 * 3 // 2
    peaks = [
        peak_of(
            clips.plain(tmp_path / f"{count}.mp4", frames=count, size=(240, 320)),
            tmp_path / f"{count}.mkv",
            *("--scale", "2", "--chunk-frames", "120"),
        )
        for count in frames
    ]
    assert peaks[1] - peaks[0] < (frames[1] - frames[0]) * picture / 5, peaks


@pytest.mark.stress
def test_a_minute_of_480p_takes_what_ten_seconds_take(tmp_path: Path) -> None:
    short = clips.plain(tmp_path / "short.mp4", frames=250, size=(480, 854))
    long = clips.plain(tmp_path / "long.mp4", frames=1500, size=(480, 854))
    peaks = [peak_of(source, source.with_suffix(".mkv"), "--scale", "1.5") for source in (short, long)]
    assert abs(peaks[1] / peaks[0] - 1) < 0.1, peaks


@pytest.mark.stress
def test_twenty_thousand_frames_take_what_two_thousand_take(tmp_path: Path) -> None:
    """A soak: every frame comes out, and its times are all that is kept: 600 bytes a frame would show."""
    size, counts = (48, 64), (2_000, 20_000)
    peaks = []
    for count in counts:
        source, output = tmp_path / f"{count}.mp4", tmp_path / f"{count}.mkv"
        peaks.append(peak_of(clips.plain(source, frames=count, size=size), output, "--scale", "2"))
        with av.open(output) as container:
            assert sum(1 for packet in container.demux(video=0) if packet.size) == count
    print("peak memory over length, bytes:", dict(zip(counts, peaks, strict=True)))
    assert peaks[1] - peaks[0] < (counts[1] - counts[0]) * 600, peaks
