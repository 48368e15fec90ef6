"""What can be asked of a fit to one clip, and what it tells. Pure data: torch is not needed to hold it."""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from vrinr_cli.errors import OptionError
from vrinr_cli.record import to_plain

FitPreset = Literal["paper", "best", "small"]
FitTask = Literal["upscale", "denoise"]
PRESETS: tuple[FitPreset, ...] = ("paper", "best", "small")
DEFAULT_BUDGET = 300_000
"""Bytes of a correction."""
HEADER_BYTES = 6144
"""Of a correction's file, for all but the coded levels."""
DEFAULT_MINUTES = 20.0
BLIND_SCALES = (2.0, 3.0, 4.0)
CORRECTED = "LR + correction"
"""Name of the point that a paired fit is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How a fit is carried out. One that exists is valid."""

    steps: int | None = None
    """Length in optimizer steps; exactly one of steps, minutes and epochs is given."""
    minutes: float | None = None
    """Length in minutes of computing, time before a resume included."""
    epochs: float | None = None
    """Preset fits: length in passes over all pixels."""
    seed: int = 0
    """Decides initial weights and every sample."""
    rate: float | None = None
    """Peak learning rate; None takes that of the use."""
    batch: int = 1
    """Windows a step, where windows are drawn."""
    window_frames: int = 8
    """Frames of a window."""
    window: int = 48
    """Side of a window in LR pixels."""
    scales: tuple[float, ...] = BLIND_SCALES
    """Blind fits: by how much the clip is shrunk to learn from itself; each step takes one of them."""
    budget: int | None = None
    """Most bytes of a correction's file, at least those of one that changes nothing: `HEADER_BYTES` and, for the
    general weights, about 160 more. None is `DEFAULT_BUDGET`."""
    table_entries: tuple[int, ...] | None = None
    """Preset fits: rows of each level's table, finest first; None chooses from the clip."""
    crop: tuple[int, int] | None = None
    """(height, width) in HR pixels of a centre crop of the reference, as in the paper's protocol; None takes all."""
    first: int = 0
    """Number of the first frame that is used."""
    frames: int | None = None
    """At most so many frames; None takes all."""
    device: str = "cpu"
    precision: str = "auto"
    """"fp32", "bf16", or "auto": bf16 where the processor multiplies it natively."""
    threads: int = 0
    """CPU threads; 0 leaves torch's choice."""
    checkpoint_minutes: float = 1.0
    """How often the state is written."""

    def __post_init__(self) -> None:
        lengths = [length for length in (self.steps, self.minutes, self.epochs) if length is not None]
        if len(lengths) != 1:
            raise OptionError("a fit needs one length", hint="give one of --steps, --minutes and --epochs")
        if not 0 < lengths[0] < math.inf:  # refuses nan too
            raise OptionError(f"a fit of length {lengths[0]}", hint="give a finite number above 0")
        problems = [words for is_wrong, words in self._checks() if is_wrong]
        if problems:
            raise OptionError("; ".join(problems), hint="see `vrinr fit --help`")

    def _checks(self) -> tuple[tuple[bool, str], ...]:
        entries, crop = self.table_entries, self.crop
        return (
            (not 0 <= self.seed < 1 << 63, f"seed {self.seed}, not 0 or more"),
            (self.rate is not None and not 0 < self.rate < 1, f"rate {self.rate}, not between 0 and 1"),
            (not 1 <= self.batch <= 256, f"batch {self.batch}, not 1 to 256"),
            (not 1 <= self.window_frames <= 256, f"window of {self.window_frames} frames, not 1 to 256"),
            (not 8 <= self.window <= 512, f"window of {self.window} pixels, not 8 to 512"),
            (
                not self.scales or any(not 1 < scale <= 8 for scale in self.scales),
                f"scale {', '.join(f'{scale:g}' for scale in self.scales)}, not above 1 and up to 8",
            ),
            (
                self.budget is not None and self.budget < HEADER_BYTES,
                f"budget of {self.budget} bytes, not 7K or more",
            ),
            (entries is not None and (not entries or min(entries) < 1), f"table entries {entries}"),
            (crop is not None and (len(crop) != 2 or min(crop) < 1), f"crop {crop}"),
            (self.first < 0, f"first frame {self.first}, not 0 or more"),
            (self.frames is not None and self.frames < 1, f"{self.frames} frames, not 1 or more"),
            (self.precision not in ("auto", "fp32", "bf16"), f"precision {self.precision!r}, not auto, fp32 or bf16"),
            (not 0 <= self.threads <= 1024, f"threads {self.threads}, not 0 to 1024"),
            (not self.checkpoint_minutes >= 0, f"checkpoint minutes {self.checkpoint_minutes}, not 0 or more"),
        )


