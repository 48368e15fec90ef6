"""Jobs as a program runs them: from any thread, to be stopped at any time, without a word and without a signal."""

import multiprocessing
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import vrinr_cli.jobs
from jobs.facts import facts, tiny_weights
from media import clips
from vrinr_cli.errors import InterruptedJobError, VrinrError
from vrinr_cli.jobs import (
    Advanced,
    Event,
    JobReport,
    Part,
    SizeRequest,
    Started,
    Stepped,
    Tracker,
    UpscaleOptions,
    join_parts,
    upscale,
    upscale_part,
)

OPTIONS = UpscaleOptions(size=SizeRequest(scale="2"), method="bicubic", chunk_frames=5, device="cpu")


class StopAfter:
    """Says to stop once so many frames are done, or a step begins; holds what it has heard."""

    def __init__(self, frames: int | None = None, step: str | None = None) -> None:
        self.frames, self.step = frames, step
        self.stopped = threading.Event()
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Advanced) and self.frames is not None and event.done >= self.frames:
            self.stopped.set()
        if isinstance(event, Stepped) and event.name == self.step:
            self.stopped.set()


def test_a_job_runs_in_any_thread(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=6)
    reports: list[JobReport] = []
    options = UpscaleOptions(weights=str(tiny_weights(tmp_path)), device="cpu")
    job = threading.Thread(target=lambda: reports.append(upscale(tmp_path / "in.mp4", tmp_path / "out.mp4", options)))
    job.start()
    job.join()
    assert [report.frames for report in reports] == [6]


