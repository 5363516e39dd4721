"""Judge every resource, gate what is refused, order the steps: the Plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from fleethub.kinds import KINDS
from fleethub.kinds.interface import Dependents, Kind, ObserveContext, ResourceState, Work, record
from fleethub.kinds.key import findings as key_findings
from fleethub.kinds.node.delivery import (
    outrun,
    restart_by_hand,
    rewires,
    running,
    touches_wiring,
    unused_until_restart,
    waits_for_hand,
)
from fleethub.kinds.route.kind import findings as route_findings
from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.facts import Facts, HostReading
from fleethub.model.finding import FATAL, Finding, Severity
from fleethub.model.fleet import Fleet, Hop
from fleethub.model.observation import Locked, Lockfile, Needs, Observation, Resource, Seen, Unknown
from fleethub.model.plan import Action, Blocker, Change, Phase, Plan, Step, Why
from fleethub.model.secret import Fingerprinter
from fleethub.placement.assess import Assessment, assess, planned_sets
from fleethub.planning.guards import after_reading
from fleethub.planning.hazards import env_findings, node_findings, unreadable
from fleethub.planning.judge import Verdict, judge
from fleethub.planning.order import order
from fleethub.planning.summary import sentence


@dataclass(slots=True)
class _PlanningState:
    """What is on the table while one plan is made."""

    items: dict[Address, ResourceState]
    verdicts: dict[Address, Verdict]
    needs: dict[Address, Needs]
    running: dict[Address, Needs]
    refused: dict[tuple[str, str], Blocker]  # (backend, alias) that must not be wired
    missing: dict[Address, Blocker]
    users: dict[Address, list[Address]] = field(default_factory=dict)
    gates: dict[Address, tuple[Blocker, ...]] = field(default_factory=dict)
    takers: dict[Address, Address] = field(default_factory=dict)  # a node that goes -> the one that takes its target


def make_plan(
    fleet: Fleet,
    lockfile: Lockfile | None,
    wanted: Mapping[Address, Resource],
    facts: Facts,
    fingerprinter: Fingerprinter,
    findings: Sequence[Finding] = (),
    repair: bool = True,
    blocks: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """The whole plan; ``findings`` are those made before (spec, rendering) and are carried along.

    ``blocks``: a block of the spec, or an address, that nothing was asked for -> why: what is of it is unknown.
    """
    sight = ObserveContext(facts, fingerprinter, lockfile.lineage if lockfile else "")
    items = _items(wanted, lockfile, sight, blocks)
    fatal = after_reading(items.values(), lockfile, facts)
    if any(f.code in FATAL for f in fatal):
        return _empty(fleet, lockfile, (*findings, *fatal))
    before, after = lockfile.planned if lockfile else {}, planned_sets(fleet)
    assessments = [
        assess(fleet, b, facts, before.get(b.name, ()), after.get(b.name, ())) for b in fleet.backends.values()
    ]
    routes = route_findings(fleet, facts)
    env = [*env_findings(wanted, facts), *node_findings(wanted, facts, lockfile)]
    state = _PlanningState(
        items=items,
        verdicts={a: judge(item, lockfile, fleet.policy, repair) for a, item in items.items()},
        needs={a: _needs(item) for a, item in items.items()},
        running={a: running(item) for a, item in items.items() if a.kind == "node"},
        refused={(a.load.backend, alias): why for a in assessments for alias, why in a.refused.items()},
        missing={f.address: Blocker(Why.REFUSED, f.message) for f in routes if f.code == "route.missing" and f.address},
    )
    _hold_shared(state)
    _let_go(state)
    for consumer, needs in state.needs.items():
        for thing in needs:
            state.users.setdefault(thing, []).append(consumer)
    _gate_nodes(state, env, fleet, facts)
    work = _work(state)
    ordered = order({a: w.steps for a, w in work.items()}, state.needs)
    changes = [c for a in items if (c := _change(state, a, work[a])) is not None]
    drifted = tuple(v.drift for v in state.verdicts.values() if v.drift is not None)
    found = (
        *findings,
        *(f for v in state.verdicts.values() for f in v.findings),
        *(f for w in work.values() for f in w.findings),
        *(f for a, item in items.items() for f in KINDS[a.kind].remarks(item)),
        *(f for kind in KINDS.values() for f in kind.orphans(tuple(items.values()), fleet, sight)),
        *key_findings(fleet, facts),
        *routes,
        *env,
        *(f for a in assessments for f in a.findings),
        *unreadable(fleet, facts),
    )
    plan = Plan(
        id=_identity(fleet, lockfile, changes, items, ordered),
        fleet=fleet.name,
        sentence="",
        changes=tuple(changes),
        drift=drifted,
        findings=tuple(dict.fromkeys(found)),
        steps=ordered,
        loads=tuple(a.load for a in assessments if a.load.after is not None or a.load.before is not None),
        fits=_fits(assessments, lockfile),
        planned=_planned_after({a.load.backend: a.planned for a in assessments}, before, state),
        serial=lockfile.serial if lockfile else 0,
        lineage=lockfile.lineage if lockfile else "",
        spec=fleet.digest,
        fleet_id=fleet.id,
        by_name=fleet.by_name,
    )
    return replace(plan, sentence=sentence(plan))


def _items(
    wanted: Mapping[Address, Resource], lockfile: Lockfile | None, sight: ObserveContext, blocks: Mapping[str, str]
) -> dict[Address, ResourceState]:
    locked = lockfile.resources if lockfile else {}
    items = {}
    for address in sorted({*wanted, *locked}):
        want, record_ = wanted.get(address), locked.get(address)
        have = observed(KINDS[address.kind], address, want, record_, sight, blocks)
        items[address] = ResourceState(address, want, have, record_)
    return items


def observed(
    kind: Kind,
    address: Address,
    want: Resource | None,
    locked: Locked | None,
    sight: ObserveContext,
    blocks: Mapping[str, str],
) -> Observation:
    """What the facts say of one resource; of one that is blocked, nothing that they say is believed."""
    source = want.source if want else locked.source if locked else None
    if reason := blocks.get(str(address)) or blocks.get(source.of if source else ""):
        return Unknown(reason, sight.facts.at)
    return kind.observe(address, want, locked, sight)


def _needs(item: ResourceState) -> Needs:
    """What it uses by any account: wanted, last applied, or begun."""
    found: dict[Address, frozenset[str]] = {}
    sides = [item.want.needs if item.want else {}, item.locked.needs if item.locked else {}]
    if item.locked and item.locked.pending:
        sides.append(item.locked.pending.needs)
    for side in sides:
        for address, entries in side.items():
            found[address] = found.get(address, frozenset()) | entries
    return found


def _hold_shared(state: _PlanningState) -> None:
    """Two nodes that were applied to one target cannot both be there, so neither is taken down for what lies there."""
    there: dict[tuple[str, str], list[Address]] = {}
    for address, item in state.items.items():
        if address.kind == "node" and item.locked and item.locked.attrs and item.locked.pending is None:
            there.setdefault(item.locked.source.id, []).append(address)
    for (_, at), sharing in there.items():
        for address in sharing if len(sharing) > 1 else ():
            if state.verdicts[address].action is Action.DELETE:
                message = f"fleet.lock has {' and '.join(map(str, sharing))} at {at}: where {address} is cannot be told"
                found = Finding("node.target-shared", message, address, hint="take fleet.lock from git again")
                why = Blocker(Why.REFUSED, message)
                state.verdicts[address] = Verdict(Action.BLOCKED, (why,), (found,))


def _let_go(state: _PlanningState) -> None:
    """What is wanted no more and yet used by what is wanted is not deleted.

    A route of a proxy whose models are no longer managed stays in the lockfile, for it lives, until nobody uses it; of
    a node whose target another block took over only the record goes, once that one is there.
    """
    kept = {a: i for a, i in state.items.items() if i.want is not None}
    used = {thing for item in kept.values() for thing in (item.want.needs if item.want else ())}
    takers = {i.want.source.id: a for a, i in kept.items() if i.want and a.kind == "node"}
    for address, verdict in list(state.verdicts.items()):
        item = state.items[address]
        if verdict.action is not Action.DELETE or item.locked is None:
            continue
        taker = takers.get(item.locked.source.id) if address.kind == "node" else None
        if taker is not None:  # what runs there now still uses what the old block gave it
            state.needs[taker] = _union(state.needs[taker], state.needs[address])
            state.running[taker] = _union(state.running[taker], state.running[address])
        if address in used:
            state.verdicts[address] = replace(verdict, action=None)
        if taker is not None:
            state.verdicts[address] = replace(verdict, action=Action.RECORD)
        if taker is not None and state.verdicts[taker].action is Action.BLOCKED:
            why = Blocker(
                Why.WAITS, f"waits for {taker}, which takes its place: {state.verdicts[taker].blockers[0].reason}"
            )
            state.verdicts[address] = replace(verdict, action=Action.BLOCKED, blockers=(why,))
        state.takers |= {address: taker} if taker is not None else {}


def _union(one: Needs, other: Needs) -> Needs:
    return {a: one.get(a, frozenset()) | other.get(a, frozenset()) for a in {*one, *other}}


def _gate_nodes(state: _PlanningState, env: Iterable[Finding], fleet: Fleet, facts: Facts) -> None:
    """Hold back deliveries whose models are refused, whose keys cannot be proved, or whose .env git would take."""
    tracked = {f.address: Blocker(Why.REFUSED, f.message) for f in env if f.severity is Severity.ERROR}
    for address, item in state.items.items():
        verdict = state.verdicts[address]
        if address.kind != "node" or item.want is None or verdict.action not in (Action.CREATE, Action.UPDATE):
            continue
        gates = [tracked[address]] if address in tracked else []
        gates += [why for why in (waits_for_hand(item), outrun(item)) if why is not None]
        before = item.locked.needs if item.locked else {}
        if (moves := _moves(item, facts)) is not None:
            gates.append(moves)
        models = {hop.model: hop for hop in item.want.material["node"].chain}
        if rewires(item):
            gates += [
                why for (backend, alias), why in state.refused.items() if _reaches(models.get(alias), backend, fleet)
            ]
        for thing in item.want.needs:
            if thing in state.missing and before.get(thing) is None:
                gates.append(state.missing[thing])
            other = state.verdicts.get(thing)
            if not touches_wiring(item):
                continue
            if other and other.action is Action.BLOCKED:
                why = Why.UNKNOWN if any(o.why is Why.UNKNOWN for o in other.blockers) else Why.WAITS
                gates.append(Blocker(why, f"waits for {thing}: {other.blockers[0].reason}"))
            elif thing.kind == "key":  # a key that may not gain what the node needs of it cannot be proved
                key = state.items[thing]
                held = _refused_entries(state, key)
                have = key.seen.attrs["models"] if key.seen else ()
                gates += [held[m] for m in sorted(item.want.needs[thing]) if m in held and m not in have]
        state.gates[address] = tuple(dict.fromkeys(gates))


def _moves(item: ResourceState, facts: Facts) -> Blocker | None:
    """Set when the node is, or may be, at another target than is wanted: there it would be left behind."""
    locked, want = item.locked, item.want
    if locked is None or want is None or locked.source.id == want.source.id:
        return None
    there = facts.of(locked.source)
    if isinstance(there, HostReading) and not locked.attrs and not there.files and there.mark is None:
        return None  # its creation was begun there, and nothing of it came
    why = Why.UNKNOWN if isinstance(there, Unknown) and not locked.attrs else Why.POLICY
    what = f"its target moves from {locked.source.at}"
    if isinstance(there, Unknown):
        what += f" (which cannot be read: {there.reason})"
    return Blocker(why, f"{what}: remove the node in one apply, add it in the next")


def _reaches(hop: Hop | None, backend: str, fleet: Fleet) -> bool:
    """Whether a node's hop may load its model on a backend."""
    return hop is not None and backend in ((hop.backend,) if hop.backend else fleet.models[hop.model].backends)


