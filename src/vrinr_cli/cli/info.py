"""`vrinr info`."""

from typing import Annotated

import typer

from vrinr_cli.cli.show import print_json, shown_errors
from vrinr_cli.errors import printable


def info(*, json_: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Show versions, devices, encoders and weights of this installation. Exit code 1 if it cannot work.

    Examples:
      vrinr info

      vrinr info --json
    """
    with shown_errors(as_json=json_):
        from vrinr_cli.jobs.survey import survey  # noqa: PLC0415 - torch and PyAV load here
        from vrinr_cli.record import to_plain  # noqa: PLC0415

        found = survey()
        if json_:
            print_json({"event": "info", **to_plain(found)})
        else:
            for title, rows in found.tables():
                typer.echo(title)
                width = max((len(name) for name, _ in rows), default=0)
                for name, words in rows:
                    typer.echo(f"  {printable(name):{width}}  {printable(words)}")
        if not found.is_usable:
            raise typer.Exit(1)
