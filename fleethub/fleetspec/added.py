"""New blocks at the end of a spec's main file, all at once: what it said before it says still, byte for byte. Pure."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit

from fleethub.fleetspec.tomltext import TomlText, toml_value
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import EditError
from fleethub.model.finding import SourceLocation


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A table that the spec does not have: ``("models", "qwen3-32b")`` and its fields, as TOML has them.

    A field that is a mapping becomes a table of its own below it, and so on.
    """

    path: tuple[str, str]
    fields: Mapping[str, Any]


def added(main: str, text: bytes, blocks: Sequence[NewBlock]) -> bytes:
    """The file with the blocks at its end; raises EditError where it says something of one in another form."""
    toml = TomlText(main, text.decode())
    wanted = tomllib.loads(text.decode().replace("\r\n", "\n"))
    for block in blocks:
        group, name = block.path
        if name in wanted.setdefault(group, {}):
            raise EditError("by-hand", f"{group}.{name} is in the spec already", place=SourceLocation(main, 1, 1))
        wanted[group][name] = copy.deepcopy(_plain(block.fields))
    after = toml.inserted(len(toml.lines), "\n".join(block_text(block) for block in blocks)).text
    if _said(after) != wanted:
        message = "the spec is written in a form that no block can be added to"
        raise EditError("by-hand", message, "write the blocks by hand", SourceLocation(main, 1, 1))
    return after.encode()


def block_at(text: bytes, blocks: Sequence[NewBlock], line: int) -> NewBlock | None:
    """Of the blocks that ``added`` put at the end of a file, the one that a line of it (from 1) is in."""
    above = text.decode().count("\n")
    for block in reversed(blocks):
        above -= block_text(block).count("\n")
        if line > above:
            return block
        above -= 1  # the empty line between two
    return None


def block_text(block: NewBlock) -> str:
    """A block as TOML, ``[group.name]`` first."""
    document = tomlkit.document()
    group, name = block.path
    document.add(group, tomlkit.table(is_super_table=True).add(name, _table(block.fields)))
    return document.as_string()


def _table(fields: Mapping[str, Any]) -> Any:
    """Its values first, then the tables below it, each with a header of its own."""
    tables = {name: value for name, value in fields.items() if isinstance(value, Mapping)}
    table = tomlkit.table(is_super_table=bool(fields) and len(tables) == len(fields))
    for name, value in fields.items():
        if name not in tables:
            table.add(name, toml_value(value))
    for name, inner in tables.items():
        table.add(name, _table(inner))
    return table


def _said(text: str) -> Any:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError:
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
