"""A lockfile from what is there and what is wanted, where the one that was written is lost. Sends nothing.

What has this fleet's mark and is as the spec wants it is recorded as applied. What is otherwise is recorded as it is
seen; a consumer of which nobody knows what it runs with counts as using all that any key may call now, so that the plan
which follows takes nothing away from it. Where a consumer lies that the spec does not name there, nothing tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fleethub.adoption.adopt import with_called
from fleethub.kinds import KINDS
from fleethub.kinds.compare import record, union
from fleethub.kinds.key import mark_of
from fleethub.kinds.proxies import proxy_source
from fleethub.kinds.values import AnyState, ObserveContext, of_kind
from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import (
    Absent,
    AnyLocked,
    AnyResource,
    Applied,
    Lockfile,
    Mark,
    Needs,
    Pending,
    Seen,
    Unknown,
    birth,
)
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.secret import Fingerprinter
from fleethub.planning.state import items_of

#: What a record says of a thing that nobody could tell enough of.
UNSURE = "rebuild"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """``taken``: what is recorded; ``unsure``: of that, what is recorded as unfinished, and why; ``left``: what has a
    mark or a place in the spec and no record, and why.
    """

    lockfile: Lockfile
    taken: tuple[Address, ...]
    unsure: Mapping[Address, str]
    left: Mapping[Address, str]


def lineages(fleet: Fleet, wanted: Mapping[Address, AnyResource], facts: Facts, seal: Fingerprinter) -> dict[str, int]:
    """The lineages of what can be seen to be this fleet's own, with how much there is of each.

    None where values of keys are there with a mark, and none of them is of this seed: a file without a secret is as
    another seed would have it.
    """
    found: dict[str, int] = {}
    strange = False
    items = items_of(wanted, None, ObserveContext(facts, seal, ""), {})
    for name, kind in KINDS.items():
        mine = of_kind(name, items)
        for address in kind.proven(tuple(mine.values()), fleet, facts):
            seen = mine[address].seen if address in mine else None
            if seen is not None and seen.mark is not None:
                found[seen.mark.lineage] = found.get(seen.mark.lineage, 0) + 1
        marked = [item for item in mine.values() if item.seen is not None and item.seen.mark is not None]
        strange |= kind.provable and bool(marked) and not any(kind.proves(item) for item in marked)
    return {} if strange else found


def remembering(fleet: Fleet, facts: Facts, lineage: str) -> Fleet:
    """The fleet with what the marks of its keys tell: their generations, and what their values are derived from."""
    floors, births = dict(fleet.floors), dict(fleet.births)
    for address, mark in _key_marks(fleet, facts, lineage):
        floors[address] = max(mark.generation, floors.get(address, 0))
        if (born := birth(address, mark)) != address:
            births[address] = born
    return replace(fleet, floors=floors, births=births)


def rebuild(
    fleet: Fleet,
    wanted: Mapping[Address, AnyResource],
    facts: Facts,
    seal: Fingerprinter,
    lineage: str,
    seed: str,
    blocks: Mapping[str, str],
    above: int = 0,
) -> Rebuilt:
    """``fleet`` is one that remembers, and ``wanted`` is of it; ``seed``: its fingerprint. ``above``: a serial that is
    known to have been reached.
    """
    context = ObserveContext(facts, seal, lineage)
    recalled = {a: r for a, want in wanted.items() if (r := KINDS[a.kind].recalled(want, context)) is not None}
    items = items_of(wanted, Lockfile(fleet.name, lineage, 0, seed, recalled), context, blocks)
    records: dict[Address, AnyLocked] = {}
    unsure: dict[Address, str] = {}
    left: dict[Address, str] = {}
    for address, item in items.items():
        assert item.want is not None
        kind = KINDS[address.kind]
        if isinstance(item.have, Absent) or kind.theirs(item):
            if kind.consumer and any(n in items and items[n].seen for n in item.want.needs if KINDS[n.kind].provable):
                left[address] = (
                    f"its key is there, and nothing of it at {item.want.source.at}: if it runs elsewhere, make the "
                    "lockfile again with the spec as it was when that was applied"
                )
            continue
        if isinstance(item.have, Unknown):
            if not kind.consumer:
                left[address] = f"it cannot be looked at: {item.have.reason}"
                continue
            unsure[address] = f"it cannot be looked at: {item.have.reason}"
            records[address] = _begun(item, replace(record(item.want), attrs=None, needs={}, shape=""), items, "create")
            continue
        assert isinstance(item.have, Seen)
        if item.have.mark is None or item.have.mark.lineage != lineage:
            left[address] = "it has no mark of this fleet: fleethub import takes it over as it is"
            continue
        found = kind.rebuilt(item)
        if isinstance(found, str):
            left[address] = found
        elif kind.consumer and item.have.attrs != item.want.attrs:
            unsure[address] = "it is not as the spec wants it, and what it runs with is not recorded"
            records[address] = _begun(item, found, items)
        else:
            records[address] = found
    marks = [mark for name, kind in KINDS.items() for _, mark in kind.marks(_of(name, items), facts)]
    serial = max([above, *(mark.serial for mark in marks if mark.lineage == lineage)]) + 1
    generations: dict[Address, int] = {}
    for address, mark in _key_marks(fleet, facts, lineage):
        born = birth(address, mark)
        generations[born] = max(mark.generation, generations.get(born, 0))
    lockfile = Lockfile(
        fleet=fleet.name,
        lineage=lineage,
        serial=serial,
        seed=seed,
        applied=Applied(at=facts.at),
        id=fleet.id,
        by_name=fleet.by_name,
        generations=generations,
    )
    return Rebuilt(with_called(fleet, facts, lockfile, records), tuple(records), unsure, left)


def _begun(item: AnyState, found: AnyLocked, items: Mapping[Address, AnyState], *phases: str) -> AnyLocked:
    """The record of a consumer that may use any key, for all it may call now, until a plan has seen it settled."""
    assert item.want is not None
    wide: dict[Address, frozenset[str]] = {}
    for other in items.values():
        if KINDS[other.address.kind].provable and other.seen is not None:
            wide[other.address] = KINDS[other.address.kind].grants(other.seen.attrs)
    needs: Needs = union(item.want.needs, wide)
    pending = Pending((*phases, UNSURE), item.want.attrs, needs, item.want.generation)
    return replace(found, pending=pending)


def _key_marks(fleet: Fleet, facts: Facts, lineage: str) -> Iterable[tuple[Address, Mark]]:
    """The marks of all keys of this lineage, by the addresses that they have by their aliases."""
    for proxy in fleet.proxies.values():
        reading = facts.of(proxy_source(proxy))
        for alias, rows in reading.keys.items() if isinstance(reading, ProxyReading) else ():
            for row in rows:
                mark = mark_of(row.metadata)
                if mark is not None and mark.lineage == lineage:
                    yield key_address(proxy.name, alias), mark


def _of(name: str, items: Mapping[Address, AnyState]) -> list[AnyState]:
    return list(of_kind(name, items).values())
