"""A plan of the spec against the lockfile alone: what was applied is taken to be there. No seed, nothing that was read.

It says what an apply would bring, for a review; whether something drifted, or may be had, only a plan that reads tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from fleethub.checks.answers import Evaluate
from fleethub.checks.refusing import of_all, refused_loads
from fleethub.checks.view import DONE
from fleethub.kinds import KINDS
from fleethub.kinds.compare import behind
from fleethub.kinds.readdress import lockfile_after, renamed_only, renames_said, renaming
from fleethub.model.address import Address, successor
from fleethub.model.facts import Facts
from fleethub.model.finding import FATAL, Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyLocked, AnyResource, Lockfile
from fleethub.model.plan import Action, Blocker, Change, Plan, Why
from fleethub.placement.assess import Assessment, assess
from fleethub.placement.planned import planned_sets
from fleethub.planning.acknowledged import acknowledge, refused
from fleethub.planning.checked import checked
from fleethub.planning.gates import renamed_unsaid
from fleethub.planning.guards import before_any_request
from fleethub.planning.summary import sentence

NOTE = "offline: the spec against the lockfile; nothing was asked, and what was applied is taken to be there"


def offline_plan(
    fleet: Fleet,
    lockfile: Lockfile | None,
    wanted: Mapping[Address, AnyResource],
    facts: Facts,
    findings: Sequence[Finding] = (),
    evaluate: Evaluate | None = None,
) -> Plan:
    """The plan without steps, which nobody can apply. ``facts``: what earlier commands saw of the backends;
    ``evaluate``: who asks the fleet's own checks.
    """
    fatal = before_any_request(fleet, lockfile, None)
    if any(f.code in FATAL for f in fatal):
        return Plan("", fleet.name, "Nothing was decided: see the findings.", findings=(*findings, *fatal), fatal=True)
    renamed = renaming(fleet, wanted, lockfile) if lockfile else {}
    lockfile = lockfile_after(lockfile, renamed)
    known = lockfile.resources if lockfile else {}
    before, after = lockfile.planned if lockfile else {}, planned_sets(fleet)
    assessments = [
        assess(fleet, b, facts, before.get(b.name, ()), after.get(b.name, ())) for b in fleet.backends.values()
    ]
    loads = tuple(a.load for a in assessments if a.load.after is not None or a.load.before is not None)
    held = {alias: why for one in assessments for alias, why in one.refused.items()}
    unsaid = {address: why for address, (_, why) in renamed_unsaid(wanted, known, fleet).items()}
    stays = {thing for want in wanted.values() for thing in want.needs} - wanted.keys()  # used, so not deleted

    def judged_with(held: Mapping[str, Blocker]) -> list[tuple[Change | None, tuple[Finding, ...]]]:
        every = [_judged(a, wanted.get(a), known.get(a), held) for a in sorted({*wanted, *known.keys() - stays})]
        every = [(_unsaid(change, unsaid) if change else None, found) for change, found in every]
        return _succeeding(every, wanted, known)

    judged = judged_with(held)
    changing = [change for change, _ in judged if change is not None and change.action in DONE]
    by_checks = checked(fleet, wanted, loads, lambda: changing, evaluate)
    errors = refused(by_checks, fleet, facts.at)
    if more := {alias: why for (_, alias), why in refused_loads(errors, fleet).items()}:
        judged = judged_with({**more, **held})
    judged = [(_held(change, errors, fleet) if change else None, found) for change, found in judged]
    judged = _still_used(_unused(_waiting(judged, wanted, known), wanted, known), known)
    every = [change for change, _ in judged if change is not None]
    every += [
        Change(now, Action.RECORD, title=KINDS[now.kind].title(now))
        for now in renamed.values()
        if now.kind in KINDS and all(change.address != now for change in every)
    ]
    every += renamed_only(renamed, known)
    plan = Plan(
        id="",
        fleet=fleet.name,
        sentence="",
        changes=tuple(sorted(every, key=lambda change: change.address)),
        findings=tuple(
            dict.fromkeys((*findings, *(f for _, found in judged for f in found), *_of(assessments), *by_checks))
        ),
        loads=loads,
        serial=lockfile.serial if lockfile else 0,
        lineage=lockfile.lineage if lockfile else "",
        spec=fleet.digest,
        notes=(NOTE, *renames_said(renamed, {})),
        fleet_id=fleet.id,
        by_name=fleet.by_name,
        renamed=renamed,
    )
    return acknowledge(replace(plan, sentence=sentence(plan)), fleet, facts.at)


def _succeeding(
    judged: Sequence[tuple[Change | None, tuple[Finding, ...]]],
    wanted: Mapping[Address, AnyResource],
    known: Mapping[Address, AnyLocked],
) -> list[tuple[Change | None, tuple[Finding, ...]]]:
    """Of what another takes the place of, only the record goes."""
    takers = {want.source.id for a, want in wanted.items() if KINDS[a.kind].exclusive}
    return [
        (replace(change, action=Action.RECORD), found)
        if change is not None
        and change.action is Action.DELETE
        and KINDS[change.address.kind].exclusive
        and known[change.address].source.id in takers
        else (change, found)
        for change, found in judged
    ]


def _held(change: Change, errors: Iterable[Finding], fleet: Fleet) -> Change:
    """The change, blocked where an error of a check is about it, or about all."""
    mine = [f for f in errors if f.address == change.address or of_all(f, fleet)]
    if not mine or change.action not in DONE:
        return change
    blockers = tuple(Blocker(Why.REFUSED, finding.message) for finding in mine)
    return replace(change, action=Action.BLOCKED, blockers=(*blockers, *change.blockers))


def _waiting(
    judged: Sequence[tuple[Change | None, tuple[Finding, ...]]],
    wanted: Mapping[Address, AnyResource],
    known: Mapping[Address, AnyLocked],
) -> list[tuple[Change | None, tuple[Finding, ...]]]:
    """A consumer that comes, or needs something else than before, or a new value of it, waits for what it needs."""
    renewed = {a for a, want in wanted.items() if a in known and want.generation != known[a].generation}
    held = {change.address: change for change, _ in judged if change is not None and change.action is Action.BLOCKED}
    made = []
    for change, found in judged:
        want = wanted.get(change.address) if change is not None and KINDS[change.address.kind].consumer else None
        if change is not None and want is not None and change.action in (Action.CREATE, Action.UPDATE):
            locked = known.get(change.address)
            before = locked.needs if locked is not None and locked.attrs is not None else None
            waits = [a for a in want.needs if a in held and (before != want.needs or a in renewed)]
            why = tuple(Blocker(Why.WAITS, f"waits for {thing}: {held[thing].blockers[0].reason}") for thing in waits)
            change = replace(change, action=Action.BLOCKED, blockers=(*why, *change.blockers)) if why else change
        made.append((change, found))
    return made


def _unused(
    judged: Sequence[tuple[Change | None, tuple[Finding, ...]]],
    wanted: Mapping[Address, AnyResource],
    known: Mapping[Address, AnyLocked],
) -> list[tuple[Change | None, tuple[Finding, ...]]]:
    """What is only made for consumers that are refused, and run with nothing of before, is not made either."""
    came = {address for address, locked in known.items() if locked.attrs is not None or locked.pending is not None}
    held = {
        change.address: change
        for change, _ in judged
        if change is not None
        and change.action is Action.BLOCKED
        and change.address not in came
        and any(blocker.why is Why.REFUSED for blocker in change.blockers)
    }
    users: dict[Address, list[Address]] = {}
    for address, want in wanted.items():
        for thing in want.needs:
            users.setdefault(thing, []).append(address)
    made = []
    for change, found in judged:
        if change is not None and change.action is Action.CREATE and KINDS[change.address.kind].provable:
            using = users.get(change.address, [])
            if using and all(user in held for user in using):
                why = Blocker(Why.WAITS, f"waits for {using[0]}: {held[using[0]].blockers[0].reason}")
                change = replace(change, action=Action.BLOCKED, blockers=(why, *change.blockers))
        made.append((change, found))
    return made


def _still_used(
    judged: Sequence[tuple[Change | None, tuple[Finding, ...]]], known: Mapping[Address, AnyLocked]
) -> list[tuple[Change | None, tuple[Finding, ...]]]:
    """What a consumer that is held back goes on with is not taken away, nor the place that it has not left."""
    held = {change.address: change for change, _ in judged if change is not None and change.action is Action.BLOCKED}
    staying = {address: now for address in known if (now := successor(address) or address) in held}
    used = {thing: now for address, now in staying.items() for thing in known[address].needs} | staying
    made = []
    for change, found in judged:
        if change is not None and change.action is Action.DELETE and change.address in used:
            user = used[change.address]
            why = Blocker(Why.WAITS, f"waits for {user}: {held[user].blockers[0].reason}")
            change = replace(change, action=Action.BLOCKED, blockers=(why, *change.blockers))
        made.append((change, found))
    return made


def _of(assessments: Iterable[Assessment]) -> Iterable[Finding]:
    return (f for one in assessments for f in one.findings)


def _unsaid(change: Change, unsaid: Mapping[Address, Blocker | None]) -> Change:
    """What would be deleted, and is wanted under another name, waits for a word of it; or only its old record goes."""
    if change.action is not Action.DELETE or change.address not in unsaid:
        return change
    why = unsaid[change.address]
    if why is None:
        return replace(change, action=Action.RECORD)
    return replace(change, action=Action.BLOCKED, blockers=(*change.blockers, why))


def _judged(
    address: Address, want: AnyResource | None, locked: AnyLocked | None, refused: Mapping[str, Blocker]
) -> tuple[Change | None, tuple[Finding, ...]]:
    kind = KINDS[address.kind]
    title = kind.title(address)
    if want is None:
        assert locked is not None
        if not locked.protected:
            return Change(address, Action.DELETE, title=title, owner=locked.owner), ()
        message = f"{address} is protected, and the spec no longer has it"
        hint = "put it back with protected = false and apply, then remove it"
        blocker = Blocker(Why.REFUSED, message)
        found = Finding("resource.protected", message, address, hint=hint)
        return Change(address, Action.BLOCKED, blockers=(blocker,), title=title, owner=locked.owner), (found,)
    fields = kind.review(want, locked)
    pending = locked is not None and locked.pending is not None
    blockers = tuple(dict.fromkeys(_refusals(want, locked, refused)))
    change = Change(address, Action.UPDATE, fields, blockers=blockers, title=title, owner=want.owner)
    if ended := tuple(kind.ended(want, locked)):
        why = tuple(Blocker(Why.POLICY, finding.message) for finding in ended)
        return replace(change, action=Action.BLOCKED, blockers=(*why, *blockers)), ended
    if locked is None or locked.attrs is None:
        told = tuple(f for f in fields if not isinstance(f.after, Mapping) and f.path != ("value",))
        change = replace(change, action=Action.CREATE, fields=told)
    elif not fields and not pending:
        same = replace(want, attrs=locked.attrs, shape=locked.shape)
        return (replace(change, action=Action.RECORD) if behind(locked, same) else None), ()
    if pending:
        change = replace(change, consequence="an apply of it is not at its end")
    if blockers and kind.consumer:
        change = replace(change, action=Action.BLOCKED)
    return change, ()


def _refusals(want: AnyResource, locked: AnyLocked | None, refused: Mapping[str, Blocker]) -> Iterable[Blocker]:
    """What is held back of it: models that do not fit, and that it did not call before."""
    called = {alias for aliases in (locked.needs.values() if locked else ()) for alias in aliases}
    for aliases in want.needs.values():
        yield from (replace(refused[alias], what=alias) for alias in sorted(aliases - called) if alias in refused)
