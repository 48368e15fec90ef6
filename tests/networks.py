"""Small networks whose weights all do something: a new network's zeros would hide most faults."""

import math

import torch
from torch import Tensor

from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.clip_network import ClipNetwork
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

CLIP = ClipConfig(
    size=(6, 8),
    frames=3,
    cells_per_px=(1.0, 0.75, 0.5),
    entries=(64, 128, 1024),
    features=2,
    patch_sides=(3, 3, 5),
    patch_spacing_px=(1, 2, 2),
    patch_blur_px=(0.0, 0.7, 1.0),
    code_scale=1.0,
    units=5,
)
"""The paper's network with three levels: two tables are far too small for their grids, the coarsest is dense."""


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


def seeded_clip(config: ClipConfig = CLIP, *, seed: int = 0) -> ClipNetwork:
    """The paper's network with random numbers of a natural size in every tensor, float64, without gradients."""
    network = ClipNetwork(config).double().eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        spread = 1.0 if name.endswith("table") or tensor.dim() == 1 else tensor.shape[1] ** -0.5
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * spread)
    return network


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Numbers in [0, 1)."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)
