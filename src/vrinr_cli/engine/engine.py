"""Frames in, larger frames out: windows in time, tiles in space, one device.

The trunk runs as a stream: each frame passes it once, and a frame's features come out `context` frames later. On a CPU
several frames are on their way at once, each at another step (`lanes`).
At a scene cut the stream begins anew: beyond a cut, as beyond its first and last frame, a clip is taken to stand still.
Where the picture does not fit in memory it is cut into tiles with a halo as large as the network sees, so that
tiles need no blending: tiled equals untiled. Then each tile's stream runs over a block of frames by itself.
"""

import contextlib
import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from vrinr_cli.engine import memory
from vrinr_cli.engine.alpha import AlphaResizer, fill_hidden
from vrinr_cli.engine.brightness import largest_shift, most_shift
from vrinr_cli.engine.clip import ClipRenderer
from vrinr_cli.engine.color import ColorConverter, Picture
from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.lanes import Lanes, Step, flow, lanes_for
from vrinr_cli.engine.stages import Stage, Watch, unwatched
from vrinr_cli.engine.tiles import Tile, cut
from vrinr_cli.errors import DeviceLostError, EngineError
from vrinr_cli.frame import ColorSpec, Frame, PlaneFormat
from vrinr_cli.model.aligned import aligned
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.network import VrInr, mirrors, whole_scales
from vrinr_cli.model.phases import Phases
from vrinr_cli.model.query import AxisBlock
from vrinr_cli.model.resample import BICUBIC, LANCZOS, Axis, Kernel
from vrinr_cli.model.source import trunk_axis
from vrinr_cli.model.trunk import Passing, TrunkStep, TrunkStream

P = ParamSpec("P")
R = TypeVar("R")

SMALLEST_TILE = 32
"""LR pixels; below this the halo is most of the work."""
TRIAL_SIDE = 96
"""LR pixels of the tile whose memory is measured."""
ROWS_AT_ONCE = 16
"""LR rows that the query of a whole picture at a whole scale works on at a time."""
BLOCK_FRAMES = 8
"""Frames that one tile runs over before the next, where there are several."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Source and target pictures of a job."""

    source_format: PlaneFormat
    source_color: ColorSpec
    source_size: tuple[int, int]
    target_format: PlaneFormat
    target_color: ColorSpec
    target_size: tuple[int, int]
    is_multiplied: bool = False
    """Whether the source's colors are multiplied by its alpha; they are resized as they are then."""

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Vertical and horizontal."""
        return (
            Axis(self.source_size[0], self.target_size[0]),
            Axis(self.source_size[1], self.target_size[1]),
        )


@dataclass(slots=True)
class EngineCounts:
    """What a user should be told at the end."""

    tile: int = 0
    """Side of a tile in LR pixels; 0 while none was needed."""
    halvings: int = 0
    """How often memory ran out and the tile was halved."""
    redone_in_fp32: int = 0
    """Frames whose reduced-precision result was not finite, or of another brightness."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an engine will do, before its first frame."""

    tile: int
    """Side of a tile in pixels of the network's trunk; 0 where the picture needs none."""
    tiles: int
    memory: int
    """Bytes that the work will take, about."""
    work: float
    """Trunk pixels computed for each one of a frame: above 1 where tiles overlap in space and time."""


