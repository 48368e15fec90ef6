"""What a picture is worth beside its reference: each metric per frame, in the convention that published tables use.

All take 8-bit pictures, (T, 3, H, W) uint8 RGB, and give one number a frame (a pair of frames for `dtssd_y`), (T,)
float64. A clip's figure is the mean over its frames, a table's the mean over its clips. docs/benchmark.md says where
each convention comes from.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vrinr_cli.training.validate import luma

BORDER = 4
"""HR pixels on each side that psnr_y, ssim and dtssd_y leave out."""
SSIM_WINDOW = 11
"""Side of SSIM's window: the picture inside the border must not be smaller."""
MOST_PSNR = 148.13
"""Decibels of a frame that equals its reference (a squared error of 1e-10): JSON has no infinity."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The means over a clip's frames."""

    psnr_rgb: float
    """Decibels; 8-bit RGB, no border."""
    psnr_y: float
    """Decibels; BT.601 luma in the MATLAB convention, without the border."""
    ssim: float | None
    """At most 1; on the same luma. None where the picture is smaller than SSIM's window."""
    dtssd_y: float | None
    """8-bit codes, 0 is best; on the same luma. None where there is one frame only."""


def psnr_rgb(output: Tensor, target: Tensor) -> Tensor:
    """PSNR over all samples of a frame, peak 255, no border: 10 log10(255^2 / MSE), in dB."""
    return _psnr(output.double(), target.double(), dims=(1, 2, 3))


def psnr_y(output: Tensor, target: Tensor, *, border: int = BORDER) -> Tensor:
    """PSNR of BT.601 luma, MATLAB convention (16..235, not rounded), peak 255, without the border, in dB.

    Equal to `vrinr_cli.training.validate.psnr_y`, which needs no torchmetrics (tests/benchmark/test_metrics.py).
    """
    return _psnr(inner_luma(output, border), inner_luma(target, border), dims=(1, 2))


def ssim(output: Tensor, target: Tensor, *, border: int = BORDER) -> Tensor:
    """Structural similarity of luma (Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13), at most 1.

    Gaussian window of 11 with sigma 1.5, K1 = 0.01, K2 = 0.03, L = 255, mean over the places where the window lies
    within the picture, as the authors' MATLAB code does. In float32: within 2e-4 where the picture is flat, 1e-5
    elsewhere.

    Args:
        output: (T, 3, H, W) uint8.
        target: alike.
        border: pixels left out on each side, before the window.

    Raises:
        ValueError: the picture is smaller than the window.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure  # noqa: PLC0415 - an extra; slow

    pairs = (inner_luma(output, border).float()[:, None], inner_luma(target, border).float()[:, None])
    if min(pairs[0].shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"picture of {tuple(pairs[0].shape[-2:])}, SSIM's window is {SSIM_WINDOW}")
    _, places = structural_similarity_index_measure(
        *pairs, sigma=1.5, data_range=255.0, reduction="none", return_full_image=True
    )
    cut = SSIM_WINDOW // 2  # its own mean counts windows that hang over the edge too
    inside: Tensor = places[:, 0, cut:-cut, cut:-cut]
    return inside.double().mean(dim=(1, 2))


def dtssd_y(output: Tensor, target: Tensor, *, border: int = BORDER) -> Tensor:
    """How the output's change from frame to frame differs from the reference's, on luma, in 8-bit codes.

    dtSSD of Erofeev et al. (2015, BMVC) on luma, with the mean over pixels as matting benchmarks have it: for frames t
    and t + 1 the root of the mean of ((Y(t + 1) - Y(t)) - (Yr(t + 1) - Yr(t)))^2. An error that stays as it is counts
    nothing; one that is drawn anew in each frame with deviation s counts s times the root of 2: this is flicker.

    Returns:
        (T - 1,) float64.
    """
    error = inner_luma(output, border) - inner_luma(target, border)
    return (error[1:] - error[:-1]).square().mean(dim=(1, 2)).sqrt()


def inner_luma(frames: Tensor, border: int) -> Tensor:
    """BT.601 luma in the MATLAB convention without the border: (T, 3, H, W) uint8 -> (T, H', W') float64."""
    height, width = frames.shape[-2:]
    return luma(frames.double() / 255)[:, border : height - border, border : width - border]


class Meter:
    """The figures of one clip, frame by frame, so that no clip is held as a whole."""

    def __init__(self, border: int = BORDER) -> None:
        self.border = border
        self._before: tuple[Tensor, Tensor] | None = None
        self._seen: dict[str, list[float]] = {"psnr_rgb": [], "psnr_y": [], "ssim": [], "dtssd_y": []}

    def add(self, output: Tensor, target: Tensor) -> None:
        """One more frame, (3, H, W) uint8, and its reference."""
        pair = (output[None], target[None])
        seen = self._seen
        seen["psnr_rgb"] += psnr_rgb(*pair).tolist()
        seen["psnr_y"] += psnr_y(*pair, border=self.border).tolist()
        if min(output.shape[-2:]) - 2 * self.border >= SSIM_WINDOW:
            seen["ssim"] += ssim(*pair, border=self.border).tolist()
        if self._before is not None:
            both = [torch.stack(frames) for frames in zip(self._before, (output, target), strict=True)]
            seen["dtssd_y"] += dtssd_y(both[0], both[1], border=self.border).tolist()
        self._before = (output, target)

    def figures(self) -> Figures:
        """The means over the frames so far; there must be one."""
        means = {name: sum(values) / len(values) if values else None for name, values in self._seen.items()}
        rgb, y = means["psnr_rgb"], means["psnr_y"]
        if rgb is None or y is None:
            raise ValueError("no frame was measured")
        return Figures(rgb, y, means["ssim"], means["dtssd_y"])


def _psnr(output: Tensor, target: Tensor, *, dims: tuple[int, ...]) -> Tensor:
    from torchmetrics.functional.image import peak_signal_noise_ratio  # noqa: PLC0415 - an extra; slow to load

    found = peak_signal_noise_ratio(output, target, data_range=255.0, reduction="none", dim=dims)
    return found.double().clamp(max=MOST_PSNR)
