"""Tables of typed records: what a column shows of a record, and the table as text, CSV or rows of cells.

A table knows nothing of what it shows. Commands print it, the report sets it in HTML.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from vrinr_cli.errors import printable

R = TypeVar("R")
Value = str | float | int | None


@dataclass(frozen=True)  # with slots, Column[R](...) fails in Python 3.11
class Column(Generic[R]):
    """One column of a table of records."""

    title: str
    value: Callable[[R], Value]
    """What a record has here; None where it has nothing."""
    format: str = ""
    """Of a number, as `format` takes it; a column without one is text and set to the left."""
    unit: str = ""
    better: Literal["", "higher", "lower"] = ""
    """Which values are better; empty where none is."""
    width: int = 8
    """Least characters in plain text."""

    @property
    def is_number(self) -> bool:
        """Whether the column is set to the right."""
        return bool(self.format)

    def cell(self, record: R) -> str:
        """The record's value in words; "-" where it has none."""
        value = self.value(record)
        if value is None:
            return "-"
        return format(value, self.format) if self.is_number else str(value)


@dataclass(frozen=True)
class Table(Generic[R]):
    """Records under columns."""

    title: str
    columns: tuple[Column[R], ...]
    rows: tuple[R, ...]

    def cells(self) -> list[list[str]]:
        """Every cell in words, row by row."""
        return [[column.cell(row) for column in self.columns] for row in self.rows]

    def best_cells(self, group: Callable[[R], object]) -> set[tuple[int, int]]:
        """(row, column) of the best value among the rows of each group, as shown; all of them where several tie.

        Args:
            group: what rows that compete have in common.
        """
        found: set[tuple[int, int]] = set()
        groups: dict[object, list[int]] = {}
        for number, row in enumerate(self.rows):
            groups.setdefault(group(row), []).append(number)
        for place, column in enumerate(self.columns):
            for numbers in groups.values() if column.better else ():
                found.update((number, place) for number in self._best_of(numbers, column))
        return found

    def _best_of(self, numbers: list[int], column: Column[R]) -> list[int]:
        shown = {n: float(column.cell(self.rows[n])) for n in numbers if column.value(self.rows[n]) is not None}
        if len(shown) < 2:
            return []
        best = max(shown.values()) if column.better == "higher" else min(shown.values())
        return [number for number, value in shown.items() if value == best]


def plain_line(columns: Iterable[Column[R]], cells: Iterable[str]) -> str:
    """One line of cells under `plain_head`: texts cut to their width, numbers to the right."""
    parts = []
    for column, cell in zip(columns, cells, strict=True):
        text = printable(cell)
        shown = text if len(text) <= column.width else text[: column.width - 2] + ".."
        parts.append(f"{text:>{column.width}}" if column.is_number else f"{shown:{column.width}}")
    return "  ".join(parts).rstrip()


def plain_head(columns: Iterable[Column[R]]) -> str:
    """The titles in one line."""
    chosen = tuple(columns)
    return plain_line(chosen, (column.title for column in chosen))


def csv_text(records: Iterable[Mapping[str, Any]]) -> str:
    """Flat records as CSV (RFC 4180): a head of all their names in order of appearance; empty where one has nothing."""
    rows = list(records)
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