def decisive(options: FitOptions) -> dict[str, object]:
    """All options but how a fit is carried out: what must be equal for a state to be taken up."""
    carried_out = {"steps", "minutes", "threads", "checkpoint_minutes", "device", "precision", "budget"}
    return {name: value for name, value in to_plain(options).items() if name not in carried_out}


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRequest:
    """What a fit reads and writes."""

    clip: Path
    """The LR clip: what the network reads."""
    output: Path
    """The weights, .safetensors; the state to resume from stands beside it as .NAME.state."""
    reference: Path | None = None
    """The same clip in HR; None fits blindly."""
    preset: FitPreset | None = None
    """The paper's network fitted from nothing; None corrects general weights."""
    weights: Path | None = None
    """General weights to correct; a fit by a preset takes none."""
    overwrite: bool = False
    """Whether an existing output is replaced, at the end."""
    task: FitTask = "upscale"
    """"denoise" learns from the noisy clip alone; `reference` and `preset` are None then."""
    from_scratch: bool = False
    """Denoising: begin with random weights of the shape that `weights` have."""

    def __post_init__(self) -> None:
        if self.preset is not None and self.preset not in PRESETS:
            raise OptionError(f"preset {self.preset!r}", hint=f"choose {', '.join(PRESETS)}")
        if self.preset is not None and self.reference is None:
            raise OptionError("a preset without a reference", hint="give --reference HR.mp4")
        if self.task not in ("upscale", "denoise"):
            raise OptionError(f"task {self.task!r}", hint="choose upscale or denoise")
        if self.task == "denoise" and (self.reference is not None or self.preset is not None):
            raise OptionError("denoising is learned from the clip alone", hint="leave out --reference and --preset")
        if self.from_scratch and self.task != "denoise":
            raise OptionError("--from-scratch without --task denoise", hint="a fit to enlarge begins with weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitProgress:
    """What a fit says of itself from time to time."""

    step: int
    share: float
    """0 at the start, 1 at the end."""
    loss: float
    """Mean since the last report."""
    psnr: float
    """dB, of the samples since the last report: psnr_rgb, while learning."""
    rate: float
    seconds: float
    """Of computing, before a resume included."""
    resumed_at: int = 0
    """Step from which a stopped fit goes on; 0 where it began anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitScore:
    """dB over the clip, or over the frames held out of a blind fit."""

    psnr_rgb: float
    psnr_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleScore:
    """How a fit did at one of its scales."""

    scale: float
    before: FitScore
    after: FitScore


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePoint:
    """One way to deliver the clip: how many bytes, how good."""

    name: str
    """For instance "LR + correction" or "x265 crf 28"."""
    bytes: int
    """All that is sent: video packets, and the file of weights where there is one."""
    psnr_y: float
    """dB against the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """How a fit ended."""

    output: Path
    """The file, written always; one that gained nothing changes nothing."""
    use: str
    """One of "preset", "paired" and "blind"."""
    before: FitScore
    """Of the general weights; of the bicubic base for a fit by a preset. Where there are several scales, their mean."""
    after: FitScore
    """Of the result, read back from its file."""
    by_scale: tuple[ScaleScore, ...] = ()
    """What the means are of; empty for a fit at one scale."""
    frames: int
    """Over which it was measured."""
    steps: int
    minutes: float
    """Of computing."""
    bytes: int
    """Of the file written."""
    raw_bytes: int = 0
    """Of the reference's frames as 8-bit RGB; 0 where it was not asked."""
    ffv1_bytes: int = 0
    """Of the reference's frames as lossless FFV1; 0 where it was not asked."""
    points: tuple[RatePoint, ...] = ()
    """Bytes against dB, of this and of other ways to deliver the clip."""
    notes: tuple[str, ...] = ()

    @property
    def gain_y(self) -> float:
        """Gain in psnr_y, dB, over what there was before."""
        return self.after.psnr_y - self.before.psnr_y

    @property
    def x265_curve(self) -> tuple[RatePoint, ...]:
        """The points of x265 of the HR clip, fewest bytes first."""
        return tuple(sorted((p for p in self.points if p.name.startswith("x265")), key=lambda p: (p.bytes, p.psnr_y)))

    @property
    def corrected(self) -> RatePoint | None:
        """The point of LR stream and correction; None where bytes against dB are left out."""
        return next((p for p in self.points if p.name == CORRECTED), None)

    @property
    def x265_psnr_y(self) -> float | None:
        """What x265 of the HR clip gives for the bytes of LR stream and correction: psnr_y in dB.

        Linear in the logarithm of the bytes; None where there are no points on both sides.
        """
        ours = self.corrected
        if ours is None:
            return None
        curve = [(p.bytes, p.psnr_y) for p in self.x265_curve]
        for (low, below), (high, above) in pairwise(curve):
            if low <= ours.bytes <= high:
                share = math.log(ours.bytes / low) / math.log(high / low) if high > low else 0.0
                return below + share * (above - below)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DenoiseFitReport:
    """How a denoising fit ended."""

    output: Path
    sigma: float
    """Of the clip's noise at half intensity, 8-bit codes, its grain counted."""
    white_sigma: float
    """As its finest detail has it, which coarse grain lacks."""
    error_before: float
    """Mean squared difference to noisy halves of held-out frames, codes squared, of the weights that it began with."""
    error_after: float
    """Of the result: the difference of the two is what the squared error to the clean frames lost."""
    frames: int
    """Held out, over which it was judged."""
    steps: int
    minutes: float
    bytes: int
    notes: tuple[str, ...] = ()
