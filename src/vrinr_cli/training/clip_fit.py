"""`vrinr fit --preset`: the paper's network fitted to a clip whose HR frames are at hand, from files to a file."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vrinr_cli.engine import memory
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.model import clip_checkpoint
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.header import FittedTo
from vrinr_cli.record import to_plain
from vrinr_cli.training import footage
from vrinr_cli.training.clip_presets import Preset, Recipe, preset
from vrinr_cli.training.clip_state import FitState, identity, learn
from vrinr_cli.training.clip_trainer import ClipTrainer, Length, render_clip, resized
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.fit_options import FitOptions, FitProgress, FitReport, FitRequest, FitScore
from vrinr_cli.training.loop import device_of
from vrinr_cli.training.lossless import ffv1_bytes
from vrinr_cli.training.measure import mean_score
from vrinr_cli.training.rate_control import budget_of
from vrinr_cli.video.info import SourceInfo
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
    budget = options.budget or budget_of(config, recipe, pair.high)
    target = torch.from_numpy(pair.high)
    trainer = ClipTrainer(source, target, config, recipe, seed=options.seed, device=device, budget=budget)
    state = FitState(request.output, identity(trainer, pair.fitted))
    learn(trainer, _length(trainer, options), report, state=state, minutes=options.checkpoint_minutes)
    return _finished(request, trainer, pair, state)


def _finished(request: FitRequest, trainer: ClipTrainer, pair: ClipPair, state: FitState) -> FitReport:
    """Write and measure the file; it gets its name last, so that a fit stopped here goes on here."""
    made = request.output.with_name(f".{request.output.name}.new")
    try:
        clip_checkpoint.save(made, trainer.finish(), card=_card(request, trainer), fitted=pair.fitted)
        found = _report(request, made, trainer, pair)
        made.replace(request.output)
    finally:
        made.unlink(missing_ok=True)
    state.remove()
    return found


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
    is_crop = options.crop not in (None, reference.size)
    boxes = centre(clip.size, reference.size, options.crop or reference.size)
    low, high = (_cut(info, range(first, stop), box) for info, box in zip((clip, reference), boxes, strict=True))
    scale = reference.size[0] / clip.size[0]
    fitted = FittedTo(
        name=clip.path.name,
        digest=clip.digest,
        reference=reference.digest,
        scales=(scale,),
        first=first,
        is_crop=is_crop,
    )
    return ClipPair(low, high, fitted, notes)


Box = tuple[slice, slice]


def centre(low: tuple[int, int], high: tuple[int, int], crop: tuple[int, int]) -> tuple[Box, Box]:
    """The middle of both pictures, at whole pixels of both.

    Args:
        low: (h, w).
        high: (H, W).
        crop: (height, width) in HR pixels.

    Returns:
        Rows and columns of the LR picture, and of the HR picture.

    Raises:
        OptionError: the crop is larger than the picture, or no whole number of LR pixels.
    """
    parts = []
    for side, small, wanted in zip(high, low, crop, strict=True):
        shared = math.gcd(side, small)
        if wanted > side or wanted % (side // shared):
            reason = f"choose at most {high[1]}x{high[0]}, and multiples of {side // shared} pixels"
            raise OptionError(f"crop of {crop[1]}x{crop[0]} from {high[1]}x{high[0]}", hint=reason)
        units = (shared - wanted * shared // side) // 2  # whole steps at which both grids meet
        part, start = wanted * small // side, units * (small // shared)
        first = units * (side // shared)
        parts.append((slice(start, start + part), slice(first, first + wanted)))
    (rows, high_rows), (columns, high_columns) = parts
    return (rows, columns), (high_rows, high_columns)


def _cut(info: SourceInfo, frames: range, box: Box) -> Pixels:
    """A part of some frames, (T, h, w, 3); no more of them is ever held."""
    return np.stack([np.ascontiguousarray(picture[box]) for picture in footage.pictures(info, frames)])


def _check_memory(config: ClipConfig) -> None:
    """Refuse tables that do not fit: each number is held four times, with its gradient and two moments."""
    needed = 4 * 4 * sum(config.entries) * config.features
    free = memory.free_bytes(torch.device("cpu"))
    if needed > free:
        raise InputError(
            f"the tables need {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free",
            hint="choose --frames, --crop or smaller --table-entries",
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
    try:
        config, recipe = chosen.shape((height, width), frames), chosen.recipe
    except OptionError as error:
        raise InputError(
            f"{frames} frames of {width}x{height} need larger tables than this preset has ({error})",
            hint="choose --frames or --crop, or another --preset",
        ) from error
    _check_memory(config)
    if options.table_entries is not None:
        config = replace(config, entries=options.table_entries)
    if options.rate is not None:
        recipe = replace(recipe, rate=options.rate, table_rate=min(10 * options.rate, 1.0))
    return config, recipe


def _length(trainer: ClipTrainer, options: FitOptions) -> Length:
    if options.epochs is not None:
        return Length(steps=max(round(options.epochs * trainer.steps_per_epoch), 1))
    return Length(options.steps, None if options.minutes is None else 60 * options.minutes)


def _card(request: FitRequest, trainer: ClipTrainer) -> dict[str, str]:
    return {
        "preset": str(request.preset),
        "steps": str(trainer.step),
        "device": trainer.device.type,
        "recipe": json.dumps(to_plain(trainer.recipe)),
        "protocol": "paired: fitted to the clip's own HR frames",
    }


def _report(request: FitRequest, made_file: Path, trainer: ClipTrainer, pair: ClipPair) -> FitReport:
    """Measured from the file, as whoever uses it will have it."""
    network = clip_checkpoint.load(made_file).to(trainer.device)
    size, budget = made_file.stat().st_size, trainer.rate.budget
    missed = (f"the file takes more than the {budget} bytes that were aimed at",) if 0 < budget < size else ()
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
        bytes=size,
        raw_bytes=pair.high.nbytes,
        ffv1_bytes=ffv1_bytes(pair.high),
        notes=(*pair.notes, *missed),
    )


def _score(frames: torch.Tensor, wanted: Pixels) -> FitScore:
    codes = (frames.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return mean_score(zip(codes, wanted, strict=True))


def _unit(pixels: Pixels) -> torch.Tensor:
    """(T, h, w, 3) uint8 -> (T, 3, h, w) float32 in [0, 1]."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
