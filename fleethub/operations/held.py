"""Plans that wait for somebody's yes. A held plan is a claim, not a program: whoever applies it plans once more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, field, fields
from typing import TYPE_CHECKING

from fleethub.kinds.readdress import lockfile_after
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts
from fleethub.model.observation import AnyResource, Lockfile
from fleethub.model.plan import Change, Plan, Step
from fleethub.state.session_summary import Stamps

if TYPE_CHECKING:
    from fleethub.planfile.compare import Moved
    from fleethub.planfile.document import Asked, Made, SavedPlan

MANY = 4  # differences that a line shows


@dataclass(frozen=True, slots=True)
class PlanInput:
    """How to plan.

    ``repair``: undo what was changed by hand; None: unless ``[policy] drift`` says stop. ``destroy``: take away all
    that FleetHub made. ``reads``: sources that are read at a time. ``detailed``: exit 2 when there are changes.
    ``only_look``: nobody is going to carry it out, so a proxy is not asked what only a refused write tells (whether a
    key's value may be chosen there). ``every_model``: have each model server show all that it has, for questions
    about models that nobody planned. ``targets`` and ``excludes``: patterns of what the plan is about (see
    ``operations.targets``); none: the whole fleet. ``forget``: addresses that are let go unseen where they cannot be
    reached; ``prune``: orphans are deleted. ``allow``: codes of stops (``model.finding.STOPS``) that it may pass.
    ``owner``: only what is theirs, or nobody's, is changed.
    """

    repair: bool | None = None
    destroy: bool = False
    reads: int = 32
    detailed: bool = False
    only_look: bool = False
    every_model: bool = False
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()
    prune: bool = False
    allow: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """A plan with what it was made from; ``stamps`` are those of the files on disk, from before they were read.
    ``base`` is the version of the lockfile in its store.
    """

    input: PlanInput
    plan: Plan
    wanted: Mapping[Address, AnyResource]
    facts: Facts
    lockfile: Lockfile | None
    stamps: Stamps = field(default_factory=dict)
    base: str = ""

    @property
    def id(self) -> str:
        """The plan's own id; empty for one that decides nothing."""
        return self.plan.id

    @property
    def known(self) -> Lockfile | None:
        """What was applied, under the addresses that the plan has it under."""
        return lockfile_after(self.lockfile, self.plan.renamed)

    def saved(self, made: Made | None = None) -> SavedPlan:
        """What is kept of it for somebody to decide on."""
        from fleethub.planfile.document import Asked, Made, saved

        asked = Asked(**{one.name: getattr(self.input, one.name) for one in fields(Asked)})
        return saved(self.plan, asked, made or Made())

    def moved(self, now: HeldPlan) -> tuple[Moved, ...]:
        """In what the plan that is made ``now`` differs."""
        from fleethub.planfile.compare import differences

        return differences(self.saved(), now.saved())


def input_of(asked: Asked, reads: int = 32) -> PlanInput:
    """How a saved plan was asked for."""
    return PlanInput(reads=reads, **asdict(asked))


class UnknownPlan(FleetHubError):
    """No plan of this id is kept."""

    code = "plan.unknown"


class StalePlan(FleetHubError):
    """What a plan was made from is not what is there now, in what ``moved`` says; nothing was applied."""

    code = "plan.stale"
    exit = Exit.STALE

    def __init__(self, moved: Sequence[Moved]) -> None:
        self.moved = tuple(moved)
        says = "; ".join(map(str, moved[:MANY])) + (f"; and {len(moved) - MANY} more" if len(moved) > MANY else "")
        super().__init__(f"the plan is stale, so nothing was applied: {says}; plan again and see what it says now")


def ordered(
    lockfile: Lockfile,
    sentence: str,
    changes: Iterable[Change],
    left_out: Iterable[Address],
    steps: Iterable[Step] = (),
) -> Plan:
    """The plan of a person's order about what was applied: the spec has no part in it, and is not recorded as applied.

    ``left_out``: what the order is not about.
    """
    return Plan(
        id="",
        fleet=lockfile.fleet,
        sentence=sentence,
        changes=tuple(changes),
        steps=tuple(steps),
        planned=lockfile.planned,
        fits=lockfile.fits,
        serial=lockfile.serial,
        lineage=lockfile.lineage,
        fleet_id=lockfile.id,
        by_name=lockfile.by_name,
        left_out=tuple(left_out),
    )
