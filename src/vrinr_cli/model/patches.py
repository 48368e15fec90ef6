"""Local patches of the resized frame around a query, level by level: Eq. (1).

P^l = I(r^l): side^2 samples, `spacing` pixels apart, of the frame blurred by the level's Gaussian; coarser level =
larger area. Beyond the border the outermost pixel is repeated.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from vrinr_cli.model.clip_config import ClipConfig


def blurred(frames: Tensor, sigma_px: float) -> Tensor:
    """Frames (T, 3, H, W) convolved with a Gaussian cut at 3 sigma; sigma 0 gives them as they are."""
    radius = int(3 * sigma_px + 0.5)
    if radius == 0:
        return frames
    taps = [math.exp(-0.5 * (n / sigma_px) ** 2) for n in range(radius + 1)]
    whole = taps[0] + 2 * sum(taps[1:])
    taps = [tap / whole for tap in taps]
    padded = functional.pad(frames, (radius,) * 4, mode="replicate")
    return _weighed(_weighed(padded, taps, axis=-1), taps, axis=-2)


def _weighed(frames: Tensor, taps: list[float], *, axis: int) -> Tensor:
    """The symmetric kernel taps[0] in the middle, taps[n] at n pixels, where it fits: shorter by 2 (len(taps) - 1)."""
    radius = len(taps) - 1
    kept = frames.shape[axis] - 2 * radius
    total = frames.narrow(axis, radius, kept) * taps[0]
    for distance, tap in enumerate(taps[1:], 1):
        for start in (radius - distance, radius + distance):
            total.add_(frames.narrow(axis, start, kept), alpha=tap)
    return total


class PatchLevel:
    """One level's patches of some frames, ready to be read at any pixels."""

    def __init__(self, frames: Tensor, *, side: int, spacing_px: int, sigma_px: float) -> None:
        """Blur and pad.

        Args:
            frames: resized frames (T, 3, H, W) in [0, 1].
            side: samples along a patch's side, odd.
            spacing_px: pixels from a sample to the next.
            sigma_px: of the Gaussian; 0 is none.
        """
        self.side, self.spacing_px = side, spacing_px
        margin = side // 2 * spacing_px
        padded = functional.pad(blurred(frames, sigma_px), (margin,) * 4, mode="replicate")
        count, channels, self.height, self.width = padded.shape
        self.samples = (2 * padded - 1).permute(0, 2, 3, 1).reshape(-1, channels).contiguous()  # (T H' W', 3)
        steps = torch.arange(side, device=frames.device) * spacing_px
        self.offsets = (steps[:, None] * self.width + steps).flatten()  # (side^2,), row by row
        self.frames = count

    def read(self, frame: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """Patches around pixels, each index (N,) long -> (N, 3 side^2) in [-1, 1], RGB of a sample side by side."""
        corner = (frame * self.height + row) * self.width + column
        places = corner[:, None] + self.offsets
        return self.samples.index_select(0, places.flatten()).reshape(len(corner), -1)

    def picture(self, frame: int = 0) -> Tensor:
        """A frame that patches are read from, with its margin: (1, 3, H', W') in [-1, 1], channels last."""
        return self.samples.view(self.frames, self.height, self.width, -1)[frame : frame + 1].permute(0, 3, 1, 2)


def patch_levels(frames: Tensor, config: ClipConfig) -> list[PatchLevel]:
    """Every level's patches of resized frames (T, 3, H, W) in [0, 1], finest first.

    Spacing and blur are given in pixels of the size that the network was fitted at; at another size they grow with
    it, so that a patch covers the same part of the picture; beyond the picture's longer side they grow no more.
    """
    ratio, longest = frames.shape[-2] / config.size[0], max(frames.shape[-2:])
    return [
        PatchLevel(
            frames,
            side=side,
            spacing_px=min(max(round(spacing * ratio), 1), longest),
            sigma_px=min(sigma * ratio, longest / 3),
        )
        for side, spacing, sigma in zip(config.patch_sides, config.patch_spacing_px, config.patch_blur_px, strict=True)
    ]
