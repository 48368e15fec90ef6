"""The loop that all learning shares: steps, schedule, running mean of weights, state, resume.

What a step learns from and by which measure are two functions: the sampler draws a `Sample`, the loss judges the
network's output on it. Every step draws from a generator seeded by (seed, step), so a run that was stopped and
resumed goes on with the very samples, weights and moments that an unbroken one has: on the CPU the result is the
same bit for bit when the length is given in steps.
"""

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vrinr_cli.engine.device import choose
from vrinr_cli.errors import EngineError, WeightsError, printable
from vrinr_cli.model import checkpoint
from vrinr_cli.model.network import VrInr
from vrinr_cli.training.interrupts import HeldInterrupts
from vrinr_cli.training.optimizer import STATE_KEYS, Optimizers, adamw
from vrinr_cli.training.windows import Window, restore_windows

WARM_UP = 0.03
"""Share of the run in which the learning rate rises."""
CLIP_NORM = 1.0
LAST_RATE = 5e-4
"""Learning rate at the end, as a share of the peak."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one step learns from."""

    source: Tensor
    """What the network reads, (B, T, 3, h, w) in [0, 1]."""
    target: Tensor
    """What its output is compared with, (B, T, 3, H, W) in [0, 1]."""
    windows: tuple[Window, ...] = ()
    """Where each of the B clips lies in a larger picture; empty where each is a whole picture."""
    noise: Tensor | None = None
    """Of the source, (B, 3, 2), for a network that is told of it."""


Sampler = Callable[[np.random.Generator], Sample]
Loss = Callable[[Tensor, Sample, float], Tensor]
"""Of the network's output (B, T, 3, H, W), the sample, and the progress 0 to 1; gives one number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long a run is and how fast it learns."""

    steps: int | None
    """Exactly one of steps and minutes is given."""
    minutes: float | None
    seed: int
    rate: float
    """Peak learning rate."""
    average: float
    """Decay of the running mean of weights."""
    checkpoint_minutes: float
    """How often the state is written."""


