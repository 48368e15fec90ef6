"""The `vrinr` command: its subcommands and what every one of them shares."""

import os
from typing import Annotated

import typer

from vrinr_cli import __version__
from vrinr_cli.cli import show
from vrinr_cli.cli.commands import EPILOG, Commands

app = typer.Typer(
    name="vrinr",
    cls=Commands,
    help="Make video larger and cleaner at any scale, with the VR-INR network.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"vrinr {__version__}")
        raise typer.Exit


@app.callback()
def common(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Make video larger and cleaner at any scale, with the VR-INR network."""
    show.set_debug(debug)


def main() -> None:
    """Entry point of the console command."""
    # torch's threads spin while they wait, which starves the decoder, the encoder and other jobs: let them sleep
    # soon. Read when torch loads. docs/decisions/0008
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    show.replace_what_cannot_be_written()
    app()
