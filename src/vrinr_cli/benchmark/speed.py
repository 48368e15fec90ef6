"""How fast the paper's network learns and answers on this machine: steps and query points a second.

Synthetic frames of the size that the paper's tables are made with; each figure is the median of several rounds after
one to warm up, with the spread beside it, and the plain reading of the same equations in the same run.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from vrinr_cli.benchmark.tables import Column, Table
from vrinr_cli.engine.device import Compute
from vrinr_cli.errors import counted
from vrinr_cli.model.clip_network import ClipNetwork, frame_times
from vrinr_cli.model.lattice import LatticeLevel
from vrinr_cli.training.clip_presets import preset
from vrinr_cli.training.clip_trainer import ClipTrainer, resized

SIZE, FRAMES, SCALE = (256, 256), 8, 4
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """One thing that was timed."""

    what: str
    points: int
    """Query points of one step or frame."""
    seconds: float
    """Median of the rounds."""
    spread: float
    """Slowest over fastest round."""

    @property
    def per_second(self) -> float:
        """Steps or frames a second."""
        return 1 / self.seconds

    @property
    def points_per_second(self) -> float:
        """Query points a second."""
        return self.points / self.seconds

    def flat(self) -> dict[str, str | float | int]:
        """For JSON."""
        return {
            "what": self.what,
            "points": self.points,
            "seconds": self.seconds,
            "spread": self.spread,
            "per_second": self.per_second,
            "points_per_second": self.points_per_second,
        }


COLUMNS: tuple[Column[SpeedRow], ...] = (
    Column("what", lambda r: r.what, width=34),
    Column("points", lambda r: r.points, "d"),
    Column("ms", lambda r: 1000 * r.seconds, ".1f"),
    Column("spread", lambda r: r.spread, ".2f"),
    Column("a second", lambda r: r.per_second, ".2f"),
    Column("k points/s", lambda r: r.points_per_second / 1000, ".1f", width=10),
)


def measure(name: str, compute: Compute, *, seed: int = 0) -> Table[SpeedRow]:
    """Time the steps of a fit and the frames of its answer.

    Args:
        name: of the preset.
        compute: where; the network is float32 in any case.
        seed: of weights and frames.

    Raises:
        OptionError: no such preset.
    """
    chosen = preset(name)
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(FRAMES, 3, SIZE[0] // SCALE, SIZE[1] // SCALE, generator=generator)
    high = (torch.rand(FRAMES, *SIZE, 3, generator=generator) * 255).to(torch.uint8)
    config = chosen.shape(SIZE, FRAMES)
    trainer = ClipTrainer(low, high, config, chosen.recipe, seed=seed, device=compute.device)
    frame = resized(low, SIZE)[0].to(compute.device)
    moment = float(frame_times(FRAMES, like=low)[0])
    pixels = SIZE[0] * SIZE[1]

    def step() -> None:
        trainer.train_step(0.0)

    def answer() -> None:
        trainer.network.render(frame, moment)

    rows = [
        _row("training step", chosen.recipe.batch, step, compute),
        _row("inference, one frame", pixels, answer, compute),
    ]
    _read_plainly(trainer.network)
    rows += [
        _row("training step, plain reading", chosen.recipe.batch, step, compute),
        _row("inference, one frame, plain reading", pixels, answer, compute),
    ]
    return Table(f"{name}, {counted(FRAMES, 'frame')} of {SIZE[1]}x{SIZE[0]}", COLUMNS, tuple(rows))


def _read_plainly(network: ClipNetwork) -> None:
    for module in network.modules():
        if isinstance(module, LatticeLevel):
            module.is_plain = True


def _row(what: str, points: int, work: Callable[[], None], compute: Compute) -> SpeedRow:
    work()
    seconds = [_timed(work, compute) for _ in range(ROUNDS)]
    return SpeedRow(what, points, median(seconds), max(seconds) / min(seconds))


def _timed(work: Callable[[], None], compute: Compute) -> float:
    """Wall time of one round; a GPU's work is waited for."""
    started = time.perf_counter()
    work()
    if compute.device.type == "cuda":
        torch.cuda.synchronize(compute.device)
    return time.perf_counter() - started
