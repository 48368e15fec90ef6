"""`vrinr join`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vrinr_cli.cli import job_options as options
from vrinr_cli.cli.progress import progress_for
from vrinr_cli.cli.show import end_stalled, shown_errors


def join(
    job: Annotated[Path, typer.Argument(help="Output of a job made in parts, or its folder .OUTPUT.vrinr")],
    *,
    yes: options.Yes = False,
    progress_file: options.ProgressPath = None,
    json_: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make the file of a job whose parts are all done: join, verify, give it its name.

    Says which parts or chunks are missing otherwise; nothing is computed.

    Examples:
      vrinr upscale in.mp4 -o out.mp4 --part 1/2

      vrinr upscale in.mp4 -o out.mp4 --part 2/2

      vrinr join out.mp4
    """
    with shown_errors(as_json=json_, resume_hint="the same command begins anew; the chunks are kept"):
        from vrinr_cli.jobs.job import join_parts  # noqa: PLC0415 - torch and PyAV load here

        way = progress_for(as_json=json_, quiet=quiet, verbose=verbose)
        with options.kept_progress(way, progress_file, source=None, output=job) as progress:
            stalled = partial(end_stalled, as_json=json_)
            progress.finish(join_parts(job, overwrite=yes, listen=progress, on_stall=stalled))
