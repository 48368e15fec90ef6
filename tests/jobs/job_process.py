"""One small job in a process that can be killed; it tells how far it is."""

import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from vrinr_cli.jobs.events import Advanced, Event, Started
from vrinr_cli.jobs.job import upscale
from vrinr_cli.jobs.options import UpscaleOptions

OPTIONS = UpscaleOptions(method="bicubic", chunk_frames=4, preset="ultrafast")
_CONTEXT = multiprocessing.get_context("forkserver")  # loads torch once; Python 3.11 finds no module of the tests there
_CONTEXT.set_forkserver_preload(["vrinr_cli.jobs.job"])


@dataclass(frozen=True, slots=True)
class Run:
    """What a run said before it ended or was killed."""

    resumed: int
    """Frames that it found finished; 0 too if it did not come so far."""
    done: int
    """Frames that were with the encoder or finished."""
    is_killed: bool
    seconds: float


def run(source: Path, output: Path, *, kill_after: float | None = None, kill_at: int = 0) -> Run:
    """One run of the job; killed after so many seconds, or when so many frames are done, if it is not at its end."""
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    job = _CONTEXT.Process(target=_work, args=(source, output, sender))
    job.start()
    sender.close()
    assert receiver.recv() is None  # it begins now
    began = time.monotonic()
    said: list[int] = []
    while kill_at and (not said or said[-1] < kill_at):
        said.append(int(receiver.recv()))
    job.join(0 if kill_at else kill_after)
    if job.is_alive():
        job.kill()
    said += _all_of(receiver) or [0]
    job.join()
    assert job.exitcode in ((0,) if kill_after is None and not kill_at else (0, -9))
    return Run(said[0], max(said), job.exitcode != 0, time.monotonic() - began)


def _work(source: Path, output: Path, sender: Connection) -> None:
    def say(event: Event) -> None:
        if isinstance(event, Started | Advanced):
            sender.send(event.done)

    sender.send(None)
    upscale(source, output, OPTIONS, listen=say)


def _all_of(receiver: Connection) -> list[int]:
    """Everything that was said whole."""
    said = []
    try:
        while True:
            said.append(int(receiver.recv()))
    except (EOFError, OSError):  # the last word may be half of one
        receiver.close()
    return said
