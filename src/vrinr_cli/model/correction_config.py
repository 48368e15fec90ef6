"""What a correction of the general weights is made for. Pure data: torch is not needed to read it."""

from dataclasses import dataclass
from typing import Literal

from vrinr_cli.model.config import ModelConfig

Coding = Literal["lzma2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionConfig:
    """A small file that turns one checkpoint of the general network into one for a certain clip."""

    network: ModelConfig
    """The network that it corrects."""
    base: str
    """sha256 of the checkpoint that it corrects, as its header has it."""
    coding: Coding = "lzma2"
    """How whole numbers become bytes; `model.correction` has the layout."""

    @property
    def context(self) -> int:
        """Frames on either side that one frame's result depends on."""
        return self.network.context