def _work(state: _PlanningState) -> dict[Address, Work]:
    """Steps of every resource, things before consumers; consumers that only settle join where something contracts."""
    work: dict[Address, Work] = {}
    contracting: set[Address] = set()
    for address in sorted(state.items, key=lambda a: list(KINDS).index(a.kind)):
        item, verdict = state.items[address], state.verdicts[address]
        users = state.users.get(address, [])
        delivered = any(
            state.verdicts[a].action in (Action.CREATE, Action.UPDATE)
            and not state.gates.get(a)
            and a.kind == "node"
            and address in (state.items[a].want.needs if state.items[a].want else {})  # type: ignore[union-attr]
            and touches_wiring(state.items[a])
            for a in users
        )
        uses = Dependents(
            running=frozenset().union(*(state.running.get(a, {}).get(address, frozenset()) for a in users)),
            refused=_refused_entries(state, item),
            delivered=delivered,
            unsettled=tuple(o for a in users for o in _unsettled(state, a)),
        )
        active = verdict.action in (Action.CREATE, Action.UPDATE, Action.DELETE) and not state.gates.get(address)
        provable = delivered and address.kind == "key" and verdict.action in (None, Action.RECORD)
        if active or provable:
            work[address] = KINDS[address.kind].steps(item, uses)
        else:
            work[address] = Work()
        if any(step.phase is Phase.CONTRACT for step in work[address].steps):
            contracting |= {a for a in users if a.kind == "node"}
    for address in contracting:
        item = state.items[address]
        if not work[address].steps and item.want is not None and isinstance(item.have, Seen):
            work[address] = KINDS["node"].steps(item, Dependents())
    return work


