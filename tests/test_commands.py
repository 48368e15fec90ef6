"""Every command has a page, every example line parses, and what the pages say of quick commands is what vrinr says."""

import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from vrinr_cli.cli import variables
from vrinr_cli.cli.app import app
from vrinr_cli.jobs import trial

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "commands"
NAMES = sorted(get_command(app).commands)  # type: ignore[attr-defined]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDED = ("## Options that matter", "## Exit codes", "## More", "<!-- output: ")


@pytest.fixture(scope="module")
def make() -> Iterator[Any]:
    """docs/commands/make.py as a module."""
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "make", module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def media(make: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that pages name."""
    folder = tmp_path_factory.mktemp("media")
    make.make_media(folder)
    return folder


def examples() -> list[tuple[str, str]]:
    """Every line of a page's console blocks that begins with vrinr, with the page; what comes after a pipe too."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^```(?:console|sh)?\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                parts = [part.strip() for part in line.removeprefix("$ ").split(" | ")]
                words = [re.sub(r"^([A-Z_]+=\S+ )+", "", part) for part in parts]
                found += [(page.name, part) for part in words if re.match(r"vrinr [a-z-]", part)]
    return found


def test_every_command_has_a_page_that_says_what_is_needed() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == NAMES
    readme = (ROOT / "README.md").read_text()
    for name in NAMES:
        page = (FOLDER / f"{name}.md").read_text()
        assert page.startswith(f"# `vrinr {name}")
        assert [part for part in NEEDED if part not in page] == []
        assert f"](docs/commands/{name}.md)" in readme


def test_every_example_line_has_options_that_there_are() -> None:
    lines = examples()
    assert len(lines) > 150
    wrong = []
    for page, line in lines:
        done = CliRunner().invoke(app, [*shlex.split(line, comments=True)[1:], "--help"])
        if done.exit_code:
            wrong.append(f"{page}: {line}: {done.stderr}")
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_what_vrinr_says_today(
    make: Any, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shutil.copytree(media, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", make.CONFIG_HOME)
    monkeypatch.delenv(variables.CONFIG)
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    monkeypatch.setattr(trial, "SIZE_SECONDS", 0.0)

    def run(words: list[str]) -> tuple[int, str]:
        done = CliRunner().invoke(app, words, env={"COLUMNS": "110"})
        return done.exit_code, done.output

    shown = [block for block in make.blocks((FOLDER / f"{name}.md").read_text()) if block.is_today]
    assert shown
    for block in shown:
        text = make.said(block, run, tmp_path)
        assert make.comparable(block, text) == make.comparable(block, block.text)
