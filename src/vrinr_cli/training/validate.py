"""Blind quality on held-out clips: PSNR of the network beside bicubic and Lanczos."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vrinr_cli.model.network import VrInr
from vrinr_cli.model.resample import BICUBIC, LANCZOS, enlarge
from vrinr_cli.model.source import white_noise
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.degrade import add_gaussian, bicubic_downscale, quantize, to_unit


@dataclass(frozen=True, slots=True)
class Case:
    """What clips are scored on."""

    scale: float
    sigma: float = 0.0
    """Of white noise on the LR frames, 8-bit codes."""

    @property
    def name(self) -> str:
        """As in "x4" and "x1 sigma 30"."""
        return f"x{self.scale:g} sigma {self.sigma:g}" if self.sigma else f"x{self.scale:g}"


CLEAN_CASES = (Case(4.0),)
NOISY_CASES = (Case(1.0, 10.0), Case(1.0, 30.0), Case(1.0, 50.0), Case(2.0, 20.0))
"""Of networks that are told of noise."""


@dataclass(frozen=True, slots=True)
class ClipScore:
    """psnr_y in dB of one clip in one case."""

    clip: str
    case: Case
    vrinr: float
    bicubic: float
    lanczos: float

    @property
    def gain(self) -> float:
        """DB over the better of the two baselines."""
        return self.vrinr - max(self.bicubic, self.lanczos)


def luma(picture: Tensor) -> Tensor:
    """BT.601 luma in the MATLAB convention, 16..235: RGB (..., 3, H, W) in [0, 1] -> (..., H, W)."""
    weights = picture.new_tensor([65.481, 128.553, 24.966])
    return torch.einsum("...chw,c->...hw", picture, weights) + 16


def psnr_y(output: Tensor, target: Tensor, border: int) -> float:
    """PSNR of 8-bit rounded luma per frame, then the mean over frames: (T, 3, H, W) in [0, 1] -> dB."""
    inner = (..., slice(border, output.shape[-2] - border), slice(border, output.shape[-1] - border))
    difference = (luma(quantize(output)) - luma(quantize(target)))[inner]
    error = difference.square().mean(dim=(-2, -1)).clamp_min(1e-10)
    return float((10 * torch.log10(255**2 / error)).mean())


def crop_for(size: tuple[int, int], scale: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """LR size and HR crop such that the ratio is as near to the scale as whole pixels allow."""
    low = tuple(int(side / scale) for side in size)
    high = tuple(min(round(n * scale), side) for n, side in zip(low, size, strict=True))
    return (low[0], low[1]), (high[0], high[1])


@torch.no_grad()
def score_clip(
    restore: Callable[[Tensor, tuple[int, int]], Tensor], name: str, pixels: Pixels, case: Case, border: int
) -> ClipScore:
    """Score one clip (T, H, W, 3) in one case; `restore` takes LR (1, T, 3, h, w) and the HR size."""
    low, high = crop_for((pixels.shape[1], pixels.shape[2]), case.scale)
    target = to_unit(torch.from_numpy(pixels[None, :, : high[0], : high[1]]))
    source = bicubic_downscale(target, low)
    if case.sigma:
        source = add_gaussian(source, case.sigma, torch.Generator().manual_seed(0))
    ours = restore(source, high)[0].float()
    return ClipScore(
        name,
        case,
        psnr_y(ours, target[0], border),
        psnr_y(enlarge(source, high, BICUBIC)[0], target[0], border),
        psnr_y(enlarge(source, high, LANCZOS)[0], target[0], border),
    )


def score_model(
    model: VrInr,
    clips: Mapping[str, Pixels],
    cases: tuple[Case, ...],
    *,
    border: int = 4,
    pause: Callable[[], None] = lambda: None,
) -> list[ClipScore]:
    """Every clip in every case, by the whole-clip path, in float32; the network is told the true noise.

    Args:
        model: in eval mode.
        clips: by name, (T, H, W, 3) each.
        cases: what they are scored on.
        border: pixels left out on every side.
        pause: called before each clip; what it raises ends the scoring.
    """

    def restore(case: Case) -> Callable[[Tensor, tuple[int, int]], Tensor]:
        def of_case(source: Tensor, size: tuple[int, int]) -> Tensor:
            output: Tensor = model(source, size, white_noise(case.sigma))
            return output

        return of_case

    scores = []
    for case in cases:
        for name, pixels in clips.items():
            pause()
            scores.append(score_clip(restore(case), name, pixels, case, border))
    return scores
