"""Texture codes: Eq. (1) and (2), per level: three numbers in [-1, 1] (F = 3).

`PatchCode` reads them from patches of the resized frame, as the paper does. `TextureCode` of the general network
differs from the paper: the code is read from the trunk's features, averaged over a box that grows from level to
level (docs/decisions/0003).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

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
        if self.width > 1:
            reach = self.width // 2
            for size, padding in (((self.width, 1), (reach, 0)), ((1, self.width), (0, reach))):
                planes = functional.avg_pool2d(planes, size, stride=1, padding=padding, count_include_pad=False)
        return torch.tanh(planes)


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
