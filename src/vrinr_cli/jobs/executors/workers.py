"""One process a device. Chunks go to whoever is free; what a dead worker was at is done again by another.

A worker that dies is replaced; the chunk that it was at is begun at most `MOST_DEATHS` times. One that makes no
progress for too long is ended, which counts the same. One whose device is lost is not replaced: its chunk goes to the
others. Any other error is the job's.
"""

import contextlib
import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from vrinr_cli.errors import WorkerError
from vrinr_cli.jobs.executors.orders import Failed, Finished, FrameDone, Hooks, Message, Order, Ready, Stalled
from vrinr_cli.jobs.stalls import Silence, stall_words, tick

MOST_DEATHS = 3
"""Deaths of its worker after which a chunk, or at the start a device, is not tried again."""
_GRACE = 5.0
"""Seconds that a worker which has let go of its link may take to end."""
_LENIENCE = 1.1
"""By what factor the driver is more patient than a worker that watches itself, and can say what hangs."""
START = 300.0
"""Seconds that a worker may take to load, at least: nothing beats in it."""
_HELD_BACK = {signal.SIGINT, signal.SIGTERM}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker runs, and the function that it is."""

    name: str
    """Of the device."""
    serve: Callable[[Connection], None]
    """Goes to the new process by its name, so a function of a module or a `partial` of one."""


@dataclass(slots=True, eq=False)
class _Worker:
    place: Place
    process: SpawnProcess
    link: Connection
    silence: Silence
    is_ready: bool = False
    order: Order | None = None
    frames: int = 0
    """Of its chunk that are with the encoder."""
    hangs: str | None = None
    """What it was doing when nothing came on for too long; None while something does."""

    @property
    def is_idle(self) -> bool:
        return self.is_ready and self.order is None

    @property
    def is_stalled(self) -> bool:
        """Whether it has not been heard for too long, though it has something to do."""
        return self.silence.is_too_long() and not self.is_idle

    def hear(self) -> Message | None:
        """What it says; None if it has died or hangs."""
        if self.hangs is not None:
            return None
        self.silence.end()
        try:
            message: Message = self.link.recv()
        except (EOFError, OSError):
            return None
        if isinstance(message, Stalled):
            self.hangs = message.doing
            return None
        return message

    def tell(self, order: Order) -> None:
        """Give it a chunk; if it has died meanwhile, that is heard next."""
        self.order, self.frames = order, 0
        self.silence.end()
        with contextlib.suppress(OSError):
            self.link.send(order)

    def died(self) -> str:
        """How it ended, "by SIGKILL" or "after 600 s without progress"; waits until it has if it did so by itself."""
        if self.hangs is not None:
            return stall_words(self.silence.limit / _LENIENCE, self.hangs)
        self.process.join(timeout=_GRACE)
        code = self.process.exitcode or 0
        return f"by {signal.Signals(-code).name}" if code < 0 else f"by exit code {code}"

    def end(self) -> None:
        """End it at once and remove what it has half made.

        It holds nothing that would have to be closed: finished chunks are synced before they are told.
        """
        self.link.close()
        self.process.kill()
        self.process.join(None if self.hangs is None else _GRACE)  # one that waits for a dead disk ends with that
        if self.order is not None:
            with contextlib.suppress(OSError):  # it goes with the folder, or is written anew
                self.order.path.with_name(self.order.path.name + ".part").unlink()


class Workers:
    """A process on each place, started with the first orders; `close` ends them all."""

    def __init__(self, places: Sequence[Place], stall_timeout: float = 0.0) -> None:
        """No process is started yet.

        Args:
            places: one for each worker.
            stall_timeout: seconds without a word from a worker at work after which it is ended; 0 is none.
        """
        self._patience = stall_timeout * _LENIENCE
        self._spare = deque(places)
        """Not needed for as few orders as there are."""
        self._workers: list[_Worker] = []
        self._deaths: Counter[int] = Counter()
        """Of workers, by the chunk that they were at."""
        self._failed_starts: Counter[Place] = Counter()

    def run(self, orders: Iterable[Order], hooks: Hooks) -> Iterator[Finished]:
        """Make chunks; they come back as they are finished.

        Raises:
            WorkerError: a chunk's worker has died too often, or none starts.
            VrinrError: what went wrong in a worker, as `run_chunk` raised it there.
        """
        waiting = deque(orders)
        for _ in range(min(len(waiting), len(self._spare))):
            self._start(self._spare.popleft())
        while waiting or any(worker.order for worker in self._workers):
            for worker in self._workers:
                if worker.is_idle and waiting:
                    hooks.before()
                    worker.tell(waiting.popleft())
            hooks.pulse.beat()
            for worker in self._heard():
                message = worker.hear()
                if isinstance(message, Finished):
                    worker.order, worker.frames = None, 0
                    yield message
                elif isinstance(message, FrameDone):
                    worker.frames += 1
                    hooks.advance(sum(other.frames for other in self._workers))
                elif message is None or isinstance(message, Failed):
                    again = self._without(worker, message, hooks)
                    waiting.extendleft([again] if again else [])
                elif isinstance(message, Ready):
                    worker.is_ready = True
                    worker.silence = Silence(self._patience)

    def close(self) -> None:
        """End all workers at once."""
        while self._workers:
            self._workers[-1].end()
            self._workers.pop()

    def _heard(self) -> list[_Worker]:
        """Those that have something to say, are gone, or have said nothing for too long."""
        links = {worker.link: worker for worker in self._workers}
        talking = [links[link] for link in wait(list(links), tick(self._patience)) if isinstance(link, Connection)]
        silent = [worker for worker in self._workers if worker not in talking and worker.is_stalled]
        for worker in silent:
            worker.hangs = ""
        return talking + silent

    def _start(self, place: Place) -> None:
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # by itself it would let signals through that are held back here
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)  # the new process inherits it
        try:
            mine, its = context.Pipe()
            process = context.Process(target=place.serve, args=(its,), name=f"vrinr {place.name}", daemon=True)
            process.start()
            its.close()  # so that its end closes with the worker
            patience = max(self._patience, START) if self._patience else 0.0
            self._workers.append(_Worker(place, process, mine, Silence(patience)))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _without(self, worker: _Worker, failure: Failed | None, hooks: Hooks) -> Order | None:
        """Go on without a worker; the order that is to be done again.

        Raises:
            VrinrError: this cannot be gone on from.
        """
        how = worker.died() if failure is None else ""
        worker.end()
        self._workers.remove(worker)
        if failure is None:
            self._replace(worker, how, hooks)
            return worker.order
        if failure.is_lost and self._spare:
            self._start(self._spare.popleft())
        if not failure.is_lost or not self._workers:
            raise failure.error()
        chunk = f"; chunk {worker.order.index} goes to another" if worker.order else ""
        hooks.note(f"a worker on {worker.place.name} is lost: {failure.message}{chunk}")
        return worker.order

    def _replace(self, worker: _Worker, how: str, hooks: Hooks) -> None:
        """Start another worker for one that died, unless that has been tried too often."""
        order, place = worker.order, worker.place
        if order is not None:
            self._deaths[order.index] += 1
            ended = "died" if worker.hangs is None else "was ended"
            if self._deaths[order.index] == MOST_DEATHS:
                raise WorkerError(
                    f"chunk {order.index}: its worker died {MOST_DEATHS} times, last on {place.name} {how}",
                    hint="if memory is short use fewer workers; the same command goes on",
                )
            hooks.note(f"a worker on {place.name} {ended} {how}; chunk {order.index} is done again")
        elif not worker.is_ready:
            self._failed_starts[place] += 1
            if self._failed_starts[place] == MOST_DEATHS:
                if not self._workers:
                    raise WorkerError(
                        f"no worker starts on {place.name}: {how.removeprefix('by ')}", hint="try one device"
                    )
                hooks.note(f"no worker starts on {place.name}: {how.removeprefix('by ')}; the others go on")
                return
        self._start(place)
