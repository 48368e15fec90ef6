"""One record a measurement, and what is derived from them: means, gains, tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vrinr_cli.benchmark.metrics import Figures
from vrinr_cli.benchmark.tables import Column, Table

BLIND, PAIRED = "blind", "paired"
NO_PROTOCOL = "none"
"""Of kernels, which are fitted to nothing and stand beside either."""
PAIRED_TITLE = "paired (fitted on these frames)"
PAIRED_ELSEWHERE_TITLE = "paired (fitted on HR frames; see note)"
"""Where weights were fitted to other frames than those that are measured."""
MEAN = "mean"
"""What stands for the clip in a mean over clips."""
FITTED_PSNR = 40.0
"""Decibels at x4 or more above which a paired figure tells of the fit alone, and is marked."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What was done to the HR frames."""

    scale: float
    degradation: str
    """ "BI", "BD" or "none"."""
    noise: str
    """ "gaussian", "poisson", "h264", or "none"."""
    level: float
    """Sigma in 8-bit codes, the Poisson level, or the constant rate factor of the compression; 0 is none of them."""

    @property
    def noise_words(self) -> str:
        """As in "gaussian 30"; "none" without noise."""
        return f"{self.noise} {self.level:g}" if self.level else "none"


@dataclass(frozen=True, slots=True)
class Score:
    """One method on one clip, or its mean over clips, under one condition."""

    clip: str
    frames: int
    condition: Condition
    method: str
    """Name of a kernel or of weights."""
    protocol: str
    """Of the method: `BLIND`, or `PAIRED` where it learned from a clip's HR frames; `NO_PROTOCOL` for kernels."""
    is_baseline: bool
    """Whether the method is a plain kernel or filter."""
    figures: Figures
    gain: float | None = None
    """psnr_y over the best baseline, in dB; None for baselines."""
    choice: str = ""
    """Which of its settings a filter has here, in words; empty for a method without settings."""
    mismatch: str = ""
    """Which other frames paired weights were fitted to, in words; empty where they were fitted to these."""

    @property
    def note(self) -> str:
        """What must stand beside the figure: other frames that were fitted, a filter's setting, "fitted"."""
        is_high = self.protocol == PAIRED and self.condition.scale >= 4
        is_fitted = is_high and max(self.figures.psnr_rgb, self.figures.psnr_y) > FITTED_PSNR
        return self.mismatch or self.choice or ("fitted" if is_fitted else "")

    def flat(self) -> dict[str, Any]:
        """For JSON and CSV. Paired figures have names of their own, so that no column holds both protocols."""
        prefix = "paired_" if self.protocol == PAIRED else ""
        figures = self.figures
        values = {
            "psnr_rgb": figures.psnr_rgb,
            "psnr_y": figures.psnr_y,
            "ssim": figures.ssim,
            "dtssd_y": figures.dtssd_y,
            "gain": self.gain,
        }
        return {
            "clip": self.clip,
            "frames": self.frames,
            "scale": self.condition.scale,
            "degradation": self.condition.degradation,
            "noise": self.condition.noise,
            "level": self.condition.level,
            "method": self.method,
            "protocol": self.protocol,
            **{prefix + name: value for name, value in values.items()},
            "note": self.note,
        }


def with_gains(scores: Sequence[Score]) -> list[Score]:
    """The scores of one clip under one condition, each with its gain over the best baseline among them."""
    best = max(score.figures.psnr_y for score in scores if score.is_baseline)
    return [s if s.is_baseline else replace(s, gain=s.figures.psnr_y - best) for s in scores]


def means(scores: Iterable[Score]) -> list[Score]:
    """The mean over clips of every method under every condition; each clip counts alike.

    A gain is that of the means. Conditions and methods come in the order of `scores`.
    """
    groups: dict[Condition, dict[tuple[str, str], list[Score]]] = {}
    for score in scores:
        methods = groups.setdefault(score.condition, {})
        methods.setdefault((score.method, score.protocol), []).append(score)
    return [mean for methods in groups.values() for mean in with_gains([_mean(group) for group in methods.values()])]


