"""Tables on stdout: with lines and colors on a terminal, plain elsewhere."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from vrinr_cli.errors import printable

if TYPE_CHECKING:
    from vrinr_cli.benchmark.tables import Table

R = TypeVar("R")


def is_terminal() -> bool:
    """Whether somebody looks at stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


def print_table(table: "Table[R]", *, group: Callable[[R], object]) -> None:
    """A table with a line between groups and the best of each group in bold on a terminal, plain text elsewhere."""
    if is_terminal():
        _print_rich(table, group)
    else:
        _print_plain(table)


def _print_plain(table: "Table[R]") -> None:
    from vrinr_cli.benchmark.tables import plain_head, plain_line  # noqa: PLC0415

    typer.echo(printable(table.title))
    typer.echo(plain_head(table.columns))
    for cells in table.cells():
        typer.echo(plain_line(table.columns, cells))


def _print_rich(table: "Table[R]", group: Callable[[R], object]) -> None:
    from rich.console import Console  # noqa: PLC0415 - rich is slow to load
    from rich.table import Table as RichTable  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = RichTable(title=Text(printable(table.title)), title_justify="left")
    for column in table.columns:
        unit = f" {column.unit}" if column.unit else ""
        drawn.add_column(f"{column.title}{unit}", justify="right" if column.is_number else "left")
    best = table.best_cells(group)
    keys = [group(row) for row in table.rows]
    for number, cells in enumerate(table.cells()):
        shown = [
            Text(printable(cell), style="bold" if (number, place) in best else "") for place, cell in enumerate(cells)
        ]
        ends = number + 1 < len(keys) and keys[number + 1] != keys[number]
        drawn.add_row(*shown, end_section=ends)
    Console().print(drawn)
