"""Pictures in memory: an iterable of frames in, an iterator of larger or cleaner ones out. No files, no encoder."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vrinr_cli.engine.device import choose
from vrinr_cli.engine.engine import Engine, Geometry
from vrinr_cli.engine.noise import as_told
from vrinr_cli.errors import InputError, OptionError, printable
from vrinr_cli.frame import ColorSpec, Family, Frame, Matrix, Plane, PlaneFormat, Range
from vrinr_cli.jobs import weights as bundled
from vrinr_cli.jobs.options import Cuts, DenoiseOptions, Method, UpscaleOptions
from vrinr_cli.jobs.size import SizeRequest, target_size
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.network import VrInr
from vrinr_cli.video.cuts import mark_cuts

Picture = TypeVar("Picture", NDArray[np.uint8], NDArray[np.uint16], Tensor)
"""RGB: (H, W, 3) numpy uint8 or uint16 with all codes in use, or (3, H, W) torch floating point in [0, 1]."""

_EIGHT, _SIXTEEN = PlaneFormat("gbrp", Family.RGB, 8), PlaneFormat("gbrp16le", Family.RGB, 16)
_RGB = ColorSpec(Matrix.RGB, Range.FULL)
_TOP = 65535
"""Code of white in 16 bits."""
_LAST = 1 << 62


class Upscaler:
    """Weights on a device, for frames that a program holds. Not for several threads at once.

    from vrinr_cli.jobs import Upscaler

    upscaler = Upscaler("fast")
    for large in upscaler(frames, 2):
        show(large)
    """

    def __init__(
        self,
        weights: str | Path = "general",
        device: str = "auto",
        *,
        precision: str = "auto",
        method: Method = "vrinr",
        tile: int | None = None,
        memory: int | None = None,
    ) -> None:
        """Load the weights.

        Args:
            weights: name of bundled weights, or a .safetensors file; not read for a plain method.
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            precision: "auto", "fp32", "bf16" or "fp16".
            method: "vrinr", or "bicubic" or "lanczos" to compare with.
            tile: side of a tile in pixels of the network's trunk; None measures and chooses.
            memory: bytes that the work may take; None takes a share of what is free.

        Raises:
            OptionError: no such weights, device, precision or method.
            WeightsError: the weights are damaged or not there.
            DeviceError: the device is not to be had here.
        """
        UpscaleOptions(method=method, precision=precision, tile=tile, memory=memory)  # raises what it refuses
        self.method, self.tile, self.memory = method, tile, memory
        self.name = str(weights)
        self.compute = choose(device, precision)
        self.model: VrInr | ClipNetwork | None = None
        if method == "vrinr":
            self.model = bundled.load(bundled.find(str(weights)))

    def __call__(
        self,
        frames: Iterable[Picture],
        scale: float | str | SizeRequest = 2,
        *,
        cuts: Cuts = "auto",
        sigma: float | None = None,
        keep_grain: float = 0.0,
    ) -> Iterator[Picture]:
        """Enlarge frames as they come; with `sigma` clean them.

        As many come out as go in, in order, of the same kind, and of the pixels that a job gives for an RGB video.
        Some frames are read ahead: the network's context, four to find cuts, and those that are on their way at the
        same time. Memory does not grow with the number of frames.

        Args:
            frames: of one size and kind, in display order: RGB as (H, W, 3) numpy uint8 or uint16, white being 255
                or 65535; or as (3, H, W) torch floating point on any device, in [0, 1], which is rounded to 16 bits.
            scale: output / input size, 1 to 32; or as text ("2.25", "2x1.5" for width x height), or a SizeRequest.
            cuts: "auto" finds scene cuts and mixes no frame with one beyond a cut; "none" takes all for one scene.
            sigma: standard deviation of the noise in 8-bit codes, 0 to 128, for weights that are told of noise
                (`denoise`); None is none.
            keep_grain: share of what was taken away that stays, 0 to 1.

        Returns:
            Frames of the kind that came: (H', W', 3) of the same dtype, or (3, H', W') float32 on the same device.

        Raises:
            OptionError: at once, for a value that is not possible; or with the first frame, for its size.
            InputError: while iterating, for a frame of another size, kind or shape than the first.
            EngineError: while iterating, for a frame that could not be restored.
        """
        size = scale if isinstance(scale, SizeRequest) else SizeRequest(scale=_scale_text(scale))
        noise = DenoiseOptions(sigma=sigma, keep_grain=keep_grain)
        UpscaleOptions(cuts=cuts)  # raises what it refuses
        if sigma is not None and not (isinstance(self.model, VrInr) and self.model.config.noise_input):
            raise OptionError(
                f"weights {printable(self.name)} are not told of noise",
                hint='leave sigma out, or use weights "denoise"',
            )
        return self._run(frames, size, cuts, noise)

    def _run(
        self, frames: Iterable[Picture], size: SizeRequest, cuts: Cuts, noise: DenoiseOptions
    ) -> Iterator[Picture]:
        coming = _outside(frames)
        first = next(coming, None)
        if first is None:
            return
        kind = _Kind.of(first)
        engine = self._engine(kind, target_size(size, kind.size, is_turned=False), noise)
        read = _numbered(first, coming, kind)
        marked = mark_cuts(read) if cuts == "auto" and engine.context > 0 else read
        for frame in engine.restore(marked, range(_LAST), may_end=True):
            yield cast(Picture, kind.picture(frame.planes))

    def _engine(self, kind: "_Kind", target: tuple[int, int], noise: DenoiseOptions) -> Engine:
        sigma = noise.sigma
        return Engine(
            self.model,
            Geometry(kind.format, _RGB, kind.size, kind.format, _RGB, target),
            self.compute,
            method=self.method,
            noise=as_told((sigma**2,) * 3, (0.0,) * 3) if sigma is not None else None,
            keep=noise.keep_grain,
            tile=self.tile,
            memory_limit=self.memory,
        )


class _Kind:
    """What all frames are, and how they go to planes and back."""

    def __init__(self, dtype: object, size: tuple[int, int], device: torch.device | None) -> None:
        self.dtype, self.size, self.device = dtype, size, device
        self.format = _EIGHT if dtype == np.dtype(np.uint8) else _SIXTEEN

    @classmethod
    def of(cls, picture: object, number: int = 0) -> "_Kind":
        """The kind of a frame.

        Raises:
            InputError: none that is known.
        """
        if isinstance(picture, Tensor):
            if picture.dim() == 3 and picture.shape[0] == 3 and picture.is_floating_point() and picture.numel():
                return cls(picture.dtype, (picture.shape[1], picture.shape[2]), picture.device)
            found = f"torch {str(picture.dtype).removeprefix('torch.')} {tuple(picture.shape)}"
        elif isinstance(picture, np.ndarray):
            if picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype in (np.uint8, np.uint16) and picture.size:
                return cls(picture.dtype, (picture.shape[0], picture.shape[1]), None)
            found = f"numpy {picture.dtype} {picture.shape}"
        else:
            found = type(picture).__name__
        raise InputError(
            f"frame {number} is {found}",
            hint="give RGB as numpy (H, W, 3) uint8 or uint16, or torch (3, H, W) floating point in [0, 1]",
        )

    def planes(self, picture: object, number: int) -> tuple[Plane, ...]:
        """Planes R, G, B of a frame.

        Raises:
            InputError: it is of another kind, or holds what is no number.
        """
        other = _Kind.of(picture, number)
        if (other.dtype, other.size, other.device) != (self.dtype, self.size, self.device):
            raise InputError(
                f"frame {number} is {other.words}, and the first one {self.words}", hint="give frames of one kind"
            )
        if isinstance(picture, Tensor):
            return _planes_of(picture, number)
        codes = cast(NDArray[np.uint8], picture)
        return tuple(np.ascontiguousarray(codes[..., channel]) for channel in range(3))

    def picture(self, planes: tuple[Plane, ...]) -> NDArray[np.uint8] | NDArray[np.uint16] | Tensor:
        """A frame of this kind from planes R, G, B."""
        if self.device is None:
            return cast(NDArray[np.uint8], np.stack(planes, axis=-1))
        codes = np.stack(planes).astype(np.float32)
        return torch.from_numpy(codes).div_(_TOP).to(self.device)

    @property
    def words(self) -> str:
        """For messages."""
        height, width = self.size
        return f"{width}x{height} {str(self.dtype).removeprefix('torch.')}"


def _planes_of(picture: Tensor, number: int) -> tuple[Plane, ...]:
    values = picture.detach().to(torch.float32)
    if not bool(torch.isfinite(values).all()):
        raise InputError(f"frame {number} holds what is no finite number", hint="give values in [0, 1]")
    codes = (values.clamp(0, 1) * _TOP).round_().to(torch.int32).cpu().numpy().astype(np.uint16)
    return tuple(codes)


def _numbered(first: object, rest: Iterator[object], kind: _Kind) -> Iterator[Frame]:
    number, picture = 0, first
    end = object()
    while picture is not end:
        yield Frame(
            index=number,
            planes=kind.planes(picture, number),
            format=kind.format,
            color=_RGB,
            pts=number,
            duration=1,
            time_base=Fraction(1),
        )
        number, picture = number + 1, next(rest, end)


def _outside(frames: Iterable[Picture]) -> Iterator[Picture]:
    """The frames, made outside of the engine's inference mode, which would mark every tensor that is made in it."""
    coming = iter(frames)
    while True:
        with torch.inference_mode(mode=False):
            try:
                picture = next(coming)
            except StopIteration:
                return
        yield picture


def _scale_text(scale: float | str) -> str:
    """A scale as `SizeRequest` takes it."""
    return scale if isinstance(scale, str) else f"{scale:.9g}"
