"""Where a stopped fit of the paper's network goes on: its state on disk, and the loop that writes it."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open

from vrinr_cli.errors import WeightsError
from vrinr_cli.model import checkpoint
from vrinr_cli.record import to_plain
from vrinr_cli.training.clip_trainer import ClipTrainer, Length
from vrinr_cli.training.fit_options import FitProgress
from vrinr_cli.training.interrupts import HeldInterrupts


def identity(trainer: ClipTrainer, fitted: object) -> str:
    """What must be equal for a state to be resumed.

    Args:
        trainer: of the fit.
        fitted: a record of what it is fitted to.
    """
    words = {
        "config": to_plain(trainer.config),
        "recipe": to_plain(trainer.recipe),
        "seed": trainer.seed,
        "budget": trainer.rate.budget,
        "fitted": to_plain(fitted),
    }
    return json.dumps(words, sort_keys=True)


def state_path(output: Path) -> Path:
    """Where the state of a fit stands, which makes `output`."""
    return output.with_name(f".{output.name}.state")


class FitState:
    """The state of one fit."""

    def __init__(self, output: Path, identity: str) -> None:
        """Name it.

        Args:
            output: what the fit makes; the state stands beside it.
            identity: of the fit.
        """
        self.path = state_path(output)
        self.identity = identity

    def save(self, trainer: ClipTrainer) -> None:
        """Write it, whole or not at all; before the first step there is nothing to keep."""
        if trainer.step:
            words = {
                "run": self.identity,
                "step": str(trainer.step),
                "seconds": repr(trainer.seconds),
                "cpu_seconds": repr(trainer.cpu_seconds),
            }
            checkpoint.write_whole(self.path, safetensors.torch.save(trainer.state(), metadata=words))

    def load(self, trainer: ClipTrainer) -> None:
        """Take it up, if there is one.

        Raises:
            WeightsError: it is damaged or belongs to another fit.
        """
        if not self.path.exists():
            return
        hint = f"delete {self.path} to begin anew"
        try:
            with safe_open(self.path, framework="pt") as file:
                words = file.metadata() or {}
            if words.get("run") != self.identity:
                raise WeightsError(f"{self.path.name}: the state of another fit", hint=hint)
            trainer.load_state(
                safetensors.torch.load_file(self.path),
                step=int(words["step"]),
                seconds=float(words["seconds"]),
                cpu_seconds=float(words["cpu_seconds"]),
            )
        except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
            raise WeightsError(f"{self.path.name}: damaged ({error})", hint=hint) from error

    def remove(self) -> None:
        """It is not needed any more."""
        self.path.unlink(missing_ok=True)


def learn(
    trainer: ClipTrainer, length: Length, report: Callable[[FitProgress], None], *, state: FitState, minutes: float
) -> None:
    """Take up the state if there is one, learn to the end, and leave the state of the end.

    Args:
        trainer: at its beginning.
        length: of the whole fit, what was done before a resume included.
        report: called from time to time.
        state: where it is kept.
        minutes: between two writings of the state.

    Raises:
        KeyboardInterrupt: a signal came; the state is that of the last step.
        WeightsError: the state is damaged or belongs to another fit.
        EngineError: the loss is no longer finite.
    """
    state.load(trainer)
    saved = time.monotonic()

    def pause() -> None:
        nonlocal saved
        if interrupts.is_asked or time.monotonic() - saved > 60 * minutes:
            state.save(trainer)
            saved = time.monotonic()
        interrupts.check(f"the same command goes on from step {trainer.step}")

    with HeldInterrupts() as interrupts:
        trainer.run(length, report, pause=pause)
    state.save(trainer)
