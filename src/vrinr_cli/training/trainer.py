"""The training loop: steps, schedule, running mean of weights, checkpoints, resume.

Every step draws its crops from a generator seeded by (seed, step), so a run that was stopped and resumed goes
on with the very crops, weights and moments that an unbroken one has: on the CPU the result is the same bit for
bit when the length is given in steps.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vrinr_cli.errors import DeviceError, EngineError, InputError, WeightsError
from vrinr_cli.model import checkpoint
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.loss import charbonnier, squared_error
from vrinr_cli.model.network import VrInr
from vrinr_cli.record import to_plain
from vrinr_cli.training.corpus import Corpus, Pixels
from vrinr_cli.training.degrade import bicubic_downscale, to_unit
from vrinr_cli.training.options import TrainOptions
from vrinr_cli.training.validate import score_model

WARM_UP = 0.03
"""Share of the run in which the learning rate rises."""
SQUARED_TAIL = 0.9
"""Progress from which the loss is the squared error, which PSNR measures."""
CLIP_NORM = 1.0
LAST_RATE = 5e-4
"""Learning rate at the end, as a share of the peak."""
VALIDATION_SCALES = (4.0,)


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """What a run says of itself from time to time."""

    step: int
    share: float
    """0 at the start, 1 at the end."""
    loss: float
    """Mean since the last report."""
    rate: float
    seconds: float
    gains: tuple[tuple[float, float], ...] = ()
    """(scale, mean dB of psnr_y over the better of bicubic and Lanczos), after a validation."""


class Trainer:
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
    ) -> None:
        self.corpus, self.options, self.output = corpus, options, output
        self.validation = validation or {}
        self.device = _device(options.device)
        self.dtype = _dtype(options.precision, self.device)
        if options.threads:
            torch.set_num_threads(options.threads)
        model = start_from or checkpoint.initial(config, options.seed)
        model.requires_grad_(True)
        self.model = model.to(self.device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.mean = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=options.rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True
        )
        self.step = 0
        self.seconds = 0.0
        self.gains: tuple[tuple[float, float], ...] = ()

    @property
    def state_path(self) -> Path:
        """Where the run can be resumed from."""
        return self.output.with_name(f".{self.output.name}.state")

    @property
    def share(self) -> float:
        """Progress, 0 to 1."""
        if self.options.steps is not None:
            return min(self.step / self.options.steps, 1.0)
        return min(self.seconds / (60 * (self.options.minutes or 1)), 1.0)

    def run(self, report: Callable[[TrainProgress], None], *, every: int = 20) -> None:
        """Train to the end, resuming if there is a state; write the checkpoint and remove the state.

        Raises:
            WeightsError: the state belongs to another run.
            EngineError: the loss is no longer finite; the last state is kept.
        """
        if self.state_path.exists():
            self.load_state()
        resumed, started = self.seconds, time.monotonic()
        saved = validated = self.seconds
        losses: list[float] = []
        while self.share < 1:
            losses.append(self.train_step())
            self.seconds = resumed + time.monotonic() - started
            if not math.isfinite(losses[-1]):
                raise EngineError(f"the loss is {losses[-1]} at step {self.step}", hint="resume with a lower --rate")
            if self.step % every == 0:
                report(self._progress(losses))
                losses.clear()
            if self.seconds - saved > 60 * self.options.checkpoint_minutes:
                self.save_state()
                saved = self.seconds
            if self.validation and self.seconds - validated > 60 * self.options.validate_minutes:
                report(replace(self._progress(losses), gains=self.validate()))
                validated = self.seconds
        self.save_state()
        report(replace(self._progress(losses), gains=self.validate()))
        self.save_checkpoint()
        self.state_path.unlink()

    def train_step(self) -> float:
        """One optimizer step; gives its loss."""
        rng = np.random.default_rng([self.options.seed, self.step])
        high, low_size = self.draw(rng)
        target = to_unit(high.to(self.device))
        source = bicubic_downscale(target, low_size)
        rate = self.rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            output: Tensor = self.model(source, tuple(target.shape[-2:]))
        measure = squared_error if self.share >= SQUARED_TAIL else charbonnier
        loss = measure(output.float(), target)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        self.optimizer.step()
        self.step += 1
        self._average()
        return float(loss.detach())

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
        return torch.from_numpy(np.stack(windows)), (low[0], low[1])

    def rate(self) -> float:
        """Learning rate now: a short rise, then half a cosine."""
        share = self.share
        if share < WARM_UP:
            return self.options.rate * max(share / WARM_UP, 1e-3)
        cosine = (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))) / 2
        return self.options.rate * (LAST_RATE + (1 - LAST_RATE) * cosine)

    def validate(self) -> tuple[tuple[float, float], ...]:
        """Mean gain over the baselines per scale, of the averaged weights."""
        if not self.validation:
            return ()
        scores = score_model(self.averaged(), self.validation, VALIDATION_SCALES)
        gains = []
        for scale in VALIDATION_SCALES:
            per_clip = [s.gain for s in scores if s.scale == scale]
            gains.append((scale, sum(per_clip) / len(per_clip)))
        self.gains = tuple(gains)
        return self.gains

    def averaged(self) -> VrInr:
        """The network with the running mean of weights, on the CPU."""
        model = VrInr(self.model.config)
        model.load_state_dict({name: value.float().cpu() for name, value in self.mean.items()})
        return model.eval().requires_grad_(False)

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
        for scale, gain in self.gains:
            words[f"validation gain x{scale:g}"] = f"{gain:+.2f} dB psnr_y over bicubic and Lanczos"
        return words

    def save_state(self) -> None:
        """Write everything that a resume needs, whole or not at all."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"mean.{k}": v for k, v in self.mean.items()}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"{key}.{name}"] = value
        words = {"run": self._identity(), "step": str(self.step), "seconds": repr(self.seconds)}
        plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        checkpoint.write_whole(self.state_path, safetensors.torch.save(plain, metadata=words))

    def load_state(self) -> None:
        """Go on where a stopped run was.

        Raises:
            WeightsError: the state is damaged or was written by a run with other options.
        """
        hint = f"delete {self.state_path.name} to begin anew"
        try:
            with safe_open(self.state_path, framework="pt") as file:
                words = file.metadata() or {}
            tensors = safetensors.torch.load_file(self.state_path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{self.state_path.name}: damaged ({error})", hint=hint) from error
        if words.get("run") != self._identity():
            raise WeightsError(f"{self.state_path.name}: the state of another run", hint=hint)
        self.model.load_state_dict(_below(tensors, "model."))
        self.mean = {k: v.to(self.device) for k, v in _below(tensors, "mean.").items()}
        for name, parameter in self.model.named_parameters():
            moments = {
                key: torch.empty_like(parameter, requires_grad=False).copy_(tensors[f"{key}.{name}"])
                for key in ("exp_avg", "exp_avg_sq")
            }  # laid out as the parameter is: the fused step walks over all of them side by side
            step_device = parameter.device if parameter.device.type == "cuda" else "cpu"
            self.optimizer.state[parameter] = {"step": tensors[f"step.{name}"].to(step_device), **moments}
        self.step, self.seconds = int(words["step"]), float(words["seconds"])

    def _identity(self) -> str:
        """What must be equal for a state to be resumed: all but how the run is carried out."""
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
        return json.dumps({"config": to_plain(self.model.config), "options": options}, sort_keys=True)

    def _average(self) -> None:
        """Running mean of weights, with a shorter memory in the first steps."""
        decay = min(self.options.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.mean[name].lerp_(value, 1 - decay)

    def _progress(self, losses: list[float]) -> TrainProgress:
        mean = sum(losses) / len(losses) if losses else math.nan
        return TrainProgress(self.step, self.share, mean, self.rate(), self.seconds)


def draw_scales(rng: np.random.Generator, scales: str) -> tuple[float, float]:
    """The scale per axis of one step: 45 % x4, the rest x1.1 to x8, a few with unequal axes."""
    if scales == "x4":
        return 4.0, 4.0
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


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _device(name: str) -> torch.device:
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise DeviceError(f"device {name}: {reason}", hint="choose cpu") from error


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision == "fp32":
        return torch.float32
    if precision == "bf16" or device.type == "cuda" or torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


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
