"""Training on a corpus: crops at every scale, validation, and the checkpoint at the end. `loop` has the steps."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.model import checkpoint
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.loss import charbonnier, squared_error
from vrinr_cli.model.network import VrInr
from vrinr_cli.record import to_plain
from vrinr_cli.training import curve
from vrinr_cli.training.compression import by_h264
from vrinr_cli.training.corpus import Corpus, Pixels
from vrinr_cli.training.curve import CurvePoint
from vrinr_cli.training.degrade import bicubic_downscale, to_unit
from vrinr_cli.training.interrupts import HeldInterrupts
from vrinr_cli.training.loop import Loop, Sample, Schedule, device_of, dtype_of
from vrinr_cli.training.noise import SUBSAMPLED, add_noise, draw_noise, halve_chroma, in_luma
from vrinr_cli.training.optimizer import Optimizers, muon_and_adamw
from vrinr_cli.training.options import TrainOptions
from vrinr_cli.training.validate import CLEAN_CASES, NOISY_CASES, score_model

CRFS = (18.0, 35.0)
"""Constant rate factors that compressed windows are drawn from."""
SQUARED_TAIL = 0.9
"""Progress from which the loss is the squared error, which PSNR measures."""


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """What a run says of itself from time to time."""

    step: int
    share: float
    """0 at the start, 1 at the end."""
    loss: float
    """Mean since the last report; nan where no step was made since."""
    rate: float
    seconds: float
    gains: tuple[tuple[str, float], ...] = ()
    """(case, mean dB of psnr_y over the better of bicubic and Lanczos), after a validation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStart:
    """What a run says of itself before its first step."""

    clips: int
    """That are learned from."""
    stills: int
    parameters: int
    """Of the network."""
    device: str
    precision: str
    """"fp32" or "bf16"."""
    resumed_at: int = 0
    """Step from which a stopped run goes on; 0 where it begins anew."""
    notes: tuple[str, ...] = ()
    """What a user should know, a line each."""


