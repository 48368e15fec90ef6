"""Where weights are found: inside the package, in the checkout, or where a path points."""

import importlib.resources
from pathlib import Path

from vrinr_cli.errors import OptionError, WeightsError

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
        OptionError: neither, or a kind of file that could run code.
        WeightsError: a path to nothing.
    """
    path = Path(name)
    if path.suffix.lower() in UNSAFE:
        raise OptionError(f"{path.name}: pickled weights can run code and are never read", hint="use .safetensors")
    if path.suffix == ".safetensors" or len(path.parts) > 1:
        if not path.is_file():
            raise WeightsError(f"{name}: no such file", hint="see `vrinr info` for the bundled weights")
        return path.resolve()
    known = {p.stem: p for p in bundled()}
    if name not in known:
        raise OptionError(f"no weights are called {name!r}", hint=f"choose {', '.join(known) or 'a .safetensors file'}")
    return known[name]
