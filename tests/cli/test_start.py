"""What `vrinr --help` costs: only what it says needs to be loaded."""

import subprocess
import sys

import pytest

from vrinr_cli.cli.commands import ENTRIES, load

HEAVY = ("torch", "av", "numpy", "safetensors", "PIL", "jinja2")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["upscale", "--help"],
        ["train", "--help"],
        ["plan", "--help"],
        ["preview", "--help"],
        ["compare", "--help"],
        ["jobs", "--help"],
        ["resume", "--help"],
    ],
)
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys; from vrinr_cli.cli.app import app\n"
        f"try: app({arguments!r})\n"
        "except SystemExit: pass\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("LOADED []"), done.stdout


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "vrinr_cli", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("vrinr ")


def test_every_command_shows_its_exit_codes_and_three_examples() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vrinr_cli", "upscale", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("vrinr upscale in.") == 3
    assert "130" in done.stdout


def loaded_by(arguments: list[str]) -> set[str]:
    """The package's modules that a command line needs."""
    code = (
        "import sys; from vrinr_cli.cli.app import app\n"
        f"try: app({arguments!r})\n"
        "except SystemExit: pass\n"
        "print('LOADED', *[m for m in sys.modules if m.startswith('vrinr_cli.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_a_list_of_the_commands_loads_none_of_them(arguments: list[str]) -> None:
    found = loaded_by(arguments)
    assert "vrinr_cli.cli.commands" in found
    assert found & {f"vrinr_cli.cli.{name}" for name in ENTRIES} == set()


def test_a_command_loads_no_other() -> None:
    found = loaded_by(["info", "--help"])
    assert found & {f"vrinr_cli.cli.{name}" for name in ENTRIES} == {"vrinr_cli.cli.info"}


@pytest.mark.parametrize("name", ENTRIES)
def test_the_list_says_what_the_command_says_of_itself(name: str) -> None:
    command = load(name)
    assert command.name == name
    assert command.help.split("\n\n")[0].replace("\n", " ") == ENTRIES[name].help
