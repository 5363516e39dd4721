"""The files of a spec under edit, block by block: found, written and taken out again, every other byte kept.

Only the lines of the edited block are written anew. What comes out is read again and must say just what was asked
for; whatever cannot be edited so (a node written as an inline table or by dotted keys) is refused with its place.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from fleethub.fleetspec import report
from fleethub.fleetspec.sources import matches
from fleethub.fleetspec.tomltext import TomlText, toml_value
from fleethub.model.edit import EditError
from fleethub.model.finding import SourceLocation

Names = tuple[str, ...]
BY_HAND = "it is written in a form that is not edited by command"


class Blocks:
    """The blocks of a spec in its files, the main file first. ``notes`` say what went beyond what was asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._before = files
        self.files: dict[str, bytes | None] = {**files}
        self.main = next(iter(files))
        self.touched: dict[str, None] = {}
        self.notes: list[str] = []
        self.docs = {name: tomllib.loads(data.decode().replace("\r\n", "\n")) for name, data in files.items()}

    def group(self, group: str) -> dict[str, Any]:
        """The blocks of a group by name, of all files."""
        return {name: block for doc in self.docs.values() for name, block in doc.get(group, {}).items()}

    def own(self, block: Names) -> tuple[str, dict[str, Any]]:
        """The file that a block is in, and what it says."""
        group, name = block
        return next((f, d[group][name]) for f, d in self.docs.items() if name in d.get(group, {}))

    def otherwise(self, block: Names) -> SourceLocation | None:
        """Where a block is written in a form that is not edited by command; None: it can be edited."""
        file = self.own(block)[0]
        found = self._toml(file).otherwise(block)
        return SourceLocation(file, found.first, 1) if found else None

    def changed(self) -> dict[str, bytes | None]:
        """The files that are other than they were, in the order in which they were written."""
        return {name: self.files[name] for name in self.touched if self.files[name] != self._before.get(name)}

    def add(self, block: Names, text: str, values: Mapping[Names, Any]) -> None:
        """Add a new block, whose text says these values by path: in a file of its own where such files are included."""
        own = f"{'/'.join(block)}.toml"
        patterns = [p for p in self.docs[self.main].get("include", []) if isinstance(p, str)]
        if own not in self.files and any(matches(pattern, own) for pattern in patterns):
            self.files[own] = text.encode()
            self.touched[own] = None
            return
        toml = self._toml(self.main)
        changes = {(*block, *path): value for path, value in values.items()} or {block: {}}
        self._keep(toml.inserted(len(toml.lines), text), changes)

    def write(self, block: Names, path: Names, value: Any) -> None:
        """Write a value into a block; one that is not there is made at the end of the main file."""
        if block[1] in self.group(block[0]):
            self.change(block, {path: value})
        elif value is not None:
            toml = self._toml(self.main)
            text = f"[{report.dotted((*block, *path[:-1]))}]\n{path[-1]} = {toml_value(value).as_string()}\n"
            self._keep(toml.inserted(len(toml.lines), text), {(*block, *path): value})

    def change(self, block: Names, values: Mapping[Names, Any]) -> None:
        """Write values by path into a block that is there, those that it does not say already; None takes one out."""
        file, own = self.own(block)
        changes = {path: value for path, value in values.items() if value_at(own, path) != value}
        if not changes:
            return
        toml = self._block(file, block)
        for path, value in changes.items():
            try:
                toml = _put(toml, block, path, value)
            except (TOMLKitError, KeyError, TypeError, ValueError) as error:
                raise self._by_hand(file, block, path) from error
        self._keep(toml, {(*block, *path): value for path, value in changes.items()})

    def write_each(self, values: Mapping[Names, Any]) -> None:
        """Write fields of many blocks that are there; each file is made and read again once, not once a field."""
        files: dict[str, dict[Names, Any]] = {}
        for path, value in values.items():
            file, own = self.own(path[:2])
            if own.get(path[2]) != value:
                files.setdefault(file, {})[path] = value
        for file, mine in files.items():
            fields: dict[Names, dict[str, Any]] = {}
            for path, value in mine.items():
                fields.setdefault(path[:2], {})[path[2]] = value
            try:
                toml = self._toml(file).changed_each({block: _assigning(said) for block, said in fields.items()})
                self._keep(toml, mine)
            except (TOMLKitError, KeyError, TypeError, ValueError, EditError):  # which of them cannot be, and where
                for block, said in fields.items():
                    self.change(block, {(name,): value for name, value in said.items()})

    def remove(self, block: Names) -> None:
        """Take a block out, and its file where nothing is left in it. Raises EditError."""
        file = self.own(block)[0]
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

    def remove_renames(self, address: str) -> None:
        """Take out each ``[[moved]]`` that leads to an address; done or not, its record is taken down."""
        moved = list(self.docs[self.main].get("moved", []))
        for number in [n for n, one in enumerate(moved) if one["to"] == address]:
            toml = self._toml(self.main)
            if (section := toml.section(("moved", number))) is None:
                place = SourceLocation(self.main, 1, 1)
                raise EditError("by-hand", f"moved: {BY_HAND}", f"take the entry to {address} out by hand", place)
            toml = toml.without(section)
            del moved[number]  # each node is led to by one
            after = tomllib.loads(toml.text.replace("\r\n", "\n"))
            if {"moved": [], **after} != {**self.docs[self.main], "moved": moved}:
                raise self._by_hand(self.main, ("moved", str(number)))
            self.docs[self.main] = after
            self.files[self.main] = toml.text.encode()
            self.touched[self.main] = None
            self.notes.append(f"the [[moved]] to {address} goes too")

    def _keep(self, toml: TomlText, changes: Mapping[Names, Any]) -> None:
        """Take a text over when it says what it said before and the changes, and nothing else."""
        before, block = copy.deepcopy(self.docs[toml.name]), next(iter(changes))[:2]
        for path, value in changes.items():
            if value is None:
                value_at(before, path[:-1], {}).pop(path[-1], None)
            else:
                table_at(before, path[:-1])[path[-1]] = value

        def refused() -> EditError:
            named = next((path[2:] for path in changes if toml.sections(path[:3])), ())
            return self._by_hand(toml.name, block, named)

        try:
            after = tomllib.loads(toml.text.replace("\r\n", "\n"))
        except tomllib.TOMLDecodeError as error:
            raise refused() from error
        self.docs[toml.name] = copy.deepcopy(after)
        for path in changes:  # an empty table in the way to what was taken out may be there or not
            for length in range(len(path) - 1, 0, -1):
                for doc in (before, after):
                    if value_at(doc, path[:length]) == {}:
                        value_at(doc, path[: length - 1]).pop(path[length - 1])
        if after != before:
            raise refused()
        self.files[toml.name] = toml.text.encode()
        self.touched[toml.name] = None

    def _block(self, file: str, block: Names) -> TomlText:
        """The file of a block that can be edited."""
        if (place := self.otherwise(block)) is not None:
            what = report.dotted(block)
            raise EditError("by-hand", f"{what}: {BY_HAND}", f"edit it by hand, or write it as [{what}]", place)
        return self._toml(file)

    def _by_hand(self, file: str, block: Names, path: Names = ()) -> EditError:
        toml, what = self._toml(file), report.dotted((*block, *path))
        sections = toml.sections((*block, *path[:1])) or toml.sections(block)
        place = SourceLocation(file, sections[0].first + 1 if sections else 1, 1)
        return EditError("by-hand", f"{what}: {BY_HAND}", "edit it by hand", place)

    def _toml(self, file: str) -> TomlText:
        return TomlText(file, (self.files[file] or b"").decode())


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


def _assigning(said: Mapping[str, Any]) -> Callable[[Any], None]:
    def assign(table: Any) -> None:
        for name, value in said.items():
            _assign(table, name, value)

    return assign


def _assign(table: Any, key: Any, value: Any) -> None:
    old = table.get(key)
    if value is None:
        del table[key]
    elif isinstance(old, tomlkit.items.Array) and isinstance(value, list) and (gone := _left_out(old.unwrap(), value)):
        for at in reversed(gone):  # what stays keeps its line and its comment
            del old[at]
    elif isinstance(old, tomlkit.items.Array) and isinstance(value, list) and len(old) == len(value):
        for at, one in enumerate(value):  # and so does the place of what is another
            if old[at] != one:
                old[at] = toml_value(one)
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


def value_at(table: Any, path: Names, default: Any = None) -> Any:
    for part in path:
        table = table.get(part) if isinstance(table, dict) else None
        if table is None:
            return default
    return table


def table_at(table: dict[str, Any], path: Names) -> dict[str, Any]:
    """The table at a path, made where it is not there."""
    for part in path:
        table = table.setdefault(str(part), {})
    return table
