"""A network laid out for a processor: the same function, its mixed channels as long as machine words.

Channels that come from the frames beside (`trunk.TimeMix`) are copied pixel by pixel. Where those of one neighbour fill
4, 8 or 16 bytes, each copy is one word; channels of zeros fill them up. They cost nothing where the processor computes
as many channels anyway: convolutions work on blocks of 32.
"""

from dataclasses import replace

import torch
from torch import Tensor

from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.matching import WORDS
from vrinr_cli.model.network import VrInr

BLOCK = 32
"""Channels that convolutions compute together."""


def aligned(model: VrInr, itemsize: int) -> VrInr:
    """The network with longer rows of channels, or itself where that helps nothing.

    Args:
        model: of any precision.
        itemsize: bytes of a feature in the precision that it will work in.

    Returns:
        A network of its own, or `model`; for evaluation: its zeros would learn.
    """
    config = model.config
    mixed = next((size // itemsize for size in sorted(WORDS) if size >= config.mixed_channels * itemsize), 0)
    if not config.match_reach or not config.mixed_channels or not mixed:
        return model
    kept = config.channels - 2 * config.mixed_channels
    channels = 2 * mixed + -(-kept // mixed) * mixed
    if channels == config.channels or -(-channels // BLOCK) > -(-config.channels // BLOCK):
        return model
    return _placed(model, replace(config, channels=channels, mixed_channels=mixed))


def _placed(model: VrInr, config: ModelConfig) -> VrInr:
    mixed, kept = model.config.mixed_channels, 2 * model.config.mixed_channels
    channel = torch.arange(model.config.channels)  # where each old one stands
    channel[mixed:] += config.mixed_channels - mixed
    channel[kept:] += config.mixed_channels - mixed

    def spread(tensor: Tensor, axis: int) -> Tensor:
        shape = [*tensor.shape[:axis], config.channels, *tensor.shape[axis + 1 :]]
        return tensor.new_zeros(shape).index_copy_(axis, channel.to(tensor.device), tensor)

    def longer(name: str, old: Tensor) -> Tensor:
        if name.startswith("trunk.scale_units.2."):  # gains of all channels, then offsets of all
            return torch.cat([spread(part, 0) for part in old.chunk(2)])
        if name.startswith("trunk.stem.") or (name.startswith("trunk.convolutions.") and old.dim() == 1):
            return spread(old, 0)
        if name.startswith("trunk.convolutions."):
            return spread(spread(old, 0), 1)
        is_reader = name in {"slices.weight", "around.weight"} or (name.startswith("codes.") and old.dim() > 1)
        return spread(old, 1) if is_reader else old.clone()

    with torch.device("meta"):
        wide = VrInr(config)
    with torch.no_grad():
        state = {name: longer(name, old) for name, old in model.state_dict().items()}
    wide.load_state_dict(state, assign=True)
    return wide.eval().requires_grad_(False)
