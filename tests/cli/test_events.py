"""What `--json` and `--progress-file` promise, held against what the commands give."""

import os
import re
import runpy
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from event_schema import FILE, checked, definition, schema
from jobs.facts import noise_weights, stopped
from media import clips
from vrinr_cli.cli import progress_file
from vrinr_cli.cli.app import app
from vrinr_cli.cli.progress import JsonProgress, Quiet
from vrinr_cli.cli.progress_file import ProgressFile
from vrinr_cli.cli.show import finite
from vrinr_cli.errors import InputError, InterruptedJobError
from vrinr_cli.jobs import Advanced, Event, Noted, Started, Tracker, UpscaleOptions

PLAIN = ("--method", "bicubic", "--chunk-frames", "5", "-o", "out.mp4")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a clip of 12 frames."""
    monkeypatch.chdir(tmp_path)
    clips.plain(tmp_path / "in.mp4", frames=12, size=(48, 64))
    return tmp_path


def run(*arguments: object, code: int = 0) -> list[dict[str, Any]]:
    """Objects that a command prints with --json, each as the schema says."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == code, done.output
    return checked(str(arguments[0]), done.stdout)


def names(records: list[dict[str, Any]]) -> str:
    """Events in order, runs of progress as one, without what a user should know of the clip."""
    words = " ".join(record["event"] for record in records if record["event"] != "warning")
    return re.sub(r"(progress ?)+", "progress ", words).strip()


@pytest.mark.usefixtures("place")
def test_a_job_from_its_first_line_to_its_last() -> None:
    records = run("upscale", "in.mp4", *PLAIN)
    assert names(records) == "start progress step step done"
    assert (records[0]["chunks"], records[0]["frames"], records[0]["done"]) == (3, 12, 0)
    steps = [record for record in records if record["event"] == "progress"]
    assert [record["done"] for record in steps] == list(range(1, 13))
    assert [record["chunks_done"] for record in steps] == [0] * 5 + [1] * 5 + [2] * 2
    assert [round(record["percent"]) for record in steps] == [round(100 * n / 12) for n in range(1, 13)]
    assert steps[-1]["seconds_left"] == 0.0
    assert all(record["fps"] > 0 for record in steps)
    assert [record["name"] for record in records if record["event"] == "step"] == ["join", "verify"]


@pytest.mark.usefixtures("place")
def test_failures_carry_code_kind_and_remedy() -> None:
    Path("text.mp4").write_text("no video")
    (record,) = run("upscale", "text.mp4", *PLAIN, code=1)
    assert (record["code"], record["kind"]) == (1, "InputError")
    assert record["message"].startswith("text.mp4: ")
    (record,) = run("upscale", "nosuch.mp4", code=2)
    assert record == {
        "schema": 1,
        "event": "error",
        "code": 2,
        "kind": "OptionError",
        "message": "nosuch.mp4: no such file",
        "hint": "check the name",
    }
    for command in ("resume", "join", "jobs"):
        assert run(command, "nosuch.mp4", code=2)[-1]["kind"] in ("JobError", "OptionError")


