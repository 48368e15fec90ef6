"""Planes to tensors and back, with matrix, range and chroma siting named both ways.

The base is resized in the planes' own components: luma and chroma each on their own grid. Only what the network
adds is converted from RGB. So a frame that the network leaves alone comes back as the bicubic resize of its
planes, and at scale 1 unchanged.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from vrinr_cli.engine.matrices import has_centred_chroma, rgb_to_ycbcr, ycbcr_to_rgb
from vrinr_cli.engine.resizer import Resizer, chroma_axis, chroma_to_luma_axis
from vrinr_cli.frame import ColorSpec, Family, Plane, PlaneFormat, Range
from vrinr_cli.model.resample import BICUBIC, Axis, Kernel


def code_range(depth: int, range_: Range, *, chroma: bool) -> tuple[float, float]:
    """(zero, span): code = zero + span * value. BT.601, BT.709 and BT.2020 digital representation."""
    top = (1 << depth) - 1
    step = 1 << (depth - 8)
    if range_ is Range.FULL:
        return (float(1 << (depth - 1)) if chroma else 0.0), float(top)
    return (128.0 * step, 224.0 * step) if chroma else (16.0 * step, 219.0 * step)


def is_difference(format_: PlaneFormat, color: ColorSpec, plane: int) -> bool:
    """Whether a plane holds color differences around a middle value."""
    return format_.family is Family.YUV and plane > 0 and has_centred_chroma(color.matrix)


def plane_range(format_: PlaneFormat, color: ColorSpec, plane: int) -> tuple[float, float]:
    """(zero, span) of one plane. RGB is read as full range unless tagged limited."""
    return code_range(format_.depth, color.range, chroma=is_difference(format_, color, plane))


def to_values(plane: Plane, zero: float, span: float, device: torch.device) -> Tensor:
    """Codes -> values, float32, (h, w): luma, R, G, B in [0, 1], chroma in [-0.5, 0.5]."""
    wide = plane.astype(np.int32) if plane.dtype == np.uint16 else plane
    if not wide.flags.writeable:  # torch warns of it, though nothing here writes
        wide = wide.copy()
    codes = torch.from_numpy(np.ascontiguousarray(wide)).to(device)
    return (codes.to(torch.float32) - zero) / span


def to_codes(values: Tensor, zero: float, span: float, depth: int) -> Plane:
    """Values -> codes: round to nearest, half to even, cut to what `depth` bits hold."""
    codes = (values * span + zero).round_().clamp_(0, (1 << depth) - 1)
    if depth == 8:
        return codes.to(torch.uint8).cpu().numpy()
    return codes.to(torch.int32).cpu().numpy().astype(np.uint16)


class Picture:
    """What the color code needs to know of one side: format, colors, size in luma samples."""

    def __init__(self, format_: PlaneFormat, color: ColorSpec, size: tuple[int, int]) -> None:
        self.format, self.color, self.size = format_, color, size
        self.steps = (1 << format_.log2_chroma_height, 1 << format_.log2_chroma_width)

    @property
    def site(self) -> tuple[float, float]:
        """(y, x) of a chroma sample in luma samples; the middle where chroma is not subsampled."""
        x, y = self.color.chroma_site.value
        return (
            y if self.steps[0] == 2 else (self.steps[0] - 1) / 2,
            x if self.steps[1] == 2 else (self.steps[1] - 1) / 2,
        )

    def components_like(self, other: "Picture") -> bool:
        """Whether both hold the same components on the same relative grid, so that no conversion is needed."""
        same = self.format.family is other.format.family and self.steps == other.steps
        if self.format.family is Family.YUV:
            return same and self.color.matrix is other.color.matrix and self.site == other.site
        return same


class ColorConverter:
    """Source planes to network input, and base and residual to target planes; made once per job."""

    def __init__(self, source: Picture, target: Picture, device: torch.device, kernel: Kernel = BICUBIC) -> None:
        self.source, self.target, self.device = source, target, device
        height, width = (Axis(s, t) for s, t in zip(source.size, target.size, strict=True))
        still = (Axis(source.size[0], source.size[0]), Axis(source.size[1], source.size[1]))
        self.is_direct = source.components_like(target)
        self.luma = Resizer(height, width, device, kernel)
        self.chroma = self._chroma_resizer((height, width), kernel, to_luma=not self.is_direct)
        self.chroma_at_source = self._chroma_resizer(still, BICUBIC, to_luma=True)
        matrix = source.color.matrix
        self.to_rgb = ycbcr_to_rgb(matrix).to(device, torch.float32)
        target_matrix = target.color.matrix
        self.from_rgb = rgb_to_ycbcr(target_matrix).to(device, torch.float32)
        self.chroma_down = self._chroma_filters()

    def network_input(
        self, planes: tuple[Plane, ...], rows: tuple[int, int] | None = None, columns: tuple[int, int] | None = None
    ) -> Tensor:
        """RGB in [0, 1], clamped: (3, h, w), or only source rows [start, stop) and columns [start, stop) of it.

        Alpha is passed over, here and in `base`.
        """
        rows, columns = rows or (0, self.source.size[0]), columns or (0, self.source.size[1])
        inside = (slice(*rows), slice(*columns))
        planes = planes[: self.source.format.colors]
        values = self._values(tuple(p if self._is_chroma(number) else p[inside] for number, p in enumerate(planes)))
        upright = [self.chroma_at_source(v, rows, columns) if self._is_chroma(n) else v for n, v in enumerate(values)]
        return self._as_rgb(upright).clamp(0, 1)

    def base(self, planes: tuple[Plane, ...]) -> list[Tensor]:
        """The resized components: on the target's own grids if no conversion is needed, else all on luma's."""
        values = self._values(planes[: self.source.format.colors])
        resized = [self.luma(values[0])]
        for plane, value in enumerate(values[1:], start=1):
            resized.append(self.chroma(value) if self._is_chroma(plane) else self.luma(value))
        return resized

    def compose(self, base: list[Tensor], residual: Tensor | None) -> tuple[Plane, ...]:
        """Target planes, but for alpha, from the base and what the network adds.

        Args:
            base: what `base` gave; emptied, as a large picture's components take more memory than its planes.
            residual: RGB (3, H, W), or None.
        """
        values = self._direct(base, residual) if self.is_direct else self._converted(base, residual)
        return tuple(map(self._codes, itertools.count(), values))  # no loop's variable, which would keep a component

    def _codes(self, plane: int, value: Tensor) -> Plane:
        format_, color = self.target.format, self.target.color
        return to_codes(value, *plane_range(format_, color, plane), format_.depth)

    def _values(self, planes: tuple[Plane, ...]) -> list[Tensor]:
        format_, color = self.source.format, self.source.color
        return [
            to_values(plane, *plane_range(format_, color, number), self.device) for number, plane in enumerate(planes)
        ]

    def _is_chroma(self, plane: int) -> bool:
        return self.source.format.family is Family.YUV and plane > 0

    def _chroma_resizer(self, luma: tuple[Axis, Axis], kernel: Kernel, *, to_luma: bool) -> Resizer:
        """From the source's chroma planes to luma positions, or to the target's chroma positions."""
        lengths = self.source.format.plane_size(self.source.size, 1)
        axes = []
        for n in (0, 1):
            step, site = self.source.steps[n], self.source.site[n]
            if to_luma:
                axes.append(chroma_to_luma_axis(luma[n], lengths[n], step, site))
            else:
                length = self.target.format.plane_size(self.target.size, 1)[n]
                axes.append(chroma_axis(luma[n], lengths[n], length, step, site))
        return Resizer(axes[0], axes[1], self.device, kernel)

    def _as_rgb(self, values: list[Tensor]) -> Tensor:
        """Components of the source, all on luma's grid, to RGB (3, h, w)."""
        family = self.source.format.family
        if family is Family.GRAY:
            return values[0].expand(3, -1, -1)
        if family is Family.RGB:
            return torch.stack(values)
        return torch.einsum("rc,chw->rhw", self.to_rgb, torch.stack(values))

    def _direct(self, base: list[Tensor], residual: Tensor | None) -> Iterator[Tensor]:
        """One component after the other, each made when the plane before it is done."""
        components = base[::-1]
        base.clear()
        family = self.target.format.family
        if residual is None or family is Family.RGB:
            parts = iter(residual) if residual is not None else None
            while components:
                yield components.pop() + next(parts) if parts is not None else components.pop()
            return
        yield components.pop() + torch.einsum("c,chw->hw", self.from_rgb[0], residual)
        if family is not Family.GRAY:
            added = self._chroma_of(residual)
            yield components.pop() + added[0]
            yield components.pop() + added[1]

    def _converted(self, base: list[Tensor], residual: Tensor | None) -> Iterator[Tensor]:
        """The same by way of RGB."""
        rgb = self._as_rgb(base)
        base.clear()
        if residual is not None:
            rgb = rgb + residual
        rgb = rgb.clamp(0, 1)
        family = self.target.format.family
        if family is Family.RGB:
            yield from rgb
            return
        yield torch.einsum("c,chw->hw", self.from_rgb[0], rgb)
        if family is not Family.GRAY:
            yield from self._chroma_of(rgb)

    def _chroma_filters(self) -> tuple[Tensor | None, Tensor | None]:
        """Triangle filter per axis from luma to the target's chroma positions, by taps around a cell."""
        filters: list[Tensor | None] = []
        for step, site in zip(self.target.steps, self.target.site, strict=True):
            if self.target.format.family is not Family.YUV or step == 1:
                filters.append(None)
                continue
            offsets = torch.arange(-step, 2 * step, dtype=torch.float64)  # luma samples from the cell's first
            taps = (step - (offsets - site).abs()).clamp_min(0)
            filters.append((taps / taps.sum()).to(self.device, torch.float32))
        return filters[0], filters[1]

    def _chroma_of(self, rgb: Tensor) -> Tensor:
        """RGB (3, H, W) -> both color differences at the target's chroma positions, (2, H', W')."""
        chroma = torch.einsum("dc,chw->dhw", self.from_rgb[1:], rgb)
        for axis, taps in zip((-2, -1), self.chroma_down, strict=True):
            if taps is not None:
                chroma = _filter_down(chroma, taps, axis)
        return chroma


def _filter_down(image: Tensor, taps: Tensor, axis: int) -> Tensor:
    """Weighted sums around every cell of len(taps) / 3 samples; the outermost sample repeats beyond the border."""
    step = taps.numel() // 3
    length = image.shape[axis]
    cells = -(-length // step)
    shape = list(image.shape)
    shape[axis] = cells
    total = image.new_zeros(shape)
    for tap, weight in enumerate(taps.tolist()):
        if weight == 0:
            continue
        offset = tap - step  # of the tap from a cell's first sample
        first = min(-(min(offset, 0) // step), cells)  # cells [first, stop) have this tap inside of the picture
        stop = max(min((length - 1 - offset) // step + 1, cells), first)
        if stop > first:
            inside = image.narrow(axis, first * step + offset, (stop - first - 1) * step + 1)
            every = [slice(None)] * image.dim()
            every[axis] = slice(None, None, step)
            total.narrow(axis, first, stop - first).add_(inside[tuple(every)], alpha=weight)
        total.narrow(axis, 0, first).add_(image.narrow(axis, 0, 1), alpha=weight)
        total.narrow(axis, stop, cells - stop).add_(image.narrow(axis, length - 1, 1), alpha=weight)
    return total
