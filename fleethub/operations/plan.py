"""Plan: read what is there, and say what would change. Changes nothing but what sessions are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fleethub.engines.registry import ENGINES
from fleethub.kinds.readdress import lockfile_after, renames_said, renaming
from fleethub.model.address import Address, successor
from fleethub.model.exit import Exit, worst
from fleethub.model.facts import Facts
from fleethub.model.finding import FATAL, Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.observation import EVERY, AnyLocked, AnyResource, Lockfile, Source, Unknown
from fleethub.model.plan import Plan, Why
from fleethub.operations import merge_driver, sessions
from fleethub.operations.held import HeldPlan, PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.own_checks import evaluator
from fleethub.operations.targets import for_owner, orders_notes, orders_of, others, others_notes, part_notes, part_of
from fleethub.operations.workplace import Workplace
from fleethub.state.session_summary import LOCKFILE, stamps

AS_AN_APPLY = PlanInput()


def run(workplace: Workplace, asked: PlanInput = AS_AN_APPLY) -> Outcome[HeldPlan]:
    """Read and plan; sessions are told of it, unless it is a destroy's."""
    held = read_and_plan(workplace, asked)
    if held.plan.changes and not asked.only_look and not asked.destroy:
        from fleethub.operations import carried  # most plans are empty

        texts, digest = workplace.opened.texts, workplace.fleet.digest
        edits = carried.notes(workplace.store, workplace.root, digest, texts, held.lockfile)
        held = replace(held, plan=replace(held.plan, notes=(*held.plan.notes, *edits)))
    if note := merge_driver.missing(workplace.root):
        held = replace(held, plan=replace(held.plan, notes=(*held.plan.notes, note)))
    if not asked.destroy:
        whole = replace(asked, targets=(), excludes=(), forget=(), prune=False, owner="")
        told = held if whole == asked else read_and_plan(workplace, whole, held.facts)
        sessions.remember(workplace, told)
    return Outcome(held, plan_exit(held.plan, asked.detailed), held.plan.findings)


def read_and_plan(workplace: Workplace, asked: PlanInput = AS_AN_APPLY, facts: Facts | None = None) -> HeldPlan:
    """Read what is there, and plan. Sends nothing when the seed or the fleet's name is wrong.

    With ``facts`` of an earlier read nothing is read: what they do not tell is unknown.
    """
    from fleethub.observing import now
    from fleethub.planning import again, grounded, make_plan, sources

    fleet, trust, resolver = workplace.fleet, workplace.trust, workplace.resolver
    seen = {**workplace.opened.stamps, **stamps(workplace.root, [LOCKFILE])}
    stored = workplace.store.read()
    lockfile = grounded(stored.lockfile, trust.credential)
    if asked.destroy:
        if lockfile is None:
            # it tells a lost lockfile from a fleet never applied
            look = replace(asked, destroy=False, only_look=True, every_model=False)
            held = replace(read_and_plan(workplace, look, facts), input=asked)
            return held if held.plan.fatal else replace(held, plan=_nothing_to_destroy(held))
        fleet = replace(fleet, nodes={}, keys={}, models={}, moved={})
        lockfile = _protected(workplace, lockfile)
    if (refused := workplace.refused()) is not None:
        return HeldPlan(asked, refused, {}, facts or Facts(now()), lockfile, seen, stored.version)
    wanted = workplace.wanted(fleet)
    known = _known(fleet, wanted, lockfile)
    part = part_of(asked.targets, asked.excludes, fleet, {*wanted, *known})
    theirs = others(asked.owner, fleet, wanted, known) if asked.owner else {}
    part = for_owner(part, asked.owner, theirs)
    orders = orders_of(asked.forget, asked.prune, wanted, known)
    orders = replace(orders, uninstall=asked.destroy, allow=frozenset(asked.allow))
    read = () if facts is not None else tuple(_asking(s, asked) for s in sources(fleet, wanted, lockfile))
    facts = facts or workplace.read(read, asked.reads)
    findings = [*(workplace.opened.findings if not asked.destroy else ()), *trust.findings, *unresolved(workplace)]
    repair = workplace.fleet.policy.drift != "stop" if asked.repair is None else asked.repair
    asking = evaluator(fleet, trust.guard) if not asked.destroy else None

    def planned(facts: Facts) -> Plan:
        return make_plan(fleet, lockfile, wanted, facts, resolver, findings, repair, trust.blocks, part, orders, asking)

    plan = planned(facts)
    if read and (late := again(read, wanted, plan, facts)):
        newer = workplace.read(late, asked.reads)
        facts = replace(facts, readings={**facts.readings, **newer.readings})
        plan = planned(facts)
    if plan.fatal:
        from fleethub.operations.behind import advised

        plan = advised(plan, workplace, wanted, lockfile, facts)
    plan = replace(
        plan,
        notes=(
            *plan.notes,
            *others_notes(plan, asked.owner, theirs),
            *part_notes(part, plan),
            *orders_notes(orders, plan, known),
            *_moves(plan, fleet, lockfile),
        ),
    )
    if any(isinstance(r, Unknown) for r in facts.readings.values()):
        plan = replace(plan, notes=(*plan.notes, "what could not be read is unknown, and nothing was inferred from it"))
    if not asked.destroy and (unpublished := sessions.unpublished(workplace.fleet, lockfile, plan)):
        plan = replace(plan, notes=(*plan.notes, unpublished))
    return HeldPlan(asked, plan, wanted, facts, lockfile, seen, stored.version)


