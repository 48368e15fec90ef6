"""Checkpoints: one function each way. safetensors only; nothing in a file is ever executed."""

import json
import os
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from vrinr_cli.errors import WeightsError
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.header import (
    FORMAT_VERSION,
    HINT,
    Config,
    FittedTo,
    check_digest,
    digest_of,
    kind_of,
    read_header,
    tensor_table,
)
from vrinr_cli.model.network import VrInr
from vrinr_cli.record import to_plain


def save(path: Path, model: VrInr, *, card: dict[str, str], fitted: FittedTo | None = None) -> str:
    """Write a checkpoint of the general network, whole or not at all; give its sha256."""
    tensors = {name: t.detach().float().cpu().contiguous().clone() for name, t in model.state_dict().items()}
    return save_tensors(path, tensors, model.config, card=card, fitted=fitted)


def save_tensors(
    path: Path, tensors: dict[str, Tensor], config: Config, *, card: dict[str, str], fitted: FittedTo | None = None
) -> str:
    """Write a checkpoint of any kind, whole or not at all; give its sha256."""
    plain = safetensors.torch.save(tensors)
    length = int.from_bytes(plain[:8], "little")
    table = tensor_table(json.loads(plain[8 : 8 + length]))
    digest = digest_of(to_plain(config), table, plain[8 + length :])
    words = {"format": FORMAT_VERSION, "config": to_plain(config), "card": card, "digest": digest}
    if kind_of(config) != "general":
        words["kind"] = kind_of(config)
    if fitted is not None:
        words["fitted"] = to_plain(fitted)
    write_whole(path, safetensors.torch.save(tensors, metadata={"vrinr": json.dumps(words)}))
    return digest


def load(path: Path) -> VrInr:
    """The general network of a checkpoint, in eval mode, float32, on the CPU.

    Raises:
        WeightsError: missing, damaged, of another format or kind, or with tensors that do not fit its config.
    """
    header = read_header(path)
    if not isinstance(header.config, ModelConfig):
        raise WeightsError(f"{path.name}: weights of kind {header.kind!r}, not general ones", hint=HINT)
    content = check_digest(header)
    with torch.device("meta"):  # names and shapes only: a file that lies of its size makes no tensor
        model = VrInr(header.config)
    expected = {name: ("F32", tuple(t.shape)) for name, t in model.state_dict().items()}
    if expected != header.tensors:
        differing = sorted(set(expected.items()) ^ set(header.tensors.items()))
        raise WeightsError(f"{path.name}: tensor {differing[0][0]} does not fit the config", hint=HINT)
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise WeightsError(f"{path.name}: not a safetensors file ({error})", hint=HINT) from error
    model.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, assign=True)
    if not all(bool(torch.isfinite(t).all()) for t in model.state_dict().values()):
        raise WeightsError(f"{path.name}: a weight is not finite", hint=HINT)
    return model.eval().requires_grad_(False)


def initial(config: ModelConfig, seed: int) -> VrInr:
    """A network before training: its color decoder is zero, so it gives the bicubic image."""
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(seed)
        return VrInr(config)
    finally:
        torch.random.set_rng_state(state)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file so that it holds either its old content or all of the new."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
