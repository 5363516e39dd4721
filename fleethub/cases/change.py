"""The spec with a case's change, as files to be judged instead of those on disk. Nothing is written."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

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
        files[name] = _without(name, files[name], at)
        where[name] = _parsed(name, files[name])
    for group, blocks in case.set.items():
        for path, value in _paths(group, blocks):
            name = _file_of(path, where) or main
            files[name] = _with(name, files[name], path, value)
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


def _with(name: str, text: bytes, path: list[str], value: Any) -> bytes:
    """A block merged into a file. What comes out is read again: below dotted keys, and where a table's parts lie apart,
    tomlkit puts a new table elsewhere, or cannot; there it is written on one line.
    """
    wanted: Any = tomllib.loads(text.decode())
    here = wanted
    for part in path[:-1]:
        here = here.setdefault(part, {})
    _merge(here, path[-1], value, lambda inner: inner)
    for inline in (False, True):
        with suppress(TOMLKitError, ValueError, TypeError, KeyError):
            made = _merged(text, path, value, inline)
            if tomllib.loads(made) == wanted:
                return made.encode()
    raise ChangeError(f"{'.'.join(path)} cannot be changed as {name} writes it: give it a header of its own there")


def _merged(text: bytes, path: list[str], value: Any, inline: bool) -> str:
    document: Any = tomlkit.parse(text.decode())
    table = document
    for part in path[:-1]:
        if part not in table:
            table[part] = tomlkit.table(is_super_table=True)
        table = table[part]
    _merge(table, path[-1], value, toml_value if inline else None)
    made: str = tomlkit.dumps(document)
    return made


def _merge(table: Any, name: str, value: Any, put: Callable[[Any], Any] | None) -> None:
    """Tables are merged, everything else is replaced; ``put`` makes what is put there, else new tables get a header."""
    if isinstance(value, dict) and isinstance(table.get(name), dict):
        for inner, one in value.items():
            _merge(table[name], inner, one, put)
    elif put is not None:
        table[name] = put(value)
    elif isinstance(value, dict) and not isinstance(table, tomlkit.items.InlineTable):
        table[name] = tomlkit.table()
        for inner, one in value.items():
            table[name][inner] = toml_value(one)
    else:
        table[name] = toml_value(value)


def _without(name: str, text: bytes, path: list[str]) -> bytes:
    """A block taken out of a file, and what is then an empty table with it; what comes out is read again."""
    document: Any = tomlkit.parse(text.decode())
    wanted: Any = tomllib.loads(text.decode())
    with suppress(TOMLKitError, ValueError, TypeError, KeyError):
        for here in (document, wanted):
            for part in path[:-1]:
                here = here[part]
            del here[path[-1]]
        made: str = tomlkit.dumps(document)
        if _filled(tomllib.loads(made)) == _filled(wanted):
            return made.encode()
    raise ChangeError(f"remove: {'.'.join(path)} cannot be taken out as {name} writes it: give it a header of its own")


def _filled(value: Any) -> Any:
    """Without the tables that hold nothing: whether one is named is all the same here."""
    if not isinstance(value, dict):
        return value
    return {name: one for name, inner in value.items() if (one := _filled(inner)) != {}}
