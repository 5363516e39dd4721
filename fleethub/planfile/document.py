"""A saved plan: what somebody decides on, without what it would take to carry it out.

It is a claim and no program: whoever applies it plans again, and compares. So it holds no secret, and nothing that is
sent anywhere is taken from it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from fleethub.model.address import Address
from fleethub.model.attributes import plain
from fleethub.model.dataclass import dataclass
from fleethub.model.plan import Plan
from fleethub.planning.identity import canonical


@dataclass(frozen=True, slots=True)
class Asked:
    """How the plan was asked for; see ``operations.held.PlanInput``, whose fields these are."""

    repair: bool | None = None
    destroy: bool = False
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()
    prune: bool = False
    allow: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """Who made it, when (ISO 8601), from which commit of the spec, with which FleetHub: for people."""

    at: str = ""
    by: str = ""
    commit: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class SavedStep:
    """A step by what it does: ``does`` names the operation, ``digest`` is over it and all its data."""

    id: str
    address: Address
    phase: str
    does: str
    digest: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """``plan`` has no steps and no records: they are made again by whoever applies it."""

    plan: Plan
    asked: Asked
    steps: tuple[SavedStep, ...] = ()
    made: Made = Made()


def saved(plan: Plan, asked: Asked, made: Made = Made()) -> SavedPlan:
    """What is kept of a plan."""
    steps = tuple(
        SavedStep(s.id, s.address, s.phase.name.lower(), s.do.operation, _digest(canonical(s.do)), s.after)
        for s in plan.steps
    )
    changes = tuple(replace(c, locked=None, after=None, observed=plain(c.observed)) for c in plan.changes)
    findings = tuple(replace(f, severity_override=f.severity) for f in plan.findings)  # a later version may lack a code
    kept = replace(plan, steps=(), changes=changes, findings=findings, planned={}, fits={})
    return SavedPlan(kept, asked, steps, made)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
