"""What a job would do, in lines of 80 columns or as JSON: `--dry-run`."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vrinr_cli.cli.progress import show_duration, show_rate
from vrinr_cli.cli.show import print_json, shown_errors
from vrinr_cli.errors import counted, printable, show_bytes
from vrinr_cli.jobs.options import UpscaleOptions

if TYPE_CHECKING:
    from vrinr_cli.jobs.forecast import Forecast
    from vrinr_cli.video.containers import StreamAction

COLUMNS = 80
HEAD = 12
"""Columns before the words of a line."""


def show_forecast(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    *,
    overwrite: bool,
    makes_folder: bool = False,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print what a job would do; exit code 1 and one line if its disk is too small.

    Raises:
        VrinrError: as the job would before its first frame.
    """
    from vrinr_cli.jobs import disk, forecast  # noqa: PLC0415 - torch and PyAV load here

    found = forecast.forecast(source, output, options, overwrite=overwrite, makes_folder=makes_folder)
    print_forecast(found, as_json=as_json, quiet=quiet)
    if not found.enough_disk:
        with shown_errors():  # not as JSON: the object has `enough_disk`
            raise disk.shortage(found.room, found.output.name)


def print_forecast(
    found: "Forecast", *, as_json: bool, quiet: bool, head: str = "", about: dict[str, Any] | None = None
) -> None:
    """A plan on stdout, in lines or as an object; `head` and `about` as for `progress_for`."""
    from vrinr_cli.record import to_plain  # noqa: PLC0415

    if as_json:
        print_json({"event": "plan", **(about or {}), **to_plain(found)})
    elif not quiet:
        first, *rest = forecast_lines(found)
        for line in (f"{head}{first}", *rest):
            typer.echo(printable(line))


def forecast_lines(found: "Forecast") -> list[str]:
    """What would be done, in lines."""
    lines = [f"{found.source.name} -> {found.output}"]
    for head, words in _rows(found):
        folded = textwrap.wrap(words, COLUMNS - HEAD, break_long_words=False, break_on_hyphens=False)
        lines += [f"  {head if not number else '':{HEAD - 2}}{part}" for number, part in enumerate(folded)]
    return lines


def _rows(found: "Forecast") -> "Iterator[tuple[str, str]]":
    before, after = found.source_size, found.target_size
    yield "picture", f"{before[1]}x{before[0]} -> {after[1]}x{after[0]}"
    is_still = not found.seconds
    if is_still:
        yield "kind", f"{found.container} ({found.encoder}), {found.pix_fmt}"
    else:
        yield from _video_rows(found)
    for action in found.streams:
        yield "stream", _stream_words(action)
    weights = f"weights {found.weights} {found.weights_digest[:12]}" if found.weights else "no weights"
    yield "method", f"{found.method}, {weights}"
    tiles = f"{found.tiles} tiles of {found.tile} pixels" if found.tiles > 1 else "no tiles"
    yield "device", f"{found.device}, {tiles}"
    yield "memory", f"about {show_bytes(found.memory)}; {show_bytes(found.memory_free)} are free"
    yield "file", f"about {show_bytes(found.output_bytes)}{'' if is_still else ' of video'}"
    joined = "" if is_still else " while it is joined"
    yield "disk", f"about {show_bytes(found.disk_needed)}{joined}; {show_bytes(found.disk_free)} are free"
    rate = "" if is_still else f" at {show_rate(found.fps)} fps"
    yield "time", f"about {show_duration(found.work_seconds)}{rate}"
    part = f" of {100 * found.trial_share:.2g} % of the picture" if found.trial_share < 1 else ""
    yield "", f"file, disk and time by a trial of {counted(found.trial_frames, 'frame')}{part}"
    told = {action.note for action in found.streams}
    for note in found.notes:
        if note not in told:
            yield "note", note


def _video_rows(found: "Forecast") -> "Iterator[tuple[str, str]]":
    done = f", {found.done} of them are done" if found.done else ""
    yield "length", f"{counted(found.frames, 'frame')}{done}, {found.seconds:.1f} s"
    most = "up to " if found.chunks > 1 else ""
    yield "chunks", f"{found.chunks} of {most}{counted(found.chunk_frames, 'frame')}"
    yield "video", f"{found.codec} ({found.encoder}), {found.pix_fmt}, in {found.container}"


def _stream_words(action: "StreamAction") -> str:
    if action.note:
        return action.note
    kind = "cover art" if action.is_picture else action.kind
    done = {"copy": "is copied", "convert": "is converted", "drop": "is dropped"}[action.action]
    return f"{kind} stream {action.index} ({action.codec}) {done}"
