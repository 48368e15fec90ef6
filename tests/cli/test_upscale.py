"""The command line as a user meets it: exit code, one line on stderr, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.facts import facts, noise_weights, tiny_weights
from media import clips, damaged, scenes, tracks
from vrinr_cli.cli.app import app
from vrinr_cli.cli.progress import JsonProgress
from vrinr_cli.jobs.events import Advanced, Event


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def vrinr(*arguments: object, cwd: Path, environment: dict[str, str] | None = None) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "vrinr_cli", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def vrinr_here(*arguments: object, cwd: Path, monkeypatch: pytest.MonkeyPatch) -> Done:
    """The same command line in this process: quicker where nothing but words is looked at."""
    monkeypatch.chdir(cwd)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return Done(done.exit_code, done.stdout, done.stderr)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_clip_comes_out_larger_with_plain_words_about_it(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=6)
    weights = tiny_weights(tmp_path)
    done = vrinr("upscale", "in.mp4", "--scale", "3", "--weights", weights, cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    lines = done.err.splitlines()
    assert lines[0].startswith("in.mp4: 96x64 -> 288x192, 6 frames, vrinr on cpu ")
    assert lines[-1].startswith(f"{tmp_path / 'in.x3.mp4'}: 6 frames, ")
    assert facts(tmp_path / "in.x3.mp4").size == (192, 288)
    assert "\x1b" not in done.err


def test_quiet_says_nothing(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2)
    done = vrinr("upscale", "in.mp4", "-q", "--method", "bicubic", "-o", "out.mp4", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_json_is_one_object_a_line_on_stdout(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=4)
    done = vrinr("upscale", "in.mp4", "--json", "--method", "lanczos", "-o", "out.mp4", cwd=tmp_path)
    records = [json.loads(line) for line in done.out.splitlines()]
    assert {r["schema"] for r in records} == {1}
    events = [r["event"] for r in records]
    assert (events[0], events[-1]) == ("start", "done")
    assert [r["done"] for r in records if r["event"] == "progress"] == [1, 2, 3, 4]
    assert records[-1]["frames"] == 4
    assert records[-1]["target_size"] == [128, 192]
    assert done.err == ""


@pytest.mark.parametrize(("asked", "cuts"), [((), 1), (("--cuts", "auto"), 1), (("--cuts", "none"), 0)])
@pytest.mark.parametrize("command", ["upscale", "denoise"])
def test_cuts_are_told(
    tmp_path: Path, command: str, asked: tuple[str, ...], cuts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = scenes.scene(1, 5) + scenes.scene(2, 5)
    spec = clips.Spec(size=scenes.SIZE, codec="ffv1", pix_fmt="gray")
    clips.from_planes(tmp_path / "in.mkv", ((scenes.plane(picture),) for picture in pictures), spec)
    weights = tiny_weights(tmp_path) if command == "upscale" else noise_weights(tmp_path)
    told = ("--sigma", "9") if command == "denoise" else ()
    line = (command, "in.mkv", "--json", "--weights", weights, "-o", "out.mkv", *told, *asked)
    done = vrinr_here(*line, cwd=tmp_path, monkeypatch=monkeypatch)
    records = [json.loads(record) for record in done.out.splitlines()]
    assert (records[-1]["event"], records[-1]["cuts"]) == ("done", cuts)
    notes = [r["text"] for r in records if r["event"] == "warning" and "cut" in r["text"]]
    assert notes == ["1 scene cut seen: no picture was mixed with one beyond a cut"][:cuts]


def bad_inputs(folder: Path) -> dict[str, tuple[str, int, str]]:
    """Name to (file, exit code, what the line must say)."""
    (folder / "empty.mp4").write_bytes(b"")
    damaged.text(folder / "text.mp4")
    tracks.sound_only(folder / "sound.m4a")
    whole = clips.plain(folder / "whole.mp4", frames=60)
    damaged.cut(whole, folder / "cut.mp4")
    damaged.cut(clips.plain(folder / "whole.mkv", frames=60), folder / "cut.mkv")
    return {
        "empty": ("empty.mp4", 1, "empty.mp4"),
        "text": ("text.mp4", 1, "not a video that can be read"),
        "sound": ("sound.m4a", 1, "no video stream"),
        "cut mp4": ("cut.mp4", 1, "cut.mp4"),
        "cut mkv": ("cut.mkv", 1, "cut.mkv"),
        "missing": ("nosuch.mp4", 2, "no such file"),
        "folder": (".", 2, "-o names one file for 6 sources"),
    }


@pytest.mark.parametrize("kind", ["empty", "text", "sound", "cut mp4", "cut mkv", "missing", "folder"])
def test_bad_input_gives_one_line_and_leaves_nothing(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, code, words = bad_inputs(tmp_path)[kind]
    before = names(tmp_path)
    done = vrinr_here("upscale", name, "-o", "out.mp4", cwd=tmp_path, monkeypatch=monkeypatch)
    assert done.code == code, done.err
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("vrinr: error: ")
    assert words in done.err
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scale", "0.5"], "scale is 0.5; choose 1 to 32"),
        (["--scale", "nan"], "scale is 'nan'"),
        (["--scale", "33"], "scale is 33"),
        (["--scale", "1,5"], "scale is '1,5'"),
        (["--scale", ""], "scale is ''"),
        (["--scale", "inf"], "scale is 'inf'"),
        (["--chunk-frames", "0"], "chunk frames is 0; choose 1 or more"),
        (["--tile", "0"], "tile is 0; choose 16 or more"),
        (["--threads", "-1"], "threads is -1; choose 0 to 1024"),
        (["--memory", "1e9"], "memory is '1e9'"),
        (["--height", "0"], "height is 0; choose 1 to 65536"),
        (["--frames", "0"], "frames is 0; choose 1 or more"),
        (["--start", "nan"], "time is 'nan'"),
        (["--bitrate", "0"], "bitrate is 0 bits/s; choose 1k to 10G"),
        (["--pix-fmt", ""], "no pixel format is called"),
        (["--scale", "2", "--height", "99"], "--scale and --height given"),
        (["--scale", "32", "--size", "60000x40000"], "given"),
        (["--size", "3072x2048", "--crf", "nan"], "crf is nan"),
        (["--precision", "fp7"], "precision is 'fp7'"),
        (["--cuts", "maybe"], "cuts is 'maybe'; choose auto or none"),
        (["--audio", "loud"], "audio is 'loud'"),
        (["--size", "10x10"], "each axis may grow 1 to 32 times"),
        (["--encoder-option", "nosuch=1"], "nosuch"),
        (["--encoder-option", "nosuch"], "write NAME=VALUE"),
        (["--codec", "nosuch"], "no codec is called nosuch"),
        (["--pix-fmt", "nosuch"], "nosuch"),
        (["--crf", "99"], "crf"),
        (["--device", "cuda:77"], "cuda:77"),
        (["--device", "abacus"], "device 'abacus'"),
        (["--start", "5", "--end", "4"], "the end is not after the start"),
        (["--bitrate", "fast"], "bitrate is 'fast'"),
        (["--weights", "weights.pth"], "pickled weights"),
        (["-o", "missing/out.mp4"], "no such folder"),
        (["-o", "out.xyz"], "names no video file"),
        (["-o", "in.mp4", "-y"], "is the source itself"),
        (["-o", "there.mp4"], "exists already"),
        (["-o", "there.mp4", "-n"], "exists already"),
        (["-o", "there.mp4", "-n", "-y"], "-y and -n given"),
        (["-o", "dangling.mp4", "-y"], "is no ordinary file"),
        (["--encoder-option", "profile=xxx"], "does not take profile=xxx: "),
    ],
)
def test_wrong_use_exits_with_2_before_anything_is_made(
    tmp_path: Path, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2)
    (tmp_path / "there.mp4").write_text("precious")
    (tmp_path / "dangling.mp4").symlink_to("nowhere.mp4")
    before = names(tmp_path)
    done = vrinr_here(
        "upscale",
        "in.mp4",
        *([] if "-o" in arguments else ["-o", "out.mp4"]),
        *arguments,
        cwd=tmp_path,
        monkeypatch=monkeypatch,
    )
    assert done.code == 2, done.err
    assert done.err.count("\n") == 1
    assert words in done.err
    assert names(tmp_path) == before
    assert (tmp_path / "there.mp4").read_text() == "precious"


def test_the_default_name_keeps_bytes_that_are_no_text(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2).rename(tmp_path / os.fsdecode(b"bad\xff.mp4"))
    done = vrinr("upscale", os.fsdecode(b"bad\xff.mp4"), "--method", "bicubic", cwd=tmp_path)
    assert done.code == 0, done.err
    assert [os.fsencode(name) for name in names(tmp_path)] == [b"bad\xff.mp4", b"bad\xff.x2.mp4"]


def test_a_full_stdout_is_one_line(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2)
    command = f"{sys.executable} -m vrinr_cli upscale in.mp4 --method bicubic -o out.mp4 --json > /dev/full"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "No space left" in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_a_closed_stdout_is_exit_code_1_without_a_word(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2)
    command = [sys.executable, "-m", "vrinr_cli", "upscale", "in.mp4", "--method", "bicubic", "-o", "out.mp4", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1
    assert names(tmp_path) == ["in.mp4"]


def test_an_unknown_option_exits_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = vrinr_here("upscale", "in.mp4", "--nosuch", cwd=tmp_path, monkeypatch=monkeypatch)
    assert done.code == 2
    assert "--nosuch" in done.err


def test_yes_replaces_an_existing_output(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2)
    (tmp_path / "there.mp4").write_text("old")
    done = vrinr("upscale", "in.mp4", "-y", "--method", "bicubic", "-o", "there.mp4", cwd=tmp_path)
    assert done.code == 0, done.err
    assert len(facts(tmp_path / "there.mp4").seconds) == 2


@pytest.mark.parametrize(
    "name", ["-dash.mp4", "a b'c\"d.mp4", "%05d.mp4", "concat:a|b.mp4", "ünï[red].mp4", "a\nb.mp4"]
)
def test_hard_file_names_work(tmp_path: Path, name: str) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2).rename(tmp_path / name)
    done = vrinr("upscale", "--method", "bicubic", "-o", f"x2 {name}", "--", name, cwd=tmp_path)
    assert done.code == 0, done.err
    assert names(tmp_path) == sorted([name, f"x2 {name}"])


def test_a_name_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    done = vrinr("upscale", "\x1b]52;c;eA==\x07.mp4", cwd=tmp_path)
    assert done.code == 2
    assert "\x1b" not in done.err


def test_a_terminal_without_unicode_does_not_end_the_job(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2).rename(tmp_path / "日本.mp4")
    done = vrinr(
        *("upscale", "日本.mp4", "--method", "bicubic", "-o", "out.mp4"),
        cwd=tmp_path,
        environment={"PYTHONIOENCODING": "ascii"},
    )
    assert done.code == 0, done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_exits_with_130_and_the_same_command_goes_on(tmp_path: Path, number: int) -> None:
    clips.plain(tmp_path / "in.mp4", frames=200, size=(128, 256))
    command = ["upscale", "in.mp4", "--scale", "4", "--chunk-frames", "5", "--weights", str(tiny_weights(tmp_path))]
    command += ["-o", "out.mp4"]
    running = subprocess.Popen(
        [sys.executable, "-m", "vrinr_cli", *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    journal = tmp_path / ".out.mp4.vrinr" / "journal.jsonl"
    while not journal.exists() and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(number)
    _, err = running.communicate()
    assert running.returncode == 130, err
    assert err.splitlines()[-1] == "vrinr: error: stopped; the same command goes on, or `vrinr resume out.mp4`"
    assert not (tmp_path / "out.mp4").exists()
    again = vrinr(*command, cwd=tmp_path)
    assert again.code == 0, again.err
    assert "note: resuming: " in again.err
    assert len(facts(tmp_path / "out.mp4").seconds) == 200
    assert names(tmp_path) == ["in.mp4", "out.mp4", "tiny.safetensors"]


@pytest.mark.parametrize(("after", "hint"), [(3, "begins anew"), (7, "goes on, or `vrinr resume out.mp4`")])
def test_what_to_do_after_a_stop_depends_on_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, hint: str
) -> None:
    clips.plain(tmp_path / "in.mp4", frames=12)

    def interrupt(_: JsonProgress, event: Event) -> None:
        if isinstance(event, Advanced) and event.done == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(JsonProgress, "__call__", interrupt)
    command = ("upscale", "in.mp4", "--method", "bicubic", "--chunk-frames", "5", "-o", "out.mp4", "--json")
    done = vrinr_here(*command, cwd=tmp_path, monkeypatch=monkeypatch)
    assert (done.code, done.err) == (130, f"vrinr: error: stopped; the same command {hint}\n")
    assert (tmp_path / ".out.mp4.vrinr").exists() is (after == 7)


def test_info_names_devices_encoders_and_weights(tmp_path: Path) -> None:
    done = vrinr("info", cwd=tmp_path)
    assert done.code == 0, done.err
    for word in ("cpu", "libx264", "general", "sha256", "torch"):
        assert word in done.out
    record = json.loads(vrinr("info", "--json", cwd=tmp_path).out)
    assert record["is_usable"] is True


def test_a_closed_stderr_is_ignored_and_nothing_goes_to_stdout(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2)
    command = f"{sys.executable} -m vrinr_cli upscale in.mp4 --method bicubic -o out.mp4 2>&-"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert len(facts(tmp_path / "out.mp4").seconds) == 2
