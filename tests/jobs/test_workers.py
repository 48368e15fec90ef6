"""Chunks of one job in several processes: the same frames, and what becomes of workers that fail."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from jobs.facts import StopError, facts, stop_after, tiny_weights
from jobs.processes import alive_in_group, is_running, until_gone
from jobs.stand_ins import FakeReport, Script, serve
from media import clips
from vrinr_cli.engine.device import Compute
from vrinr_cli.errors import (
    DeviceLostError,
    DiskError,
    EncodeError,
    EngineError,
    OptionError,
    VrinrError,
    WorkerError,
)
from vrinr_cli.jobs.events import Advanced, Event, Noted
from vrinr_cli.jobs.executors.orders import Failed, Hooks, Order
from vrinr_cli.jobs.executors.worker import Task, places
from vrinr_cli.jobs.executors.workers import MOST_DEATHS, Place, Workers
from vrinr_cli.jobs.job import device_words, upscale
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import Plan, make_plan
from vrinr_cli.video.probe import probe


@dataclass
class Seen:
    """What a driver was told."""

    advanced: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    begun: int = 0

    def hooks(self) -> Hooks:
        def before() -> None:
            self.begun += 1

        return Hooks(before, self.advanced.append, self.notes.append)


def run(folder: Path, *scripts: Script, chunks: int, seen: Seen, stall_timeout: float = 0) -> list[FakeReport]:
    """What comes back of so many chunks; afterwards no worker is left and no half chunk."""
    orders = [Order(index, folder / f"{index}.mkv") for index in range(chunks)]
    before = set(multiprocessing.active_children())
    places = [Place(f"cpu {n}", partial(serve, script)) for n, script in enumerate(scripts)]
    with closing(Workers(places, stall_timeout)) as workers:
        try:
            return [cast(FakeReport, finished.report) for finished in workers.run(orders, seen.hooks())]
        finally:
            workers.close()
            assert set(multiprocessing.active_children()) == before
            assert list(folder.glob("*.part")) == []


def test_every_chunk_comes_back_once_from_no_more_workers_than_needed(tmp_path: Path) -> None:
    script, seen = Script(folder=tmp_path), Seen()
    found = run(tmp_path, script, script, chunks=1, seen=seen)
    assert ([report.index for report in found], seen.begun, seen.notes) == ([0], 1, [])
    assert max(seen.advanced) == 2
    assert not any(is_running(report.maker) for report in found)


def test_a_dead_worker_is_replaced_and_its_chunk_made_again(tmp_path: Path) -> None:
    seen = Seen()
    found = run(tmp_path, Script(folder=tmp_path, dies_at=0, deaths=1), chunks=3, seen=seen)
    assert sorted(report.index for report in found) == [0, 1, 2]
    assert seen.notes == ["a worker on cpu 0 died by SIGKILL; chunk 0 is done again"]
    assert (tmp_path / "begun-0").read_text() == "xx"


def test_a_chunk_that_kills_every_worker_ends_the_job(tmp_path: Path) -> None:
    with pytest.raises(WorkerError) as caught:
        run(tmp_path, Script(folder=tmp_path, dies_at=1), chunks=2, seen=Seen())
    assert str(caught.value) == f"chunk 1: its worker died {MOST_DEATHS} times, last on cpu 0 by SIGKILL"
    assert (tmp_path / "begun-1").read_text() == "x" * MOST_DEATHS
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("says", ["", "encoding frame 7"])
def test_a_worker_that_hangs_is_ended_and_its_chunk_made_again(tmp_path: Path, says: str) -> None:
    seen = Seen()
    script = Script(folder=tmp_path, hangs_at=1, hangs=1, says=says)
    found = run(tmp_path, script, chunks=3, seen=seen, stall_timeout=5)
    assert sorted(report.index for report in found) == [0, 1, 2]
    doing = f", {says}" if says else ""
    assert seen.notes == [f"a worker on cpu 0 was ended after 5 s without progress{doing}; chunk 1 is done again"]


def test_a_chunk_at_which_every_worker_hangs_ends_the_job(tmp_path: Path) -> None:
    script = Script(folder=tmp_path, hangs_at=0, says="reading frame 2")
    with pytest.raises(WorkerError) as caught:
        run(tmp_path, script, chunks=1, seen=Seen(), stall_timeout=60)
    assert str(caught.value) == (
        f"chunk 0: its worker died {MOST_DEATHS} times, last on cpu 0 after 60 s without progress, reading frame 2"
    )


def test_the_chunk_of_a_lost_device_goes_to_another(tmp_path: Path) -> None:
    seen = Seen()
    lost, sound = Script(folder=tmp_path, loses_at=0), Script(folder=tmp_path)
    found = run(tmp_path, lost, sound, chunks=1, seen=seen)  # the second is started when the first is lost
    assert [report.index for report in found] == [0]
    assert seen.notes == [
        "a worker on cpu 0 is lost: frame 7: cuda:1: unspecified launch failure; chunk 0 goes to another"
    ]


def test_the_last_device_to_be_lost_ends_the_job(tmp_path: Path) -> None:
    with pytest.raises(DeviceLostError, match="frame 7: cuda:1: unspecified"):
        run(tmp_path, Script(folder=tmp_path, loses_at=0), chunks=2, seen=Seen())


def test_another_error_is_the_jobs_as_it_was_raised(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"^out.mp4: the disk is full$") as caught:
        run(tmp_path, Script(folder=tmp_path, fails_at=0), chunks=2, seen=Seen())
    assert caught.value.hint == "make room"
    cause = caught.value.__cause__
    assert isinstance(cause, OSError)
    assert (cause.errno, cause.strerror) == (28, "where it was")


def test_a_worker_that_does_not_start_leaves_the_work_to_others(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"^no worker starts on cpu 0: exit code 3$"):
        run(tmp_path, Script(folder=tmp_path, starts=False), chunks=1, seen=Seen())


@pytest.mark.parametrize(
    ("error", "is_starting", "kind", "is_lost"),
    [
        (EngineError("frame 1: not finite", hint="h"), False, EngineError, False),
        (DeviceLostError("frame 1: gone", hint="h"), False, DeviceLostError, True),
        (RuntimeError("CUDA error: no kernel\nmore"), True, VrinrError, True),
        (RuntimeError("a fault"), False, VrinrError, False),
        (OptionError("scale is 0", hint="h"), False, OptionError, False),
    ],
)
def test_errors_travel_as_plain_data(
    error: Exception, is_starting: bool, kind: type[VrinrError], is_lost: bool
) -> None:
    failed = Failed.of(error, trace="lines", is_starting=is_starting)
    again = failed.error()
    assert (type(again), failed.is_lost) == (kind, is_lost)
    assert str(again) == (
        str(error) if isinstance(error, VrinrError) else f"RuntimeError: {str(error).split(chr(10))[0]}"
    )
    assert str(again.__cause__) == "lines"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("plan")
    source = clips.plain(folder / "in.mp4", frames=3)
    return make_plan(probe(source), folder / "out.mp4", UpscaleOptions(method="bicubic"))


def tasks(plan: Plan, devices: str, **options: Any) -> list[Task]:
    computes = [Compute(torch.device(name), torch.float32) for name in devices.split(",")]
    found = places(plan, computes, UpscaleOptions(**options))
    return [cast(partial[None], place.serve).args[0] for place in found]


def test_workers_share_processors_and_the_memory_of_one_device(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrinr_cli.jobs.executors.worker.processors", lambda: 7)
    assert [(task.threads, task.encoder_threads) for task in tasks(plan, "cpu,cpu,cpu")] == [(2, 2)] * 3
    assert [task.threads for task in tasks(plan, "cpu,cpu", threads=5)] == [5, 5]
    assert [task.memory for task in tasks(plan, "cpu,cpu", memory=1 << 30)] == [1 << 29] * 2
    assert [task.memory for task in tasks(plan, "cuda:0,cuda:1", memory=1 << 30)] == [1 << 30] * 2
    assert [task.memory for task in tasks(plan, "cuda:0,cuda:1")] == [None, None]
    assert all((task.memory or 0) > 0 for task in tasks(plan, "cpu,cpu"))


def test_devices_in_words(plan: Plan) -> None:
    bf16 = [Compute(torch.device(name), torch.bfloat16) for name in ("cuda:0", "cuda:1")]
    network = cast(Plan, type("Any", (), {"weights": type("Any", (), {"kind": "general"})}))
    assert device_words(network, bf16) == "cuda:0,cuda:1 bf16"
    assert device_words(network, [bf16[0], Compute(torch.device("cpu"), torch.float32)]) == "cuda:0 bf16, cpu fp32"
    assert device_words(plan, bf16) == "cuda:0,cuda:1 fp32"  # a plain kernel


def test_two_workers_give_what_one_gives_though_they_are_killed(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mkv", frames=17)
    common: dict[str, Any] = {"weights": str(tiny_weights(tmp_path)), "precision": "fp32", "threads": 1}
    common |= {"codec": "ffv1", "chunk_frames": 5}
    upscale(source, tmp_path / "one.mkv", UpscaleOptions(device="cpu", **common))
    told: list[Event] = []

    def kill_them(event: Event) -> None:
        if isinstance(event, Advanced) and event.done == 2:
            for process in multiprocessing.active_children():
                process.kill()
        told.append(event)

    report = upscale(source, tmp_path / "two.mkv", UpscaleOptions(device="cpu,cpu", **common), listen=kill_them)
    assert multiprocessing.active_children() == []
    assert any("a worker on cpu died by SIGKILL; chunk" in event.text for event in told if isinstance(event, Noted))
    assert [event.done for event in told if isinstance(event, Advanced)] == list(range(1, 18))
    one, two = facts(tmp_path / "one.mkv"), facts(tmp_path / "two.mkv")
    assert one.seconds == two.seconds
    assert all(np.array_equal(a, b) for a, b in zip(one.pictures, two.pictures, strict=True))
    assert (report.device, report.frames) == ("cpu,cpu fp32", 17)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv", "one.mkv", "tiny.safetensors", "two.mkv"]


def test_a_chunk_that_cannot_be_written_ends_the_job_with_the_line_of_one_process(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=12)
    (tmp_path / ".out.mp4.vrinr" / "chunks" / "000001.mkv").mkdir(parents=True)
    lines = []
    for device in ("cpu", "cpu,cpu"):
        with pytest.raises(EncodeError, match=r"000001\.mkv") as caught:
            upscale(source, tmp_path / "out.mp4", UpscaleOptions(method="bicubic", chunk_frames=5, device=device))
        lines.append((str(caught.value), caught.value.hint))
    assert lines[0] == lines[1]
    assert multiprocessing.active_children() == []


def test_a_stop_keeps_finished_chunks_and_one_process_goes_on(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=17)
    options = {"method": "bicubic", "chunk_frames": 5}
    with pytest.raises(StopError):
        upscale(
            source,
            tmp_path / "out.mp4",
            UpscaleOptions(device="cpu,cpu", **options),  # type: ignore[arg-type]
            listen=stop_after(13),
        )
    assert multiprocessing.active_children() == []
    assert list((tmp_path / ".out.mp4.vrinr" / "chunks").glob("*.part")) == []
    report = upscale(source, tmp_path / "out.mp4", UpscaleOptions(**options))  # type: ignore[arg-type]
    assert report.resumed_frames >= 5
    assert len(facts(tmp_path / "out.mp4").seconds) == 17


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_driver(tmp_path: Path, number: int) -> None:
    clips.plain(tmp_path / "in.mp4", frames=600)
    command = ["upscale", "in.mp4", "--method", "bicubic", "--chunk-frames", "3", "--device", "cpu,cpu"]
    command += ["-o", "out.mp4"]
    running = subprocess.Popen(
        [sys.executable, "-m", "vrinr_cli", *command],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    journal = tmp_path / ".out.mp4.vrinr" / "journal.jsonl"
    while not journal.exists() and running.poll() is None:
        time.sleep(0.02)
    assert len(alive_in_group(running.pid)) >= 3
    if number == signal.SIGINT:
        os.killpg(running.pid, number)  # as a terminal does, to workers too
    else:
        running.send_signal(number)
    _, err = running.communicate()
    assert until_gone(running.pid) == []
    assert not (tmp_path / "out.mp4").exists()
    assert journal.read_text().endswith("\n")
    if number == signal.SIGINT:
        assert running.returncode == 130
        assert "Traceback" not in err
        assert err.splitlines()[-1:] == ["vrinr: error: stopped; the same command goes on, or `vrinr resume out.mp4`"]
