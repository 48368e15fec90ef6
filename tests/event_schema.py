"""Real JSON objects held against docs/events.schema.json: the part of JSON Schema that it uses, and no key unsaid."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "docs" / "events.schema.json"
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
SAID = {"title", "description", "x-commands", "$schema"}
UNDERSTOOD = SAID | {"type", "const", "enum", "items", "prefixItems", "minItems", "maxItems"}
UNDERSTOOD |= {"properties", "required", "anyOf", "$ref", "$defs"}


@cache
def schema() -> dict[str, Any]:
    """The whole schema."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def checked(command: str, lines: str | Iterable[str]) -> list[dict[str, Any]]:
    """The objects that a command has printed, once each is as the schema says of this command.

    Raises:
        AssertionError: one of them is not; says where.
    """
    records = [_parsed(line) for line in (lines.splitlines() if isinstance(lines, str) else lines)]
    for record in records:
        definition(command, record)
    assert records
    return records


def definition(command: str, record: dict[str, Any]) -> str:
    """The name of the one definition that an object fits: of its event, by its command."""
    of_event = {
        name: one
        for name, one in schema()["$defs"].items()
        if one.get("properties", {}).get("event", {}).get("const") == record.get("event")
        and command in one["x-commands"]
    }
    assert of_event, f"{command}: no event {record.get('event')!r}"
    problems = {name: list(_problems(one, record, name)) for name, one in of_event.items()}
    fitting: list[str] = [name for name, found in problems.items() if not found]
    assert len(fitting) == 1, problems
    return fitting[0]


def _parsed(line: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    record: dict[str, Any] = json.loads(line, parse_constant=refuse)
    return record


def _problems(rule: dict[str, Any], value: Any, at: str) -> Iterable[str]:
    assert set(rule) <= UNDERSTOOD, f"{at}: a rule that no test understands: {set(rule) - UNDERSTOOD}"
    if "$ref" in rule:
        yield from _problems(schema()["$defs"][rule["$ref"].removeprefix("#/$defs/")], value, at)
    if "anyOf" in rule and all(list(_problems(one, value, at)) for one in rule["anyOf"]):
        yield f"{at}: {value!r} is none of them"
    if "const" in rule and value != rule["const"]:
        yield f"{at}: {value!r} is not {rule['const']!r}"
    if "enum" in rule and value not in rule["enum"]:
        yield f"{at}: {value!r} is not among {rule['enum']}"
    kinds = rule.get("type", [])
    if kinds and not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        yield f"{at}: {value!r} is no {kinds}"
    elif isinstance(value, dict):
        yield from _object_problems(rule, value, at)
    elif isinstance(value, list):
        yield from _array_problems(rule, value, at)


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _object_problems(rule: dict[str, Any], value: dict[str, Any], at: str) -> Iterable[str]:
    for key in rule.get("required", []):
        if key not in value:
            yield f"{at}: {key} is missing"
    if "properties" not in rule:
        return
    for key, item in value.items():
        if key not in rule["properties"]:
            yield f"{at}: {key} is said nowhere"
        else:
            yield from _problems(rule["properties"][key], item, f"{at}.{key}")


def _array_problems(rule: dict[str, Any], value: list[Any], at: str) -> Iterable[str]:
    if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value)):
        yield f"{at}: {len(value)} items"
    each = rule.get("prefixItems") or [rule.get("items", {})] * len(value)
    for number, (one, item) in enumerate(zip(each, value, strict=False)):
        yield from _problems(one, item, f"{at}[{number}]")
