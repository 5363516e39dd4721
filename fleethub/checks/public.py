"""What the author of a check function works with.

A package brings one as an entry point of the group ``fleethub.checks``::

    [project.entry-points."fleethub.checks"]
    budgets = "acme_checks:budgets"

    def budgets(entry, lists):
        if "max_budget" not in entry["limits"]:
            return "every key of ours has a budget"

It is called for each entry that the check is for, in a process without FleetHub's secrets. ``entry``: its fields
(docs/checks.md). ``lists``: ``nodes``, ``keys``, ``models``, ``backends`` and ``changes``, each a list of entries. It
returns None or true where the check holds, false, a text or several texts where it does not. What it raises is a
finding; what it reads of an entry that is not known raises ``Unknown``, and need not be caught.
"""

from __future__ import annotations

from typing import Any

from fleethub.checks.fields import LISTS

GROUP = "fleethub.checks"


class Unknown(KeyError):
    """A field of an entry that nobody knows; ``field`` names it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Lists(dict[str, "list[Entry]"]):
    """The lists by their names."""

    def __missing__(self, name: str) -> Any:
        raise Unknown(name) if name in LISTS else KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict, but of what is not known there is no default."""
        return self[name] if name in LISTS else super().get(name, default)


class Entry(dict[str, Any]):
    """A node, key, model, backend or change: its fields by name."""

    def __missing__(self, name: str) -> Any:
        raise Unknown(name) if name in super().get("unknown", ()) else KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict, but of what is not known there is no default."""
        return self[name] if name in super().get("unknown", ()) else super().get(name, default)