def test_a_stop_and_what_follows(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = JsonProgress.__call__

    def interrupt(self: JsonProgress, event: Event) -> None:
        shown(self, event)
        if isinstance(event, Advanced) and event.done == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(JsonProgress, "__call__", interrupt)
        records = run("upscale", "in.mp4", *PLAIN, "--progress-file", "state.json", code=130)
    assert names(records) == "start progress error"
    assert (records[-1]["code"], records[-1]["kind"]) == (130, "InterruptedJobError")
    assert state_in(place)["state"] == "stopped"
    (job,) = run("jobs")
    assert (job["done"], job["frames"]) == (5, 12)
    records = run("resume", "out.mp4", "--progress-file", "state.json")
    assert names(records) == "start progress step step done"
    assert (records[0]["done"], records[0]["chunks_done"], records[-1]["resumed_frames"]) == (5, 1, 5)
    told = [record["text"] for record in records if record["event"] == "warning"]
    assert "resuming: 5 of 12 frames are done" in told
    assert told == records[-1]["notes"] == state_in(place)["notes"]
    assert (state_in(place)["state"], state_in(place)["report"]["resumed_frames"]) == ("done", 5)


@pytest.mark.usefixtures("place")
def test_parts_and_their_join() -> None:
    records = run("upscale", "in.mp4", *PLAIN, "--part", "1/2")
    assert names(records) == "start progress part"
    assert (records[0]["part"], records[0]["frames"], records[-1]["part"]) == ("1/2", 5, "1/2")
    assert run("join", "out.mp4", code=1)[-1]["kind"] == "PartsError"
    run("upscale", "in.mp4", *PLAIN, "--part", "2/2")
    records = run("join", "out.mp4", "--progress-file", "state.json")
    assert names(records) == "step step done"
    assert state_in(Path())["state"] == "done"


def test_denoise_plan_jobs_and_info(place: Path) -> None:
    told = ("--weights", noise_weights(place), "--sigma", "9")
    records = run("denoise", "in.mp4", "-o", "clean.mp4", *told, "--strength", "2")
    assert names(records) == "start progress step step done"
    facts = {"origin": "given", "sigma": 9.0, "constant": [81.0] * 3, "slope": [0.0] * 3, "strength": 2.0}
    assert records[0]["noise"] == facts
    for command in ("plan", "upscale --dry-run", "denoise --dry-run"):
        word, *rest = command.split()
        done = CliRunner().invoke(
            app, [word, "in.mp4", "--json", *rest, *(map(str, told) if word == "denoise" else PLAIN)]
        )
        assert names(checked(command, done.stdout)) == "plan"
    stopped(place / "in.mp4", place / "half.mp4", UpscaleOptions(method="bicubic", chunk_frames=5), after=7)
    done = CliRunner().invoke(app, ["jobs", "--json", "--clean", "-y"])
    listed, removed = done.stdout.splitlines()
    assert names(checked("jobs", [listed]) + checked("jobs --clean", [removed])) == "job removed"
    assert names(run("info")) == "info"


def test_training_tells_its_progress(place: Path) -> None:
    (place / "clips").mkdir()
    clips.plain(place / "clips" / "one.mkv", frames=4, size=(96, 96))
    (place / "held").mkdir()
    clips.plain(place / "held" / "one.mkv", frames=4, size=(96, 96))
    command = ["train", place / "clips", "-o", "w.safetensors", "--steps", "2", "--batch", "1", "--frames", "3"]
    records = run(*command, "--crop", "8", "--validation", place / "held")
    assert names(records) == "start progress done"
    assert (records[0]["clips"], records[0]["stills"], records[0]["resumed_at"]) == (1, 0, 0)
    assert records[-2]["gains"][0][0].startswith("x4")
    assert records[-1] == {
        "schema": 1,
        "event": "done",
        "output": "w.safetensors",
        "bytes": Path("w.safetensors").stat().st_size,
    }
    assert run(*command, code=2)[-1]["kind"] == "TargetError"


def test_what_is_no_number_is_null() -> None:
    assert finite({"a": float("nan"), "b": [float("inf"), 1.5, "nan"], "c": {"d": -float("inf")}}) == {
        "a": None,
        "b": [None, 1.5, "nan"],
        "c": {"d": None},
    }


def test_the_tables_are_those_of_the_schema() -> None:
    script = runpy.run_path(str(FILE.with_name("events_tables.py")))
    assert script["page"]() == FILE.with_name("events.md").read_text(), "run docs/events_tables.py"


def test_the_examples_are_as_the_schema_says() -> None:
    lines = re.findall(r'^\{"schema".*$', FILE.with_name("events.md").read_text(), re.MULTILINE)
    assert len(lines) == 6
    checked("upscale", lines)


def test_every_event_has_its_keys_and_words() -> None:
    for name, one in schema()["$defs"].items():
        for key, rule in one.get("properties", {}).items():
            assert "description" in rule or "$ref" in rule, f"{name}.{key}"


def test_the_check_itself_fails_where_it_should() -> None:
    good = {"schema": 1, "event": "warning", "text": "a"}
    assert definition("upscale", good) == "warning"
    for bad in (
        {**good, "text": 1},
        {**good, "more": 1},
        {"schema": 1, "event": "warning"},
        {**good, "schema": 2},
        {**good, "event": "x"},
    ):
        with pytest.raises(AssertionError):
            definition("upscale", bad)
    with pytest.raises(AssertionError):
        definition("fit", good)
    with pytest.raises(AssertionError, match="NaN is no JSON"):
        checked("upscale", '{"schema": 1, "event": "warning", "text": NaN}')


def state_in(folder: Path) -> dict[str, Any]:
    """What a progress file holds, as the schema says."""
    (record,) = checked("--progress-file", (folder / "state.json").read_text())
    return record


def started(done: int = 0) -> Started:
    return Started(
        Path("/in"), Path("/out"), (4, 4), (8, 8), 10, done, "h264", "yuv420p", "cpu fp32", "vrinr", "2/5", 4
    )


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def test_a_progress_file_follows_the_job_once_a_second(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "state.json"
    keeper = ProgressFile(Quiet(), path)
    keeper.tracker = Tracker(clock)
    with keeper as shown:
        assert (state_in(tmp_path)["state"], state_in(tmp_path)["step"]) == ("running", "plan")
        shown(started())
        assert (state_in(tmp_path)["part"], state_in(tmp_path)["device"]) == ("2/5", "cpu fp32")
        seen = []
        for number in range(1, 9):
            clock.now += 0.4
            shown(Advanced(number, 10, number // 3))
            seen.append(state_in(tmp_path)["done"])
        shown(Noted("look"))
    assert seen == [0, 0, 3, 3, 3, 6, 6, 6]
    last = state_in(tmp_path)
    assert (last["state"], last["done"], last["chunks_done"], last["notes"]) == ("done", 8, 2, ["look"])
    assert (last["fps"], last["seconds_left"], last["process"]) == (2.5, 0.8, os.getpid())
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (InputError("a: damaged", hint="mend it"), "failed", 1),
        (InterruptedJobError("stopped", hint="go on"), "stopped", 130),
        (KeyboardInterrupt(), "stopped", 130),
        (ZeroDivisionError("by zero"), "failed", 1),
    ],
)
def test_the_last_state_says_how_it_ended(tmp_path: Path, error: BaseException, state: str, code: int) -> None:
    def fail() -> None:
        with ProgressFile(Quiet(), tmp_path / "state.json") as shown:
            shown(started())
            raise error

    with pytest.raises(type(error)):
        fail()
    last = state_in(tmp_path)
    assert (last["state"], last["error"]["code"], last["report"]) == (state, code, None)


def test_a_disk_that_takes_no_state_is_a_note_and_no_more(tmp_path: Path, clock: Clock) -> None:
    class Heard(Quiet):
        events: list[Event]

        def __call__(self, event: Event) -> None:
            self.events.append(event)

    heard = Heard()
    heard.events = []
    (tmp_path / "gone").mkdir()
    with ProgressFile(heard, tmp_path / "gone" / "state.json") as shown:
        (tmp_path / "gone" / "state.json").unlink()
        (tmp_path / "gone").rmdir()
        for number in range(3):
            clock.now += 2
            shown(Advanced(number, 3))
    notes = [event.text for event in heard.events if isinstance(event, Noted)]
    assert notes == ["progress file state.json: No such file or directory; the job goes on"]


def test_only_an_earlier_state_is_replaced(place: Path) -> None:
    (place / "notes.txt").write_text("precious")
    (place / "link.json").symlink_to("notes.txt")
    (place / "list.json").write_text("[1]")
    (place / "deep.json").write_text("[" * 50_000)
    os.link(place / "in.mp4", place / "same.mp4")
    for name, words in {
        "in.mp4": "is the source itself",
        "same.mp4": "is the source itself",
        "out.mp4": "is the output itself",
        "notes.txt": "holds something else",
        "link.json": "holds something else",
        "list.json": "holds something else",
        "deep.json": "holds something else",
        ".": "holds something else",
        "nosuch/state.json": "no such folder",
    }.items():
        (record,) = run("upscale", "in.mp4", *PLAIN, "--progress-file", name, code=2)
        assert words in record["message"], name
    assert (place / "notes.txt").read_text() == "precious"
    assert not (place / "out.mp4").exists()
    (record,) = run("upscale", "in.mp4", *PLAIN, "--dry-run", "--progress-file", "state.json", code=2)
    assert "--progress-file given with --dry-run" in record["message"]
    for _ in range(2):
        run("upscale", "in.mp4", *PLAIN, "-y", "--progress-file", "state.json")
        assert state_in(place)["state"] == "done"


def test_a_failed_plan_is_the_state_too(place: Path) -> None:
    run("upscale", "in.mp4", *PLAIN, "--crf", "99", "--progress-file", "state.json", code=2)
    last = state_in(place)
    assert (last["state"], last["step"], last["error"]["code"], last["source"]) == ("failed", "plan", 2, None)


def test_a_state_of_another_size_is_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state.json").write_text('{"event": "state"}')
    options: dict[str, Any] = {"source": None, "output": tmp_path / "out.mp4"}
    assert progress_file.check_progress_file(tmp_path / "state.json", **options) == tmp_path / "state.json"
    monkeypatch.setattr(progress_file, "LARGEST", 3)
    with pytest.raises(ValueError, match="holds something else"):
        progress_file.check_progress_file(tmp_path / "state.json", **options)
