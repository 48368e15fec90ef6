"""`vrinr benchmark --suite paper` and `--speed`: what `cli.benchmark` hands on."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import typer

from vrinr_cli.cli.progress import show_duration
from vrinr_cli.cli.show import print_json, say
from vrinr_cli.cli.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vrinr_cli.benchmark.paper_cases import SuiteCase
    from vrinr_cli.benchmark.paper_fit import CaseResult
    from vrinr_cli.benchmark.paper_suite import CaseStart, SuiteListener, SuiteRequest
    from vrinr_cli.benchmark.tables import Table
    from vrinr_cli.engine.device import Compute
    from vrinr_cli.training.fit_options import FitProgress


def run_suite(request: "SuiteRequest", *, csv: Path | None, html: Path | None, as_json: bool) -> None:
    """Run what has no result yet, then show all."""
    from vrinr_cli import extra  # noqa: PLC0415 - torch and PyAV load here
    from vrinr_cli.benchmark import paper_rows, paper_suite  # noqa: PLC0415
    from vrinr_cli.benchmark.files import write_report  # noqa: PLC0415
    from vrinr_cli.benchmark.tables import csv_text  # noqa: PLC0415

    if html is not None:
        extra.require("jinja2", "matplotlib")
    results = paper_suite.run(request, listen=_listener())
    if as_json:
        _print_json(results)
    else:
        _print_tables(results)
    if csv is not None:
        write_report(csv, csv_text(row.flat() for row in paper_rows.all_rows(results)))
        say(f"{csv} written")
    if html is not None:
        from vrinr_cli.benchmark.page import render  # noqa: PLC0415 - Jinja2 and matplotlib load here
        from vrinr_cli.benchmark.paper_page import suite_page  # noqa: PLC0415

        write_report(html, render(suite_page(results)))
        say(f"{html} written")


def _print_json(results: "Sequence[CaseResult]") -> None:
    from vrinr_cli.benchmark.environment import provenance  # noqa: PLC0415
    from vrinr_cli.benchmark.paper_report import PROTOCOL  # noqa: PLC0415
    from vrinr_cli.benchmark.paper_rows import all_rows  # noqa: PLC0415

    for row in all_rows(results):
        print_json({"event": "mean" if row.is_mean else "row", **row.flat()})
    measured = provenance([result.environment for result in results], "fit")
    print_json({"event": "environment", "measured": measured, "conventions": PROTOCOL})


def _print_tables(results: "Sequence[CaseResult]") -> None:
    from vrinr_cli.benchmark.environment import provenance  # noqa: PLC0415
    from vrinr_cli.benchmark.paper_report import PROTOCOL, tables  # noqa: PLC0415

    typer.echo(PROTOCOL)
    for group in tables(results):
        for table in group.all:
            typer.echo("")
            print_table(table, group=lambda row: row.section)
    typer.echo("")
    for words in provenance([result.environment for result in results], "fit"):
        typer.echo(f"measured: {words}")


def run_speed(preset: str, *, device: str, threads: int, as_json: bool) -> None:
    """Time a preset of the paper's network on this machine."""
    from vrinr_cli.benchmark.speed import measure  # noqa: PLC0415 - torch loads here
    from vrinr_cli.engine.device import choose  # noqa: PLC0415

    compute = choose(device, "fp32")
    _use_threads(threads)
    _show_speed([measure(preset, compute)], compute, as_json=as_json, preset=preset)


def run_engine_speed(
    weights: str, scales: "Sequence[str]", *, device: str, precision: str, threads: int, as_json: bool
) -> None:
    """Time jobs on this machine, by stage, and one as a command."""
    from vrinr_cli.benchmark.engine_speed import measure_command, measure_stages  # noqa: PLC0415 - torch, PyAV
    from vrinr_cli.engine.device import choose  # noqa: PLC0415

    compute = choose(device, precision)
    _use_threads(threads)
    with TemporaryDirectory() as place:
        staged = [measure_stages(weights, scale, compute, Path(place)) for scale in scales]
    command = measure_command(weights, scales[0], compute, threads=threads)
    _show_speed([*staged, command], compute, as_json=as_json, weights=weights)


def _use_threads(threads: int) -> None:
    import torch  # noqa: PLC0415

    if threads:
        torch.set_num_threads(threads)


def _show_speed(tables: "Sequence[Table[Any]]", compute: "Compute", *, as_json: bool, **told: str) -> None:
    from vrinr_cli.benchmark.environment import environment_of  # noqa: PLC0415
    from vrinr_cli.record import to_plain  # noqa: PLC0415

    environment = environment_of(compute)
    for table in tables:
        if as_json:
            for row in table.rows:
                facts = {"of": table.title, **row.flat(), "environment": to_plain(environment)}
                print_json({"event": "speed", **told, **facts})
        else:
            print_table(table, group=lambda row: row.what)
            typer.echo("")
    if not as_json:
        typer.echo(f"{environment.hardware}; torch {environment.torch}, {environment.date}")


def _listener() -> "SuiteListener":
    """A line a fit, and on a terminal how far it is."""
    from vrinr_cli.benchmark.paper_report import case_words  # noqa: PLC0415
    from vrinr_cli.benchmark.paper_suite import SuiteListener  # noqa: PLC0415

    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    began = time.monotonic()

    def started(start: "CaseStart") -> None:
        goes_on = ", goes on from its last state" if start.is_resumed else ""
        spent = show_duration(time.monotonic() - began)
        say(f"[{start.number + 1}/{start.count}] {case_words(start.case)}{goes_on}  ({spent})")

    def stepped(report: "FitProgress") -> None:
        if is_terminal and report.step % 100 == 0:
            say(f"  step {report.step}  {100 * report.share:.0f} %  {report.psnr:.2f} dB while learning")

    def waiting(case: "SuiteCase") -> None:
        say(f"waiting for another vrinr, which fits {case_words(case)}")

    return SuiteListener(started, stepped, waiting)
