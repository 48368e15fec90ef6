"""The Python in README.md and docs/library.md runs as it stands there."""

import re
import runpy
from pathlib import Path

import pytest

from media import clips

ROOT = Path(__file__).parents[1]


def examples(name: str) -> list[str]:
    """Every block of Python in a page."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)


EXAMPLES = [(name, number) for name in ("README.md", "docs/library.md") for number in range(len(examples(name)))]


def test_there_are_examples() -> None:
    assert {name for name, _ in EXAMPLES} == {"README.md", "docs/library.md"}
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_an_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    monkeypatch.chdir(tmp_path)
    clips.plain(tmp_path / "in.mp4", frames=12, size=(16, 24))
    (tmp_path / "example.py").write_text(examples(name)[number])
    assert runpy.run_path(str(tmp_path / "example.py"))["__name__"] == "<run_path>"
