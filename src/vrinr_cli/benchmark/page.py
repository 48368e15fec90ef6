"""A report as one HTML file that needs nothing else: no network, no other file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vrinr_cli import extra
from vrinr_cli.benchmark import charts
from vrinr_cli.benchmark.charts import Chart
from vrinr_cli.benchmark.pictures import Comparison, data_uri
from vrinr_cli.benchmark.tables import Table

PICTURE_BYTES = 6_000_000
"""Pictures that a page holds at most; clips beyond are named without pictures."""


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table as a page shows it."""

    table: Table[Any]
    group: Callable[[Any], object]
    """What rows that compete have in common: the best of them is bold."""
    is_folded: bool = False
    """Whether the reader opens it."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page."""

    title: str
    words: str
    tables: tuple[PageTable, ...]
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What a report says."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """What was measured, when and with what: names and words."""
    sections: tuple[Section, ...]
    notes: tuple[tuple[str, str], ...]
    """What the columns and conventions mean."""
    comparisons: tuple[Comparison, ...] = ()
    first: tuple[str, str] = ("bicubic", "HR")
    """Names of the pictures that are shown first, left and right."""


def render(page: Page) -> str:
    """The page as HTML.

    Raises:
        OptionError: a package of the extra is missing.
    """
    extra.require("jinja2", "matplotlib")
    import jinja2  # noqa: PLC0415 - an extra

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vrinr_cli.benchmark"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown, left_out = _pictures(page.comparisons)
    sections = [_section(section, f"s{number}") for number, section in enumerate(page.sections)]
    template = environment.get_template("report.html")
    return template.render(page=page, sections=sections, comparisons=shown, left_out=left_out)


def _section(section: Section, salt: str) -> dict[str, Any]:
    from markupsafe import Markup  # noqa: PLC0415 - comes with Jinja2

    drawn = [
        {"title": chart.title, "svg": Markup(charts.svg(chart, salt=f"{salt}c{number}"))}  # noqa: S704 - by matplotlib
        for number, chart in enumerate(section.charts)
    ]
    return {
        "title": section.title,
        "words": section.words,
        "charts": drawn,
        "tables": [_table(t) for t in section.tables],
    }


def _table(shown: PageTable) -> dict[str, Any]:
    table = shown.table
    best = shown.table.best_cells(shown.group)
    keys = [shown.group(row) for row in table.rows]
    rows = [
        {
            "cells": [{"text": cell, "best": (number, place) in best} for place, cell in enumerate(cells)],
            "starts": number == 0 or keys[number] != keys[number - 1],
        }
        for number, cells in enumerate(table.cells())
    ]
    return {"title": table.title, "columns": table.columns, "rows": rows, "folded": shown.is_folded}


def _pictures(comparisons: Sequence[Comparison]) -> tuple[list[dict[str, Any]], list[str]]:
    """Comparisons with their pictures, as many as the page holds, and the names of the others."""
    shown: list[dict[str, Any]] = []
    left_out: list[str] = []
    room = PICTURE_BYTES
    for comparison in comparisons:
        pictures = [{"name": name, "uri": data_uri(pixels)} for name, pixels in comparison.pictures]
        room -= sum(len(picture["uri"]) for picture in pictures)
        if room < 0:
            left_out.append(comparison.clip)
        else:
            shown.append({"of": comparison, "pictures": pictures})
    return shown, left_out
