"""What a driver says to whoever runs its chunks, and what it hears. Loads neither torch nor PyAV."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vrinr_cli import errors
from vrinr_cli.errors import DeviceError, DeviceLostError, VrinrError
from vrinr_cli.jobs.stalls import Pulse

if TYPE_CHECKING:
    from vrinr_cli.jobs.journal import ChunkReport


@dataclass(frozen=True, slots=True)
class Order:
    """A chunk that is to be made."""

    index: int
    """Its number in the plan."""
    path: Path
    """The file to make."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a driver wants to be asked and told."""

    before: Callable[[], None]
    """Called before each chunk is begun; may raise."""
    advance: Callable[[int], None]
    """Called with the frames of unfinished chunks that are with the encoders."""
    note: Callable[[str], None]
    """Called with what a user should know."""
    pulse: Pulse = field(default_factory=Pulse)
    """Beats whenever the driver itself comes on: it looks after others, whose silence is counted for each."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker's engine is loaded."""


@dataclass(frozen=True, slots=True)
class FrameDone:
    """One more frame of a worker's chunk is with the encoder."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A worker comes on, within a frame too."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """A worker that finds itself hanging, and ends."""

    doing: str
    """As in "encoding frame 33"."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished chunk."""

    report: "ChunkReport"
    tile: int
    """Side of a tile; 0 while none was needed."""
    halvings: int
    """How often memory ran out in this chunk."""
    process: int
    """Number of the process that made it."""
    peak_memory: int
    """Most bytes that it has held."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An exception that ended a worker, as plain data."""

    kind: str
    """Name of a class in `errors`."""
    message: str
    hint: str
    number: int | None
    """The errno at its root, where there is one."""
    is_lost: bool
    """Whether only the device has failed: another one may do the same."""
    trace: str

    @staticmethod
    def of(error: BaseException, *, trace: str, is_starting: bool = False) -> "Failed":
        """What is to be told of an exception.

        Args:
            error: the exception.
            trace: its traceback in words.
            is_starting: whether it came while the engine was loaded.
        """
        is_lost = isinstance(error, DeviceLostError | DeviceError) or (is_starting and isinstance(error, RuntimeError))
        if isinstance(error, VrinrError):
            return Failed(type(error).__name__, str(error), error.hint, _number(error), is_lost, trace)
        words = (str(error) or "no message").splitlines()[0]
        message = f"{type(error).__name__}: {words}"
        return Failed(VrinrError.__name__, message, "see it all with `vrinr --debug ...`", None, is_lost, trace)

    def error(self) -> VrinrError:
        """The exception again; its cause has the errno and the traceback in words."""
        found = getattr(errors, self.kind)(self.message, hint=self.hint)
        if not isinstance(found, VrinrError):
            raise TypeError(f"{self.kind} is no error of vrinr")
        found.__cause__ = OSError(self.number, self.trace) if self.number is not None else RuntimeError(self.trace)
        return found


Message = Ready | FrameDone | Beat | Stalled | Finished | Failed


def _number(error: BaseException | None) -> int | None:
    while error is not None:
        number = getattr(error, "errno", None)
        if isinstance(number, int):
            return number
        error = error.__cause__
    return None
