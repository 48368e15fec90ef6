"""Named ways to fit the paper's network to one clip: the network's shape and the recipe. Pure data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from vrinr_cli.errors import OptionError
from vrinr_cli.model.clip_config import ClipConfig, dense_for_clip, for_clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the network learns. One that exists is valid."""

    loss: Literal["pea", "mse"] = "pea"
    """The paper's loss, Eq. (12) to (16), or the squared error."""
    table_rate: float = 1e-2
    """Learning rate of the tables."""
    rate: float = 1e-3
    """Learning rate of the networks."""
    flat_share: float = 0.4
    """Share of the fit with constant rates; then they fall exponentially."""
    last_rate: float = 0.02
    """Rates at the end over rates at the beginning."""
    rate_weight: float = 0.0
    """lambda: what a bit of the tables' file, for each pixel of the clip, costs in squared error."""
    lossless_share: float = 0.0
    """Bytes of the file over those of the lossless clip, towards which lambda is turned; 0 leaves lambda as it is."""
    batch: int = 8192
    """Queries a step, drawn without replacement."""
    points: int = 2048
    """Queries at once within a step: what fits in a processor's cache."""

    def __post_init__(self) -> None:
        rates = (self.table_rate, self.rate, self.last_rate)
        if self.loss not in ("pea", "mse") or any(not 0 < rate <= 1 for rate in rates):
            raise OptionError(f"loss {self.loss!r}, rates {rates}", hint="pea or mse, rates between 0 and 1")
        if not 0 <= self.lossless_share < 1 or self.rate_weight < 0:
            raise OptionError(f"lossless share {self.lossless_share}", hint="below 1")
        if not 0 <= self.flat_share <= 1 or self.batch < 1 or self.points < 1:
            raise OptionError(
                f"flat share {self.flat_share}, batch {self.batch}, {self.points} points", hint="1 or more"
            )

    def factor(self, share: float) -> float:
        """Rates at a progress of 0 to 1, over those at the beginning."""
        if share <= self.flat_share:
            return 1.0
        return float(self.last_rate ** ((share - self.flat_share) / (1 - self.flat_share)))


@dataclass(frozen=True, slots=True)
class Preset:
    """A named shape and recipe."""

    shape: Callable[[tuple[int, int], int], ClipConfig]
    """From (H, W) of the HR frames and their number T."""
    recipe: Recipe = field(default_factory=Recipe)
    epochs: float = 12.0
    """Passes over all pixels."""


def _paper(size: tuple[int, int], frames: int) -> ClipConfig:
    return for_clip(size, frames)


def _best(size: tuple[int, int], frames: int) -> ClipConfig:
    return for_clip(size, frames, entries_per_px=4.0)


def _small(size: tuple[int, int], frames: int) -> ClipConfig:
    return dense_for_clip(size, frames, cells_per_px=(1.0, 0.5, 0.25), features=4, table_step=0.05)


PRESETS: dict[str, Preset] = {
    "paper": Preset(_paper),
    "best": Preset(_best, Recipe(loss="mse"), epochs=30.0),
    "small": Preset(
        _small, Recipe(loss="mse", rate=2e-3, rate_weight=1e-4, lossless_share=0.9, points=4096), epochs=100.0
    ),
}


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        OptionError: there is none.
    """
    if name not in PRESETS:
        raise OptionError(f"preset {name!r}", hint=f"choose {', '.join(PRESETS)}")
    return PRESETS[name]
