"""What a node that somebody set up was before FleetHub, as it is found, told by the mark, and kept in the lockfile.

Of a config that is what it called, and that no name of FleetHub's own was there. By file and pointer stands the JSON of
what was there (nothing where nothing was) and, of a table, which keys are meant; behind a table's pointer with ``*``
what names of FleetHub's in it begin with, behind a list's with ``+`` the ids of what FleetHub added to it, behind
that of a table of somebody else's with ``=`` what of it FleetHub may write, and behind that of a table or list that
FleetHub made with ``~`` nothing, or the null that stood there: it goes, or is null again, once nothing is in it.
"""

from __future__ import annotations

import json
from typing import Any

from fleethub.kinds.node.attributes import NodeResource, NodeState, NodeTelemetry
from fleethub.kinds.node.documents import document
from fleethub.kinds.node.paths import found_at, names_at
from fleethub.kinds.node.projection import as_json, pointer
from fleethub.model.observation import Found
from fleethub.nodetypes.projection import Path, Projection, at

EVERY = "*"
ADDED = "+"
LENT = "="
MADE = "~"  # which no pointer ends in


def found_of(want: NodeResource, told: NodeTelemetry) -> Found:
    """What is there before FleetHub writes, of each file that is somebody else's."""
    found: dict[str, tuple[str, ...]] = {}
    for file in want.material.files:
        of, blob = file.projection, told.files.get(file.path)
        if of is None:
            continue
        for path, start in of.sweep.items():
            found[f"{file.path}#{pointer(file.of.format, path) if path else ''}{EVERY}"] = (start,)
        tables = document(file.of.format)
        root = tables.read(blob.reveal()) if blob is not None and file.of.format != "dotenv" else None
        for path, own in of.restores.items():
            there = found_at(root, path)
            told_there = {key: there[key] for key in own if key in there} if isinstance(there, dict) else there
            said = as_json(told_there) if _is_there(root, path) else ""
            found[f"{file.path}#{pointer(file.of.format, path)}"] = (said, *own)
        for path, keys in of.lends.items():
            there = found_at(root, path)
            if isinstance(there, dict) and (lent := tuple(key for key in keys if _is_open(there.get(key, "")))):
                was = as_json({key: there[key] for key in lent if key in there})
                found[f"{file.path}#{pointer(file.of.format, path)}{LENT}"] = (was, *lent)
    return dict(sorted(found.items()))


def _is_open(value: Any) -> bool:
    """Whether a value that somebody wrote may stand in a lockfile: none, a number, true or false, or a text without a
    login or a query in it.
    """
    if isinstance(value, str):
        return not {"@", "?", "#"} & {*value}
    return value is None or isinstance(value, int | float)


def added_of(want: NodeResource, told: NodeTelemetry) -> Found:
    """What was there before FleetHub, with what it adds to lists that are somebody else's, as a model to a provider."""
    found = dict(want.found)
    for file in want.material.files:
        of, blob = file.projection, told.files.get(file.path)
        for path, start in of.sweep.items() if of is not None else ():  # a file may be FleetHub's in part only later
            found.setdefault(f"{file.path}#{pointer(file.of.format, path) if path else ''}{EVERY}", (start,))
        if of is None or blob is None or file.of.format == "dotenv":
            continue
        root = document(file.of.format).read(blob.reveal())
        for path in _surroundings(of) if root is not None else ():
            if found_at(root, path) is None:
                was = "null" if _is_there(root, path) else ""
                found[f"{file.path}#{pointer(file.of.format, path)}{MADE}"] = (was,)
        for path in of.lists:
            listed, there = found_at(root, path), {*names_at(root, path)}
            wanted = {way[len(path)] for way in of.values if way[: len(path)] == path and len(way) > len(path)}
            name = f"{file.path}#{pointer(file.of.format, path)}{ADDED}"
            if isinstance(listed, list) and (new := wanted - there):
                found[name] = tuple(sorted({*found.get(name, ()), *new}))
    return dict(sorted(found.items()))


def _surroundings(of: Projection) -> list[Path]:
    """The tables and lists of somebody else's that what FleetHub owns stands in, which it makes where they are not."""

    def own(way: Path) -> bool:
        return any(way[:-1] == above and way[-1].startswith(start) for above, start in of.sweep.items())

    ways = dict.fromkeys(path[:depth] for path in (*of.values, *of.units) for depth in range(1, len(path)))
    return [
        way
        for way in ways
        if way[:-1] not in of.lists and not any(own(way[:depth]) for depth in range(1, len(way) + 1))
    ]


def _is_there(root: Any, path: Path) -> bool:
    try:
        at(root, path)
    except KeyError:
        return False
    return True


def parse_found(raw: Found) -> Found:
    """What was there, as it is kept; raises ValueError on anything else."""
    for name, texts in raw.items():
        path, hash, way = name.partition("#")
        if not path or not hash or not (texts or way.endswith(ADDED)):
            raise ValueError(f"found has {name!r}, which is no file and pointer of a node with what was there")
        if not way.endswith((EVERY, ADDED)):
            read_found(texts[0])
    return raw


def told(item: NodeState) -> Found:
    """What the mark says was there, of those places alone that FleetHub itself writes to: whoever writes to the node's
    folder, as its agents may, could name others, to be cut or put back there in FleetHub's name.
    """
    seen, want = item.seen, item.want
    if seen is None or seen.mark is None or want is None:
        return {}
    known = found_of(want, seen.telemetry)
    places: set[str] = set()
    for file in want.material.files:
        if (of := file.projection) is not None:
            ways = [*((ADDED, way) for way in of.lists), *((MADE, way) for way in _surroundings(of))]
            places |= {f"{file.path}#{pointer(file.of.format, way)}{end}" for end, way in ways}
    found: dict[str, tuple[str, ...]] = {}
    for name, texts in seen.mark.found.items():
        same = texts[1:] == known[name][1:] if name in known else name in places
        if not same or (name.endswith(EVERY) and texts != known[name]):
            continue
        try:
            found |= parse_found({name: texts})
        except ValueError:
            continue
    return found


def read_found(text: str) -> Any:
    """What was there; raises ValueError on what is no JSON."""
    try:
        return json.loads(text or "null")
    except RecursionError:
        raise ValueError("what was there is nested too deeply") from None
