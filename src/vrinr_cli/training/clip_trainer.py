"""The paper's network fitted to one clip: pixels of the HR frames are drawn and learned by heart.

Every epoch visits the pixels, but for a rest that fills no batch, in an order that comes from (seed, epoch) alone, so
a fit that was stopped and resumed goes on with the very pixels, weights and moments that an unbroken one has.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vrinr_cli.errors import EngineError, OptionError
from vrinr_cli.model.clip_checkpoint import rounded
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.clip_network import ClipNetwork, PixelGrid, frame_times
from vrinr_cli.model.lattice import LatticeLevel
from vrinr_cli.model.loss import pea, squared_error
from vrinr_cli.model.patches import patch_levels
from vrinr_cli.model.resample import BICUBIC, enlarge
from vrinr_cli.training.clip_presets import Recipe
from vrinr_cli.training.fit_options import FitProgress
from vrinr_cli.training.loop import below
from vrinr_cli.training.rate_control import RateControl

LOSSES = {"pea": pea, "mse": squared_error}
ADAM = {"betas": (0.9, 0.99), "eps": 1e-15, "fused": True}
"""As Müller et al. 2022 for hash tables: a small eps, since most entries have tiny gradients."""


def resized(source: Tensor, size: tuple[int, int]) -> Tensor:
    """What the network reads: LR frames (T, 3, h, w) in [0, 1] -> (T, 3, H, W) in [0, 1] by bicubic interpolation."""
    if tuple(source.shape[-2:]) == size:
        return source
    return enlarge(source, size, BICUBIC).clamp(0, 1)


@dataclass(frozen=True, slots=True)
class Length:
    """How long a fit takes: exactly one of both."""

    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [length for length in (self.steps, self.seconds) if length is not None]
        if len(given) != 1 or not given[0] > 0:
            raise OptionError(f"a fit of {self.steps} steps, {self.seconds} seconds", hint="give one, above 0")

    def share(self, steps: int, seconds: float) -> float:
        """Progress, 0 to 1."""
        done = steps / self.steps if self.steps is not None else seconds / (self.seconds or math.inf)
        return min(done, 1.0)


class ClipTrainer:
    """One fit in memory."""

    def __init__(
        self,
        source: Tensor,
        target: Tensor,
        config: ClipConfig,
        recipe: Recipe,
        *,
        seed: int = 0,
        device: torch.device | None = None,
        budget: int = 0,
    ) -> None:
        """Set up a fit.

        Args:
            source: LR frames (T, 3, h, w) in [0, 1].
            target: HR frames (T, H, W, 3) uint8.
            config: shape of the network; its size and frames are the target's.
            recipe: how it learns.
            seed: decides initial weights and the order of pixels.
            device: where it computes; None is the CPU.
            budget: bytes of the file that lambda is turned towards; 0 leaves it at the recipe's.

        Raises:
            OptionError: the networks without tables take more than the budget.
        """
        count, height, width, _ = target.shape
        if (count, (height, width)) != (config.frames, config.size) or len(source) != count:
            raise ValueError(f"config for {config.frames} of {config.size}, {len(source)} LR and {tuple(target.shape)}")
        if (recipe.rate_weight or budget) and not config.table_step:
            raise ValueError("a rate weight without a table step: entries that are not rounded have no bits to count")
        self.config, self.recipe, self.seed = config, recipe, seed
        self.device = device or torch.device("cpu")
        self.network = initial(config, seed).to(self.device)
        self.rate = RateControl(recipe.rate_weight, self.network, budget)
        self.optimizer = torch.optim.Adam(self._groups(), **ADAM)  # type: ignore[arg-type]
        inputs = resized(source, config.size).to(self.device)
        self.patches = patch_levels(inputs, config)
        self.target = target.reshape(-1, 3).to(self.device)
        self.base = inputs.permute(0, 2, 3, 1).reshape(-1, 3) if config.output == "residual" else None
        self.grid = PixelGrid((height, width), frame_times(count, like=inputs))
        self.step = 0
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.resumed_at = 0
        """The step of the state that was taken up."""
        """Processor time of all steps, all threads together."""
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every pixel is visited once, but for less than a batch."""
        return len(self.target) // min(self.recipe.batch, len(self.target))

    def _groups(self) -> list[dict[str, object]]:
        tables = [grid.table for grid in self._grids()]
        known = {id(table) for table in tables}
        others = [p for p in self.network.parameters() if id(p) not in known]
        return [
            {"params": tables, "lr": self.recipe.table_rate},
            {"params": others, "lr": self.recipe.rate},
        ]

    def run(
        self, length: Length, report: Callable[[FitProgress], None], *, every: int = 20, pause: Callable[[], None]
    ) -> None:
        """Learn until the length is reached.

        Args:
            length: of the whole fit, what was done before a resume included.
            report: called every so many steps.
            every: steps between reports.
            pause: called after each step, for instance to save the state.

        Raises:
            EngineError: the loss is no longer finite.
        """
        before, started = self.seconds, time.monotonic()
        cpu_before, cpu_started = self.cpu_seconds, time.process_time()
        sums = [0.0, 0.0]
        since = self.step
        while (share := length.share(self.step, self.seconds)) < 1:
            loss, error = self.train_step(share)
            self.seconds = before + time.monotonic() - started
            self.cpu_seconds = cpu_before + time.process_time() - cpu_started
            if not math.isfinite(loss):
                raise EngineError(
                    f"the loss is {loss} at step {self.step}", hint="try another --seed or a lower --rate"
                )
            sums = [sums[0] + loss, sums[1] + error]
            if self.step % every == 0 or length.share(self.step, self.seconds) >= 1:
                report(self._report(length, sums, self.step - since))
                sums, since = [0.0, 0.0], self.step
            pause()

    def train_step(self, share: float) -> tuple[float, float]:
        """One step at a progress of 0 to 1; gives its loss and squared error."""
        factor = self.recipe.factor(share)
        for group, rate in zip(self.optimizer.param_groups, (self.recipe.table_rate, self.recipe.rate), strict=True):
            group["lr"] = rate * factor
        self.rate.follow([grid.table for grid in self._grids()], self.config.table_step, share)
        batch = self._batch()
        self._draw_rounding()
        loss = error = 0.0
        for part in batch.split(self.recipe.points):
            part_loss, part_error = self._learn(part, len(part) / len(batch))
            loss, error = loss + part_loss, error + part_error
        if self.rate.weight:
            self._charge_bits()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=False)  # tables keep their gradient: reads add to it in place
        self.step += 1
        self._forget_rounding()
        return loss, error

    def _draw_rounding(self) -> None:
        """Have the tables' rounding drawn anew, by (seed, step) alone."""
        if self.config.table_step:
            for number, grid in enumerate(self._grids()):
                seed = ((self.seed << 24) + self.step) * 16 + number
                grid.noise = torch.Generator(self.device).manual_seed(seed % (1 << 63))

    def _forget_rounding(self) -> None:
        """Between steps entries are read as they are."""
        for grid in self._grids():
            grid.noise = None

    def _charge_bits(self) -> None:
        """Add the gradient of lambda times the tables' bits for each pixel of the clip.

        An entry e costs about log2(1 + |e| / step) bits more than a zero.
        """
        step = self.config.table_step
        for grid in self._grids():
            if grid.table.grad is not None:
                entries = grid.table.detach()
                slope = torch.sign(entries).div_((step + entries.abs()).mul_(math.log(2)))
                grid.table.grad.add_(slope, alpha=self.rate.weight / len(self.target))

    def finish(self) -> ClipNetwork:
        """The network as its file will give it back, in eval mode."""
        for grid in self._grids():
            if self.config.table_step:
                with torch.no_grad():
                    grid.table.copy_(rounded(grid.table, self.config.table_step))
        return self.network.eval()

    def _grids(self) -> list[LatticeLevel]:
        return [module for module in self.network.grids if isinstance(module, LatticeLevel)]

    def _learn(self, numbers: Tensor, weight: float) -> tuple[float, float]:
        output = self.network.at_pixels(self.patches, self.grid.places(numbers), self.grid)
        wanted = self.target[numbers].to(output.dtype) / 255
        if self.base is not None:
            wanted = wanted - self.base[numbers]
        loss = LOSSES[self.recipe.loss](output, wanted) * weight
        loss.backward()
        return float(loss.detach()), float(squared_error(output.detach(), wanted)) * weight

    def _batch(self) -> Tensor:
        """Numbers of the pixels of this step, (batch,)."""
        count = len(self.target)
        size = min(self.recipe.batch, count)
        epoch, part = divmod(self.step, self.steps_per_epoch)
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(((self.seed << 20) + epoch) % (1 << 63))
            self._order = epoch, torch.randperm(count, generator=generator).to(self.device)
        return self._order[1][part * size : (part + 1) * size]

    def _report(self, length: Length, sums: list[float], steps: int) -> FitProgress:
        share = length.share(self.step, self.seconds)
        error = max(sums[1] / steps, 1e-12)
        rate = self.recipe.table_rate * self.recipe.factor(share)
        return FitProgress(
            step=self.step,
            share=share,
            loss=sums[0] / steps,
            psnr=-10 * math.log10(error),
            rate=rate,
            seconds=self.seconds,
            resumed_at=self.resumed_at,
        )

    def state(self) -> dict[str, Tensor]:
        """Everything that a resume needs beside step and times; on the CPU it is the live memory, not a copy."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            tensors |= {f"{key}.{name}": value for key, value in self.optimizer.state[parameter].items()}
        return {name: value.detach().cpu() for name, value in tensors.items()} | {"rate": self.rate.state()}

    def load_state(self, tensors: dict[str, Tensor], *, step: int, seconds: float, cpu_seconds: float = 0.0) -> None:
        """Go on where `state` was taken."""
        self.rate.load_state(tensors["rate"])
        self.network.load_state_dict(below(tensors, "network."))
        for name, parameter in self.network.named_parameters():
            if f"step.{name}" not in tensors:  # it never had a gradient: texture codes that are held constant
                self.optimizer.state.pop(parameter, None)
                continue
            moments = {key: tensors[f"{key}.{name}"].to(self.device) for key in ("exp_avg", "exp_avg_sq")}
            counter = parameter.device if parameter.device.type == "cuda" else "cpu"
            self.optimizer.state[parameter] = {"step": tensors[f"step.{name}"].to(counter), **moments}
        self.step, self.seconds, self.cpu_seconds = step, seconds, cpu_seconds
        self.resumed_at = step


def initial(config: ClipConfig, seed: int) -> ClipNetwork:
    """A network before its fit."""
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(seed)
        return ClipNetwork(config)
    finally:
        torch.random.set_rng_state(state)


def render_clip(network: ClipNetwork, source: Tensor, size: tuple[int, int]) -> Tensor:
    """All frames of the clip that the network was fitted to.

    Args:
        network: the network.
        source: frames of any size, (T, 3, h, w) in [0, 1].
        size: (H, W) to give.

    Returns:
        (T, 3, H, W), not clamped.
    """
    inputs = resized(source, size)
    times = frame_times(len(source), like=inputs)
    return torch.stack([network.render(frame, float(time)) for frame, time in zip(inputs, times, strict=True)])
