"""Frozen dataclasses to plain JSON values and back, by their type hints.

Understands str, int, float, bool, None, Fraction, Path, Enum, dataclasses, tuple, frozenset, dict[str, ...]
and `X | None`. Used for the plan, the journal and the model config, so that each has one definition.
"""

import dataclasses
import types
import typing
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, cast

T = TypeVar("T")


def to_plain(value: object) -> Any:  # noqa: PLR0911 - one return a kind of value
    """The JSON form of a record or of a value inside one."""
    if value is None or isinstance(value, bool | str | float) or type(value) is int:
        return value
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Fraction | Path):
        return str(value)
    if dataclasses.is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    raise TypeError(f"no JSON form for {type(value).__name__}")


def from_plain(kind: type[T], plain: object, *, at: str = "record") -> T:
    """The record of type `kind` that `plain` is the JSON form of.

    Args:
        kind: the dataclass to make.
        plain: what `to_plain` gave, for instance read from a file that anybody may have edited.
        at: name of the value, for the error's text.

    Raises:
        ValueError: a field is missing, unknown or of the wrong kind; names the field.
    """
    return cast(T, _read(kind, plain, at))


def _read(kind: Any, plain: Any, at: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _read_union(kind, plain, at)
    if origin in (tuple, frozenset):
        return _read_sequence(kind, plain, at)
    if origin is dict:
        _expect(isinstance(plain, dict), at, "an object")
        _, item = typing.get_args(kind)
        return {str(k): _read(item, v, f"{at}.{k}") for k, v in plain.items()}
    if origin is typing.Literal:
        _expect(plain in typing.get_args(kind), at, f"one of {typing.get_args(kind)}")
        return plain
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, plain, at)
    return _read_scalar(kind, plain, at)


def _read_union(kind: Any, plain: Any, at: str) -> Any:
    options = typing.get_args(kind)
    if plain is None and type(None) in options:
        return None
    problem: ValueError | None = None
    for option in options:
        if option is type(None):
            continue
        try:
            return _read(option, plain, at)
        except ValueError as error:
            problem = error
    raise problem or ValueError(f"{at}: null is not allowed")


def _read_sequence(kind: Any, plain: Any, at: str) -> Any:
    _expect(isinstance(plain, list), at, "a list")
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is frozenset:
        return frozenset(_read(arguments[0], item, f"{at}[{n}]") for n, item in enumerate(plain))
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_read(arguments[0], item, f"{at}[{n}]") for n, item in enumerate(plain))
    _expect(len(plain) == len(arguments), at, f"a list of {len(arguments)}")
    return tuple(_read(a, item, f"{at}[{n}]") for n, (a, item) in enumerate(zip(arguments, plain, strict=True)))


def _read_record(kind: Any, plain: Any, at: str) -> Any:
    _expect(isinstance(plain, dict), at, "an object")
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    unknown = sorted(set(plain) - set(fields))
    _expect(not unknown, at, f"no field {', '.join(unknown)}")
    values = {}
    for name, field in fields.items():
        if name in plain:
            values[name] = _read(hints[name], plain[name], f"{at}.{name}")
        else:
            has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
            _expect(has_default, at, f"a field {name}")
    return kind(**values)


def _read_scalar(kind: Any, plain: Any, at: str) -> Any:
    if kind is Any:
        return plain
    if isinstance(kind, type) and issubclass(kind, Enum):
        _expect(isinstance(plain, str) and plain in kind.__members__, at, f"a {kind.__name__}")
        return kind[plain]
    if kind is float:
        _expect(isinstance(plain, int | float) and not isinstance(plain, bool), at, "a number")
        try:
            return float(plain)
        except OverflowError as error:
            raise ValueError(f"{at}: expected a number that fits") from error
    if kind in (Fraction, Path):
        _expect(isinstance(plain, str), at, f"a {kind.__name__} in text")
        try:
            return kind(plain)
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(f"{at}: {plain!r} is no {kind.__name__}") from error
    if kind in (int, bool, str):
        _expect(type(plain) is kind, at, f"of type {kind.__name__}")
        return plain
    raise TypeError(f"{at}: records cannot hold {kind}")


def _expect(condition: bool, at: str, what: str) -> None:
    if not condition:
        raise ValueError(f"{at}: expected {what}")
