"""What every tool works on: one fleet, on behalf of one agent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from fleethub.model.dataclass import dataclass
from fleethub.model.edit import Edit, Proposal, WaitingProposal
from fleethub.model.facts import Facts
from fleethub.operations import proposals
from fleethub.operations.edit import EditInput, propose
from fleethub.operations.outcome import Outcome
from fleethub.operations.snapshots import Snapshot
from fleethub.operations.workplace import Workplace
from fleethub.server.answers import findings_data
from fleethub.server.errors import Refusal
from fleethub.server.site import Site, usable

PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Desk:
    """``agent`` is the name that the operator gave it: it is what limits in the spec and the history call it.

    ``patience``: seconds in which a person who is asked through the agent's client must have answered.
    """

    site: Site
    agent: str
    patience: float = PATIENCE

    def seen(self, within: float = 60) -> Snapshot:
        """The fleet, observed at most so many seconds ago; raises Refusal for a spec that is broken."""
        usable(self.site.snapshots.current())
        return usable(self.site.snapshots.within(within))

    @contextmanager
    def workplace(self) -> Iterator[Workplace]:
        """The fleet opened for one operation."""
        with Workplace(self.site.path, trusting=self.site.trusting) as workplace:
            yield workplace

    def applies(self) -> bool:
        """Whether the spec has what agents ask for, within their limits, applied without a person."""
        fleet = usable(self.site.snapshots.current()).fleet
        return fleet is not None and fleet.policy.agents == "apply"

    def elicits(self) -> bool:
        """Whether a yes that comes through the agent's own client counts as a person's."""
        fleet = usable(self.site.snapshots.current()).fleet
        return fleet is not None and fleet.policy.agents == "propose" and fleet.policy.agents_elicit

    def waiting(self, name: str) -> WaitingProposal:
        """A proposal that waits; raises InputError where somebody decided it, StoreError."""
        with self.workplace() as workplace:
            return proposals.named(workplace.store, name)

    def approve(self, one: WaitingProposal, by: str) -> Proposal:
        """Plan what was proposed once more, on what is there now, and write it into the spec if the plan is the same.

        Raises ProposalMoved where it is another by now, Refusal where it is refused by now, and what writing raises.
        """
        facts = usable(self.site.snapshots.refresh()).facts

        def judge(asked: EditInput) -> Outcome[Proposal]:
            return propose(self.site.path, asked, facts, self.site.trusting, api=True)

        made = proposals.judged(judge, one, one.plan).data
        if made.refused:
            found = (*made.findings, *made.conflicts, *(made.plan.findings if made.plan and made.plan.fatal else ()))
            raise Refusal("REFUSED", f"{one.id} is refused by now: nothing was written", findings=findings_data(found))
        with self.workplace() as workplace:
            proposals.approve(workplace.store, one, made, by)
        return made

    def decline(self, one: WaitingProposal, by: str) -> None:
        """Take a proposal away."""
        with self.workplace() as workplace:
            proposals.decline(workplace.store, one, by)

    def offer(self, edit: Edit, project: str, force: bool) -> Outcome[proposals.Offered]:
        """Propose an edit on the agent's behalf; see ``operations.proposals.offer``."""
        facts = self.seen().facts

        def fresh() -> Facts | None:
            return usable(self.site.snapshots.refresh()).facts

        def judge(asked: EditInput) -> Outcome[Proposal]:
            return propose(self.site.path, asked, facts, self.site.trusting, api=True, fresh=fresh)

        with self.workplace() as workplace:
            asked = EditInput(edit, project, force)
            return proposals.offer(judge, workplace.store, workplace.fleet, self.agent, asked, datetime.now(UTC))
