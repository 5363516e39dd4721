"""What a node that somebody set up was before FleetHub (``found.py``) is put back when the node is let go of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub.dotenv import assignments
from fleethub.formats import dotenv
from fleethub.formats.edits import CUT, NotEditable
from fleethub.kinds.node.attributes import NodeLocked, files_of
from fleethub.kinds.node.documents import document
from fleethub.kinds.node.found import ADDED, EVERY, LENT, MADE, read_found
from fleethub.kinds.node.owned import is_plain
from fleethub.kinds.node.paths import found_at, names_at, with_value, without
from fleethub.kinds.node.projection import Unwritable, as_json, decoded, guessed, path_of
from fleethub.model.observation import Found
from fleethub.model.secret import Blob
from fleethub.nodetypes import Format
from fleethub.nodetypes.projection import Path


def still_ours(locked: NodeLocked, files: Mapping[str, Blob]) -> Found:
    """What is put back when the node is let go of: all that was found, but for what somebody changed since.

    That is a newer word than what FleetHub found. What leads to a name of FleetHub's, which goes, is put back all the
    same.
    """
    starts = tuple(texts[0] for name, texts in locked.found.items() if name.endswith(EVERY))
    found = {
        name: texts
        for name, texts in locked.found.items()
        if name.endswith((EVERY, ADDED, MADE))
        or not (name.endswith(LENT) or _is_newer(name, texts[1:], starts, locked, files))
    }
    lent = {n: (texts[0], *_lent(n, texts[1:], locked, files)) for n, texts in locked.found.items() if n.endswith(LENT)}
    return {**found, **{name: texts for name, texts in lent.items() if texts[1:]}}


def _lent(name: str, own: tuple[str, ...], locked: NodeLocked, files: Mapping[str, Blob]) -> list[str]:
    """What of somebody else's table is as an apply wrote it; what was kept as it was found is his, whatever it is."""
    path, _, at = name.removesuffix(LENT).partition("#")
    blob = files.get(path)
    there = found_at(document(guessed(path)).read(blob.reveal()), path_of(at)) if blob is not None else None
    if not isinstance(there, dict):
        return []
    written = {key: _written(locked, path, f"{at}/{key}") for key in own}
    return [key for key in own if as_json(there.get(key, [])) in {text for text in written[key] if is_plain(text)}]


def _written(locked: NodeLocked, path: str, pointed: str) -> set[str]:
    """Every text of a place that an apply wrote, or began to write."""
    sides = files_of(locked.attrs, locked.pending.attrs if locked.pending else None)
    known = [side[path] for side in sides if path in side]
    begun = (text for file in known for text in (file.owned_before or {}).get(pointed, ()))
    return {*((file.owned or {}).get(pointed, "[]") for file in known), *begun}


def put_back_says(locked: NodeLocked | None, files: Mapping[str, Blob]) -> str:
    """What becomes of what a node calls that runs on, in words."""
    if locked is None or not locked.found:
        return "its files stay as they are"
    ours = still_ours(locked, files)
    called = {name for name in locked.found if not name.endswith(LENT)}
    says = (
        "what it calls was changed by hand since, and stays"
        if called - ours.keys()
        else ("it gets back what it called before")
    )
    left = _left(ours, files)
    return says + (f"; {', '.join(left)} stays, for its config names that" if left else "")


def _left(found: Found, files: Mapping[str, Blob]) -> list[str]:
    """The variables of FleetHub's that stay in an environment file: a provider of his has the key in one of them."""
    there = {path: blob.reveal() for path, blob in files.items()}
    try:
        after = {**there, **restored(found, there)}
    except Unwritable:
        return []
    names: list[str] = []
    for name, texts in found.items():
        path, _, at = name.partition("#")
        if at == EVERY and path in after and guessed(path) == "dotenv":
            names += [one for one in assignments(decoded(after[path])) if one.startswith(texts)]
    return sorted(names)


def _is_newer(
    name: str, own: tuple[str, ...], starts: tuple[str, ...], locked: NodeLocked, files: Mapping[str, Blob]
) -> bool:
    path, _, at = name.partition("#")
    blob = files.get(path)
    root = document(guessed(path)).read(blob.reveal()) if blob is not None else None
    if root is None or not own:
        return False
    there = found_at(root, path_of(at))
    table = there if isinstance(there, dict) else {own[0]: there} if there is not None else {}  # its short form

    def written(key: str) -> set[str]:
        return _written(locked, path, f"{at}/{key}")

    def text(key: str) -> str:
        return as_json(table.get(key, []))  # an empty list and none say the same

    if not all(is_plain(one) for key in own for one in written(key)):
        return False  # what FleetHub wrote there is not told
    leads = any(said.startswith(starts) for key in own for said in _texts(table.get(key)))
    return not leads and any(text(key) not in written(key) for key in own)


