"""Packages of extras, for reports, previews and clusters: loaded when used, and named with their extra if missing."""

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


def load(name: str, *, what: str = "the benchmark", extra: str = "benchmark") -> ModuleType:
    """A package of an extra, or a module in one.

    Args:
        name: import name.
        what: what needs it, for the error's text.
        extra: of this package's extras, which brings it.

    Raises:
        OptionError: it is missing; says how to get it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise OptionError(
            f"{what} needs {error.name}, which is not installed", hint=f"run: pip install 'vrinr[{extra}]'"
        ) from error
