"""Where weights are found, inside the package, in the checkout, or where a path points; and what they become."""

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING

from vrinr_cli.errors import OptionError, WeightsError
from vrinr_cli.model.correction_config import CorrectionConfig
from vrinr_cli.model.header import CheckpointHeader, read_header

if TYPE_CHECKING:
    from vrinr_cli.model.clip_network import ClipNetwork
    from vrinr_cli.model.network import VrInr

UNSAFE = {".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin"}


def bundled_folder() -> Path:
    """The folder of bundled weights: of the installed package, or of the checkout it runs from."""
    installed = Path(str(importlib.resources.files("vrinr_cli"))) / "weights"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "weights"


def bundled() -> list[Path]:
    """All bundled checkpoints, by name."""
    return sorted(bundled_folder().glob("*.safetensors"))


def find(name: str) -> Path:
    """The checkpoint that a name or path means.

    Raises:
        OptionError: neither, a folder, or a kind of file that could run code.
        WeightsError: a path to nothing.
    """
    path = Path(name)
    if path.suffix.lower() in UNSAFE:
        raise OptionError(f"{path.name}: pickled weights can run code and are never read", hint="use .safetensors")
    known = {p.stem: p for p in bundled()}
    if name not in known and path.is_dir():
        raise OptionError(f"{name}: a folder, not weights", hint="give a .safetensors file or a name")
    if path.suffix == ".safetensors" or len(path.parts) > 1:
        if not path.is_file():
            raise WeightsError(f"{name}: no such file", hint="see `vrinr info` for the bundled weights")
        return path.resolve()
    if name not in known and path.is_file():
        raise OptionError(f"{name}: not a .safetensors file", hint=f"give one, or choose {', '.join(known)}")
    if name not in known:
        raise OptionError(f"no weights are called {name!r}", hint=f"choose {', '.join(known) or 'a .safetensors file'}")
    return known[name]


def load(path: Path) -> "VrInr | ClipNetwork":
    """The network of a weights file of any kind, in eval mode, float32, on the CPU.

    Raises:
        WeightsError: missing or damaged, or a correction whose general weights are not to be found.
    """
    from vrinr_cli.model import checkpoint, clip_checkpoint, correction  # noqa: PLC0415 - torch loads here

    header = read_header(path)
    if header.kind == "clip":
        return clip_checkpoint.load(path)
    if header.kind == "correction":
        return correction.load(path, base_of(header))
    return checkpoint.load(path)


def base_of(header: CheckpointHeader) -> Path:
    """The general weights that a correction corrects: among the bundled ones, or beside its file.

    Raises:
        WeightsError: they are not there, or it is no correction.
    """
    name = header.path.name
    if not isinstance(header.config, CorrectionConfig):
        raise WeightsError(f"{name}: weights of kind {header.kind!r}, not a correction", hint="use them as they are")
    beside = sorted(header.path.parent.glob("*.safetensors"))
    for path in (*bundled(), *beside):
        if _digest(path) == header.config.base:
            return path
    raise WeightsError(
        f"{name}: corrects general weights {header.config.base[:12]}, which are not here",
        hint="put the .safetensors file that it was made with beside it",
    )


def _digest(path: Path) -> str | None:
    """What a file's header says of itself; None where it is no weights file."""
    try:
        return read_header(path).digest
    except WeightsError:
        return None
