"""Edits of the spec's text: new bytes for the files that change. Pure; comments, order and line ends stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from fleethub.fleetspec import report
from fleethub.fleetspec.blocks import BY_HAND, Blocks, Names, table_at
from fleethub.fleetspec.load import Loaded
from fleethub.fleetspec.merge import OWN, TABLES
from fleethub.fleetspec.tomltext import toml_value
from fleethub.fleetspec.values import NAME, SECRET
from fleethub.model.consuming import Hop, Node
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import Assign, Edit, EditError, Fields, Register, Release, SetFields
from fleethub.model.fleet import Fleet
from fleethub.model.text import same_name, table_name


@dataclass(frozen=True, slots=True)
class Edited:
    """The files that change (None: the file goes) by name, in the order in which they are safely written one by one.

    ``notes`` say in words what is done beyond what was asked for.
    """

    files: Mapping[str, bytes | None]
    notes: tuple[str, ...] = ()


def edited(spec: Loaded, edit: Edit, owner: str = "") -> Edited:
    """Carry an edit out on a spec that holds together; ``owner``: who takes the entry over. Raises EditError."""
    if spec.fleet is None:
        raise ValueError("a spec with errors is not edited")
    try:
        return _edited(spec, spec.fleet, edit, owner)
    except UnicodeEncodeError:  # bytes of the command line that the locale could not read
        raise EditError(
            "bad-field", "a value is no text in UTF-8", "run it in a UTF-8 locale: LC_ALL=C.UTF-8"
        ) from None


def with_values(spec: Loaded, values: Mapping[Names, Any]) -> Edited:
    """The spec with these values by path, ``("keys", "web", "generation")``; a block that is not there is made.

    A block's field may be that of a table in it. Raises EditError.
    """
    if spec.fleet is None:
        raise ValueError("a spec with errors is not edited")
    blocks = Blocks(spec.texts)
    plain: dict[Names, Any] = {
        p: v for p, v in values.items() if len(p) == 3 and v is not None and p[1] in blocks.group(p[0])
    }
    if len(plain) > 1:
        blocks.write_each(plain)
    for path, value in values.items():
        if len(plain) < 2 or path not in plain:
            blocks.write(path[:2], path[2:], value)
    return Edited(blocks.changed())


def _edited(spec: Loaded, fleet: Fleet, edit: Edit, owner: str) -> Edited:
    blocks = Blocks(spec.texts)
    edits = _NodeEdits(fleet, blocks)
    if isinstance(edit, Register) and edit.node not in fleet.nodes:
        edits.add(edit.node, {**edit.fields, **({"owner": owner} if owner else {})})
    elif edit.node not in fleet.nodes:
        hint = report.nearest(edit.node, fleet.nodes, "node")
        raise EditError("unknown-node", f"there is no node {report.shown(edit.node)}", hint)
    elif isinstance(edit, Release):
        edits.release(fleet.nodes[edit.node], edit.abandon_files)
    else:
        edits.set(fleet.nodes[edit.node], edit, owner)
    return Edited(blocks.changed(), tuple(blocks.notes))


@dataclass(frozen=True, slots=True)
class _NodeEdits:
    """What each edit of a node makes of the blocks of the spec."""

    fleet: Fleet
    blocks: Blocks

    def add(self, name: str, fields: Fields) -> None:
        """A new block, in a file of its own where the spec includes such files."""
        if not re.fullmatch(NAME, name) or len(name) > 63 or SECRET.search(name):
            shown = report.shown(name)
            raise EditError("bad-name", f"{shown} is no name: lower-case letters, digits and dashes, at most 63")
        given = {path: value for path, value in _paths(fields).items() if value is not None}
        wanted: dict[str, Any] = {}
        for path, value in given.items():
            table_at(wanted, path[:-1])[path[-1]] = value
        table = tomlkit.table()
        try:
            for key, value in wanted.items():
                table.add(key, toml_value(value))
        except (TOMLKitError, TypeError, ValueError):
            raise EditError("bad-field", "a field has a value that TOML cannot hold") from None
        document = tomlkit.document()
        document.add("nodes", tomlkit.table(is_super_table=True).add(name, table))
        self.blocks.add(("nodes", name), document.as_string(), given)

    def set(self, node: Node, edit: Assign | SetFields | Register, owner: str) -> None:
        """Write fields into the node's own block, where they are not there already."""
        fields = self._assigned(node, edit.model) if isinstance(edit, Assign) else dict(edit.fields)
        if owner and not same_name(owner, node.owner):
            fields["owner"] = owner
        own = self.blocks.own((node.group, node.name))[1]
        same_role = fields.get("role", own.get("role")) == own.get("role")
        if "model" in fields and "fallbacks" not in fields and same_role:
            fields |= self._shorter(node, fields["model"])
        self.blocks.change((node.group, node.name), _paths(fields))

    def release(self, node: Node, abandon_files: bool) -> None:
        """Take the node's block out, and the block of a key that was its alone."""
        note = self.blocks.notes.append
        self.blocks.remove((node.group, node.name))
        self.blocks.remove_renames(str(node.address))
        if abandon_files:
            note(f"fleethub apply --forget {node.address} lets it go; what lies at {node.target} stays")
        else:
            note(f"the next apply takes {node.name} down at {node.target}")
        key = self.fleet.keys.get(node.key)
        users = sorted(n.name for n in self.fleet.nodes.values() if n.key == node.key and n.name != node.name)
        if key is None:
            return
        where = f"[keys.{table_name(key.name)}] ({key.place})"
        if users:
            note(f"{where} stays: {', '.join(users)} use{'s' if len(users) == 1 else ''} it too")
        elif key.owner and not same_name(key.owner, node.owner):
            note(f"{where} stays: it belongs to {key.owner}")
        elif key.also:
            note(f"{where} stays, with the scope that also = gives it; take it out when nobody uses it")
        elif key.protected:
            note(f"{where} stays: it is protected")
        elif (other := self.blocks.otherwise(("keys", key.name))) is not None:
            note(f"[keys.{table_name(key.name)}] stays: {BY_HAND}; take it out by hand at {other}")
        else:
            self.blocks.remove(("keys", key.name))
            note(f"{where} goes too: no other node uses this key")

    def _assigned(self, node: Node, model: str) -> dict[str, Any]:
        old = node.chain[0]
        if old == Hop(model=model):
            return {}
        if old.direct:
            self.blocks.notes.append(f"it called {old}; {model} is called through its proxy")
        if "model" not in self.blocks.own((node.group, node.name))[1]:
            self.blocks.notes.append(
                f"model was inherited; it is written into [{node.group}.{node.name}], which overrides that"
            )
        return {"model": model}

    def _shorter(self, node: Node, model: Any) -> dict[str, Any]:
        """Fallbacks without the new primary: the same model by the same way twice in a chain is an error."""
        way = self._way(model)
        twice = [at for at, hop in enumerate(node.chain[1:]) if hop == way]
        if not twice or way == node.chain[0]:
            return {}
        own = self.blocks.own((node.group, node.name))[1]
        role = self.blocks.group("roles").get(str(own.get("role")), {})
        defaults = self.blocks.group("defaults").get("node", {})
        written = next(t["fallbacks"] for t in (own, role, defaults) if "fallbacks" in t)
        kept = [entry for at, entry in enumerate(written) if at not in twice]
        shown = ", ".join(str(hop) for at, hop in enumerate(node.chain[1:]) if at not in twice) or "none"
        from_ = "" if "fallbacks" in own else f", written into [{node.group}.{node.name}] instead of the inherited ones"
        self.blocks.notes.append(f"{way} was a fallback and is the primary now; fallbacks that stay: {shown}{from_}")
        self.blocks.notes.append(f"{node.chain[0]}, the primary until now, is no longer in the chain")
        return {"fallbacks": kept}

    def _way(self, model: Any) -> Hop | None:
        """The hop that a value of ``model`` means; None where that is not to be told."""
        if isinstance(model, str):
            return Hop(model=model)
        alias, via = (model.get("model"), model.get("via")) if isinstance(model, dict) else (None, None)
        if not isinstance(alias, str) or alias not in self.fleet.models or not isinstance(via, str | None):
            return None
        if via is None:
            return Hop(model=alias)
        backend, dot, endpoint = via.partition(".")
        first = next(iter(self.fleet.models[alias].backends), "")
        return Hop(model=alias, backend=backend if dot else first, endpoint=endpoint if dot else via)


def _paths(fields: Fields) -> dict[Names, Any]:
    """``labels.a.b`` is the key ``a.b`` of ``labels``; other names are keys of the block."""
    found: dict[Names, Any] = {}
    for name, value in fields.items():
        group, dot, key = name.partition(".")
        if dot and (group not in TABLES or group in OWN or not key):
            hint = f"{group} is edited by hand" if group in OWN else "with a dot: labels.X, env.X, files.X"
            raise EditError("bad-field", f"{report.shown(name)} is no field of a node", hint)
        if not dot and isinstance(value, dict) and name in TABLES:
            found |= {(name, str(inner)): one for inner, one in value.items()}
        else:
            found[(group, key) if dot else (name,)] = value
    return found