def _refused_entries(state: _PlanningState, item: ResourceState) -> dict[str, Blocker]:
    """Which entries of a key or route may not be added: refused by capacity, or missing on the proxy."""
    refused = {alias: why for (_, alias), why in state.refused.items()}
    if item.address.kind == "route":
        return {a: why for a, why in refused.items() if a == item.address.alias}
    found = {}
    for thing, entries in (item.want.needs if item.want else {}).items():
        for entry in entries:
            if entry in refused:
                found[entry] = refused[entry]
            elif thing in state.missing:
                found[entry] = state.missing[thing]
    return found


def _unsettled(state: _PlanningState, consumer: Address) -> tuple[Blocker, ...]:
    """Why a consumer may still be using what it used: empty when this plan settles or removes it, or it has settled."""
    item, verdict = state.items[consumer], state.verdicts[consumer]
    gates = state.gates.get(consumer, ())
    if verdict.action is Action.BLOCKED or gates:
        reason = (verdict.blockers or gates)[0]
        return (Blocker(Why.WAITS, f"waits for {consumer}: {reason.reason}"),)
    if isinstance(item.have, Unknown):
        return (Blocker(Why.WAITS, f"waits for {consumer}: {item.have.reason}"),)
    if verdict.action in (Action.CREATE, Action.UPDATE) and unused_until_restart(item):
        return (Blocker(Why.WAITS, f"waits for {consumer}: {restart_by_hand(item).reason}"),)
    return ()


