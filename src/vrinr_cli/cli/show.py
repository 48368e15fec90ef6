"""Words on stderr: errors in one line with their exit code, progress on a terminal, plain lines elsewhere."""

import contextlib
import faulthandler
import json
import math
import os
import shlex
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import typer

from vrinr_cli.cli.signals import two_signals
from vrinr_cli.errors import InterruptedJobError, StallError, VrinrError, printable, unforeseen

SCHEMA = 1
"""Of JSON objects; docs/events.md says when it changes."""


_LAST_WORDS = 1.0
"""Seconds that a process which is to end at once takes to say so."""


class _Settings:
    """What the options before the command have set."""

    debug = False
    origins: Mapping[str, str] = {}


def set_debug(on: bool) -> None:
    """Whether errors show their traceback."""
    _Settings.debug = on


def set_origins(origins: Mapping[str, str]) -> None:
    """Which options come from elsewhere than the command line, each with the place in words: "VRINR_DEVICE=cuda"."""
    _Settings.origins = origins


def replace_what_cannot_be_written() -> None:
    """A terminal that lacks a character never ends a job: it is shown as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """One plain line on stderr; a closed stderr is ignored."""
    stream: TextIO | None = sys.stderr  # None where the process was started without one
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        print(printable(text), file=stream, flush=True)


def command_words(command: str, target: Path) -> str:
    """A command about an output, as a shell takes it."""
    dashes = ["--"] if str(target).startswith("-") else []
    return shlex.join(["vrinr", command, *dashes, str(target)])


@contextlib.contextmanager
def shown_errors(*, as_json: bool = False, resume_hint: str = "nothing was written") -> Iterator[None]:
    """Turn an error into one line and its exit code, and Ctrl-C or SIGTERM into exit code 130; a second one at once.

    Args:
        as_json: print errors as an object on stdout too.
        resume_hint: what to do after an interruption that does not say it itself.
    """
    try:
        with two_signals(lambda: _end_at_once(as_json=as_json)):
            yield
    except VrinrError as error:
        _fail(error, as_json=as_json)
    except KeyboardInterrupt as error:
        _fail(InterruptedJobError("stopped", hint=str(error) or resume_hint), as_json=as_json)
    except BrokenPipeError:
        raise typer.Exit(1) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, one line and not a page of code
        _fail(unforeseen(error), as_json=as_json)


def show_error(error: VrinrError, *, as_json: bool, head: str = "", about: dict[str, Any] | None = None) -> None:
    """One line on stderr, and an object on stdout where that is asked.

    Args:
        error: while it is being handled, so that --debug can show where it comes from.
        as_json: whether there is to be an object.
        head: words before it, such as "[3/12] ".
        about: further keys of the object.
    """
    if _Settings.debug and sys.exception() is not None:
        traceback.print_exc()
    if as_json:
        told = {"event": "error", **(about or {}), **error_record(error)}
        with contextlib.suppress(OSError):  # a full or closed stdout may be the error itself
            print_json(told)
    say(f"vrinr: error: {head}{_message(error)}; {error.hint}")


def _fail(error: VrinrError, *, as_json: bool) -> None:
    show_error(error, as_json=as_json)
    raise typer.Exit(error.exit_code)


def error_record(error: VrinrError) -> dict[str, Any]:
    """An error as data: exit code, kind, what happened and what to do about it."""
    return {
        "code": error.exit_code,
        "kind": type(error).__name__,
        "message": _message(error),
        "hint": error.hint,
    }


def _message(error: VrinrError) -> str:
    """What happened, with the place that a wrong value comes from."""
    origin = _Settings.origins.get(error.option, "")
    return f"{origin}: {error}" if origin else str(error)


def end_stalled(
    error: StallError, *, as_json: bool = False, head: str = "", about: dict[str, Any] | None = None
) -> None:
    """End a process that hangs, from a thread beside: one line, and exit code 1. Its work stays as after `kill -9`.

    Args:
        error: what hangs.
        as_json: print it as an object on stdout too.
        head: words before it.
        about: further keys of the object.
    """
    if _Settings.debug and sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            faulthandler.dump_traceback(sys.stderr)
    _take_bar_away()
    try:
        show_error(error, as_json=as_json, head=head, about=about)
        _take_bar_away()  # it is drawn again below what is said
    finally:
        os._exit(error.exit_code)


def _take_bar_away() -> None:
    """The bar of a process that ends without its leave goes, the cursor that it hid comes back."""
    terminal = sys.__stderr__  # not what a bar puts in its place
    if terminal is not None:
        with contextlib.suppress(OSError, ValueError):
            if terminal.isatty():
                terminal.write("\r\x1b[2K\x1b[?25h")
                terminal.flush()


def _end_at_once(*, as_json: bool) -> None:
    """End a process that was told twice to stop; its work stays as after `kill -9`."""
    error = InterruptedJobError("stopped at once", hint="the same command goes on with what was finished")

    def tell() -> None:
        _take_bar_away()
        show_error(error, as_json=as_json)
        _take_bar_away()  # it is drawn again below what is said

    telling = threading.Thread(target=tell, daemon=True)  # who reads our words may be what hangs
    telling.start()
    telling.join(_LAST_WORDS)
    os._exit(error.exit_code)


def print_json(record: dict[str, Any]) -> None:
    """One object, one line, on stdout."""
    print(json.dumps(finite({"schema": SCHEMA, **record})), flush=True)


def finite(value: Any) -> Any:
    """A JSON value with null for every number that JSON does not have: nan and both infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value
