"""What a job says while it runs, and what it says at the end. Pure data; whoever listens decides how to show it."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NoiseFacts:
    """Noise that a network is told of, in 8-bit codes: variance(I) = constant + slope I at an intensity I of 0 to 255.

    All before the strength, by which deviations are multiplied.
    """

    origin: str
    """"measured", "given" or "learned"."""
    sigma: float
    """Root of the mean variance of R, G and B at half intensity."""
    constant: tuple[float, float, float]
    """Of R, G and B, in codes squared."""
    slope: tuple[float, float, float]
    """Of R, G and B, in codes."""
    strength: float
    """That was asked for."""


@dataclass(frozen=True, slots=True)
class Started:
    """The plan is made; the first frame comes next."""

    source: Path
    output: Path
    source_size: tuple[int, int]
    target_size: tuple[int, int]
    """(height, width)."""
    frames: int
    """0 where nobody knows, as of a pipe."""
    done: int
    """Frames that an earlier run has left finished."""
    codec: str
    pix_fmt: str
    device: str
    """Device and precision, "cpu bf16"."""
    method: str
    part: str = ""
    """As in "2/5"; empty for a whole job."""
    chunks: int = 0
    """That are this process's to make."""
    chunks_done: int = 0
    """Of these, finished by an earlier run."""
    noise: NoiseFacts | None = None
    """That is taken away; None where the network is told of none."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """One more frame is with the encoder."""

    done: int
    total: int
    """0 where nobody knows."""
    chunks_done: int = 0
    """Chunks that are finished."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a user should know; the work goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step other than restoring frames begins: "join", "verify"."""

    name: str


Event = Started | Advanced | Noted | Stepped
Listener = Callable[[Event], None]
Stop = Callable[[], bool]
"""Says whether a job is to stop, as `threading.Event().is_set` does."""


def ignore(event: Event) -> None:
    """A listener that does nothing."""


def never() -> bool:
    """Lets a job go on."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    """A finished part of a job."""

    output: Path
    """The file that all parts will be joined to."""
    part: str
    """As in "2/5"."""
    frames: int
    """Of this part."""
    resumed_frames: int
    """Of these, finished by an earlier run."""
    chunks: int
    device: str
    seconds: float
    peak_memory: int
    """Bytes of the process and its workers, at most."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobReport:
    """A finished job."""

    source: Path
    output: Path
    source_size: tuple[int, int]
    target_size: tuple[int, int]
    frames: int
    resumed_frames: int
    """Of these, finished by an earlier run."""
    chunks: int
    codec: str
    pix_fmt: str
    device: str
    """Devices and precision; empty where parts were joined."""
    method: str
    weights: str
    """sha256 of the weights; empty for the plain methods."""
    tile: int
    """Side in pixels of the network's trunk in the last chunk; 0 means that no tiles were needed."""
    halvings: int
    redone_in_fp32: int
    repeated_frames: int
    """Damaged frames of the source in whose place the last good one stands."""
    cuts: int
    """Scene cuts beyond which no frame was read; 0 where no window is."""
    seconds: float
    bytes: int
    largest_time_error: Fraction
    """Seconds by which a frame's time differs from the source's, by the container's rounding."""
    peak_memory: int
    """Bytes of the whole process and its workers, at most."""
    notes: tuple[str, ...]
