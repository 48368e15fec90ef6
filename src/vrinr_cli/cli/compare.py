"""`vrinr compare`."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vrinr_cli.cli.progress import show_duration
from vrinr_cli.cli.show import print_json, say, shown_errors
from vrinr_cli.errors import counted, printable, show_bytes

if TYPE_CHECKING:
    from vrinr_cli.benchmark.compare import Comparison


def compare(
    first: Annotated[Path, typer.Argument(help="A: a video or a picture.", metavar="A")],
    second: Annotated[Path, typer.Argument(help="B: another one of the same content.", metavar="B")],
    reference: Annotated[
        Path | None, typer.Option(help="What both should look like; with it figures tell quality.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Page to write, .html. Default: A-B.html beside B")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="Frames with pictures, evenly spread, 60 at most. Default: 12")
    ] = None,
    every: Annotated[int | None, typer.Option(help="Instead each so many-th frame.")] = None,
    border: Annotated[int, typer.Option(help="Pixels that figures leave out on each side.")] = 4,
    yes: Annotated[bool, typer.Option("-y", "--overwrite", help="Replace an existing page.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object of the figures on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
) -> None:
    r"""Write one page that shows videos or pictures A and B side by side, with figures frame by frame.

    The page needs no network: slider, magnifier, PSNR and SSIM over time, a row of pixels over time, facts of files.
    Needs the packages of `pip install 'vrinr\[benchmark]'`.

    Examples:
      vrinr compare small.mp4 large.mp4

      vrinr compare bicubic.mp4 vrinr.mp4 --reference hr.mp4 -o page.html

      vrinr compare a.mkv b.mkv --every 100 -y

      vrinr compare photo.png photo.x4.png
    """
    with shown_errors(as_json=json_):
        from vrinr_cli import extra  # noqa: PLC0415 - torch loads here

        extra.require("torchmetrics", "jinja2")
        from vrinr_cli.benchmark import compare as room  # noqa: PLC0415
        from vrinr_cli.benchmark.compare_page import render  # noqa: PLC0415
        from vrinr_cli.benchmark.files import write_report  # noqa: PLC0415

        request = room.request_of(first, second, reference, frames=frames, every=every, border=border)
        target = room.page_path(request, output, overwrite=yes)
        with progress_bar(is_shown=not quiet and not json_) as listen:
            found = room.compare(request, listen=listen)
        write_report(target, render(found))
        if json_:
            print_json({"event": "compare", "page": str(target), **room.record(found)})
        elif not quiet:
            for line in lines(found, target):
                say(line)


def lines(found: "Comparison", target: Path) -> list[str]:
    """What was found, in lines."""
    from vrinr_cli.benchmark.compare_page import summary  # noqa: PLC0415 - torch loads here

    told = [f"note: {note}" for note in found.notes]
    told += [f"{row['metric']} {row['name']}: {row['mean']}, least {row['least']}" for row in summary(found)]
    what = "" if found.has_reference else " (a difference, not a quality: there is no reference)"
    frames = f"{counted(len(found.shown), 'frame')} of {len(found.frames)} shown"
    return [*told, f"{target}: {frames}, {show_bytes(target.stat().st_size)}{what}"]


@contextlib.contextmanager
def progress_bar(*, is_shown: bool) -> "Iterator[Callable[[int, int], None]]":
    """A bar on stderr if it is a terminal, else nothing."""
    if not is_shown or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - rich is slow to load
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    began = time.monotonic()
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total}"), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True, markup=False), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int) -> None:
            left = (time.monotonic() - began) / done * (total - done)
            bar.update(task, total=total, completed=done, description=printable(f"{show_duration(left)} left"))

        yield show
