"""Where in the spec each value stands, so that a reason can name its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from fleethub.model.dataclass import dataclass
from fleethub.model.finding import SourceLocation

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A place of the spec; ``origin`` is the table that gave a node its value, where that is not the node's own."""

    place: SourceLocation
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.place}, {self.origin}" if self.origin else str(self.place)


@dataclass(frozen=True, slots=True)
class Written:
    """``places``: of each key path those of its key and of its value. ``layers``: a node's tables, its own first.

    ``values``: the document itself, in which a secret is a reference.
    """

    places: Mapping[KeyPath, tuple[SourceLocation, SourceLocation]] = field(default_factory=dict, repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    layers: Mapping[str, tuple[KeyPath, ...]] = field(default_factory=dict)

    def at(self, *path: str | int) -> Line | None:
        """Where a value stands; None: the spec does not say it."""
        found = self.places.get(path)
        return Line(found[1]) if found else None

    def of_node(self, name: str, *path: str | int) -> Line | None:
        """Where a value of a node stands: in its own table, its role's or the defaults'. None: nobody wrote it."""
        for layer in self.layers.get(name, ()):
            if (line := self.at(*layer, *path)) is not None:
                origin = {"roles": f"role {layer[1]}", "defaults": "defaults.node"}.get(str(layer[0]), "")
                return Line(line.place, origin)
        return None

    def said_of_node(self, name: str, field: str) -> Any:
        """What is written there of a field; None where nobody wrote it."""
        for layer in self.layers.get(name, ()):
            if (*layer, field) in self.places:
                return self.fields(*map(str, layer))[field][0]
        return None

    def fields(self, *path: str) -> dict[str, tuple[Any, Line | None]]:
        """The fields of a table that are written: value and place by name."""
        table: Any = self.values
        for name in path:
            table = table.get(name, {})
        return {name: (value, self.at(*path, name)) for name, value in table.items()}
