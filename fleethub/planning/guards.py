"""What must hold before anything is asked, and before anything is decided: right fleet, right seed, right clone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleethub.kinds import KINDS
from fleethub.kinds.compare import generation_behind
from fleethub.kinds.values import AnyState
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile, Mark

FLEET = "fleet"
#: What to do about an apply that a lockfile does not know, where nothing more is known of it (``operations.behind``).
BEHIND = (
    "git pull, then plan again; where that brings nothing: fleethub state reconcile with the other clone's fleet.lock"
)
TWIN = (
    "both clones reached this serial: commit fleet.lock, git pull, then plan again; git makes one lockfile of the two"
)


def before_any_request(fleet: Fleet, lockfile: Lockfile | None, seed: str | None) -> list[Finding]:
    """``fleet.renamed``, ``fleet.id-…`` and ``seed.mismatch``; ``seed``: the fingerprint of the one at hand."""
    address = Address(FLEET, fleet.name)
    if lockfile is None:
        return []
    if changed := _id_findings(fleet, lockfile, address):
        return changed
    if fleet.by_name and fleet.name != lockfile.fleet:
        return [
            Finding(
                "fleet.renamed",
                f"the spec's fleet is {fleet.name!r}, and the lockfile's is {lockfile.fleet!r}: "
                "every key would be derived anew",
                address,
                hint=f"write name = {lockfile.fleet!r} again, or destroy the old fleet first",
            )
        ]
    if seed is not None and lockfile.seed and seed != lockfile.seed:
        return [
            Finding(
                "seed.mismatch",
                "the seed is not the one that this fleet's keys were derived from; nothing was asked or sent",
                address,
                hint="check what key_seed names; if the old seed is lost: fleethub rotate --seed",
            )
        ]
    return []


def _id_findings(fleet: Fleet, lockfile: Lockfile, address: Address) -> list[Finding]:
    """What a fleet's values are derived from stays for good."""
    if not fleet.by_name and lockfile.by_name:
        return [
            Finding(
                "fleet.id-added",
                "the spec gives the fleet an id, and its keys were derived from its name: all would be derived anew",
                address,
                hint='write derive_from = "name" beside id in [fleet], or take id out again',
            )
        ]
    if (lockfile.id and fleet.id != lockfile.id) or fleet.by_name != lockfile.by_name:
        now = f"the spec's is {fleet.id!r}" if fleet.id != lockfile.id else "the spec derives from the name"
        return [
            Finding(
                "fleet.id-changed",
                f"the fleet's keys belong to the id {lockfile.id!r}, and {now}",
                address,
                hint=f'write id = "{lockfile.id}" again' + ("" if lockfile.by_name else ", and no derive_from"),
            )
        ]
    return []


def after_reading(items: Sequence[AnyState], lockfile: Lockfile | None, fleet: Fleet, facts: Facts) -> list[Finding]:
    """``state.lost``, ``state.behind`` and what is of a generation above the spec's: this clone must not decide."""
    found: list[Finding] = []
    if lockfile is None:
        proven = (a for name, kind in KINDS.items() for a in kind.proven(_of_kind(name, items), fleet, facts))
        lost = list(dict.fromkeys(sorted(proven)))
        if lost:
            named = ", ".join(str(a) for a in lost[:3]) + (" …" if len(lost) > 3 else "")
            found.append(
                Finding(
                    "state.lost",
                    f"there is no fleet.lock, but FleetHub's marks are there already ({named})",
                    lost[0],
                    hint="get fleet.lock back: git pull or git checkout, fleethub state restore SERIAL (fleethub state "
                    "backups shows which), or, where none is kept, fleethub state rebuild; where another fleet made "
                    "them, choose other names and targets",
                )
            )
        return found
    if (newer := newest(items, lockfile, facts)) is not None:
        address, mark = newer
        twin = mark.serial == lockfile.serial
        known = f"another apply {lockfile.serial}" if twin else f"none after {lockfile.serial}"
        found.append(
            Finding(
                "state.behind",
                f"{address} was written by apply {mark.serial} ({mark.apply}), and this lockfile knows {known}: "
                "somebody applied from another clone",
                address,
                hint=TWIN if twin else BEHIND,
            )
        )
    return [*found, *(f for item in items if (f := generation_behind(item, lockfile)) is not None)]


def newest(items: Iterable[AnyState], lockfile: Lockfile, facts: Facts) -> tuple[Address, Mark] | None:
    """The latest mark of an apply that the lockfile does not know: of a higher serial, or a twin of its own apply."""
    unknown = [
        (mark.serial, mark.apply, address, mark)
        for address, mark in _marks(items, facts)
        if mark.lineage == lockfile.lineage
        and (mark.serial > lockfile.serial or (mark.serial == lockfile.serial and mark.apply != lockfile.apply))
    ]
    return max(unknown, key=lambda one: one[:3])[2:] if unknown else None


def _marks(items: Iterable[AnyState], facts: Facts) -> Iterable[tuple[Address, Mark]]:
    for name, kind in KINDS.items():
        yield from kind.marks(_of_kind(name, items), facts)


def _of_kind(name: str, items: Iterable[AnyState]) -> list[AnyState]:
    return [item for item in items if item.address.kind == name]
