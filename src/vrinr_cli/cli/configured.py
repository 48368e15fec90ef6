"""Commands whose options also come from elsewhere than the command line: the environment, files and profiles."""

import os
from typing import Any

from typer import Context
from typer.core import TyperCommand

from vrinr_cli.cli import pipes, settings, variables
from vrinr_cli.cli.batch import Outputs
from vrinr_cli.cli.profiles import Value
from vrinr_cli.cli.show import say, set_origins, shown_errors
from vrinr_cli.errors import printable


class Command(TyperCommand):
    """A command that says where a wrong value comes from, and which variables mean nothing."""

    def invoke(self, ctx: Any) -> Any:
        """Look at what is set elsewhere, and run."""
        set_origins(_from_environment(ctx, self.params))
        if not ctx.params.get("quiet"):
            for note in variables.unknown_notes():
                say(f"note: {note}")
        with shown_errors(as_json=bool(ctx.params.get("json_"))):
            self.fill(ctx)
        return super().invoke(ctx)

    def fill(self, ctx: Context) -> None:
        """Take options from elsewhere; a plain command takes none."""


class Configured(Command):
    """Reads the files after the command line, as that says which profile, and whether only help is wanted."""

    def fill(self, ctx: Context) -> None:
        """What the command line and the environment leave open, from files and profiles."""
        names = {key: parameter.name for parameter in self.params for key in _keys(parameter)}
        set_origins(_from_environment(ctx, self.params) | _fill(ctx, names))


def _from_environment(ctx: Context, parameters: list[Any]) -> dict[str, str]:
    """The options that the environment has decided, each with variable and value."""
    sources = {parameter.name: ctx.get_parameter_source(parameter.name) for parameter in parameters}
    decided = [p for p in parameters if (source := sources[p.name]) is not None and source.name == "ENVIRONMENT"]
    return {p.name: f"{p.envvar}={printable(os.environ.get(p.envvar, ''))}" for p in decided}


def _keys(parameter: Any) -> list[str]:
    """The names of an option without their dashes."""
    return [option.lstrip("-") for option in (*parameter.opts, *parameter.secondary_opts) if option.startswith("--")]


def _fill(ctx: Context, names: dict[str, str]) -> dict[str, str]:
    """Fill the context's options; which of them come from where."""
    sources = {key: ctx.get_parameter_source(name) for key, name in names.items()}
    given = {key for key, source in sources.items() if source is not None and not source.name.startswith("DEFAULT")}
    if _table(ctx) in settings.WITH_PROFILES:
        given = _with_outputs(ctx, given)
    found = settings.layers(ctx.info_name or "", ctx.params.get("profile"))
    told = []
    for layer, taken in settings.chosen(given, found):
        for key, value in taken.items():
            ctx.params[names[key]] = _as_given(value, settings.TABLES[_table(ctx)][key])
        if taken:
            told.append((layer, taken))
    for layer, taken in told:
        if (layer.is_of_folder or ctx.params.get("verbose")) and not ctx.params.get("quiet"):
            say(f"{layer.name}: {settings.words(taken)}")
    return {names[key]: layer.name for layer, taken in told for key in taken}


def _with_outputs(ctx: Context, given: set[str]) -> set[str]:
    """What is decided by where the result goes."""
    output = ctx.params["output"]
    if pipes.are_asked(ctx.params["sources"], output):
        through = {"chunk-frames", "audio", "container"}  # have no meaning there
        return given | through | ({"codec"} if output == str(pipes.PIPE) else set())
    is_folder = Outputs(output).folder is not None
    return given - {"output"} if is_folder else given  # a folder says nothing of the kind of file


def _table(ctx: Context) -> str:
    name = ctx.info_name or ""
    return settings.TABLE_OF.get(name, name)


def _as_given(value: Value, kind: str) -> Value | tuple[str, ...]:
    """The value as the command line would have given it."""
    if kind == "number" and isinstance(value, int | float):
        return float(value)
    if isinstance(value, list):
        return tuple(value)
    return str(value) if kind == "amount" else value
