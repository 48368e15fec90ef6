"""The `vrinr` command: its subcommands and what every one of them shares."""

import os
from typing import Annotated

import typer

from vrinr_cli import __version__
from vrinr_cli.cli import show
from vrinr_cli.cli.benchmark import benchmark
from vrinr_cli.cli.compare import compare
from vrinr_cli.cli.configured import Command, Configured
from vrinr_cli.cli.denoise import denoise
from vrinr_cli.cli.fit import fit
from vrinr_cli.cli.info import info
from vrinr_cli.cli.jobs import jobs
from vrinr_cli.cli.join import join
from vrinr_cli.cli.plan import plan
from vrinr_cli.cli.preview import preview
from vrinr_cli.cli.resume import resume
from vrinr_cli.cli.train import train
from vrinr_cli.cli.upscale import upscale

EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong use (told before the first frame), 130 interrupted."

app = typer.Typer(
    name="vrinr",
    help="Make video larger and cleaner at any scale, with the VR-INR network.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=Configured, epilog=EPILOG, no_args_is_help=True)(upscale)
app.command(cls=Configured, epilog=EPILOG, no_args_is_help=True)(denoise)
app.command(cls=Configured, epilog=EPILOG, no_args_is_help=True)(plan)
app.command(cls=Command, epilog=EPILOG, no_args_is_help=True)(preview)
app.command(cls=Command, epilog=EPILOG, no_args_is_help=True)(compare)
app.command(cls=Configured, epilog=EPILOG, no_args_is_help=True)(resume)
app.command(cls=Command, epilog=EPILOG, no_args_is_help=True)(join)
app.command(cls=Command, epilog=EPILOG)(jobs)
app.command(cls=Configured, epilog=EPILOG, no_args_is_help=True)(fit)
app.command(cls=Configured, epilog=EPILOG, no_args_is_help=True)(train)
app.command(cls=Configured, epilog=EPILOG, no_args_is_help=True)(benchmark)
app.command(cls=Command, epilog=EPILOG)(info)


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
