"""What every tool works on: one fleet, on behalf of one agent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from fleethub.model.dataclass import dataclass
from fleethub.model.edit import Edit, Proposal
from fleethub.model.facts import Facts
from fleethub.operations import proposals
from fleethub.operations.edit import EditInput, propose
from fleethub.operations.outcome import Outcome
from fleethub.operations.snapshots import Snapshot
from fleethub.operations.workplace import Workplace
from fleethub.server.site import Site, usable


@dataclass(frozen=True, slots=True)
class Desk:
    """``agent`` is the name that the operator gave it: it is what limits in the spec and the history call it."""

    site: Site
    agent: str

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