class Loop(ABC):
    """One run of optimizer steps on one network."""

    def __init__(
        self,
        model: VrInr,
        schedule: Schedule,
        *,
        sampler: Sampler,
        loss: Loss,
        output: Path,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Take a network and what it learns from.

        Args:
            model: where it begins; changed in place.
            schedule: length, rate, seed.
            sampler: gives the sample of a step.
            loss: judges the output on it.
            output: the file that will be made; the state stands beside it.
            device: where to compute.
            dtype: of the products; float32 or bfloat16.
        """
        self.schedule, self.output = schedule, output
        self.sampler, self.loss = sampler, loss
        self.device, self.dtype = device, dtype
        model.requires_grad_(True)
        self.model = model.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.mean = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.optimizers = self.make_optimizers()
        self.step = 0
        self.seconds = 0.0
        self.aside = 0.0
        """Seconds since the start or the last resume that are not the run's own: validation."""
        self.notes: dict[str, str] = {}
        """What the state keeps beside numbers."""
        self.kept: dict[str, Tensor] = {}
        """Tensors that the state keeps beside the run's own, on the CPU."""
        self.resumed_at = 0
        """The step of the state that was taken up."""

    def make_optimizers(self) -> Optimizers:
        """What steps the weights."""
        return Optimizers(adamw(list(self.model.parameters()), self.schedule.rate))

    @property
    def state_path(self) -> Path:
        """Where the run can be resumed from."""
        return state_path(self.output)

    @property
    def share(self) -> float:
        """Progress, 0 to 1."""
        if self.schedule.steps is not None:
            return min(self.step / self.schedule.steps, 1.0)
        return min(self.seconds / (60 * (self.schedule.minutes or 1)), 1.0)

    @abstractmethod
    def identity(self) -> str:
        """What must be equal for a state to be resumed."""

    def resume(self) -> None:
        """Go on from the state, if there is one.

        Raises:
            WeightsError: it is damaged or belongs to another run.
        """
        if self.state_path.exists():
            self.load_state()

    def losses(self) -> Iterator[float]:
        """Step to the end, giving each step's loss; writes the state from time to time and at the end.

        Raises:
            EngineError: the loss is no longer finite; the last state is kept.
        """
        resumed, started = self.seconds, time.monotonic()
        saved = self.seconds
        while self.share < 1:
            loss = self.train_step()
            self.seconds = resumed + time.monotonic() - started - self.aside
            if not math.isfinite(loss):
                hint = f"remove {printable(self.state_path.name)} and begin with a lower --rate"
                raise EngineError(f"the loss is {loss} at step {self.step}", hint=hint)
            yield loss
            if self.seconds - saved > 60 * self.schedule.checkpoint_minutes:
                self.save_state()
                saved = self.seconds
        self.save_state()

    def learn_until(self, is_over: Callable[[float], bool]) -> None:
        """Step from the state of a stopped run, if there is one, to the end or to a step that is said to be the last.

        Args:
            is_over: told each step's loss; whether that was the last step.

        Raises:
            WeightsError: the state belongs to another run.
            EngineError: the loss is no longer finite.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the state holds the last step.
        """
        self.resume()
        with HeldInterrupts() as interrupts:
            for loss in self.losses():
                ends = is_over(loss)
                if interrupts.is_asked:
                    self.save_state()
                    interrupts.check(f"the same command goes on from step {self.step}")
                if ends:
                    return

    def train_step(self) -> float:
        """One optimizer step; gives its loss."""
        sample = self.sampler(np.random.default_rng([self.schedule.seed, self.step]))
        self.optimizers.set_rate(self.rate())
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            output = self.restored(sample)
        loss = self.loss(output.float(), sample, self.share)
        self.optimizers.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        self.optimizers.step()
        self.step += 1
        self._average()
        return float(loss.detach())

    def restored(self, sample: Sample) -> Tensor:
        """The network's output on a sample, (B, T, 3, H, W)."""
        if sample.windows:
            return restore_windows(self.model, sample.source, sample.windows)
        output: Tensor = self.model(sample.source, tuple(sample.target.shape[-2:]), sample.noise)
        return output

    def rate(self) -> float:
        """Learning rate now: a short rise, then half a cosine."""
        share = self.share
        if share < WARM_UP:
            return self.schedule.rate * max(share / WARM_UP, 1e-3)
        cosine = (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))) / 2
        return self.schedule.rate * (LAST_RATE + (1 - LAST_RATE) * cosine)

    def averaged(self) -> VrInr:
        """The network with the running mean of weights, on the CPU."""
        model = VrInr(self.model.config)
        model.load_state_dict({name: value.float().cpu() for name, value in self.mean.items()})
        return model.eval().requires_grad_(False)

    def save_state(self) -> None:
        """Write everything that a resume needs, whole or not at all."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"mean.{k}": v for k, v in self.mean.items()}
        tensors |= {f"kept.{k}": v for k, v in self.kept.items()}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizers.state_of(parameter).items():
                tensors[f"{key}.{name}"] = value
        words = {"run": self.identity(), "step": str(self.step), "seconds": repr(self.seconds), **self.notes}
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
        if words.get("run") != self.identity():
            differing = ", ".join(differing_names(words.get("run", ""), self.identity()))
            which = f", which differs in {differing}" if differing else ""
            raise WeightsError(f"{self.state_path.name}: the state of another run{which}", hint=hint)
        self.model.load_state_dict(below(tensors, "model."))
        self.mean = {k: v.to(self.device) for k, v in below(tensors, "mean.").items()}
        self.kept = below(tensors, "kept.")
        for name, parameter in self.model.named_parameters():
            moments = {key: tensors[f"{key}.{name}"] for key in STATE_KEYS if f"{key}.{name}" in tensors}
            self.optimizers.load_state_of(parameter, moments)
        self.step, self.seconds = int(words["step"]), float(words["seconds"])
        self.resumed_at = self.step
        self.notes = {key: value for key, value in words.items() if key not in {"run", "step", "seconds"}}

    def _average(self) -> None:
        """Running mean of weights, with a shorter memory in the first steps."""
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.mean[name].lerp_(value, 1 - decay)


def state_path(output: Path) -> Path:
    """Where the state of a run stands that makes `output`."""
    return output.with_name(f".{output.name}.state")


def device_of(name: str) -> torch.device:
    """The device of this name, tried out; "auto" is the first that works.

    Raises:
        OptionError: no such name.
        DeviceError: it is not to be had here.
    """
    return choose(name, "auto").device


def dtype_of(precision: str, device: torch.device) -> torch.dtype:
    """What a device multiplies in: "fp32", "bf16", or "auto", which is bf16 where it is native."""
    if precision == "fp32":
        return torch.float32
    if precision == "bf16" or device.type == "cuda" or torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


def differing_names(one: str, other: str) -> list[str]:
    """What differs between two identities of runs, by its words for people; empty where one cannot be read."""
    try:
        before, after = _flat(json.loads(one)), _flat(json.loads(other))
    except (ValueError, AttributeError, TypeError):
        return []
    return sorted({name for name in before.keys() | after.keys() if before.get(name) != after.get(name)})


def _flat(identity: dict[str, Any]) -> dict[str, Any]:
    """The names of options instead of the record that they stand in; "network" is one thing."""
    options = identity.get("options", {})
    others = {name: value for name, value in identity.items() if name not in {"options", "config"}}
    return {"network": identity.get("config"), **others, **options}


def below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
