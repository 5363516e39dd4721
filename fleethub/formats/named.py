"""The name of an entry in a list of tables, by which a path leads through the list."""

from __future__ import annotations

from typing import Any


def name_of(entry: Any) -> str | None:
    """Its ``id``, else its ``name``; None where neither is a text."""
    said = [entry.get("id"), entry.get("name")] if isinstance(entry, dict) else []
    return next((one for one in said if isinstance(one, str)), None)


def entry_of(name: str, made: Any) -> Any:
    """A new entry of that name; ``id`` says it where it does not say it itself."""
    return made if name_of(made) == name else {"id": name, **made}
