"""One diff for everything that has attributes: the changed leaves between two JSON-like values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub.model.plan import MISSING, FieldChange


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Changed fields in path order; lists of scalars are one field, other lists are walked by index.

    What is equal, or on one side alone, costs a comparison only: deepdiff, which is slow to import and to run,
    describes what differs.
    """
    found: dict[tuple[str, ...], FieldChange] = {}
    for name in before.keys() ^ after.keys():
        found[str(name),] = FieldChange((str(name),), before.get(name, MISSING), after.get(name, MISSING))
    other = [name for name in before.keys() & after.keys() if before[name] != after[name]]
    if not other:
        return tuple(found[path] for path in sorted(found))
    from deepdiff import DeepDiff

    old_side, new_side = ({name: _plain(side[name]) for name in other} for side in (before, after))
    view = DeepDiff(old_side, new_side, view="tree", threshold_to_diff_deeper=0, verbose_level=2)
    for group in view.values():
        for level in group:
            path = tuple(str(part) for part in level.path(output_format="list"))
            path, old, new = _whole_list(path, before, after)
            found[path] = FieldChange(path, old, new)
    return tuple(found[path] for path in sorted(found))


def _whole_list(
    path: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[tuple[str, ...], Any, Any]:
    """Lift a difference inside a list of scalars to the list: "models: [a] -> [a, b]" reads better than an index."""
    old: Any = before
    new: Any = after
    for depth, part in enumerate(path):
        if any(isinstance(side, list | tuple) and all(_scalar(v) for v in side) for side in (old, new)):
            return path[:depth], old, new
        old, new = _at(old, part), _at(new, part)
    return path, old, new


def _at(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(part, MISSING)
    if isinstance(value, list | tuple) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    return MISSING


def _scalar(value: Any) -> bool:
    return not isinstance(value, list | tuple | Mapping)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
