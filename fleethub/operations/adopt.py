"""Import: what runs is taken into the spec and the lockfile in one go, and nothing of it changes.

``propose`` reads and judges, and writes nothing; ``take`` writes the spec, then the lockfile, and sends nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fleethub.adoption import Adoption, adopt, keeping
from fleethub.adoption.proposal import SpecProposal, Told
from fleethub.adoption.propose import ASKED
from fleethub.adoption.propose import propose as proposal_of
from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.added import added
from fleethub.kinds.proxies import proxy_source
from fleethub.model.address import Address
from fleethub.model.edit import Proposal, Written
from fleethub.model.errors import InputError, SpecError
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.observation import EVERY, Lockfile
from fleethub.model.plan import Plan, Result
from fleethub.model.text import plural
from fleethub.operations.apply import ApplyInput, carry_out
from fleethub.operations.edit import diff_lines
from fleethub.operations.edit_write import write
from fleethub.operations.held import HeldPlan, PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, unresolved
from fleethub.operations.trust import ALONE, Trusting
from fleethub.operations.workplace import Workplace
from fleethub.planning import grounded, make_plan, sources
from fleethub.planning.sources import merged
from fleethub.state.session_summary import LOCKFILE, stamps
from fleethub.stores.interface import StaleLockfileError


@dataclass(frozen=True, slots=True)
class ImportInput:
    """``addresses``: what to take (``key.main.volta``, ``route.main.qwen3-32b``); none: all. ``contexts``: alias ->
    tokens, of models of which nothing tells it.
    """

    addresses: tuple[str, ...] = ()
    contexts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportProposal:
    """``edit``: what the spec would say more. ``held``: the records, with the lockfile that they were made for.

    ``after`` is the plan that follows; ``left`` what is not taken, and why.
    """

    edit: Proposal
    held: HeldPlan
    after: Plan
    left: tuple[Told, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to write."""
        return self.held.plan.fatal or not (self.edit.files or self.held.plan.changes)


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written: of the spec (None: nothing), and of the lockfile (None: nothing)."""

    spec: Written | None
    result: Result | None


def propose(path: Path, asked: ImportInput, trusting: Trusting = ALONE) -> Outcome[ImportProposal]:
    """What would be taken; the exit code is 3 where something asked for is not, or the plan's own where there is none.

    Raises SpecError, InputError for an address of which nothing is there, EditError.
    """
    spec, wanted = load(path), _addresses(asked.addresses)
    if spec.fleet is None:
        raise SpecError(spec.findings)
    with Workplace(path, trusting=trusting) as now:
        held = _look(now)
    if held.plan.fatal:
        return Outcome(ImportProposal(_edit(spec, SpecProposal((), (), ())), held, held.plan), plan_exit(held.plan))
    return _judged(path, spec, asked, wanted, held, trusting)


def _judged(
    path: Path, spec: Loaded, asked: ImportInput, wanted: tuple[Address, ...], held: HeldPlan, trusting: Trusting
) -> Outcome[ImportProposal]:
    """The proposal without what the plan that follows would change."""
    assert spec.fleet is not None
    closed: set[str] = set()  # servers that this machine does not know
    left: dict[Address, str] = {}
    while True:
        made = proposal_of(spec.fleet, held.facts, wanted or None, asked.contexts, closed).without(left)
        _there(wanted, made, left)
        edit = _edit(spec, made)
        with Workplace(path, edit.files, trusting) as after:
            if new := {url for url in made.servers if not after.trust.guard.allows(url)} - closed:
                closed |= new
                continue
            done, facts = _adopted(after, made, held)
            digest = after.fleet.digest
        if done.after.fatal or not done.left:
            break
        left |= done.left
    told = (*made.told, *(Told(str(address), why) for address, why in sorted(left.items())))
    plan = replace(done.plan, findings=() if not done.after.fatal else done.after.findings)
    edit = replace(edit, after=digest, says=_says(done, made))
    result = ImportProposal(edit, replace(held, plan=plan, facts=facts), done.after, told)
    return Outcome(result, _exit(result, wanted))


def _exit(made: ImportProposal, wanted: tuple[Address, ...]) -> Exit:
    """3: something that was asked for by its address is not taken; of all, what cannot be said is told. 1: unknown."""
    if made.after.fatal:
        return plan_exit(made.after)
    if any(one.address.startswith("proxy.") for one in made.left):
        return Exit.ERROR
    names = {str(address) for address in wanted}
    return Exit.REFUSED if any(one.address in names for one in made.left) else Exit.FINE


def take(path: Path, proposal: ImportProposal, trusting: Trusting = ALONE) -> Outcome[Imported]:
    """Write the spec, then the lockfile; nothing is sent to anybody. Who is killed in between imports again.

    Raises SpecChanged and StaleLockfileError where one of the two is another by now: then nothing was written, or the
    spec alone; LockedError, OSError.
    """
    held, written = proposal.held, None
    with Workplace(path, trusting=trusting) as now, now.lock("import"):
        if now.store.read().version != held.base:
            raise StaleLockfileError("fleet.lock was changed meanwhile, so nothing was written; import again")
        if proposal.edit.files:
            written = write(proposal.edit)
        if not held.plan.changes:
            return Outcome(Imported(written, None))
        with Workplace(path, trusting=trusting) as after:
            done = carry_out(after, held, ApplyInput(), then=lambda lockfile: _then(held, proposal.after, lockfile))
    return Outcome(Imported(written, done.data), done.exit)


def _then(held: HeldPlan, after: Plan, lockfile: Lockfile) -> HeldPlan:
    return replace(held, plan=after, lockfile=lockfile)


def _look(now: Workplace) -> HeldPlan:
    """All that a plan reads, and the teams of all keys; with a plan that is fatal where nothing may be decided."""
    stored = now.store.read()
    lockfile = grounded(stored.lockfile, now.trust.credential)
    seen = {**now.opened.stamps, **stamps(now.root, [LOCKFILE])}
    asked = PlanInput(only_look=True)
    if (refused := now.refused()) is not None:
        return HeldPlan(asked, refused, {}, Facts(""), lockfile, seen, stored.version)
    wanted = now.wanted(now.fleet)
    teams = [replace(proxy_source(proxy), ask=(EVERY,)) for proxy in now.fleet.proxies.values()]
    asking = [replace(s, ask=()) if s.system == "litellm" else s for s in sources(now.fleet, wanted, lockfile)]
    facts = now.read(merged((*asking, *teams)))
    findings = [*now.trust.findings, *unresolved(now)]
    plan = make_plan(now.fleet, lockfile, wanted, facts, now.resolver, findings, False, now.trust.blocks)
    return HeldPlan(asked, plan, wanted, facts, lockfile, seen, stored.version)


def _adopted(after: Workplace, made: SpecProposal, held: HeldPlan) -> tuple[Adoption, Facts]:
    """What the lockfile takes with the spec as it would be; only what was not read yet is read."""
    resolver, facts = after.resolver, held.facts
    fleet = keeping(after.fleet, facts, resolver, made.chosen)
    wanted = after.wanted(fleet)
    missing = [s for s in sources(fleet, wanted, held.lockfile) if s.id not in facts.readings]
    if missing:
        more = after.read(missing)
        facts = replace(more, readings={**facts.readings, **more.readings})
    base = held.lockfile or Lockfile(
        fleet=fleet.name,
        lineage=secrets.token_hex(16),
        serial=0,
        seed=resolver.seed_fingerprint() or "",
        id=fleet.id,
        by_name=fleet.by_name,
    )
    findings: list[Finding] = [*after.opened.findings, *after.trust.findings, *unresolved(after)]
    return adopt(fleet, base, wanted, facts, resolver, made.chosen, findings, after.trust.blocks), facts


def _edit(spec: Loaded, made: SpecProposal) -> Proposal:
    fleet, main = spec.fleet, next(iter(spec.texts))
    assert fleet is not None
    files = {main: added(main, spec.texts[main], made.blocks)} if made.blocks else {}
    return Proposal(
        action="import",
        says="import",
        address=Address("fleet", fleet.name),
        project="",
        force=False,
        root=fleet.root,
        main=main,
        before=fleet.digest,
        after=fleet.digest,
        files=files,
        diff=tuple(diff_lines(spec.texts, files)),
    )


def _says(done: Adoption, made: SpecProposal) -> str:
    counts: dict[str, int] = {}
    for group, _ in (block.path for block in made.blocks):
        counts[group[:-1]] = counts.get(group[:-1], 0) + 1
    counts.pop("key", None)
    for address in done.taken:
        counts[address.kind] = counts.get(address.kind, 0) + 1
    return f"import {', '.join(plural(n, what) for what, n in counts.items()) or 'nothing'}"


def _addresses(texts: tuple[str, ...]) -> tuple[Address, ...]:
    try:
        found = tuple(Address.parse(text) for text in texts)
    except ValueError as error:
        raise InputError(str(error)) from None
    for address in found:
        if address.kind not in ASKED:
            raise InputError(f"{address} is not imported by its address; what is: {', '.join(ASKED)}")
    return found


def _there(wanted: tuple[Address, ...], made: SpecProposal, left: Collection[Address]) -> None:
    """Raises InputError for an address of which nothing is there that is not in the fleet already."""
    told = {one.address for one in made.told}
    for address in wanted:
        if address in made.found or str(address) in told or address in left:
            continue
        near = ", ".join(str(a) for a in made.found if a.kind == address.kind) or "none"
        raise InputError(f"there is no {address} to import; there are: {near}")
