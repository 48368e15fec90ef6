"""VR-INR put together: base, trunk, texture levels, attention, query.

Symbols: F_l the trunk's slice for level l; xi the texture code, Eq. (2); v^l a level's features, Eq. (7);
z what the query reads, Eq. (10) with the trunk's own features beside it.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vrinr_cli.model.attention import LevelGate, refine
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.hash_grid import TextureTable
from vrinr_cli.model.phases import Phases
from vrinr_cli.model.query import AxisBlock, Query
from vrinr_cli.model.resample import Axis, Kernel, enlarge
from vrinr_cli.model.source import sigma_codes, trunk_axis
from vrinr_cli.model.texture import TextureCode
from vrinr_cli.model.trunk import Trunk

DISTRUST = 0.15
"""Of the residual beyond the scales of training (docs/decisions/0022)."""


class VrInr(nn.Module):
    """One network for every scale."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.base = Kernel("keys", config.base_kernel)
        levels = range(len(config.level_widths))
        width = config.slice_features + config.table_features
        self.trunk = Trunk(config)
        keyed = levels if config.table_features else ()
        self.codes = nn.ModuleList(TextureCode(config.channels, config.level_widths[n]) for n in keyed)
        self.tables = nn.ModuleList(TextureTable(config.table_cells[n], config.table_features) for n in keyed)
        self.slices = nn.Conv2d(config.channels, config.slice_features * len(levels), 1)
        gated = levels[:-1] if config.gate_units else ()
        self.gates = nn.ModuleList(LevelGate(width, config.gate_units) for _ in gated)
        self.around = nn.Conv2d(config.channels, width * len(levels), 3, padding=1)
        self.query = Query(width * len(levels), config)

    def scale_input(self, height: Axis, width: Axis) -> Tensor:
        """What the trunk is told of the scale: log2 per axis, clamped to what training saw, (2,)."""
        low, high = self.config.scales
        logs = [math.log2(min(max(axis.scale, low), high)) for axis in (height, width)]
        return self.trunk.stem.weight.new_tensor(logs, dtype=torch.float32)

    def code(self, features: Tensor) -> Tensor:
        """Trunk features (N, C, h, w) -> z, (N, Z, h, w)."""
        codes = [cast(TextureCode, code) for code in self.codes]
        slices, *projected = _at_once(features, [self.slices, *(code.project for code in codes)])
        levels = list(slices.chunk(len(self.config.level_widths), dim=1))
        for number, (code, table, own) in enumerate(zip(codes, self.tables, projected, strict=True)):
            entries = table(code.of_projected(own))
            levels[number] = torch.cat([levels[number], entries.to(slices.dtype)], dim=1)
        together = refine(levels, list(self.gates)) if self.gates else torch.cat(levels, dim=1)
        around: Tensor = self.around(features)
        return together + around

    def residual(self, code: Tensor, rows: list[AxisBlock], columns: list[AxisBlock], gain: float) -> Tensor:
        """What the base lacks at a tile's target pixels: (N, 3, H, W)."""
        out: Tensor = self.query(code, rows, columns)
        return out * gain

    def forward(self, clip: Tensor, size: tuple[int, int], noise: Tensor | None = None) -> Tensor:
        """A whole clip without tiles: the reference for every faster way, and the training path.

        Args:
            clip: LR frames in [0, 1], (B, T, 3, h, w).
            size: (H, W), at least (h, w).
            noise: of each clip, (B, 3, 2), see `source`; None is none. Networks without `noise_input` ignore it.

        Returns:
            (B, T, 3, H, W); not clamped.
        """
        axes = Axis(clip.shape[-2], size[0]), Axis(clip.shape[-1], size[1])
        seen = mirrors(1 if self.training else self.config.orientations)
        answers = [self._answer(clip.flip(dims), axes, noise).flip(dims) for dims in seen]
        residual = sum(answers[1:], answers[0]) / len(answers)
        base = enlarge(clip, size, self.base)
        return base + residual.reshape(base.shape) * self.gain(*axes, noise)

    def _answer(self, clip: Tensor, axes: tuple[Axis, Axis], noise: Tensor | None) -> Tensor:
        """The residual of a clip as it is turned: (B T, 3, H, W)."""
        size = axes[0].target, axes[1].target
        code = self.code(self.trunk(clip, self.scale_input(*axes), noise).flatten(0, 1))
        height, width = (trunk_axis(axis, self.config.fold) for axis in axes)
        whole = whole_scales(height, width)
        if whole is not None:
            return Phases.of(self.query, *whole)(code)[..., : size[0], : size[1]]
        rows = self.query.basis.blocks(height, 0, size[0], 0, height.source)
        columns = self.query.basis.blocks(width, 0, size[1], 0, width.source)
        answer: Tensor = self.query(code, rows, columns)
        return answer

    def gain(self, height: Axis, width: Axis, noise: Tensor | None) -> Tensor | float:
        """How much of the residual counts, of each clip: (B, 1, 1, 1, 1), or one number where no noise is told."""
        beyond = beyond_gain(height, width, self.config.scales[1])
        if noise is None or not self.config.noise_input:
            return residual_gain(height, width) * beyond
        return (1 - (1 - residual_gain(height, width)) / (1 + sigma_codes(noise)[:, None, None, None, None])) * beyond


def mirrors(orientations: int) -> tuple[tuple[int, ...], ...]:
    """The axes that are mirrored in each orientation: none first, then the width, the height, both."""
    return ((), (-1,), (-2,), (-2, -1))[:orientations]


def whole_scales(height: Axis, width: Axis) -> tuple[int, int] | None:
    """Target pixels per pixel of the trunk along both axes; None where one of them is no whole number."""
    if height.exact_scale.denominator > 1 or width.exact_scale.denominator > 1:
        return None
    return height.exact_scale.numerator, width.exact_scale.numerator


def _at_once(features: Tensor, layers: list[nn.Conv2d]) -> list[Tensor]:
    """What several 1x1 convolutions give of the same features, which are read once."""
    weight = torch.cat([layer.weight for layer in layers])
    bias = torch.cat([layer.bias for layer in layers if layer.bias is not None])
    together: Tensor = functional.conv2d(features, weight, bias)
    return list(together.split([layer.out_channels for layer in layers], dim=1))


def beyond_gain(height: Axis, width: Axis, largest: float) -> float:
    """How much of the residual counts at scales that training has not seen: less, the further beyond them.

    1 up to the largest scale of training, then its ratio to the scale, to the power of `DISTRUST`.
    """
    scale = math.sqrt(height.scale * width.scale)
    return float(min(largest / scale, 1.0) ** DISTRUST)


def residual_gain(height: Axis, width: Axis) -> float:
    """How much of the residual counts: 0 where nothing is enlarged, towards 1 with the area.

    A clean source at scale 1 is its own answer, whatever the network says of it.
    """
    return 1 - (height.source * width.source) / (height.target * width.target)
