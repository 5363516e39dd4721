"""Edits that agents propose: each waits in the fleet's state until a person says yes to it, or no.

A proposal is a claim: whoever approves it sees what the edit would do now, and their yes is bound to that plan's id.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fleethub.model.dataclass import dataclass
from fleethub.model.edit import (
    ACTIONS,
    Assign,
    Edit,
    EditError,
    NotCommitted,
    Proposal,
    Register,
    SetFields,
    WaitingProposal,
    WrittenEdit,
)
from fleethub.model.errors import FleetHubError, InputError
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.history import HistoryEntry, entry
from fleethub.model.plan import Result
from fleethub.operations import edit_write
from fleethub.operations.edit import EditInput
from fleethub.operations.outcome import Outcome
from fleethub.operations.targets import nodes_named
from fleethub.operations.workplace import Workplace
from fleethub.stores.interface import Store, StoreError
from fleethub.stores.lock import local_lock

#: ``operations.edit.propose`` of one fleet, with what is known of it.
Judge = Callable[[EditInput], Outcome[Proposal]]
#: That wait at a time; more is an agent that runs wild, and nobody would read them.
MOST = 100
#: Below the fleet's folder: who counts what an agent proposed and adds to it is alone meanwhile.
LOCK, PATIENCE = ".fleethub/proposals.lock", 10.0
UNREADABLE = "it cannot be read: it is of another version of FleetHub"


class ProposalMoved(FleetHubError):
    """What a proposal would do is not what a person said yes to; nothing was written."""

    code = "plan.stale"
    exit = Exit.STALE


@dataclass(frozen=True, slots=True)
class Offered:
    """What became of an agent's edit: judged as ``proposal``, and ``waiting`` for a person where it is not refused."""

    proposal: Proposal
    waiting: WaitingProposal | None = None


def offer(judge: Judge, store: Store, fleet: Fleet, agent: str, asked: EditInput, now: datetime) -> Outcome[Offered]:
    """Judge an agent's edit as any other, and by the agent's own limits; keep it for a person to decide.

    Raises what ``judge`` raises, StoreError, LockedError, OSError; InputError where too many wait.
    """
    done = judge(asked)
    with local_lock(Path(fleet.root) / LOCK, f"propose for {agent}", PATIENCE):
        return _offered(done, store, fleet, agent, asked, now)


def _offered(
    done: Outcome[Proposal], store: Store, fleet: Fleet, agent: str, asked: EditInput, now: datetime
) -> Outcome[Offered]:
    proposal = done.data
    found = _limit(fleet, store, agent, asked.edit, proposal, now) if not proposal.refused else None
    if found is not None:
        proposal = replace(proposal, findings=(found,))
        return Outcome(Offered(proposal), Exit.REFUSED, (found,))
    if proposal.refused or proposal.nothing:
        return Outcome(Offered(proposal), done.exit, done.findings)
    there = store.names("proposals")
    if len(there) >= MOST:
        raise InputError(f"{len(there)} proposals wait for a person already: fleethub approve lists them")
    waiting = _waiting(agent, asked, proposal, now)
    store.record(_entry("propose", waiting, f"the agent {agent}", "proposed").line())
    store.put("proposals", waiting.id, asdict(waiting))
    return Outcome(Offered(proposal, waiting))


def waiting(store: Store) -> tuple[WaitingProposal, ...]:
    """All that wait, the oldest first; of one that cannot be read its name, and that. Raises StoreError."""
    found = []
    for name in store.names("proposals"):
        document = store.get("proposals", name)
        if document is not None:  # somebody decided meanwhile
            found.append(_known(name, document) or _unread(name))
    return tuple(sorted(found, key=lambda one: (one.at, one.id)))


def named(store: Store, name: str) -> WaitingProposal:
    """One that waits; raises InputError where nothing of this name does, StoreError, also for what cannot be read."""
    found = any_named(store, name)
    if not found.action:
        raise StoreError(f"{name}: {UNREADABLE}; fleethub approve {name} --no takes it away")
    return found


def any_named(store: Store, name: str) -> WaitingProposal:
    """The same, also of one that cannot be read: to take it away."""
    try:
        document = store.get("proposals", name)
    except ValueError:
        document = None
    if document is None:
        listed = ", ".join(store.names("proposals")) or "none"
        raise InputError(f"no proposal {name!r} waits; there are: {listed}", code="absent")
    return _known(name, document) or _unread(name)


def judged(judge: Judge, one: WaitingProposal, shown: str = "") -> Outcome[Proposal]:
    """What a proposal would do now, for a person to decide on.

    ``shown``: the id of the plan that the person saw; raises ProposalMoved where it is another by now, or none.
    """
    away = f"fleethub approve {one.id} --no takes the proposal away"
    try:
        done = judge(EditInput(one.edit, one.project, one.force, dry_run=True))
    except EditError as error:  # its node is gone
        raise EditError(error.code, error.message, away, error.place) from None
    plan = done.data.plan
    if done.data.nothing:  # a yes would write nothing, and leave no line in the history
        raise ProposalMoved(f"{one.id} would change nothing by now, for the spec says so already: {away}")
    if shown and not done.data.refused and plan is not None and plan.id != shown:
        raise ProposalMoved(
            f"{one.id} would make the plan {plan.id} by now, and {shown} was approved: look at it again"
        )
    return done


