"""Edits of the spec by command or by HTTP: propose, show, write. Nothing here applies anything.

``propose`` reads and judges, and changes nothing; it records that somebody wanted what belongs to somebody else.
``edit_write.write`` writes what was proposed if the spec is still the one that it was proposed for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.edit import edited
from fleethub.fleetspec.report import redacted
from fleethub.model.address import Address
from fleethub.model.address import node as node_address
from fleethub.model.consuming import Node
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import ACTIONS, Assign, Edit, Proposal, Register, Release, SetFields
from fleethub.model.errors import SpecError
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.finding import CHECK, Finding, Severity
from fleethub.model.fleet import Fleet
from fleethub.model.plan import Action, Plan
from fleethub.operations.allowed import target_finding
from fleethub.operations.edit_ownership import key_of_another, owned_by_another, who_asks
from fleethub.operations.edit_write import refuse
from fleethub.operations.held import HeldPlan, PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, read_and_plan
from fleethub.operations.text_diff import diff_lines
from fleethub.operations.trust import Trusting
from fleethub.operations.workplace import Workplace
from fleethub.placement.assess import assess
from fleethub.placement.planned import planned_sets

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EditInput:
    """``project`` is who asks: an entry with an owner may only be edited by that owner (letters and digits count), or
    with ``force``, which hands the entry over to ``project``. ``dry_run``: nothing is recorded of a refusal.
    """

    edit: Edit
    project: str = ""
    force: bool = False
    dry_run: bool = False


def propose(
    path: Path,
    asked: EditInput,
    facts: Facts | None = None,
    trusting: Trusting | None = None,
    api: bool = False,
    fresh: Callable[[], Facts | None] | None = None,
) -> Outcome[Proposal]:
    """What an edit would do, judged as a whole; writes nothing into the spec. ``api``: it comes by HTTP.

    ``facts``: what to plan with; without them it is read now. ``fresh`` reads anew where they do not tell the size of
    a model, which may have been pulled since. The exit code is 3 for what is refused, or the plan's own where there
    can be none. Raises SpecError when the spec as it is does not hold together, and EditError.
    """
    proposal = _proposed(path, asked, facts, trusting, api)
    found = proposal.plan.findings if proposal.plan is not None and not proposal.plan.fatal else ()
    if fresh is not None and any(f.code == "capacity.unknown" for f in found):
        proposal = _proposed(path, asked, fresh(), trusting, api)
    return concluded(proposal, asked.dry_run)


def concluded(proposal: Proposal, dry_run: bool) -> Outcome[Proposal]:
    """A judged proposal with its exit code; that an owner stood against it is recorded, unless it is a dry run."""
    if not proposal.refused:
        return Outcome(proposal)
    if not dry_run:
        try:
            refuse(proposal)
        except OSError as error:  # who was refused is told why all the same
            log.error("a refusal could not be recorded: %s", error.strerror)
    plan = proposal.plan
    return Outcome(proposal, plan_exit(plan) if plan is not None and plan.fatal else Exit.REFUSED, proposal.findings)


def _proposed(path: Path, asked: EditInput, facts: Facts | None, trusting: Trusting | None, api: bool) -> Proposal:
    edit, spec = asked.edit, load(path)
    if spec.fleet is None:
        raise SpecError(spec.findings)
    fleet = spec.fleet
    project = who_asks(fleet, asked.project)
    node = fleet.nodes.get(edit.node)
    action = "set" if isinstance(edit, Register) and node is not None else ACTIONS[type(edit)]
    address = node.address if node is not None else node_address(redacted(edit.node))
    proposal = begun(spec, fleet, action, _says(edit), address, project, asked.force)
    if node is not None:
        proposal = owned_by_another(proposal, node, project)
        if isinstance(edit, Release) and node.protected and not proposal.findings:
            message = f"{node.address} is protected, so it is not released"
            hint = f"fleethub node set {node.name} protected=false, and apply that, first"
            protected = Finding("resource.protected", message, node.address, node.place, hint)
            proposal = replace(proposal, findings=(protected,))
        if proposal.findings:
            return proposal
    elif isinstance(edit, Register) and project and not edit.fields.get("owner"):
        edit = Register(edit.node, {**edit.fields, "owner": project})
    taker = project if proposal.displaced else ""
    proposal = key_of_another(proposal, spec.fleet, edit, project)
    if proposal.findings:
        return proposal
    made = edited(spec, edit, taker)
    proposal = replace(proposal, files=made.files, notes=made.notes)
    if not made.files:
        return proposal
    says = isinstance(edit, SetFields | Register) and "target" in edit.fields
    let_go = isinstance(edit, Release) and edit.abandon_files
    return judged(path, spec, proposal, facts, trusting, lambda node: target_finding(fleet, node, says, api), let_go)


def begun(spec: Loaded, fleet: Fleet, action: str, says: str, address: Address, project: str, force: bool) -> Proposal:
    """A proposal that does nothing yet: who asks what, of the spec as it is."""
    return Proposal(
        action=action,
        says=redacted(says),
        address=address,
        project=redacted(project),
        force=force,
        root=fleet.root,
        main=next(iter(spec.texts)),
        before=fleet.digest,
        after=fleet.digest,
        overcommit=fleet.policy.overcommit,
    )


def judged(
    path: Path,
    spec: Loaded,
    proposal: Proposal,
    facts: Facts | None,
    trusting: Trusting | None,
    policy: Callable[[Node], Finding | None] = lambda node: None,
    let_go: bool = False,
) -> Proposal:
    """The proposal with what the policy, the new spec's validation and its plan say of it."""
    try:
        after = Workplace(path, proposal.files, trusting)
    except SpecError as error:
        return replace(proposal, findings=tuple(f for f in error.findings if f.severity is Severity.ERROR))
    node = after.fleet.nodes.get(proposal.address.name)
    refused = policy(node) if node is not None else None
    if refused is not None:  # before anything is read there
        after.__exit__()
        return replace(proposal, findings=(refused,))
    with after:
        known = after.store.read().lockfile
        forget = (str(proposal.address),) if let_go and known and proposal.address in known.resources else ()
        made = _planned(spec, after, facts, PlanInput(forget=forget))
    before = _before(path, trusting, made)
    return replace(
        proposal,
        findings=tuple(_against_checks(before, made.plan)),
        pending=_pending(before, proposal.address),
        after=after.fleet.digest,
        diff=tuple(diff_lines(spec.texts, proposal.files)),
        plan=made.plan,
        conflicts=tuple(_added(spec, made)),
    )


