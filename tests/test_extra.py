import sys

import pytest

from vrinr_cli import extra
from vrinr_cli.errors import OptionError


def test_a_missing_package_is_named_with_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(OptionError, match=r"^a chart needs matplotlib, which is not installed$") as caught:
        extra.load("matplotlib", what="a chart")
    assert caught.value.hint == "run: pip install 'vrinr[benchmark]'"
    with pytest.raises(OptionError, match=r"^the benchmark needs matplotlib"):
        extra.require("jinja2", "matplotlib")


def test_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(OptionError, match=r"^a preview needs PIL, which is not installed$") as caught:
        extra.load("PIL", what="a preview", extra="preview")
    assert caught.value.hint == "run: pip install 'vrinr[preview]'"


def test_the_extra_that_has_a_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(OptionError, match=r"^--cluster needs ray, which is not installed$") as caught:
        extra.load("ray", what="--cluster", extra="cluster")
    assert caught.value.hint == "run: pip install 'vrinr[cluster]'"


def test_what_is_there_is_loaded() -> None:
    assert extra.load("matplotlib.figure").Figure is not None
