"""A larger network that begins as a smaller one: the same function, with room to learn more.

After Chen, Goodfellow, Shlens, "Net2Net: accelerating learning via knowledge transfer", ICLR 2016, but exact: what is
new begins with no effect on what was there.
"""

import torch
from torch import Tensor

from vrinr_cli.errors import OptionError
from vrinr_cli.model import checkpoint
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.network import VrInr
from vrinr_cli.record import to_plain

GROWING = ("channels", "residual_blocks", "averaged_frames", "orientations")
"""Fields that may be larger than in the network that is grown; all others are as they were."""
CONVOLUTION = "trunk.convolutions."


def grown(small: VrInr, config: ModelConfig, *, seed: int) -> VrInr:
    """A network of a larger config that computes what the small one does, in each of its orientations.

    New channels come after the old ones, and nothing old reads them yet. New residual pairs come before the closing
    convolution and begin as the identity. The context grows by two frames a pair. Means are not read yet either.

    Args:
        small: the network to begin as.
        config: larger in some of `GROWING`, else equal.
        seed: decides the new weights.

    Raises:
        OptionError: the config differs in another field, or is smaller.
    """
    _check(small.config, config)
    model = checkpoint.initial(config, seed)
    state = model.state_dict()
    for name, old in small.state_dict().items():
        _place(state[_new_name(name, small.config, config)], old.to(torch.float32), name, small.config)
    return model


def _check(old: ModelConfig, new: ModelConfig) -> None:
    before, after = to_plain(old), to_plain(new)
    differing = [name for name in after if after[name] != before[name] and name not in GROWING]
    if differing:
        raise OptionError(
            f"{', '.join(differing)} cannot change in a network that starts from weights",
            hint=f"change {', '.join(GROWING[:-1])} or {GROWING[-1]}, or leave out --weights",
        )
    shrinking = [name for name in GROWING if after[name] < before[name]]
    if shrinking:
        name = shrinking[0]
        raise OptionError(
            f"{name} is {after[name]}, and the weights have {before[name]}", hint="a network can only grow"
        )


def _new_name(name: str, old: ModelConfig, new: ModelConfig) -> str:
    """The closing convolution stays the last one."""
    closing = f"{CONVOLUTION}{old.convolutions - 1}."
    if name.startswith(closing):
        return f"{CONVOLUTION}{new.convolutions - 1}.{name.removeprefix(closing)}"
    return name


def _place(new: Tensor, old: Tensor, name: str, config: ModelConfig) -> None:
    """Write an old weight into a new one; its outputs do not read new inputs."""
    if name.startswith("trunk.scale_units.2."):  # gains of all channels, then offsets of all
        count = config.channels
        for number, part in enumerate(new.chunk(2)):
            part[:count] = old[number * count : (number + 1) * count]
        return
    if new.dim() == old.dim() == 4 and new.shape[1] > old.shape[1]:
        new[: old.shape[0]] = 0
    new[tuple(slice(side) for side in old.shape)] = old
