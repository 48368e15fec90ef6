"""Options from files: `vrinr.toml` in the current folder, the user's own, and the profiles in them.

A file in the current folder may be somebody else's. What may stand in a file is listed here, and nothing on the list
names a file to write, replaces one or throws work away; docs/decisions/0032 has the reasons.
"""

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from vrinr_cli.cli.profiles import BUILT_IN, Value
from vrinr_cli.cli.variables import CONFIG
from vrinr_cli.errors import OptionError, printable
from vrinr_cli.jobs.request import is_harmless

NAME = "vrinr.toml"
LARGEST = 1 << 20
"""Bytes of a file."""

_Check = Callable[[Any], bool]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text_or_number(value: Any) -> bool:
    return _is_text(value) or _is_number(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


KINDS: Mapping[str, tuple[str, _Check]] = {
    "text": ("a text in quotes", _is_text),
    "number": ("a number", _is_number),
    "whole": ("a whole number", _is_whole),
    "flag": ("true or false", _is_flag),
    "amount": ("a number, or a text in quotes", _is_text_or_number),
    "texts": ("a list of texts in quotes", _is_list),
}

_MACHINE = {"device": "text", "memory": "amount", "tile": "whole", "threads": "whole"}
_JOB = {
    "scale": "amount",
    "weights": "text",
    "strict": "flag",
    "cuts": "text",
    "deinterlace": "text",
    "codec": "text",
    "crf": "number",
    "bitrate": "amount",
    "preset": "text",
    "pix-fmt": "text",
    "encoder-option": "texts",
    "audio": "text",
    "container": "text",
    "precision": "text",
    "chunk-frames": "whole",
    "verbose": "flag",
    **_MACHINE,
}
TABLES: Mapping[str, Mapping[str, str]] = {
    "upscale": {**_JOB, "size": "text", "height": "whole", "box": "text", "method": "text"},
    "denoise": {**_JOB, "sigma": "number", "strength": "number", "keep-grain": "number", "zero-shot": "flag"},
    "resume": {**_MACHINE, "verbose": "flag"},
    "fit": {"device": "text", "threads": "whole", "seed": "whole", "checkpoint-minutes": "number"},
    "train": {
        "device": "text",
        "precision": "text",
        "threads": "whole",
        "seed": "whole",
        "checkpoint-minutes": "number",
        "validate-minutes": "number",
    },
    "benchmark": {"threads": "whole"},
}
"""What may stand in a file: table to key to kind of value. All else is refused."""
WITH_PROFILES = ("upscale", "denoise")
PROFILE_KEYS: Mapping[str, str] = {**TABLES["upscale"], **TABLES["denoise"]}
TABLE_OF = {"plan": "upscale"}
"""The table of a command, where it is not its name."""

_SIZES, _RATES = {"scale", "size", "height", "box"}, {"crf", "bitrate"}
CLOSES: Mapping[str, set[str]] = {
    **dict.fromkeys(_SIZES, _SIZES),
    **dict.fromkeys(_RATES, _RATES),
    "codec": {"crf", "bitrate", "preset", "pix-fmt", "encoder-option"},
    "output": {"container"},
    "zero-shot": {"sigma", "strength", "weights"},
    "sigma": {"zero-shot"},
    "strength": {"zero-shot"},
}
"""What nobody of less say decides any more once an option is given: they belong together, or contradict each other."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Options from one place."""

    name: str
    """In words."""
    values: Mapping[str, Value]
    is_of_folder: bool = False
    """Whether it is the file in the current folder."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file that was read and holds nothing that it may not."""

    path: Path
    is_of_folder: bool
    tables: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def places() -> list[tuple[Path, bool]]:
    """Files that are looked for, the one with more say first; with each, whether it is the current folder's."""
    named = os.environ.get(CONFIG)
    if named:
        return [] if named == os.devnull else [(Path(named), False)]
    users = users_file()
    here = Path(NAME)
    if users is None:
        return [(here, True)]
    is_same = users.exists() and here.exists() and users.samefile(here)
    return [(users, False)] if is_same else [(here, True), (users, False)]


def users_file() -> Path | None:
    """The user's own file, there or not: in XDG_CONFIG_HOME or ~/.config; None where there is no home."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():
        try:
            folder = Path.home() / ".config"
        except RuntimeError:
            return None
    return folder / "vrinr" / NAME


def read_all() -> list[SettingsFile]:
    """Every file that is there.

    Raises:
        OptionError: one of them cannot be read, or holds what it may not.
    """
    must_be = bool(os.environ.get(CONFIG))
    found = (read(path, is_of_folder=is_of_folder, must_be=must_be) for path, is_of_folder in places())
    return [settings for settings in found if settings is not None]


def read(path: Path, *, is_of_folder: bool, must_be: bool = False) -> SettingsFile | None:
    """A file, looked through; None where there is none.

    Args:
        path: the file.
        is_of_folder: whether it may be somebody else's.
        must_be: whether it is an error that there is none.

    Raises:
        OptionError: names file and key.
    """
    name = printable(str(path))
    try:
        whole = tomllib.loads(_content(path).decode())
    except FileNotFoundError as error:
        if must_be:
            raise OptionError(f"{name}: no such file", hint=f"correct or unset {CONFIG}") from error
        return None
    except OSError as error:
        raise OptionError(f"{name}: {error.strerror or type(error).__name__}", hint="check the file") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, OptionError):
            raise
        words = printable((str(error) or type(error).__name__).splitlines()[0])
        hint = 'write [upscale] and below it, say, codec = "h265"'
        raise OptionError(f"{name}: is not TOML: {words}", hint=hint) from error
    return _checked(whole, path, is_of_folder=is_of_folder)


def _content(path: Path) -> bytes:
    """Bytes of a short ordinary file.

    Raises:
        OptionError: it is none.
        OSError: it cannot be read.
    """
    name = printable(str(path))
    if not stat.S_ISREG(path.stat().st_mode):
        raise OptionError(f"{name}: is no ordinary file", hint="settings are a text file")
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OptionError(f"{name}: is larger than {LARGEST >> 20} MiB", hint="settings are a short text file")
    return content


def _checked(whole: Mapping[str, Any], path: Path, *, is_of_folder: bool) -> SettingsFile:
    file = _File(printable(str(path)), is_of_folder)
    tables, profiles = {}, {}
    for name, content in whole.items():
        if name == "profile":
            for profile, inside in file.table(content, "[profile]").items():
                profiles[profile] = file.profile(profile, inside)
        elif name in TABLES:
            tables[name] = file.options(content, f"[{name}]", TABLES[name])
        else:
            file.refuse(name, f"no such {'table' if isinstance(content, dict) else 'key'}", like=[*TABLES, "profile"])
    return SettingsFile(path, is_of_folder, tables, profiles)


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is looked through."""

    name: str
    is_of_folder: bool

    def refuse(self, at: str, what: str, *, like: Iterable[str] = (), hint: str = "") -> NoReturn:
        """Tell what is wrong where.

        Raises:
            OptionError: always.
        """
        known = list(like)
        close = difflib.get_close_matches(at.rsplit(" ", 1)[-1], known, n=1)
        hint = hint or (f"did you mean {close[0]}?" if close else f"choose {', '.join(sorted(known))}")
        raise OptionError(f"{self.name}: {printable(at)}: {what}", hint=hint)

    def table(self, content: Any, at: str) -> Mapping[str, Any]:
        """A table, and nothing else."""
        if not isinstance(content, dict):
            self.refuse(at, "is no table", hint=f"write {at} on a line of its own")
        table: Mapping[str, Any] = content
        return table

    def profile(self, name: str, content: Any) -> Mapping[str, Any]:
        """A user's own profile: options, and tables of those for one command alone."""
        at = f"[profile.{name}]"
        if name in BUILT_IN:
            self.refuse(at, "this profile is built in", hint="choose another name")
        if not re.fullmatch(r"[\w-]{1,64}", name):
            self.refuse(at, "is no name", hint="use letters, digits, - and _")
        table = self.table(content, at)
        own = {key: value for key, value in table.items() if key not in WITH_PROFILES}
        of_one = {key: value for key, value in table.items() if key in WITH_PROFILES}
        found: dict[str, Any] = dict(self.options(own, at, PROFILE_KEYS))
        for command, inside in of_one.items():
            found[command] = self.options(inside, f"[profile.{name}.{command}]", TABLES[command])
        return found

    def options(self, content: Any, at: str, kinds: Mapping[str, str]) -> Mapping[str, Value]:
        """Options that may stand here, each of its kind."""
        for key, value in self.table(content, at).items():
            where = f"{at} {key}"
            if key not in kinds:
                self._refuse_key(where, key, kinds)
            words, fits = KINDS[kinds[key]]
            if not fits(value):
                self.refuse(where, "is of the wrong kind", hint=f"write {words}")
            if key == "encoder-option":
                self._check_encoder_options(where, value)
            if key == "weights" and self.is_of_folder and not re.fullmatch(r"[\w-][\w.-]*", value):
                self.refuse(
                    where, "a file in this folder may not lead to others", hint="name bundled weights, or a file here"
                )
        options: Mapping[str, Value] = content
        return options

    def _refuse_key(self, where: str, key: str, kinds: Mapping[str, str]) -> NoReturn:
        if key in NOT_IN_FILES:
            self.refuse(where, "may not stand in a file", hint=f"give --{key} on the command line")
        self.refuse(where, "no such key", like=kinds)

    def _check_encoder_options(self, where: str, texts: Sequence[str]) -> None:
        for text in texts:
            name, _, value = text.partition("=")
            if not is_harmless(name, value):
                self.refuse(
                    where,
                    f"{printable(name)} may not stand in a file, as it could name others",
                    hint="give --encoder-option on the command line",
                )


NOT_IN_FILES = frozenset({"output", "overwrite", "no-overwrite", "restart", "skip-damaged", "part", "dry-run"}) | {
    *("progress-file", "json", "quiet", "start", "end", "frames", "profile", "crop", "chart", "html", "csv", "results"),
    *(
        "out-dir",
        "cluster",
        "ignore-dolby-vision",
        "video-stream",
        "max-pixels",
        "max-hours",
        "max-errors",
        "fps",
        "start-number",
        "pipe-format",
        "suffix",
        "recursive",
        "skip-existing",
        "fail-fast",
        "reference",
        "validation",
        "minutes",
        "steps",
        "epochs",
        "budget",
        "task",
    ),
}
"""Options whose place is the command line: what writes, replaces, throws away, loses or leaves out something."""


def layers(command: str, profile: str | None) -> list[Layer]:
    """Options from everywhere but the command line and the environment, those with more say first.

    Args:
        command: its name.
        profile: name of a profile; None is none.

    Raises:
        OptionError: a file holds what it may not, or there is no such profile.
    """
    files = read_all()
    table = TABLE_OF.get(command, command)
    found = [_profile_layer(profile, files, table)] if profile is not None else []
    of_files = [
        Layer(_file_words(file), file.tables[table], file.is_of_folder) for file in files if table in file.tables
    ]
    return [*found, *of_files]


def profiles(files: Iterable[SettingsFile]) -> dict[str, tuple[Mapping[str, Any], SettingsFile | None]]:
    """All profiles by name, with the file that each is from; None is built in."""
    found: dict[str, tuple[Mapping[str, Any], SettingsFile | None]] = {
        name: (values, None) for name, values in BUILT_IN.items()
    }
    for file in files:
        for name, values in file.profiles.items():
            found.setdefault(name, (values, file))
    return found


def _profile_layer(name: str, files: Sequence[SettingsFile], table: str) -> Layer:
    known = profiles(files)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose {', '.join(known)}"
        raise OptionError(f"no profile is called {printable(name)}", hint=hint, option="profile")
    values, file = known[name]
    own = {key: value for key, value in values.items() if key in TABLES[table] and key not in WITH_PROFILES}
    where = f" in {_file_words(file)}" if file is not None else ""
    return Layer(f"profile {name}{where}", own | values.get(table, {}), file is not None and file.is_of_folder)


def _file_words(file: SettingsFile) -> str:
    return f"{file.path} in this folder" if file.is_of_folder else str(file.path)


def chosen(given: Iterable[str], found: Iterable[Layer]) -> Iterator[tuple[Layer, dict[str, Value]]]:
    """What is taken of each layer.

    Args:
        given: options that the command line or the environment has decided.
        found: layers, those with more say first.
    """
    closed = set(given)
    for key in tuple(closed):
        closed |= CLOSES.get(key, set())
    for layer in found:
        taken = {key: value for key, value in layer.values.items() if key not in closed}
        yield layer, taken
        for key in taken:
            closed |= {key} | CLOSES.get(key, set())


def words(values: Mapping[str, Value]) -> str:
    """Options in a line: "codec h265, crf 12"."""
    return ", ".join(f"{key} {_value_words(value)}" for key, value in values.items())


def _value_words(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return printable(" ".join(value) if isinstance(value, list) else str(value))
