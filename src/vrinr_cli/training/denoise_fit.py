"""A fit of denoising weights to a noisy clip, from the clip alone.

Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image denoising", CVPR 2021: with
more noise e of the clip's own kind, y + alpha e and y - e / alpha have noise that has nothing to do with each other, so
that a network that learns to give the second from the first learns to give the clean picture. What kind the clip's
noise is, its level by intensity and how it hangs together over pixels and channels, is measured (`grain`): nothing in
this asks it to be white. Near black and white noise is cut off and its mean is not 0; there the weights that the fit
begins with are the target, as bright as noise cut off leaves the clip. Where that is must not be told by the noise that
is added: places chosen by it have a mean of it, and the fit would darken what it learns. Frames that are held out
decide when it ends and whether anything was gained; weights that make them darker or brighter are not taken.
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.engine.device import choose
from vrinr_cli.engine.noise import NoiseLevel, estimate_noise
from vrinr_cli.errors import EngineError, InputError, OptionError, counted
from vrinr_cli.model import checkpoint
from vrinr_cli.model.header import FittedTo, read_header
from vrinr_cli.model.network import VrInr
from vrinr_cli.model.source import CODES
from vrinr_cli.training import footage
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.degrade import to_unit
from vrinr_cli.training.fit import check
from vrinr_cli.training.fit_lock import only_one
from vrinr_cli.training.fit_options import DenoiseFitReport, FitOptions, FitProgress, FitRequest, decisive
from vrinr_cli.training.fit_samples import squared
from vrinr_cli.training.grain import Grain, measure_grain
from vrinr_cli.training.loop import Loop, Sample, Sampler, Schedule, dtype_of
from vrinr_cli.training.optimizer import Optimizers, muon_and_adamw
from vrinr_cli.video.probe import probe

ALPHA = 0.5
"""Of the noise that is added, so much stays in what the network reads; the target has it divided by this."""
TUNING_RATE, SCRATCH_RATE = 3e-4, 3e-3
"""Peak learning rates."""
CLIPPED = 2.0
"""Deviations from black or white within which noise counts as cut off: at 2 its mean is moved by 1 % of one."""
BOX_PX = 33
"""Side of the boxes in which a target has the noisy clip's brightness."""
FEW = 0.1
"""Share of a box's samples that are cut off below which its brightness moves them less: few of them tell little."""
SMOOTH_PX = 9
"""Side of the boxes over which a result is smoothed before it is said how much light cut noise adds to it."""
MOST_SHIFT = 1.0
"""Codes by which the mean of a channel of held-out frames may change, from the clip or from the weights at first."""
AVERAGE = 0.99
HELD_LENGTH, HELD_EVERY = 3, 5
"""The last of every so many pieces of so many frames is held out."""
JUDGED_PX = 256
"""Largest side of the middle of held-out frames that is judged."""
CHECK_STEPS, PATIENCE = 60, 4
"""Steps between looks at the held-out frames, and how many of them without a gain end the fit."""
REPORT_STEPS = 20
_LEAST_ERROR, _IN_VAIN, _SHIFTED = "least error", "looks in vain", "brightness changed"
"""What the state remembers of the looks at the held-out frames."""

Report = Callable[[FitProgress], None]