def _known(
    fleet: Fleet, wanted: Mapping[Address, AnyResource], lockfile: Lockfile | None
) -> Mapping[Address, AnyLocked]:
    """What was applied, under the addresses that the plan has it under."""
    if lockfile is None:
        return {}
    after = lockfile_after(lockfile, renaming(fleet, wanted, lockfile))
    return after.resources if after is not None else {}


def _taken_along(plan: Plan, fleet: Fleet, moved: Address) -> str:
    """What a move means for what runs at the old place, and for what the node keeps there itself."""
    steps = {step.do.operation for step in plan.steps if step.address == moved}
    stays = "what it keeps there itself (state, workspace) stays there"
    if "node.copy" in steps:
        stays = "what it keeps there itself (state, workspace) is copied along, and stays there too"
    elif moved.name in fleet.nodes and fleet.nodes[moved.name].move_state:
        stays = "nothing that it keeps there itself is copied by this plan"
    return f"it is ended there before it starts here; {stays}" if "node.stop" in steps else stays


def _moves(plan: Plan, fleet: Fleet, lockfile: Lockfile | None) -> Iterable[str]:
    """What is renamed, what changes its place, and what of the spec's ``[[moved]]`` is done."""
    known = lockfile.resources if lockfile else {}
    generations = {c.address: c.locked.generation for c in plan.changes if c.locked is not None}
    valued = {}
    for before, after in sorted(plan.renamed.items()):
        if (moved := successor(after)) is not None:
            place = fleet.nodes[moved.name].target if moved.name in fleet.nodes else "elsewhere"
            yield f"{moved} moves from {known[before].source.at} to {place}: {_taken_along(plan, fleet, moved)}"
        elif after.kind == "key":
            valued[after] = known[before].generation == generations.get(after, known[before].generation)
    yield from renames_said(plan.renamed, valued)
    applied = _applied(lockfile) if lockfile else set()
    for old, new in fleet.moved.items() if not plan.fatal else ():
        says = f"[[moved]] from {old} to {new}"
        if old in applied and new in applied:
            part = any(a.owner == old.name and b.owner == new.name for a, b in plan.renamed.items())
            what = f"is for what {new} has none of" if part else "does nothing"
            yield f"{says} {what}: both were applied, so {'the rest of ' if part else ''}{old} is taken down"
        elif old not in applied and new in applied:
            yield f"{says} is done, and may be removed"
        elif old not in applied:
            yield f"{says} does nothing: no {old} was applied"


def _applied(lockfile: Lockfile) -> set[Address]:
    """What was applied, as ``[[moved]]`` names it: consumers and nodes, keys by their alias, proxies, backends."""
    found = {successor(a) or a for a in lockfile.resources} | {
        Address("key", a.alias) for a in lockfile.resources if a.kind == "key"
    }
    owners = [record.source.of.partition(".") for record in lockfile.resources.values()]
    found |= {Address(kind, name) for kind, _, name in owners}
    return found | {Address("backend", name) for name in (*lockfile.planned, *lockfile.fits)}


def unresolved(workplace: Workplace) -> list[Finding]:
    """References that did not resolve while the fleet was read; unknown commands are told with all of them."""
    hint = "set it, or correct the reference; what needs it is unknown"
    return [Finding(p.code, str(p), hint=hint) for p in workplace.resolver.problems if p.code != "command.new"]


def _asking(source: Source, asked: PlanInput) -> Source:
    if source.system == "litellm" and asked.only_look:
        return replace(source, ask=())
    if source.system in ENGINES and asked.every_model:
        return replace(source, ask=(*source.ask, EVERY))
    return source


def _protected(workplace: Workplace, lockfile: Lockfile) -> Lockfile:
    """The lockfile with what the spec says by now of who may end a thing, though no apply has recorded it yet."""
    wanted = workplace.wanted(workplace.fleet)
    known = {address: (record, wanted.get(address)) for address, record in lockfile.resources.items()}
    kept = {
        address: record
        if want is None
        else replace(record, protected=record.protected or want.protected, by_hand=record.by_hand or want.by_hand)
        for address, (record, want) in known.items()
    }
    return replace(lockfile, resources=kept)


def _nothing_to_destroy(held: HeldPlan) -> Plan:
    """The plan of a destroy where nothing was applied; a proxy that cannot be read may hold keys of a lost lockfile."""
    readings = held.facts.readings
    unread = sorted(at for (system, at), r in readings.items() if system == "litellm" and isinstance(r, Unknown))
    if unread:
        says = f"Nothing was applied from here; whether something was from elsewhere is unknown: {', '.join(unread)}"
        unsure = Finding("state.unsure", says, hint="a proxy that answers tells: fleethub status")
        told = (*held.plan.findings, unsure)
        return Plan("", held.plan.fleet, "Nothing was decided: see the findings.", findings=told, fatal=True)
    return Plan("", held.plan.fleet, "Nothing to destroy: this fleet was never applied.", findings=held.plan.findings)


def plan_exit(plan: Plan, detailed: bool = False) -> Exit:
    """The exit code of a plan; ``detailed``: 2 when there are changes."""
    fatal = [Exit(FATAL[f.code]) for f in plan.findings if f.code in FATAL]
    if fatal:
        return worst(*fatal)
    codes = [Exit.FINE]
    if any(f.severity is Severity.ERROR for f in plan.findings):
        codes.append(Exit.REFUSED)
    elif plan.changes and not plan.doable and blocked_by_unknown(plan):
        codes.append(Exit.ERROR)
    if detailed and plan.changes:
        codes.append(Exit.CHANGES)
    return worst(*codes)


def blocked_by_unknown(plan: Plan) -> bool:
    """Whether something wanted waits for what could not be read."""
    return any(o.why is Why.UNKNOWN for c in plan.changes for o in c.blockers)
