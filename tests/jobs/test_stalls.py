"""Work that hangs is noticed, by the work that does not come; slow work is not taken for it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path

import pytest

from jobs.facts import facts, tiny_weights
from media import clips
from vrinr_cli.engine.device import choose
from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.executors.here import make
from vrinr_cli.jobs.executors.orders import Beat, Order, Stalled
from vrinr_cli.jobs.executors.worker import _Line
from vrinr_cli.jobs.job import planned
from vrinr_cli.jobs.options import DenoiseOptions, UpscaleOptions
from vrinr_cli.jobs.plan import make_plan
from vrinr_cli.jobs.run import make_resources
from vrinr_cli.jobs.stalls import Pulse, Silence, Watchdog, tick
from vrinr_cli.video.probe import probe
from vrinr_cli.video.timeline import HEAD_FRAMES


class Clock:
    """Stands for `time.monotonic`."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("vrinr_cli.jobs.stalls.time.monotonic", found)
    return found


def test_a_silence_lasts_until_something_is_heard(clock: Clock) -> None:
    silence = Silence(10)
    for second in range(1, 10):
        clock.now = second
        assert not silence.is_too_long()
    silence.end()
    for second in range(10, 19):
        clock.now = second
        assert not silence.is_too_long()
    clock.now = 19
    assert silence.is_too_long()


def test_time_in_which_the_looker_was_stopped_does_not_count(clock: Clock) -> None:
    silence = Silence(600)
    clock.now = 86400
    assert not silence.is_too_long()


def test_without_a_limit_nothing_is_too_long(clock: Clock) -> None:
    silence = Silence(0)
    for day in range(100):
        clock.now = 86400 * day
        assert not silence.is_too_long()


def test_what_is_done_in_several_threads_is_told_together() -> None:
    pulse, inside, leave = Pulse(), threading.Event(), threading.Event()

    def read() -> None:
        with pulse.at("reading frame 4"):
            inside.set()
            leave.wait()

    assert pulse.doing == "between two steps"
    thread = threading.Thread(target=read)
    with pulse.at("joining"), pulse.at("encoding frame 2"):
        thread.start()
        inside.wait()
        assert pulse.doing == "encoding frame 2 and reading frame 4"
    leave.set()
    thread.join()
    assert (pulse.doing, pulse.count) == ("between two steps", 6)


def test_items_are_pieces_of_work_and_waiting_for_them_to_be_taken_is_none() -> None:
    pulse, seen = Pulse(), []

    def items() -> Iterator[str]:
        for name in "ab":
            seen.append(pulse.doing)
            yield name

    seen.extend(f"{item}: {pulse.doing}" for item in pulse.each(items(), lambda n: f"reading frame {n}", 7))
    assert seen == ["reading frame 7", "a: between two steps", "reading frame 8", "b: between two steps"]


def test_a_watchdog_tells_once_what_hangs() -> None:
    told: list[str] = []
    heard, pulse = threading.Event(), Pulse()

    def tell(doing: str) -> None:
        told.append(doing)
        heard.set()

    with Watchdog(pulse, 0.05, tell), pulse.at("encoding frame 3"):
        assert heard.wait(60)
    assert told == ["encoding frame 3"]


def test_a_watchdog_is_patient_with_what_beats_and_ends_with_the_work() -> None:
    told: list[str] = []
    pulse = Pulse()
    with Watchdog(pulse, 20 * tick(20), told.append):
        before = threading.active_count()
        for _ in range(3):
            pulse.beat()
            time.sleep(0.01)
    assert told == []
    assert before >= 2


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_limit_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(OptionError, match="stall timeout is"):
        UpscaleOptions(stall_timeout=seconds)


def test_reading_layers_and_encoding_all_beat(tmp_path: Path) -> None:
    """A single large frame may take minutes: what it is made of must be heard."""
    source = clips.plain(tmp_path / "in.mkv", frames=6)
    options = UpscaleOptions(weights=str(tiny_weights(tmp_path)), chunk_frames=6)
    plan = make_plan(probe(source), tmp_path / "out.mkv", options)
    heard: dict[str, int] = {}
    pulse = Pulse(lambda: heard.update({pulse.doing: heard.get(pulse.doing, 0) + 1}))
    resources = make_resources(plan, choose("cpu", "fp32"), tile=None, memory_limit=None, pulse=pulse)
    make(plan, Order(0, tmp_path / "000000.mkv"), resources, lambda _: None)
    words = " / ".join(heard)
    for step in ("loading the weights", "reading frame 5", "restoring frame 5", "encoding frame 5", "closing chunk 0"):
        assert step in words
    restoring = sum(count for doing, count in heard.items() if "restoring" in doing)
    assert restoring > 6 * 2 * 5  # more than both ends of the five stages of each frame: layers too
    assert pulse.doing == "between two steps"


