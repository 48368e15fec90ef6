"""`vrinr plan`: `vrinr upscale --dry-run` by a name of its own, with the same options."""

import functools
from typing import Any

from vrinr_cli.cli.upscale import upscale


@functools.wraps(upscale, assigned=("__annotations__",))  # Typer reads the options from there
def plan(**options: Any) -> None:
    """Say what `upscale` would do to SOURCES, with time, memory and disk; write nothing.

    The same as `vrinr upscale --dry-run`; `vrinr denoise` has --dry-run too.

    Examples:
      vrinr plan in.mp4 --scale 4

      vrinr plan in.mkv --size 3840x2160 --codec h265 -o big.mkv

      vrinr plan in.mp4 --json
    """
    upscale(**{**options, "dry_run": True})
