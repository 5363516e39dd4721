"""Values of a table at a path, as the edits of ``formats`` find them: in a list of tables by name."""

from __future__ import annotations

from typing import Any

from fleethub.formats.named import entry_of, name_of
from fleethub.nodetypes.projection import Path, at


def with_value(value: Any, path: Path, new: Any) -> Any:
    """A copy with a value at a path."""
    if not path:
        return new
    if isinstance(value, list):
        for number, one in enumerate(value):
            if name_of(one) == path[0]:
                return [*value[:number], with_value(one, path[1:], new), *value[number + 1 :]]
        made = with_value({}, path[1:], new) if len(path) > 1 else new
        return [*value, entry_of(path[0], made)]
    table = value if isinstance(value, dict) else {}
    return {**table, path[0]: with_value(table.get(path[0], {}), path[1:], new)}


def without(value: Any, path: Path) -> Any:
    """A copy without what is at a path; of a list's entries of one name the last goes."""
    if isinstance(value, list):
        known = [n for n, one in enumerate(value) if name_of(one) == path[0]]
        if len(path) > 1:
            return [without(one, path[1:]) if n in known[:1] else one for n, one in enumerate(value)]
        return [one for n, one in enumerate(value) if n not in known[-1:]]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {key: one for key, one in value.items() if key != path[0]}
    return {**value, path[0]: without(value[path[0]], path[1:])}


def found_at(root: Any, path: Path) -> Any:
    """The value at a path; None where nothing is."""
    try:
        return at(root, path)
    except KeyError:
        return None


def names_at(root: Any, path: Path) -> list[str]:
    """The keys of the table, or the names in the list, at a path; none where there is neither."""
    value = found_at(root, path)
    if isinstance(value, dict):
        return [*value]
    return [name for one in (value if isinstance(value, list) else ()) if (name := name_of(one)) is not None]
