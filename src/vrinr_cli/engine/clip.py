"""A network that was fitted to one clip, asked for that clip's frames: Eq. (17) of the paper."""

import torch
from torch import Tensor

from vrinr_cli.model.clip_network import ClipNetwork, frame_times
from vrinr_cli.model.resample import BICUBIC, enlarge


class ClipRenderer:
    """Frames of one job. The network stays in float32: its tables hold colors, which bf16 would round."""

    def __init__(self, network: ClipNetwork, size: tuple[int, int], device: torch.device) -> None:
        """Move the network to its device.

        Args:
            network: the fitted network.
            size: (H, W) of the target.
            device: where it computes.
        """
        self.network = network.to(device)
        self.size = size
        self.times = frame_times(network.config.frames, like=torch.zeros(1, device=device))

    def residual(self, picture: Tensor, index: int) -> Tensor:
        """What the resized frame lacks.

        Args:
            picture: the source frame, RGB (3, h, w) in [0, 1].
            index: number of the frame within the source; before and after the fitted clip the nearest of its frames
                answers.

        Returns:
            (3, H, W), to be added to the resized frame.
        """
        place = min(max(index - self.network.first, 0), len(self.times) - 1)
        base = enlarge(picture, self.size, BICUBIC)
        return self.network.render(base.clamp(0, 1), float(self.times[place])) - base