class Trainer(Loop):
    """One run on a corpus in memory."""

    def __init__(
        self,
        corpus: Corpus,
        config: ModelConfig,
        options: TrainOptions,
        *,
        output: Path,
        validation: Mapping[str, Pixels] | None = None,
        start_from: VrInr | None = None,
        start: str = "",
        data: str = "",
    ) -> None:
        """Take a corpus and a network.

        Args:
            corpus: what is learned from.
            config: of the network.
            options: how.
            output: the checkpoint; the state stands beside it.
            validation: clips by name, (T, H, W, 3) each.
            start_from: the network to begin as; None begins with random weights.
            start: digest of the weights that it comes from; empty for random ones.
            data: digest of the files of the corpus, `files.digest_of_files`.
        """
        self.start, self.data = start, data
        self.options = options
        self.validation = validation or {}
        self.interrupts = HeldInterrupts()
        device = device_of(options.device)
        self.corpus = corpus.to(device)
        if options.threads:
            torch.set_num_threads(options.threads)
        schedule = Schedule(
            steps=options.steps,
            minutes=options.minutes,
            seed=options.seed,
            rate=options.rate,
            average=options.average,
            checkpoint_minutes=options.checkpoint_minutes,
        )
        super().__init__(
            start_from or checkpoint.initial(config, options.seed),
            schedule,
            sampler=self.sample,
            loss=error_by_progress,
            output=output,
            device=device,
            dtype=dtype_of(options.precision, device),
        )

    def make_optimizers(self) -> Optimizers:
        """As the options say."""
        if self.options.optimizer == "muon":
            return muon_and_adamw(self.model, self.options.rate)
        return super().make_optimizers()

    def run(
        self,
        report: Callable[[TrainProgress], None],
        *,
        begun: Callable[[TrainStart], None] = lambda _: None,
        every: int = 20,
    ) -> None:
        """Train to the end, resuming if there is a state; write the checkpoint and remove the state.

        Args:
            report: called from time to time, and once at the end.
            begun: called before the first step.
            every: steps between two reports.

        Raises:
            OptionError: the state is too far for a run of this length.
            WeightsError: the state belongs to another run.
            EngineError: the loss is no longer finite; the last state is kept.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the state holds the last step.
        """
        self.resume()
        self._check_tail()
        begun(self.beginning())
        with self.interrupts:
            self._learn(report, every)
        self.save_checkpoint()
        self.state_path.unlink()

    def _learn(self, report: Callable[[TrainProgress], None], every: int) -> None:
        """Every step, and the validation at the end."""
        validated = self.seconds
        losses: list[float] = []
        since: list[float] = []
        for loss in self.losses():
            losses.append(loss)
            since.append(loss)
            is_over = self.share >= 1  # then there is one report, below
            if not is_over and self.validation and self.seconds - validated > 60 * self.options.validate_minutes:
                report(self._validated(losses, since))
                losses.clear()
                since.clear()
                validated = self.seconds
            elif not is_over and self.step % every == 0:
                report(self._progress(losses))
                losses.clear()
            self.stop_if_asked()
        report(self._validated(losses, since))

    def beginning(self) -> TrainStart:
        """What it begins with, or goes on with."""
        return TrainStart(
            clips=len(self.corpus.clips),
            stills=len(self.corpus.stills),
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            device=str(self.device),
            precision="fp32" if self.dtype is torch.float32 else "bf16",
            resumed_at=self.resumed_at,
        )

    def save_state(self) -> None:
        """Write everything that a resume needs, with how far the run has come."""
        self.notes["share"] = repr(self.share)
        super().save_state()

    def _check_tail(self) -> None:
        """Refuse to end a run whose last tenth, which is learned in another way, was not done.

        Raises:
            OptionError: the state is within the last tenth of this run, and was not of the one that wrote it.
        """
        if self.share <= SQUARED_TAIL or self.share <= float(self.notes.get("share", "0")):
            return
        if self.options.steps is not None:
            least = f"--steps {math.ceil(self.step / SQUARED_TAIL)}"
            asked = f"--steps {self.options.steps}"
        else:
            least = f"--minutes {math.ceil(self.seconds / 60 / SQUARED_TAIL)}"
            asked = f"--minutes {self.options.minutes:g}"
        raise OptionError(
            f"{self.state_path.name}: at step {self.step} already, too far for {asked}",
            hint=f"give {least} or more, so that its last tenth is learned, or delete it to begin anew",
        )

    def stop_if_asked(self) -> None:
        """Keep the last step and end the run, if a signal has come.

        Raises:
            KeyboardInterrupt: it has.
        """
        if self.interrupts.is_asked:
            self.save_state()
            self.interrupts.check(f"the same command goes on from step {self.step}")

    def sample(self, rng: np.random.Generator) -> Sample:
        """HR windows of one step beside what they are shrunk to."""
        high, low_size = self.draw(rng)
        target = to_unit(high)
        source = bicubic_downscale(target, low_size)
        noise = None
        if self.model.config.noise_input:
            noise = torch.stack([draw_noise(rng) for _ in range(len(source))]).to(source.device)
            generator = torch.Generator(source.device).manual_seed(int(rng.integers(1 << 62)))
            source = add_noise(source, noise, generator)
            if rng.random() < SUBSAMPLED:
                source, noise = halve_chroma(source), in_luma(noise)
        if self.options.compressed and rng.random() < self.options.compressed:
            source = compressed(source, float(rng.uniform(*CRFS)))
        return Sample(source, target, noise=noise)

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, tuple[int, int]]:
        """HR windows of one step, (B, T, H, W, 3) uint8, and the LR size they are shrunk to."""
        scales = draw_scales(rng, self.options.scales)
        low = tuple(min(self.options.crop, int(self.options.hr_limit / s)) for s in scales)
        high = tuple(max(round(n * s), n) for n, s in zip(low, scales, strict=True))
        windows = [
            self.corpus.window(
                rng,
                frames=self.options.frames,
                size=(high[0], high[1]),
                scale=scales[0],
                clip_share=self.options.clip_share,
            )
            for _ in range(self.options.batch)
        ]
        return torch.stack(windows), (low[0], low[1])

    def validate(self) -> tuple[tuple[str, float], ...]:
        """Mean gain over the baselines per case, of the averaged weights; empty without validation clips."""
        if not self.validation:
            return ()
        cases = NOISY_CASES if self.model.config.noise_input else CLEAN_CASES
        scores = score_model(self.averaged(), self.validation, cases, pause=self.stop_if_asked)
        gains = []
        for case in cases:
            per_clip = [s.gain for s in scores if s.case == case]
            gains.append((case.name, sum(per_clip) / len(per_clip)))
        return tuple(gains)

    def _validated(self, losses: list[float], since: list[float]) -> TrainProgress:
        """Validate, add to the curve, and tell.

        Args:
            losses: since the last report.
            since: since the validation before.
        """
        begun = time.monotonic()
        gains = self.validate()
        self.aside += time.monotonic() - begun
        progress = replace(self._progress(losses), gains=gains)
        if progress.gains:
            point = CurvePoint(
                step=self.step,
                minutes=self.seconds / 60,
                loss=sum(since) / len(since) if since else 0.0,
                rate=progress.rate,
                gains=progress.gains,
            )
            self.notes["curve"] = curve.to_words([*self.curve, point])
        return progress

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """Every validation so far."""
        return curve.from_words(self.notes["curve"]) if "curve" in self.notes else ()

    def save_checkpoint(self) -> None:
        """Write the averaged network to the output."""
        checkpoint.save(self.output, self.averaged(), card=self.card())

    def card(self) -> dict[str, str]:
        """What the checkpoint says of its making."""
        words = {
            "steps": str(self.step),
            "minutes": f"{self.seconds / 60:.1f}",
            "device": self.device.type,
            "precision": str(self.dtype).removeprefix("torch."),
            "options": json.dumps(to_plain(self.options)),
            "clips": str(len(self.corpus.clips)),
            "stills": str(len(self.corpus.stills)),
        }
        if self.curve:
            words["curve"] = self.notes["curve"]
            for case, gain in self.curve[-1].gains:
                words[f"validation gain {case}"] = f"{gain:+.2f} dB psnr_y over bicubic and Lanczos"
        return words

    def identity(self) -> str:
        """What must be equal for a state to be resumed: all but how the run is carried out, and its length."""
        carried_out = {
            "threads",
            "checkpoint_minutes",
            "validate_minutes",
            "minutes",
            "steps",
            "precision",
            "device",
        }
        options = {k: v for k, v in to_plain(self.options).items() if k not in carried_out}
        words = {
            "config": to_plain(self.model.config),
            "options": options,
            "start weights": self.start,
            "data": self.data,
        }
        return json.dumps(words, sort_keys=True)

    def _progress(self, losses: list[float]) -> TrainProgress:
        mean = sum(losses) / len(losses) if losses else math.nan
        return TrainProgress(self.step, self.share, mean, self.rate(), self.seconds)


