"""Chunks as tasks of a Ray cluster, on one machine or several. Ray schedules; nothing here does.

Each task makes one chunk. What a lost node, a dead or a hanging process was at is begun again elsewhere, `MOST_DEATHS`
times at most; any other error is the job's. Files go over the job's folder where a node sees it, else through Ray.
"""

import contextlib
import hashlib
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vrinr_cli import __version__, extra
from vrinr_cli.errors import EncodeError, OptionError, WorkerError, counted, printable, show_bytes
from vrinr_cli.jobs import journal, own_files, weights
from vrinr_cli.jobs.executors import cluster_node
from vrinr_cli.jobs.executors.cluster_node import Answer, Board, Carried, Kit, Lacks, Made, State, attempt_name
from vrinr_cli.jobs.executors.orders import Failed, Finished, Hooks, Order
from vrinr_cli.jobs.executors.workers import MOST_DEATHS, START
from vrinr_cli.jobs.options import UpscaleOptions
from vrinr_cli.jobs.plan import Plan
from vrinr_cli.jobs.stalls import Silence, stall_words
from vrinr_cli.model.header import read_header
from vrinr_cli.video.files import cause_of, sync_file, sync_folder

PIECE = 64 << 20
"""Bytes of a carried file that are one object."""
LARGEST_SOURCE = 8 << 30
"""Bytes of a source that is carried: all of it lies in the memory or on the disk of the driver's node meanwhile."""
_AHEAD = 1
"""Tasks beyond those that run at once, so that no node waits."""
_LOOK = 0.5
"""Seconds between two looks at the board."""
_GRACE = 5.0
"""Seconds that cancelled tasks may take to end."""
_LENIENCE = 1.1
"""By what factor the driver is more patient than a task that watches itself, and can say what hangs."""
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anybody
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # the current folder, with its videos, is not sent to the nodes
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no advice on stderr
    "RAY_worker_niceness": "0",  # a cluster that is started here works as hard as other jobs
}


