"""The paper's tables from one command, in the paper's protocol: fitted to a clip's HR frames, tested on the same.

Every fit learns x4 -> HR on clean frames only and is then asked for the same frames from inputs that it never saw.
Beside it stands its control: the same fit with the texture code held constant, so that the input is ignored. What
both score alike is memory of the clip, not restoration. Each fit's result is kept as one JSON file, so that a suite
that was stopped goes on, and several processes can share the work.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vrinr_cli import extra
from vrinr_cli.benchmark.clips import find_clips, read_clip
from vrinr_cli.benchmark.paper_cases import ABLATIONS, CONTROL, SuiteCase, settings_digest
from vrinr_cli.benchmark.paper_fit import CaseResult, read_result, run_case
from vrinr_cli.errors import InputError, JobError, OptionError, TargetError, WeightsError, counted
from vrinr_cli.training.clip_presets import preset
from vrinr_cli.training.clip_state import state_path
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.fit_lock import only_one
from vrinr_cli.training.fit_options import FitProgress

LEAST_SIDE = 32
"""Pixels of the HR frames' shorter side."""
LOOK_SECONDS = 2.0
"""How often a suite that waits for another process looks whether it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRequest:
    """What is run. One that exists is valid."""

    sources: tuple[Path, ...]
    """Clips, or folders with clips: the HR frames."""
    folder: Path
    """Where each fit's result is kept."""
    presets: tuple[str, ...] = ("paper", "best")
    crop: int | None = 256
    """Side of the middle that is cut out, less where a clip is smaller; None is the whole picture."""
    frames: int = 8
    """Of each clip, from its beginning."""
    epochs: float | None = None
    """Passes over all pixels; None takes the preset's."""
    has_controls: bool = True
    has_ablations: bool = False
    """Whether Tables 4 and 5 and the choices that the paper leaves open are run too."""
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        for name, value, least in (
            ("crop", self.crop, LEAST_SIDE),
            ("frames", self.frames, 1),
            ("threads", self.threads, 1),
        ):
            if value is not None and value < least:
                raise OptionError(f"{name} is {value}", hint=f"choose {least} or more")
        if self.epochs is not None and not 0 < self.epochs <= 10_000:
            raise OptionError(f"epochs is {self.epochs}", hint="choose above 0")
        for name in self.presets:
            preset(name)


@dataclass(frozen=True, slots=True)
class CaseStart:
    """What is known of a fit before it begins."""

    case: SuiteCase
    number: int
    """Of the case, from 0."""
    count: int
    """How many cases there are."""
    is_resumed: bool = False
    """Whether it goes on from a state."""


@dataclass(slots=True)
class SuiteListener:
    """Who is told of the work while it goes on."""

    on_start: Callable[[CaseStart], None] = lambda _: None
    """Before each fit."""
    on_step: Callable[[FitProgress], None] = lambda _: None
    """During a fit."""
    on_wait: Callable[[SuiteCase], None] = lambda _: None
    """Where all that is left is being fitted by other processes: once for each case that is waited for."""


def run(request: SuiteRequest, *, listen: SuiteListener | None = None) -> list[CaseResult]:
    """Carry out every fit that has no result yet; what another process is fitting is left to it.

    Args:
        request: what is run.
        listen: told of each fit.

    Returns:
        The results of all cases.

    Raises:
        InputError: a clip that cannot be read or is too short.
        TargetError: the folder of results cannot be made, or not written.
        WeightsError: a kept result or state is damaged.
        OptionError: no clip, or a package of the extra is missing.
        KeyboardInterrupt: a signal came; the state of the fit is kept.
    """
    extra.require("torchmetrics")
    told = listen or SuiteListener()
    torch.set_num_threads(request.threads)
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"{request.folder}: {error.strerror or error}", hint="choose another --results") from error
    work = dict(enumerate(_work(request)))
    results: dict[int, CaseResult] = {}
    awaited = -1
    while left := [number for number in work if number not in results]:
        for number in left:
            case, path = work[number]
            result = _result(CaseStart(case, number, len(work)), path, request, told)
            if result is not None:
                results[number] = result
        if results.keys().isdisjoint(left):
            if awaited != left[0]:
                told.on_wait(work[left[0]][0])
            awaited = left[0]
            time.sleep(LOOK_SECONDS)
    return [results[number] for number in work]


def _result(start: CaseStart, path: Path, request: SuiteRequest, told: SuiteListener) -> CaseResult | None:
    """The kept result of a case, which is fitted first if need be; None while another process fits it."""
    case, folder = start.case, request.folder
    kept = folder / f"{case.slug}.json"
    with contextlib.ExitStack() as held:
        if not kept.exists():
            try:
                held.enter_context(only_one(folder / case.slug))
            except JobError:
                return None
        if not kept.exists():  # another process may have made it before the lock was ours
            told.on_start(replace(start, is_resumed=state_path(folder / case.slug).exists()))
            run_case(case, _pixels(path, request), folder, told.on_step)
    result = read_result(kept)
    if result.case != case:
        raise WeightsError(f"{kept}: the result of another fit", hint="delete it, and it is run again")
    return result


def _work(request: SuiteRequest) -> Iterator[tuple[SuiteCase, Path]]:
    """Every case with its clip: all clips of a preset, then their controls, then the ablations."""
    clips = {name: (path, _facts(path, request)) for name, path in find_clips(request.sources).items()}
    presets = tuple(dict.fromkeys(request.presets))
    plain = [(name, "") for name in presets]
    controls = [(name, CONTROL) for name in presets] if request.has_controls else []
    fitted = [ablation.name for ablation in ABLATIONS if not ablation.is_preset] if request.has_ablations else []
    ablations = [("paper", name) for name in fitted]
    for chosen, variant in (*plain, *controls, *ablations):
        for clip, (path, (shape, digest)) in clips.items():
            case = SuiteCase(
                clip=clip,
                preset=chosen,
                variant=variant,
                size=(shape[1], shape[2]),
                frames=shape[0],
                epochs=float(request.epochs or preset(chosen).epochs),
                seed=request.seed,
                pixels=digest,
                settings="",
            )
            yield replace(case, settings=settings_digest(case)), path


def _facts(path: Path, request: SuiteRequest) -> tuple[tuple[int, ...], str]:
    """Shape and sha256 of a clip's HR frames."""
    pixels = _pixels(path, request)
    return pixels.shape, hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _pixels(path: Path, request: SuiteRequest) -> Pixels:
    whole = read_clip(path, frames=request.frames, crop=None)
    if len(whole) < request.frames:
        raise InputError(f"{path.name}: has {counted(len(whole), 'frame')}", hint=f"choose --frames {len(whole)}")
    if min(whole.shape[1:3]) < LEAST_SIDE:
        raise InputError(
            f"{path.name}: is {whole.shape[2]}x{whole.shape[1]}", hint=f"{LEAST_SIDE} pixels or more a side"
        )
    if request.crop is None:
        return whole
    side = min(request.crop, *whole.shape[1:3]) // 16 * 16
    return read_clip(path, frames=request.frames, crop=(side, side))
