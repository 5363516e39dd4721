"""Judge every resource, gate what is refused, order the steps: the Plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fleethub.capacity import Assessment, assess, planned_sets
from fleethub.model.address import Address
from fleethub.model.facts import Facts, GitReading
from fleethub.model.finding import FATAL, Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile, Needs, Resource, Seen, Source, Unknown
from fleethub.model.plan import Action, Change, Obstacle, Phase, Plan, Step, Why
from fleethub.model.secret import Seal
from fleethub.planning.guards import after_reading
from fleethub.planning.judge import Verdict, judge
from fleethub.planning.order import order
from fleethub.planning.summary import sentence
from fleethub.resources import KINDS
from fleethub.resources.base import Item, Uses, Work, record
from fleethub.resources.node import running
from fleethub.resources.route import findings as route_findings


@dataclass(slots=True)
class _Desk:
    """What is on the table while one plan is made."""

    items: dict[Address, Item]
    verdicts: dict[Address, Verdict]
    needs: dict[Address, Needs]
    running: dict[Address, Needs]
    refused: dict[str, Obstacle]
    missing: dict[Address, Obstacle]
    users: dict[Address, list[Address]] = field(default_factory=dict)
    gates: dict[Address, tuple[Obstacle, ...]] = field(default_factory=dict)


def make_plan(
    fleet: Fleet,
    lockfile: Lockfile | None,
    wanted: Mapping[Address, Resource],
    facts: Facts,
    seal: Seal,
    findings: Sequence[Finding] = (),
    repair: bool = True,
) -> Plan:
    """The whole plan; ``findings`` are those made before (spec, rendering) and are carried along."""
    items = _items(wanted, lockfile, facts, seal)
    fatal = after_reading(items.values(), lockfile, facts)
    if any(f.code in FATAL for f in fatal):
        return _empty(fleet, lockfile, (*findings, *fatal))
    assessments = [
        assess(fleet, b, facts, lockfile.planned.get(b.name, ()) if lockfile else ()) for b in fleet.backends.values()
    ]
    routes = route_findings(fleet, facts)
    env = _env_findings(fleet, wanted, facts)
    desk = _Desk(
        items=items,
        verdicts={a: judge(item, lockfile, fleet.policy, repair) for a, item in items.items()},
        needs={a: _needs(item) for a, item in items.items()},
        running={a: running(item) for a, item in items.items() if a.kind == "node"},
        refused={alias: why for a in assessments for alias, why in a.refused.items()},
        missing={
            f.address: Obstacle(Why.REFUSED, f.message) for f in routes if f.code == "route.missing" and f.address
        },
    )
    for consumer, needs in desk.needs.items():
        for thing in needs:
            desk.users.setdefault(thing, []).append(consumer)
    _gate_nodes(desk, env)
    work = _work(desk)
    ordered = order({a: w.steps for a, w in work.items()}, desk.needs)
    changes = [c for a in items if (c := _change(desk, a, work[a])) is not None]
    drifted = tuple(v.drift for v in desk.verdicts.values() if v.drift is not None)
    found = (
        *findings,
        *(f for v in desk.verdicts.values() for f in v.findings),
        *(f for w in work.values() for f in w.findings),
        *routes,
        *env,
        *(f for a in assessments for f in a.findings),
        *_unreadable(fleet, items, facts),
    )
    plan = Plan(
        id=_identity(fleet, lockfile, changes, items),
        fleet=fleet.name,
        sentence="",
        changes=tuple(changes),
        drift=drifted,
        findings=tuple(dict.fromkeys(found)),
        steps=ordered,
        loads=tuple(a.load for a in assessments if a.load.after is not None or a.load.before is not None),
        planned=_planned_after(fleet, lockfile, desk),
        serial=lockfile.serial if lockfile else 0,
        lineage=lockfile.lineage if lockfile else "",
        spec=fleet.digest,
    )
    return replace(plan, sentence=sentence(plan))


def _items(
    wanted: Mapping[Address, Resource], lockfile: Lockfile | None, facts: Facts, seal: Seal
) -> dict[Address, Item]:
    locked = lockfile.resources if lockfile else {}
    items = {}
    for address in sorted({*wanted, *locked}):
        want, record_ = wanted.get(address), locked.get(address)
        have = KINDS[address.kind].observe(address, want, record_, facts, seal)
        items[address] = Item(address, want, have, record_)
    return items


def _needs(item: Item) -> Needs:
    """What it uses by any account: wanted, last applied, or begun."""
    found: dict[Address, frozenset[str]] = {}
    sides = [item.want.needs if item.want else {}, item.locked.needs if item.locked else {}]
    if item.locked and item.locked.pending:
        sides.append(item.locked.pending.needs)
    for side in sides:
        for address, entries in side.items():
            found[address] = found.get(address, frozenset()) | entries
    return found


def _gate_nodes(desk: _Desk, env: Iterable[Finding]) -> None:
    """Hold back deliveries whose models are refused, whose keys cannot be proved, or whose .env git would take."""
    tracked = {f.address: Obstacle(Why.REFUSED, f.message) for f in env}
    for address, item in desk.items.items():
        verdict = desk.verdicts[address]
        if address.kind != "node" or item.want is None or verdict.action not in (Action.CREATE, Action.UPDATE):
            continue
        gates = [tracked[address]] if address in tracked else []
        before = item.locked.needs if item.locked else {}
        if item.locked and item.locked.source.id != item.want.source.id and item.locked.attrs:
            gates.append(
                Obstacle(
                    Why.POLICY,
                    f"its target moves from {item.locked.source.at}: remove the node in one apply, add it in the next",
                )
            )
        models = {hop.model: hop for hop in item.want.material["node"].chain}
        gates += [desk.refused[m] for m in models if m in desk.refused]
        for thing, _entries in item.want.needs.items():
            if thing in desk.missing and before.get(thing) is None:
                gates.append(desk.missing[thing])
            other = desk.verdicts.get(thing)
            if other and other.action is Action.BLOCKED and _touches_chain(item):
                why = Why.UNKNOWN if any(o.why is Why.UNKNOWN for o in other.obstacles) else Why.WAITS
                gates.append(Obstacle(why, f"waits for {thing}: {other.obstacles[0].reason}"))
        desk.gates[address] = tuple(dict.fromkeys(gates))


def _touches_chain(item: Item) -> bool:
    """Whether the delivery changes what the node calls or with what: then it needs a proof."""
    if item.seen is None or item.want is None:
        return True
    if item.seen.attrs["chain"] != item.want.attrs["chain"]:
        return True
    env = [p for p in item.want.attrs["files"] if p.endswith(".env")]
    return any(item.want.attrs["files"][p] != item.seen.attrs["files"].get(p) for p in env)


def _work(desk: _Desk) -> dict[Address, Work]:
    """Steps of every resource, things before consumers; consumers that only settle join where something contracts."""
    work: dict[Address, Work] = {}
    contracting: set[Address] = set()
    for address in sorted(desk.items, key=lambda a: list(KINDS).index(a.kind)):
        item, verdict = desk.items[address], desk.verdicts[address]
        users = desk.users.get(address, [])
        delivered = any(
            desk.verdicts[a].action in (Action.CREATE, Action.UPDATE)
            and not desk.gates.get(a)
            and a.kind == "node"
            and address in (desk.items[a].want.needs if desk.items[a].want else {})  # type: ignore[union-attr]
            and _touches_chain(desk.items[a])
            for a in users
        )
        uses = Uses(
            running=frozenset().union(*(desk.running.get(a, {}).get(address, frozenset()) for a in users)),
            refused=_refused_entries(desk, item),
            delivered=delivered,
            unsettled=tuple(o for a in users for o in _unsettled(desk, a)),
        )
        active = verdict.action in (Action.CREATE, Action.UPDATE, Action.DELETE) and not desk.gates.get(address)
        provable = delivered and address.kind == "key" and verdict.action in (None, Action.RECORD)
        if active or provable:
            work[address] = KINDS[address.kind].steps(item, verdict.action or Action.UPDATE, uses)
        else:
            work[address] = Work()
        if any(step.phase is Phase.CONTRACT for step in work[address].steps):
            contracting |= {a for a in users if a.kind == "node"}
    for address in contracting:
        item = desk.items[address]
        if not work[address].steps and item.want is not None and isinstance(item.have, Seen):
            work[address] = KINDS["node"].steps(item, Action.RECORD, Uses())
    return work


def _refused_entries(desk: _Desk, item: Item) -> dict[str, Obstacle]:
    """Which entries of a key may not be added: refused by capacity, or missing on the proxy."""
    if item.want is None or item.address.kind != "key":
        return {}
    found = {}
    for thing, entries in item.want.needs.items():
        for entry in entries:
            if entry in desk.refused:
                found[entry] = desk.refused[entry]
            elif thing in desk.missing:
                found[entry] = desk.missing[thing]
    return found


def _unsettled(desk: _Desk, consumer: Address) -> tuple[Obstacle, ...]:
    """Why a consumer may still be using what it used: empty when this plan settles or removes it, or it has settled."""
    item, verdict = desk.items[consumer], desk.verdicts[consumer]
    gates = desk.gates.get(consumer, ())
    if verdict.action is Action.BLOCKED or gates:
        reason = (verdict.obstacles or gates)[0]
        return (Obstacle(Why.WAITS, f"waits for {consumer}: {reason.reason}"),)
    if isinstance(item.have, Unknown):
        return (Obstacle(Why.WAITS, f"waits for {consumer}: {item.have.reason}"),)
    return ()


def _change(desk: _Desk, address: Address, work: Work) -> Change | None:
    item, verdict = desk.items[address], desk.verdicts[address]
    if verdict.action is None:
        return None
    obstacles = (*verdict.obstacles, *desk.gates.get(address, ()), *work.obstacles)
    action = verdict.action
    acts = any(step.locked is not None or step.removes for step in work.steps)
    if action not in (Action.BLOCKED, Action.RECORD) and not acts:
        action = Action.BLOCKED
    found, files = ((), ()) if isinstance(item.have, Unknown) else KINDS[address.kind].describe(item)
    consequences = dict.fromkeys(f.consequence for f in files if f.consequence)
    return Change(
        address=address,
        action=action,
        leaves=found,
        files=files,
        obstacles=tuple(dict.fromkeys(obstacles)),
        owner=(item.want.owner if item.want else item.locked.owner if item.locked else ""),
        consequence=", ".join(consequences),
        attrs=item.want.attrs if item.want else {},
        locked=record(item.want) if item.want else None,
    )


def _env_findings(fleet: Fleet, wanted: Mapping[Address, Resource], facts: Facts) -> list[Finding]:
    reading = facts.readings.get(Source("git", ".").id)
    if not isinstance(reading, GitReading):
        return []
    found = []
    for address, resource in wanted.items():
        if address.kind != "node":
            continue
        for path in resource.attrs["files"]:
            full = f"{resource.source.at}/{path}"
            how = "tracks" if full in reading.tracked else "would not ignore" if full in reading.unignored else ""
            if how:
                found.append(
                    Finding(
                        "node.env-tracked",
                        f"git {how} {full}, which holds this node's secrets",
                        address,
                        resource.place,
                        f"add .env to .gitignore{f', and git rm --cached {full}' if how == 'tracks' else ''}",
                    )
                )
    return found


def _unreadable(fleet: Fleet, items: Mapping[Address, Item], facts: Facts) -> list[Finding]:
    """One finding per system that could not be read; a node's own reason is on its change."""
    found = []
    for proxy in fleet.proxies.values():
        reading = facts.of(Source("litellm", proxy.admin_url))
        if isinstance(reading, Unknown):
            found.append(
                Finding(
                    "proxy.unreadable",
                    f"{proxy.name} ({proxy.admin_url}): {reading.reason}",
                    Address("proxy", proxy.name),
                    proxy.place,
                    "its keys and routes are unknown, so nothing was planned for them",
                )
            )
    for backend in fleet.backends.values():
        if backend.ollama is None:
            continue
        reading = facts.of(Source("ollama", backend.ollama.url))
        if isinstance(reading, Unknown):
            found.append(
                Finding(
                    "backend.unreadable",
                    f"{backend.name} ({backend.ollama.url}): {reading.reason}",
                    Address("backend", backend.name),
                    backend.place,
                    "it is judged from the spec alone",
                )
            )
    return found


