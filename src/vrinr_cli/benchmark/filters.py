"""FFmpeg's denoising filters as baselines, each at the best of several strengths.

The strengths are multiples of the noise's true sigma. Which is best is read off the reference, which no user has: the
choice favours the baseline. What the filters get (planes, sizes of blocks) was chosen once by psnr_rgb on parts of two
clips of Vid4, calendar and walk, with Gaussian noise; docs/benchmark.md has the reasons.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from vrinr_cli.benchmark.filter_graph import Layout, available, filtered
from vrinr_cli.benchmark.methods import Choice, Method, Restore
from vrinr_cli.benchmark.scores import NO_PROTOCOL, Condition
from vrinr_cli.engine.engine import Geometry
from vrinr_cli.engine.rgb import RGB_COLOR, RGB_FORMAT
from vrinr_cli.errors import OptionError
from vrinr_cli.frame import ColorSpec, Family, Frame, Matrix, PlaneFormat, Range
from vrinr_cli.training.degrade import CODES, poisson_peak

BT601_FULL = ColorSpec(Matrix.SMPTE170M, Range.FULL)
RGB = Layout(RGB_FORMAT, RGB_COLOR)
YCBCR = Layout(PlaneFormat("yuv444p", Family.YUV, 8), BT601_FULL)
"""There and back alone: 53.2 dB against the frames, far above what any filter reaches."""
DEEP_YCBCR = Layout(PlaneFormat("yuv444p16le", Family.YUV, 16), BT601_FULL, divisor=8)
"""32 codes a code of 8 bits instead of 256: the filter sees an eighth of the noise."""


@dataclass(frozen=True, slots=True)
class DenoisingFilter:
    """One of FFmpeg's filters, and how strong it is asked to be."""

    name: str
    layout: Layout
    factors: tuple[float, ...]
    """Strengths that are tried, as multiples of the noise's sigma."""
    options: Callable[[float], str]
    """From a strength in 8-bit codes, at most what the filter's options take."""


def _nlmeans(strength: float) -> str:
    """Patches of 5 and a search of 15; s is 1 to 30."""
    return f"s={min(max(strength, 1), 30):g}:p=5:r=15"


def _dctdnoiz(strength: float) -> str:
    """Blocks of 8, one at every pixel; sigma is 0 to 999. It turns RGB to less correlated planes itself."""
    return f"s={min(strength, 999):g}:n=3"


def _fftdnoiz(strength: float) -> str:
    """With the frame before and after; sigma is compared with the power, so it is a variance, 0 to 100."""
    return f"sigma={min((strength / DEEP_YCBCR.divisor) ** 2, 100):g}:overlap=0.8:prev=1:next=1"


def _atadenoise(strength: float) -> str:
    """Over 5 frames; a is by how much a sample may differ, 0 to 0.3 of white, b the sum of this, four times a."""
    most = min(strength / CODES / DEEP_YCBCR.divisor, 0.3)
    return ":".join(f"{plane}a={most:.6f}:{plane}b={4 * most:.6f}" for plane in range(3)) + ":s=5"


def _bm3d(strength: float) -> str:
    """Its defaults: blocks of 16, not grouped."""
    return f"sigma={strength:g}:block=16:bstep=4:group=1"


ALL = {
    one.name: one
    for one in (
        DenoisingFilter("nlmeans", YCBCR, (0.2, 0.25, 0.3, 0.4, 0.5, 0.6), _nlmeans),
        DenoisingFilter("dctdnoiz", RGB, (0.7, 0.8, 0.9, 1.0, 1.1), _dctdnoiz),
        DenoisingFilter("fftdnoiz", DEEP_YCBCR, (0.2, 0.25, 0.3, 0.4, 0.5), _fftdnoiz),
        DenoisingFilter("atadenoise", DEEP_YCBCR, (1.0, 1.5, 2.0, 2.5, 3.0, 4.0), _atadenoise),
        DenoisingFilter("bm3d", YCBCR, (1.4, 2.0, 2.5, 3.0, 4.0), _bm3d),
    )
}
"""By FFmpeg's name."""


def filter_methods(names: Sequence[str]) -> list[Method]:
    """The filters as baselines, each once.

    Args:
        names: keys of `ALL`.

    Raises:
        OptionError: the installed PyAV lacks one.
    """
    here = available()
    missing = [name for name in names if name not in here]
    if missing:
        present = ", ".join(name for name in ALL if name in here) or "none"
        raise OptionError(
            f"the installed PyAV has no filter {', '.join(missing)}", hint=f"choose of those it has: {present}"
        )
    return [_method(ALL[name]) for name in dict.fromkeys(names)]


def noise_sigma(condition: Condition) -> float:
    """Standard deviation of the noise in 8-bit codes; of Poisson noise that of middle gray."""
    if condition.noise == "poisson":
        return CODES * math.sqrt(0.5 / poisson_peak(condition.level))
    return condition.level


def _method(chosen: DenoisingFilter) -> Method:
    def choices(condition: Condition) -> tuple[Choice, ...]:
        sigma = noise_sigma(condition)
        return tuple(Choice(f"{factor:g} sigma", _by(chosen, factor * sigma)) for factor in chosen.factors)

    return Method(chosen.name, NO_PROTOCOL, True, choices=choices)


def _by(chosen: DenoisingFilter, strength: float) -> Restore:
    def restore(_: Geometry, frames: Sequence[Frame], __: Tensor | None) -> Iterator[Frame]:
        return filtered(frames, chosen.layout, chosen.name, chosen.options(strength))

    return restore
