"""A fit to one clip, from a request to a file of weights.

Three uses: by a preset (the paper's network, `clip_fit`); paired (general weights corrected with the HR clip at hand);
blind (general weights corrected on the clip shrunk against itself). The last two differ in their pictures alone.
"""

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vrinr_cli.engine.device import Compute, choose
from vrinr_cli.errors import InputError, InterruptedJobError, OptionError, TargetError, VrinrError
from vrinr_cli.model import checkpoint, correction
from vrinr_cli.model.clip_config import LARGEST_TABLE
from vrinr_cli.model.correction_config import CorrectionConfig
from vrinr_cli.model.header import read_header
from vrinr_cli.model.network import VrInr
from vrinr_cli.record import to_plain
from vrinr_cli.training import fit_rates, footage
from vrinr_cli.training.clip_presets import preset
from vrinr_cli.training.fit_budget import check_budget, steps_within
from vrinr_cli.training.fit_lock import only_one
from vrinr_cli.training.fit_material import Material, gather
from vrinr_cli.training.fit_options import (
    DEFAULT_BUDGET,
    FitOptions,
    FitProgress,
    FitReport,
    FitRequest,
    FitScore,
    RatePoint,
    ScaleScore,
    decisive,
)
from vrinr_cli.training.fit_samples import in_turn, paired_windows, squared
from vrinr_cli.training.loop import Loop, Loss, Sample, Sampler, Schedule, dtype_of
from vrinr_cli.training.measure import score

PAIRED_RATE, BLIND_RATE = 2e-3, 2e-4
"""Peak learning rates."""
AVERAGE = 0.99
"""Decay of the running mean of weights."""
LEAST_GAIN, LEAST_BLIND_GAIN = 0.02, 0.1
"""dB of psnr_y; below it the general weights stay as they are. A blind fit is judged on the clip made smaller, which
overstates what it does to the clip itself (docs/fit.md)."""
BLIND_SHARE = 0.5
"""Of what a blind fit has learned, so much is kept. At the clip's full size, which is not learned from, half of it
gives more than all of it, and does no harm where all of it does (docs/fit.md). After Wortsman et al., "Robust
fine-tuning of zero-shot models", CVPR 2022."""
REPORT_STEPS = 20
ANY_SCALE = (1.0, 32.0)
"""What a correction that changes nothing is good for, from the least scale to the largest."""

Report = Callable[[FitProgress], None]


def fit(request: FitRequest, options: FitOptions, *, report: Report) -> FitReport:
    """Fit weights to a clip and write them; a stopped fit of the same request goes on.

    Args:
        request: clip, reference, output.
        options: how.
        report: called from time to time.

    Raises:
        VrinrError: one of its kinds; the output is what it was before, the state of the fit is kept.
    """
    check(request, options)
    with only_one(request.output):
        if request.preset is not None:
            from vrinr_cli.training.clip_fit import fit_clip  # noqa: PLC0415 - the other uses do without it

            return _noted(fit_clip(request, options, report=report))
        return correct(request, options, report=report)


def correct(request: FitRequest, options: FitOptions, *, report: Report) -> FitReport:
    """Correct general weights for a clip, with its HR frames or blindly.

    Raises:
        VrinrError: one of its kinds.
    """
    if request.weights is None:
        raise OptionError("no general weights to correct", hint="give --weights")
    compute = choose(options.device, options.precision)
    if options.threads:
        torch.set_num_threads(options.threads)
    general = checkpoint.load(request.weights)
    if general.config.fold > 1 or general.config.noise_input:
        raise OptionError(
            f"weights {request.weights.stem} are told of noise, and cannot be corrected", hint="use --task denoise"
        )
    budget = options.budget or DEFAULT_BUDGET
    check_budget(general.state_dict(), budget)
    material = gather(request, options)
    base = read_header(request.weights).digest
    run = CorrectionRun(
        checkpoint.load(request.weights), material, options, base=base, output=request.output, device=compute.device
    )
    run.learn(report)
    result = _best(run, general, material, compute, budget)
    config = CorrectionConfig(network=general.config, base=base)
    is_change = any(bool(level.any()) for level in result.levels.values())
    fitted = material.fitted if is_change else replace(material.fitted, scales=ANY_SCALE)
    correction.save(request.output, result.levels, result.steps, config, card=run.card(result), fitted=fitted)
    run.state_path.unlink(missing_ok=True)
    size = request.output.stat().st_size
    points, point_notes = _points(material, result, size, request.output)
    return FitReport(
        output=request.output,
        use=material.fitted.protocol,
        before=result.before,
        after=result.after,
        by_scale=result.by_scale if len(result.by_scale) > 1 else (),
        frames=material.judged[0].frames,
        steps=run.step,
        minutes=run.seconds / 60,
        bytes=size,
        raw_bytes=footage.raw_bytes(material.judged[0].high),
        points=points,
        notes=(*compute.notes, *material.notes, *result.notes, *point_notes),
    )