@dataclass(frozen=True, slots=True)
class Share:
    """What one task takes of a node."""

    device: str
    """ "cpu" or "cuda"."""
    cpus: int
    most: int
    """Tasks that fit on the node with the most room, now."""

    @property
    def resources(self) -> dict[str, int]:
        """As Ray names them."""
        return {"num_cpus": self.cpus, "num_gpus": int(self.device == "cuda")}

    def fits(self, node: dict[str, float]) -> int:
        """How many tasks a node takes at once."""
        by_cpu = int(node.get("CPU", 0) // self.cpus)
        return min(by_cpu, int(node.get("GPU", 0))) if self.device == "cuda" else by_cpu


def share_of(nodes: list[dict[str, float]], options: UpscaleOptions) -> Share:
    """What a task asks for: a GPU each, or as many CPUs as `threads` says, or as the smallest node has.

    Args:
        nodes: resources of each node, as Ray names them.
        options: device "auto" takes GPUs where there are any.

    Raises:
        OptionError: more threads than any node has CPUs.
    """
    has_gpu = any(node.get("GPU", 0) >= 1 for node in nodes)
    device = options.device if options.device != "auto" else ("cuda" if has_gpu else "cpu")
    used = [node for node in nodes if node.get("GPU", 0) >= 1] if device == "cuda" and has_gpu else nodes
    tasks = [max(int(node.get("GPU", 0)), 1) if device == "cuda" else 1 for node in used]
    cpus = [int(node.get("CPU", 0)) for node in used]
    usable = [count // several for count, several in zip(cpus, tasks, strict=True) if count]
    wanted = options.threads or max(min(usable, default=1), 1)
    if cpus and wanted > max(cpus):
        raise OptionError(
            f"threads is {wanted}, and no node of the cluster has more than {max(cpus)} CPUs", hint="choose fewer"
        )
    share = Share(device, wanted, 1)
    return replace(share, most=max([share.fits(node) for node in used], default=1) or 1)


@dataclass(slots=True, eq=False)
class _Attempt:
    """A chunk that a task is to make."""

    order: Order
    number: int
    silence: Silence
    state: State | None = None
    """None until it has begun."""
    frames: int = 0

    @property
    def host(self) -> str:
        return self.state.host if self.state else "a node"


class Cluster:
    """A connection to a cluster; `close` cancels what runs and ends it."""

    def __init__(self, plan: Plan, options: UpscaleOptions, folder: Path) -> None:
        """Connect.

        Args:
            plan: the job.
            options: with `cluster`, and what every task takes.
            folder: of the job, locked.

        Raises:
            OptionError: ray is not installed, or no node can run a task as asked.
            WorkerError: the cluster cannot be reached.
        """
        self._plan, self._options, self._folder = plan, options, folder
        self._address = options.cluster or "local"
        self._patience = options.stall_timeout * _LENIENCE
        self._ray, self._is_ours = _connected(self._address)
        self._token = secrets.token_hex(16)
        self._attempts: dict[Any, _Attempt] = {}
        """By the reference to what they will give."""
        self._begun = 0
        self._deaths: Counter[int] = Counter()
        """Of tasks, by chunk."""
        self._must_return: set[int] = set()
        """Chunks whose file was not seen here, though the node thought so."""
        self._source: list[Carried] = []
        self._board: Any = None
        self._kit: Any = None
        try:
            nodes = self._nodes()
            self._share = share_of(nodes, options)
        except BaseException:
            self.close()
            raise
        self.words = f"{self._share.device} of {counted(len(nodes), 'node')}"
        """Where the work is done, for the first line and the report."""

    def run(self, orders: Iterable[Order], hooks: Hooks) -> Iterator[Finished]:
        """Make chunks; they come back as they are finished.

        Raises:
            WorkerError: a chunk's task has died too often, nothing begins, or the cluster is gone.
            VrinrError: what went wrong in a task, as `run_chunk` raised it there.
        """
        waiting = deque(orders)
        if not waiting:
            return
        try:
            self._prepare()
            yield from self._run(waiting, hooks)
        except self._ray.exceptions.RayError as error:
            raise WorkerError(f"cluster {self._address}: {_line_of(error)}", hint="the same command goes on") from error

    def close(self) -> None:
        """Cancel all tasks and let go of the cluster; one that was started here ends."""
        ray, running = self._ray, list(self._attempts)
        with contextlib.suppress(ray.exceptions.RayError, ConnectionError, RuntimeError):  # it may be gone
            for reference in running:
                ray.cancel(reference, force=True)
            if running:
                ray.wait(running, num_returns=len(running), timeout=_GRACE)
            if self._board is not None:
                ray.kill(self._board)
        for attempt in self._attempts.values():
            self._clean(attempt)
        self._attempts.clear()
        self._board = None
        (self._folder / own_files.TOKEN).unlink(missing_ok=True)
        if self._is_ours:
            self._is_ours = False
            ray.shutdown()

    def _nodes(self) -> list[dict[str, float]]:
        """Resources of every node that is alive."""
        return [dict(node["Resources"]) for node in self._ray.nodes() if node["Alive"]]

    def _prepare(self) -> None:
        ray, options = self._ray, self._options
        (self._folder / own_files.TOKEN).write_text(self._token)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        self._board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=here).remote()
        kit = Kit(
            plan=self._plan,
            folder=self._folder,
            token=self._token,
            device=self._share.device,
            precision=options.precision,
            threads=self._share.cpus,
            sharing=self._share.most if self._share.device == "cpu" else 1,
            tile=options.tile,
            memory=options.memory,
            stall_timeout=options.stall_timeout,
            weights=tuple(self._carried(path) for path in _own_weights(self._plan)),
        )
        self._kit = ray.put(kit)

    def _run(self, waiting: deque[Order], hooks: Hooks) -> Iterator[Finished]:
        ray = self._ray
        idle = Silence(self._patience)
        if self._share.device == "cuda" and not any(node.get("GPU", 0) >= 1 for node in self._nodes()):
            hooks.note("no node of the cluster has a GPU now; waiting for one")
        while waiting or self._attempts:
            while waiting and len(self._attempts) < self._room():
                hooks.before()
                self._begin(waiting.popleft())
            hooks.pulse.beat()
            done, _ = ray.wait(list(self._attempts), num_returns=1, timeout=_LOOK)
            self._look(hooks)
            if done or any(attempt.state for attempt in self._attempts.values()):
                idle.end()
            elif idle.is_too_long():
                waited = f"{self._options.stall_timeout:g} s"
                raise WorkerError(
                    f"cluster {self._address}: no node has begun a chunk for {waited}",
                    hint="look at `ray status`; the same command goes on",
                )
            for reference in done:
                finished = self._ended(reference, waiting, hooks)
                if finished is not None:
                    yield finished
            self._end_silent(waiting, hooks)

    def _room(self) -> int:
        """How many tasks are worth asking for."""
        return max(sum(self._share.fits(node) for node in self._nodes()), 1) + _AHEAD

    def _begin(self, order: Order) -> None:
        self._begun += 1
        task = self._ray.remote(cluster_node.serve).options(
            max_retries=0, name=f"vrinr chunk {order.index}", **self._share.resources
        )
        must_return = order.index in self._must_return
        reference = task.remote(
            __version__, [self._kit], self._source, order.index, self._begun, must_return, self._board
        )
        patience = max(self._patience, START) if self._patience else 0.0
        self._attempts[reference] = _Attempt(order, self._begun, Silence(patience))

    def _look(self, hooks: Hooks) -> None:
        """Hear from the board how far all tasks are."""
        wanted = [attempt.number for attempt in self._attempts.values()]
        states: dict[int, State] = {}
        with contextlib.suppress(self._ray.exceptions.GetTimeoutError):  # then next time
            states = self._ray.get(self._board.read.remote(wanted), timeout=_GRACE)
        for attempt in self._attempts.values():
            state = states.get(attempt.number)
            if state is not None and state != attempt.state:
                if state.is_ready and not (attempt.state and attempt.state.is_ready):
                    attempt.silence = Silence(self._patience)
                attempt.state, attempt.frames = state, state.frames
                attempt.silence.end()
        self._advance(hooks)

    def _advance(self, hooks: Hooks) -> None:
        """Tell frame by frame what is with the encoders: rates are measured by it."""
        for under_way in range(1, sum(attempt.frames for attempt in self._attempts.values()) + 1):
            hooks.advance(under_way)

    def _ended(self, reference: Any, waiting: deque[Order], hooks: Hooks) -> Finished | None:
        """What became of a task; None where its chunk is done again.

        Raises:
            VrinrError: this cannot be gone on from.
        """
        attempt = self._attempts[reference]
        raised = self._ray.exceptions
        try:
            answer: Answer | str = self._ray.get(reference)
        except raised.RayTaskError as error:
            raise WorkerError(
                f"a node of the cluster cannot run vrinr: {_last_line_of(error.cause)}",
                hint=f"install vrinr {__version__} on every node",
            ) from error
        except raised.RayError as error:
            hangs = attempt.state.hangs if attempt.state else None
            how = f"died: {_line_of(error)}" if hangs is None else self._stalled(hangs)
            self._lose(reference, how, waiting, hooks)
            return None
        if isinstance(answer, str):
            raise WorkerError(
                f"a node of the cluster has vrinr {printable(answer)}, this is {__version__}",
                hint="install the same version on every node",
            )
        result = answer.result
        if isinstance(result, Made):
            return self._taken(reference, answer.host, result, waiting, hooks)
        if isinstance(result, Lacks):
            del self._attempts[reference]
            self._carry_source(answer.host, hooks)
            waiting.appendleft(attempt.order)
            return None
        if not result.is_lost:
            raise _told(result, answer.host).error()
        self._lose(reference, f"has lost its device: {result.message}", waiting, hooks)
        return None

    def _taken(self, reference: Any, host: str, made: Made, waiting: deque[Order], hooks: Hooks) -> Finished | None:
        """A finished chunk under its own name; None where its file is not here.

        Raises:
            EncodeError: it cannot be written here.
        """
        attempt = self._attempts[reference]
        path, report = attempt.order.path, made.finished.report
        came = self._came(attempt)
        try:
            if made.content is not None:
                came.write_bytes(made.content)
                sync_file(came)
            is_whole = journal.is_whole(report, came)
            if is_whole:
                came.replace(path)
                sync_folder(path.parent)
        except OSError as error:
            raise EncodeError(
                f"{printable(path.name)}: cannot be written: {cause_of(error)}",
                hint="see that the disk has space; the same command goes on",
            ) from error
        if not is_whole:
            self._must_return.add(attempt.order.index)
            self._lose(reference, f"on {host} made a file that is not here as it was there", waiting, hooks)
            return None
        attempt.frames = report.written.frames
        self._advance(hooks)
        del self._attempts[reference]
        return made.finished

    def _end_silent(self, waiting: deque[Order], hooks: Hooks) -> None:
        """End tasks of which nothing has been heard for too long."""
        for reference, attempt in list(self._attempts.items()):
            if attempt.state is not None and attempt.silence.is_too_long():
                self._ray.cancel(reference, force=True)
                self._lose(reference, self._stalled(attempt.state.hangs or ""), waiting, hooks)

    def _stalled(self, doing: str) -> str:
        return f"was ended {stall_words(self._options.stall_timeout, doing)}"

    def _lose(self, reference: Any, how: str, waiting: deque[Order], hooks: Hooks) -> None:
        """Go on without a task.

        Raises:
            WorkerError: its chunk has been tried too often.
        """
        attempt = self._attempts.pop(reference)
        index = attempt.order.index
        self._clean(attempt)
        self._deaths[index] += 1
        if self._deaths[index] == MOST_DEATHS:
            raise WorkerError(
                f"chunk {index}: its task was lost {MOST_DEATHS} times; the last, on {attempt.host}, {how}",
                hint="the same command goes on",
            )
        hooks.note(f"a task on {attempt.host} {how}; chunk {index} is done again")
        waiting.appendleft(attempt.order)

    def _came(self, attempt: _Attempt) -> Path:
        """Where the file of an attempt lies."""
        return attempt.order.path.with_name(attempt_name(attempt.order.index, self._token, attempt.number))

    def _clean(self, attempt: _Attempt) -> None:
        """Remove what an attempt has left; what it leaves later goes with the folder."""
        came = self._came(attempt)
        with contextlib.suppress(OSError):
            came.unlink(missing_ok=True)
            came.with_name(came.name + ".part").unlink(missing_ok=True)

    def _carry_source(self, host: str, hooks: Hooks) -> None:
        """Have the source in the cluster, once, for all nodes that do not see it.

        Raises:
            WorkerError: it is too large.
        """
        source = self._plan.source
        size, name = show_bytes(source.bytes), printable(source.path.name)
        if source.bytes > LARGEST_SOURCE:
            raise WorkerError(
                f"node {host} does not see {name}, and {size} are too much to send",
                hint="put it in a folder that all nodes see under the same name",
            )
        if not self._source:
            self._source = [self._carried(source.path)]
            hooks.note(f"node {host} does not see {name}: {size} are sent through the cluster")

    def _carried(self, path: Path) -> Carried:
        found, pieces = hashlib.sha256(), []
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                found.update(piece)
                pieces.append(self._ray.put(piece))
        return Carried(found.hexdigest(), tuple(pieces))


def _connected(address: str) -> tuple[Any, bool]:
    """Ray, connected, and whether that is for us to end: a program that has connected already stays so.

    Raises:
        OptionError: ray is not installed.
        WorkerError: nobody answers, or who does has another version of ray.
    """
    os.environ.update(_SETTINGS)
    is_told = os.environ.keys() & {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}
    if address == "local" and not is_told and "ray" not in sys.modules:  # it looks when it is loaded
        # for this process alone; by itself ray would leave a token in the user's home
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    ray = extra.load("ray", what="--cluster", extra="cluster")
    extra.load("ray.util.scheduling_strategies", what="--cluster", extra="cluster")
    if ray.is_initialized():
        return ray, False
    _try_port(address)
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address == "local":
        quiet["include_dashboard"] = False
    before = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings(action="ignore"):  # what they say comes as an error too
            ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError, ImportError, ray.exceptions.RayError) as error:
        raise _unreachable(address, _line_of(error)) from error
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGTERM, before)  # ray puts its own in its place
    return ray, True


