"""The paper's tables from one command, in the paper's protocol: fitted to a clip's HR frames, tested on the same.

Every fit learns x4 -> HR on clean frames only and is then asked for the same frames from inputs that it never saw.
Beside it stands its control: the same fit with the texture code held constant, so that the input is ignored. What
both score alike is memory of the clip, not restoration. Each fit's result is kept as one JSON file, so that a suite
that was stopped goes on, and several processes can share the work.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vrinr_cli import __version__
from vrinr_cli.benchmark.clips import degraded, find_clips, read_clip
from vrinr_cli.benchmark.metrics import psnr_rgb, ssim
from vrinr_cli.benchmark.paper_tables import INPUTS, VID4, PaperInput
from vrinr_cli.benchmark.scores import Condition
from vrinr_cli.errors import InputError, OptionError, TargetError, WeightsError
from vrinr_cli.model import clip_checkpoint
from vrinr_cli.model.checkpoint import write_whole
from vrinr_cli.model.clip_config import ClipConfig, with_constant_code
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.header import FittedTo
from vrinr_cli.record import from_plain, to_plain
from vrinr_cli.training.clip_presets import Recipe, preset
from vrinr_cli.training.clip_trainer import ClipTrainer, Length, StepReport, render_clip, resized
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.lossless import ffv1_bytes

FITTED_SCALE = 4.0
"""What every fit learns from: LR frames of a quarter of the size, clean."""
NOISE_SEED = 0


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
        for name, value, least in (("crop", self.crop, 32), ("frames", self.frames, 1), ("threads", self.threads, 1)):
            if value is not None and value < least:
                raise OptionError(f"{name} is {value}", hint=f"choose {least} or more")
        if self.epochs is not None and not 0 < self.epochs <= 10_000:
            raise OptionError(f"epochs is {self.epochs}", hint="choose above 0")
        for name in self.presets:
            preset(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteCase:
    """One fit."""

    clip: str
    preset: str
    variant: str = ""
    """What differs from the preset: "control", "features 4", "no attention, MSE" ...; empty is nothing."""
    size: tuple[int, int]
    """(H, W) of the HR frames."""
    frames: int
    epochs: float
    seed: int
    pixels: str
    """sha256 of the HR frames: another clip of the same name is another case."""
    settings: str
    """sha256 of the network's shape and the recipe, as far as they differ from the defaults."""

    @property
    def slug(self) -> str:
        """A file name, for people; `digest` in it tells cases apart."""
        words = (self.clip, self.preset, self.variant or "as is", f"{self.size[1]}x{self.size[0]}x{self.frames}")
        text = "".join(c if c.isalnum() or c in "-." else "_" for c in "-".join(words))
        return f"{text}-{self.digest[:8]}"

    @property
    def digest(self) -> str:
        """sha256 over all of it."""
        return hashlib.sha256(json.dumps(to_plain(self), sort_keys=True).encode()).hexdigest()


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

    def score(self, name: str) -> InputScore:
        """The score of an input; a result that is read has all of them."""
        return {score.name: score for score in self.scores}[name]


@dataclass(frozen=True, slots=True)
class Ablation:
    """A variant of a preset."""

    name: str
    shape: Callable[[ClipConfig], ClipConfig]
    recipe: Callable[[Recipe], Recipe] = lambda recipe: recipe
    is_preset: bool = False
    """Whether it is `paper` itself, so that nothing is fitted again."""


