"""Losses: functions of two images, giving one number."""

import torch
from torch import Tensor


def charbonnier(output: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean sqrt((output - target)^2 + epsilon^2): L1 with a round bottom (Charbonnier et al. 1994)."""
    return torch.sqrt((output - target).square() + epsilon**2).mean()


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error."""
    return (output - target).square().mean()


PEA_TAU = 0.01
PEA_EPSILON = 0.005
PEA_DELTA = 0.001
PEA_ALPHA = 5.0


def pea(output: Tensor, target: Tensor) -> Tensor:
    """The paper's pixel-error amplified loss, Eq. (12) to (16).

    L_pixel is the squared error averaged over a pixel's channels (12); M = 1 where L_pixel > tau (13), found anew at
    every step; L_masked = mean(L_pixel M) (14); L_boost = L_pixel + delta 1(L_pixel < epsilon) (15);
    L_PEA = L_masked + alpha mean(L_boost) (16). Indicators have no gradient, so the gradient is (M + alpha) times that
    of the squared error: delta changes the value alone.

    Args:
        output: (..., 3) in [0, 1], channels last.
        target: the same shape.
    """
    error = (output - target).square().mean(dim=-1)
    known = error.detach()
    masked = (error * (known > PEA_TAU)).mean()
    boost = error + PEA_DELTA * (known < PEA_EPSILON).to(error)
    return masked + PEA_ALPHA * boost.mean()