def fit_denoise(request: FitRequest, options: FitOptions, *, report: Report) -> DenoiseFitReport:
    """Fit denoising weights to a noisy clip and write them; a stopped fit of the same request goes on.

    Args:
        request: clip, weights to begin with, output.
        options: how.
        report: called from time to time.

    Raises:
        VrinrError: one of its kinds; the output is what it was before, the state of the fit is kept.
    """
    check(request, options)
    if request.weights is None:
        raise OptionError("no weights to begin with", hint="give --weights")
    header = read_header(request.weights)
    start = checkpoint.load(request.weights)
    if not start.config.noise_input:
        raise OptionError(f"weights {request.weights.stem} are not told of noise", hint="use --weights denoise")
    compute = choose(options.device, options.precision)
    if options.threads:
        torch.set_num_threads(options.threads)
    with only_one(request.output):
        clip = probe(request.clip)
        first, stop = footage.used_frames(clip, options.first, options.frames)
        most = max(footage.PICTURE_BYTES // (3 * clip.size[0] * clip.size[1]), 1)
        runs = footage.read_runs(clip, footage.choose_runs(first, stop, most))
        kept, held = footage.split_runs(runs, length=HELD_LENGTH, every=HELD_EVERY)
        if not kept:
            count = counted(sum(len(run) for run in runs), "frame")
            raise InputError(
                f"{clip.path.name}: {count}, too few to learn from and to check",
                hint=f"give a clip of {HELD_LENGTH + 1} frames or more",
            )
        level = _level(clip.path.name, runs)
        grain = measure_grain(runs, level)
        model = checkpoint.initial(start.config, options.seed) if request.from_scratch else start
        run = DenoiseRun(
            model,
            grain,
            kept,
            held,
            options,
            base="" if request.from_scratch else header.digest,
            clip=clip.digest,
            output=request.output,
            device=compute.device,
        )
        run.learn(report)
        best, before, after = run.best()
        if request.from_scratch and not after < before:
            run.state_path.unlink(missing_ok=True)
            raise EngineError(
                f"{clip.path.name}: no gain on the frames held out, and random weights are not written",
                hint="give it longer, or leave out --from-scratch",
            )
        told = tuple(round(float(n), 4) for n in _in_codes(grain.level).flatten())
        fitted = FittedTo(name=clip.path.name, digest=clip.digest, first=first, noise=told)
        checkpoint.save(request.output, best, card=run.card(before, after), fitted=fitted)
        run.state_path.unlink(missing_ok=True)
    return DenoiseFitReport(
        output=request.output,
        sigma=float(grain.level_at_half().mean().sqrt()) * CODES,
        white_sigma=level.sigma,
        error_before=before,
        error_after=after,
        frames=sum(len(part) for part in held),
        steps=run.step,
        minutes=run.seconds / 60,
        bytes=request.output.stat().st_size,
        notes=(*compute.notes, *run.remarks(best, before, after)),
    )


def _level(name: str, runs: Sequence[Pixels]) -> NoiseLevel:
    level = estimate_noise([frame for run in runs for frame in run])
    if level is None:
        raise InputError(
            f"{name}: its noise cannot be measured: too small, or black or white throughout",
            hint="use `vrinr denoise --sigma 20` without a fit",
        )
    return level


def _in_codes(level: Tensor) -> Tensor:
    """(a, b) of intensities in [0, 1] -> in 8-bit codes, (3, 2)."""
    return level * torch.tensor([float(CODES**2), float(CODES)])


def recorrupted(
    runs: Sequence[Pixels], grain: Grain, teacher: VrInr | None, options: FitOptions, device: torch.device
) -> Sampler:
    """A sampler of windows with more noise, beside the same with other noise.

    Args:
        runs: noisy frames, (T, H, W, 3) each.
        grain: their noise.
        teacher: what is right where noise is cut off; None takes the noisy clip for right there too.
        options: batch, frames and side of windows.
        device: where the samples are put.
    """
    height, width = runs[0].shape[1:3]
    sides = min(options.window, height), min(options.window, width)
    length = min(options.window_frames, max(len(run) for run in runs))
    long_enough = [run for run in runs if len(run) >= length]
    shares = np.array([len(run) - length + 1 for run in long_enough], float)

    def window(rng: np.random.Generator) -> Pixels:
        run = long_enough[rng.choice(len(long_enough), p=shares / shares.sum())]
        first = int(rng.integers(len(run) - length + 1))
        top, left = (int(rng.integers(n - side + 1)) for n, side in zip((height, width), sides, strict=True))
        return run[first : first + length, top : top + sides[0], left : left + sides[1]]

    def sample(rng: np.random.Generator) -> Sample:
        noisy = to_unit(torch.from_numpy(np.stack([window(rng) for _ in range(options.batch)])).to(device))
        generator = torch.Generator(device).manual_seed(int(rng.integers(1 << 62)))
        return two_halves(noisy, grain, teacher, generator)

    return sample


@torch.no_grad()
def two_halves(noisy: Tensor, grain: Grain, teacher: VrInr | None, generator: torch.Generator) -> Sample:
    """Noisy clips with more noise, and what shall be made of them: the same with other noise.

    Args:
        noisy: (B, T, 3, h, w) in [0, 1].
        grain: their noise.
        teacher: gives the target where noise is cut off.
        generator: on the clips' device.
    """
    more = grain.draw(noisy, generator)
    level = grain.level.to(noisy)
    told = (level * (1 + ALPHA**2)).expand(len(noisy), 3, 2)
    target = noisy - more / ALPHA
    if teacher is not None:
        clean = teacher(noisy, tuple(noisy.shape[-2:]), level.expand(len(noisy), 3, 2))
        margin = CLIPPED * deviation_at(clean, level)
        is_cut = (clean <= margin) | (clean >= 1 - margin)
        target = torch.where(is_cut, clean + _brightness_lost(noisy, clean, is_cut, level), target)
    return Sample(noisy + ALPHA * more, target, noise=told)


def deviation_at(clean: Tensor, level: Tensor) -> Tensor:
    """Of noise on clean samples, (..., 3, h, w), by its level."""
    constant, slope = level[:, :, None, None].unbind(1)
    return (constant + slope * clean.clamp(0, 1)).clamp_min(1e-12).sqrt()


def as_cut_off(clean: Tensor, level: Tensor) -> Tensor:
    """The mean that clean samples have once noise is added and cut off at black and white, (..., 3, h, w)."""
    deviation = deviation_at(clean, level)
    return _mean_above(clean, deviation) - _mean_above(clean - 1, deviation)


def _mean_above(mean: Tensor, deviation: Tensor) -> Tensor:
    """Mean of the positive part of what is normal."""
    ratio = mean / deviation
    density = torch.exp(-ratio.square() / 2) / (2 * torch.pi) ** 0.5
    positive: Tensor = mean * torch.special.ndtr(ratio) + deviation * density
    return positive


def _brightness_lost(noisy: Tensor, clean: Tensor, is_cut: Tensor, level: Tensor) -> Tensor:
    """What cleaned samples that are cut off lack of the noisy clip's brightness, a mean of boxes."""
    lost = torch.where(is_cut, noisy - as_cut_off(clean, level), 0.0)
    return _smooth(lost, BOX_PX) / (_smooth(is_cut.to(noisy), BOX_PX) + FEW)


def _smooth(clips: Tensor, side: int) -> Tensor:
    """Means of boxes of an odd side, smaller in small pictures: (B, T, 3, h, w)."""
    side = min(side, *((n - 1) // 2 * 2 + 1 for n in clips.shape[-2:]))
    frames = clips.flatten(0, 1)
    means = functional.avg_pool2d(frames, side, stride=1, padding=side // 2, count_include_pad=False)
    return means.reshape(clips.shape)


class DenoiseRun(Loop):
    """The steps of a denoising fit."""

    def __init__(
        self,
        model: VrInr,
        grain: Grain,
        kept: Sequence[Pixels],
        held: Sequence[Pixels],
        options: FitOptions,
        *,
        base: str,
        clip: str,
        output: Path,
        device: torch.device,
    ) -> None:
        """Take a network and a noisy clip.

        Args:
            model: where it begins; changed in place.
            grain: the clip's noise.
            kept: frames to learn from.
            held: frames to judge by.
            options: how.
            base: sha256 of the weights; empty for random ones.
            clip: digest of the clip's file.
            output: the file that will be made.
            device: where to compute.
        """
        self.options, self.base, self.clip, self.grain = options, base, clip, grain
        schedule = Schedule(
            steps=options.steps,
            minutes=options.minutes,
            seed=options.seed,
            rate=options.rate or (TUNING_RATE if base else SCRATCH_RATE),
            average=AVERAGE,
            checkpoint_minutes=options.checkpoint_minutes,
        )
        teacher = copy.deepcopy(model).to(device).eval().requires_grad_(False) if base else None
        self.begun = {name: value.detach().clone() for name, value in model.state_dict().items()}
        super().__init__(
            model,
            schedule,
            sampler=recorrupted(kept, grain, teacher, options, device),
            loss=squared,
            output=output,
            device=device,
            dtype=dtype_of(options.precision, device),
        )
        self._first_shift: float | None = None
        generator = torch.Generator(device).manual_seed(options.seed)
        self.judged = [two_halves(_middle(part, device), grain, teacher, generator) for part in held]

    def make_optimizers(self) -> Optimizers:
        """Muon for a network that begins with nothing, AdamW for one that is tuned."""
        return super().make_optimizers() if self.base else muon_and_adamw(self.model, self.schedule.rate)

    def learn(self, report: Report) -> None:
        """Step to the end, or until the held-out frames gain nothing any more.

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
            if self.step % CHECK_STEPS == 0:
                self._judge()
            return int(self.notes.get(_IN_VAIN, "0")) >= PATIENCE

        self.learn_until(noted)

    def best(self) -> tuple[VrInr, float, float]:
        """The best weights seen, with the squared error of those it began with and of these, in codes squared."""
        self._judge()
        began = self._network(self.begun)
        before, after = self.error(self.cleaned(began)), float(self.notes.get(_LEAST_ERROR, "inf"))
        if after >= before and (self.base or not self.kept):
            return began, before, before
        return self._network(self.kept), before, after

    def remarks(self, best: VrInr, before: float, after: float) -> tuple[str, ...]:
        """What is to be said of the best weights and their errors."""
        notes = []
        if not after < before:
            of_what = " that leaves their brightness" if _SHIFTED in self.notes else ""
            notes.append(f"no gain on the frames held out{of_what}: the weights stay as they were")
        shift = self.shift(self.cleaned(best))
        if abs(shift) > MOST_SHIFT:
            change = "brighter" if shift > 0 else "darker"
            notes.append(f"a channel of what these weights make is {abs(shift):.1f} codes {change} than the clip")
        return tuple(notes)

    @torch.no_grad()
    def cleaned(self, model: VrInr) -> list[Tensor]:
        """What a network makes of the held-out frames."""
        network = model.to(self.device)
        return [network(one.source, tuple(one.target.shape[-2:]), one.noise) for one in self.judged]

    def error(self, cleaned: Sequence[Tensor]) -> float:
        """Mean squared difference to the other halves of held-out frames, codes squared; noise is a part of it."""
        pairs = zip(cleaned, self.judged, strict=True)
        errors = [float((output - sample.target).square().mean()) * CODES**2 for output, sample in pairs]
        return sum(errors) / len(errors)

    def shift(self, cleaned: Sequence[Tensor]) -> float:
        """Codes by which held-out frames are brighter than the clip, in the channel where that is farthest from 0."""
        level = self.grain.level.to(self.device)
        pairs = zip(cleaned, self.judged, strict=True)
        shifts = []
        for output, sample in pairs:
            plain = _smooth(output, SMOOTH_PX)  # grain that is left would count as light that the cut has added
            added = as_cut_off(plain, level) - plain
            shifts.append((output + added - sample.source).mean(dim=(0, 1, 3, 4)))
        return max((float(n) * CODES for n in torch.stack(shifts).mean(dim=0)), key=abs)

    def card(self, before: float, after: float) -> dict[str, str]:
        """What the file says of its making."""
        return {
            "steps": str(self.step),
            "begun with": self.base[:12] or "random weights",
            "options": json.dumps(decisive(self.options)),
            "held-out squared error": f"{before:.2f} -> {after:.2f} codes squared, noise included",
        }

    def identity(self) -> str:
        """What must be equal for a state to be resumed."""
        return json.dumps({"base": self.base, "clip": self.clip, "options": decisive(self.options)}, sort_keys=True)

    def _judge(self) -> None:
        """Keep the running mean of weights if it is the best so far and as bright; the state remembers it."""
        model = self.averaged()
        cleaned = self.cleaned(model)
        error = self.error(cleaned)
        if error >= float(self.notes.get(_LEAST_ERROR, "inf")):
            self.notes[_IN_VAIN] = str(int(self.notes.get(_IN_VAIN, "0")) + 1)
        elif not self._is_as_bright(cleaned):
            self.notes[_SHIFTED] = "yes"
        else:
            self.kept = {name: value.cpu() for name, value in model.state_dict().items()}
            self.notes |= {_LEAST_ERROR: repr(error), _IN_VAIN: "0"}

    def _is_as_bright(self, cleaned: Sequence[Tensor]) -> bool:
        """Whether weights change the brightness by no more than a code, or than those it began with. Random may."""
        shift = self.shift(cleaned)
        return not self.base or abs(shift) <= MOST_SHIFT or abs(shift - self._shift_at_first()) <= MOST_SHIFT

    def _shift_at_first(self) -> float:
        """Of the weights that it began with."""
        if self._first_shift is None:
            self._first_shift = self.shift(self.cleaned(self._network(self.begun)))
        return self._first_shift

    def _network(self, weights: Mapping[str, Tensor]) -> VrInr:
        model = VrInr(self.model.config)
        model.load_state_dict({name: value.float().cpu() for name, value in weights.items()})
        return model.eval().requires_grad_(False)

    def _progress(self, losses: list[float]) -> FitProgress:
        return FitProgress(
            step=self.step,
            share=self.share,
            loss=sum(losses) / len(losses),
            psnr=float("nan"),
            rate=self.rate(),
            seconds=self.seconds,
            resumed_at=self.resumed_at,
        )


def _middle(run: Pixels, device: torch.device) -> Tensor:
    """The middle of frames: (T, H, W, 3) -> (1, T, 3, h, w) in [0, 1]."""
    height, width = (min(side, JUDGED_PX) for side in run.shape[1:3])
    top, left = (run.shape[1] - height) // 2, (run.shape[2] - width) // 2
    part = run[None, :, top : top + height, left : left + width]
    return to_unit(torch.from_numpy(np.ascontiguousarray(part)).to(device))
