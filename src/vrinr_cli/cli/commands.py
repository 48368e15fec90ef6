"""The table of subcommands, each loaded when it is used: `vrinr --help` and any one command need none of the others."""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong use (told before the first frame), 130 interrupted."


@dataclass(frozen=True, slots=True)
class Entry:
    """One subcommand. Its function has its name, in the module of the same name."""

    help: str
    """The first paragraph of the function's description."""
    is_configured: bool = False
    """Whether its options also come from files and profiles."""
    needs_arguments: bool = True
    """Whether it shows its help when called with nothing."""


ENTRIES = {
    "upscale": Entry("Make SOURCES larger. The same line again continues a stopped job.", is_configured=True),
    "denoise": Entry("Take the noise out of SOURCES. The same line again continues a stopped job.", is_configured=True),
    "plan": Entry(
        "Say what `upscale` would do to SOURCES, with time, memory and disk; write nothing.", is_configured=True
    ),
    "preview": Entry("Show one moment of SOURCE before and after, and say what the whole file would take."),
    "compare": Entry("Write one page that shows videos or pictures A and B side by side, with figures frame by frame."),
    "resume": Entry(
        "Continue a stopped `upscale` or `denoise` with the options that it was begun with.", is_configured=True
    ),
    "join": Entry("Make the file of a job whose parts are all done: join, verify, give it its name."),
    "jobs": Entry("List unfinished jobs below FOLDER, or remove them.", needs_arguments=False),
    "fit": Entry(
        "Fit weights to CLIP, for `--weights` of `upscale` or `denoise`. The same line again continues a stopped fit.",
        is_configured=True,
    ),
    "train": Entry(
        "Train weights on a folder of DATA. The same line again continues a stopped run.", is_configured=True
    ),
    "benchmark": Entry(
        "Measure quality on CLIPS: each is degraded, restored and compared with what it was.", is_configured=True
    ),
    "info": Entry(
        "Show versions, devices, encoders and weights of this installation. Exit code 1 if it cannot work.",
        needs_arguments=False,
    ),
}
"""In the order of `vrinr --help`."""


def load(name: str) -> Any:
    """A subcommand with all its options."""
    entry = ENTRIES[name]
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    kinds = import_module("vrinr_cli.cli.configured")
    kind = kinds.Configured if entry.is_configured else kinds.Command
    function = getattr(import_module(f"vrinr_cli.cli.{name}"), name)
    alone.command(name, cls=kind, epilog=EPILOG, no_args_is_help=entry.needs_arguments)(function)
    return get_command(alone)


class _Loaded(MutableMapping[str, Any]):
    """Subcommands by name, loaded as they are asked for."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.known:
            self.known[name] = load(name)
        return self.known[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self.known[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name} is a part of vrinr")

    def __iter__(self) -> Iterator[str]:
        return iter(ENTRIES)

    def __len__(self) -> int:
        return len(ENTRIES)


class Commands(TyperGroup):
    """The group of all subcommands: lists them from the table, and loads the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loaded()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as the base has it
        """Names in the table's order."""
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - its name and place are the base's
        """What a list of subcommands shows of one; None where there is none."""
        entry = ENTRIES.get(cmd_name)
        return TyperCommand(cmd_name, help=entry.help) if entry is not None else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The subcommand that a command line calls, and the arguments left for it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, self.commands[name] if name is not None else None, rest