def compressed(clips: Tensor, crf: float) -> Tensor:
    """Clips after x264: (B, T, 3, h, w) in [0, 1] -> the same shape and device."""
    codes = (clips * 255).round().to(torch.uint8).permute(0, 1, 3, 4, 2).cpu().numpy()
    decoded = np.stack([by_h264(clip, crf) for clip in codes])
    return to_unit(torch.from_numpy(decoded).to(clips.device))


def error_by_progress(output: Tensor, sample: Sample, share: float) -> Tensor:
    """Charbonnier's error, and the squared error in the last tenth."""
    measure = squared_error if share >= SQUARED_TAIL else charbonnier
    return measure(output, sample.target)


def draw_scales(rng: np.random.Generator, scales: str) -> tuple[float, float]:
    """The scale per axis of one step: 45 % x4, the rest x1.1 to x8, a few with unequal axes; "low" is 60 % x1."""
    if scales == "x4":
        return 4.0, 4.0
    if scales == "low":
        both = float(rng.choice([1.0, 2.0, 3.0, 4.0, rng.uniform(1, 4)], p=[0.6, 0.15, 0.05, 0.1, 0.1]))
        return both, both
    kind = rng.random()
    if kind < 0.45:
        return 4.0, 4.0
    if kind < 0.65:
        both = float(rng.choice([2.0, 3.0, 6.0, 8.0], p=[0.4, 0.3, 0.15, 0.15]))
        return both, both
    both = float(np.exp(rng.uniform(math.log(1.1), math.log(8.0))))
    if kind < 0.95:
        return both, both
    other = min(max(both * float(np.exp(rng.uniform(-0.5, 0.5))), 1.0), 8.0)
    return both, other


def check_corpus(corpus: Corpus, options: TrainOptions) -> None:
    """Refuse a corpus before the first step in which no window of the largest size fits.

    Raises:
        InputError: no picture is large enough.
    """
    longest = max((a.shape[0] for a in corpus.clips), default=0)
    if not corpus.stills and longest < options.frames:
        raise InputError(f"the longest clip has {longest} frames, a window {options.frames}", hint="lower --frames")
    long_enough = [a for a in corpus.clips if a.shape[0] >= options.frames]
    side = max(min(a.shape[1:3]) for a in (*long_enough, *corpus.stills))
    largest = min(options.hr_limit, 8 * options.crop)
    if side < largest:
        raise InputError(
            f"the largest picture has {side} pixels on its short side, a window up to {largest}",
            hint="give larger pictures or a smaller --crop",
        )
