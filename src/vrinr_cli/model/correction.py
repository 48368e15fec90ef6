"""Corrections: small differences to general weights, rounded, entropy coded, in a safetensors file.

Each tensor w of the general network becomes w + step * level, with one step a tensor and whole numbers as levels.
The file holds two tensors:

    steps    F32 (n,)   one a tensor, in the order of the network's state
    levels   U8 (m,)    all levels in that order, zigzag (0, -1, 1, -2 ... -> 0, 1, 2, 3 ...), first the low bytes
                        of all, then the high bytes, as one raw LZMA2 stream

What a file decodes to is known before it is decoded: as many numbers as the general network has, never more.
"""

import lzma
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from vrinr_cli.errors import WeightsError
from vrinr_cli.model import checkpoint
from vrinr_cli.model.correction_config import CorrectionConfig
from vrinr_cli.model.header import CheckpointHeader, FittedTo, check_digest, read_header
from vrinr_cli.model.network import VrInr

HINT = "copy the file again, or use the general weights"
LARGEST_LEVEL = (1 << 15) - 1
_FILTERS = [
    {
        "id": lzma.FILTER_LZMA2,
        "dict_size": 1 << 20,
        "lc": 0,
        "lp": 0,
        "pb": 0,
        "mode": lzma.MODE_NORMAL,
        "nice_len": 273,
        "mf": lzma.MF_BT4,
    }
]
"""No context from the byte before and none from the place: the levels have no order that would tell anything."""
_SLACK_BYTES = 1 << 16
"""By which coded levels may be longer than plain ones."""

Levels = Mapping[str, Tensor]
"""Name of a tensor to whole numbers of its shape, int64."""


def quantize(change: Mapping[str, Tensor], steps: Mapping[str, float]) -> dict[str, Tensor]:
    """The levels nearest to a change of weights.

    Args:
        change: what is added to each tensor of the general network.
        steps: of each tensor, above 0.

    Raises:
        ValueError: a level is larger than the file can hold.
    """
    levels = {name: (value.double() / _stored(steps[name])).round().long() for name, value in change.items()}
    largest = max((int(value.abs().max()) for value in levels.values()), default=0)
    if largest > LARGEST_LEVEL:
        raise ValueError(f"a level of {largest}, at most {LARGEST_LEVEL}")
    return levels


def pack(levels: Levels) -> bytes:
    """Levels as bytes, in their order."""
    flat = torch.cat([value.flatten() for value in levels.values()])
    zigzag = torch.where(flat < 0, -2 * flat - 1, 2 * flat).numpy().astype(np.uint16)
    planes = np.concatenate([zigzag & 255, zigzag >> 8]).astype(np.uint8)
    return lzma.compress(planes.tobytes(), format=lzma.FORMAT_RAW, filters=_FILTERS)


