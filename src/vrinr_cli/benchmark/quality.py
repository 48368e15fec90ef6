"""Blind quality: clips are shrunk, enlarged again, and compared with what they were."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vrinr_cli.errors import InputError, OptionError
from vrinr_cli.jobs import weights
from vrinr_cli.model import checkpoint
from vrinr_cli.training.files import named_clips
from vrinr_cli.training.validate import ClipScore, score_model

PROTOCOL = (
    "blind; LR by torch's antialiased bicubic, rounded to 8 bits; psnr_y (BT.601 luma, MATLAB convention) per "
    "frame, border 4, mean over frames; bicubic a = -0.75, Lanczos 3 lobes; float32"
)


@dataclass(frozen=True, slots=True)
class QualityRequest:
    """What is measured."""

    folder: Path
    """Clips; they are the reference."""
    scales: tuple[float, ...]
    weights: str
    frames: int | None = None
    """At most so many frames of each clip, from its beginning."""

    def __post_init__(self) -> None:
        if not self.scales or any(not 1 < scale <= 32 for scale in self.scales):
            raise OptionError(f"scales are {self.scales}", hint="choose above 1 and up to 32")
        if self.frames is not None and self.frames < 1:
            raise OptionError(f"frames is {self.frames}", hint="choose 1 or more")


def measure(request: QualityRequest, *, report: Callable[[ClipScore], None]) -> list[ClipScore]:
    """Score every clip at every scale.

    Args:
        request: what is measured.
        report: called with each score as it comes.

    Raises:
        InputError: no clip, or one that cannot be read.
        WeightsError: the weights are damaged.
    """
    if not request.folder.is_dir():
        raise InputError(f"{request.folder}: no such folder", hint="give a folder with clips")
    model = checkpoint.load(weights.find(request.weights))
    scores: list[ClipScore] = []
    for name, pixels in named_clips(request.folder):
        for scale in request.scales:
            score = score_model(model, {name: pixels[: request.frames]}, (scale,))[0]
            report(score)
            scores.append(score)
    if not scores:
        raise InputError(f"{request.folder}: holds no clip", hint="give a folder with clips")
    return scores


def means(scores: list[ClipScore]) -> list[ClipScore]:
    """The mean over clips, per scale."""
    found = []
    for scale in sorted({score.scale for score in scores}):
        at = [score for score in scores if score.scale == scale]
        found.append(
            ClipScore(
                "mean",
                scale,
                sum(s.vrinr for s in at) / len(at),
                sum(s.bicubic for s in at) / len(at),
                sum(s.lanczos for s in at) / len(at),
            )
        )
    return found
