"""What an installation needs beside the code: types, completion, an image that holds what the wheel is built from."""

import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import vrinr_cli

ROOT = Path(__file__).parents[1]
COMMAND = "import sys; sys.argv[0] = 'vrinr'; from vrinr_cli.cli.app import main; main()"


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile, in order, with their words on one line."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name, re.sub(r"\s+", " ", words)) for name, words in pairs]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a file of the checkout into the build: the last line that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        starts = ("/".join(parts[: n + 1]) for n in range(len(parts)))
        tried = parts if "**/" in line else starts
        if line and not line.startswith("#") and any(fnmatch(one, pattern) for one in tried):
            sent = line.startswith("!")
    return sent


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(vrinr_cli.__file__).parent / "py.typed").is_file()
    assert "py.typed" in (ROOT / ".ci" / "wheel-check").read_text()


def test_the_image_runs_as_a_user_without_rights_from_tagged_bases() -> None:
    found = instructions()
    bases = [words for name, words in found if name == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:\$\{PYTHON\}-slim-\w+( AS \w+)?", base) for base in bases)
    assert ("ARG", "PYTHON=3.11.13") in found
    assert [words for name, words in found if name == "USER"] == ["1000"]
    names = [name for name, _ in found]
    assert names.index("USER") > max(number for number, name in enumerate(names) if name == "RUN")
    assert "ADD" not in names
    assert ("ENTRYPOINT", '["vrinr"]') in found


def test_the_image_gets_what_the_wheel_is_built_from_and_no_more() -> None:
    copied = [words.split()[:-1] for name, words in instructions() if name == "COPY" and "--from" not in words]
    sources = [source.removeprefix("./") for words in copied for source in words]
    assert all((ROOT / source).exists() and is_sent(source) for source in sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {"pyproject.toml", project["project"]["readme"], "src", "weights", "constraints.txt"} <= set(sources)
    assert is_sent("src/vrinr_cli/cli/app.py")
    for other in (".git/config", ".venv/bin/python", "demo/bbb.mp4", "tests/conftest.py", "src/a/__pycache__/b.pyc"):
        assert not is_sent(other)


def test_the_classifiers_name_no_python_that_the_range_leaves_out() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [words.rsplit(" ", 1)[-1] for words in project["classifiers"] if "Python :: 3." in words]
    assert named[0] == project["requires-python"].removeprefix(">=")


def completed(shell: str, words: str, **environment: str) -> list[str]:
    """What a shell is told to offer after some words."""
    given = {"_VRINR_COMPLETE": f"complete_{shell}", **environment}
    if shell == "bash":
        given |= {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    else:
        given |= {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND], env={**os.environ, **given}, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str) -> None:
    assert any("upscale" in line for line in completed(shell, "vrinr ups"))
    assert any("--progress-file" in line for line in completed(shell, "vrinr upscale --progr"))
    assert not any("denoise" in line for line in completed(shell, "vrinr ups"))


@pytest.mark.parametrize(
    ("shell", "words"),
    [("bash", "complete -o default -F"), ("zsh", "#compdef vrinr"), ("fish", "complete --command vrinr")],
)
def test_completion_is_shown_for_each_shell(shell: str, words: str) -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND + "\n", "--show-completion", shell],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert words in done.stdout
    assert "_VRINR_COMPLETE=complete_" in done.stdout
