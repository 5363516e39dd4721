"""Edits of the spec's text: new bytes for the files that change. Pure; comments, order and line ends stay.

Only the lines of the edited block are written anew. What comes out is read again and must say just what was asked
for; whatever cannot be edited so (a node written as an inline table or by dotted keys) is refused with its place.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from fleethub.fleetspec import report
from fleethub.fleetspec.load import Loaded
from fleethub.fleetspec.merge import OWN, TABLES
from fleethub.fleetspec.sources import matches
from fleethub.fleetspec.tomltext import TomlText, toml_value
from fleethub.fleetspec.values import NAME, SECRET
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import Assign, Edit, EditError, Fields, Register, Release, SetFields
from fleethub.model.finding import SourceLocation
from fleethub.model.fleet import Fleet, Hop, Node
from fleethub.model.text import same_name, table_name

Names = tuple[str, ...]
BY_HAND = "it is written in a form that is not edited by command"


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
    desk = _Desk(spec.fleet, dict(spec.texts))
    for path, value in values.items():
        desk.write(path[:2], path[2:], value)
    return desk.done(spec)


def _edited(spec: Loaded, fleet: Fleet, edit: Edit, owner: str) -> Edited:
    desk = _Desk(fleet, dict(spec.texts))
    if isinstance(edit, Register) and edit.node not in fleet.nodes:
        desk.add(edit.node, {**edit.fields, **({"owner": owner} if owner else {})})
    elif edit.node not in fleet.nodes:
        hint = report.nearest(edit.node, fleet.nodes, "node")
        raise EditError("unknown-node", f"there is no node {report.shown(edit.node)}", hint)
    elif isinstance(edit, Release):
        desk.release(fleet.nodes[edit.node], edit.abandon_files)
    else:
        desk.set(fleet.nodes[edit.node], edit, owner)
    return desk.done(spec)


class _Desk:
    """The files under edit, the main one first."""

    def __init__(self, fleet: Fleet, files: dict[str, bytes]) -> None:
        self.fleet = fleet
        self.files: dict[str, bytes | None] = {**files}
        self.main = next(iter(files))
        self.touched: dict[str, None] = {}
        self.notes: list[str] = []
        self.docs = {name: tomllib.loads(data.decode().replace("\r\n", "\n")) for name, data in files.items()}

    def add(self, name: str, fields: Fields) -> None:
        """A new block, in a file of its own where the spec includes such files."""
        if not re.fullmatch(NAME, name) or len(name) > 63 or SECRET.search(name):
            shown = report.shown(name)
            raise EditError("bad-name", f"{shown} is no name: lower-case letters, digits and dashes, at most 63")
        given = {path: value for path, value in _paths(fields).items() if value is not None}
        wanted: dict[str, Any] = {}
        for path, value in given.items():
            _in(wanted, path[:-1])[path[-1]] = value
        table = tomlkit.table()
        try:
            for key, value in wanted.items():
                table.add(key, toml_value(value))
        except (TOMLKitError, TypeError, ValueError):
            raise EditError("bad-field", "a field has a value that TOML cannot hold") from None
        document = tomlkit.document()
        document.add("nodes", tomlkit.table(is_super_table=True).add(name, table))
        text, own = document.as_string(), f"nodes/{name}.toml"
        patterns = [p for p in self.docs[self.main].get("include", []) if isinstance(p, str)]
        if own not in self.files and any(matches(pattern, own) for pattern in patterns):
            self.files[own] = text.encode()
            self.touched[own] = None
            return
        toml = self._toml(self.main)
        changes = {("nodes", name, *path): value for path, value in given.items()} or {("nodes", name): {}}
        self._keep(toml.inserted(len(toml.lines), text), changes)

    def set(self, node: Node, edit: Assign | SetFields | Register, owner: str) -> None:
        """Write fields into the node's own block, where they are not there already."""
        fields = self._assigned(node, edit.model) if isinstance(edit, Assign) else dict(edit.fields)
        if owner and not same_name(owner, node.owner):
            fields["owner"] = owner
        file, own = self._own((node.group, node.name))
        same_role = fields.get("role", own.get("role")) == own.get("role")
        if "model" in fields and "fallbacks" not in fields and same_role:
            fields |= self._shorter(node, fields["model"])
        changes = {path: value for path, value in _paths(fields).items() if _get(own, path) != value}
        toml = self._block(file, (node.group, node.name))
        for path, value in changes.items():
            try:
                toml = _put(toml, (node.group, node.name), path, value)
            except (TOMLKitError, KeyError, TypeError, ValueError) as error:
                raise self._by_hand(file, (node.group, node.name), path) from error
        if changes:
            self._keep(toml, {(node.group, node.name, *path): value for path, value in changes.items()})

    def write(self, block: Names, path: Names, value: Any) -> None:
        """Write a value into a block; one that is not there is made at the end of the main file."""
        group, name = block
        if name in self._group(group):
            file, own = self._own(block)
            if _get(own, path) == value:
                return
            try:
                toml = _put(self._block(file, block), block, path, value)
            except (TOMLKitError, KeyError, TypeError, ValueError) as error:
                raise self._by_hand(file, block, path) from error
        elif value is None:
            return
        else:
            toml = self._toml(self.main)
            text = f"[{report.dotted((*block, *path[:-1]))}]\n{path[-1]} = {toml_value(value).as_string()}\n"
            toml = toml.inserted(len(toml.lines), text)
        self._keep(toml, {(*block, *path): value})

    def done(self, spec: Loaded) -> Edited:
        """What is other than in the spec, and the notes."""
        changed = {n: self.files[n] for n in self.touched if self.files[n] != spec.texts.get(n)}
        return Edited(changed, tuple(self.notes))

    def release(self, node: Node, abandon_files: bool) -> None:
        """Take the node's block out, and the block of a key that was its alone."""
        self._remove((node.group, node.name))
        self._rename_no_more(node.name)
        if abandon_files:
            self.notes.append(f"fleethub apply --forget {node.address} lets it go; what lies at {node.target} stays")
        else:
            self.notes.append(f"the next apply takes {node.name} down at {node.target}")
        key = self.fleet.keys.get(node.key)
        users = sorted(n.name for n in self.fleet.nodes.values() if n.key == node.key and n.name != node.name)
        if key is None:
            return
        where = f"[keys.{table_name(key.name)}] ({key.place})"
        if users:
            self.notes.append(f"{where} stays: {', '.join(users)} use{'s' if len(users) == 1 else ''} it too")
        elif key.owner and not same_name(key.owner, node.owner):
            self.notes.append(f"{where} stays: it belongs to {key.owner}")
        elif key.also:
            self.notes.append(f"{where} stays, with the scope that also = gives it; take it out when nobody uses it")
        elif key.protected:
            self.notes.append(f"{where} stays: it is protected")
        elif (other := self._otherwise(("keys", key.name))) is not None:
            self.notes.append(f"[keys.{table_name(key.name)}] stays: {BY_HAND}; take it out by hand at {other}")
        else:
            self._remove(("keys", key.name))
            self.notes.append(f"{where} goes too: no other node uses this key")

    def _assigned(self, node: Node, model: str) -> dict[str, Any]:
        old = node.chain[0]
        if old == Hop(model=model):
            return {}
        if old.direct:
            self.notes.append(f"it called {old}; {model} is called through its proxy")
        if "model" not in self._own((node.group, node.name))[1]:
            self.notes.append(
                f"model was inherited; it is written into [{node.group}.{node.name}], which overrides that"
            )
        return {"model": model}

    def _shorter(self, node: Node, model: Any) -> dict[str, Any]:
        """Fallbacks without the new primary: the same model by the same way twice in a chain is an error."""
        way = self._way(model)
        twice = [at for at, hop in enumerate(node.chain[1:]) if hop == way]
        if not twice or way == node.chain[0]:
            return {}
        own = self._own((node.group, node.name))[1]
        role = self._group("roles").get(str(own.get("role")), {})
        defaults = self._group("defaults").get("node", {})
        written = next(t["fallbacks"] for t in (own, role, defaults) if "fallbacks" in t)
        kept = [entry for at, entry in enumerate(written) if at not in twice]
        shown = ", ".join(str(hop) for at, hop in enumerate(node.chain[1:]) if at not in twice) or "none"
        from_ = "" if "fallbacks" in own else f", written into [{node.group}.{node.name}] instead of the inherited ones"
        self.notes.append(f"{way} was a fallback and is the primary now; fallbacks that stay: {shown}{from_}")
        self.notes.append(f"{node.chain[0]}, the primary until now, is no longer in the chain")
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

    def _group(self, group: str) -> dict[str, Any]:
        return {name: block for doc in self.docs.values() for name, block in doc.get(group, {}).items()}

    def _own(self, block: Names) -> tuple[str, dict[str, Any]]:
        """The file that a block is in, and what it says."""
        group, name = block
        return next((f, d[group][name]) for f, d in self.docs.items() if name in d.get(group, {}))

    def _toml(self, file: str) -> TomlText:
        return TomlText(file, (self.files[file] or b"").decode())

    def _otherwise(self, block: Names) -> SourceLocation | None:
        file = self._own(block)[0]
        found = self._toml(file).otherwise(block)
        return SourceLocation(file, found.first, 1) if found else None

    def _block(self, file: str, block: Names) -> TomlText:
        """The file of a block that can be edited."""
        if (place := self._otherwise(block)) is not None:
            what = report.dotted(block)
            raise EditError("by-hand", f"{what}: {BY_HAND}", f"edit it by hand, or write it as [{what}]", place)
        return self._toml(file)

    def _by_hand(self, file: str, block: Names, path: Names = ()) -> EditError:
        toml, what = self._toml(file), report.dotted((*block, *path))
        sections = toml.sections((*block, *path[:1])) or toml.sections(block)
        place = SourceLocation(file, sections[0].first + 1 if sections else 1, 1)
        return EditError("by-hand", f"{what}: {BY_HAND}", "edit it by hand", place)

    def _remove(self, block: Names) -> None:
        file = self._own(block)[0]
        toml = self._block(file, block)
        while sections := toml.sections(block):
            toml = toml.without(sections[0])
        self._keep(toml, {block: None})
        patterns = self.docs[self.main].get("include", [])
        if toml.blank and file not in (self.main, *patterns):
            self.files[file] = None
            self.notes.append(f"{file} goes: nothing is left in it")
        elif toml.empty:
            self.notes.append(
                f"{file} stays, with nothing but its comments" if not toml.blank else f"{file} is empty now"
            )

    def _rename_no_more(self, name: str) -> None:
        """Take out each ``[[moved]]`` that leads to a node that goes; done or not, its record is taken down."""
        moved = list(self.docs[self.main].get("moved", []))
        for number in [n for n, one in enumerate(moved) if one["to"] == f"node.{name}"]:
            toml = self._toml(self.main)
            if (section := toml.section(("moved", number))) is None:
                place = SourceLocation(self.main, 1, 1)
                raise EditError("by-hand", f"moved: {BY_HAND}", f"take the entry to node.{name} out by hand", place)
            toml = toml.without(section)
            del moved[number]  # each node is led to by one
            after = tomllib.loads(toml.text.replace("\r\n", "\n"))
            if {"moved": [], **after} != {**self.docs[self.main], "moved": moved}:
                raise self._by_hand(self.main, ("moved", str(number)))
            self.docs[self.main] = after
            self.files[self.main] = toml.text.encode()
            self.touched[self.main] = None
            self.notes.append(f"the [[moved]] to node.{name} goes too")

    def _keep(self, toml: TomlText, changes: Mapping[Names, Any]) -> None:
        """Take a text over when it says what it said before and the changes, and nothing else."""
        before, block = copy.deepcopy(self.docs[toml.name]), next(iter(changes))[:2]
        for path, value in changes.items():
            if value is None:
                _get(before, path[:-1], {}).pop(path[-1], None)
            else:
                _in(before, path[:-1])[path[-1]] = value
        blamed = next((path[2:] for path in changes if toml.sections(path[:3])), ())
        try:
            after = tomllib.loads(toml.text.replace("\r\n", "\n"))
        except tomllib.TOMLDecodeError as error:
            raise self._by_hand(toml.name, block, blamed) from error
        self.docs[toml.name] = copy.deepcopy(after)
        for path in changes:  # an empty table in the way to what was taken out may be there or not
            for length in range(len(path) - 1, 0, -1):
                for doc in (before, after):
                    if _get(doc, path[:length]) == {}:
                        _get(doc, path[: length - 1]).pop(path[length - 1])
        if after != before:
            raise self._by_hand(toml.name, block, blamed)
        self.files[toml.name] = toml.text.encode()
        self.touched[toml.name] = None


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


