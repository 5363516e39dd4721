"""``state.behind`` says which command helps: what this folder itself applied is not brought by ``git pull``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fleethub.clients import git
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.observation import AnyResource, Lockfile, Mark
from fleethub.model.plan import Plan
from fleethub.operations.state_versions import versions
from fleethub.operations.workplace import Workplace
from fleethub.planning.guards import newest
from fleethub.planning.state import items_of
from fleethub.stores.interface import Store

CODE = "state.behind"


def advised(
    plan: Plan,
    workplace: Workplace,
    wanted: Mapping[Address, AnyResource],
    lockfile: Lockfile | None,
    facts: Facts,
) -> Plan:
    """The plan with that finding's hint as it is here."""
    if lockfile is None or all(finding.code != CODE for finding in plan.findings):
        return plan
    context = ObserveContext(facts, workplace.resolver, lockfile.lineage)
    items = items_of(wanted, lockfile, context, workplace.trust.blocks)
    newer = newest(items.values(), lockfile, facts)
    hint = _hint(newer[1], workplace.root, workplace.store, lockfile) if newer is not None else ""
    return replace(plan, findings=tuple(_with(finding, hint) for finding in plan.findings)) if hint else plan


def _with(finding: Finding, hint: str) -> Finding:
    return replace(finding, hint=hint) if finding.code == CODE else finding


def _hint(mark: Mark, root: Path, store: Store, lockfile: Lockfile) -> str:
    kept = [v.lockfile.apply for v in versions(store, only=mark.serial)]
    if mark.apply in kept:
        more = f" --apply {mark.apply}" if len(kept) > 1 else ""
        return (
            f"it was applied from this very folder, and {store.place} was put back since: fleethub state restore "
            f"{mark.serial}{more} brings back what that apply recorded"
        )
    try:
        cloned = git.inside(root)
    except git.GitError:
        cloned = True
    if store.place != "fleet.lock":
        return (
            f"{store.place} was set back, or somebody applied with another store: fleethub state backups shows what is "
            "kept, fleethub state restore SERIAL brings it back; fleethub state reconcile FILE takes the other's "
            "lockfile in"
        )
    if not cloned:
        return (
            "this folder is in no git clone, so take the fleet.lock of whoever applied, and run fleethub state "
            "reconcile FILE; where it is lost: fleethub state rebuild"
        )
    return ""
