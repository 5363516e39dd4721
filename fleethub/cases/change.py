"""The spec with a case's change, as files to be judged instead of those on disk. Nothing is written."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit

from fleethub.cases.table import CaseTable
from fleethub.fleetspec.tomltext import toml_value


class ChangeError(Exception):
    """A case changes what there is not; the message says what."""


def overlay(case: CaseTable, texts: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """The files that the case changes by their names below the fleet's folder; raises ChangeError.

    ``texts``: the spec's files, the main one first; a value goes where its block stands, a new block into the main one.
    """
    files: dict[str, bytes] = {**texts, **{name: text.encode() for name, text in case.files.items()}}
    main = next(iter(texts))
    where = {name: _parsed(name, text) for name, text in files.items()}
    for block in case.remove:
        at = block.split(".", 1)
        name = _file_of(at, where)
        if name is None:
            below = f" called {at[1]} in [{at[0]}]" if len(at) > 1 else f" [{block}]"
            raise ChangeError(f"remove: the spec has no block{below}")
        files[name] = _without(files[name], at)
        where[name] = _parsed(name, files[name])
    for group, blocks in case.set.items():
        for path, value in _paths(group, blocks):
            name = _file_of(path, where) or main
            files[name] = _with(files[name], path, value)
            where[name] = _parsed(name, files[name])
    return {name: text for name, text in files.items() if texts.get(name) != text}


def _parsed(name: str, text: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(text.decode())
    except ValueError as error:
        raise ChangeError(f"{name} is not TOML: {error}") from None


def _paths(group: str, blocks: Any) -> list[tuple[list[str], Any]]:
    """Each block that is set: a named one of a group, or the group itself."""
    if isinstance(blocks, dict) and blocks and all(isinstance(block, dict) for block in blocks.values()):
        return [([group, name], block) for name, block in blocks.items()]
    return [([group], blocks)]


def _file_of(path: list[str], where: Mapping[str, Any]) -> str | None:
    """The file that a block stands in."""
    for name, document in where.items():
        here: Any = document
        for part in path:
            here = here.get(part) if isinstance(here, dict) else None
        if here is not None:
            return name
    return None


def _with(text: bytes, path: list[str], value: Any) -> bytes:
    document: Any = tomlkit.parse(text.decode())
    table = document
    for part in path[:-1]:
        if part not in table:
            table[part] = tomlkit.table(is_super_table=True)
        table = table[part]
    _merge(table, path[-1], value)
    return tomlkit.dumps(document).encode()


def _merge(table: Any, name: str, value: Any) -> None:
    """Tables are merged, everything else is replaced."""
    if isinstance(value, dict) and isinstance(table.get(name), dict):
        for inner, one in value.items():
            _merge(table[name], inner, one)
    elif isinstance(value, dict) and not isinstance(table, tomlkit.items.InlineTable):
        table[name] = tomlkit.table()
        for inner, one in value.items():
            table[name][inner] = toml_value(one)
    else:
        table[name] = toml_value(value)


def _without(text: bytes, path: list[str]) -> bytes:
    document: Any = tomlkit.parse(text.decode())
    table = document
    for part in path[:-1]:
        table = table[part]
    del table[path[-1]]
    return tomlkit.dumps(document).encode()