def protocols(scores: Iterable[Score]) -> list[str]:
    """The protocols of the weights that were measured; `BLIND` where there are kernels only."""
    found = {score.protocol for score in scores if not score.is_baseline}
    return [protocol for protocol in (BLIND, PAIRED) if protocol in found] or [BLIND]


def of_protocol(scores: Iterable[Score], protocol: str) -> list[Score]:
    """The scores of one protocol with the kernels beside them, which fit nothing and stand beside either."""
    return [score for score in scores if score.is_baseline or score.protocol == protocol]


def tables(scores: Sequence[Score]) -> list[Table[Score]]:
    """One table a protocol: every clip, then the means."""
    found = []
    for protocol in protocols(scores):
        chosen = of_protocol(scores, protocol)
        rows = (*chosen, *(means(chosen) if has_several_clips(chosen) else ()))
        shown = columns(protocol, has_notes=has_choices(chosen), noise_width=_noise_width(chosen))
        found.append(Table(title_of(chosen, protocol), shown, rows))
    return found


def _noise_width(scores: Iterable[Score]) -> int:
    """Characters that the longest name of a noise needs."""
    return max(len(score.condition.noise_words) for score in scores)


def title_of(scores: Iterable[Score], protocol: str) -> str:
    """The protocol in words, which claim "these frames" only where all paired weights were fitted to them."""
    if protocol != PAIRED:
        return protocol
    is_elsewhere = any(score.mismatch for score in scores if score.protocol == PAIRED)
    return PAIRED_ELSEWHERE_TITLE if is_elsewhere else PAIRED_TITLE


def has_several_clips(scores: Iterable[Score]) -> bool:
    """Whether a mean over clips says more than the clips."""
    return len({score.clip for score in scores}) > 1


def has_choices(scores: Iterable[Score]) -> bool:
    """Whether a filter is among them, whose setting must be told."""
    return any(score.choice for score in scores)


def columns(protocol: str = BLIND, *, has_notes: bool = False, noise_width: int = 0) -> tuple[Column[Score], ...]:
    """Of a table of scores; the paired one has notes always. The noise gets as many characters at least, or 11."""
    note = (Column[Score]("note", lambda s: s.note, width=72),) if protocol == PAIRED or has_notes else ()
    return (
        Column("clip", lambda s: s.clip, width=18),
        Column("scale", lambda s: f"x{s.condition.scale:g}", width=6),
        Column("noise", lambda s: s.condition.noise_words, width=max(noise_width, 11)),
        Column("method", lambda s: s.method, width=12),
        Column("psnr_rgb", lambda s: s.figures.psnr_rgb, ".2f", unit="dB", better="higher"),
        Column("psnr_y", lambda s: s.figures.psnr_y, ".2f", unit="dB", better="higher"),
        Column("ssim", lambda s: s.figures.ssim, ".4f", better="higher"),
        Column("dtssd_y", lambda s: s.figures.dtssd_y, ".2f", unit="codes", better="lower"),
        Column("gain", lambda s: s.gain, "+.2f", unit="dB", better="higher"),
        *note,
    )


def _mean(scores: list[Score]) -> Score:
    first = scores[0]
    figures = [score.figures for score in scores]
    rgb, y = (sum(values) / len(values) for values in ([f.psnr_rgb for f in figures], [f.psnr_y for f in figures]))
    ssim, change = (_mean_of_all(values) for values in ([f.ssim for f in figures], [f.dtssd_y for f in figures]))
    frames = sum(score.frames for score in scores)
    notes = {score.mismatch for score in scores}
    mismatch = first.mismatch if len(notes) == 1 else "not fitted to all of these frames"
    chosen = Figures(rgb, y, ssim, change)
    choice = first.choice if len({score.choice for score in scores}) == 1 else "each clip's best strength"
    return replace(first, clip=MEAN, frames=frames, figures=chosen, gain=None, choice=choice, mismatch=mismatch)


def _mean_of_all(values: list[float | None]) -> float | None:
    """None where a clip has no figure: a mean over other clips than its neighbours' would mislead."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
