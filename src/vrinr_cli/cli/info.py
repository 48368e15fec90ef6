"""`vrinr info`."""

import os
from typing import Annotated

import typer

from vrinr_cli.cli import settings, variables
from vrinr_cli.cli.show import print_json, shown_errors
from vrinr_cli.errors import OptionError, printable


def info(*, json_: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Show versions, devices, encoders and weights of this installation. Exit code 1 if it cannot work.

    Examples:
      vrinr info

      vrinr info --json
    """
    with shown_errors(as_json=json_):
        from vrinr_cli.jobs.survey import survey  # noqa: PLC0415 - torch and PyAV load here
        from vrinr_cli.record import to_plain  # noqa: PLC0415

        found, read = survey(), settings_rows()
        if json_:
            print_json({"event": "info", **to_plain(found), "settings": to_plain(read)})
        else:
            for title, rows in (*found.tables(), ("settings", read)):
                typer.echo(title)
                width = max((len(name) for name, _ in rows), default=0)
                for name, words in rows:
                    typer.echo(f"  {printable(name):{width}}  {printable(words)}")
        if not found.is_usable:
            raise typer.Exit(1)


def settings_rows() -> tuple[tuple[str, str], ...]:
    """Files of settings, profiles and environment variables, and what is to be said of each."""
    rows, files = [], []
    for path, is_of_folder in settings.places():
        try:
            file = settings.read(path, is_of_folder=is_of_folder)
        except OptionError as error:
            rows.append((str(path), f"refused: {error}; {error.hint}"))
            continue
        rows.append((str(path), "not there" if file is None else "read"))
        files += [file] if file is not None else []
    names = ", ".join(settings.profiles(files))
    values = ((name, os.environ.get(name) or "not set") for name in variables.KNOWN)
    return (*rows, ("profiles", names), *values)
