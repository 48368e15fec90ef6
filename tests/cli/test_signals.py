"""One signal ends the work in good order, a second one the process, whatever it waits for."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.facts import facts
from media import clips
from vrinr_cli.cli import signals
from vrinr_cli.cli.signals import SAME, Asked, two_signals

COMMAND = ["upscale", "in.mp4", "--method", "bicubic", "--chunk-frames", "5", "-o", "out.mp4", "--device", "cpu"]
HANGING = """
import sys, threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from vrinr_cli.video import writer
plain = writer.ChunkWriter.write
def write(self, frame):
    if frame.index == 7:
        Path("hangs").touch()
        threading.Event().wait()
    plain(self, frame)
writer.ChunkWriter.write = write
from vrinr_cli.cli.app import app
app(sys.argv[1:])
"""


def test_a_signal_that_comes_twice_at_once_is_one() -> None:
    asked = Asked()
    times = [100.0, 100.0, 100.0 + SAME / 2, 100.0 + SAME, 100.0 + 5 * SAME]
    assert [asked.is_again(time) for time in times] == [False, False, False, True, True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_job_that_hangs(tmp_path: Path, number: int) -> None:
    clips.plain(tmp_path / "in.mp4", frames=12)
    with subprocess.Popen(
        [sys.executable, "-c", HANGING, *COMMAND], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as running:
        while not (tmp_path / "hangs").exists() and running.poll() is None:
            time.sleep(0.02)
        while running.poll() is None:  # the encoder never gives its frame back: one signal cannot end this
            running.send_signal(number)
            time.sleep(0.1)
        _, err = running.communicate()
    assert running.returncode == 130, err
    last = "vrinr: error: stopped at once; the same command goes on with what was finished"
    assert err.splitlines()[-1] == last
    assert not (tmp_path / "out.mp4").exists()
    again = subprocess.run(
        [sys.executable, "-m", "vrinr_cli", *COMMAND], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "note: resuming: 5 of 12 frames are done" in again.stderr
    assert len(facts(tmp_path / "out.mp4").seconds) == 12


@contextmanager
def _interrupted() -> Iterator[None]:
    with pytest.raises(KeyboardInterrupt):
        yield


def test_signals_are_heard_where_python_runs_no_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in one long call outside Python."""
    monkeypatch.setattr(signals, "SAME", 0.0)
    heard = threading.Event()
    with _interrupted(), two_signals(heard.set):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            listener = next(thread for thread in threading.enumerate() if thread.name == "vrinr-signals")
            assert listener.ident is not None
            signal.pthread_kill(listener.ident, signal.SIGTERM)
            assert heard.wait(60)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def test_what_was_set_before_is_set_again_and_no_thread_is_left() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with two_signals(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1
    assert not any(thread.name == "vrinr-signals" for thread in threading.enumerate())


def test_other_threads_leave_signals_alone() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with two_signals(lambda: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
