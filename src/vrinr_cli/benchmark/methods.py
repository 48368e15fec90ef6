"""Ways from LR to HR frames, as `vrinr upscale` goes them: the engine on 8-bit RGB planes, in the precision asked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vrinr_cli.benchmark.scores import NO_PROTOCOL, Condition
from vrinr_cli.engine.color import ColorConverter, Picture
from vrinr_cli.engine.device import Compute
from vrinr_cli.engine.engine import Engine, Geometry
from vrinr_cli.engine.rgb import RGB_COLOR, RGB_FORMAT
from vrinr_cli.errors import OptionError
from vrinr_cli.frame import Frame
from vrinr_cli.jobs import weights as weight_files
from vrinr_cli.model.header import CheckpointHeader, read_header
from vrinr_cli.model.resample import BICUBIC, LANCZOS, Kernel
from vrinr_cli.training.corpus import Pixels

MATLAB_BICUBIC = Kernel("keys", -0.5)
KERNELS = {"bicubic": BICUBIC, "lanczos": LANCZOS}
"""The baselines that are always measured, as `vrinr upscale --method` names them."""
MATLAB = "bicubic-0.5"
"""Name of MATLAB's bicubic in tables."""
NO_WEIGHTS = "none"
"""In place of weights: the kernels alone."""


Restore = Callable[[Geometry, Sequence[Frame], Tensor | None], Iterator[Frame]]
"""From all frames of a clip to as many, in their order; where the method can be told of noise, it is told of this,
(1, 3, 2)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One setting of a method that has several."""

    words: str
    """Which, as in "0.4 sigma"; empty for a method without settings."""
    restore: Restore


@dataclass(frozen=True, slots=True)
class Method:
    """One way from LR to HR frames."""

    name: str
    protocol: str
    is_baseline: bool
    choices: Callable[[Condition], tuple[Choice, ...]]
    """One or more settings; of several the one counts that is nearest to the reference."""
    header: CheckpointHeader | None = None
    """Of the weights; None for kernels and filters."""

    @staticmethod
    def of_one(
        name: str, protocol: str, is_baseline: bool, restore: Restore, header: CheckpointHeader | None = None
    ) -> "Method":
        """A method without settings."""
        return Method(name, protocol, is_baseline, lambda _: (Choice("", restore),), header)

    @property
    def restore(self) -> Restore:
        """What a method without settings does; ValueError for others."""
        (only,) = self.choices(Condition(1.0, "none", "none", 0.0))
        return only.restore


def kernel_methods(compute: Compute, *, matlab: bool) -> list[Method]:
    """The plain kernels: bicubic (a = -0.75), Lanczos, and on demand MATLAB's bicubic."""
    chosen = KERNELS | ({MATLAB: MATLAB_BICUBIC} if matlab else {})
    return [Method.of_one(name, NO_PROTOCOL, True, _by_kernel(kernel, compute)) for name, kernel in chosen.items()]


def network_methods(names: Sequence[str], compute: Compute, *, taken: Sequence[str] = ()) -> list[Method]:
    """The networks of bundled weights or files, each loaded once; none for the name "none".

    Args:
        names: of weights, or paths.
        compute: device and precision.
        taken: names of other methods beside the kernels.

    Raises:
        OptionError: no weights have the name, or two would have the same name in tables.
        WeightsError: weights are damaged or missing.
    """
    methods: dict[str, Method] = {}
    for path in (weight_files.find(name) for name in names if name != NO_WEIGHTS):
        if path.stem in methods or path.stem in (*KERNELS, MATLAB, *taken):
            raise OptionError(f"two methods would be called {path.stem}", hint="give each weights file its own name")
        header = read_header(path)
        methods[path.stem] = Method.of_one(path.stem, header.protocol, False, _by_network(path, compute), header)
    return list(methods.values())


def rgb_geometry(low: tuple[int, int], high: tuple[int, int]) -> Geometry:
    """8-bit RGB on both sides; sizes are (height, width)."""
    return Geometry(RGB_FORMAT, RGB_COLOR, low, RGB_FORMAT, RGB_COLOR, high)


def rgb_frames(pixels: Pixels) -> list[Frame]:
    """(T, H, W, 3) uint8 -> frames of three planes; one tick each."""
    return [
        Frame(
            index=index,
            planes=tuple(np.ascontiguousarray(picture[..., channel]) for channel in range(3)),
            format=RGB_FORMAT,
            color=RGB_COLOR,
            pts=index,
            duration=1,
            time_base=Fraction(1, 25),
        )
        for index, picture in enumerate(pixels)
    ]


def as_tensor(frame: Frame) -> Tensor:
    """(3, H, W) uint8."""
    return torch.from_numpy(np.stack(frame.planes))


def _by_kernel(kernel: Kernel, compute: Compute) -> Restore:
    """What the engine does without a network; it has no name for every kernel."""

    def restore(geometry: Geometry, frames: Sequence[Frame], _: Tensor | None) -> Iterator[Frame]:
        converter = ColorConverter(
            Picture(geometry.source_format, geometry.source_color, geometry.source_size),
            Picture(geometry.target_format, geometry.target_color, geometry.target_size),
            compute.device,
            kernel,
        )
        for frame in frames:
            yield replace(
                frame,
                planes=converter.compose(converter.base(frame.planes), None),
                format=geometry.target_format,
                color=geometry.target_color,
            )

    return restore


def _by_network(path: Path, compute: Compute) -> Restore:
    model = weight_files.load(path)

    def restore(geometry: Geometry, frames: Sequence[Frame], noise: Tensor | None) -> Iterator[Frame]:
        engine = Engine(model, geometry, compute, noise=noise)
        return engine.restore(frames, range(len(frames)))

    return restore
