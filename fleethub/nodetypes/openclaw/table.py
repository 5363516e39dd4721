"""The ``openclaw`` table of a node: merged over its config. It holds no path of FleetHub's own, no secret as text, and
nothing that JSON cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fleethub.nodetypes.interface import KeyPath, SpecFinding, SpecTable

WIRING: tuple[tuple[str, ...], ...] = (
    ("models", "mode"),
    ("models", "providers", "fleethub*"),
    ("agents", "defaults", "model"),
    ("agents", "defaults", "models"),
    ("secrets", "providers", "fleethub*"),
)
GATEWAY = tuple(("gateway", key) for key in ("port", "auth", "bind", "mode"))
SECRET_KEY = re.compile(r"(token|password|passwd|secret|api_?key)$", re.IGNORECASE)
VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


def owned(settings: Mapping[str, Any], whole: bool) -> list[KeyPath]:
    """The paths that FleetHub owns and the table sets, or whose tables it would replace; each once."""
    found: dict[KeyPath, None] = {}
    for path, value in _leaves(settings, ()):
        for ours in (*WIRING, *(GATEWAY if whole else ())):
            if _touches(path, value, ours):
                found[path[: len(ours)]] = None
                break
    return list(found)


def check(settings: Mapping[str, Any]) -> Iterator[SpecFinding]:
    """Values that are plain text under a key that names a secret, and values that openclaw.json cannot hold."""
    leaves = [*_leaves(settings, ())]
    for path, value in leaves:
        name = next((p for p in reversed(path) if isinstance(p, str)), "")
        if isinstance(value, str) and value and SECRET_KEY.search(name) and not VARIABLE.fullmatch(value):
            hint = 'put it in the node\'s env by reference, and write "${NAME}" here'
            yield SpecFinding(path, "spec.literal-secret", "holds a secret as text", hint)
    for path, value in leaves:
        if problem := _unjson(value):
            yield SpecFinding(path, "spec.value", f"{problem}, which openclaw.json cannot hold")


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Every scalar, and every empty table or list, with its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = list(items)
    if path and not inner:
        yield path, value
    for key, child in inner:
        yield from _leaves(child, (*path, key))


def _touches(path: KeyPath, value: Any, owned: tuple[str, ...]) -> bool:
    """True when a field lies in an owned path, or would replace a table above it."""
    for have, want in zip(path, owned, strict=False):
        text = str(have)
        if not (text.startswith(want[:-1]) if want.endswith("*") else text == want):
            return isinstance(have, int)  # a list in a table's place
    return len(path) >= len(owned) or not isinstance(value, dict)


def _unjson(value: Any) -> str:
    if isinstance(value, bool | str | dict | list):
        return ""
    if isinstance(value, int):
        return "is too large a number" if abs(value) > 2**53 else ""
    if isinstance(value, float):
        return "is no finite number" if value != value or value in (float("inf"), float("-inf")) else ""
    return "is a date or time"


TABLE = SpecTable("openclaw", "Merged over the rendered openclaw.json: channels and the like", check=check, owned=owned)