def _texts(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def restored(found: Found, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that change, by path, with what was found in them; raises Unwritable, UnicodeDecodeError is none.

    A variable that another file still names stays, for what runs on needs it.
    """
    made: dict[str, bytes] = {}
    by_file: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, texts in found.items():
        path, _, at = name.partition("#")
        by_file.setdefault(path, {})[at] = texts
    for path in sorted(by_file.keys() & files.keys(), key=lambda path: guessed(path) == "dotenv"):
        if guessed(path) == "dotenv":
            others = b"".join(made.get(other, data) for other, data in files.items() if other != path)
            after = _env(by_file[path], files[path], others)
        else:
            after = _tables(guessed(path), by_file[path], files[path])
        if after != files[path]:
            made[path] = after
    return made


def _env(found: Found, data: bytes, others: bytes) -> bytes:
    text = decoded(data)
    starts = tuple(start for at, texts in found.items() if at == EVERY for start in texts)
    ours = [name for name in assignments(text) if starts and name.startswith(starts)]
    return dotenv.edit(text, [((name,), CUT) for name in ours if name.encode() not in others]).encode()


def _tables(format: Format, found: Found, data: bytes) -> bytes:
    editor, text = document(format), decoded(data)
    root = editor.read(data)
    if root is None:
        why = editor.obstacle(data, ())
        raise Unwritable(f"its config is not understood, so what it called before is not put back: {why}")
    expected: Any = root
    edits = _puts(found, root)
    for path, value in edits:
        expected = without(expected, path) if value is CUT else with_value(expected, path, value)
    for path in _added(found, expected):
        edits.append((path, CUT))
        expected = without(expected, path)
    made = {path_of(at.removesuffix(MADE)): texts[0] for at, texts in found.items() if at.endswith(MADE)}
    for path in sorted(made, key=len, reverse=True):
        if found_at(expected, path) in ({}, []):
            edits.append((path, None if made[path] else CUT))
            expected = with_value(expected, path, None) if made[path] else without(expected, path)
    try:
        text = editor.edit(text, edits)
    except NotEditable as error:
        raise Unwritable(str(error)) from None
    if as_json(editor.read(text.encode())) != as_json(expected):
        raise Unwritable("what it called before cannot be put back so that all else stays as it is")
    return text.encode()


def _puts(found: Found, root: Any) -> list[tuple[Path, Any]]:
    """What is put where; CUT: what is there goes. A table gets its keys back one by one, for the rest is his."""
    puts: list[tuple[Path, Any]] = []
    for at, texts in found.items():
        if at.endswith((ADDED, MADE)):
            continue
        if at.endswith(EVERY):
            above = path_of(at[:-1]) if at[:-1] else ()
            puts += [((*above, name), CUT) for name in names_at(root, above) if name.startswith(texts[0])]
            continue
        path, own = path_of(at.removesuffix(LENT)), texts[1:]
        before, there = read_found(texts[0]) if texts[0] else CUT, found_at(root, path)
        if at.endswith(LENT) and not isinstance(there, dict):
            continue  # he took it away
        if isinstance(there, dict) and (isinstance(before, dict) or (before in (CUT, None) and there.keys() - {*own})):
            had = before if isinstance(before, dict) else {}
            puts += [((*path, name), had.get(name, CUT)) for name in own if had.get(name, CUT) != there.get(name, CUT)]
        elif before != (CUT if there is None else there):
            puts.append((path, before))
    return puts


def _added(found: Found, root: Any) -> list[Path]:
    """What FleetHub added to lists and nothing there names any more; one that somebody took into use stays."""
    paths = [(path_of(at[:-1]), id) for at, ids in found.items() if at.endswith(ADDED) for id in ids]
    return [(*path, id) for path, id in paths if found_at(root, (*path, id)) is not None and not _named(root, id)]


def _named(value: Any, id: str) -> bool:
    """Whether a text or key says an entry's id, by itself or behind a slash; its own ``id`` and ``name`` are none."""
    if isinstance(value, dict):
        own = ("id", "name") if value.get("id") == id else ()
        return any(_says(key, id) or _named(one, id) for key, one in value.items() if key not in own)
    if isinstance(value, list):
        return any(_named(one, id) for one in value)
    return isinstance(value, str) and _says(value, id)


def _says(text: str, id: str) -> bool:
    return text == id or text.endswith(f"/{id}")
