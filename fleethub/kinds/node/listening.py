"""Who listens on a node's port: a program more on its host at each look, so it is asked where something hangs on it.

That is where a node was never put, where a set waits for a new process, and where something is to be done. Of all
others it is not known whether a process runs.
"""

from __future__ import annotations

from dataclasses import replace

from fleethub.kinds.node.attributes import NodeLocked, NodeResource
from fleethub.kinds.node.delivery import telling
from fleethub.model.facts import Facts
from fleethub.model.observation import Source
from fleethub.model.readings.host import HostReading

PORT, WAITS = "port:", "waits:"


def first_ask(want: NodeResource, locked: NodeLocked | None) -> Source:
    """What is asked of a target at first."""
    there = locked is not None and locked.attrs and not locked.pending and locked.source.id == want.source.id
    if not there or telling(want) is not None:
        return want.source
    return replace(
        want.source, ask=tuple(word.replace(PORT, WAITS) if _is_port(word) else word for word in want.source.ask)
    )


def matters(want: NodeResource, facts: Facts) -> bool:
    """Whether its port is to be asked about, now that something is to be done there."""
    known = facts.of(want.source)
    asked = any(_is_port(word) for word in want.source.ask)
    return asked and isinstance(known, HostReading) and want.material.node.port not in known.listens


def _is_port(word: str) -> bool:
    return word.startswith(PORT)
