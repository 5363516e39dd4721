"""What came of a case written into its file as what is expected; comments and everything else stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from fleethub.cases.compare import Came, line_of
from fleethub.cases.table import ExpectTable
from fleethub.fleetspec.tomltext import toml_value


def expected(before: ExpectTable, found: Came) -> dict[str, Any]:
    """The expectation that holds: with the parts that are written; of a case that expects nothing yet, the usual."""
    named = before.model_fields_set or {"exit", "changes", "findings"}
    made: dict[str, Any] = {}
    if "exit" in named:
        made["exit"] = found.exit
    if "changes" in named:
        made["changes"] = dict(sorted(found.changes.items()))
    if "findings" in named:
        lines = dict.fromkeys(line_of(one) for one in found.findings)
        kept = [line for line in before.findings or () if any(line == one.code for one in found.findings)]
        made["findings"] = [*kept, *(line for line in lines if line.partition(" ")[0] not in kept)]
    if "fields" in named:
        there = {address: found.fields.get(address, {}) for address in before.fields}
        made["fields"] = {
            address: {name: there[address][name] for name in fields if there[address].get(name) is not None}
            for address, fields in before.fields.items()
            if there[address]
        }
    if "capacity" in named:
        made["capacity"] = {name: found.capacity[name] for name in before.capacity if name in found.capacity}
    return made


def updated(text: bytes, expectations: Mapping[int, Mapping[str, Any]]) -> bytes:
    """The file with the expectations of these cases, by their number."""
    dos = b"\r\n" in text
    document: Any = tomlkit.parse(text.decode().replace("\r\n", "\n"))
    for number, made in expectations.items():
        case = document["case"][number]
        new = "expect" not in case
        if new:
            case["expect"] = tomlkit.inline_table() if isinstance(case, InlineTable) else tomlkit.table()
        tables = _has_tables(case)
        for name, value in made.items():
            if name in ("fields", "capacity") and not value:
                case["expect"].pop(name, None)
            elif name not in case["expect"] or case["expect"][name] != value:
                case["expect"][name] = _value(value, tables)
        # the empty line that was behind the case stands before it now
        if new and tables and number + 1 < len(document["case"]):
            case["expect"].add(tomlkit.nl())
    after = tomlkit.dumps(document)
    return (after.replace("\n", "\r\n") if dos else after).encode()


def _has_tables(case: Any) -> bool:
    """Whether what is expected may have tables with headers: not within braces, nor where dots lead to it."""
    if isinstance(case, InlineTable) or isinstance(case["expect"], InlineTable):
        return False
    return not any(key is not None and key.key == "expect" and key.is_dotted() for key, _ in case.value.body)


def _value(value: Any, tables: bool) -> Any:
    """Lists, and where there may be ``tables`` those of several entries, are written line by line."""
    if isinstance(value, list) and len(value) > 1:
        array = tomlkit.array().multiline(True)
        array.extend(value)
        return array
    if tables and isinstance(value, dict) and len(value) > 2:
        table = tomlkit.table()
        for name, one in value.items():
            table[name] = toml_value(one)
        return table
    return toml_value(value)