@dataclass(frozen=True, slots=True)
class Correction:
    """What came out, before it is a file."""

    levels: dict[str, Tensor]
    steps: dict[str, float]
    by_scale: tuple[ScaleScore, ...]
    notes: tuple[str, ...] = ()

    @property
    def before(self) -> FitScore:
        """Of the general weights, mean over the scales."""
        return _mean([score.before for score in self.by_scale])

    @property
    def after(self) -> FitScore:
        """Of the corrected ones."""
        return _mean([score.after for score in self.by_scale])

    @property
    def gain(self) -> float:
        """In psnr_y, dB."""
        return self.after.psnr_y - self.before.psnr_y


class CorrectionRun(Loop):
    """The steps of a correction."""

    def __init__(
        self,
        model: VrInr,
        material: Material,
        options: FitOptions,
        *,
        base: str,
        output: Path,
        device: torch.device,
        sampler: Sampler | None = None,
        loss: Loss = squared,
    ) -> None:
        """Take general weights and pictures.

        Args:
            model: the general network; changed in place.
            material: the pictures.
            options: how.
            base: sha256 of the general weights.
            output: the file that will be made.
            device: where to compute.
            sampler: None draws windows of the material's pairs.
            loss: what is made small.
        """
        self.options, self.material, self.base = options, material, base
        self.general = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.errors: list[float] = []
        is_blind = material.reference is None
        schedule = Schedule(
            steps=options.steps,
            minutes=options.minutes,
            seed=options.seed,
            rate=options.rate or (BLIND_RATE if is_blind else PAIRED_RATE),
            average=AVERAGE,
            checkpoint_minutes=options.checkpoint_minutes,
        )
        self.measure = loss
        super().__init__(
            model,
            schedule,
            sampler=sampler
            or in_turn(
                [
                    paired_windows(
                        pair,
                        batch=options.batch,
                        frames=options.window_frames,
                        side=options.window,
                        support=model.base.support,
                        device=device,
                    )
                    for pair in material.learned
                ]
            ),
            loss=self._watched,
            output=output,
            device=device,
            dtype=dtype_of(options.precision, device),
        )

    def learn(self, report: Report) -> None:
        """Step to the end, from the state of a stopped fit if there is one.

        Raises:
            WeightsError: the state belongs to another fit.
            EngineError: the loss is no longer finite.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the state holds the last step.
        """
        losses: list[float] = []

        def noted(loss: float) -> bool:
            losses.append(loss)
            if self.step % REPORT_STEPS == 0:
                report(self._progress(losses))
                losses.clear()
                self.errors.clear()
            return False

        self.learn_until(noted)

    def change(self) -> dict[str, Tensor]:
        """What was learned: the running mean of weights less the general ones."""
        return {name: self.mean[name].float().cpu() - value.cpu() for name, value in self.general.items()}

    def sensitivity(self) -> dict[str, float]:
        """Root mean square of the loss's gradient in each tensor, over the last steps, as Adam has it."""
        moments = {
            name: self.optimizers.state_of(weight)["exp_avg_sq"] for name, weight in self.model.named_parameters()
        }
        return {name: math.sqrt(float(moment.mean())) for name, moment in moments.items()}

    def card(self, result: Correction) -> dict[str, str]:
        """What the file says of its making. No times, so that equal fits give equal files."""
        return {
            "steps": str(self.step),
            "device": self.device.type,
            "precision": str(self.dtype).removeprefix("torch."),
            "options": json.dumps(decisive(self.options)),
            "gain": f"{result.gain:+.2f} dB psnr_y over {self.material.judged[0].frames} frames at "
            + ", ".join(f"x{scale:g}" for scale in self.material.fitted.scales),
        }

    def identity(self) -> str:
        """What must be equal for a state to be resumed: all but how the fit is carried out."""
        parts = {"base": self.base, "fitted": to_plain(self.material.fitted), "options": decisive(self.options)}
        return json.dumps(parts, sort_keys=True)

    def _watched(self, output: Tensor, sample: Sample, share: float) -> Tensor:
        self.errors.append(float((output.detach() - sample.target).square().mean()))
        return self.measure(output, sample, share)

    def _progress(self, losses: list[float]) -> FitProgress:
        error = sum(self.errors) / len(self.errors)
        return FitProgress(
            step=self.step,
            share=self.share,
            loss=sum(losses) / len(losses),
            psnr=-10 * math.log10(max(error, 1e-10)),
            rate=self.rate(),
            seconds=self.seconds,
            resumed_at=self.resumed_at,
        )


