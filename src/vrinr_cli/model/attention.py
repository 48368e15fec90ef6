"""Top-down attention, Eq. (8) and (9): a coarse level decides how much each feature of the next finer one counts."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class LevelGate(nn.Module):
    """G_att of one level: two 1x1 layers and a sigmoid.

    Differs from the paper: the sigmoid, which keeps a gate between 0 and 2 with 1 at the start; the paper names
    no activation.
    """

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(features, units, 1), nn.ReLU(), nn.Conv2d(units, features, 1))

    def forward(self, coarser: Tensor) -> Tensor:
        """Refined features of level l + 1, (N, D, h, w) -> weights of level l, the same shape."""
        return 2 * torch.sigmoid(self.layers(coarser))


def refine(levels: Sequence[Tensor], gates: Sequence[nn.Module]) -> Tensor:
    """All levels refined from coarse to fine and concatenated, Eq. (10).

    Args:
        levels: features per level, finest first, each (N, D, h, w). The coarsest stays as it is.
        gates: the gate of every level but the coarsest, finest first.

    Returns:
        (N, L D, h, w).
    """
    refined = [levels[-1]]
    for features, gate in zip(reversed(levels[:-1]), reversed(gates), strict=True):
        refined.insert(0, features * gate(refined[0]))
    return torch.cat(refined, dim=1)


class PointGate(nn.Module):
    """G_att of one level at single points, Eq. (8): a two-layer MLP; as printed, without an activation at its end.

    Anchored, it gives 1 + G_att with a last layer of zeros, so that it begins as no attention at all.
    """

    def __init__(self, features: int, units: int, *, anchored: bool) -> None:
        super().__init__()
        last = nn.Linear(units, features)
        if anchored:
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(features, units), nn.ReLU(), last)
        self.anchor = 1.0 if anchored else 0.0

    def forward(self, coarser: Tensor) -> Tensor:
        """Refined features of level l + 1, (N, D) -> weights of level l, (N, D)."""
        gate: Tensor = self.layers(coarser)
        return gate + self.anchor if self.anchor else gate