class Engine:
    """Restores the frames of one job; knows nothing of files. Not for several threads at once."""

    def __init__(
        self,
        model: VrInr | ClipNetwork | None,
        geometry: Geometry,
        compute: Compute,
        *,
        method: str = "vrinr",
        noise: Tensor | None = None,
        keep: float = 0.0,
        is_zero_shot: bool = False,
        guards_brightness: bool = False,
        tile: int | None = None,
        memory_limit: int | None = None,
    ) -> None:
        """Make an engine.

        Args:
            model: the network in float32 on the CPU, general or fitted to a clip; None for the plain methods.
            geometry: source and target.
            compute: device and precision.
            method: "vrinr", "bicubic" or "lanczos".
            noise: of the source, (1, 3, 2), see `model.source`, for a network that is told of it; None is none.
            keep: share of what the network removes that stays, 0 to 1.
            is_zero_shot: whether the whole residual of a network counts that has learned from clean video alone, as
                where it shall denoise all the same.
            guards_brightness: whether a result that is brighter or darker than its source by far counts as a fault, as
                what is not finite does; not for weights that have learned to be.
            tile: side of a tile in pixels of the network's trunk; None measures and chooses.
            memory_limit: bytes; None takes a share of what is free.
        """
        self.geometry, self.compute = geometry, compute
        self.kernel = kernel_of(method, model)
        self.converter = ColorConverter(
            Picture(geometry.source_format, geometry.source_color, geometry.source_size),
            Picture(geometry.target_format, geometry.target_color, geometry.target_size),
            compute.device,
            self.kernel,
        )
        source, target = geometry.source_format, geometry.target_format
        if target.alpha and not source.alpha:
            raise ValueError(f"{target.name} from {source.name}, which has no alpha")
        self.alpha = AlphaResizer(source, target, geometry.axes, compute.device) if target.alpha else None
        self.fills = source.alpha and geometry.target_size != geometry.source_size and not geometry.is_multiplied
        self.counts = EngineCounts()
        self.watch: Watch = unwatched
        """What times the stages."""
        self.memory_limit = memory_limit
        self.most_shift = most_shift(noise) if guards_brightness else math.inf
        self.lanes = lanes_for(compute.device)
        self.gain = 0.0
        self.clip: ClipRenderer | None = None
        self.networks: _Networks | None = None
        if method == "vrinr" and isinstance(model, ClipNetwork):
            self.clip = ClipRenderer(model, geometry.target_size, compute.device)
        elif method == "vrinr" and isinstance(model, VrInr):
            self.gain = (1 - keep) * (1.0 if is_zero_shot else float(model.gain(*geometry.axes, noise)))
            if self.gain > 0:
                self.networks = _Networks(model, geometry, compute, noise)
        self.context = self.networks.exact.config.context if self.networks is not None else 0
        self.side = tile or 0
        self._per_pixel: float | None = None

    @torch.inference_mode()
    def restore(self, frames: Iterable[Frame], wanted: range, *, may_end: bool = False) -> Iterator[Frame]:
        """Restore the frames whose index is in `wanted`.

        Args:
            frames: in display order, without gaps, from `context` frames before the first wanted one (or the
                first of the clip) to `context` frames after the last (or the last of the clip). Those that begin a
                scene say so.
            wanted: indices to give back.
            may_end: whether the clip may end before the last wanted frame, as where its length is not known.

        Raises:
            EngineError: memory does not suffice for the smallest tile, a result is not finite or of another
                brightness in float32, or a wanted frame did not come.
        """
        window = _Window(map(self._filled, frames) if self.fills else iter(frames))
        done = wanted.start
        while done < wanted.stop:
            ran_out = False
            try:
                for frame, residual in self._residuals(window, done, wanted.stop):
                    yield self._composed(frame, residual)
                    done = frame.index + 1
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error) or self.networks is None:
                    raise self._failed(done, error) from error
                ran_out = True
            if ran_out:  # told here, as the handler's traceback still holds the tensors
                self._halve(done)
            elif done < wanted.stop:
                if may_end and window.has_ended_before(done):
                    return
                raise _absent(done)

    def tell_layers(self, tell: Callable[[], None]) -> None:
        """Have a function called whenever a layer of the network has computed: a large frame has hundreds of them."""
        networks = {self.networks.exact, self.networks.fast} if self.networks is not None else set()
        fitted = {self.clip.network} if self.clip is not None else set()
        for module in (module for network in networks | fitted for module in network.modules()):
            if not list(module.children()):
                module.register_forward_hook(lambda *_: tell())

    @torch.inference_mode()
    def outlook(self) -> Outlook:
        """Tiles and memory of the work to come; measures what a small tile takes."""
        if self.networks is None:
            return Outlook(0, 1, self._picture_bytes(in_tiles=False), 1.0)
        tiles = self._tiles()
        sizes = [
            (tile.rows.region_high - tile.rows.region_low) * (tile.columns.region_high - tile.columns.region_low)
            for tile in tiles
        ]
        is_cut = len(tiles) > 1
        height, width = (axis.source for axis in self.networks.axes)
        again = (BLOCK_FRAMES + 2 * self.context) / BLOCK_FRAMES if is_cut else 1.0
        taken = int(max(sizes) * self._bytes_per_pixel()) + self._picture_bytes(in_tiles=is_cut)
        return Outlook(self.counts.tile, len(tiles), taken, sum(sizes) / (height * width) * again)

    def _failed(self, index: int, error: BaseException) -> EngineError:
        cause = (str(error) or type(error).__name__).splitlines()[0]
        kind = EngineError if memory.is_out_of_memory(error) else DeviceLostError
        return kind(f"frame {index}: {self.compute.device}: {cause}", hint="the same command goes on; try --device cpu")

    def _composed(self, frame: Frame, residual: Tensor | None) -> Frame:
        with self.watch(Stage.BASE):
            base = self.converter.base(frame.planes)
        with self.watch(Stage.OUTPUT):
            planes = self.converter.compose(base, residual)
            if self.alpha is not None:
                planes = (*planes, self.alpha(frame.planes[-1]))
        return Frame(
            index=frame.index,
            planes=planes,
            format=self.geometry.target_format,
            color=self.geometry.target_color,
            pts=frame.pts,
            duration=frame.duration,
            time_base=frame.time_base,
            begins_scene=frame.begins_scene,
        )

    def _filled(self, frame: Frame) -> Frame:
        return replace(frame, planes=fill_hidden(frame.planes, frame.format))

    def _residuals(self, window: "_Window", first: int, stop: int) -> Iterator[tuple[Frame, Tensor | None]]:
        """Every wanted frame with what the network adds to it."""
        if self.networks is None:
            for index in range(first, stop):
                if not window.holds(index):
                    return
                frame = window.frame(index)
                yield frame, self._of_clip(frame)
                window.forget_before(index + 1)
            return
        tiles = self._tiles()
        found = (
            self._answers(window, self._need().fast, tiles[0], first, stop)
            if len(tiles) == 1
            else self._blocks(window, tiles, first, stop)
        )
        for index, residual in found:
            yield window.frame(index), self._sound(window, index, tiles, residual)
            window.forget_before(index + 1 - self.context)

    def _of_clip(self, frame: Frame) -> Tensor | None:
        """What a network that was fitted to the clip adds; None for the plain methods."""
        if self.clip is None:
            return None
        residual = self.clip.residual(self.converter.network_input(frame.planes), frame.index)
        if not bool(torch.isfinite(residual.sum())):  # one number that is not makes the sum none
            raise _wrong(frame.index, "not finite")
        return residual

    def _blocks(self, window: "_Window", tiles: list[Tile], first: int, stop: int) -> Iterator[tuple[int, Tensor]]:
        networks = self._need()
        size = self.geometry.target_size
        for start in range(first, stop, BLOCK_FRAMES):
            if not window.holds(start):
                return
            end = min(start + BLOCK_FRAMES, stop)
            pictures = torch.zeros(end - start, 3, *size, dtype=torch.float16, device=self.compute.device)
            for tile in tiles:
                part = pictures[..., tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop]
                for index, residual in self._answers(window, networks.fast, tile, start, end):
                    part[index - start] = residual
            for index in range(start, end):
                if not window.holds(index):
                    return
                yield index, pictures[index - start].float()

    def _answers(
        self, window: "_Window", network: VrInr, tile: Tile, first: int, stop: int
    ) -> Iterator[tuple[int, Tensor]]:
        """What the network adds to a tile of frames [first, stop), each (3, H, W) float32."""
        place = first
        while place < stop and window.holds(place):
            for index, residual in self._of_scene(window, network, tile, place, stop):
                yield index, residual
                place = index + 1

    def _of_scene(
        self, window: "_Window", network: VrInr, tile: Tile, first: int, stop: int
    ) -> Iterator[tuple[int, Tensor]]:
        """The same for frames [first, stop) as far as they are of the first one's scene, which alone is read."""
        networks = self._need()
        begin = window.begin_of(first, self.context)
        end = stop + self.context
        pushed = begin

        def regions() -> Iterator[Tensor]:
            nonlocal pushed
            while pushed < end and window.goes_on(pushed, begin):
                frame = window.frame(pushed)
                with self.watch(Stage.INPUT):
                    region = self._region(frame, tile)
                pushed += 1
                yield region

        numbers = itertools.count(begin)

        def numbered(passed: Passing) -> tuple[int, Tensor] | None:
            index = next(numbers)
            return (index, passed.features) if first <= index < stop else None

        def answered(numbered: tuple[int, Tensor]) -> tuple[int, Tensor]:
            index, features = numbered
            with self.watch(Stage.QUERY):
                return index, networks.residual(network, features, tile).mul_(self.gain)

        steps = [*networks.steps(network, self.watch), Step(numbered), Step(answered, is_free=True)]
        flowing = flow(regions(), steps, self.lanes, ends=lambda: pushed < end)
        with contextlib.closing(flowing):
            for index, residual in flowing:
                yield index, residual
                if index + 1 == stop:
                    return

    def _region(self, frame: Frame, tile: Tile) -> Tensor:
        fold, (height, width) = self._need().fold, self.geometry.source_size
        rows = (tile.rows.region_low * fold, min(tile.rows.region_high * fold, height))
        columns = (tile.columns.region_low * fold, min(tile.columns.region_high * fold, width))
        region = self.converter.network_input(frame.planes, rows, columns)
        seen = torch.stack([region.flip(dims) for dims in self._need().mirrors])
        return seen.contiguous(memory_format=torch.channels_last)

    def _sound(self, window: "_Window", index: int, tiles: list[Tile], residual: Tensor) -> Tensor:
        """The residual if it is finite and leaves the brightness; else the frame computed again in float32."""
        if not self._fault(residual):
            return residual
        networks = self._need()
        again = torch.zeros(3, *self.geometry.target_size, device=self.compute.device)
        for tile in tiles:
            for _, part in self._answers(window, networks.exact, tile, index, index + 1):
                again[:, tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop] = part
        fault = self._fault(again)
        if fault:
            raise _wrong(index, f"{fault}, in fp32 too")
        self.counts.redone_in_fp32 += 1
        return again

    def _fault(self, residual: Tensor) -> str:
        """What is wrong with what the network adds, in words; empty if nothing is."""
        shift = largest_shift(residual, self.geometry.source_size)
        if not math.isfinite(shift):
            return "not finite"
        return "of another brightness than its source" if shift > self.most_shift else ""

    def _tiles(self) -> list[Tile]:
        height, width = self._need().axes
        if not self.side:
            self.side = self._measured_side()
        tiles = cut(height, width, self.side, self._need().exact.config.halo_px)
        self.counts.tile = self.side if len(tiles) > 1 else 0
        return tiles

    def _measured_side(self) -> int:
        """The largest tile whose stream fits in the budget, from what a small one takes."""
        networks = self._need()
        height, width = (axis.source for axis in networks.axes)
        whole = max(height, width)
        if whole <= TRIAL_SIDE:
            return whole
        budget = memory.budget_bytes(self.compute.device, self.memory_limit)
        beside = budget - self._picture_bytes(in_tiles=False)
        if height * width * ample_bytes(networks.exact.config, self.compute.dtype) <= beside:
            return whole  # no trial: the first frame comes sooner
        per_pixel = self._bytes_per_pixel()
        if height * width * per_pixel <= beside:
            return whole
        room = max(budget - self._picture_bytes(in_tiles=True), 0)
        side = math.isqrt(int(room / per_pixel)) - 2 * networks.exact.config.halo_px
        return max(side, SMALLEST_TILE)

    def _bytes_per_pixel(self) -> float:
        """Of the trunk, measured once."""
        if self._per_pixel is None:
            networks = self._need()
            taken = memory.peak_of(
                lambda: networks.try_out(TRIAL_SIDE, self.context + 2, self.lanes), self.compute.device
            )
            self._per_pixel = max(taken / TRIAL_SIDE**2, 1.0)
        return self._per_pixel

    def _picture_bytes(self, *, in_tiles: bool) -> int:
        """What whole target pictures take beside the network.

        Residual, base and planes in float32; with several tiles also a block of residuals in float16.
        """
        height, width = self.geometry.target_size
        return height * width * (4 * 12 + (2 * 3 * BLOCK_FRAMES if in_tiles else 0))

    def _halve(self, index: int) -> None:
        self._need().forget_tiles()
        memory.release(self.compute.device)
        whole = max(axis.source for axis in self._need().axes)
        side = min(self.side or whole, whole)
        if side <= SMALLEST_TILE:
            raise EngineError(
                f"frame {index}: memory does not suffice for a tile of {side} pixels",
                hint="free memory, or use another --device",
            )
        self.side = max(side // 2, SMALLEST_TILE)
        self.counts.halvings += 1

    def _need(self) -> "_Networks":
        if self.networks is None:
            raise RuntimeError("this engine has no network")
        return self.networks


class _Networks:
    """The network in float32 and in the chosen precision, with the query's matrices of every tile."""

    def __init__(self, model: VrInr, geometry: Geometry, compute: Compute, noise: Tensor | None) -> None:
        self.fold = model.config.fold
        self.mirrors = mirrors(model.config.orientations)
        height, width = geometry.axes
        self.axes = trunk_axis(height, self.fold), trunk_axis(width, self.fold)
        self.noise = noise.to(compute.device) if noise is not None else None
        self.device = compute.device
        self.exact: VrInr = model.to(compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.fast = self.exact
        if compute.dtype is not torch.float32:
            laid_out = aligned(self.exact, compute.dtype.itemsize)
            self.fast = (laid_out if laid_out is not self.exact else copy.deepcopy(self.exact)).to(compute.dtype)
        self.scale = model.scale_input(height, width)
        whole = whole_scales(*self.axes)
        self.phases = Phases.of(self.exact.query, *whole) if whole is not None else None
        self.fast_phases = self.phases.to(compute.dtype) if self.phases is not None else None
        self._blocks: dict[Tile, tuple[list[AxisBlock], list[AxisBlock]]] = {}

    def residual(self, network: VrInr, features: Tensor, tile: Tile) -> Tensor:
        """Trunk features of a tile's region, for each orientation -> what the base lacks there, (3, H, W) float32."""
        code = network.code(features)
        total: Tensor | None = None
        for dims, of_one in zip(self.mirrors, code.split(1), strict=True):
            answer = self._answer(network, of_one, tile.mirrored(dims, *self.axes)).flip(dims)
            total = answer if total is None else total.add_(answer)
        if total is None:
            raise RuntimeError("no orientation")
        return total.div_(len(self.mirrors))

    def _answer(self, network: VrInr, code: Tensor, tile: Tile) -> Tensor:
        """What one orientation gives, (3, H, W) float32."""
        rows, columns = tile.rows, tile.columns
        if self.phases is not None and self.fast_phases is not None and self._is_whole(tile):
            phases = self.phases if network is self.exact else self.fast_phases
            return phases.picture(code, at_once=ROWS_AT_ONCE)[0, :, : self.axes[0].target, : self.axes[1].target]
        inner = code[
            :,
            :,
            rows.low - rows.region_low : rows.high - rows.region_low,
            columns.low - columns.region_low : columns.high - columns.region_low,
        ]
        color: Tensor = network.query(inner, *self._matrices(tile))
        return color[0].float()

    def _is_whole(self, tile: Tile) -> bool:
        """Whether the tile is all of the picture."""
        return tile.rows.stop - tile.rows.start == self.axes[0].target and (
            tile.columns.stop - tile.columns.start == self.axes[1].target
        )

    def steps(self, network: VrInr, watch: Watch = unwatched) -> list[Step]:
        """A clip's way through the trunk, from its beginning."""
        stream = TrunkStream(network.trunk, self.scale, self.noise)
        return [Step(_under(watch, step.push), _under(watch, partial(_all, step))) for step in stream.steps]

    def try_out(self, side: int, frames: int, lanes: Lanes) -> None:
        """What a stream does to memory: some frames of a small tile, with all that is kept for them."""
        picture = torch.zeros(len(self.mirrors), 3, side * self.fold, side * self.fold, device=self.device)
        picture = picture.contiguous(memory_format=torch.channels_last)
        steps = [*self.steps(self.fast), Step(lambda passed: self.fast.code(passed.features), is_free=True)]
        with contextlib.closing(flow(itertools.repeat(picture, frames), steps, lanes, ends=lambda: False)) as codes:
            for _ in codes:
                pass

    def forget_tiles(self) -> None:
        """Let go of the matrices of tiles that are too large."""
        self._blocks.clear()

    def _matrices(self, tile: Tile) -> tuple[list[AxisBlock], list[AxisBlock]]:
        """Made from the float32 network: positions do not fit in bf16."""
        if tile not in self._blocks:
            basis = self.exact.query.basis
            rows, columns = tile.rows, tile.columns
            self._blocks[tile] = (
                basis.blocks(self.axes[0], rows.start, rows.stop, rows.low, rows.high),
                basis.blocks(self.axes[1], columns.start, columns.stop, columns.low, columns.high),
            )
        return self._blocks[tile]


class _Window:
    """The frames that are still needed, read as they are asked for."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self.frames = frames
        self.kept: dict[int, Frame] = {}
        self.last = -1
        """Index of the last frame that came."""
        self.ended = False

    def holds(self, index: int) -> bool:
        """Whether the clip has this frame; reads on as far as it."""
        while not self.ended and (not self.kept or max(self.kept) < index):
            frame = self._next()
            if frame is None:
                self.ended = True
            else:
                self.kept[frame.index] = frame
                self.last = frame.index
        return index in self.kept

    def has_ended_before(self, index: int) -> bool:
        """Whether the clip's last frame is the one before this; it may have been forgotten."""
        return not self.holds(index) and self.last == index - 1

    def _next(self) -> Frame | None:
        """The next frame; memory that runs out while reading is not the network's, and does not end the clip."""
        try:
            return next(self.frames, None)
        except (RuntimeError, MemoryError) as error:
            cause = str(error) or type(error).__name__
            raise EngineError(
                f"a frame after {max(self.kept, default=-1)} could not be read: {cause}",
                hint="free memory; the same command goes on",
            ) from error

    def frame(self, index: int) -> Frame:
        """One frame; it must not have been forgotten."""
        if not self.holds(index):
            raise _absent(index)
        return self.kept[index]

    def begin_of(self, index: int, context: int) -> int:
        """The first frame that this one may look at: `context` before it, or the first of its scene or of the clip."""
        begin = index
        while begin > index - context and not self.frame(begin).begins_scene and self.holds(begin - 1):
            begin -= 1
        return begin

    def goes_on(self, index: int, begin: int) -> bool:
        """Whether the scene that frame `begin` is of has this frame."""
        return self.holds(index) and (index == begin or not self.frame(index).begins_scene)

    def forget_before(self, index: int) -> None:
        """Let go of frames that nothing looks at any more."""
        for gone in [n for n in self.kept if n < index]:
            del self.kept[gone]


def _under(watch: Watch, work: Callable[P, R]) -> Callable[P, R]:
    """The work, timed as the trunk's."""

    def watched(*args: P.args, **kwargs: P.kwargs) -> R:
        with watch(Stage.FEATURES):
            return work(*args, **kwargs)

    return watched


def _all(step: TrunkStep) -> list[object]:
    """What still waits in a step, computed here and now."""
    return list(step.finish())


def _wrong(index: int, what: str) -> EngineError:
    return EngineError(f"frame {index}: the network's result is {what}", hint="use other weights")


def _absent(index: int) -> EngineError:
    return EngineError(f"frame {index} did not come", hint="report this as a fault of vrinr")


def ample_bytes(config: ModelConfig, dtype: torch.dtype) -> int:
    """More than the stream takes for a pixel of the trunk on any machine: some twice as much as was measured."""
    searched = 4 * (12 * config.fold**2 + 64) * (config.averaged_frames + 2) if config.averaged_frames else 0
    return config.orientations * (16 * config.channels * dtype.itemsize * config.convolutions + 4096) + 4 * searched


def kernel_of(method: str, model: VrInr | ClipNetwork | None) -> Kernel:
    """The kernel of the base: the network's own, or that of a plain method."""
    if method == "lanczos":
        return LANCZOS
    return model.base if method == "vrinr" and isinstance(model, VrInr) else BICUBIC