def _best(run: CorrectionRun, general: VrInr, material: Material, compute: Compute, budget: int) -> Correction:
    """What was learned, rounded into the budget; or no change at all where that is not better."""
    change = run.change()
    if material.reference is None:
        change = {name: BLIND_SHARE * value for name, value in change.items()}
    steps = steps_within(change, budget, sensitivity=run.sensitivity())
    levels = correction.quantize(change, steps)
    network = correction.corrected(general, levels, steps)
    by_scale = tuple(
        ScaleScore(scale=scale, before=score(general, pair, compute), after=score(network, pair, compute))
        for scale, pair in zip(material.fitted.scales, material.judged, strict=True)
    )
    result = Correction(levels, steps, by_scale)
    if result.gain >= (LEAST_GAIN if material.reference else LEAST_BLIND_GAIN):
        return result
    none = {name: torch.zeros_like(value) for name, value in levels.items()}
    note = f"no gain ({result.gain:+.2f} dB): the general weights stay, and the file changes nothing"
    return Correction(none, steps, tuple(replace(one, after=one.before) for one in by_scale), (note,))


def _mean(scores: Sequence[FitScore]) -> FitScore:
    count = len(scores)
    return FitScore(
        psnr_rgb=sum(s.psnr_rgb for s in scores) / count,
        psnr_y=sum(s.psnr_y for s in scores) / count,
    )


def _points(
    material: Material, result: Correction, size: int, output: Path
) -> tuple[tuple[RatePoint, ...], tuple[str, ...]]:
    """Bytes against dB of a paired fit whose frames are all in memory, and a note where they cannot be had.

    Raises:
        InterruptedJobError: stopped meanwhile; the correction is written already.
    """
    reference, run = material.reference, material.run
    if reference is None or run is None:
        return (), ()
    try:
        theirs = fit_rates.x265_points(reference, run, material.judged[0].high[0], folder=output.parent)
        stream = fit_rates.stream_bytes(material.clip, run)
    except (VrinrError, OSError) as error:
        return (), (f"bytes against dB are left out: {error}",)
    except KeyboardInterrupt as error:
        words = f"stopped while x265 was measured, {output.name} is written"
        raise InterruptedJobError(words, hint="it can be used as it is") from error
    return (*fit_rates.our_points(stream, size, result.before, result.after), *theirs), ()


def _noted(report: FitReport) -> FitReport:
    """The report of a fit by a preset, with a note where resizing alone is better."""
    if report.gain_y >= 0:
        return report
    note = f"{-report.gain_y:.2f} dB psnr_y below the bicubic base: too short a fit, or tables too small for the clip"
    return replace(report, notes=(*report.notes, note))


def check(request: FitRequest, options: FitOptions) -> None:
    """Refuse what cannot be done before anything is read, by a fit to enlarge or to denoise.

    Raises:
        VrinrError: one of its kinds.
    """
    output = request.output
    if output.suffix != ".safetensors":
        raise OptionError(f"{output.name}: not a .safetensors file", hint="name the output so")
    if not output.parent.is_dir():
        raise TargetError(f"{output.parent}: no such folder", hint="make it first")
    if output.exists() and not request.overwrite:
        raise TargetError(f"{output}: exists already", hint="use -y to replace it")
    if not os.access(output.parent, os.W_OK):
        raise TargetError(f"{output.parent}: cannot be written", hint="choose another output")
    for path in (request.clip, *([request.reference] if request.reference else [])):
        if not path.is_file():
            raise InputError(f"{path}: no such file", hint="check the name")
    if request.preset is None and (options.crop is not None or options.table_entries is not None):
        raise OptionError("a crop or table entries without a preset", hint="give --preset paper, or leave them out")
    if request.preset is not None and options.budget is not None and not preset(request.preset).recipe.rate_weight:
        raise OptionError(f"a budget with preset {request.preset}", hint="only small takes one, or a fit without")
    if request.preset is not None and options.table_entries is not None:
        _check_entries(request.preset, options.table_entries)


def _check_entries(name: str, entries: tuple[int, ...]) -> None:
    """Refuse tables that the preset's network cannot have."""
    levels = preset(name).shape((64, 64), 2).levels
    if len(entries) != levels or any(n % 8 or not 8 <= n <= LARGEST_TABLE for n in entries):
        raise OptionError(
            f"table entries {','.join(str(n) for n in entries)}",
            hint=f"preset {name} takes {levels} numbers, multiples of 8 up to {LARGEST_TABLE >> 20}M",
        )
