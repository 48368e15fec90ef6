"""Texture codes: Eq. (1) and (2), per level: three numbers in [-1, 1] (F = 3).

`PatchCode` reads them from patches of the resized frame, as the paper does. `TextureCode` of the general network
differs from the paper: the code is read from the trunk's features, averaged over a box that grows from level to
level (docs/decisions/0003).
"""

import torch
from torch import Tensor, nn

CODE_LENGTH = 3  # F of the paper


class TextureCode(nn.Module):
    """xi_1, xi_2, xi_3 of one level at every LR pixel."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, CODE_LENGTH, 1)
        self.width = width

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, C, h, w) -> codes (N, 3, h, w) in (-1, 1).

        The box is cut at the picture's border, so that a code there is an average of real pixels only.
        """
        return self.of_projected(self.project(features))

    def of_projected(self, projected: Tensor) -> Tensor:
        """What `project` gives -> codes, both (N, 3, h, w)."""
        planes = projected.contiguous(memory_format=torch.contiguous_format)  # so few channels are averaged faster so
        for axis in (-2, -1) if self.width > 1 else ():
            planes = _box_mean(planes, self.width // 2, axis)
        return torch.tanh(planes).to(projected.dtype)


def _box_mean(planes: Tensor, reach: int, axis: int) -> Tensor:
    """The mean over 2 reach + 1 samples along an axis, fewer at the border; at least float32."""
    length = planes.shape[axis]
    wide = planes.to(torch.promote_types(planes.dtype, torch.float32))
    total = wide.clone()
    for distance in range(1, min(reach, length - 1) + 1):
        kept = length - distance
        total.narrow(axis, 0, kept).add_(wide.narrow(axis, distance, kept))
        total.narrow(axis, distance, kept).add_(wide.narrow(axis, 0, kept))
    places = torch.arange(length, device=planes.device)
    counted = (places + reach).clamp_max(length - 1) - (places - reach).clamp_min(0) + 1
    mean: Tensor = total / counted.to(total).unflatten(0, (-1, 1) if axis == -2 else (1, -1))
    return mean


class PatchCode(nn.Module):
    """T^l = tanh(c G_T^l(P^l)) of one level, Eq. (2).

    c = `scale` is 1 in print. It scales the last layer's output, so any c > 0 gives the same family of functions; a
    small one begins with small codes and learns them slowly (docs/decisions/0014). 0 holds the code at zero.
    """

    def __init__(self, samples: int, units: int, scale: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(samples, units), nn.ReLU(), nn.Linear(units, CODE_LENGTH))
        self.scale = scale

    def forward(self, patches: Tensor) -> Tensor:
        """Flattened patches (N, samples) in [-1, 1] -> codes (N, 3) in [-1, 1]."""
        if self.scale == 0:
            return patches.new_zeros(len(patches), CODE_LENGTH)
        return torch.tanh(self.scale * self.layers(patches))
