"""`vrinr benchmark --suite paper` and `--speed`: what `cli.benchmark` hands on."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vrinr_cli.cli.progress import show_duration
from vrinr_cli.cli.show import print_json, say
from vrinr_cli.cli.tables import print_table
from vrinr_cli.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vrinr_cli.benchmark.paper_suite import SuiteCase, SuiteRequest
    from vrinr_cli.training.clip_trainer import StepReport

WORDS = (
    "paired: each fit learns x4 -> HR of these very frames and is tested on them; psnr_rgb over 8-bit RGB, no border, "
    "ssim on luma; control: the same fit with the texture code held constant, so that the input is ignored"
)


def run_suite(request: "SuiteRequest", *, csv: Path | None, as_json: bool) -> None:
    """Run what has no result yet, then show all."""
    from vrinr_cli.benchmark import paper_report, paper_suite  # noqa: PLC0415 - torch loads here
    from vrinr_cli.benchmark.files import write_report  # noqa: PLC0415
    from vrinr_cli.benchmark.tables import csv_text  # noqa: PLC0415

    with _progress() as (started, progress):
        results = paper_suite.run(request, started=started, progress=progress)
    tables = paper_report.tables(results)
    rows = [row for table in tables for row in table.rows]
    if as_json:
        for row in rows:
            print_json({"event": "row", **row.flat()})
    else:
        typer.echo(WORDS)
        for table in tables:
            typer.echo("")
            print_table(table, group=lambda row: (row.table, row.name))
    if csv is not None:
        write_report(csv, csv_text(row.flat() for row in rows))
        say(f"{csv} written")


def run_speed(preset: str | None, *, device: str, threads: int, as_json: bool) -> None:
    """Time a preset on this machine."""
    if preset is None:
        raise OptionError("what is to be timed?", hint="add --preset paper")
    import torch  # noqa: PLC0415

    from vrinr_cli.benchmark.environment import environment_of  # noqa: PLC0415
    from vrinr_cli.benchmark.speed import measure  # noqa: PLC0415
    from vrinr_cli.engine.device import choose  # noqa: PLC0415
    from vrinr_cli.record import to_plain  # noqa: PLC0415

    compute = choose(device, "fp32")
    if threads:
        torch.set_num_threads(threads)
    table, environment = measure(preset, compute), environment_of(compute)
    if as_json:
        for row in table.rows:
            print_json({"event": "speed", "preset": preset, **row.flat(), "environment": to_plain(environment)})
        return
    print_table(table, group=lambda row: row.what)
    typer.echo(f"{environment.hardware}; torch {environment.torch}, {environment.date}")


@contextmanager
def _progress() -> "Iterator[tuple[Callable[[SuiteCase, int, int], None], Callable[[StepReport], None]]]":
    """A line a fit, and on a terminal how far it is."""
    from vrinr_cli.benchmark.paper_report import case_words  # noqa: PLC0415

    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    began = time.monotonic()

    def started(case: "SuiteCase", number: int, count: int) -> None:
        say(f"[{number + 1}/{count}] {case_words(case)}  ({show_duration(time.monotonic() - began)})")

    def progress(report: "StepReport") -> None:
        if is_terminal and report.step % 100 == 0:
            say(f"  step {report.step}  {100 * report.share:.0f} %  {report.psnr:.2f} dB while learning")

    yield started, progress