def four_levels(config: ClipConfig) -> ClipConfig:
    """Four levels instead of two, with the same number of entries in all."""
    half = tuple(n // 2 for n in config.entries)
    return replace(
        config,
        cells_per_px=(1.0, 0.867, 0.75, 0.633),
        entries=(half[0], half[0], half[1], half[1]),
        patch_sides=(3, 3, 5, 5),
        patch_spacing_px=(1, 2, 2, 4),
        patch_blur_px=(1.0, 2.0, 4.0, 8.0),
    )


CONTROL = "control"
FEATURES = tuple(
    Ablation(f"features {n}", lambda config, n=n: replace(config, features=n), is_preset=n == 6)  # type: ignore[misc]
    for n in (4, 5, 6, 7)
)
"""Table 4."""
ATTENTION_AND_LOSS = (
    Ablation("no attention, MSE", lambda c: replace(c, gates="off"), lambda r: replace(r, loss="mse")),
    Ablation("attention, MSE", lambda c: c, lambda r: replace(r, loss="mse")),
    Ablation("no attention, PEA", lambda c: replace(c, gates="off"), lambda r: replace(r, loss="pea")),
    Ablation("attention, PEA", lambda c: c, is_preset=True),
)
"""Table 5."""
CHOICES = (
    Ablation("as chosen", lambda c: c, is_preset=True),
    Ablation("four levels", four_levels),
    Ablation("coarse grids", lambda c: replace(c, cells_per_px=(1.0, 0.25))),
    Ablation("half the entries", lambda c: replace(c, entries=tuple(n // 2 for n in c.entries))),
    Ablation("vertex hash", lambda c: replace(c, vertex_hash="vertex")),
    Ablation("anchored weights and gates", lambda c: replace(c, weights="anchored", gates="anchored")),
    Ablation("multilinear weights", lambda c: replace(c, weights="multilinear")),
    Ablation("code scale 1", lambda c: replace(c, code_scale=1.0)),
    Ablation("patches not blurred", lambda c: replace(c, patch_blur_px=(0.0,) * c.levels)),
    Ablation("residual output", lambda c: replace(c, output="residual")),
    Ablation("all rates 1e-4", lambda c: c, lambda r: replace(r, rate=1e-4, table_rate=1e-4)),
)
"""What the paper leaves open (docs/decisions/0014), and the departures that a preset may make."""
ABLATIONS = FEATURES + ATTENTION_AND_LOSS + CHOICES


def run(
    request: SuiteRequest,
    *,
    started: Callable[[SuiteCase, int, int], None],
    progress: Callable[[StepReport], None],
) -> list[CaseResult]:
    """Carry out every fit that has no result yet.

    Args:
        request: what is run.
        started: called with each case, its number and how many there are.
        progress: called during a fit.

    Returns:
        The results of all cases.

    Raises:
        InputError: no clip, or one that cannot be read or is too short.
        TargetError: the folder of results cannot be made.
        WeightsError: a kept result is damaged.
    """
    torch.set_num_threads(request.threads)
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"{request.folder}: {error.strerror or error}", hint="choose another --results") from error
    results: list[CaseResult] = []
    work = list(_work(request))
    for number, (case, path) in enumerate(work):
        kept = request.folder / f"{case.slug}.json"
        if not kept.exists():
            started(case, number, len(work))
            result = run_case(case, _pixels(path, request), progress)
            write_whole(kept, (json.dumps(to_plain(result), indent=1) + "\n").encode())
        result = read_result(kept)
        if result.case != case:
            raise WeightsError(f"{kept.name}: the result of another fit", hint="delete it, and it is run again")
        results.append(result)
    return results


def read_result(path: Path) -> CaseResult:
    """A kept result.

    Raises:
        WeightsError: it is damaged.
    """
    try:
        result = from_plain(CaseResult, json.loads(path.read_text()), at=path.name)
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{path.name}: no result of a fit ({error})", hint="delete it, and it is run again"
        ) from error
    missing = {one.name for one in INPUTS} - {score.name for score in result.scores}
    if missing:
        raise WeightsError(f"{path.name}: a result without {min(missing)}", hint="delete it, and it is run again")
    return result


def run_case(case: SuiteCase, pixels: Pixels, progress: Callable[[StepReport], None]) -> CaseResult:
    """Fit and score one case.

    Args:
        case: what is fitted.
        pixels: the HR frames, (T, H, W, 3) uint8.
        progress: called during the fit.
    """
    config, recipe = shape_and_recipe(case)
    source = as_unit(input_frames(pixels, PaperInput("x4", FITTED_SCALE)))
    trainer = ClipTrainer(source, torch.from_numpy(pixels), config, recipe, seed=case.seed)
    steps = max(round(case.epochs * trainer.steps_per_epoch), 1)
    clock = time.process_time()
    trainer.run(Length(steps=steps), progress, pause=lambda: None)
    spent = time.process_time() - clock
    network, size = _kept(trainer.finish(), case)
    return CaseResult(
        case=case,
        scores=score_all(network, pixels),
        steps=trainer.step,
        seconds=trainer.seconds,
        cpu_seconds=spent,
        file_bytes=size,
        raw_bytes=pixels.nbytes,
        ffv1_bytes=ffv1_bytes(pixels),
    )


def shape_and_recipe(case: SuiteCase) -> tuple[ClipConfig, Recipe]:
    """What a case is fitted with.

    Raises:
        OptionError: no such preset.
    """
    chosen = preset(case.preset)
    config, recipe = chosen.shape(case.size, case.frames), chosen.recipe
    if case.variant == CONTROL:
        return with_constant_code(config), recipe
    for ablation in ABLATIONS:
        if ablation.name == case.variant:
            return ablation.shape(config), ablation.recipe(recipe)
    return config, recipe


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


def _work(request: SuiteRequest) -> Iterator[tuple[SuiteCase, Path]]:
    """Every case with its clip: all clips of a preset, then their controls, then the ablations."""
    clips = {name: (path, _facts(path, request)) for name, path in find_clips(request.sources).items()}
    plain = [(name, "") for name in request.presets]
    controls = [(name, CONTROL) for name in request.presets] if request.has_controls else []
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
            yield replace(case, settings=_settings(case)), path


def _facts(path: Path, request: SuiteRequest) -> tuple[tuple[int, ...], str]:
    """Shape and sha256 of a clip's HR frames."""
    pixels = _pixels(path, request)
    return pixels.shape, hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _settings(case: SuiteCase) -> str:
    words = [_told(record) for record in shape_and_recipe(case)]
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()


def _told(record: ClipConfig | Recipe) -> dict[str, object]:
    """The fields that differ from their defaults: a new field changes no case that does not use it."""
    plain = to_plain(record)
    return {f.name: plain[f.name] for f in fields(record) if getattr(record, f.name) != f.default}


def _pixels(path: Path, request: SuiteRequest) -> Pixels:
    whole = read_clip(path, frames=request.frames, crop=None)
    if len(whole) < request.frames:
        raise InputError(f"{path.name}: has {len(whole)} frames", hint=f"choose --frames {len(whole)} or less")
    if request.crop is None:
        return whole
    side = min(request.crop, *whole.shape[1:3]) // 16 * 16
    return read_clip(path, frames=request.frames, crop=(side, side))


def data_set(case: SuiteCase) -> str:
    """What a clip's figures are averaged with: "Vid4", by the clip's name, or "other clips"."""
    return "Vid4" if case.clip in VID4 else "other clips"