def unpack(content: bytes, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Levels from bytes.

    Args:
        content: what `pack` gave, or whatever a file holds.
        shapes: of the tensors, in their order; decides how much is decoded.

    Raises:
        ValueError: the bytes hold other than as many levels as the shapes ask for.
    """
    counts = [math.prod(shape) for shape in shapes.values()]
    planes = _decoded(content, 2 * sum(counts)).reshape(2, -1)
    zigzag = planes[1].astype(np.int32)
    zigzag <<= 8
    zigzag |= planes[0]
    flat = torch.from_numpy((zigzag >> 1) ^ -(zigzag & 1))
    parts = flat.split(counts)
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def corrected(model: VrInr, levels: Levels, steps: Mapping[str, float]) -> VrInr:
    """A copy of a general network with a correction applied, in eval mode, float32.

    Args:
        model: the general network, float32 on the CPU.
        levels: of every tensor.
        steps: of every tensor.
    """
    state = {
        name: (value.double() + _stored(steps[name]) * levels[name].double()).float()
        for name, value in model.state_dict().items()
    }
    result = VrInr(model.config)
    result.load_state_dict(state)
    return result.eval().requires_grad_(False)


def save(
    path: Path,
    levels: Levels,
    steps: Mapping[str, float],
    config: CorrectionConfig,
    *,
    card: dict[str, str],
    fitted: FittedTo,
) -> str:
    """Write a correction, whole or not at all; give its sha256.

    Args:
        path: the file.
        levels: of every tensor of the network, in the order of its state.
        steps: of every tensor.
        config: what it corrects.
        card: summary for people.
        fitted: the clip that it was fitted to.
    """
    content = np.frombuffer(pack(levels), np.uint8).copy()
    tensors = {
        "levels": torch.from_numpy(content),
        "steps": torch.tensor([steps[name] for name in levels], dtype=torch.float32),
    }
    return checkpoint.save_tensors(path, tensors, config, card=card, fitted=fitted)


def load(path: Path, base: Path) -> VrInr:
    """The network that a correction makes of the general weights it was made for.

    Args:
        path: the correction.
        base: the general weights.

    Returns:
        In eval mode, float32, on the CPU.

    Raises:
        WeightsError: either file is missing or damaged, they do not belong together, or what the correction
            holds does not fit the network. Nothing larger than the network is ever made.
    """
    header = read_header(path)
    config = header.config
    if not isinstance(config, CorrectionConfig):
        raise WeightsError(f"{path.name}: weights of kind {header.kind!r}, not a correction", hint=HINT)
    if read_header(base).digest != config.base:
        raise WeightsError(f"{path.name}: corrects weights {config.base[:12]}, not {base.name}", hint=HINT)
    model = checkpoint.load(base)
    if model.config != config.network:
        raise WeightsError(f"{path.name}: corrects another network than {base.name} has", hint=HINT)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    _check_tensors(header, shapes)
    levels, steps = _read(header, shapes)
    result = corrected(model, levels, steps)
    if not all(bool(torch.isfinite(value).all()) for value in result.state_dict().values()):
        raise WeightsError(f"{path.name}: a weight is not finite", hint=HINT)
    return result


def _check_tensors(header: CheckpointHeader, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse tensors that are not as the layout says, by the header alone."""
    longest = 2 * sum(math.prod(shape) for shape in shapes.values()) + _SLACK_BYTES
    kind, shape = header.tensors.get("levels", ("", ()))
    is_right = (
        set(header.tensors) == {"levels", "steps"}
        and kind == "U8"
        and len(shape) == 1
        and shape[0] <= longest
        and header.tensors["steps"] == ("F32", (len(shapes),))
    )
    if not is_right:
        raise WeightsError(f"{header.path.name}: its tensors do not fit the config", hint=HINT)


def _read(
    header: CheckpointHeader, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[dict[str, Tensor], dict[str, float]]:
    try:
        tensors = safetensors.torch.load(check_digest(header))
        levels = unpack(tensors["levels"].numpy().tobytes(), shapes)
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{header.path.name}: cannot be decoded ({error})", hint=HINT) from error
    numbers = [float(step) for step in tensors["steps"]]
    if not all(math.isfinite(step) and step > 0 for step in numbers):
        raise WeightsError(f"{header.path.name}: a step that is not above 0", hint=HINT)
    return levels, dict(zip(shapes, numbers, strict=True))


def _stored(step: float) -> float:
    """A step as the file holds it, in float32."""
    return float(np.float32(step))


def _decoded(content: bytes, expected: int) -> NDArray[np.uint8]:
    """Exactly as many bytes as expected, and never more than one beyond."""
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
    try:
        plain = decoder.decompress(content, max_length=expected + 1)
    except lzma.LZMAError as error:
        raise ValueError(f"damaged: {error}") from error
    if len(plain) != expected or not decoder.eof or decoder.unused_data:
        raise ValueError(f"not {expected} bytes of levels")
    return np.frombuffer(plain, np.uint8)
