"""Drift: what somebody changed behind our back; and accepting it, which writes what is there into the spec.

Nothing is applied: once the spec says what is there, an apply only records it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.edit import with_values
from fleethub.kinds import KINDS
from fleethub.kinds.values import Acceptance, ObserveContext
from fleethub.model.address import CALLERS, Address
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import EditError, Proposal
from fleethub.model.errors import SpecError
from fleethub.model.exit import Exit, worst
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Absent, Unknown
from fleethub.model.plan import DriftReport
from fleethub.operations import plan as planning
from fleethub.operations.edit import begun, concluded, judged
from fleethub.operations.edit_ownership import key_owned, owned_by_another, who_asks
from fleethub.operations.held import HeldPlan, PlanInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit, read_and_plan
from fleethub.operations.targets import addresses_of
from fleethub.operations.trust import Trusting
from fleethub.operations.workplace import Workplace
from fleethub.planning.state import items_of

WHOLE = "all of it"


@dataclass(frozen=True, slots=True)
class AcceptInput:
    """``addresses``: what has drifted and is to be accepted (patterns and names as of ``--target``).

    ``project``, ``force`` and ``dry_run`` are those of any edit.
    """

    addresses: tuple[str, ...]
    project: str = ""
    force: bool = False
    dry_run: bool = False


def run(workplace: Workplace, detailed: bool = False) -> Outcome[DriftReport]:
    """Read everything, and tell what is not as it was applied; sessions are told of it.

    Exit 1: something could not be looked at, so it may have drifted. ``detailed``: 2 when something has.
    """
    held = planning.run(workplace, PlanInput(only_look=True)).data
    plan = held.plan
    if plan.fatal:
        return Outcome(DriftReport((), (), {}), plan_exit(plan), plan.findings)
    known = held.known.resources if held.known else {}
    seen = {a: have for a, have in workplace.observations(held).items() if a in known}
    unknown = {address: have.reason for address, have in seen.items() if isinstance(have, Unknown)}
    codes = [Exit.ERROR] if unknown else [Exit.CHANGES] if detailed and plan.drift else [Exit.FINE]
    made = _acceptances(workplace, held, workplace.fleet, {drift.address for drift in plan.drift})
    sayable = tuple(address for address, one in made.items() if one.fields)
    return Outcome(DriftReport(plan.drift, plan.left_alone, unknown, sayable), worst(*codes))


def propose(path: Path, asked: AcceptInput, trusting: Trusting | None = None) -> Outcome[Proposal]:
    """The spec as it would say what is there, and the plan that would follow; writes nothing.

    Raises SpecError, InputError for a name that nothing has, EditError where nothing of it can be said.
    """
    spec = load(path)
    if spec.fleet is None:
        raise SpecError(spec.findings)
    project = who_asks(spec.fleet, asked.project)
    with Workplace(path, trusting=trusting) as workplace:
        held = read_and_plan(workplace, PlanInput(only_look=True))
        fleet = workplace.fleet
        if held.plan.fatal:
            return concluded(replace(_proposal(spec, fleet, asked, project, ()), plan=held.plan), asked.dry_run)
        acceptances = _accepted(workplace, held, fleet, asked.addresses)
    proposal = _proposal(spec, fleet, asked, project, acceptances)
    for address in acceptances:
        if address.kind in CALLERS:
            proposal = owned_by_another(proposal, fleet.nodes[address.name], project)
        elif address.kind == "key":
            proposal = key_owned(proposal, fleet, address.alias, project)
        if proposal.findings:
            return concluded(proposal, asked.dry_run)
    made = with_values(spec, _values(acceptances.values()))
    proposal = replace(proposal, files=made.files, notes=(*made.notes, *_notes(acceptances)))
    if not made.files:
        return concluded(proposal, asked.dry_run)
    return concluded(judged(path, spec, proposal, held.facts, trusting), asked.dry_run)


def _accepted(workplace: Workplace, held: HeldPlan, fleet: Fleet, names: Iterable[str]) -> dict[Address, Acceptance]:
    """What the spec would say of each that is named and has drifted; raises EditError where that is none."""
    drifted = {drift.address for drift in held.plan.drift}
    known = {*held.wanted, *(held.known.resources if held.known else ())}
    meant = {one for name in names for one in addresses_of(name, "--accept", fleet, known)}
    if not meant & drifted:
        says = f"{', '.join(map(str, sorted(meant)))} has not drifted"
        raise EditError("no-drift", says, f"what has: {', '.join(map(str, sorted(drifted))) or 'nothing'}")
    found = _acceptances(workplace, held, fleet, meant & drifted)
    if not any(one.fields for one in found.values()):
        why = "; ".join(f"{a}: {name}: {why}" for a, one in found.items() for name, why in one.left)
        raise EditError("unsayable", f"nothing of it can be said by a spec: {why}")
    return found


def _acceptances(
    workplace: Workplace, held: HeldPlan, fleet: Fleet, drifted: Collection[Address]
) -> dict[Address, Acceptance]:
    """What the spec would say of each, in order; nothing of what is gone, and of what no command writes."""
    known = held.known
    context = ObserveContext(held.facts, workplace.resolver, known.lineage if known else "")
    wanted = {address: want for address, want in held.wanted.items() if address in drifted}
    part = replace(known, resources={a: r for a, r in known.resources.items() if a in drifted}) if known else None
    found: dict[Address, Acceptance] = {}
    for address, item in items_of(wanted, part, context, workplace.trust.blocks).items():
        made = KINDS[address.kind].accepted(item, fleet)
        if made is None or isinstance(item.have, Absent):
            why = "it is gone" if isinstance(item.have, Absent) else "no command writes it into the spec: edit it there"
            made = Acceptance((address.kind, address.name), left=((WHOLE, why),))
        found[address] = made
    return found


def _values(acceptances: Iterable[Acceptance]) -> dict[tuple[str, ...], object]:
    """The values by their paths in the spec; a key on two proxies has one block."""
    values: dict[tuple[str, ...], object] = {}
    for one in acceptances:
        for below, value in one.fields.items():
            path = (*one.block, *below)
            if path in values and values[path] != value:
                where = ".".join(path)
                raise EditError("unsayable", f"{where} is another on each proxy, and the spec has one block for both")
            values[path] = value
    return values


def _notes(acceptances: Mapping[Address, Acceptance]) -> Iterable[str]:
    for address, one in acceptances.items():
        yield from (f"{address} {name} stays as drift: {why}" for name, why in one.left)


def _proposal(spec: Loaded, fleet: Fleet, asked: AcceptInput, project: str, addresses: Collection[Address]) -> Proposal:
    named = ", ".join(map(str, addresses)) or ", ".join(asked.addresses)
    address = next(iter(addresses), Address("fleet", fleet.name))
    return begun(spec, fleet, "accept", f"accept what somebody changed of {named}", address, project, asked.force)
