"""Quality of what is really produced: clips are degraded, restored by the engine, and compared with what they were."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vrinr_cli import extra
from vrinr_cli.benchmark.clips import degraded, find_clips, read_clip, told_noise
from vrinr_cli.benchmark.environment import Environment, environment_of
from vrinr_cli.benchmark.filters import filter_methods
from vrinr_cli.benchmark.fitted import clip_digest, mismatch, other_clip
from vrinr_cli.benchmark.methods import (
    Choice,
    Method,
    as_tensor,
    kernel_methods,
    network_methods,
    rgb_frames,
    rgb_geometry,
)
from vrinr_cli.benchmark.metrics import Figures, Meter
from vrinr_cli.benchmark.pictures import Comparison, compare, detailed_window, shown_condition
from vrinr_cli.benchmark.request import QualityRequest
from vrinr_cli.benchmark.scores import Condition, Score, with_gains
from vrinr_cli.engine.device import choose
from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.frame import Frame, Plane
from vrinr_cli.jobs.spot import Window
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.validate import crop_for


@dataclass(frozen=True, slots=True)
class Step:
    """How far a benchmark is."""

    done: int
    total: int
    """Frames cannot be counted before the clips are read: these are methods on clips under conditions."""
    words: str
    """What is being measured."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Everything that was measured, with what is needed to read it."""

    request: QualityRequest
    environment: Environment
    scores: tuple[Score, ...]
    """Every method on every clip under every condition, clip by clip."""
    comparisons: tuple[Comparison, ...] = ()
    """One a clip, where pictures were asked for."""


@dataclass(slots=True)
class Listener:
    """Who is told of the work while it goes on."""

    on_step: Callable[[Step], object] = lambda _: None
    """Before each method on a clip."""
    on_score: Callable[[Score], object] = lambda _: None
    """After each; all methods of one clip and condition together, as gains need them all."""


@dataclass(slots=True)
class _Case:
    """One clip under one condition."""

    clip: str
    digest: str
    """Of the clip's file."""
    reference: Pixels
    """(T, H, W, 3), cut to what the scale makes of whole LR pixels."""
    source: Pixels
    """(T, h, w, 3)."""
    condition: Condition
    noise: Tensor | None = None
    """What networks are told of the source's noise, (1, 3, 2); None where there is none."""
    first: int = 0
    """The clip's frame that the reference begins with."""
    window: Window | None = None
    """What is kept of the middle frame; None keeps nothing."""
    kept: dict[str, Pixels] = field(default_factory=dict)
    """The middle frame of each method."""


def protocol_words(request: QualityRequest) -> str:
    """The conventions in one line."""
    shrunk = {
        "BI": "LR by torch's antialiased bicubic, rounded to 8 bits",
        "BD": "LR by Gaussian blur (sigma 0.4 scale) and sampling, rounded to 8 bits",
        "none": "not shrunk",
    }["none" if set(request.scales) == {1} else request.degradation]
    if 1 in request.scales and shrunk != "not shrunk":
        shrunk += ", not shrunk at x1"
    levels = ", ".join(f"{level:g}" for level in request.levels if level)
    added = f"{request.noise} noise {levels} added to the input, seed {request.seed}"
    compressed = f"the input compressed by x264 with crf {levels}, 4:2:0"
    told = "measured" if request.noise_level == "measured" or request.noise == "h264" else "true"
    added = f"{added}, networks that take one told the {told} level"
    noise = f"; {compressed if request.noise == 'h264' else added}" if levels else ""
    also = "; bicubic-0.5 is MATLAB's" if request.matlab else ""
    if request.filters:
        also += "; FFmpeg's filters at their best strength by psnr_rgb, chosen with the reference known"
    return (
        f"{shrunk}{noise}; psnr_rgb without border; psnr_y, ssim, dtssd_y on BT.601 luma (MATLAB convention), "
        f"border {request.border}; means over frames, then clips; bicubic a = -0.75, Lanczos 3 lobes{also}"
    )


