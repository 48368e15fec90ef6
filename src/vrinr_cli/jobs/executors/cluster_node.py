"""What runs on a node of a Ray cluster: one chunk a task, and the board that tasks tell their progress to.

Loads neither torch nor PyAV before it is known that the node has the driver's version. What a node does not see it is
given: source and weights as objects, checked by their sha256; a chunk goes back the same way.
"""

import contextlib
import hashlib
import os
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vrinr_cli import __version__, extra
from vrinr_cli.errors import EncodeError, WeightsError
from vrinr_cli.jobs import own_files
from vrinr_cli.jobs.executors.orders import Failed, Finished, Order
from vrinr_cli.jobs.stalls import Pulse, Watchdog

if TYPE_CHECKING:
    from vrinr_cli.jobs.plan import Plan, WeightsChoice
    from vrinr_cli.jobs.run import Resources
    from vrinr_cli.video.info import SourceInfo

LARGEST_CHUNK = 1 << 30
"""Bytes of a chunk that goes back as an object."""
_NEWS = 0.5
"""Seconds between two words to the board, at most."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A file as objects of the cluster."""

    digest: str
    """sha256 of the file, in hexadecimal."""
    pieces: tuple[Any, ...]
    """References to its bytes, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What a task needs to know of its job."""

    plan: "Plan"
    folder: Path
    """Of the job, on the driver's machine."""
    token: str
    """Content of the file in it that nodes know it by."""
    device: str
    precision: str
    threads: int
    """CPUs that the task has."""
    sharing: int
    """Tasks that may run on one node, with one memory."""
    tile: int | None
    memory: int | None
    stall_timeout: float
    weights: tuple[Carried, ...]
    """The weights' file, and the one that it corrects; empty where they are bundled with the package."""


@dataclass(frozen=True, slots=True)
class Made:
    """A chunk is finished."""

    finished: Finished
    content: bytes | None
    """Of its file; None where that lies in the job's folder, by the attempt's name."""


@dataclass(frozen=True, slots=True)
class Lacks:
    """The node does not see the source, and was not given it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a task ended, and where."""

    host: str
    result: Made | Lacks | Failed


@dataclass(frozen=True, slots=True)
class State:
    """How far a task is, as its board knows."""

    host: str
    beats: int
    frames: int
    """That are with the encoder."""
    is_ready: bool
    """Whether the engine is loaded."""
    hangs: str | None
    """What it was doing when it found itself hanging."""


class Board:
    """An actor beside the driver: the last word of every task. It never grows, and nobody waits for it."""

    def __init__(self) -> None:
        self._states: dict[int, State] = {}

    def say(self, attempt: int, state: State) -> None:
        """A task tells how far it is."""
        self._states[attempt] = state

    def read(self, wanted: Iterable[int]) -> dict[int, State]:
        """What tasks have said; that of all others is forgotten."""
        self._states = {attempt: self._states[attempt] for attempt in wanted if attempt in self._states}
        return self._states


def attempt_name(index: int, token: str, attempt: int) -> str:
    """Name of the file of one attempt at a chunk: a node that is lost may write on, and must spoil no other's."""
    return f"{index:06d}.{token[:8]}-{attempt}.mkv"


def serve(  # noqa: PLR0917 - plain values by place: the node may have another version
    version: str, kit: list[Any], source: list[Any], index: int, attempt: int, must_return: bool, board: Any
) -> Answer | str:
    """Make one chunk.

    Args:
        version: of the driver.
        kit: reference to the `Kit`, in a list so that it is fetched after the versions are compared.
        source: the `Carried` source, or nothing.
        index: of the chunk.
        attempt: number of this attempt, different from any other in the run.
        must_return: give the file back though the job's folder seems to be here.
        board: the actor that is told of progress.

    Returns:
        How it ended; or the node's version where it differs.
    """
    if version != __version__:
        return __version__
    ray: Any = extra.load("ray", what="a node of a cluster", extra="cluster")
    host = str(ray.util.get_node_ip_address())
    line = _Line(board, attempt, host)
    held: _Held | None = None
    try:
        had: Kit = ray.get(kit[0])
        held = _held(ray, had, source, line)
        if held is None:
            return Answer(host, Lacks())
        with line.watched(had.stall_timeout):
            return Answer(host, _made(had, held, Order(index, Path()), attempt, line, must_return=must_return))
    except Exception as error:  # noqa: BLE001 - whatever it is, the driver is told
        return Answer(host, Failed.of(error, trace=traceback.format_exc(), is_starting=held is None))


class _Line:
    """A task's way to the board, for all its threads."""

    def __init__(self, board: Any, attempt: int, host: str) -> None:
        self._board, self._attempt, self._host = board, attempt, host
        self._frames = 0
        self._is_ready = False
        self._told = 0.0
        self.pulse = Pulse(self._beat)
        self._say()

    @contextlib.contextmanager
    def watched(self, limit: float) -> Iterator[None]:
        """Around work that ends this process if it hangs."""
        self._is_ready = True
        self._say()
        with Watchdog(self.pulse, limit, self._stalled):
            yield

    def frame(self, _: int) -> None:
        """One more frame is with the encoder."""
        self._frames += 1

    def _beat(self) -> None:
        if time.monotonic() - self._told >= _NEWS:
            self._say()

    def _say(self, hangs: str | None = None) -> Any:
        self._told = time.monotonic()
        return self._board.say.remote(
            self._attempt, State(self._host, self.pulse.count, self._frames, self._is_ready, hangs)
        )

    def _stalled(self, doing: str) -> None:
        ray: Any = extra.load("ray", what="a node of a cluster", extra="cluster")
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(self._say(doing), timeout=10)
        os._exit(1)


