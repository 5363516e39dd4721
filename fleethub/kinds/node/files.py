"""How a node's changed file is shown: leaves for JSON, YAML and .env, unified lines for ``--full``.

What FleetHub rendered may be shown, for its secrets are slots. What lies on a node may hold a secret
that somebody typed in, so of it only lines and values are shown that FleetHub wrote before.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from sys import intern
from typing import Any

from fleethub.dotenv import assignments
from fleethub.kinds.diff import diff
from fleethub.kinds.node.documents import document
from fleethub.kinds.values import RenderedFile
from fleethub.model.plan import MISSING, FieldChange, FileDiff
from fleethub.model.secret import SENSITIVE, Blob
from fleethub.model.text import plural
from fleethub.nodetypes import Format

FOREIGN = "(a line that FleetHub did not write)"
NAMED = 40
#: The formats in which drift has a path.
TABLES: frozenset[Format] = frozenset(("json", "yaml"))
#: A key or variable that is shown though somebody else wrote it.
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_-]{0,47}|[0-9]{1,4}")


def describe_file(
    node: str, file: RenderedFile, before: Blob | None, applied: Blob | None
) -> tuple[list[FieldChange], FileDiff]:
    """Leaves and unified lines from what is on the node to what was rendered; ``applied`` only if it is ours."""
    ours = _decode(applied)
    there = _decode(before)
    if file.of.format == "dotenv":
        rendered = file.text.display()
        new, mine = assignments(rendered), assignments(ours or "")
        found = _env_changes(file, there, new, mine)
        known = {*rendered.splitlines(), *(f"{name}=" for name in (*new, *mine))}
        lines = _unified(f"{node}/{file.path}", _mask_env(there, known), _mask_env(rendered, known))
        if there is not None and not found:
            found = [FieldChange(("files", file.path), SENSITIVE, SENSITIVE)]
    else:
        rendered = file.text.display()
        own = None if file.of.format == "key" else ours  # the key before was written by FleetHub, too
        lines = _unified(f"{node}/{file.path}", _mask_foreign(there, own, rendered), rendered)
        found = (
            _json_changes(file, there, ours, rendered) if file.of.format == "json" else []
        )  # a compose file of each node takes its time
        if there is not None and not found:
            changed = sum(line[0] in "+-" for line in lines[2:]) or 1
            found = [FieldChange(("files", file.path), "as it is", f"{plural(changed, 'line')} changed")]
    return found, FileDiff(file.path, tuple(lines), file.consequence)


def describe_drift(path: str, format: Format, there: Blob, applied: Blob) -> list[FieldChange]:
    """What somebody changed in a file, by path or variable; only what FleetHub wrote is shown of it."""
    old, new = _decode(applied) or "", _decode(there) or ""
    before, after = (_table(format, old), _table(format, new)) if format in TABLES else (None, None)
    if before is not None and after is not None and before != after:
        safe = _scalars(before)
        paths = {p[:depth] for p, _ in safe for depth in range(len(p) + 1)}
        found = [
            FieldChange((path, *field.path), field.before, _guard(field.after, field.path, safe))
            for field in diff(before, after)
            if field.path in paths
        ]
        foreign = [field.path for field in diff(before, after) if field.path not in paths]
        return found + _foreign(path, foreign, "value", MISSING, SENSITIVE)
    if format != "dotenv":
        known = set(old.splitlines())
        changed = sum(line not in known for line in new.splitlines()) or 1
        return [FieldChange((path,), "as applied", f"{plural(changed, 'line')} changed")]
    had, has = assignments(old), assignments(new)
    found = [FieldChange((path, n), SENSITIVE, SENSITIVE if n in has else MISSING) for n in had if has.get(n) != had[n]]
    return found + _foreign(path, [(name,) for name in has if name not in had], "line", MISSING, SENSITIVE)


def _foreign(path: str, foreign: list[tuple[str, ...]], what: str, before: Any, after: Any) -> list[FieldChange]:
    """What FleetHub did not write, by its names, without any value; what has no plain name is counted."""
    plain = [names for names in foreign if all(_NAME.fullmatch(name) for name in names)][:NAMED]
    found = [FieldChange((path, *names), before, after) for names in plain]
    if rest := len(foreign) - len(plain):
        said = f"{plural(rest, what)} that FleetHub did not write"
        found.append(FieldChange((path,), *((said, after) if before is SENSITIVE else (before, said))))
    return found


def _json_changes(file: RenderedFile, there: str | None, ours: str | None, rendered: str) -> list[FieldChange]:
    old, known, new = (_table("json", text) for text in (there, ours, rendered))
    if old is None or new is None:
        return []
    safe = _scalars(known or {}) | _scalars(new)
    paths = {path[:depth] for path, _ in safe for depth in range(len(path) + 1)}
    found, foreign = [], []
    for field in diff(old, new):
        if field.path in paths:
            found.append(FieldChange((file.path, *field.path), _guard(field.before, field.path, safe), field.after))
        else:
            foreign.append(field.path)
    return found + _foreign(file.path, foreign, "value", SENSITIVE, MISSING)


def _guard(value: Any, path: tuple[str, ...], safe: set[tuple[tuple[str, ...], str]]) -> Any:
    """A value from a node: as it is only where FleetHub wrote just that there."""
    if value is MISSING or value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | int | float):
        return value if (path, str(value)) in safe else SENSITIVE
    if isinstance(value, Mapping):
        return {k: _guard(v, (*path, str(k)), safe) for k, v in value.items() if _known((*path, str(k)), safe)}
    return [_guard(v, (*path, str(i)), safe) for i, v in enumerate(value)]


def _known(path: tuple[str, ...], safe: set[tuple[tuple[str, ...], str]]) -> bool:
    return any(known[: len(path)] == path for known, _ in safe)


def _scalars(value: Any, path: tuple[str, ...] = ()) -> set[tuple[tuple[str, ...], str]]:
    """Every scalar with its path, as text."""
    if isinstance(value, Mapping):
        return {(path, "")} | set().union(*(_scalars(v, (*path, str(k))) for k, v in value.items()))
    if isinstance(value, list):
        return {(path, "")} | set().union(*(_scalars(v, (*path, str(i))) for i, v in enumerate(value)))
    return {(path, str(value))}


def _env_changes(
    file: RenderedFile, there: str | None, new: Mapping[str, str | None], known: Mapping[str, str | None]
) -> list[FieldChange]:
    """Names that come, go or change, where FleetHub wrote or writes them; values only where the spec holds them."""
    if there is None:
        return []
    old, found = assignments(there), []
    foreign = [name for name in old if name not in new and name not in known]
    for name in sorted((old.keys() | new.keys()) - set(foreign)):
        if name not in old:
            found.append(FieldChange((file.path, name), MISSING, new[name]))
        elif name not in new:
            found.append(FieldChange((file.path, name), SENSITIVE, MISSING))
        elif SENSITIVE not in (new[name] or "") and old[name] != new[name]:
            # any value that the type does not call public may have been a secret before
            shown = old[name] if name in file.of.public and known.get(name) == old[name] else SENSITIVE
            found.append(FieldChange((file.path, name), shown, new[name]))
    return found + _foreign(file.path, [(name,) for name in foreign], "line", SENSITIVE, MISSING)


def _mask_env(text: str | None, known: set[str]) -> str:
    """Names without values; a line that is no assignment only where FleetHub writes the same."""
    shown = []
    for line in (text or "").splitlines():
        name, equals, _ = line.partition("=")
        if equals and f"{name}=" in known:
            shown.append(f"{name}={SENSITIVE}")
        else:
            shown.append(line if line in known else FOREIGN)
    return "\n".join(shown)


def _mask_foreign(there: str | None, ours: str | None, rendered: str) -> str:
    if there is None:
        return ""
    known = set((ours or "").splitlines()) | set(rendered.splitlines())
    return "\n".join(line if line in known else FOREIGN for line in there.splitlines())


def _unified(path: str, before: str, after: str) -> list[str]:
    """Most lines are those of other nodes' files too, and a first plan holds them all: each is kept once."""
    sides = before.splitlines(), after.splitlines()
    return [intern(line) for line in difflib.unified_diff(*sides, f"{path} (there)", f"{path} (wanted)", lineterm="")]


def _decode(blob: Blob | None) -> str | None:
    return blob.reveal().decode(errors="replace") if blob is not None else None


def _table(format: Format, text: str | None) -> Any:
    """What a file says, whatever its layout; None where it is none, or cannot be read."""
    return document(format).read(text.encode()) if text is not None else None
