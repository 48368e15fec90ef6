"""One fit of the suite: learned, asked by every input, kept as one JSON file.

A fit that is stopped leaves its state beside where its result will be, as .NAME.state, and goes on from there.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vrinr_cli import __version__
from vrinr_cli.benchmark.clips import degraded
from vrinr_cli.benchmark.environment import Environment, environment_of
from vrinr_cli.benchmark.metrics import psnr_rgb, ssim
from vrinr_cli.benchmark.paper_cases import SuiteCase, shape_and_recipe
from vrinr_cli.benchmark.paper_tables import INPUTS, PaperInput
from vrinr_cli.benchmark.scores import Condition
from vrinr_cli.engine.device import choose
from vrinr_cli.errors import WeightsError
from vrinr_cli.model import clip_checkpoint
from vrinr_cli.model.checkpoint import write_whole
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.header import FittedTo
from vrinr_cli.record import from_plain, to_plain
from vrinr_cli.training.clip_state import FitState, identity, learn
from vrinr_cli.training.clip_trainer import ClipTrainer, Length, render_clip, resized
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.fit_options import FitProgress
from vrinr_cli.training.lossless import ffv1_bytes
from vrinr_cli.training.rate_control import budget_of

FITTED_SCALE = 4.0
"""What every fit learns from: LR frames of a quarter of the size, clean."""
NOISE_SEED = 0
STATE_MINUTES = 1.0
"""How often the state of a fit is written."""


@dataclass(frozen=True, slots=True)
class InputScore:
    """What one input gave, over the clip's frames: means of psnr_rgb (dB) and ssim, and the resized input's own."""

    name: str
    psnr: float
    ssim: float
    input_psnr: float


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one fit went."""

    case: SuiteCase
    scores: tuple[InputScore, ...]
    steps: int
    seconds: float
    """Wall time of the fit."""
    cpu_seconds: float
    """Processor time of the fit, all threads together."""
    file_bytes: int
    """Of the fitted weights."""
    raw_bytes: int
    """Of the HR frames as 8-bit RGB."""
    ffv1_bytes: int
    """Of the HR frames, lossless."""
    version: str = __version__
    environment: Environment | None = None
    """With what it was fitted and scored, at the end; None where that was not recorded."""

    def score(self, name: str) -> InputScore:
        """The score of an input; a result that is read has all of them."""
        return {score.name: score for score in self.scores}[name]


def read_result(path: Path) -> CaseResult:
    """A kept result.

    Raises:
        WeightsError: it is damaged.
    """
    try:
        result = from_plain(CaseResult, json.loads(path.read_text(), parse_constant=_refuse_number), at=str(path))
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{path}: no result of a fit ({error})", hint="delete it, and it is run again") from error
    missing = {one.name for one in INPUTS} - {score.name for score in result.scores}
    if missing:
        raise WeightsError(f"{path}: a result without {min(missing)}", hint="delete it, and it is run again")
    return result


def run_case(case: SuiteCase, pixels: Pixels, folder: Path, progress: Callable[[FitProgress], None]) -> CaseResult:
    """Fit and score one case and keep its result; a stopped fit goes on.

    Args:
        case: what is fitted.
        pixels: the HR frames, (T, H, W, 3) uint8.
        folder: where the result is kept, and the state until there is one.
        progress: called during the fit.

    Raises:
        KeyboardInterrupt: a signal came; the state is kept.
        WeightsError: the state is damaged or belongs to another fit.
    """
    config, recipe = shape_and_recipe(case)
    source = as_unit(input_frames(pixels, PaperInput("x4", FITTED_SCALE)))
    budget = budget_of(config, recipe, pixels)
    trainer = ClipTrainer(source, torch.from_numpy(pixels), config, recipe, seed=case.seed, budget=budget)
    steps = max(round(case.epochs * trainer.steps_per_epoch), 1)
    state = FitState(folder / case.slug, identity(trainer, case))
    learn(trainer, Length(steps=steps), progress, state=state, minutes=STATE_MINUTES)
    network, size = _kept(trainer.finish(), case)
    result = CaseResult(
        case=case,
        scores=score_all(network, pixels),
        steps=trainer.step,
        seconds=trainer.seconds,
        cpu_seconds=trainer.cpu_seconds,
        file_bytes=size,
        raw_bytes=pixels.nbytes,
        ffv1_bytes=ffv1_bytes(pixels),
        environment=environment_of(choose("cpu", "fp32")),
    )
    write_whole(folder / f"{case.slug}.json", (json.dumps(to_plain(result), indent=1) + "\n").encode())
    state.remove()
    return result


def _refuse_number(word: str) -> float:
    """NaN and infinities, which JSON does not have."""
    raise ValueError(f"a figure is {word}")


def score_all(network: ClipNetwork, pixels: Pixels) -> tuple[InputScore, ...]:
    """Ask a fitted network for its clip by every input. One whose code is constant is asked once: it cannot tell."""
    is_deaf = network.config.code_scale == 0 and network.config.output == "direct"
    same = _frames_by(network, pixels, INPUTS[0]) if is_deaf else None
    return tuple(_score(pixels, one, _frames_by(network, pixels, one) if same is None else same) for one in INPUTS)


def _frames_by(network: ClipNetwork, pixels: Pixels, one: PaperInput) -> Tensor:
    """What a network makes of an input, 8-bit codes (T, 3, H, W)."""
    height, width = pixels.shape[1:3]
    return as_codes(render_clip(network, as_unit(input_frames(pixels, one)), (height, width)))


def _score(pixels: Pixels, one: PaperInput, made: Tensor) -> InputScore:
    target = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    height, width = pixels.shape[1:3]
    given = as_codes(resized(as_unit(input_frames(pixels, one)), (height, width)))
    return InputScore(
        one.name,
        float(psnr_rgb(made, target).mean()),
        float(ssim(made, target).mean()),
        float(psnr_rgb(given, target).mean()),
    )


def input_frames(pixels: Pixels, one: PaperInput) -> Pixels:
    """HR frames (T, H, W, 3) -> what the network is given, 8 bits."""
    height, width = pixels.shape[1:3]
    low = (max(int(height / one.scale), 1), max(int(width / one.scale), 1))
    condition = Condition(one.scale, "none" if one.scale == 1 else "BI", one.noise, one.level)
    return degraded(pixels, low, condition, seed=NOISE_SEED)


def as_unit(pixels: Pixels) -> Tensor:
    """(T, H, W, 3) uint8 -> (T, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def as_codes(frames: Tensor) -> Tensor:
    """[0, 1] -> 8-bit codes, as a file would hold them."""
    return (frames.clamp(0, 1) * 255).round().to(torch.uint8)


def _kept(network: ClipNetwork, case: SuiteCase) -> tuple[ClipNetwork, int]:
    """The network as its file gives it back, and the file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fit.safetensors"
        clip_checkpoint.save(path, network, card={}, fitted=FittedTo(name=case.clip, digest="", reference=case.clip))
        return clip_checkpoint.load(path), path.stat().st_size
