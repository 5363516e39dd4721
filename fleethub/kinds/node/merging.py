"""FleetHub's part of a file put into what is there, with every other byte as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fleethub.dotenv import assignments
from fleethub.formats import dotenv
from fleethub.formats.edits import CUT, NotEditable
from fleethub.kinds.node.documents import document
from fleethub.kinds.node.paths import found_at, with_value, without
from fleethub.kinds.node.projection import Unreadable, Unwritable, as_json, decoded, fresh, pointer, swept, there_in
from fleethub.model.secret import Text
from fleethub.nodetypes import Format
from fleethub.nodetypes.projection import Path, Projection


def merged(format: Format, of: Projection, data: bytes, fill: Callable[[Text], str]) -> bytes:
    """The file with the owned values in it and every other byte as it was; ``fill`` opens the secrets of a text.

    Raises Unreadable for what cannot be understood, Unwritable when what would come out is not just that.
    """
    if not of:
        return data
    text = decoded(data)
    there = dict(there_in(format, of, data)) if data else {}
    want = {path: fill(value) if isinstance(value, Text) else value for path, value in of.values.items()}
    change = {p: v for p, v in want.items() if p not in of.keep and (p not in there or as_json(there[p]) != as_json(v))}
    made = fresh(format, of, {pointer(format, path): "" for path in there})
    change |= {path: want[path] for path in want if path in of.keep and pointer(format, path) in made}
    if format == "dotenv":
        return _merged_env(of, text, there, {path: str(value) for path, value in change.items()})
    return _merged_tables(format, of, text, change)


def sample(format: Format, of: Projection) -> str:
    """FleetHub's part by itself, as it would be in an empty file, with secrets as ``(sensitive)``."""
    if format != "json":
        return merged(format, of, b"", Text.display).decode()
    empty: Any = {}
    for path, value in (*of.fresh.items(), *of.units.items(), *of.values.items()):
        empty = with_value(empty, path, value)
    return json.dumps(empty, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _merged_env(of: Projection, text: str, there: Mapping[Path, Any], change: Mapping[Path, str]) -> bytes:
    before = assignments(text)
    gone = [path for path in there if path not in of.values and path not in of.keep]
    puts = [(path, f"'{value}'") for path, value in change.items()]
    result = dotenv.edit(text, [*puts, *((path, CUT) for path in gone)])
    expected = {**{n: v for n, v in before.items() if (n,) not in gone}, **{n: v for (n,), v in change.items()}}
    got = assignments(result)
    if lost := [
        name for name in {**expected, **got} if (name in got, got.get(name)) != (name in expected, expected.get(name))
    ]:
        raise Unwritable(f"{', '.join(lost)} would not be read there as it is meant")
    return result.encode()


def _merged_tables(format: Format, of: Projection, text: str, change: Mapping[Path, Any]) -> bytes:
    editor = document(format)
    before = editor.read(text.encode())
    if before is None:
        raise Unreadable(editor.obstacle(text.encode(), ()))
    puts: dict[Path, Any] = {}
    cuts = [path for path in swept(of, before) if path not in of.units]
    for path, short in of.short.items():
        if isinstance(value := found_at(before, path), str) and any(p[: len(path)] == path for p in change):
            puts[path] = {short: value}
    units = {path: unit for path, unit in of.units.items() if as_json(found_at(before, path)) != as_json(unit)}
    for path, value in (*change.items(), *units.items()):
        for above, made in of.fresh.items():
            if path[: len(above)] == above and found_at(before, above) is None:
                puts.setdefault(above, made)
        puts[path] = value
    expected = before
    for path in cuts:
        expected = without(expected, path)
    for path, value in puts.items():
        expected = with_value(expected, path, value)
    try:
        result = editor.edit(text, [*((path, CUT) for path in cuts), *puts.items()])
    except NotEditable as error:
        raise Unwritable(str(error)) from None
    if as_json(editor.read(result.encode())) != as_json(expected):
        raise Unwritable("it cannot be changed so that all else stays as it is")
    return result.encode()
