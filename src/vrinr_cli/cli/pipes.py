"""`-` in place of a file: video from stdin and to stdout, with every word on stderr."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from vrinr_cli.cli.progress import progress_for
from vrinr_cli.errors import OptionError
from vrinr_cli.jobs.options import UpscaleOptions

if TYPE_CHECKING:
    from vrinr_cli.video.pipes import PipeInput, PipeOutput
    from vrinr_cli.video.raw_target import PipeFormat

PIPE = Path("-")
_STDIN, _STDOUT, _STDERR = 0, 1, 2


def are_asked(sources: Sequence[Path], output: str | None) -> bool:
    """Whether either end is a pipe."""
    return PIPE in sources or takes_stdout(output)


def takes_stdout(output: str | None) -> bool:
    """Whether stdout has the video, and so no word."""
    return output == str(PIPE)


def refuse(given: list[str]) -> None:
    """Refuse options by name.

    Raises:
        OptionError: there are any.
    """
    if given:
        raise OptionError(f"{', '.join(given)} given with -", hint="leave that out, or give files by name")


def run_stream(
    source: Path,
    output: Path | None,
    options: UpscaleOptions,
    *,
    pipe_format: str | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run a job with a pipe at either end, and show it.

    A reader that closes stdout has what it wanted: the end is quiet then, with exit code 0.

    Raises:
        VrinrError: as the job does.
    """
    _check(source, output, pipe_format, as_json=as_json)
    if output is None:
        raise OptionError("no name for what is made of stdin", hint="name the output with -o")
    from vrinr_cli.jobs.stream import upscale_stream  # noqa: PLC0415 - torch and PyAV load here

    with (
        _incoming(source) as taken,
        _outgoing(output) as given,
        progress_for(as_json=as_json, quiet=quiet, verbose=verbose) as progress,
    ):
        try:
            report = upscale_stream(
                taken,
                given,
                options,
                pipe_format=cast("PipeFormat", pipe_format or "y4m"),
                overwrite=overwrite,
                listen=progress,
            )
        except BrokenPipeError:
            raise typer.Exit(0) from None
        progress.finish(report)


def _check(source: Path, output: Path | None, pipe_format: str | None, *, as_json: bool) -> None:
    """Refuse what needs neither torch nor PyAV to see."""
    if output == PIPE and as_json:
        raise OptionError("--json given with -o -", hint="leave it out: stdout has the video")
    if output != PIPE and pipe_format is not None:
        raise OptionError("--pipe-format given without -o -", hint="leave it out: the name's ending says the format")
    if source == PIPE and _is_terminal(_STDIN):
        raise OptionError(
            "stdin is a terminal", hint="pipe a video in: ffmpeg -i FILE -f yuv4mpegpipe - | vrinr upscale - -o OUTPUT"
        )
    if output == PIPE and _is_terminal(_STDOUT):
        raise OptionError("stdout is a terminal", hint="pipe the video on: vrinr upscale FILE -o - | mpv -")


def _is_terminal(descriptor: int) -> bool:
    """Whether somebody sits there.

    Raises:
        OptionError: the process was started without this descriptor.
    """
    try:
        os.fstat(descriptor)
    except OSError as error:
        raise OptionError(f"{'stdin' if descriptor == _STDIN else 'stdout'} is closed", hint="open it") from error
    return os.isatty(descriptor)


@contextmanager
def _incoming(source: Path) -> "Iterator[Path | PipeInput]":
    if source != PIPE:
        yield source
        return
    from vrinr_cli.video.pipes import PipeInput  # noqa: PLC0415

    _set_binary(_STDIN)
    yield PipeInput(_STDIN)


@contextmanager
def _outgoing(output: Path) -> "Iterator[Path | PipeOutput]":
    """Where the video goes. Meanwhile whatever else writes to stdout, libraries too, is led to stderr."""
    if output != PIPE:
        yield output
        return
    from vrinr_cli.video.pipes import PipeOutput  # noqa: PLC0415

    sys.stdout.flush()
    _set_binary(_STDOUT)
    _fill_descriptors()
    data = os.dup(_STDOUT)
    try:
        os.dup2(_STDERR, _STDOUT)
        yield PipeOutput(data)
    finally:
        sys.stdout.flush()
        os.dup2(data, _STDOUT)
        os.close(data)


def _fill_descriptors() -> None:
    """Nothing but stderr may have its number, where the process was started without one."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(spare)


def _set_binary(descriptor: int) -> None:
    """Windows would change line ends."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415

        msvcrt.setmode(descriptor, os.O_BINARY)
