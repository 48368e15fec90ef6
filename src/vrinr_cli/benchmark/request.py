"""What is measured: clips, what is done to them, and with which weights. Checked when it is made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vrinr_cli.benchmark.scores import Condition
from vrinr_cli.errors import OptionError
from vrinr_cli.training.compression import LARGEST_CRF

Degradation = Literal["BI", "BD", "none"]
Noise = Literal["gaussian", "poisson", "h264"]
NoiseLevel = Literal["true", "measured"]
LARGEST_LEVEL = 255.0
FILTERS = ("nlmeans", "dctdnoiz", "fftdnoiz", "atadenoise", "bm3d")
"""As FFmpeg names them."""
ALL_FILTERS = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRequest:
    """What is measured, and how."""

    sources: tuple[Path, ...]
    """Clips, or folders with clips; their frames are the reference."""
    scales: tuple[float, ...] = (2.0, 3.0, 4.0, 6.0)
    """1 to 32; 1 only with noise."""
    weights: tuple[str, ...] = ("general",)
    filters: tuple[str, ...] = ()
    """FFmpeg's denoising filters that are baselines, of `FILTERS`; only at scale 1 with Gaussian or Poisson noise."""
    degradation: Degradation = "BI"
    """How frames shrink; "none" measures the removal of noise at scale 1."""
    noise: Noise = "gaussian"
    """What the levels count."""
    levels: tuple[float, ...] = (0.0,)
    """Of noise that is added to the LR frames, or of their compression; 0 is none."""
    noise_level: NoiseLevel = "true"
    """What networks that take a noise level are told."""
    frames: int | None = None
    """At most so many frames of each clip."""
    first: int = 0
    """Number of each clip's first frame that is used."""
    crop: tuple[int, int] | None = None
    """(height, width) of the middle that is cut out of each clip; None is all of it."""
    border: int = 4
    """HR pixels on each side that psnr_y, ssim and dtssd_y leave out."""
    matlab: bool = False
    """Whether MATLAB's bicubic (a = -0.5) stands beside the other kernels."""
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    """CPU threads; 0 leaves torch's choice."""
    seed: int = 0
    """Decides the noise."""
    strict: bool = False
    """Whether paired weights that were fitted to other frames are refused."""

    def __post_init__(self) -> None:
        if not self.scales or any(not 1 <= scale <= 32 for scale in self.scales):  # refuses nan too
            raise OptionError(f"scales are {_words(self.scales)}", hint="choose 1 to 32")
        if not self.levels or any(not 0 <= level <= LARGEST_LEVEL for level in self.levels):
            raise OptionError(f"noise levels are {_words(self.levels)}", hint="choose 0 to 255; 0 is no noise")
        if self.degradation not in ("BI", "BD", "none"):
            raise OptionError(f"degradation is {self.degradation!r}", hint="choose BI, BD or none")
        if self.noise not in ("gaussian", "poisson", "h264"):
            raise OptionError(f"noise is {self.noise!r}", hint="choose gaussian, poisson or h264")
        if self.noise_level not in ("true", "measured"):
            raise OptionError(f"noise level is {self.noise_level!r}", hint="choose true or measured")
        if self.noise == "h264" and max(self.levels) > LARGEST_CRF:
            raise OptionError(f"noise levels are {_words(self.levels)}", hint="h264 takes a crf of 0 to 51")
        if self.degradation == "none" and any(scale != 1 for scale in self.scales):
            raise OptionError("frames that are not shrunk have no larger reference", hint="use --scales 1, or BI or BD")
        if 1 in self.scales and 0 in self.levels:
            raise OptionError("at scale 1 without noise there is nothing to restore", hint="add noise: --noise 10,30")
        for name, least in (("frames", 1), ("first", 0), ("border", 0), ("threads", 0), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(f"{name} is {value}", hint=f"choose {least} or more")
        if self.crop is not None and min(self.crop) < 16:
            raise OptionError(f"crop is {self.crop[1]}x{self.crop[0]}", hint="choose at least 16x16")

        self._check_filters()

    def _check_filters(self) -> None:
        for name in self.filters:
            if name not in FILTERS:
                raise OptionError(f"filter is {name!r}", hint=f"choose of {', '.join(FILTERS)}, or {ALL_FILTERS}")
        if self.filters and (any(scale != 1 for scale in self.scales) or 0 in self.levels or self.noise == "h264"):
            raise OptionError(
                "filters remove noise alone", hint="use --scales 1 with gaussian or poisson noise: --noise 10,30,50"
            )

    def conditions(self) -> list[Condition]:
        """Everything that is done to a clip, scale by scale."""
        return [
            Condition(scale, "none" if scale == 1 else self.degradation, self.noise if level else "none", level)
            for scale in dict.fromkeys(self.scales)
            for level in dict.fromkeys(self.levels)
        ]


def _words(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers) or "none"
