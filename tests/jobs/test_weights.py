"""What a name or path of weights means, and what is said where it means nothing."""

from pathlib import Path

import pytest

from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.weights import bundled, find


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "a.svg").write_text("<svg/>")
    monkeypatch.chdir(tmp_path)


def test_a_file_of_another_kind_is_named_as_such() -> None:
    with pytest.raises(OptionError, match=r"^a\.svg: not a \.safetensors file$"):
        find("a.svg")
    with pytest.raises(OptionError, match=r"^no weights are called 'b\.svg'$"):
        find("b.svg")


@pytest.mark.parametrize("name", ["folder", "folder.safetensors", "./folder", "folder/../folder"])
def test_a_folder_is_named_as_such(name: str) -> None:
    with pytest.raises(OptionError, match=r": a folder, not weights$"):
        find(name)


def test_a_bundled_name_goes_before_what_lies_here() -> None:
    Path("general").mkdir()
    Path("fast").write_text("")
    assert find("general") in bundled()
    assert find("fast") in bundled()