HANG = """
import sys, threading
from vrinr_cli.video import {module}
{code}
from vrinr_cli.cli.app import app
app(sys.argv[1:])
"""
ENCODER = """
plain = writer.ChunkWriter.write
def write(self, frame):
    if frame.index == 7:
        threading.Event().wait()
    plain(self, frame)
writer.ChunkWriter.write = write
"""
VERIFIER = """
import vrinr_cli.jobs.job as job
job.verify = lambda *_, **__: threading.Event().wait()
"""
PARTS = {"encoding frame 7": ("writer", ENCODER, 5), "verifying the file": ("verify", VERIFIER, 12)}


def hung(folder: Path, module: str, code: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run vrinr with something in it that never comes back."""
    return subprocess.run(
        [sys.executable, "-c", HANG.format(module=module, code=code), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize(("doing", "debug"), [("encoding frame 7", False), ("verifying the file", True)])
def test_a_job_that_hangs_ends_in_one_line_and_goes_on(tmp_path: Path, doing: str, *, debug: bool) -> None:
    module, code, kept = PARTS[doing]
    clips.plain(tmp_path / "in.mp4", frames=12)
    command = ["upscale", "in.mp4", "--method", "bicubic", "--chunk-frames", "5", "-o", "out.mp4", "--device", "cpu"]
    ended = hung(tmp_path, module, code, (["--debug"] if debug else []) + [*command, "--stall-timeout", "5"])
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"vrinr: error: out.mp4: stopped after 5 s without progress, {doing}; {kept} of 12 frames are kept "
        "in .out.mp4.vrinr; "
        "the same command goes on; --stall-timeout waits longer"
    )
    assert ("Thread 0x" in ended.stderr) == debug
    assert not (tmp_path / "out.mp4").exists()
    subprocess.run([sys.executable, "-m", "vrinr_cli", *command], cwd=tmp_path, check=True, capture_output=True)
    assert len(facts(tmp_path / "out.mp4").seconds) == 12


PLANNING = """
import vrinr_cli.jobs.job as job
job.probe_any = lambda *_, **__: threading.Event().wait()
"""


def test_a_source_that_hangs_before_the_first_frame_ends_in_one_line(tmp_path: Path) -> None:
    clips.plain(tmp_path / "in.mp4", frames=2)
    command = ["upscale", "in.mp4", "--device", "cpu", "--stall-timeout", "5"]
    ended = hung(tmp_path, "probe", PLANNING, command)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        "vrinr: error: in.mp4: stopped after 5 s without progress, looking at the source; "
        "the same command begins anew; --stall-timeout waits longer"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_all_that_is_read_before_the_first_frame_beats(tmp_path: Path) -> None:
    """Planning reads a source of hours from end to end, and decodes some of it."""
    source = clips.plain(tmp_path / "in.mp4", frames=60)
    pulse = Pulse()
    probe(source, on_packet=pulse.beat)
    packets = pulse.count
    assert packets >= 60 + HEAD_FRAMES
    options = UpscaleOptions(weights="denoise", denoise=DenoiseOptions())
    planned(source, tmp_path / "out.mp4", options, overwrite=False, pulse=pulse)
    steps = 2 * 3
    assert pulse.count - packets - steps > packets + 24  # fields and noise decode frames of their own


def test_a_worker_tells_its_driver_what_hangs_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    monkeypatch.setattr("vrinr_cli.jobs.executors.worker.os._exit", end)
    driver, link = Pipe()
    with driver, link:
        line = _Line(link, 0.5)
        with line.watched(), line.pulse.at("encoding frame 3"):
            assert ended.wait(60)
        assert codes == [1]
        told = []
        while driver.poll():
            told.append(driver.recv())
    assert Stalled("encoding frame 3") in told
    assert set(told) <= {Beat(), Stalled("encoding frame 3")}
