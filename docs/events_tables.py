"""The tables of docs/events.md, from docs/events.schema.json. Rewrites what follows the line `<!-- tables -->`.

.venv/bin/python docs/events_tables.py
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MARK = "<!-- tables -->\n"
COMMON = ("schema", "event")
NAMES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null", "object": "object"}


def page() -> str:
    """The whole page with new tables."""
    head, mark, _ = (HERE / "events.md").read_text().partition(MARK)
    return head + mark + tables()


def tables() -> str:
    """A section for every event, and for what stands inside of several."""
    schema = json.loads((HERE / "events.schema.json").read_text())
    return "\n".join(line for name, record in schema["$defs"].items() for line in _section(name, record)) + "\n"


def _section(name: str, record: dict[str, Any]) -> Iterator[str]:
    properties = record.get("properties", {})
    if "event" not in properties and (not properties or name == "ErrorFacts"):
        return  # said by the sections of `done`, `part` and `error`
    yield ""
    yield f"### {name}"
    yield ""
    if "event" in properties:
        commands = ", ".join(f"`{command}`" for command in record["x-commands"])
        yield f"`\"event\": \"{properties['event']['const']}\"` of {commands}. {record['title']}."
        yield ""
    yield "| key | type | meaning |"
    yield "|---|---|---|"
    for key, value in properties.items():
        if key not in COMMON:
            yield f"| `{key}` | {_type_words(value)} | {value.get('description', '')} |"


def _type_words(value: dict[str, Any]) -> str:
    if "$ref" in value:
        return _name_of(value["$ref"])
    if "anyOf" in value:
        return " or ".join(_type_words(one) for one in value["anyOf"])
    kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return " or ".join(_array_words(value) if kind == "array" else NAMES[kind] for kind in kinds)


def _array_words(value: dict[str, Any]) -> str:
    if "prefixItems" in value:
        return "list of " + ", ".join(_type_words(one) for one in value["prefixItems"])
    count = f"{value['minItems']} of " if value.get("minItems") == value.get("maxItems", -1) else ""
    return f"list of {count}{_type_words(value['items'])}"


def _name_of(reference: str) -> str:
    name = reference.rsplit("/", 1)[-1]
    return {"Report": "object", "ErrorFacts": "object"}.get(name, f"[{name}](#{name.lower()})")


if __name__ == "__main__":
    (HERE / "events.md").write_text(page())
