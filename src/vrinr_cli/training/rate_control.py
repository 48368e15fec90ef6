"""How many bytes the tables of a fit may take, kept by what a bit costs in the loss.

With one lambda the share of the lossless size differs from clip to clip (docs/decisions/0017). So lambda follows the
coded size while the fit goes on.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vrinr_cli.errors import OptionError
from vrinr_cli.model import correction
from vrinr_cli.model.clip_checkpoint import levels_of
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.training.clip_presets import Recipe
from vrinr_cli.training.corpus import Pixels
from vrinr_cli.training.lossless import ffv1_bytes

HEADER_BYTES = 2048
"""Of the file, for all but tables and networks."""
TURNS = 32
"""How often lambda is set during a fit, at equal shares of it."""
LARGEST_TURN = 1.5
"""By which lambda is raised or lowered at most at a time."""
LEAST_WEIGHT, LARGEST_WEIGHT = 1e-9, 1e-1
"""Of lambda."""


def budget_of(config: ClipConfig, recipe: Recipe, pixels: Pixels) -> int:
    """Bytes that a fit's file aims at, by its recipe: a share of the lossless clip.

    Args:
        config: shape of the network.
        recipe: of the fit.
        pixels: HR frames, (T, H, W, 3) uint8.

    Returns:
        The bytes; 0, no aim, where the recipe has none or the networks alone take half of it.
    """
    if not recipe.lossless_share:
        return 0
    budget = round(recipe.lossless_share * ffv1_bytes(pixels))
    with torch.device("meta"):  # shapes only
        return budget if bytes_without_tables(ClipNetwork(config)) < budget / 2 else 0


def bytes_without_tables(network: ClipNetwork) -> int:
    """Of a file whose tables are coded: networks as float16, and the header."""
    state = network.state_dict().items()
    numbers = sum(value.numel() for name, value in state if not name.endswith(".table"))
    return HEADER_BYTES + 2 * int(numbers)


class RateControl:
    """lambda, and the bytes that it aims at."""

    def __init__(self, weight: float, network: ClipNetwork, budget: int) -> None:
        """Begin.

        Args:
            weight: lambda at the beginning, squared error a bit and pixel.
            network: whose file is aimed at.
            budget: bytes of that file; 0 leaves lambda as it is.

        Raises:
            OptionError: the networks alone take more.
        """
        self.weight, self.budget, self.turn = weight, budget, 0
        others = bytes_without_tables(network)
        self.room = budget - others
        if budget and self.room <= 0:
            raise OptionError(
                f"a budget of {budget} bytes holds no tables", hint=f"choose {others + HEADER_BYTES} or more"
            )

    def follow(self, tables: Sequence[Tensor], step: float, share: float) -> None:
        """Set lambda anew if it is time.

        Args:
            tables: entries (V, D).
            step: to whole multiples of which they will be rounded.
            share: of the fit, 0 to 1.
        """
        turn = int(share * TURNS)
        if not self.budget or turn <= self.turn:
            return
        self.turn = turn
        coded = correction.pack({str(n): levels_of(table, step) for n, table in enumerate(tables)})
        ratio = min(max(len(coded) / self.room, 1 / LARGEST_TURN), LARGEST_TURN)
        self.weight = min(max(self.weight * ratio, LEAST_WEIGHT), LARGEST_WEIGHT)

    def state(self) -> Tensor:
        """What a resume needs, (2,) float64."""
        return torch.tensor([self.weight, self.turn], dtype=torch.float64)

    def load_state(self, state: Tensor) -> None:
        """Go on where `state` was taken."""
        self.weight, self.turn = float(state[0]), int(state[1])
