"""Small networks whose weights all do something: a new network's zeros would hide most faults."""

import math

import torch
from torch import Tensor

from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.network import VrInr

TINY = ModelConfig(
    channels=10,
    residual_blocks=1,
    mixed_channels=4,
    shifts=(1, 2),
    level_widths=(1, 3),
    table_cells=(3, 4),
    table_features=2,
    slice_features=2,
    gate_units=3,
    query_basis=2,
    query_units=4,
)
"""Context 3, halo 10."""


def seeded(
    config: ModelConfig = TINY, *, seed: int = 0, dtype: torch.dtype = torch.float64, strength: float = 1.0
) -> VrInr:
    """A network with random numbers of a natural size in every tensor.

    Args:
        config: its shape.
        seed: decides the numbers.
        dtype: of all tensors.
        strength: factor of the color decoder, so of the whole residual.
    """
    model = VrInr(config)
    generator = torch.Generator().manual_seed(seed)
    for tensor in model.state_dict().values():
        fan_in = math.prod(tensor.shape[1:]) if tensor.dim() in (2, 4) and tensor.shape[0] > 1 else 16
        spread = 1.0 if tensor.dim() == 4 and tensor.shape[1] == tensor.shape[2] == tensor.shape[3] else fan_in**-0.5
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * spread)
    for tensor in model.query.color.state_dict().values():
        tensor.mul_(strength)
    return model.to(dtype).eval().requires_grad_(False)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Numbers in [0, 1)."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)
