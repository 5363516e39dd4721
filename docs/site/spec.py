"""The reference of the spec, from the JSON Schema that ``fleethub schema`` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
HEAD = """\
# The spec

What may stand in `fleet.toml` and in the files that it includes. This page is made from the JSON Schema that
`fleethub schema` prints, which editors read (`#:schema ./fleet.schema.json`). What more than one field decides
(merging, chains, owners) is in `fleethub validate`.
"""


def spec_page() -> str:
    """Each table of the spec with its fields."""
    from fleethub.fleetspec.schema import json_schema

    schema: Schema = json_schema()
    known: dict[str, str] = {}  # a table's definition: its heading
    text = [HEAD, _table(schema["properties"], ())]
    waiting = [(name, field) for name, field in schema["properties"].items()]
    while waiting:
        path, field = waiting.pop(0)
        for found, below in _tables(path, field):
            if found in known:
                continue
            known[found] = below
            table = schema["$defs"][found]
            text.append(f"## [{below}]\n\n{_words(table.get('description', ''))}\n")
            text.append(_table(table["properties"], table.get("required", ())))
            waiting += [(f"{below}.{name}", one) for name, one in table["properties"].items()]
    return "\n".join(text)


def _tables(path: str, field: Schema) -> Iterator[tuple[str, str]]:
    """The definitions that a field leads to, and how the table is written in TOML."""
    if "$ref" in field:
        yield field["$ref"].rpartition("/")[2], path
    for key in ("anyOf", "oneOf", "allOf"):
        for one in field.get(key, ()):
            yield from _tables(path, one)
    if "items" in field:
        yield from _tables(f"{path}[]", field["items"])
    for below in (*field.get("patternProperties", {}).values(), field.get("additionalProperties")):
        if isinstance(below, Mapping):
            yield from _tables(f"{path}.NAME", below)


def _table(fields: Mapping[str, Schema], required: Any) -> str:
    rows = ["| field | type | default | |", "|---|---|---|---|"]
    for name, field in fields.items():
        default = "**required**" if name in required else _value(field["default"]) if _has_default(field) else ""
        says = _words(field.get("description", "")) + _examples(field)
        rows.append(f"| `{name}` | {_type(field)} | {default} | {says} |")
    return "\n".join(rows) + "\n"


def _has_default(field: Schema) -> bool:
    return field.get("default") not in (None, {}, [])


def _examples(field: Schema) -> str:
    found = [_value(one) for one in field.get("examples", ())]
    return f" (like {', '.join(found)})" if found and "like " not in field.get("description", "") else ""


def _type(field: Schema) -> str:
    """A field's type in the words of TOML."""
    if "$ref" in field:
        return "table"
    if "const" in field:
        return _value(field["const"])
    if "enum" in field:
        return " or ".join(_value(one) for one in field["enum"])
    for key in ("anyOf", "oneOf"):
        if key in field:
            return " or ".join(dict.fromkeys(_type(one) for one in field[key]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("type") == "object":
        return "table"
    return str({"number": "number", "integer": "integer"}.get(field.get("type", ""), field.get("type", "any value")))


def _value(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


def _words(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
