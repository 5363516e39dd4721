"""What a node is made of: defaults.node < role < node. Tables merge by key, everything else replaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleethub import nodetypes
from fleethub.fleetspec.schema import Spec
from fleethub.fleetspec.sources import Sources
from fleethub.fleetspec.tables.block import BlockTable
from fleethub.fleetspec.tables.consuming import ConsumerTable, RoleTable
from fleethub.fleetspec.targets import host_of
from fleethub.fleetspec.validate import Validated
from fleethub.model.consuming import Sink
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import SourceLocation
from fleethub.model.written import KeyPath
from fleethub.nodetypes import tangleclaw
from fleethub.nodetypes.table import Table

#: The tables that types of node have of their own.
OWN = tuple(table.name for table in nodetypes.tables())
TABLES = ("labels", "env", "files", "wiring", *OWN)


@dataclass(frozen=True)
class MergedNode:
    """A node after merging. ``values`` has only what some layer says; ``layers``: its own path first."""

    name: str
    values: Mapping[str, Any]
    layers: tuple[KeyPath, ...]
    whole: bool  # no layer lost a value to an error

    def source(self, path: KeyPath, sources: Sources) -> KeyPath:
        """The path in the document from which a path of the node comes."""
        for layer in self.layers:
            if (*layer, *path) in sources.places:
                return (*layer, *path)
        return self.layers[0]

    def place(self, path: KeyPath, sources: Sources) -> SourceLocation | None:
        """Where the value of a path of the node stands."""
        return sources.at(self.source(path, sources))

    def origin(self, path: KeyPath, sources: Sources) -> str:
        """Of which table the value is: empty when it is the node's own."""
        source = self.source(path, sources)
        return {"roles": f"role {source[1]}", "defaults": "defaults.node"}.get(str(source[0]), "")


def merged_nodes(spec: Spec, validated: Validated) -> list[MergedNode]:
    """Every node, merged, and every consumer."""
    merged = []
    for name, node in spec.nodes.items():
        layers: list[tuple[KeyPath, RoleTable]] = [(("nodes", name), node)]
        if node.role in spec.roles:
            layers.append((("roles", node.role), spec.roles[node.role]))
        layers.append((("defaults", "node"), spec.defaults.node))
        paths = tuple(path for path, _ in layers)
        whole = not any(validated.incomplete(*map(str, path)) for path in paths) and (
            node.role is None or node.role in spec.roles
        )
        merged.append(MergedNode(name, _values([table for _, table in layers]), paths, whole))
    return [*merged, *_consumers(spec, validated)]


def _consumers(spec: Spec, validated: Validated) -> Iterator[MergedNode]:
    """The consumers as nodes of the type that puts their key where their block says."""
    for name, table in spec.consumers.items():
        path: KeyPath = ("consumers", name)
        same = (*BlockTable.model_fields, "model", "fallbacks", "key", "settle", "timeout", "manage")
        values = {field: getattr(table, field) for field in same if field in table.model_fields_set}
        called = program(table)
        kind = nodetypes.get(called) if called in nodetypes.clients() else None
        home = kind.home if kind is not None and "target" not in table.model_fields_set else ""
        values |= {"target": home or table.target, "host": host_of(table.target), "consumer": True}
        if table.restart:
            values["command"] = table.restart
        if table.env is not None:
            env = table.env
            names = {"url": env.url, "key": env.variable, "model": env.model, "prefix": env.prefix}
            values |= {"type": "envfile", "manage": "wiring", "files": {"env": env.file}, "envfile": names}
        elif table.file is not None:
            files = {"key": table.file, **({"settings": table.settings} if table.settings else {})}
            values |= {"type": "keyfile", "files": files}
        elif table.command is not None:
            argvs = (tuple(words or ()) for words in (table.check, table.remove))
            values |= {"type": "sink", "sink": Sink(tuple(table.command), table.stdin, *argvs)}
        elif kind is not None:
            own = {"files": dict(table.files)} if table.files else {}
            values |= {"type": called, **own, "tangleclaw": _tangleclaw(table)}
        else:
            continue  # a check says that it needs one of them
        yield MergedNode(name, values, (path,), not validated.incomplete(*map(str, path)))


def program(table: ConsumerTable) -> str | None:
    """Whose settings a consumer gets: the type that is written, or the one that its profile is of."""
    return table.type or (tangleclaw.NAME if table.profile is not None else None)


def _tangleclaw(table: ConsumerTable) -> dict[str, Any]:
    """The table that a node of that type would have; a profile alone is its first model's."""
    said = table.tangleclaw.model_dump(exclude_unset=True) if table.tangleclaw is not None else {}
    own = table.model.model if table.model is not None else ""
    profiles = {name: model or own for name, model in (table.profile or {}).items()}
    return {**said, "profiles": profiles} if profiles else said


def _values(layers: list[RoleTable]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for table in reversed(layers):
        for field in table.model_fields_set - {"role"}:
            value = getattr(table, field)
            if field in TABLES and isinstance(value, Table):
                value = value.model_dump(exclude_unset=True)
            values[field] = merge(values.get(field, {}), value) if field in TABLES else value
    return values


def merge(below: Any, above: Any) -> Any:
    """``above`` over ``below``: tables key by key at every depth, all else as it is above."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: merge(below.get(key), value) for key, value in above.items()}}
