"""What `vrinr --help` costs: only what it says needs to be loaded."""

import subprocess
import sys

import pytest

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
