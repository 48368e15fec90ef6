"""What became of many files: a table on stderr, with lines and colors on a terminal, plain elsewhere."""

import sys
import unicodedata
from typing import TYPE_CHECKING

from vrinr_cli.cli.progress import show_duration
from vrinr_cli.cli.show import say
from vrinr_cli.errors import counted, printable, show_bytes

if TYPE_CHECKING:
    from vrinr_cli.jobs.batch import BatchReport, Outcome

HEADS = ("file", "result", "frames", "time", "size")
STYLES = {"done": "green", "skipped": "dim", "failed": "bold red", "stopped": "yellow", "not begun": "yellow"}


def show_summary(report: "BatchReport") -> None:
    """Print the table, and a line that sums it up."""
    if sys.stderr is not None and sys.stderr.isatty():
        _print_rich(report)
    else:
        for line in plain_lines(report):
            say(line)
    say(summary_words(report))


def summary_words(report: "BatchReport") -> str:
    """As in "12 files: 9 done, 1 skipped, 2 failed, in 41 min"."""
    found = [outcome.result for outcome in report.files]
    words = [f"{found.count(result)} {result}" for result in STYLES if result in found]
    return f"{counted(len(report.files), 'file')}: {', '.join(words)}, in {show_duration(report.seconds)}"


def plain_lines(report: "BatchReport") -> list[str]:
    """The table without lines and colors; why a file failed stands below it."""
    rows = [HEADS, *(_cells(outcome) for outcome in report.files)]
    widths = [max(_columns(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = []
    for row, outcome in zip(rows, (None, *report.files), strict=True):
        words = [cell + " " * (width - _columns(cell)) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join([*words, *numbers]).rstrip())
        if outcome is not None and outcome.message:
            lines.append(f"  {_cause(outcome)}")
    return lines


def _print_rich(report: "BatchReport") -> None:
    from rich.console import Console  # noqa: PLC0415 - rich is slow to load
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table()
    for number, head in enumerate(HEADS):
        drawn.add_column(head, justify="left" if number < 2 else "right", overflow="fold")
    for outcome in report.files:
        name, result, *numbers = _cells(outcome)
        shown = Text(name)
        if outcome.message:
            shown.append(f"\n{_cause(outcome)}", style="dim")
        drawn.add_row(shown, Text(result, style=STYLES[result]), *map(Text, numbers))
    Console(stderr=True).print(drawn)


def _cells(outcome: "Outcome") -> tuple[str, ...]:
    name = printable(str(outcome.source))
    if outcome.result != "done":
        return name, outcome.result, "", "", ""
    return name, "done", str(outcome.frames), show_duration(outcome.seconds), show_bytes(outcome.bytes)


def _columns(text: str) -> int:
    """Columns of a terminal that a text takes: some letters take two, accents none."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _cause(outcome: "Outcome") -> str:
    """Why it failed, without the name that stands above."""
    for name in (str(outcome.source), outcome.source.name):
        if outcome.message.startswith(f"{printable(name)}: "):
            return outcome.message.removeprefix(f"{printable(name)}: ")
    return outcome.message
