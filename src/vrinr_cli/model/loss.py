"""Losses: functions of two images, giving one number."""

import torch
from torch import Tensor


def charbonnier(output: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean sqrt((output - target)^2 + epsilon^2): L1 with a round bottom (Charbonnier et al. 1994)."""
    return torch.sqrt((output - target).square() + epsilon**2).mean()


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error."""
    return (output - target).square().mean()
