"""What the README says is what the commands have."""

import re
from pathlib import Path

from typer.main import get_command

from vrinr_cli.cli.app import app
from vrinr_cli.jobs.forecast import Forecast

ROOT = Path(__file__).parents[1]


def test_every_option_of_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    root = get_command(app)
    commands = {"": root, **root.commands}  # type: ignore[attr-defined]
    options = {
        (name, option)
        for name, command in commands.items()
        for parameter in command.params
        for option in [*parameter.opts, *parameter.secondary_opts]
        if option.startswith("-") and not option.startswith("--no-")
    }
    assert len(options) > 40
    assert [
        pair for pair in sorted(options) if not re.search(rf"`{re.escape(pair[1])}[`, ]|`{re.escape(pair[1])}$", readme)
    ] == []


def test_every_key_of_a_plan_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in Forecast.__dataclass_fields__ if f"`{name}`" not in readme] == []


def test_every_command_has_a_section() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"## `vrinr {name}" in readme


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_fault_has_a_row_and_every_test_that_a_row_names_exists() -> None:
    words = (ROOT / "docs" / "reliability.md").read_text()
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", words, re.MULTILINE)] == list(range(1, 61))
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", words))
    assert len(named) > 60
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
