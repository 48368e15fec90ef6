"""`-` as a user types it: data alone on stdout, words on stderr, and quiet ends."""

import io
import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from cli.test_upscale import names, vrinr_here
from jobs.facts import facts
from media import clips, stills
from media.piped import raw

VRINR = [sys.executable, "-m", "vrinr_cli"]
PLAIN = ["--method", "bicubic"]


def run(*arguments: object, cwd: Path, given: bytes = b"", **how: Any) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([*VRINR, *map(str, arguments)], cwd=cwd, input=given, capture_output=True, check=False, **how)


def test_a_clip_goes_through_both_pipes_with_words_on_stderr_alone(tmp_path: Path) -> None:
    given = raw(tmp_path / "in.y4m", frames=4).read_bytes()
    done = run("upscale", "-", "-o", "-", "--scale", "3", *PLAIN, cwd=tmp_path, given=given)
    assert done.returncode == 0, done.stderr
    with av.open(io.BytesIO(done.stdout), "r") as file:
        assert (file.format.name, file.streams.video[0].width) == ("yuv4mpegpipe", 192)
        assert len(list(file.decode(video=0))) == 4
    lines = done.stderr.decode().splitlines()
    assert lines[0] == "stdin: 64x48 -> 192x144, frames until it ends, bicubic on cpu fp32, y4m yuv420p"
    assert lines[-1].startswith("stdout: 4 frames, ")
    assert names(tmp_path) == ["in.y4m"]


def test_a_pipe_becomes_a_file_and_a_file_a_pipe(tmp_path: Path) -> None:
    given = raw(tmp_path / "in.nut", frames=4).read_bytes()
    done = run("upscale", "-", "-o", "out.mp4", "-q", *PLAIN, cwd=tmp_path, given=given)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(facts(tmp_path / "out.mp4").seconds) == 4
    done = run("denoise", "out.mp4", "-o", "-", "--pipe-format", "nut", "--sigma", "5", cwd=tmp_path)
    assert done.stdout.startswith(b"nut/multimedia container"), done.stderr


def test_a_reader_that_has_enough_ends_it_quietly(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=50)
    with subprocess.Popen(
        [*VRINR, "upscale", "in.mp4", "-q", "-o", "-", "--scale", "4", *PLAIN],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert len(running.stdout.read(1000)) == 1000
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0
    assert names(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_though_nothing_comes_any_more(tmp_path: Path, number: int) -> None:
    given = raw(tmp_path / "in.y4m", frames=8).read_bytes()
    with subprocess.Popen(
        [*VRINR, "upscale", "-", "-o", "out.mkv", "--json", *PLAIN],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdin.write(given)
        running.stdin.flush()
        assert any(b'"done": 8, "total": 0' in line for line in running.stdout)  # it waits for more from now on
        running.send_signal(number)
        assert running.wait() == 130
        assert running.stderr.read().decode().splitlines()[-1] == (
            "vrinr: error: stopped; the same command begins anew"
        )
    assert names(tmp_path) == ["in.y4m"]


def test_a_signal_ends_it_though_nobody_reads(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=30)
    with subprocess.Popen(
        [*VRINR, "upscale", "in.mp4", "-o", "-", "--scale", "8", *PLAIN],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert len(running.stdout.read(1 << 20)) == 1 << 20  # more than a pipe holds comes after it
        running.send_signal(signal.SIGINT)
        assert running.wait() == 130


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"", "stdin: nothing came through it; "),
        (b"some text", "stdin: neither y4m nor nut; "),
        (b"\0\0\0\x20ftypisom" + bytes(99), "stdin: an MP4 cannot be read from a pipe; give the file by its name "),
    ],
)
def test_what_is_no_clip_is_one_line_with_exit_code_1(tmp_path: Path, given: bytes, words: str) -> None:
    done = run("upscale", "-", "-o", "out.mp4", cwd=tmp_path, given=given)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(f"vrinr: error: {words}")
    assert done.stderr.count(b"\n") == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("- -o x.mp4 --part 1/2 --dry-run", "--part, --dry-run given with -"),
        ("- -o x.mp4 --start 1", "--start has no meaning with video through stdin"),
        ("in.mp4 -o - --json", "--json given with -o -"),
        ("in.mp4 -o - --crf 3", "--crf has no meaning with video through stdout"),
        ("in.mp4 -o x.mkv --pipe-format nut", "--pipe-format given without -o -"),
        ("- -o x.mp4 --pipe-format nut", "--pipe-format given without -o -"),
        ("in.mp4 -o - --pipe-format avi", "pipe format is 'avi'"),
        ("-", "no name for what is made of stdin"),
    ],
)
def test_wrong_use_is_exit_code_2_and_nothing_on_stdout(tmp_path: Path, arguments: str, words: str) -> None:
    clips.plain(tmp_path / "in.mp4", frames=1)
    done = run("upscale", *arguments.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"vrinr: error: {words}; ")
    assert names(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize(("arguments", "words"), [("- -o x.mp4", "stdin"), ("in.mp4 -o -", "stdout")])
def test_a_terminal_is_no_pipe(tmp_path: Path, arguments: str, words: str) -> None:
    clips.plain(tmp_path / "in.mp4", frames=1)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*VRINR, "upscale", *arguments.split()],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"vrinr: error: {words} is a terminal; pipe ")


def test_closed_descriptors_are_told_or_done_without(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2)
    command = shlex.join([*VRINR, "upscale", "in.mp4", *PLAIN, "-o", "-"])
    done = subprocess.run(["sh", "-c", f"{command} 2>&-"], cwd=tmp_path, stdout=subprocess.PIPE, check=False)
    with av.open(io.BytesIO(done.stdout), "r") as file:  # and no word between the frames
        assert len(list(file.decode(video=0))) == 2
    done = subprocess.run(["sh", "-c", f"{command} >&-"], cwd=tmp_path, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (2, b"vrinr: error: stdout is closed; open it\n")


def test_a_full_disk_behind_stdout_is_one_line(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2)
    command = shlex.join([*VRINR, "upscale", "in.mp4", "-q", *PLAIN, "-o", "-"])
    done = subprocess.run(["sh", "-c", f"{command} >/dev/full"], cwd=tmp_path, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "vrinr: error: stdout: No space left on device; make room; nothing is kept; run the whole line again\n"
    )


def test_the_plan_of_a_pipe_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = vrinr_here("plan", "-", "-o", "x.mp4", cwd=tmp_path, monkeypatch=monkeypatch)
    assert (done.code, done.err) == (
        2,
        "vrinr: error: --dry-run given with -; leave that out, or give files by name\n",
    )


def test_a_row_of_pictures_goes_into_a_pipe_and_none_comes_of_one(tmp_path: Path) -> None:
    for number in range(3):
        stills.save(tmp_path / f"{number}.png", stills.samples(seed=number))
    done = run("upscale", "%d.png", "--fps", "24", "-o", "-", *PLAIN, cwd=tmp_path)
    assert done.stdout.startswith(b"YUV4MPEG2 W112 H80 F24:1 "), done.stderr
    given = raw(tmp_path / "in.y4m", frames=2).read_bytes()
    for words in (["-o", "out%d.png"], ["-o", "out.mkv", "--fps", "24"]):
        done = run("upscale", "-", *words, *PLAIN, cwd=tmp_path, given=given)
        assert done.returncode == 2, done.stderr
    assert names(tmp_path) == ["0.png", "1.png", "2.png", "in.y4m"]
