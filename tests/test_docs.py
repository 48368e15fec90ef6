"""What the README says is what the commands have."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
from typer.main import get_command

from vrinr_cli.cli.app import app
from vrinr_cli.jobs.batch import BatchReport, Outcome, Result
from vrinr_cli.jobs.forecast import Forecast
from vrinr_cli.jobs.sources import VIDEO_ENDINGS
from vrinr_cli.jobs.totals import Totals

ROOT = Path(__file__).parents[1]
HOLE = "…"
"""Stands for a value in a message."""


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


def test_every_key_of_a_batch_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    many = readme[readme.index("## Many files") :].split("\n## ")[0]
    keys = {name for record in (BatchReport, Outcome, Totals) for name in record.__dataclass_fields__}
    assert len(keys) > 15
    assert [name for name in sorted({*keys, *get_args(Result)}) if f"`{name}`" not in many] == []
    assert {word for word in re.findall(r"\.\w+", many) if word in VIDEO_ENDINGS} == VIDEO_ENDINGS


def test_every_command_has_a_section() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"## `vrinr {name}" in readme


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_links_into_a_page_lead_to_a_heading() -> None:
    links = [
        (page, *link)
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for link in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text())
    ]
    assert len(links) > 20
    for page, path, anchor in links:
        assert anchor in anchors(page.parent / path if path else page), f"{page.name}: {path}#{anchor}"


def test_every_fault_has_a_row() -> None:
    words = (ROOT / "docs" / "reliability.md").read_text()
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", words, re.MULTILINE)] == list(range(1, 61))


def named_tests(path: Path) -> set[str]:
    """What pytest calls the tests of a file: their names, with that of their class."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{child.name}" for child in node.body if isinstance(child, ast.FunctionDef)}
    return found


@pytest.mark.parametrize(("page", "least"), [("reliability.md", 60), ("comparison.md", 20)])
def test_every_test_that_a_page_names_exists(page: str, least: int) -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", (ROOT / "docs" / page).read_text()))
    assert len(named) > least
    for path, name in named:
        assert name in named_tests(ROOT / path), f"{path}::{name}"


def test_every_cell_of_the_comparison_has_a_source() -> None:
    tables = re.findall(r"(?:^\|.*\n)+", (ROOT / "docs" / "comparison.md").read_text(), re.MULTILINE)
    answers, *sources = ([row.split(" | ") for row in table.splitlines()[2:]] for table in tables)
    assert len(answers) > 25
    assert {len(row) for row in answers} == {1 + len(sources)}
    for column, table in enumerate(sources, start=1):
        assert [row[0] for row in table] == [row[0] for row in answers]
        for answer, source in zip(answers, table, strict=True):
            is_open = answer[column].startswith("not checked")
            assert is_open or source[1] != "- |", f"{answer[0]}: {answer[column]}"


def test_every_message_that_has_advice_is_still_given() -> None:
    words = (ROOT / "docs" / "troubleshooting.md").read_text()
    messages = [holes_as_one(message) for message in re.findall(r"^\| `([^`]+)` \|", words, re.MULTILINE)]
    assert len(messages) > 30
    given = set().union(*(texts_in(path) for path in (ROOT / "src").rglob("*.py")))
    assert [message for message in messages if not any(message in text for text in given)] == []


def anchors(page: Path) -> set[str]:
    """What links into a page can name, as GitHub makes it from the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def texts_in(path: Path) -> set[str]:
    """Every string of a module but docstrings, with … where a value is put in."""
    tree = ast.parse(path.read_text())
    found = set()
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.add(holes_as_one("".join(text_of(part) or HOLE for part in node.values)))
        elif id(node) not in docstrings:
            found.add(text_of(node))
    return found - {""}


def text_of(node: ast.AST) -> str:
    """The text of a string without values in it; of any other node none."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def holes_as_one(text: str) -> str:
    """The text with values that follow each other taken as one."""
    return re.sub(f"{HOLE}(?: ?{HOLE})*", HOLE, text)