def _try_port(address: str) -> None:
    """See that somebody listens, which ray would wait for many minutes.

    Raises:
        WorkerError: nobody does.
    """
    place = _current() if address == "auto" else address
    if place == "local" or not place:
        return  # ray says at once that there is none
    parts = urlsplit(place if "://" in place else f"ray://{place}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10).close()
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unreachable(address, f"{printable(place)}: {cause}" if address == "auto" else cause) from error


def _current() -> str:
    """Where ray would find the cluster of this machine; it remembers one that is gone, too."""
    named = os.environ.get("RAY_ADDRESS", "")
    if named:
        return "" if named in ("auto", "local") else named
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    try:
        return (Path(folder) / "ray" / "ray_current_cluster").read_text().strip()
    except (OSError, ValueError):
        return ""


def _unreachable(address: str, cause: str) -> WorkerError:
    hint = "start one with `ray start --head`, or use --cluster local" if address == "auto" else "see that it runs"
    if "timeout" in cause:  # all that its client tells of a token that is missing
        hint += "; if it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
    return WorkerError(f"cluster {address} cannot be reached: {cause}", hint=hint)


def _own_weights(plan: Plan) -> list[Path]:
    """Files that nodes may not have: weights, and those that they correct, that are not bundled with the package."""
    if plan.weights is None:
        return []
    header = read_header(plan.weights.path)
    files = [plan.weights.path] + ([weights.base_of(header)] if header.kind == "correction" else [])
    bundled = {read_header(path).digest for path in weights.bundled()}
    return [path for path in files if read_header(path).digest not in bundled]


def _told(failed: Failed, host: str) -> Failed:
    """A failure with its place. A disk that is full may be the node's own, so that its number says nothing here."""
    return replace(failed, message=f"node {host}: {failed.message}", number=None)


def _last_line_of(error: BaseException) -> str:
    """The same of what was raised in a node's code, whose traceback it holds."""
    return printable((str(error).strip() or type(error).__name__).splitlines()[-1].strip())


def _line_of(error: BaseException) -> str:
    """What Ray says of an error, in one line: its first sentence."""
    words = " ".join(str(error).split()) or type(error).__name__
    first = words.split(". ")[0].rstrip(".")
    return printable(first if len(first) <= 200 else f"{first[:200]} ...")
