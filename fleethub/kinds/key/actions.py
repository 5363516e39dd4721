"""What is done to a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar

from fleethub.kinds.key.attributes import Holder
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Found, Source
from fleethub.model.secret import Derived, KeptValue


@dataclass(frozen=True, slots=True)
class KeyPut:
    """Create or update a key, keeping foreign metadata, and read it back.

    ``models`` None leaves the scope alone; a limit that is None is cleared. ``create`` refuses an alias that exists;
    otherwise the key is found by its value (or, where that is kept, by LiteLLM's hash of it), and has ``alias`` after.
    ``limits`` has what else the spec gives it too (expires, allowed_routes, tags, team), and of limits by model those
    that change. ``lift``: attributes that take power away (expires, allowed_routes, aliases, router_settings) and are
    taken off. ``like``: LiteLLM's hash of the key whose place a new one takes, beside which it is made:
    team, limits that the spec does not name, what others keep in its metadata and what it has spent go along.
    """

    operation: ClassVar[str] = "key.put"
    says: ClassVar[str] = "write key"

    source: Source
    alias: str
    value: Derived | KeptValue
    models: tuple[str, ...] | None
    limits: Mapping[str, Any]
    generation: int
    create: bool
    unblock: bool = False
    lift: tuple[str, ...] = ()
    like: str | None = None
    found: Found = field(default_factory=dict)  # what its mark says it was before FleetHub


@dataclass(frozen=True, slots=True)
class KeyWiden:
    """Add models to an older value of a key, by LiteLLM's hash of it; nothing else of it changes.

    A process takes a new chain over while it still has that value.
    """

    operation: ClassVar[str] = "key.widen"
    says: ClassVar[str] = "widen the older value of a key"

    source: Source
    alias: str
    token: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyDelete:
    """Delete a key by LiteLLM's hash of it, which the plan saw; another one of that alias is left alone."""

    operation: ClassVar[str] = "key.delete"
    says: ClassVar[str] = "delete key"

    source: Source
    alias: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyRelease:
    """Let go of a key that stays: FleetHub's mark goes, and it has the models and limits that it was found with.

    ``alias``: the first value has it, or gets it where it still has the one that it had beside an older value.
    ``tokens``: LiteLLM's hashes of its values, the one that it goes on with first. ``models``: none of them is all;
    None: they stay as they are. ``limits``: those that come back, as in ``KeyPut``.
    """

    operation: ClassVar[str] = "key.release"
    says: ClassVar[str] = "let go of key"

    source: Source
    alias: str
    tokens: tuple[str, ...]
    models: tuple[str, ...] | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyRevoke:
    """Block keys through every endpoint, each of which then forgets what it remembers of them; then delete them.

    ``tokens``: LiteLLM's hashes of all its values. ``value``: what each endpoint is asked with afterwards; None: it is
    not known here. ``ttl``: seconds that a worker nobody can ask may take it on (``processes`` > 1).
    """

    operation: ClassVar[str] = "key.revoke"
    says: ClassVar[str] = "revoke key"

    source: Source
    endpoints: tuple[str, ...]
    alias: str
    tokens: tuple[str, ...]
    ttl: float
    processes: int
    value: Derived | None


@dataclass(frozen=True, slots=True)
class ProveKey:
    """Ask every endpoint with the key itself until it lists the whole scope, for 2 x ttl + 10 seconds each.

    ``processes`` > 1: there are workers behind one endpoint that cannot be asked one by one, so the ttl is
    waited out since the write (``written`` names the step that wrote; None: since now). ``asks``: whether the key has
    a request to spare for the question whether it may be called with; else its list alone counts. A kept ``value`` is
    read out of the files of its ``holders``; where none of them has it, the ttl alone is waited out.
    """

    operation: ClassVar[str] = "key.prove"
    says: ClassVar[str] = "prove key"

    endpoints: tuple[str, ...]
    alias: str
    value: Derived | KeptValue
    scope: tuple[str, ...]
    ttl: float
    processes: int
    written: str | None
    created: bool
    asks: bool = True
    holders: tuple[Holder, ...] = ()
