"""Several steps at work at once on a stream of items: each on a thread of its own, each in the items' order.

A frame's way through the network is many small operations. Split over the cores one by one, every operation waits for
its slowest thread; here each operation stays on one core, or a few, and other cores work on other steps of the frames
before and after (docs/decisions/0035). What comes out is bit for bit what one thread gives.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

MOST_LANES = 4
"""Threads that work on steps; where there are more cores each operation is split over some of them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One station on the items' way."""

    push: Callable[[Any], Any]
    """Takes an item, gives one for the next step, or None where it waits for more."""
    finish: Callable[[], Iterable[Any]] | None = None
    """Gives what still waits inside once the last item came, oldest first. None is a step where nothing waits."""
    is_free: bool = False
    """Whether several items may be in it at once, as it remembers none. Only the last step may be."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """How the threads of an engine are used."""

    count: int
    """Threads that work on steps, the caller's among them; 1 is no other than the caller's."""
    threads: int
    """Of torch within one operation."""


def lanes_for(device: torch.device) -> Lanes:
    """As many as torch has threads, up to `MOST_LANES`; one on anything but a CPU, which has an order of its own."""
    threads = torch.get_num_threads()
    if device.type != "cpu" or "parallel backend: OpenMP" not in torch.__config__.parallel_info():
        return Lanes(1, threads)
    count = min(threads, MOST_LANES)
    return Lanes(count, threads // count)


def flow(source: Iterator[Any], steps: Sequence[Step], lanes: Lanes, *, ends: Callable[[], bool]) -> Generator[Any]:
    """Let items pass the steps.

    Args:
        source: the items, asked for on the caller's thread, a few ahead.
        steps: in order; each sees the items in order.
        lanes: threads.
        ends: asked when the source has ended: whether what waits inside the steps shall come out.

    Yields:
        What the last step gives, in order. Closing the generator waits for the steps under way, and drops the rest.

    Raises:
        BaseException: what a step or the source raises.
    """
    if lanes.count == 1:
        yield from _alone(source, steps, ends)
        return
    flowing = _Flow(steps, lanes)
    try:
        yield from flowing.run(source, ends)
    finally:
        flowing.stop()


def _alone(source: Iterator[Any], steps: Sequence[Step], ends: Callable[[], bool]) -> Iterator[Any]:
    for item in source:
        out = _through(item, steps)
        if out is not None:
            yield out
    if not ends():
        return
    for number, step in enumerate(steps):
        for left in step.finish() if step.finish is not None else ():
            out = _through(left, steps[number + 1 :])
            if out is not None:
                yield out


def _through(item: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        item = step.push(item)
        if item is None:
            return None
    return item


class _End:
    """Follows the last item."""


_END = _End()


@dataclass(frozen=True, slots=True)
class _Task:
    """An item for a step."""

    step: int
    item: Any
    place: int
    """In the order of what the last step takes; 0 elsewhere."""


class _Flow:
    """Queues before the steps, and threads that serve them, the last steps first."""

    def __init__(self, steps: Sequence[Step], lanes: Lanes) -> None:
        self.steps, self.lanes = steps, lanes
        self.changed = threading.Condition()
        self.queues: list[deque[Any]] = [deque() for _ in steps]
        self.running = [0] * len(steps)
        self.results: dict[int, deque[Any]] = {}
        """Of each item that the last step took, by its place: what it gave."""
        self.taken = 0
        """Items that the last step has begun with."""
        self.given = 0
        """Of these, handed to the caller."""
        self.error: BaseException | None = None
        self.is_stopped = False
        self.ended = [threading.Event() for _ in range(lanes.count - 1)]
        everywhere = torch.get_num_threads()
        for ended in self.ended:
            ready = threading.Event()
            threading.Thread(target=self._serve, args=(ended, ready), name="vrinr-lane", daemon=True).start()
            ready.wait()
        torch.set_num_threads(everywhere)  # what a thread sets for itself counts for those made later, too

    def run(self, source: Iterator[Any], ends: Callable[[], bool]) -> Iterator[Any]:
        """Feed the items and give the results, working along meanwhile."""
        feeding: Iterator[Any] | None = _with_end(source, ends)
        while True:
            with _threads(self.lanes.threads):
                has_result, result = self._advance(feeding)
            if has_result:
                yield result
            elif feeding is not None:
                feeding = None
            else:
                return

    def _advance(self, feeding: Iterator[Any] | None) -> tuple[bool, Any]:
        """The next result; (False, None) where the source has just ended, or nothing is left."""
        while True:
            task = None
            with self.changed:
                self._raise_error()
                while self.given in self.results:
                    if self.results[self.given]:
                        return True, self.results[self.given].popleft()
                    del self.results[self.given]
                    self.given += 1
                    self.changed.notify_all()
                has_room = feeding is not None and len(self.queues[0]) < self.lanes.count
                if not has_room:
                    task = self._claim()
                    if task is None and feeding is None and not self._is_busy():
                        return False, None
                    if task is None:
                        self.changed.wait()
            if task is not None:
                self._do(task)
            elif has_room and feeding is not None:
                item = next(feeding, None)
                if item is None:
                    return False, None
                with self.changed:
                    self.queues[0].append(item)
                    self.changed.notify()

    def stop(self) -> None:
        """End the threads; they finish the step they are at. A signal meanwhile is raised when they have."""
        with self.changed:
            self.is_stopped = True
            self.changed.notify_all()
        late: BaseException | None = None
        for ended in self.ended:
            while not ended.is_set():
                try:
                    ended.wait()
                except BaseException as error:  # noqa: BLE001 - raised again below
                    late = late or error
        self.queues, self.results = [], {}
        if late is not None:
            raise late

    def _raise_error(self) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error

    def _is_busy(self) -> bool:
        return any(self.queues) or any(self.running) or bool(self.results)

    def _serve(self, ended: threading.Event, ready: threading.Event) -> None:
        try:
            torch.set_num_threads(self.lanes.threads)
            ready.set()
            with torch.inference_mode():
                while (task := self._wait_for_task()) is not None:
                    self._do(task)
                    del task
        finally:
            ended.set()

    def _wait_for_task(self) -> _Task | None:
        with self.changed:
            while not self.is_stopped:
                task = self._claim()
                if task is not None:
                    return task
                self.changed.wait()
        return None

    def _claim(self) -> _Task | None:
        """The item that is furthest on its way and may go on."""
        last = len(self.steps) - 1
        for number in range(last, -1, -1):
            if not self.queues[number] or (self.running[number] and not self.steps[number].is_free):
                continue
            # of what the last step gives one for each thread: at 3840x2160 it is 100 MB
            most = self.lanes.count - 1 if number == last else self.lanes.count
            waiting = self.taken - self.given if number == last else len(self.queues[number + 1])
            if waiting > most:
                continue
            self.running[number] += 1
            place = self.taken if number == last else 0
            self.taken += number == last
            return _Task(number, self.queues[number].popleft(), place)
        return None

    def _do(self, task: _Task) -> None:
        try:
            out = self._outcome(task)
        except BaseException as error:  # noqa: BLE001 - raised again on the caller's thread
            with self.changed:
                self.error = self.error or error
                self.is_stopped = True
                self.changed.notify_all()
            return
        with self.changed:
            self.running[task.step] -= 1
            if task.step < len(self.steps) - 1:
                self.queues[task.step + 1].extend(out)
            else:
                self.results[task.place] = deque(out)
            self.changed.notify_all()

    def _outcome(self, task: _Task) -> list[Any]:
        step = self.steps[task.step]
        if not isinstance(task.item, _End):
            out = step.push(task.item)
            return [] if out is None else [out]
        left = list(step.finish()) if step.finish is not None else []
        is_last = task.step == len(self.steps) - 1
        return left if is_last else [*left, _END]


def _with_end(source: Iterator[Any], ends: Callable[[], bool]) -> Iterator[Any]:
    yield from source
    if ends():
        yield _END


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """So many threads of torch within an operation, for this thread and those made meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