def measure(request: QualityRequest, *, listen: Listener | None = None, pictures: bool = False) -> QualityReport:
    """Score every method on every clip under every condition.

    Args:
        request: what is measured.
        listen: told of each step and score as they come.
        pictures: whether one frame of each clip is kept for looking at.

    Raises:
        OptionError: no clip, no weights of that name, a filter that is not here, weights that a strict request refuses,
            or a package of the extra is missing.
        DeviceError: the device is not to be had.
        InputError: a clip that cannot be read or is too small.
        WeightsError: the weights are damaged.
        EngineError: a frame could not be restored.
    """
    extra.require("torchmetrics")
    told = listen or Listener()
    if request.threads:
        torch.set_num_threads(request.threads)
    compute = choose(request.device, request.precision)
    clips = find_clips(request.sources)
    methods = [
        *kernel_methods(compute, matlab=request.matlab),
        *filter_methods(request.filters),
        *network_methods(request.weights, compute, taken=request.filters),
    ]
    digests = {name: clip_digest(path) for name, path in clips.items()}
    if request.strict:
        _check_clips(digests, methods)
    conditions = request.conditions()
    total = len(clips) * len(conditions) * len(methods)
    scores: list[Score] = []
    comparisons: list[Comparison] = []
    for name, path in clips.items():
        pixels = read_clip(path, frames=request.frames, crop=request.crop, first=request.first)
        for condition in conditions:
            case = _make_case(name, digests[name], pixels, condition, request)
            if request.strict:
                _refuse({method.name: _mismatch(case, method) for method in methods}, name)
            if pictures and condition == shown_condition(conditions):
                case.window = detailed_window(case.reference[len(case.reference) // 2])
            scores += _score_all(case, methods, request.border, told, Step(len(scores), total, ""))
            if case.window is not None:
                comparisons.append(_comparison(case, case.window, methods))
    return QualityReport(request, environment_of(compute), tuple(scores), tuple(comparisons))


def _check_clips(digests: Mapping[str, str], methods: Sequence[Method]) -> None:
    """Refuse weights of another file before any frame is read."""
    for clip, digest in digests.items():
        _refuse({method.name: other_clip(method.header, digest) for method in methods}, clip)


def _refuse(notes: Mapping[str, str], clip: str) -> None:
    """Raise the first of the notes, by method, that says something."""
    for method, note in notes.items():
        if note:
            raise OptionError(f"{clip}: {method} was {note}", hint="leave out these weights, this clip, or --strict")


def _mismatch(case: _Case, method: Method) -> str:
    size, frames = _size(case.reference), len(case.reference)
    return mismatch(method.header, case.digest, size=size, frames=frames, first=case.first)


def _score_all(case: _Case, methods: Sequence[Method], border: int, told: Listener, at: Step) -> list[Score]:
    """Every method on one clip under one condition; `at` is how far the benchmark was before."""
    found: list[Score] = []
    for method in methods:
        words = f"{case.clip} x{case.condition.scale:g} {method.name}"
        told.on_step(Step(at.done + len(found), at.total, words))
        found.append(_score(case, method, border))
    scores = with_gains(found)
    for score in scores:
        told.on_score(score)
    return scores


def _make_case(clip: str, digest: str, pixels: Pixels, condition: Condition, request: QualityRequest) -> _Case:
    size = (pixels.shape[1], pixels.shape[2])
    low, high = crop_for(size, condition.scale)
    if min(low) < 1 or min(high) <= 2 * request.border:
        raise InputError(
            f"{clip}: {size[1]}x{size[0]} is too small for x{condition.scale:g} and a border of {request.border}",
            hint="leave the scale or the clip out",
        )
    reference = pixels[:, : high[0], : high[1]]
    source = degraded(reference, low, condition, seed=request.seed)
    noise = told_noise(source, condition, is_measured=request.noise_level == "measured")
    return _Case(clip, digest, reference, source, condition, noise, first=request.first)


def _score(case: _Case, method: Method, border: int) -> Score:
    """The method at the best of its settings by psnr_rgb; the first of equal ones."""
    choices = method.choices(case.condition)
    tried = [_try(case, choice, border) for choice in choices]
    best = max(range(len(tried)), key=lambda number: tried[number][0].psnr_rgb)
    figures, kept = tried[best]
    if kept is not None:
        case.kept[method.name] = kept
    words = f"{choices[best].words}, best of {len(choices)} with the reference known" if len(choices) > 1 else ""
    return _as_score(case, method, figures, words)


def _try(case: _Case, choice: Choice, border: int) -> tuple[Figures, Pixels | None]:
    """One setting of a method: its figures, and its middle frame where pictures are wanted."""
    geometry = rgb_geometry(_size(case.source), _size(case.reference))
    meter = Meter(border)
    middle = len(case.reference) // 2
    kept = None
    for frame in choice.restore(geometry, rgb_frames(case.source), case.noise):
        target = torch.from_numpy(np.ascontiguousarray(case.reference[frame.index].transpose(2, 0, 1)))
        meter.add(as_tensor(frame), target)
        if case.window is not None and frame.index == middle:
            kept = _pixels(frame)
    return meter.figures(), kept


def _as_score(case: _Case, method: Method, figures: Figures, choice: str) -> Score:
    return Score(
        case.clip,
        len(case.reference),
        case.condition,
        method.name,
        method.protocol,
        method.is_baseline,
        figures,
        choice=choice,
        mismatch=_mismatch(case, method),
    )


def _comparison(case: _Case, window: Window, methods: Sequence[Method]) -> Comparison:
    middle = len(case.reference) // 2
    restored = [(f"{m.name} (paired)" if m.protocol == "paired" else m.name, case.kept[m.name]) for m in methods]
    shown = [("LR", _enlarged(case.source[middle], _size(case.reference))), *restored]
    return compare(case.clip, case.condition, middle, window, [*shown, ("HR", case.reference[middle])])


def _enlarged(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Each LR pixel as a block: (h, w, 3) -> (H, W, 3), by the nearest pixel centre."""
    rows, columns = (
        [min(math.floor((n + 0.5) * low / high), low - 1) for n in range(high)]
        for low, high in zip(picture.shape[:2], size, strict=True)
    )
    return np.ascontiguousarray(picture[rows][:, columns])


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[2]


def _pixels(frame: Frame) -> Pixels:
    planes: tuple[Plane, ...] = frame.planes
    return np.stack(planes, axis=-1).astype(np.uint8)
