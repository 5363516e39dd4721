"""Bring a lost lockfile back from the marks on proxies and nodes, and from the spec. Sends nothing but reads."""

from __future__ import annotations

import secrets
from dataclasses import replace

from fleethub.adoption.rebuild import Rebuilt, lineages, rebuild, remembering
from fleethub.kinds.proxies import proxy_source
from fleethub.lockfile.errors import LockfileError
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError, InputError
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding
from fleethub.model.observation import Unknown
from fleethub.model.plan import Plan
from fleethub.operations.outcome import Outcome
from fleethub.operations.state_versions import above_all, versions
from fleethub.operations.state_write import StateWritten, put
from fleethub.operations.workplace import Workplace
from fleethub.planning import make_plan, sources
from fleethub.stores.interface import Store


@dataclass(frozen=True, slots=True)
class Rebuild:
    """``made``: the lockfile, with what is sure of it; ``after``: the plan that follows. ``version``: of what the store
    has now.
    """

    made: Rebuilt
    after: Plan
    version: str


def prepare(workplace: Workplace, lineage: str = "") -> Outcome[Rebuild | None]:
    """Read all, and make the lockfile; None where a proxy does not answer, for its keys would be lost. Writes nothing.

    ``lineage``: of several lives of this fleet, which one. Raises InputError, and FleetHubError without the seed.
    """
    store, resolver = workplace.store, workplace.resolver
    version = store.version()
    _lost(store)
    seed = resolver.seed_fingerprint()
    if seed is None:
        raise FleetHubError(
            "the seed does not resolve, so whose keys are there is not known: fleethub seed path says where it belongs"
        )
    wanted = workplace.wanted(workplace.fleet)
    facts = workplace.read(sources(workplace.fleet, wanted, None))
    proxies = [proxy_source(proxy) for proxy in workplace.fleet.proxies.values()]
    dark = {source.at: r.reason for source in proxies if isinstance(r := facts.of(source), Unknown)}
    if dark:
        hint = "all proxies must answer, for the keys of one that does not would be lost; nothing was written"
        at = Address("fleet", workplace.fleet.name)
        found = tuple(Finding("proxy.unreadable", f"{url}: {why}", at, hint=hint) for url, why in sorted(dark.items()))
        return Outcome(None, Exit.ERROR, found)
    lineage = _chosen(lineages(workplace.fleet, wanted, facts, resolver), lineage)
    fleet = remembering(workplace.fleet, facts, lineage)
    wanted = workplace.wanted(fleet)
    above = above_all(store, versions(store)) - 1
    made = rebuild(fleet, wanted, facts, resolver, lineage, seed, workplace.trust.blocks, above)
    lockfile = replace(made.lockfile, apply=secrets.token_hex(4))
    made = replace(made, lockfile=lockfile)
    after = make_plan(fleet, lockfile, wanted, facts, resolver, repair=False, blocks=workplace.trust.blocks)
    return Outcome(Rebuild(made, after, version), Exit.ERROR if made.unsure else Exit.FINE)


def write(workplace: Workplace, found: Rebuild) -> StateWritten:
    """Write it. Raises LockedError, StaleLockfileError."""
    with workplace.lock("state rebuild"):
        changes = {address: "unfinished" if address in found.made.unsure else "found" for address in found.made.taken}
        lockfile = found.made.lockfile
        says = f"a lost lockfile made again from marks and spec: {len(changes)} records"
        return put(workplace.store, "state rebuild", says, lockfile, found.version, None, changes)


def _lost(store: Store) -> None:
    try:
        there = store.read().lockfile
    except LockfileError:
        return  # it is damaged, and kept as a backup
    if there is not None:
        raise InputError(
            f"{store.place} is there, with serial {there.serial}: nothing is lost. For what another clone applied: git "
            "pull, or fleethub state reconcile; if it must be made anew all the same, move it away first"
        )


def _chosen(found: dict[str, int], lineage: str) -> str:
    told = ", ".join(f"{name} ({count})" for name, count in sorted(found.items(), key=lambda one: -one[1]))
    if lineage and lineage in found:
        return lineage
    if not found or lineage:
        raise InputError(
            "nothing that is there can be seen to be this fleet's own"
            + (f" and of the lineage {lineage}; there is: {told or 'none'}" if lineage else "")
            + ": no key has a value of this seed, and no node a file of it. Is it the right seed, and the right spec?"
        )
    if len(found) > 1:
        raise InputError(f"what is there is of several lives of this fleet: {told}; name one with --lineage")
    return next(iter(found))