def _planned_after(fleet: Fleet, lockfile: Lockfile | None, desk: _Desk) -> dict[str, tuple[tuple[str, int], ...]]:
    """Each backend's set once this plan is applied: without the newcomers that were refused."""
    return {
        backend: kept
        for backend, entries in planned_sets(fleet).items()
        if (kept := tuple(e for e in entries if e[0] not in desk.refused))
    }


def _identity(fleet: Fleet, lockfile: Lockfile | None, changes: Sequence[Change], items: Mapping[Address, Item]) -> str:
    """Digest of spec, lockfile and the observation of what changes: the same plan has the same id."""
    body: dict[str, Any] = {
        "spec": fleet.digest,
        "state": [lockfile.lineage, lockfile.serial] if lockfile else [],
        "changes": [
            [str(c.address), c.action, dict(seen.attrs) if (seen := items[c.address].seen) else None] for c in changes
        ],
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=list).encode()).hexdigest()[:12]


def _empty(fleet: Fleet, lockfile: Lockfile | None, findings: Sequence[Finding]) -> Plan:
    return Plan(
        id="",
        fleet=fleet.name,
        sentence="Nothing was decided: see the findings.",
        findings=tuple(findings),
        serial=lockfile.serial if lockfile else 0,
        lineage=lockfile.lineage if lockfile else "",
        spec=fleet.digest,
        fatal=True,
    )


__all__ = ["Assessment", "Step", "make_plan"]
