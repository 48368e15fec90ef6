"""What can be asked of a training run. Pure data: torch is not needed to hold it."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.errors import OptionError
from vrinr_cli.model.config import DEFAULT, ModelConfig
from vrinr_cli.record import from_plain, to_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """One training run. One that exists is valid."""

    steps: int | None = None
    """Length in optimizer steps; exactly one of steps and minutes is given."""
    minutes: float | None = None
    """Length in minutes of computing, time before a resume included."""
    seed: int = 0
    """Decides initial weights and every crop."""
    batch: int = 2
    """Clips a step."""
    frames: int = 8
    """Frames a clip."""
    crop: int = 48
    """Side in LR pixels; smaller where the scale would ask for more HR pixels than `hr_limit`."""
    hr_limit: int = 224
    """Largest side in HR pixels of a window."""
    rate: float = 2e-3
    """Peak learning rate."""
    optimizer: str = "muon"
    """"muon" on convolution filters with AdamW on all else, or "adamw" on all."""
    clip_share: float = 0.6
    """Share of real clips; the rest are stills in motion."""
    compressed: float = 0.0
    """Share of steps whose LR windows have been compressed by x264; 0 trains on clean ones alone."""
    scales: str = "mixed"
    """"mixed" draws x1.1 to x8; "x4" is the paper's setting; "low" draws x1 to x4, most of them x1, for denoising."""
    average: float = 0.999
    """Decay of the running mean of weights that is saved."""
    device: str = "cpu"
    precision: str = "auto"
    """"fp32", "bf16", or "auto": bf16 where the processor multiplies it natively."""
    threads: int = 0
    """CPU threads; 0 leaves torch's choice."""
    checkpoint_minutes: float = 5.0
    """How often the state is written."""
    validate_minutes: float = 15.0
    """How often validation clips are scored, where there are some."""

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise OptionError("a run needs a length", hint="give either --steps or --minutes")
        length = self.steps if self.steps is not None else self.minutes
        if length is None or not 0 < length < math.inf:  # refuses nan too
            raise OptionError(f"a run of length {length}", hint="give a finite number above 0")
        for is_wrong, words, hint in self._checks():
            if is_wrong:
                raise OptionError(words, hint=hint)

    def _checks(self) -> tuple[tuple[bool, str, str], ...]:
        """Whether something cannot be, how that is said, and what to choose."""
        length, share = "choose a finite number of minutes, 0 or more", "choose a share between 0 and 1"
        return (
            (
                min(self.batch, self.frames) < 1 or not 8 <= self.crop <= 512 or self.hr_limit < 64,
                f"batch {self.batch}, frames {self.frames}, crop {self.crop}",
                "1 or more; crop 8 to 512",
            ),
            (not 0 <= self.compressed <= 1, f"compressed is {self.compressed}", share),
            (not 0 < self.rate < 1, f"rate {self.rate}", "choose one above 0 and below 1"),
            (not 0 <= self.clip_share <= 1, f"clip share {self.clip_share}", share),
            (not 0 <= self.average < 1, f"average {self.average}", "choose 0 or more, below 1"),
            (not 0 <= self.seed < 1 << 63, f"seed {self.seed}", "choose 0 or more"),
            (not 0 <= self.threads <= 1024, f"threads {self.threads}", "choose 1 to 1024, or 0 for one a core"),
            (not 0 <= self.checkpoint_minutes < math.inf, f"checkpoint minutes {self.checkpoint_minutes}", length),
            (not 0 <= self.validate_minutes < math.inf, f"validate minutes {self.validate_minutes}", length),
            (self.scales not in ("mixed", "x4", "low"), f"scales {self.scales!r}", "choose mixed, x4 or low"),
            (self.optimizer not in ("muon", "adamw"), f"optimizer {self.optimizer!r}", "choose muon or adamw"),
            (
                self.precision not in ("auto", "fp32", "bf16"),
                f"precision {self.precision!r}",
                "choose auto, fp32 or bf16",
            ),
        )


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """Where a run reads and writes."""

    data: Path
    """Folder with clips and stills."""
    output: Path
    """The checkpoint, .safetensors; the state to resume from stands beside it as .NAME.state."""
    validation: Path | None = None
    """Folder with clips that are never trained on."""
    weights: Path | None = None
    """Checkpoint to start from; None starts from random weights."""
    overwrite: bool = False
    """Whether an existing output is replaced, at the end."""
    changes: tuple[str, ...] = ()
    """Of the general network, or of the one that the weights have, which then grows; see `network_with`."""
    chart: Path | None = None
    """Picture of the validation gains over time, .svg or .png; drawn anew after each validation."""


def network_with(changes: Sequence[str], base: ModelConfig = DEFAULT) -> ModelConfig:
    """A network with some of its fields changed.

    Args:
        base: the network.
        changes: as in "channels=64" and "level_widths=[1,3]": names of `ModelConfig` and values in JSON.

    Raises:
        OptionError: no such field, a value that it cannot have, or one field twice.
    """
    fields = to_plain(base)
    choices = [name for name in fields if name != "extra"]
    changed: set[str] = set()
    for change in changes:
        name, _, value = change.partition("=")
        if value and name not in choices:
            raise OptionError(f"{name!r}: no field of a network", hint=f"choose {', '.join(choices)}")
        if name in changed:
            raise OptionError(f"{name} is set twice", hint="give it once")
        changed.add(name)
        try:
            fields[name] = json.loads(value)
        except ValueError as error:
            raise OptionError(
                f"{change!r}: no change of the network", hint="write NAME=VALUE, as channels=64"
            ) from error
    try:
        return from_plain(ModelConfig, fields, at="network")
    except ValueError as error:
        if isinstance(error, OptionError):
            raise
        usual = to_plain(base)
        examples = ", ".join(f"{name}={json.dumps(usual[name], separators=(',', ':'))}" for name in sorted(changed))
        raise OptionError(str(error), hint=f"write it as in {examples}") from error