def _planned(spec: Loaded, after: Workplace, facts: Facts | None, asked: PlanInput) -> HeldPlan:
    """The plan with the edit; what is read now is read of the models without it too, to tell what it adds."""
    from fleethub.planning.sources import merged, sources

    if facts is None and spec.fleet is not None and after.refused() is None:
        wanted = sources(after.fleet, after.wanted(after.fleet), after.store.read().lockfile)
        facts = after.read(merged((*wanted, *sources(spec.fleet, {}, None))))
    return read_and_plan(after, asked, facts)


def _before(path: Path, trusting: Trusting | None, made: HeldPlan) -> Plan | None:
    """The plan without the edit; None where there is none."""
    if made.plan.fatal:
        return None
    try:
        with Workplace(path, trusting=trusting) as before:
            return read_and_plan(before, facts=made.facts).plan
    except SpecError:  # what is rendered from it does not hold together yet, so nobody can apply it
        return None


def _pending(before: Plan | None, own: Address) -> tuple[Address, ...]:
    """What a plan would change without the edit too: whoever applies it carries out what others wrote before."""
    changes = before.changes if before is not None else ()
    return tuple(change.address for change in changes if change.action is not Action.BLOCKED and change.address != own)


def _against_checks(before: Plan | None, after: Plan) -> Iterable[Finding]:
    """Errors of the fleet's own checks that the edit brings."""
    had = {(f.code, f.address) for f in before.findings} if before is not None else set()
    for finding in after.findings:
        own = finding.code.startswith(CHECK) and finding.severity is Severity.ERROR
        if own and (finding.code, finding.address) not in had:
            yield finding


def _added(spec: Loaded, made: HeldPlan) -> Iterable[Finding]:
    """Capacity errors that the edit brings: those of backends that had none, or whose sum it makes larger."""
    if spec.fleet is None or not (found := _capacity(made.plan.findings)):
        return
    fleet, planned = spec.fleet, made.lockfile.planned if made.lockfile else {}
    sets = planned_sets(fleet)
    was = {
        name: assess(fleet, backend, made.facts, planned.get(name, ()), sets.get(name, ()))
        for name, backend in fleet.backends.items()
    }
    now = {load.backend: load.after for load in made.plan.loads}
    for finding in found:
        name = finding.address.name if finding.address else ""
        had = _capacity(was[name].findings) if name in was else []
        sums = (was[name].load.after, now.get(name)) if name in was else (None, None)
        before, after = sums
        grew = finding not in had if before is None or after is None else after > before
        if not had or grew:
            yield finding


def _capacity(findings: Iterable[Finding]) -> list[Finding]:
    return [f for f in findings if f.code.startswith("capacity.") and f.severity is Severity.ERROR]


def _says(edit: Edit) -> str:
    if isinstance(edit, Assign):
        return f"assign {edit.model} to {edit.node}"
    if isinstance(edit, SetFields):
        return f"set {', '.join(edit.fields)} of {edit.node}"
    return f"{ACTIONS[type(edit)]} {edit.node}"
