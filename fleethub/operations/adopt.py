"""Import: what runs is taken into the spec and the lockfile in one go, and nothing of it changes.

``propose`` reads and judges, and writes nothing; ``take`` writes the spec, then the lockfile, and sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path

from fleethub.adoption.proposal import SpecProposal
from fleethub.adoption.propose import ASKED
from fleethub.fleetspec import load
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import WrittenEdit
from fleethub.model.errors import InputError, SpecError
from fleethub.model.exit import Exit
from fleethub.model.observation import Lockfile
from fleethub.model.plan import Plan, Result
from fleethub.operations.apply import ApplyInput, carry_out
from fleethub.operations.edit_write import write
from fleethub.operations.existing import ImportProposal, Question, edit_of, judged, look
from fleethub.operations.held import HeldPlan
from fleethub.operations.outcome import Outcome
from fleethub.operations.plan import plan_exit
from fleethub.operations.trust import ALONE, Trusting
from fleethub.operations.workplace import Workplace
from fleethub.stores.interface import StaleLockfileError


@dataclass(frozen=True, slots=True)
class ImportInput:
    """``addresses``: what to take (``key.main.volta``, ``route.main.qwen3-32b``); none: all. ``contexts``: alias ->
    tokens, of models of which nothing tells it.
    """

    addresses: tuple[str, ...] = ()
    contexts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written: of the spec (None: nothing), and of the lockfile (None: nothing)."""

    spec: WrittenEdit | None
    result: Result | None


def propose(path: Path, asked: ImportInput, trusting: Trusting = ALONE) -> Outcome[ImportProposal]:
    """What would be taken; the exit code is 3 where something asked for is not, or the plan's own where there is none.

    Raises SpecError, InputError for an address of which nothing is there, EditError.
    """
    spec, wanted = load(path), _addresses(asked.addresses)
    if spec.fleet is None:
        raise SpecError(spec.findings)
    question = Question(path, spec, trusting, wanted, asked.contexts)
    with question.workplace() as now:
        held = look(now)
        if held.plan.fatal:
            nothing = edit_of(question, SpecProposal((), (), ()))
            return Outcome(ImportProposal(nothing, held, held.plan), plan_exit(held.plan))
        made = judged(question, held, now)
    return Outcome(made, _exit(made, wanted))


def _exit(made: ImportProposal, wanted: tuple[Address, ...]) -> Exit:
    """3: something that was asked for by its address is not taken; of all, what cannot be said is told. 1: unknown."""
    if made.after.fatal:
        return plan_exit(made.after)
    if any(one.address.startswith("proxy.") for one in made.left):
        return Exit.ERROR
    names = {str(address) for address in wanted}
    return Exit.REFUSED if any(one.address in names for one in made.left) else Exit.FINE


def take(path: Path, proposal: ImportProposal, trusting: Trusting = ALONE, wait: float = 0) -> Outcome[Imported]:
    """Write the spec, then the lockfile; nothing is sent to anybody. Who is killed in between imports again.

    Raises SpecChanged and StaleLockfileError where one of the two is another by now: then nothing was written, or the
    spec alone; LockedError, OSError.
    """
    held, written = proposal.held, None
    with Workplace(path, trusting=trusting, wait=wait) as now, now.lock("import"):
        if now.store.version() != held.base:
            raise StaleLockfileError(f"{now.store.place} was changed meanwhile, so nothing was written; import again")
        if proposal.edit.files:
            written = write(proposal.edit)
        if not held.plan.changes:
            return Outcome(Imported(written, None))
        with Workplace(path, trusting=trusting, store=lambda *_: now.store) as after:
            done = carry_out(
                after, held, ApplyInput(action="import"), then=lambda lockfile: _then(held, proposal.after, lockfile)
            )
    return Outcome(Imported(written, done.data), done.exit)


def _then(held: HeldPlan, after: Plan, lockfile: Lockfile) -> HeldPlan:
    return replace(held, plan=after, lockfile=lockfile)


def _addresses(texts: tuple[str, ...]) -> tuple[Address, ...]:
    try:
        found = tuple(Address.parse(text) for text in texts)
    except ValueError as error:
        raise InputError(str(error)) from None
    for address in found:
        if address.kind not in ASKED:
            raise InputError(f"{address} is not imported by its address; what is: {', '.join(ASKED)}")
    return found