def _change(state: _PlanningState, address: Address, work: Work) -> Change | None:
    item, verdict = state.items[address], state.verdicts[address]
    if verdict.action is None:
        return None
    blockers = (*verdict.blockers, *state.gates.get(address, ()), *work.blockers)
    action = verdict.action
    acts = any(step.locked is not None or step.removes for step in work.steps)
    if action not in (Action.BLOCKED, Action.RECORD) and not acts:
        action = Action.BLOCKED
    taker = state.takers.get(address)
    if taker is not None and action is Action.RECORD and state.gates.get(taker):
        # until its successor is delivered it is what runs there
        action, blockers = Action.BLOCKED, (Blocker(Why.WAITS, f"waits for {taker}: {state.gates[taker][0].reason}"),)
    found, files = ((), ()) if isinstance(item.have, Unknown) else KINDS[address.kind].describe(item)
    consequences = dict.fromkeys(f.consequence for f in files if f.consequence)
    return Change(
        address=address,
        action=action,
        fields=found,
        files=files,
        blockers=tuple(dict.fromkeys(blockers)),
        owner=(item.want.owner if item.want else item.locked.owner if item.locked else ""),
        consequence=", ".join(consequences),
        attrs=item.want.attrs if item.want else {},
        beside=KINDS[address.kind].beside(item),
        locked=record(item.want) if item.want else None,
        after=taker,
    )


def _fits(assessments: Iterable[Assessment], lockfile: Lockfile | None) -> dict[str, str]:
    """What is said of each backend's set after this plan; where a newcomer is refused, what was said before."""
    before = lockfile.fits if lockfile else {}
    said = {a.load.backend: before.get(a.load.backend, "") if a.refused else _fit(a) for a in assessments}
    return {backend: fit for backend, fit in sorted(said.items()) if fit}


def _fit(assessment: Assessment) -> str:
    return assessment.verdict.fit.value if assessment.verdict is not None and assessment.planned else ""


def _planned_after(
    wanted: Mapping[str, tuple[PlannedModel, ...]],
    before: Mapping[str, tuple[PlannedModel, ...]],
    state: _PlanningState,
) -> dict[str, tuple[PlannedModel, ...]]:
    """Each backend's set once this plan is applied: without what was refused, with what that should have replaced."""
    found = {}
    for backend in sorted({*wanted, *before}):
        held = {alias for where, alias in state.refused if where == backend}
        entries = [p for p in wanted.get(backend, ()) if p.model not in held]
        entries += [p for p in before.get(backend, ()) if p.model in held]
        if entries:
            found[backend] = tuple(sorted(entries, key=lambda p: (p.model, p.context)))
    return found


def _identity(
    fleet: Fleet,
    lockfile: Lockfile | None,
    changes: Sequence[Change],
    items: Mapping[Address, ResourceState],
    steps: Sequence[Step],
) -> str:
    """Digest of spec, lockfile, what was observed of what changes, and the steps: the same plan has the same id."""
    seen = {a: item.seen for a, item in items.items()}
    body: dict[str, Any] = {
        "spec": fleet.digest,
        "state": [lockfile.lineage, lockfile.serial] if lockfile else [],
        "changes": [
            [str(c.address), c.action, dict(there.attrs) if (there := seen[c.address]) else None] for c in changes
        ],
        "steps": [[s.id, repr(s.do)] for s in steps],
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