def test_two_jobs_run_at_once(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=6)
    jobs = [
        threading.Thread(target=upscale, args=(tmp_path / "in.mp4", tmp_path / f"{name}.mp4", OPTIONS))
        for name in ("one", "two")
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    pictures = [facts(tmp_path / f"{name}.mp4").pictures for name in ("one", "two")]
    assert all(bool((a == b).all()) for a, b in zip(*pictures, strict=True))
    assert len(pictures[0]) == 6


@pytest.mark.parametrize(("frames", "hint"), [(3, "the same call begins anew"), (7, "5 of 12 frames are kept: ")])
def test_a_job_is_stopped_between_frames_and_goes_on(tmp_path: Path, frames: int, hint: str) -> None:
    source, output = clips.plain(tmp_path / "in.mp4", frames=12), tmp_path / "out.mp4"
    stopper = StopAfter(frames)
    with pytest.raises(InterruptedJobError) as stopped:
        upscale(source, output, OPTIONS, listen=stopper, stop=stopper.stopped.is_set)
    assert (stopped.value.exit_code, str(stopped.value)) == (130, "stopped")
    assert stopped.value.hint.startswith(hint)
    assert [event.done for event in stopper.events if isinstance(event, Advanced)] == list(range(1, frames + 1))
    assert not output.exists()
    assert (tmp_path / ".out.mp4.vrinr").exists() is (frames > 5)
    assert threading.active_count() == 1
    report = upscale(source, output, OPTIONS)
    assert (report.frames, report.resumed_frames) == (12, 5 if frames > 5 else 0)


@pytest.mark.parametrize("step", ["join", "verify"])
def test_a_job_is_stopped_before_the_check_and_at_once(tmp_path: Path, step: str) -> None:
    source, output = clips.plain(tmp_path / "in.mp4", frames=4), tmp_path / "out.mp4"
    stopper = StopAfter(step=step)
    if step == "verify":  # the last step is done to its end
        upscale(source, output, OPTIONS, listen=stopper, stop=stopper.stopped.is_set)
        return
    with pytest.raises(InterruptedJobError, match="stopped"):
        upscale(source, output, OPTIONS, listen=stopper, stop=stopper.stopped.is_set)
    assert upscale(source, output, OPTIONS).resumed_frames == 4


def test_nothing_begins_where_it_is_stopped_before(tmp_path: Path) -> None:
    source = clips.plain(tmp_path / "in.mp4", frames=4)
    with pytest.raises(InterruptedJobError):
        upscale(source, tmp_path / "out.mp4", OPTIONS, stop=lambda: True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_workers_are_stopped_too(tmp_path: Path) -> None:
    source, output = clips.plain(tmp_path / "in.mp4", frames=10), tmp_path / "out.mp4"
    stopper = StopAfter(1)
    with pytest.raises(InterruptedJobError):
        upscale(source, output, replace(OPTIONS, device="cpu,cpu"), listen=stopper, stop=stopper.stopped.is_set)
    assert multiprocessing.active_children() == []
    assert upscale(source, output, OPTIONS).frames == 10


def test_parts_and_the_join_are_stopped_too(tmp_path: Path) -> None:
    source, output = clips.plain(tmp_path / "in.mp4", frames=10), tmp_path / "out.mp4"
    stopper = StopAfter(1)
    with pytest.raises(InterruptedJobError):
        upscale_part(source, output, OPTIONS, Part(1, 2), listen=stopper, stop=stopper.stopped.is_set)
    for number in (1, 2):
        assert upscale_part(source, output, OPTIONS, Part(number, 2)).frames == 5
    with pytest.raises(InterruptedJobError):
        join_parts(output, stop=lambda: True)
    assert join_parts(output).frames == 10


def test_events_tell_part_and_chunks(tmp_path: Path) -> None:
    source, output = clips.plain(tmp_path / "in.mp4", frames=10), tmp_path / "out.mp4"
    heard = StopAfter()
    upscale_part(source, output, OPTIONS, Part(2, 2), listen=heard)
    started = next(event for event in heard.events if isinstance(event, Started))
    assert (started.part, started.chunks, started.chunks_done, started.frames) == ("2/2", 1, 0, 5)
    heard = StopAfter()
    upscale(source, output, OPTIONS, listen=heard)
    started = next(event for event in heard.events if isinstance(event, Started))
    assert (started.part, started.chunks, started.chunks_done, started.done) == ("", 2, 1, 5)
    assert [(e.done, e.chunks_done) for e in heard.events if isinstance(e, Advanced)] == [(n, 1) for n in range(6, 11)]


def test_an_error_carries_its_exit_code_kind_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_text("no video")
    with pytest.raises(VrinrError) as failed:
        upscale(tmp_path / "in.mp4", tmp_path / "out.mp4", OPTIONS)
    assert (failed.value.exit_code, type(failed.value).__name__) == (1, "InputError")
    assert failed.value.hint


def test_nothing_is_printed_and_no_signal_is_taken(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a signal was taken")

    clips.plain(tmp_path / "in.mp4", frames=6)
    monkeypatch.setattr(signal, "signal", refuse)
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    threads = torch.get_num_threads()
    upscale(tmp_path / "in.mp4", tmp_path / "out.mp4", OPTIONS)
    assert capfd.readouterr() == ("", "")
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == held
    assert torch.get_num_threads() == threads


def test_every_public_name_is_there_and_importing_them_loads_nothing_heavy() -> None:
    for name in vrinr_cli.jobs.__all__:
        assert hasattr(vrinr_cli.jobs, name), name
    with pytest.raises(AttributeError, match="nosuch"):
        vrinr_cli.jobs.nosuch  # noqa: B018 - that it raises is what is tested
    light = [name for name in vrinr_cli.jobs.__all__ if name not in vrinr_cli.jobs._LATER]
    heavy = "{'torch', 'av', 'numpy'} & set(sys.modules)"
    code = f"import sys; from vrinr_cli.jobs import {', '.join(light)}; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_tracker_follows_a_job() -> None:
    now = 0.0
    tracker = Tracker(lambda: now)
    assert (tracker.state.step, tracker.state.total, tracker.state.seconds_left) == ("plan", 0, None)
    tracker(Started(Path("a"), Path("b"), (2, 2), (4, 4), 10, 2, "h264", "yuv420p", "cpu", "vrinr", "", 2, 1))
    assert (tracker.state.step, tracker.state.percent, tracker.state.fps) == ("frames", 20.0, None)
    now = 4.0
    tracker(Advanced(4, 10, 1))
    now = 8.0
    tracker(Advanced(5, 10, 1))
    state = tracker.state
    assert (state.done, state.total, state.percent, state.chunks, state.chunks_done) == (5, 10, 50.0, 2, 1)
    assert (state.fps, state.seconds, state.seconds_left) == (0.25, 8.0, 20.0)
    of_a_pipe = Tracker(lambda: now)
    of_a_pipe(Started(Path("-"), Path("b"), (2, 2), (4, 4), 0, 0, "h264", "yuv420p", "cpu", "vrinr"))
    of_a_pipe(Advanced(3, 0))
    assert (of_a_pipe.state.done, of_a_pipe.state.percent, of_a_pipe.state.seconds_left) == (3, None, None)
    tracker(Stepped("join"))
    assert tracker.state.step == "join"
