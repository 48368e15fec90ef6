"""Many sources in one command, as a user meets them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from event_schema import checked
from jobs.facts import facts, noise_weights, tiny_weights
from media import clips, damaged, tracks
from vrinr_cli.cli.app import app
from vrinr_cli.cli.progress import Bar, JsonProgress
from vrinr_cli.cli.summary import plain_lines, show_summary, summary_words
from vrinr_cli.jobs import trial
from vrinr_cli.jobs.batch import BatchReport, Outcome
from vrinr_cli.jobs.events import Advanced, Event, Noted

SMALL = (48, 64)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip that the tests copy."""
    return clips.plain(tmp_path / "clip.mp4", frames=3, size=SMALL)


@pytest.fixture
def here(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `in` with clips, one of them below, and what is no clip; the tests stand beside it."""
    content = clip.read_bytes()
    for name in ("b.mp4", "ünï 日本 [1].mp4", "more/a.mp4", ".hidden.mp4"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "in" / "notes.txt").write_text("no video")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def upscale(*words: object) -> tuple[int, str, str]:
    return run("upscale", "--method", "bicubic", *words)


def events(out: str) -> list[dict[str, Any]]:
    return checked("upscale --dry-run" if '"event": "plan"' in out else "upscale", out)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def make_bad_ones(folder: Path, clip: Path) -> None:
    damaged.text(folder / "text.mp4")
    damaged.cut(clip, folder / "cut.mp4")
    tracks.sound_only(folder / "sound.mp4")
    tracks.sound_only(folder / "song.m4a")


def test_bad_files_do_not_stop_the_rest(here: Path, clip: Path) -> None:
    make_bad_ones(here / "in", clip)
    before = files(here)
    code, out, err = upscale("in")
    assert (code, out) == (1, "")
    made = ["in/b.x2.mp4", "in/ünï 日本 [1].x2.mp4"]
    assert files(here) == sorted([*before, *made])
    assert [len(facts(here / name).seconds) for name in made] == [3, 3]
    lines = err.splitlines()
    assert [line for line in lines if line.startswith("vrinr: error: ")] == [
        "vrinr: error: [2/5] cut.mp4: the index is missing (file cut?); copy or download the file again",
        "vrinr: error: [3/5] sound.mp4: no video stream; choose a video file",
        "vrinr: error: [4/5] text.mp4: not a video that can be read; choose a video file",
    ]
    assert any(line.startswith("[5/5] ünï 日本 [1].mp4: 64x48 -> 128x96, 3 frames") for line in lines)
    table = [line.split()[:2] for line in lines[lines.index(next(x for x in lines if x.startswith("file "))) :]]
    assert ["in/b.mp4", "done"] in table
    assert ["in/text.mp4", "failed"] in table
    assert lines[-2].startswith("5 files: 2 done, 3 failed, in ")
    assert lines[-1] == "the same command with --skip-existing tries again what failed"


def test_quiet_is_errors_only(here: Path, clip: Path) -> None:
    make_bad_ones(here / "in", clip)
    code, out, err = upscale("in", "-q")
    assert (code, out) == (1, "")
    assert [line.split(":")[2].split("]")[0] for line in err.splitlines()] == [" [2/5", " [3/5", " [4/5"]
    assert upscale("in/more", "-q") == (0, "", "")


def test_json_says_of_each_event_whose_it_is_and_ends_with_the_batch(here: Path) -> None:
    damaged.text(here / "in" / "c.mp4")
    (here / "in" / "b.x2.mp4").write_bytes(b"there")
    code, out, err = upscale("in", "--recursive", "--skip-existing", "--json")
    assert code == 1
    assert err.count("\n") == 1
    told = events(out)
    assert {record["schema"] for record in told} == {1}
    assert told[0]["event"] == "warning"
    assert [record["index"] for record in told if record["event"] in ("skipped", "error", "start", "done")] == [
        *(1, 2, 3, 3, 4, 4),
    ]
    assert all("index" in record for record in told[1:-1])
    error = next(record for record in told if record["event"] == "error")
    assert (error["source"], error["code"]) == ("in/c.mp4", 1)
    last = told[-1]
    assert (last["event"], last["code"], last["is_interrupted"]) == ("batch", 1, False)
    assert [(each["source"], each["result"], each["frames"]) for each in last["files"]] == [
        ("in/b.mp4", "skipped", 0),
        ("in/c.mp4", "failed", 0),
        ("in/ünï 日本 [1].mp4", "done", 3),
        ("in/more/a.mp4", "done", 3),
    ]
    assert last["files"][2]["bytes"] == (here / "in" / "ünï 日本 [1].x2.mp4").stat().st_size
    assert last["files"][1]["hint"] == "choose a video file"


def test_the_tree_is_kept_below_the_folder_for_outputs(here: Path) -> None:
    assert upscale("in", "--recursive", "-o", "in/out/", "-q", "--suffix", "_big") == (0, "", "")
    made = ["b_big.mp4", "more/a_big.mp4", "ünï 日本 [1]_big.mp4"]
    assert files(here / "in" / "out") == made
    assert upscale("in", "--recursive", "--out-dir", "in/out", "--suffix", "_big", "--skip-existing", "-q") == (
        *(0, "", ""),
    )
    assert files(here / "in" / "out") == made


def test_what_was_made_is_not_made_larger_again(here: Path) -> None:
    assert upscale("in", "-q")[0] == 0
    code, _, err = upscale("in", "--scale", "3", "--out-dir", "out")
    assert code == 0
    assert "note: left out, made by vrinr of another source: in/b.x2.mp4, in/ünï 日本 [1].x2.mp4\n" in err
    assert files(here / "out") == ["b.x3.mp4", "ünï 日本 [1].x3.mp4"]
    assert upscale("out", "-q")[0] == 0  # where nothing else is, what vrinr made is a source like any other
    assert "b.x3.x2.mp4" in files(here / "out")
    code, _, err = upscale(*sorted((here / "in").glob("*.mp4")), "--skip-existing")  # as a shell takes *.mp4
    assert (code, err.splitlines()[-1].split(",")[0]) == (0, "3 files: 1 done")
    assert not list(here.rglob("*.x2.x2.*"))


def test_outputs_that_are_there_are_told_at_the_start(here: Path) -> None:
    (here / "in" / "b.x2.mp4").write_text("precious")
    before = files(here)
    code, _, err = upscale("in")
    assert (code, files(here)) == (2, before)
    assert err.splitlines()[-1] == (
        "vrinr: error: in/b.x2.mp4 exists already; use --skip-existing to make the others, or -y to replace"
    )
    assert upscale("in", "-n")[0] == 2
    assert upscale("in", "--skip-existing", "-q") == (0, "", "")
    assert (here / "in" / "b.x2.mp4").read_text() == "precious"
    assert upscale("in", "-y", "-q") == (0, "", "")
    assert len(facts(here / "in" / "b.x2.mp4").seconds) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in", "--codec", "nosuch"], "no codec is called nosuch"),
        (["in", "--weights", "nosuch", "--method", "vrinr"], "no weights are called 'nosuch'"),
        (["in", "--device", "cuda:77"], "cuda:77"),
        (["in", "--crf", "99"], "crf"),
        (["in", "--size", "10x10"], "each axis may grow 1 to 32 times"),
        (["in", "-o", "one.mp4"], "-o names one file for 3 sources; name a folder: -o DIR/"),
        (["in/more", "-o", "nosuch/one.mp4"], "nosuch: no such folder"),
        (["in", "-o", "out/", "--out-dir", "out"], "-o and --out-dir given"),
        (["in/b.mp4", "-o", "out.mp4", "--suffix", ".x"], "--suffix given with the name of a file"),
        (["in", "--suffix", "../x"], "suffix is ../x"),
        (["in", "--suffix", ""], "is the source itself"),
        (["in", "--part", "1/2"], "--part given with a folder or several sources"),
        (["in", "-y", "--skip-existing"], "-y and --skip-existing given"),
        (["in", "-y", "-n"], "-y and -n given"),
        (["in", "nosuch.mp4"], "nosuch.mp4: no such file"),
        (["in/*.avi"], "in/*.avi: no file matches"),
        (["in", "--out-dir", "clip.mp4"], "clip.mp4: is no folder; name another"),
        (["in/b.mp4", "in/more/b.mp4", "-o", "out/"], "in/b.mp4 and in/more/b.mp4 would both become out/b.x2.mp4"),
    ],
)
def test_wrong_use_is_told_before_anything_is_made(here: Path, arguments: list[str], words: str) -> None:
    (here / "in" / "a.mp4").write_text("no video, which says nothing of the options")
    (here / "in" / "more" / "a.mp4").rename(here / "in" / "more" / "b.mp4")
    before = files(here)
    code, out, err = upscale(*arguments)
    assert (code, out) == (2, ""), err
    assert err.count("\n") == 1
    assert words in err
    assert files(here) == before
    assert not (here / "out").exists()


def test_options_that_one_source_does_not_take_are_the_failure_of_that_one(here: Path) -> None:
    clips.plain(here / "in" / "a.mp4", frames=2, size=(96, 128))
    code, _, err = upscale("in", "--height", "64")
    assert (code, err.splitlines()[-2].split(", in")[0]) == (1, "3 files: 2 done, 1 failed")
    assert "vrinr: error: [1/3] in/a.mp4: 128x64 from 128x96: each axis may grow" in err


def test_the_first_failure_ends_it_if_that_is_asked(here: Path) -> None:
    (here / "in" / "a.mp4").write_text("no video")
    code, out, _ = upscale("in", "--fail-fast", "--json", "--out-dir", "out")
    assert (code, [each["result"] for each in events(out)[-1]["files"]]) == (1, ["failed", "not begun", "not begun"])
    assert not (here / "out").exists()


def test_one_source_that_is_named_may_go_to_a_folder(here: Path) -> None:
    assert upscale("in/b.mp4", "-o", "new/out/", "-q") == (0, "", "")
    assert upscale("in/b.mp4", "-o", "in/more", "-q") == (0, "", "")
    assert files(here / "new") == ["out/b.x2.mp4"]
    assert "b.x2.mp4" in files(here / "in" / "more")
    code, _, err = upscale("in/notes.txt", "-o", "made/", "-q")
    assert (code, err) == (1, "vrinr: error: notes.txt: not a video that can be read; choose a video file\n")
    assert not (here / "made").exists()
    code, out, _ = upscale("in/b.mp4", "-o", "in/more/", "--skip-existing", "--json")
    told = {"schema": 1, "event": "skipped", "source": "in/b.mp4", "output": "in/more/b.x2.mp4"}
    assert (code, events(out)) == (0, [told])


def test_denoise_takes_many_too(here: Path) -> None:
    weights = noise_weights(here)
    assert run("denoise", "in", "--sigma", "9", "--weights", weights, "-q", "--recursive") == (0, "", "")
    assert {"in/b.clean.mp4", "in/more/a.clean.mp4", "in/ünï 日本 [1].clean.mp4"} < set(files(here))


def interrupted(monkeypatch: pytest.MonkeyPatch, index: int, kind: type[Event], count: int) -> None:
    """Ctrl-C at an event of the source of this number, the so manieth."""
    seen: list[Event] = []

    def listen(shown: JsonProgress, event: Event) -> None:
        if shown.about == {"index": index} and isinstance(event, kind):
            seen.append(event)
            if len(seen) == count:
                raise KeyboardInterrupt

    monkeypatch.setattr(JsonProgress, "__call__", listen)


def test_after_an_interrupt_the_same_command_goes_on_where_it_was(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips.plain(here / "in" / "c.mp4", frames=9, size=SMALL)
    command = ("in", "--json", "--chunk-frames", "4", "--out-dir", "out", "--skip-existing")
    with monkeypatch.context() as patched:
        interrupted(patched, 2, Advanced, 6)
        code, out, err = upscale(*command)
    told = events(out)
    assert (code, err) == (130, "vrinr: error: stopped; the same command goes on, 2 files left\n")
    assert (told[-2]["event"], told[-2]["code"], told[-1]["event"], told[-1]["code"]) == ("error", 130, "batch", 130)
    assert told[-1]["is_interrupted"] is True
    assert [each["result"] for each in told[-1]["files"]] == ["done", "stopped", "not begun"]
    assert (here / "out" / ".c.x2.mp4.vrinr").is_dir()
    code, out, err = upscale(*command)
    told = events(out)
    assert (code, err) == (0, "")
    assert [each["result"] for each in told[-1]["files"]] == ["skipped", "done", "done"]
    assert next(each for each in told if each["event"] == "done")["resumed_frames"] == 4
    assert files(here / "out") == ["b.x2.mp4", "c.x2.mp4", "ünï 日本 [1].x2.mp4"]


def test_an_interrupt_before_the_first_chunk_leaves_nothing_of_a_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, 2, Noted, 1)
    code, out, err = upscale("in", "--json", "--out-dir", "out")
    assert (code, [each["result"] for each in events(out)[-1]["files"]]) == (130, ["done", "stopped"])
    assert err == "vrinr: error: stopped; the same command with --skip-existing goes on, 1 file left\n"
    assert [path.name for path in (here / "out").iterdir()] == ["b.x2.mp4"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_batch_with_130(here: Path, number: int) -> None:
    clips.plain(here / "in" / "c.mp4", frames=200, size=(128, 256))
    command = [sys.executable, "-m", "vrinr_cli", "upscale", "in", "--scale", "4", "--chunk-frames", "5"]
    command += ["--weights", str(tiny_weights(here)), "--out-dir", "out"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "80"})
    while not (here / "out" / ".c.x4.mp4.vrinr" / "journal.jsonl").exists() and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(number)
    _, err = running.communicate()
    assert running.returncode == 130, err
    last = "vrinr: error: stopped; the same command with --skip-existing goes on, 2 files left"
    assert err.splitlines()[-1] == last
    assert err.splitlines()[-2].startswith("3 files: 1 done, 1 stopped, 1 not begun, in ")
    assert files(here / "out")[-1] == "b.x4.mp4"


def short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    monkeypatch.setattr(trial, "SIZE_SECONDS", 0.0)


def test_a_dry_run_plans_each_and_adds_up(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short_trials(monkeypatch)
    (here / "in" / "a.mp4").write_text("no video")
    before = files(here)
    code, out, err = upscale("in", "--recursive", "-o", "new/out/", "--dry-run")
    assert code == 1
    assert err == "vrinr: error: [1/4] a.mp4: not a video that can be read; choose a video file\n"
    heads = [line for line in out.splitlines() if not line.startswith(" ")]
    assert heads == [
        f"[2/4] b.mp4 -> {here}/new/out/b.x2.mp4",
        f"[3/4] ünï 日本 [1].mp4 -> {here}/new/out/ünï 日本 [1].x2.mp4",
        f"[4/4] a.mp4 -> {here}/new/out/more/a.x2.mp4",
        "3 files one after the other",
    ]
    assert [line.split()[0] for line in out.splitlines()[-4:]] == ["length", "file", "disk", "time"]
    assert "  length    9 frames, 0.4 s\n" in out
    assert files(here) == before
    assert not (here / "new").exists()


@pytest.mark.usefixtures("here")
def test_a_dry_run_as_json_ends_with_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    short_trials(monkeypatch)
    code, out, err = upscale("in", "--dry-run", "--json")
    told = events(out)
    assert (code, err, [each["event"] for each in told]) == (0, "", ["plan", "plan", "batch"])
    assert [each["index"] for each in told[:2]] == [1, 2]
    assert told[2]["total"]["frames"] == 6
    assert told[2]["total"]["output_bytes"] == sum(each["output_bytes"] for each in told[:2])
    assert {each["result"] for each in told[2]["files"]} == {"planned"}


@pytest.mark.usefixtures("here")
def test_a_disk_that_holds_each_but_not_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    short_trials(monkeypatch)
    _, out, _ = upscale("in/b.mp4", "--dry-run", "--json")
    free = events(out)[0]["disk_needed"] + 1
    monkeypatch.setattr("vrinr_cli.jobs.disk.shutil.disk_usage", lambda _: type("Usage", (), {"free": free}))
    code, out, err = upscale("in", "--dry-run")
    assert code == 1
    assert err.startswith("vrinr: error: 2 files: needs about ")
    assert "2 files one after the other\n" in out


def report(*outcomes: tuple[str, str, str]) -> BatchReport:
    """Of files by name, result and cause."""
    made = tuple(
        Outcome(
            source=Path(name),
            output=Path("x"),
            result=result,  # type: ignore[arg-type]
            frames=1234,
            seconds=700,
            bytes=71_000_000,
            message=message,
        )
        for name, result, message in outcomes
    )
    return BatchReport(files=made, seconds=4000, is_interrupted=False)


ALL = (
    *(("in/a.mp4", "done", ""), ("in/日本.mp4", "skipped", ""), ("in/c\x1b.mp4", "failed", "c\\x1b.mp4: no video")),
    *(("in/d.mp4", "failed", "the disk is full"), ("in/e.mp4", "not begun", "")),
)


def test_the_table_in_plain_words() -> None:
    assert plain_lines(report(*ALL)) == [
        "file          result     frames    time   size",
        "in/a.mp4      done         1234  12 min  71 MB",
        "in/日本.mp4   skipped",
        "in/c\\x1b.mp4  failed",
        "  no video",
        "in/d.mp4      failed",
        "  the disk is full",
        "in/e.mp4      not begun",
    ]
    assert summary_words(report(*ALL)) == "5 files: 1 done, 1 skipped, 2 failed, 1 not begun, in 67 min"


def test_the_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "dumb")
    show_summary(report(*ALL))
    rows = [line.strip("│").split("│") for line in capsys.readouterr().err.splitlines() if line.startswith("│")]
    assert [cell.strip() for cell in rows[0]] == ["in/a.mp4", "done", "1234", "12 min", "71 MB"]
    assert [row[0].strip() for row in rows[1:]] == [
        *("in/日本.mp4", "in/c\\x1b.mp4", "no video", "in/d.mp4", "the disk is full", "in/e.mp4"),
    ]


def test_the_bar_says_which_file_it_is() -> None:
    bar = Bar(verbose=False, head="[3/12] ")
    assert bar.rich.tasks[0].fields["step"] == "[3/12] frames"
