"""Every architectural choice as one named field. Pure data: torch is not needed to read it."""

import math
from dataclasses import dataclass, field

from vrinr_cli.errors import OptionError

PATCH_REACH = 2
"""Matches are found by patches of 5x5 pixels."""
AVERAGES = 2
"""Means of each frame and those around it, a strict and a lax one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The shape of one VR-INR network. The shipped presets are values of this class, not subclasses."""

    channels: int = 56
    """Width of the trunk at LR resolution."""
    residual_blocks: int = 4
    """Pairs of 3x3 convolutions in the trunk; one more convolution closes it."""
    mixed_channels: int = 7
    """Channels that each convolution takes from the frame before, and as many from the frame after."""
    shifts: tuple[int, ...] = (2, 4)
    """LR pixels by which the moved part of the mixed channels is shifted; convolutions take turns."""
    match_reach: int = 0
    """LR pixels within which each pixel looks for its like in the frames beside it, and takes its mixed channels from
    there; 0 looks nowhere: parts of the mixed channels are moved by `shifts`."""
    fold: int = 1
    """Source pixels per pixel of the trunk along each axis. Lengths in LR pixels are then those of the trunk's grid."""
    noise_input: bool = False
    """Whether the network is told how noisy the source is; then it works at scale 1 too."""
    averaged_frames: int = 0
    """Frames on either side that the trunk reads means of, along motion, where it is told the noise; 0 is none."""
    level_widths: tuple[int, ...] = (1, 3, 7)
    """Texture levels, finest first: side in LR pixels of the box that a level's code averages over."""
    table_cells: tuple[int, ...] = (16, 12, 8)
    """Grid points per texture dimension of each level's table, finest first."""
    table_features: int = 8
    """D, the length of one table entry; 0 is no tables."""
    slice_features: int = 8
    """Features of the trunk that stand beside each level's table entry."""
    gate_units: int = 32
    """Hidden units of the attention from a level to the next finer one; 0 is no attention."""
    query_basis: int = 4
    """Position functions per axis of the continuous query."""
    query_units: int = 16
    """Hidden units of the color decoder."""
    base_kernel: float = -0.75
    """Keys' parameter a of the bicubic base; -0.75 is torch's, -0.5 MATLAB's."""
    orientations: int = 1
    """In how many mirrored ways the network sees a picture; the answer is the mean of all (Timofte, Rothe, Van Gool,
    "Seven ways to improve example-based single image super resolution", CVPR 2016). 1, 2 (left and right) or 4 (up and
    down too); the work is as many times as much. Training sees one."""
    scales: tuple[float, float] = (1.0, 8.0)
    """Scales seen in training; outside them the conditioning is clamped."""
    extra: dict[str, str] = field(default_factory=dict)
    """Words about the network that change nothing."""

    def __post_init__(self) -> None:
        levels = len(self.level_widths)
        problems = []
        if not 1 <= self.channels <= 1024:
            problems.append(f"channels {self.channels}, not 1 to 1024")
        elif not 0 <= 2 * self.mixed_channels <= self.channels:
            problems.append(f"mixed_channels {self.mixed_channels}, not 0 to half of {self.channels} channels")
        if not 0 <= self.match_reach <= 32:
            problems.append(f"match_reach {self.match_reach}, not 0 to 32")
        if not 1 <= self.fold <= 8:
            problems.append(f"fold {self.fold}, not 1 to 8")
        if not 0 <= self.averaged_frames <= 16 or (
            self.averaged_frames and not (self.noise_input and self.match_reach)
        ):
            problems.append(f"averaged_frames {self.averaged_frames} without noise_input and match_reach")
        if not 0 <= self.residual_blocks <= 256 or not self.shifts or min(self.shifts) < 0:
            problems.append(f"residual_blocks {self.residual_blocks}, shifts {self.shifts}")
        widths_fit = all(w >= 1 and w % 2 == 1 for w in self.level_widths)
        if not 1 <= levels <= 16 or len(self.table_cells) != levels or not widths_fit:
            problems.append(f"level_widths {self.level_widths} with table_cells {self.table_cells}")
        if any(not 2 <= cells <= 128 for cells in self.table_cells):
            problems.append(f"table_cells {self.table_cells}")
        sizes, may_be_none = (self.slice_features, self.query_units), (self.table_features, self.gate_units)
        fit = all(1 <= size <= 1024 for size in sizes) and all(0 <= size <= 1024 for size in may_be_none)
        if not fit or not 1 <= self.query_basis <= 16:
            problems.append(f"feature sizes {(*sizes, *may_be_none)}, query_basis {self.query_basis}")
        is_known = self.orientations in {1, 2, 4}
        if not is_known or (self.orientations > 1 and self.fold > 1):
            why = f" with fold {self.fold}, not both above 1" if is_known else ", not 1, 2 or 4"
            problems.append(f"orientations {self.orientations}{why}")
        if not 0 < self.scales[0] <= self.scales[1] < math.inf or not math.isfinite(self.base_kernel):
            problems.append(f"scales {self.scales}, base_kernel {self.base_kernel}")
        if problems:
            raise OptionError(f"no such network: {'; '.join(problems)}", hint="choose other values of these fields")

    @property
    def convolutions(self) -> int:
        """3x3 convolutions of the trunk that look at neighbouring frames."""
        return 2 * self.residual_blocks + 1

    @property
    def context(self) -> int:
        """Frames on either side that one frame's result depends on."""
        return self.averaged_frames + (self.convolutions if self.mixed_channels else 0)

    @property
    def stem_channels(self) -> int:
        """What the trunk reads of each of its pixels."""
        told = 3 * self.noise_input
        return 3 * self.fold**2 + told + (AVERAGES * (3 * self.fold**2 + told) if self.averaged_frames else 0)

    @property
    def halo_px(self) -> int:
        """LR pixels on either side that one pixel's features depend on."""
        moved = sum(self.reach_of(n) for n in range(self.convolutions)) if self.mixed_channels else 0
        stem_and_texture = 2
        patch = PATCH_REACH if self.mixed_channels and self.match_reach else 0
        searched = (
            self.match_reach + PATCH_REACH + 2 if self.averaged_frames else 0
        )  # then a patch of blocks, and pixels
        return self.convolutions + moved + max(patch, searched) + stem_and_texture + max(self.level_widths) // 2

    def shift_of(self, convolution: int) -> int:
        """LR pixels by which convolution number n moves its mixed channels, where there are no matches."""
        return self.shifts[convolution % len(self.shifts)]

    def reach_of(self, convolution: int) -> int:
        """LR pixels from which convolution number n can take its mixed channels, along each axis."""
        return self.match_reach or self.shift_of(convolution)


DEFAULT = ModelConfig(match_reach=6)
"""The general network: exact finite context of 9 frames, 0.35 M parameters."""