def _put(toml: TomlText, block: Names, path: Names, value: Any) -> TomlText:
    """One field of a block: in the section of the innermost of its tables that has one, else in the block's own."""
    above = (path[:length] for length in range(len(path) - 1, 0, -1))
    inner = next((names for names in above if toml.section((*block, *names)) is not None), ())
    section = toml.section((*block, *inner))
    if section is None:
        first = toml.sections(block)[0].first
        toml = toml.inserted(first, f"[{report.dotted(block)}]\n")
        section = toml.section(block)
        assert section is not None
    return toml.changed(section, lambda table: _assign_at(table, path[len(inner) :], value))


def _assign_at(table: Any, path: Names, value: Any) -> None:
    """A value at a path of a table; tables in between are made where they are not, and go when they are empty."""
    if len(path) == 1:
        _assign(table, path[0], value)
    elif path[0] in table:
        _assign_at(table[path[0]], path[1:], value)
        if not table[path[0]]:
            del table[path[0]]
    else:
        for key in reversed(path[1:]):
            value = {key: value}
        table[path[0]] = toml_value(value)


def _assign(table: Any, key: Any, value: Any) -> None:
    old = table.get(key)
    if value is None:
        del table[key]
    elif isinstance(old, tomlkit.items.Array) and isinstance(value, list) and (gone := _left_out(old.unwrap(), value)):
        for at in reversed(gone):  # what stays keeps its line and its comment
            del old[at]
    else:
        table[key] = toml_value(value)


def _left_out(old: list[Any], new: list[Any]) -> list[int]:
    """Where the old list has what the new one leaves out; nothing when the new one is more than that."""
    gone, rest = [], list(new)
    for at, item in enumerate(old):
        if rest and rest[0] == item:
            rest.pop(0)
        else:
            gone.append(at)
    return [] if rest else gone


def _get(table: Any, path: Names, default: Any = None) -> Any:
    for part in path:
        table = table.get(part) if isinstance(table, dict) else None
        if table is None:
            return default
    return table


def _in(table: dict[str, Any], path: Names) -> dict[str, Any]:
    """The table at a path, made where it is not there."""
    for part in path:
        table = table.setdefault(str(part), {})
    return table
