"""`vrinr resume`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from vrinr_cli.cli import job_options as options
from vrinr_cli.cli import parse
from vrinr_cli.cli.show import shown_errors
from vrinr_cli.jobs.options import UpscaleOptions

DEFAULTS = UpscaleOptions()


def resume(
    job: Annotated[Path, typer.Argument(help="Output of a stopped job, or its folder .OUTPUT.vrinr")],
    *,
    device: options.Device = DEFAULTS.device,
    memory: options.Memory = None,
    tile: options.Tile = None,
    threads: options.Threads = DEFAULTS.threads,
    cluster: options.Cluster = None,
    stall_timeout: options.StallTimeout = DEFAULTS.stall_timeout,
    yes: options.Yes = False,
    progress_file: options.ProgressPath = None,
    json_: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Continue a stopped `upscale` or `denoise` with the options that it was begun with.

    Refused if its source or weights have changed since.

    Examples:
      vrinr resume out.mp4

      vrinr resume .out.mp4.vrinr --device cpu

      vrinr resume out.mp4 -y --json
    """
    with shown_errors(as_json=json_, resume_hint="the same command goes on"):
        from vrinr_cli.jobs.unfinished import stopped_job  # noqa: PLC0415 - PyAV loads here

        output, asked = stopped_job(job)
        machine = replace(
            asked.options,
            device=device,
            memory=parse.memory_bytes(memory),
            tile=tile,
            threads=threads,
            cluster=cluster,
            stall_timeout=stall_timeout,
            restart=False,
        )
        options.run_job(
            asked.source,
            output,
            machine,
            yes=yes or asked.overwrite,
            no=False,
            must_go_on=True,
            progress_file=progress_file,
            as_json=json_,
            quiet=quiet,
            verbose=verbose,
        )
