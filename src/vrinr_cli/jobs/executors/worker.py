"""A worker process: one engine on one device, that makes the chunks it is told to.

It ends with its driver, whatever became of that one, and tells everything else that goes wrong; also that it hangs, as
far as one of its threads can still tell.
"""

import os
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import parent_process

import torch

from vrinr_cli.engine.device import Compute, choose
from vrinr_cli.engine.memory import budget_bytes
from vrinr_cli.jobs.executors.here import make
from vrinr_cli.jobs.executors.orders import Beat, Failed, FrameDone, Message, Order, Ready, Stalled
from vrinr_cli.jobs.executors.workers import Place
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import Plan
from vrinr_cli.jobs.run import Resources, make_resources, processors
from vrinr_cli.jobs.stalls import Pulse, Watchdog, tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker holds for all its chunks."""

    plan: Plan
    device: str
    precision: str
    threads: int
    """CPU threads of the engine."""
    encoder_threads: int
    tile: int | None
    memory: int | None
    """Bytes that the engine may take; None takes a share of what is free."""
    stall_timeout: float = 0.0
    """Seconds without progress after which it ends; 0 is none."""


def places(plan: Plan, computes: Sequence[Compute], options: UpscaleOptions) -> list[Place]:
    """A worker for each device. They share processors, and where several are on one device, its memory."""
    share = max(processors() // len(computes), 1)
    on_same = Counter(compute.device for compute in computes)
    found = []
    for compute in computes:
        several = on_same[compute.device]
        task = Task(
            plan=plan,
            device=str(compute.device),
            precision=options.precision,
            threads=options.threads or share,
            encoder_threads=share,
            tile=options.tile,
            memory=budget_bytes(compute.device, options.memory) // several if several > 1 else options.memory,
            stall_timeout=options.stall_timeout,
        )
        found.append(Place(task.device, partial(serve, task)))
    return found


def serve(task: Task, driver: Connection) -> None:
    """Make every chunk that the driver asks for, until it asks for no more or a chunk fails."""
    _end_with_parent()
    # started with both held back: Ctrl-C on a terminal reaches workers too, and is the driver's affair
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    line = _Line(driver, task.stall_timeout)
    resources: Resources | None = None
    try:
        with line.watched():
            resources = _resources(task, line.pulse)
        line.send(Ready())
        while isinstance(order := driver.recv(), Order):
            with line.watched():
                finished = make(task.plan, order, resources, lambda _: line.send(FrameDone()))
            line.send(finished)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the driver is gone
    except Exception as error:  # noqa: BLE001 - whatever it is, the driver is told and stops the job
        line.send(Failed.of(error, trace=traceback.format_exc(), is_starting=resources is None))


class _Line:
    """The link to the driver, for all threads of a worker: what comes on is told once in a while."""

    def __init__(self, driver: Connection, stall_timeout: float) -> None:
        self._driver, self._stall_timeout = driver, stall_timeout
        self._lock = threading.Lock()
        self._told = time.monotonic()
        self.pulse = Pulse(self._beat)

    def send(self, message: Message) -> None:
        """Tell the driver something."""
        with self._lock:
            self._driver.send(message)

    def watched(self) -> Watchdog:
        """Around work that ends this process if it hangs."""
        return Watchdog(self.pulse, self._stall_timeout, self._stalled)

    def _beat(self) -> None:
        now = time.monotonic()
        if self._stall_timeout and now - self._told >= tick(self._stall_timeout):
            self._told = now
            self.send(Beat())

    def _stalled(self, doing: str) -> None:
        self.send(Stalled(doing))
        os._exit(1)


def _resources(task: Task, pulse: Pulse) -> Resources:
    torch.set_num_threads(task.threads)
    compute = choose(task.device, task.precision)
    return make_resources(
        task.plan,
        compute,
        tile=task.tile,
        memory_limit=task.memory,
        encoder_threads=task.encoder_threads,
        pulse=pulse,
    )


def _end_with_parent() -> None:
    """A thread that ends this process as soon as its driver is gone, killed or not."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), name="vrinr-parent", daemon=True).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
