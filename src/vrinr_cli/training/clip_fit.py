"""`vrinr fit --preset`: the paper's network fitted to a clip whose HR frames are at hand, from files to a file."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from vrinr_cli.errors import InputError, OptionError, WeightsError
from vrinr_cli.model import checkpoint, clip_checkpoint
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.header import FittedTo
from vrinr_cli.record import to_plain
from vrinr_cli.training import footage
from vrinr_cli.training.clip_presets import Preset, Recipe, preset
from vrinr_cli.training.clip_trainer import ClipTrainer, Length, StepReport, render_clip, resized
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.fit_options import FitOptions, FitProgress, FitReport, FitRequest, FitScore
from vrinr_cli.training.interrupts import HeldInterrupts
from vrinr_cli.training.loop import device_of
from vrinr_cli.training.lossless import ffv1_bytes
from vrinr_cli.training.measure import mean_score
from vrinr_cli.video.probe import probe

LARGEST_PIXELS = 1 << 26
"""HR pixels of all frames together: tables have several numbers for each."""


@dataclass(frozen=True, slots=True)
class ClipPair:
    """The frames of one fit, (T, h, w, 3) and (T, H, W, 3) uint8."""

    low: Pixels
    high: Pixels
    fitted: FittedTo
    notes: tuple[str, ...]


def fit_clip(request: FitRequest, options: FitOptions, *, report: Callable[[FitProgress], None]) -> FitReport:
    """Fit the paper's network to a clip and write it; a stopped fit of the same request goes on.

    Args:
        request: clip, reference, output, preset.
        options: how.
        report: called from time to time.

    Raises:
        VrinrError: one of its kinds; the output is what it was before, the state of the fit is kept.
    """
    if request.preset is None or request.reference is None:
        raise OptionError("a preset needs a reference", hint="give --preset NAME and --reference HR.mp4")
    chosen = preset(request.preset)
    device = device_of(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    pair = read_pair(request, options)
    config, recipe = _shape_and_recipe(chosen, pair, options)
    source = _unit(pair.low)
    trainer = ClipTrainer(source, torch.from_numpy(pair.high), config, recipe, seed=options.seed, device=device)
    state = _State(request.output, _identity(trainer, pair))
    state.load(trainer)
    _learn(trainer, options, state, report)
    clip_checkpoint.save(request.output, trainer.finish(), card=_card(request, trainer), fitted=pair.fitted)
    state.remove()
    return _report(request, trainer, pair)


def read_pair(request: FitRequest, options: FitOptions) -> ClipPair:
    """The frames of both files, cut as the options say.

    Raises:
        InputError: a file that cannot be read, two that are not the same clip, or more pixels than can be fitted.
        OptionError: no such frames or crop.
    """
    if request.reference is None:
        raise OptionError("a preset needs a reference", hint="give --reference HR.mp4")
    clip, reference = probe(request.clip), probe(request.reference)
    notes = footage.check_pair(clip, reference)
    first, stop = footage.used_frames(clip, options.first, options.frames)
    _check_amount(options.crop or reference.size, stop - first)
    low, high = (np.stack(list(footage.pictures(info, range(first, stop)))) for info in (clip, reference))
    scale = reference.size[0] / clip.size[0]
    if options.crop is not None:
        low, high = centre(low, high, options.crop)
    fitted = FittedTo(name=clip.path.name, digest=clip.digest, reference=reference.digest, scale=scale, first=first)
    return ClipPair(low, high, fitted, notes)


def centre(low: Pixels, high: Pixels, crop: tuple[int, int]) -> tuple[Pixels, Pixels]:
    """The middle of both, crop (H, W) in HR pixels, at whole LR pixels.

    Raises:
        OptionError: the crop is larger than the clip, or no whole number of LR pixels.
    """
    sizes = []
    for side, small, wanted in zip(high.shape[1:3], low.shape[1:3], crop, strict=True):
        if wanted > side or (wanted * small) % side:
            raise OptionError(
                f"crop of {crop[1]}x{crop[0]} from {high.shape[2]}x{high.shape[1]}",
                hint=f"choose at most that, and a multiple of {side // math.gcd(side, small)} pixels",
            )
        part = wanted * small // side
        start = (small - part) // 2
        sizes.append((start, part, start * side // small, wanted))
    (top, height, high_top, high_height), (left, width, high_left, high_width) = sizes
    return (
        np.ascontiguousarray(low[:, top : top + height, left : left + width]),
        np.ascontiguousarray(high[:, high_top : high_top + high_height, high_left : high_left + high_width]),
    )


def _check_amount(size: tuple[int, int], frames: int) -> None:
    pixels = size[0] * size[1] * frames
    if pixels > LARGEST_PIXELS:
        raise InputError(
            f"{frames} frames of {size[1]}x{size[0]} are {pixels / 1e6:.0f} M pixels, at most "
            f"{LARGEST_PIXELS / 1e6:.0f} M can be fitted",
            hint="choose --frames or --crop, or leave out --preset",
        )


def _shape_and_recipe(chosen: Preset, pair: ClipPair, options: FitOptions) -> tuple[ClipConfig, Recipe]:
    frames, height, width, _ = pair.high.shape
    config, recipe = chosen.shape((height, width), frames), chosen.recipe
    if options.table_entries is not None:
        config = replace(config, entries=options.table_entries)
    if options.rate is not None:
        recipe = replace(recipe, rate=options.rate, table_rate=min(10 * options.rate, 1.0))
    return config, recipe


def _learn(trainer: ClipTrainer, options: FitOptions, state: "_State", report: Callable[[FitProgress], None]) -> None:
    saved = time.monotonic()

    def show(found: StepReport) -> None:
        report(
            FitProgress(
                step=found.step,
                share=found.share,
                loss=found.loss,
                psnr=found.psnr,
                rate=found.rate,
                seconds=found.seconds,
            )
        )

    def pause() -> None:
        nonlocal saved
        if interrupts.is_asked or time.monotonic() - saved > 60 * options.checkpoint_minutes:
            state.save(trainer)
            saved = time.monotonic()
        interrupts.check()

    with HeldInterrupts() as interrupts:
        trainer.run(_length(trainer, options), show, pause=pause)


def _length(trainer: ClipTrainer, options: FitOptions) -> Length:
    if options.epochs is not None:
        return Length(steps=max(round(options.epochs * trainer.steps_per_epoch), 1))
    return Length(options.steps, None if options.minutes is None else 60 * options.minutes)


def _identity(trainer: ClipTrainer, pair: ClipPair) -> str:
    """What must be equal for a state to be resumed."""
    words = {
        "config": to_plain(trainer.config),
        "recipe": to_plain(trainer.recipe),
        "seed": trainer.seed,
        "fitted": to_plain(pair.fitted),
    }
    return json.dumps(words, sort_keys=True)


class _State:
    """Where a stopped fit goes on."""

    def __init__(self, output: Path, identity: str) -> None:
        self.path = output.with_name(f".{output.name}.state")
        self.identity = identity

    def save(self, trainer: ClipTrainer) -> None:
        """Write it, whole or not at all; before the first step there is nothing to keep."""
        if trainer.step:
            words = {"run": self.identity, "step": str(trainer.step), "seconds": repr(trainer.seconds)}
            checkpoint.write_whole(self.path, safetensors.torch.save(trainer.state(), metadata=words))

    def load(self, trainer: ClipTrainer) -> None:
        """Take it up, if there is one.

        Raises:
            WeightsError: it is damaged or belongs to another fit.
        """
        if not self.path.exists():
            return
        hint = f"delete {self.path.name} to begin anew"
        try:
            with safe_open(self.path, framework="pt") as file:
                words = file.metadata() or {}
            if words.get("run") != self.identity:
                raise WeightsError(f"{self.path.name}: the state of another fit", hint=hint)
            tensors = safetensors.torch.load_file(self.path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{self.path.name}: damaged ({error})", hint=hint) from error
        trainer.load_state(tensors, step=int(words["step"]), seconds=float(words["seconds"]))

    def remove(self) -> None:
        """It is not needed any more."""
        self.path.unlink(missing_ok=True)


def _card(request: FitRequest, trainer: ClipTrainer) -> dict[str, str]:
    return {
        "preset": str(request.preset),
        "steps": str(trainer.step),
        "minutes": f"{trainer.seconds / 60:.1f}",
        "device": trainer.device.type,
        "recipe": json.dumps(to_plain(trainer.recipe)),
        "protocol": "paired: fitted to the clip's own HR frames",
    }


def _report(request: FitRequest, trainer: ClipTrainer, pair: ClipPair) -> FitReport:
    """Measured from the file, as whoever uses it will have it."""
    network = clip_checkpoint.load(request.output).to(trainer.device)
    source = _unit(pair.low).to(trainer.device)
    made = render_clip(network, source, trainer.config.size)
    given = resized(source, trainer.config.size)
    return FitReport(
        output=request.output,
        use="preset",
        before=_score(given, pair.high),
        after=_score(made, pair.high),
        frames=len(pair.high),
        steps=trainer.step,
        minutes=trainer.seconds / 60,
        bytes=request.output.stat().st_size,
        raw_bytes=pair.high.nbytes,
        ffv1_bytes=ffv1_bytes(pair.high),
        notes=pair.notes,
    )


def _score(frames: torch.Tensor, wanted: Pixels) -> FitScore:
    codes = (frames.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return mean_score(zip(codes, wanted, strict=True))


def _unit(pixels: Pixels) -> torch.Tensor:
    """(T, h, w, 3) uint8 -> (T, 3, h, w) float32 in [0, 1]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
