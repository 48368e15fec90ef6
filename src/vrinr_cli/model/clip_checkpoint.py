"""Checkpoints of the paper's network; safetensors only.

Two ways to keep the tables. As float16, the networks as float32: a table entry lies well within float16's range, and
its rounding moves no color by a tenth of an 8-bit code (tests/model/test_clip_checkpoint.py). Or, where the config has
a `table_step`, as whole multiples of it, coded as in `correction`, and the networks as float16.
"""

from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from vrinr_cli.errors import WeightsError
from vrinr_cli.model import correction
from vrinr_cli.model.checkpoint import save_tensors
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.clip_network import ClipNetwork
from vrinr_cli.model.header import HINT, CheckpointHeader, FittedTo, check_digest, read_header

NAMES = {torch.float16: "F16", torch.float32: "F32"}
LEVELS = "levels"
"""Name of the coded tables."""
SLACK_BYTES = 1 << 16
"""By which coded tables may be longer than plain ones."""


def save(path: Path, network: ClipNetwork, *, card: dict[str, str], fitted: FittedTo) -> str:
    """Write a checkpoint, whole or not at all; give its sha256."""
    config = network.config
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    tensors = {name: value.to(_stored(name, config)) for name, value in state.items() if not _is_coded(name, config)}
    if config.table_step:
        tables = {name: levels_of(value, config.table_step) for name, value in state.items() if _is_coded(name, config)}
        tensors[LEVELS] = torch.from_numpy(np.frombuffer(correction.pack(tables), np.uint8).copy())
    return save_tensors(path, tensors, config, card=card, fitted=fitted)


def rounded(table: Tensor, step: float) -> Tensor:
    """A table as its file gives it back."""
    return levels_of(table, step).T.to(table) * step


def levels_of(table: Tensor, step: float) -> Tensor:
    """Entries (V, D) in whole steps, (D, V) int64: numbers of one kind side by side, which codes better."""
    limit = correction.LARGEST_LEVEL
    return (table.detach().double() / step).round().clamp(-limit, limit).long().T.contiguous()


def load(path: Path) -> ClipNetwork:
    """The network of a checkpoint, in eval mode, float32, on the CPU.

    Raises:
        WeightsError: missing, damaged, of another format or kind, or with tensors that do not fit its config.
    """
    header = read_header(path)
    config = header.config
    if not isinstance(config, ClipConfig):
        raise WeightsError(f"{path.name}: weights of kind {header.kind!r}, not fitted to a clip", hint=HINT)
    content = check_digest(header)
    with torch.device("meta"):  # names and shapes only: a file that lies of its size makes no tensor
        network = ClipNetwork(config)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    _check_tensors(header, config, shapes)
    try:
        tensors = safetensors.torch.load(content)
        whole = {name: value.float() for name, value in tensors.items() if name != LEVELS}
        if config.table_step:
            coded = {name: (shape[1], shape[0]) for name, shape in shapes.items() if _is_coded(name, config)}
            levels = correction.unpack(tensors[LEVELS].numpy().tobytes(), coded)
            whole |= {name: value.T.float() * config.table_step for name, value in levels.items()}
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"{path.name}: cannot be decoded ({error})", hint=HINT) from error
    if not all(bool(torch.isfinite(value).all()) for value in whole.values()):
        raise WeightsError(f"{path.name}: a weight is not finite", hint=HINT)
    loaded = ClipNetwork(config)
    loaded.load_state_dict(whole)
    loaded.first = header.fitted.first if header.fitted else 0
    return loaded.eval().requires_grad_(False)


def _check_tensors(header: CheckpointHeader, config: ClipConfig, shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse tensors that are not as the config says, by the header alone."""
    expected = {
        name: (NAMES[_stored(name, config)], shape) for name, shape in shapes.items() if not _is_coded(name, config)
    }
    found = dict(header.tensors)
    if config.table_step:
        kind, shape = found.pop(LEVELS, ("", ()))
        most = 2 * sum(shapes[name][0] * shapes[name][1] for name in shapes if _is_coded(name, config)) + SLACK_BYTES
        if kind != "U8" or len(shape) != 1 or shape[0] > most:
            raise WeightsError(f"{header.path.name}: tensor {LEVELS} does not fit the config", hint=HINT)
    if expected != found:
        differing = sorted(set(expected.items()) ^ set(found.items()))
        raise WeightsError(f"{header.path.name}: tensor {differing[0][0]} does not fit the config", hint=HINT)


def _is_coded(name: str, config: ClipConfig) -> bool:
    return bool(config.table_step) and name.endswith(".table")


def _stored(name: str, config: ClipConfig) -> torch.dtype:
    return torch.float16 if config.table_step or name.endswith(".table") else torch.float32
