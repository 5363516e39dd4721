"""What a fleet's history tells: one entry for each apply and each other order, as its store keeps them.

A line of another FleetHub may hold more, or less: what is not understood is left out, and never invented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from typing import Any

from fleethub.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What was done. ``at`` is ISO 8601 in UTC. ``action``: apply, destroy, revoke, assign … ``says``: in a sentence.

    ``serial``: of the lockfile after it (None: it wrote none); ``apply``: the random id of who wrote it. ``plan``: its
    id, ``planned_by`` who made it where that was saved; ``approved``: how the yes was given. ``owner``: as whom
    (``--as``, ``--project``). ``spec`` is the spec's digest and ``commit`` its commit; ``part``: of the fleet a part
    was left out. ``changes``: address -> what became of it. ``failed``, ``left``: what was not done and why, by step
    and by address. ``broken_off``: how it ended is not recorded. ``exit``: its exit code.
    """

    at: str
    action: str
    by: str = ""
    says: str = ""
    serial: int | None = None
    apply: str = ""
    plan: str = ""
    planned_by: str = ""
    approved: str = ""
    owner: str = ""
    spec: str = ""
    commit: str = ""
    version: str = ""
    part: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)
    failed: Sequence[tuple[str, str]] = ()
    left: Sequence[tuple[str, str]] = ()
    broken_off: bool = False
    exit: int | None = None

    def line(self) -> dict[str, Any]:
        """As a store keeps it, which adds the time itself; what says nothing is left out."""
        return {name: value for name, value in asdict(self).items() if name != "at" and value not in ("", None, (), {})}

    def concerns(self, address: str) -> bool:
        """Whether it is about an address: it changed there, failed, or waits."""
        return address in self.addresses

    @property
    def addresses(self) -> frozenset[str]:
        """All that it is about."""
        steps = (step.rpartition("/")[0] for step, _ in self.failed)
        return frozenset((*self.changes, *(where for where, _ in self.left), *steps))


_TEXTS = ("action", "by", "says", "apply", "plan", "planned_by", "approved", "owner", "spec", "commit", "version")


def entry(raw: Mapping[str, Any]) -> HistoryEntry:
    """A line of a store's history: of an apply, of an order about the state, or of a proposal and its answer."""
    texts = {name: raw[name] for name in _TEXTS if isinstance(raw.get(name), str)}
    texts["action"] = str(raw.get("action") or raw.get("operation") or "?")
    for name, other in (("by", "agent"), ("owner", "project"), ("says", "edit")):
        if not texts.get(name) and isinstance(raw.get(other), str):
            texts[name] = raw[other]
    serial, code = (raw.get(name) if type(raw.get(name)) is int else None for name in ("serial", "exit"))
    changes = _texts(raw.get("changes"))
    named = raw["addresses"] if isinstance(raw.get("addresses"), list) else [raw.get("address")]
    changes = changes or {str(one): texts["action"] for one in named if one}
    return replace(
        HistoryEntry(str(raw.get("ts", "")), serial=serial, exit=code, **texts),
        part=raw.get("part") is True,
        broken_off=bool(raw.get("broken_off")),
        changes=changes,
        failed=_pairs(raw.get("failed")),
        left=_pairs(raw.get("left")),
    )


def edit_entry(raw: Mapping[str, Any]) -> HistoryEntry:
    """A line of the history of edits (``operations.edit_write``)."""
    whose = f", for it is {raw['owner']}'s" if isinstance(raw.get("owner"), str) and raw["owner"] else ""
    refused = f"refused: {raw['refused']}{whose}" if isinstance(raw.get("refused"), str) else ""
    made = entry({**raw, "owner": raw.get("project")})  # as whom; whose the entry is that was refused is no such thing
    after = raw["after"] if isinstance(raw.get("after"), str) and not refused else ""
    what = "refused" if refused else "edited"
    return replace(
        made, says=refused or made.says or made.action, spec=after, changes=dict.fromkeys(made.changes, what)
    )


def _texts(raw: object) -> Mapping[str, str]:
    return {str(name): str(value) for name, value in raw.items()} if isinstance(raw, Mapping) else {}


def _pairs(raw: object) -> tuple[tuple[str, str], ...]:
    rows = raw if isinstance(raw, list | tuple) else ()
    return tuple((str(row[0]), str(row[1])) for row in rows if isinstance(row, list | tuple) and len(row) == 2)
