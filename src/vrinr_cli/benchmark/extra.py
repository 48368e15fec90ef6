"""The packages that only the benchmark needs: loaded when they are used, and named where they are missing."""

import importlib
from types import ModuleType

from vrinr_cli.errors import OptionError

PACKAGES = ("torchmetrics", "matplotlib", "jinja2", "PIL")


def require(*names: str) -> None:
    """See that packages of the extra are there.

    Args:
        names: import names, each one of `PACKAGES`.

    Raises:
        OptionError: one is missing; says how to get it.
    """
    for name in names:
        load(name)


def load(name: str) -> ModuleType:
    """A package of the extra.

    Raises:
        OptionError: it is missing; says how to get it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise OptionError(
            f"the benchmark needs {error.name}, which is not installed", hint="run: pip install 'vrinr[benchmark]'"
        ) from error