def approve(store: Store, one: WaitingProposal, proposal: Proposal, by: str, commit: bool = False) -> WrittenEdit:
    """Write an approved edit into the spec; the history says who proposed and who approved. Applies nothing.

    Raises ProposalMoved where somebody else decided it meanwhile, what ``operations.edit_write.write`` raises,
    StoreError. What was not written waits on.
    """
    said = {"planned_by": f"the agent {one.agent}", "plan": proposal.plan.id if proposal.plan else ""}
    with _decided(store, one):
        return edit_write.write(proposal, commit, by, {**said, "approved": f"{by}, as {one.id}"})


@contextmanager
def _decided(store: Store, one: WaitingProposal) -> Iterator[None]:
    """Take a proposal off the shelf, which one alone can do; what then fails puts it back."""
    document = store.get("proposals", one.id)
    if document is None or not store.delete("proposals", one.id):
        raise ProposalMoved(f"somebody decided {one.id} meanwhile, so nothing was written: fleethub log says who")
    try:
        yield
    except NotCommitted:  # the spec has it
        raise
    except BaseException:
        store.put("proposals", one.id, document)
        raise


def carried_out(workplace: Workplace, one: WaitingProposal) -> Outcome[Result]:
    """Apply what was approved, and nothing else of the fleet: for a policy that lets agents apply.

    Drift stays as the policy has it. Raises what ``operations.apply.run`` raises.
    """
    from fleethub.operations import apply

    asked = apply.ApplyInput(auto_approve=True, targets=(f"node.{one.node}",), approved=f"[policy] agents, as {one.id}")
    return apply.run(workplace, apply.prepare(workplace, asked).data, asked)


def decline(store: Store, one: WaitingProposal, by: str) -> None:
    """Take a proposal away; raises ProposalMoved where somebody else decided it meanwhile, StoreError, OSError."""
    with _decided(store, one):
        store.record(_entry("decline", one, by, "declined").line())


def _waiting(agent: str, asked: EditInput, proposal: Proposal, now: datetime) -> WaitingProposal:
    edit, plan = asked.edit, proposal.plan
    return WaitingProposal(
        id=f"p-{secrets.token_hex(4)}",
        at=now.isoformat(timespec="seconds"),
        agent=agent,
        project=proposal.project,
        says=proposal.says,
        action=ACTIONS[type(edit)],
        node=edit.node,
        model=edit.model if isinstance(edit, Assign) else "",
        fields=dict(edit.fields) if isinstance(edit, SetFields | Register) else None,
        force=asked.force,
        displaced=proposal.displaced,
        plan=plan.id if plan else "",
        sentence=plan.sentence if plan else "",
        changes=[f"{c.address}: {c.action}" for c in plan.changes] if plan else [],
        diff=list(proposal.diff),
    )


def _entry(action: str, one: WaitingProposal, by: str, became: str) -> HistoryEntry:
    """What the history says of it: the words that were asked with, and no value."""
    return HistoryEntry(
        "", action, by, f"{one.id}: {one.says}", plan=one.plan, planned_by=f"the agent {one.agent}",
        owner=one.project, changes={f"node.{one.node}": became} if one.node else {},
    )  # fmt: skip


def _known(name: str, document: Mapping[str, Any]) -> WaitingProposal | None:
    try:
        return WaitingProposal(**{**document, "id": name})
    except TypeError:
        return None


def _unread(name: str) -> WaitingProposal:
    return WaitingProposal(name, "", "", "", UNREADABLE, "", "")


def _limit(fleet: Fleet, store: Store, agent: str, edit: Edit, proposal: Proposal, now: datetime) -> Finding | None:
    """Why an agent may not ask for an edit."""

    def refused(message: str, hint: str) -> Finding:
        return Finding("agent.limit", message, proposal.address, None, hint)

    if fleet.policy.agents == "read":
        return refused("agents may only read this fleet", 'agents = "propose" in [policy] lets them ask a person')
    if not fleet.agents and fleet.policy.agents == "propose":
        return None
    limits = fleet.agents.get(agent)
    if limits is None:
        listed = ", ".join(sorted(fleet.agents)) or "none"
        return refused(f"the agent {agent!r} is not among those that may edit: {listed}", f"add [agents.{agent}]")
    table = f"[agents.{limits.name}]"
    if limits.nodes is not None and edit.node not in nodes_named(limits.nodes, fleet, {*fleet.nodes, edit.node}):
        return refused(f"{edit.node} is not among the nodes of {table}: {', '.join(limits.nodes)}", "ask a person")
    loads = proposal.plan.loads if proposal.plan else ()
    touched = sorted(load.backend for load in loads if load.after != load.before)
    if limits.backends is not None and (others := [name for name in touched if name not in limits.backends]):
        listed = ", ".join(limits.backends) or "none"
        return refused(f"it changes what {others[0]} loads, and {table} has the backends: {listed}", "ask a person")
    if limits.a_day is not None and (made := _made(store, agent, now - timedelta(days=1))) >= limits.a_day:
        return refused(f"{made} edits in 24 hours, and {table} allows {limits.a_day}", "wait, or ask a person")
    return None


def _made(store: Store, agent: str, since: datetime) -> int:
    """The proposals of an agent since then."""
    found = (entry(line) for line in store.history())
    mine = (one for one in found if one.action == "propose" and one.planned_by == f"the agent {agent}")
    return sum(bool(one.at) and datetime.fromisoformat(one.at) > since for one in mine)
