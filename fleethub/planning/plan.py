"""Judge every resource, gate what is refused, order the steps: the Plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from fleethub.checks.answers import Evaluate
from fleethub.kinds import KINDS
from fleethub.kinds.compare import in_use, record
from fleethub.kinds.readdress import lockfile_after, renamed_only, renaming
from fleethub.kinds.values import ObserveContext, Work, of_kind
from fleethub.model.address import Address, successor
from fleethub.model.capacity import PlannedModel
from fleethub.model.facts import Facts
from fleethub.model.finding import FATAL, Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyResource, Lockfile, Unknown
from fleethub.model.plan import NO_ORDERS, WHOLE, Action, Blocker, Change, LeftAlone, Orders, Part, Phase, Plan, Why
from fleethub.model.secret import Fingerprinter
from fleethub.placement.assess import Assessment, assess
from fleethub.placement.backends import unreadable
from fleethub.placement.planned import planned_sets
from fleethub.planning.acknowledged import acknowledge
from fleethub.planning.checked import changes_of, checked, hold_checked
from fleethub.planning.explicit import forget, let_stay, prune
from fleethub.planning.gates import gate, hold_outrun, hold_renamed, hold_shared, hold_unused, let_go
from fleethub.planning.guards import after_reading
from fleethub.planning.identity import identity
from fleethub.planning.judge import judge
from fleethub.planning.order import order
from fleethub.planning.part import leave_out
from fleethub.planning.state import PlanningState, items_of, needs_of
from fleethub.planning.stops import exceeded, hold, stopped
from fleethub.planning.summary import sentence
from fleethub.planning.unreachable import all_or_nothing
from fleethub.planning.work import hold_left_behind, work

ERROR = Severity.ERROR


def make_plan(
    fleet: Fleet,
    lockfile: Lockfile | None,
    wanted: Mapping[Address, AnyResource],
    facts: Facts,
    fingerprinter: Fingerprinter,
    findings: Sequence[Finding] = (),
    repair: bool = True,
    blocks: Mapping[str, str] = MappingProxyType({}),
    part: Part = WHOLE,
    orders: Orders = NO_ORDERS,
    evaluate: Evaluate | None = None,
) -> Plan:
    """The whole plan; ``findings`` are those made before (spec, rendering) and are carried along.

    ``blocks``: a block of the spec, or an address, that nothing was asked for -> why: what is of it is unknown.
    ``part``: the part of the fleet that it is to be about. ``orders``: what is done because somebody said so.
    ``evaluate``: who asks the fleet's own checks; None: they are not asked.
    """
    renamed: dict[Address, Address] = {}
    if lockfile is not None:
        renamed = renaming(fleet, wanted, lockfile)
        lockfile = lockfile_after(lockfile, renamed)
    context = ObserveContext(facts, fingerprinter, lockfile.lineage if lockfile else "", fleet)
    items = items_of(wanted, lockfile, context, blocks)
    fatal = after_reading(tuple(items.values()), lockfile, fleet, facts)
    if any(f.code in FATAL for f in fatal):
        return _empty(fleet, lockfile, (*findings, *fatal))
    before, after = lockfile.planned if lockfile else {}, planned_sets(fleet)
    assessments = [
        assess(fleet, b, facts, before.get(b.name, ()), after.get(b.name, ())) for b in fleet.backends.values()
    ]
    loads = tuple(a.load for a in assessments if a.load.after is not None or a.load.before is not None)
    locked = lockfile.resources if lockfile else {}
    readings = [
        f
        for name, kind in KINDS.items()
        for f in kind.findings(fleet, of_kind(name, wanted), of_kind(name, locked), facts)
    ]
    state = PlanningState(
        items=items,
        verdicts={a: judge(item, lockfile, fleet.policy, repair) for a, item in items.items()},
        needs={a: needs_of(item) for a, item in items.items()},
        running={a: in_use(item) for a, item in items.items() if KINDS[a.kind].consumer},
        refused={(a.load.backend, alias): why for a in assessments for alias, why in a.refused.items()},
        barred={f.address: Blocker(Why.REFUSED, f.message) for f in readings if f.address and f.severity is ERROR},
    )
    hold_shared(state)
    hold_renamed(state, fleet)
    let_stay(state, orders)
    forget(state, orders)
    let_go(state)
    for address in {*renamed.values()} & items.keys():  # so that the lockfile has the new name, whatever else is to do
        if state.verdicts[address].action is None:
            state.verdicts[address] = replace(state.verdicts[address], action=Action.RECORD)
    state.successors = {a: s for a in items if (s := successor(a)) is not None}
    left = frozenset[Address]() if part.whole else leave_out(state, part)
    stops = hold(state, fleet, orders, before, after)
    whole = not any(isinstance(item.have, Unknown) for item in items.values())
    asked = None if orders.uninstall else evaluate
    by_checks = checked(fleet, wanted, loads, lambda: changes_of(state), asked, whole, left)
    refusing = hold_checked(state, fleet, by_checks, facts.at)
    for consumer, needs in state.needs.items():
        for thing in needs:
            state.users.setdefault(thing, []).append(consumer)
    hold_unused(state)
    hold_outrun(state, facts)
    gate(state, fleet, facts)
    hold_left_behind(state)
    steps = work(state)
    ordered = order({a: w.steps for a, w in steps.items()}, state.needs, state.successors)
    pruned = prune(state, orders, fleet, context, ordered)
    ordered += tuple(step for _, doing in pruned.values() for step in doing)
    every = [c for a in items if (c := _change(state, a, steps[a])) is not None]
    every += [*(change for change, _ in pruned.values()), *renamed_only(renamed, items)]
    changes = [c for c in every if c.address not in left]
    stops += (over := exceeded(changes, lockfile, state, fleet, orders))
    changes = stopped(changes, (*over, *refusing))
    if fleet.policy.unreachable == "fail":
        changes = all_or_nothing(changes)
    if not any(c.action is not Action.BLOCKED for c in changes):
        ordered = ()
    drifted = tuple(v.drift for a, v in state.verdicts.items() if v.drift is not None and a not in left)
    found = (
        *findings,
        *(f for v in state.verdicts.values() for f in v.findings),
        *stops,
        *by_checks,
        *(f for w in steps.values() for f in w.findings),
        *(f for a, item in items.items() for f in KINDS[a.kind].remarks(item)),
        *(f for n, kind in KINDS.items() for f in kind.orphans(tuple(of_kind(n, items).values()), fleet, context)),
        *readings,
        *(f for a in assessments if part.whole or _concerns(a, changes) for f in a.findings),
        *unreadable(fleet, facts),
    )
    plan = Plan(
        id=identity(fleet, lockfile, changes, items, ordered),
        fleet=fleet.name,
        sentence="",
        changes=tuple(changes),
        drift=drifted,
        left_alone=tuple(
            LeftAlone(a, fields) for a, i in items.items() if a not in left and (fields := KINDS[a.kind].left_alone(i))
        ),
        findings=tuple(f for f in dict.fromkeys(found) if f.address is None or f.address not in left),
        steps=ordered,
        loads=loads,
        fits=_fits(assessments, lockfile),
        planned=_planned_after({a.load.backend: a.planned for a in assessments}, before, state),
        serial=lockfile.serial if lockfile else 0,
        lineage=lockfile.lineage if lockfile else "",
        spec=fleet.digest,
        fleet_id=fleet.id,
        by_name=fleet.by_name,
        renamed=renamed,
        left_out=None if part.whole else tuple(c.address for c in every if c.address in left),
        observed={a: item.have for a, item in items.items()},
    )
    return acknowledge(replace(plan, sentence=sentence(plan)), fleet, facts.at)


def _change(state: PlanningState, address: Address, work: Work) -> Change | None:
    item, verdict, kind = state.items[address], state.verdicts[address], state.kind(address)
    if verdict.action is None:
        return None
    blockers = (*verdict.blockers, *state.gates.get(address, ()), *work.blockers)
    action = verdict.action
    # a delivery that is taken into use by a restart by hand is recorded only after that
    acts = any(step.locked is not None or step.removes or step.phase is Phase.DELIVER for step in work.steps)
    if (action not in (Action.BLOCKED, Action.RECORD) and not acts) or (verdict.let_go and work.blockers):
        action = Action.BLOCKED
    taker = state.takers.get(address)
    if taker is not None and action is Action.RECORD and state.gates.get(taker):
        # until its successor is delivered it is what runs there
        action, blockers = Action.BLOCKED, (Blocker(Why.WAITS, f"waits for {taker}: {state.gates[taker][0].reason}"),)
    found, files = ((), ()) if isinstance(item.have, Unknown) else kind.describe(item)
    others = verdict.says or (kind.loses(item) if item.want is None and item.seen and action is Action.DELETE else "")
    consequences = dict.fromkeys(says for says in (others, *(f.consequence for f in files)) if says)
    return Change(
        address=address,
        action=action,
        fields=found,
        files=files,
        blockers=tuple(dict.fromkeys(blockers)),
        title=kind.title(address),
        owner=(item.want.owner if item.want else item.locked.owner if item.locked else ""),
        consequence=", ".join(consequences),
        beside=kind.beside(item),
        locked=record(item.want) if item.want else None,
        after=taker,
        observed=item.seen.attrs if item.seen else None,
    )


def _concerns(assessment: Assessment, changes: Iterable[Change]) -> bool:
    """Whether what is said of a backend holds back any of these changes; where it refuses nothing, it is for all."""
    refused = frozenset(why.reason for why in assessment.refused.values())
    return not refused or any(refused & {b.reason for b in change.blockers} for change in changes)


def _fits(assessments: Iterable[Assessment], lockfile: Lockfile | None) -> dict[str, str]:
    """What is said of each backend's set after this plan; where a newcomer is refused, what was said before."""
    before = lockfile.fits if lockfile else {}
    said = {a.load.backend: before.get(a.load.backend, "") if a.refused else _fit(a) for a in assessments}
    return {backend: fit for backend, fit in sorted(said.items()) if fit}


def _fit(assessment: Assessment) -> str:
    return assessment.verdict.fit.value if assessment.verdict is not None and assessment.planned else ""


def _planned_after(
    wanted: Mapping[str, tuple[PlannedModel, ...]], before: Mapping[str, tuple[PlannedModel, ...]], state: PlanningState
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
