"""What FleetHub owns of a file that is somebody else's: paths in it and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from fleethub.formats.named import name_of
from fleethub.model.dataclass import dataclass
from fleethub.model.secret import Text

#: The keys that lead to a value; in a list of tables the name of one, its ``id`` or ``name``. In a ``.env`` a
#: variable's name alone.
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """The owned part of one file, as it is wanted.

    ``values``: single values, as JSON has them; a ``Text`` where a secret may stand in it. ``units``: tables that are
    owned with all that is in them. ``keep``: paths that stay as they are found. ``free``: paths whose value comes from
    free text of the spec, which is never kept in plain. ``fresh``: what is put where nothing is at a path, so that an
    owned value has its surroundings. ``sweep``: beginnings of names in the table at a path (or of variables): what has
    such a name is FleetHub's, and goes when it is no longer wanted. ``short``: a table that may be written as the value
    of one of its keys. ``lists``: what a path goes through by name; all else that it goes through is a table.
    ``include``: a key that makes a table's content come from elsewhere. ``required``: the file is
    there already, or the node is not one. ``restores``: paths that get back what was there before FleetHub when the
    node is let go of, with the keys that are FleetHub's where that is a table; what stands there is never a secret.
    ``lends``: tables of somebody else that get these keys back, where they were there and no secret is in them.
    """

    values: Mapping[Path, Any] = field(default_factory=dict)
    units: Mapping[Path, Any] = field(default_factory=dict)
    keep: frozenset[Path] = frozenset()
    free: frozenset[Path] = frozenset()
    fresh: Mapping[Path, Any] = field(default_factory=dict)
    sweep: Mapping[Path, str] = field(default_factory=dict)
    short: Mapping[Path, str] = field(default_factory=dict)
    lists: frozenset[Path] = frozenset()
    include: str = ""
    required: bool = False
    restores: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    lends: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is owned."""
        return bool(self.values or self.units or self.keep)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a table that is no table, and every empty table, with its path; a list whose tables each have a
    name of their own by those.
    """
    inner: Mapping[str, Any] = value if isinstance(value, dict) else _by_name(value)
    if not inner:
        yield path, value
        return
    for key, one in inner.items():
        yield from leaves(one, (*path, str(key)))


def branches(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a table that is no table, and every empty table, with its path: a list is one value."""
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for key, one in value.items():
        yield from branches(one, (*path, str(key)))


def at(value: Any, path: Path) -> Any:
    """The value at a path; raises KeyError where nothing is."""
    for key in path:
        if isinstance(value, list):
            value = next((one for one in value if name_of(one) == key), None)
            found = value is not None
        else:
            found = isinstance(value, dict) and key in value
            value = value[key] if found else None
        if not found:
            raise KeyError(key)
    return value


def variables(text: Text) -> dict[str, Text]:
    """The variables of a rendered ``.env``, each value without its quotes and with its secrets' places."""
    found: dict[str, Text] = {}
    for line in _split(text):
        name, equals, first = str(line[0]).partition("=") if line and isinstance(line[0], str) else ("", "", "")
        if not equals or name.startswith("#"):
            continue
        parts = [first, *line[1:]]
        if isinstance(parts[0], str):
            parts[0] = parts[0].removeprefix("'")
        if isinstance(parts[-1], str):
            parts[-1] = parts[-1].removesuffix("'")
        found[name.strip()] = Text(tuple(part for part in parts if part != ""))
    return found


def _split(text: Text) -> Iterator[list[Any]]:
    line: list[Any] = []
    for part in text.parts:
        if not isinstance(part, str):
            line.append(part)
            continue
        first, *more = part.split("\n")
        line += [first] if first else []
        for one in more:
            yield line
            line = [one] if one else []
    yield line


def _by_name(value: Any) -> dict[str, Any]:
    if not isinstance(value, list):
        return {}
    found = {name: one for one in value if (name := name_of(one)) is not None}
    return found if len(found) == len(value) else {}
