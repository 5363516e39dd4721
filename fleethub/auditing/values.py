"""What an audit is made from, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.readings.proxy import MasterUse, ProxyReading

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A proxy as its master key sees it. ``used`` None: what was called with the master key is not told.

    ``facts`` has what was read of the servers behind it; ``refused``: servers (origin) that were not asked, and why.
    ``vram``: bytes of the GPUs of a host, as somebody says. ``unused``: seconds without a call after which a key
    counts as unused.
    """

    url: str
    reading: ProxyReading
    facts: Facts
    used: MasterUse | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    vram: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    unused: float = 90 * DAY


@dataclass(frozen=True, slots=True)
class Audit:
    """``findings`` by severity and code; ``notes``: what is not known, and how it would be. ``counted``: keys, models.

    ``next``: the command that would take the fleet in.
    """

    url: str
    version: str
    keys: int
    models: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    next: str
