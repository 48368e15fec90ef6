"""Workers without an engine, as scripts say: what the driver does about them is looked at. Loads no torch."""

import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vrinr_cli.errors import DeviceLostError, DiskError
from vrinr_cli.jobs.executors import cluster_node
from vrinr_cli.jobs.executors.cluster_node import Answer, State
from vrinr_cli.jobs.executors.orders import Failed, Finished, FrameDone, Message, Order, Ready, Stalled

if TYPE_CHECKING:
    from vrinr_cli.jobs.journal import ChunkReport


def serve_after_a_hang(  # noqa: PLR0917 - as the function that it stands for
    version: str, kit: list[Any], source: list[Any], index: int, attempt: int, must_return: bool, board: Any
) -> Answer | str:
    """A task of a cluster that begins and hangs, the first time."""
    if attempt == 1:
        board.say.remote(attempt, State("a host", 1, 0, is_ready=True, hangs=None))
        threading.Event().wait()
    return cluster_node.serve(version, kit, source, index, attempt, must_return, board)


@dataclass(frozen=True)
class FakeReport:
    """As much of a chunk's report as the driver of workers looks at."""

    index: int
    maker: int


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a worker does."""

    folder: Path
    """For notes of what was begun."""
    dies_at: int = -1
    """Chunk at which it is killed, half written."""
    deaths: int = 99
    """So many times."""
    loses_at: int = -1
    """Chunk at which its device is lost."""
    hangs_at: int = -1
    """Chunk at which nothing comes on any more."""
    hangs: int = 99
    """So many times."""
    says: str = ""
    """What it tells that hangs; nothing tells nothing."""
    fails_at: int = -1
    """Chunk at which the disk is full."""
    starts: bool = True
    """Whether it comes up at all."""


def serve(script: Script, driver: Connection) -> None:
    """Begin chunks of two frames and finish those that the script lets it."""
    if not script.starts:
        os._exit(3)
    driver.send(Ready())
    while isinstance(order := driver.recv(), Order):
        driver.send(FrameDone())
        message = _end_of(order, script)
        if message is None:
            os.kill(os.getpid(), signal.SIGSTOP)  # frozen: it cannot tell
            return
        if isinstance(message, Failed | Stalled):
            driver.send(message)
            return
        driver.send(FrameDone())
        order.path.write_text("whole")
        driver.send(message)


def _end_of(order: Order, script: Script) -> Message | None:
    begun = script.folder / f"begun-{order.index}"
    with begun.open("a") as file:
        file.write("x")
    if order.index == script.dies_at and begun.stat().st_size <= script.deaths:
        order.path.with_name(order.path.name + ".part").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    if order.index == script.hangs_at and begun.stat().st_size <= script.hangs:
        order.path.with_name(order.path.name + ".part").write_text("half")
        return Stalled(script.says) if script.says else None
    if order.index == script.loses_at:
        return Failed.of(DeviceLostError("frame 7: cuda:1: unspecified launch failure", hint="again"), trace="")
    if order.index == script.fails_at:
        full = DiskError("out.mp4: the disk is full", hint="make room")
        full.__cause__ = OSError(28, "No space left on device")
        return Failed.of(full, trace="where it was")
    report = cast("ChunkReport", FakeReport(order.index, os.getpid()))
    return Finished(report, tile=0, halvings=0, process=os.getpid(), peak_memory=1)
