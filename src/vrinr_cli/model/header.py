"""What a checkpoint says of itself, read without torch: the JSON header of a safetensors file.

A safetensors file is 8 bytes little-endian header length, the header as JSON, then the tensors' bytes. Ours
carries one metadata entry "vrinr": format version, kind, config, card, for a fitted one the clip, and a sha256 over
all that decides the result: config, tensor table and tensor bytes.

Kinds: "general" (one network for every clip), "clip" (the paper's network, fitted to one clip), "correction" (a small
difference to general weights, fitted to one clip).
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vrinr_cli.errors import VrinrError, WeightsError
from vrinr_cli.model.clip_config import ClipConfig
from vrinr_cli.model.config import ModelConfig
from vrinr_cli.model.correction_config import CorrectionConfig
from vrinr_cli.record import from_plain

FORMAT_VERSION = 1
HEADER_LIMIT = 1 << 20
"""Bytes; ours are a few thousand."""
HINT = "use weights made by `vrinr train` or `vrinr fit`, or reinstall vrinr for the bundled ones"

Config = ModelConfig | ClipConfig | CorrectionConfig
KINDS: dict[str, type[Config]] = {"general": ModelConfig, "clip": ClipConfig, "correction": CorrectionConfig}


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTo:
    """The clip that weights were fitted to. One that exists is valid."""

    name: str
    """Of the file, for messages."""
    digest: str
    """Of the file that the network read, `video.probe.digest_of`."""
    reference: str = ""
    """Of the file with the HR frames that it learned from; empty for a fit without one."""
    scales: tuple[float, ...] = (1.0,)
    """Height of the HR frames over height of the LR frames that it learned from; rising where there are several."""
    first: int = 0
    """Number of the clip's first frame within the file."""
    is_crop: bool = False
    """Whether only the middle of the picture was learned."""
    noise: tuple[float, ...] = ()
    """What was measured of the clip's noise: a and b of R, G and B, 8-bit codes; empty where it was not asked."""

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(f"scales are {self.scales}")
        if self.noise and (len(self.noise) != 6 or not all(0 <= n < math.inf for n in self.noise)):
            raise ValueError(f"noise is {self.noise}")

    @property
    def protocol(self) -> str:
        """Either "paired" (HR frames were seen) or "blind"."""
        return "paired" if self.reference else "blind"


@dataclass(frozen=True, slots=True)
class CheckpointHeader:
    """The header of one checkpoint file, checked for form but not yet against the tensors' bytes."""

    path: Path
    config: Config
    card: dict[str, str]
    """Summary for people: what it was trained on, how long, validation figures."""
    digest: str
    """sha256, hexadecimal."""
    tensors: dict[str, tuple[str, tuple[int, ...]]]
    """Name to (dtype, shape)."""
    parameters: int
    data_start: int
    """Offset of the tensors' bytes in the file."""
    fitted: FittedTo | None = None

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return kind_of(self.config)

    @property
    def protocol(self) -> str:
        """Either "paired" (fitted to a clip's own HR frames) or "blind"."""
        return self.fitted.protocol if self.fitted else "blind"


def kind_of(config: Config) -> str:
    """The name in `KINDS` of a config's type."""
    return next(kind for kind, of_kind in KINDS.items() if isinstance(config, of_kind))


def digest_of(config: dict[str, Any], table: dict[str, Any], data: bytes) -> str:
    """The sha256 that a checkpoint's header promises.

    Args:
        config: as it stands in the file: fields that came to the program later do not change the sum.
        table: of `tensor_table`.
        data: the tensors' bytes.
    """
    words = json.dumps({"format": FORMAT_VERSION, "config": config, "tensors": table}, sort_keys=True)
    return hashlib.sha256(words.encode() + data).hexdigest()


def read_header(path: Path) -> CheckpointHeader:
    """The header of a checkpoint file.

    Raises:
        WeightsError: the file is missing, no safetensors file, or not one of ours.
    """
    header, data_start = _read_json(path)
    try:
        words = json.loads(header["__metadata__"]["vrinr"])
        if words["format"] != FORMAT_VERSION:
            raise WeightsError(f"{path.name}: weights of format {words['format']!r}", hint=HINT)
        kind = str(words.get("kind", "general"))
        if kind not in KINDS:
            raise WeightsError(f"{path.name}: weights of kind {kind!r}", hint=HINT)
        config = from_plain(KINDS[kind], words["config"], at="config")
        fitted = from_plain(FittedTo, words["fitted"], at="fitted") if "fitted" in words else None
        card = {str(k): str(v) for k, v in words["card"].items()}
        tensors = {
            str(name): (str(entry["dtype"]), tuple(int(n) for n in entry["shape"]))
            for name, entry in header.items()
            if name != "__metadata__"
        }
        digest = str(words["digest"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, VrinrError):
            raise WeightsError(f"{path.name}: {error}", hint=HINT) from error
        raise WeightsError(f"{path.name}: not weights of vrinr ({error})", hint=HINT) from error
    parameters = sum(math.prod(shape) for _, shape in tensors.values())
    return CheckpointHeader(path, config, card, digest, tensors, parameters, data_start, fitted)


def tensor_table(header: dict[str, Any]) -> dict[str, Any]:
    """The header without its metadata: name to dtype, shape and offsets."""
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


def check_digest(header: CheckpointHeader) -> bytes:
    """The whole file, once its sha256 was found right.

    Raises:
        WeightsError: the file is cut or was changed.
    """
    raw, data_start = _read_json(header.path)
    content = header.path.read_bytes()
    config = json.loads(raw["__metadata__"]["vrinr"])["config"]
    got = digest_of(config, tensor_table(raw), content[data_start:])
    if got != header.digest:
        raise WeightsError(
            f"{header.path.name}: weights damaged: sha256 {got[:12]}, expected {header.digest[:12]}",
            hint=HINT,
        )
    return content


def _read_json(path: Path) -> tuple[dict[str, Any], int]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= HEADER_LIMIT:
                raise WeightsError(f"{path.name}: not a safetensors file, or cut short", hint=HINT)
            header = json.loads(file.read(length))
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}", hint=HINT) from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path.name}: not a safetensors file, or cut short", hint=HINT) from error
    if not isinstance(header, dict):
        raise WeightsError(f"{path.name}: not a safetensors file, or cut short", hint=HINT)
    return header, 8 + length
