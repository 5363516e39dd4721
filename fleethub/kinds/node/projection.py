"""The owned part of a node's file: as it is wanted, and as it is found there (``merging`` puts it in).

Owned values travel as texts by path: JSON where FleetHub rendered the value from fields that are no secret (``"llm/a"``
with its quotes, ``40960``), else a fingerprint. A path is a JSON Pointer, or the name of a variable.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fleethub.dotenv import assignments
from fleethub.kinds.node.documents import document
from fleethub.kinds.node.paths import found_at, names_at, with_value
from fleethub.model.secret import Fingerprinter, Text
from fleethub.nodetypes import Format
from fleethub.nodetypes.projection import Path, Projection, at, leaves

Owned = Mapping[str, str]
#: What has no fingerprint, for its secret or the seed is not at hand. Nothing is equal to it.
UNRESOLVED = ""


class Unreadable(ValueError):
    """What is there cannot be understood, so it is neither compared nor changed; the message shows no value."""


class Unwritable(Unreadable):
    """What is there can be understood, and FleetHub's part cannot be put into it."""


def pointer(format: Format, path: Path) -> str:
    """How a path is written in the lockfile."""
    if format == "dotenv":
        return path[0]
    return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in path)


def path_of(pointer: str) -> Path:
    """The path of a pointer, or of a variable's name."""
    if not pointer.startswith("/"):
        return (pointer,) if pointer else ()
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in pointer[1:].split("/"))


def wanted(format: Format, of: Projection, fingerprinter: Fingerprinter) -> dict[str, str]:
    """The owned values but for those that are kept as they are found."""
    return {
        pointer(format, path): _sealed(value, fingerprinter) if path in of.free or _slots(value) else as_json(value)
        for path, value in _owned(of)
        if path not in of.keep
    }


def found(
    format: Format, of: Projection, data: bytes, plain: Collection[tuple[str, str]], fingerprinter: Fingerprinter
) -> dict[str, str]:
    """The same paths as they are there, and what else has a name of FleetHub's own.

    A value is in plain only where (pointer, text) is in ``plain``: the wanted, and the last applied. Raises Unreadable.
    """
    seen = {}
    for path, value in there_in(format, of, data):
        name, text = pointer(format, path), as_json(value)
        known = (name, text) in plain
        seen[name] = text if known else fingerprinter.sha256(hashlib.sha256(_content(value)).digest()) or UNRESOLVED
    return seen


def digest(owned: Owned, kept: Collection[str] = ()) -> str:
    """What a mark says of the owned part of a file, without what is kept as it is found."""
    said = {name: text for name, text in owned.items() if name not in kept}
    return "owned:" + hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def kept(format: Format, of: Projection) -> frozenset[str]:
    """The pointers of what is kept as it is found."""
    return frozenset(pointer(format, path) for path in of.keep)


def fresh(format: Format, of: Projection, there: Owned) -> dict[str, str]:
    """Of what is kept as it is found: what is written all the same, for the table that it is in is not there yet."""
    made = {}
    for path in of.keep:
        units = [unit for unit in of.fresh if path[: len(unit)] == unit]
        name = pointer(format, path)
        if name in there or not units or path not in of.values:
            continue
        above = pointer(format, max(units, key=len)) + "/"
        if not any(other.startswith(above) for other in there) and not _slots(of.values[path]):
            made[name] = as_json(of.values[path])
    return made


def shape(of: Projection) -> str:
    """Digest of what is wanted with each secret named instead of filled."""
    said = {
        "\0".join(path): list(map(str, value.parts)) if isinstance(value, Text) else value for path, value in _owned(of)
    }
    return "shape:" + hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _owned(of: Projection) -> Iterator[tuple[Path, Any]]:
    yield from of.values.items()
    for path, unit in of.units.items():
        yield from leaves(unit, path)


def there_in(format: Format, of: Projection, data: bytes) -> Iterator[tuple[Path, Any]]:
    """What of the owned paths is there, with its value."""
    if format == "dotenv":
        yield from _there_env(of, data)
        return
    root, paths = document(format).read(data), dict.fromkeys((*of.values, *of.units, *of.sweep, *of.keep))
    if (root is None or format == "yaml") and (why := document(format).obstacle(data, paths)):
        raise Unreadable(why)
    wanted = dict(_owned(of))
    for path in paths:
        _own_place(of, root, path)
    spelled_out = _spelled_out(of, root)
    for path in dict.fromkeys((*of.values, *of.keep)):
        try:
            value = at(spelled_out, path)
            # an empty table asks for a table: what its operator has in it stays
            yield path, {} if wanted.get(path) == {} and isinstance(value, dict) else value
        except KeyError:
            if wanted.get(path) == []:
                yield path, []  # an empty list and none say the same
    for path in dict.fromkeys((*of.units, *swept(of, root))):
        try:
            yield from leaves(at(root, path), path)
        except KeyError:
            continue