@dataclass(slots=True)
class _Held:
    """What a process keeps between the chunks of one job."""

    token: str
    plan: "Plan"
    """With paths that mean something here."""
    resources: "Resources"
    files: list[IO[bytes]]
    """Without a name: they go with the process, however it ends."""


_kept: list[_Held] = []
_lock = threading.Lock()


def _held(ray: Any, kit: Kit, source: list[Any], line: _Line) -> _Held | None:
    """The engine, set up once a process; None where the source is not to be had."""
    with _lock:
        if not _kept or _kept[0].token != kit.token:
            _kept[:] = []
            made = _set_up(ray, kit, source, line)
            if made is None:
                return None
            _kept[:] = [made]
        held = _kept[0]
    held.resources.pulse = line.pulse
    return held


def _set_up(ray: Any, kit: Kit, source: list[Any], line: _Line) -> _Held | None:
    import torch  # noqa: PLC0415 - see the module's own words

    from vrinr_cli.engine.device import choose  # noqa: PLC0415
    from vrinr_cli.engine.memory import budget_bytes  # noqa: PLC0415
    from vrinr_cli.jobs.run import make_resources  # noqa: PLC0415

    plan, files = kit.plan, []
    if not sees(plan.source):
        if not source:
            return None
        with line.pulse.at("fetching the source"):
            files.append(_fetched(ray, source[0], line))
        plan = replace(plan, source=replace(plan.source, path=_path_of(files[0])))
    torch.set_num_threads(kit.threads)
    compute = choose(kit.device, kit.precision)
    memory = budget_bytes(compute.device, kit.memory) // kit.sharing if kit.sharing > 1 else kit.memory
    with tempfile.TemporaryDirectory(prefix="vrinr-") as place:
        if plan.weights is not None:
            plan = replace(plan, weights=_weights_here(ray, kit, plan.weights, Path(place), line))
        resources = make_resources(
            plan, compute, tile=kit.tile, memory_limit=memory, encoder_threads=kit.threads, pulse=line.pulse
        )
    return _Held(kit.token, plan, resources, files)


def sees(source: "SourceInfo") -> bool:
    """Whether the driver's source is here under its name: the same size, time of change, beginning and end."""
    from vrinr_cli.video.probe import digest_of  # noqa: PLC0415 - PyAV loads here

    try:
        state = source.path.stat()
        is_same = (state.st_size, state.st_mtime_ns) == (source.bytes, source.changed_ns)
        return is_same and digest_of(source.path) == source.digest
    except OSError:
        return False


def _fetched(ray: Any, carried: Carried, line: _Line) -> IO[bytes]:
    """A file without a name that holds what was carried.

    Raises:
        OSError: the disk is full, or what came is not what was sent.
    """
    found = hashlib.sha256()
    file = tempfile.TemporaryFile(prefix="vrinr-")  # noqa: SIM115 - it is kept open
    for piece in carried.pieces:
        content = ray.get(piece)
        found.update(content)
        file.write(content)
        line.pulse.beat()
    file.flush()
    if found.hexdigest() != carried.digest:
        raise OSError("what came is not what was sent")
    return file


def _path_of(file: IO[bytes]) -> Path:
    return Path(f"/proc/self/fd/{file.fileno()}")


def _weights_here(ray: Any, kit: Kit, chosen: "WeightsChoice", place: Path, line: _Line) -> "WeightsChoice":
    """The weights by a path of this machine: the package's own, by their digest, or what was carried.

    Raises:
        WeightsError: neither has them.
    """
    from vrinr_cli.jobs import weights  # noqa: PLC0415
    from vrinr_cli.model.header import read_header  # noqa: PLC0415

    paths = weights.bundled()
    for number, carried in enumerate(kit.weights):
        paths.append(place / f"{number}.safetensors")
        with _fetched(ray, carried, line) as file:
            file.seek(0)
            paths[-1].write_bytes(file.read())
    for path in reversed(paths):
        if read_header(path).digest == chosen.digest:
            return replace(chosen, path=path)
    raise WeightsError(
        f"weights {chosen.digest[:12]} are not bundled with vrinr on this node", hint="install the same vrinr there"
    )


def _made(kit: Kit, held: _Held, order: Order, attempt: int, line: _Line, *, must_return: bool) -> Made:
    """One chunk, in the job's folder where that is here."""
    from vrinr_cli.jobs.executors.here import make  # noqa: PLC0415

    name = attempt_name(order.index, kit.token, attempt)
    if not must_return and is_folder_here(kit.folder, kit.token):
        path = kit.folder / own_files.CHUNKS / name
        return Made(_own(make(held.plan, replace(order, path=path), held.resources, line.frame)), None)
    with tempfile.TemporaryDirectory(prefix="vrinr-") as place:
        path = Path(place) / name
        finished = make(held.plan, replace(order, path=path), held.resources, line.frame)
        if finished.report.written.bytes > LARGEST_CHUNK:
            raise EncodeError(
                f"chunk {order.index} is too large to send back",
                hint="use a folder that all nodes see, or fewer --chunk-frames",
            )
        return Made(_own(finished), path.read_bytes())


def is_folder_here(folder: Path, token: str) -> bool:
    """Whether the driver's folder is here, and not another one of the same name."""
    try:
        with (folder / own_files.TOKEN).open("rb") as file:
            return file.read(len(token) + 1) == token.encode()
    except OSError:
        return False


def _own(finished: Finished) -> Finished:
    """With a number of the process that no other machine has."""
    words = f"{os.uname().nodename} {finished.process}"
    return replace(finished, process=int(hashlib.sha256(words.encode()).hexdigest()[:12], 16))
