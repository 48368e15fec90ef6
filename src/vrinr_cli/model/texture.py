"""Texture codes: Eq. (1) and (2), per level.

Differs from the paper: the code of a level is read from the trunk's features, averaged over a box that grows
from level to level, instead of from patches of the resized frame (docs/decisions/0003). It stays three numbers
in [-1, 1] per level (F = 3).
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
        projected: Tensor = self.project(features)
        if self.width > 1:
            projected = functional.avg_pool2d(
                projected, self.width, stride=1, padding=self.width // 2, count_include_pad=False
            )
        return torch.tanh(projected)