def swept(of: Projection, root: Any) -> list[Path]:
    """What is FleetHub's by its name alone: not what the spec names itself, as a provider that was found there."""
    return [
        (*above, name)
        for above, start in of.sweep.items()
        for name in names_at(root, above)
        if name.startswith(start) and (*above, name) not in of.fresh
    ]


def _there_env(of: Projection, data: bytes) -> Iterator[tuple[Path, Any]]:
    has = assignments(decoded(data))
    names = [name for (name,) in (*of.values, *of.keep)]
    names += [name for name in has if any(name.startswith(start) for start in of.sweep.values())]
    for name in dict.fromkeys(names):
        if name in has:
            value = has[name]
            if value is None:
                raise Unreadable(f"its line of {name} cannot be read")
            yield (name,), value


def guessed(path: str) -> Format:
    """The format of a file of a node that is no longer wanted: its type is not known then."""
    endings: dict[str, Format] = {".env": "dotenv", ".json": "json", ".yaml": "yaml", ".yml": "yaml", "key": "key"}
    return next((format for ending, format in endings.items() if path.endswith(ending)), "text")


def said_in(format: Format, data: bytes) -> frozenset[str]:
    """Every text that a file has as a value, for any may be a secret; of a ``.env`` also what stands behind ``=``."""
    text = data.decode(errors="replace")
    if format == "dotenv":
        written = {line.partition("=")[2].strip().strip("'\"") for line in text.splitlines()}
        return frozenset(written | {value for value in assignments(text).values() if value})
    return frozenset([text.strip()] if format == "key" else _texts(document(format).read(data)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def _slots(value: Any) -> bool:
    return isinstance(value, Text) and bool(value.slots)


def _sealed(value: Any, fingerprinter: Fingerprinter) -> str:
    text = value if isinstance(value, Text) else None
    if text is not None:
        return fingerprinter.text(text) or UNRESOLVED
    return fingerprinter.sha256(hashlib.sha256(_content(value)).digest()) or UNRESOLVED


def _content(value: Any) -> bytes:
    """What a fingerprint is of: a text itself, of all else its JSON."""
    return value.encode() if isinstance(value, str) else as_json(value).encode()


def as_json(value: Any) -> str:
    """A plain value as JSON; ``1`` and ``true``, which Python takes for equal, are two texts."""
    if isinstance(value, Text):
        value = value.display()
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def decoded(data: bytes) -> str:
    """A file as text; raises Unreadable."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None


def _own_place(of: Projection, root: Any, path: Path) -> None:
    """Whether what a path leads through stands in this file, as tables and lists; raises Unreadable."""
    value = root
    for depth in range(len(path)):
        place = ".".join(path[:depth]) or "the whole"
        if isinstance(value, str) and path[:depth] in of.short:
            return
        listed = path[:depth] in of.lists
        if listed and value is None and path[:depth] in of.fresh:
            return  # as where all its entries are commented out
        if not isinstance(value, list if listed else dict):
            raise Unreadable(f"its {place} is no {'list' if listed else 'table'}")
        if of.include and isinstance(value, dict) and of.include in value:
            raise Unreadable(f"its {place} takes what it says from another file ({of.include})")
        if listed and names_at(value, ()).count(path[depth]) > 1:
            raise Unreadable(f"its {place} has {path[depth]} twice: take one of them out")
        try:
            value = at(value, path[depth : depth + 1])
        except KeyError:
            return
    if of.include and isinstance(value, dict) and of.include in value:
        raise Unreadable(f"its {'.'.join(path)} takes what it says from another file ({of.include})")


def _spelled_out(of: Projection, root: Any) -> Any:
    """With every table that is written as one value as a table."""
    for path, key in of.short.items():
        value = found_at(root, path)
        if isinstance(value, str):
            root = with_value(root, path, {key: value})
    return root
