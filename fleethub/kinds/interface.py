"""What a kind of managed thing says of itself. Pure, values in and values out; ``handlers`` alone leads to clients.

``planning`` and ``applying`` know kinds by what stands here alone. A new kind is a folder (or a file) beside this one
and a call of ``kinds.register``; of the defaults it overrides what is otherwise with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fleethub.kinds.compare import changed_fields, drifted, record
from fleethub.model.attributes import Attributes, plain
from fleethub.model.fleet_status import ResourceStatus

if TYPE_CHECKING:
    from fleethub.kinds.execution import Handler
    from fleethub.kinds.values import Acceptance, Dependents, Inputs, ObserveContext, ResourceState, StatusInputs, Work
    from fleethub.model.address import Address
    from fleethub.model.facts import Facts
    from fleethub.model.finding import Finding
    from fleethub.model.fleet import Fleet, Policy
    from fleethub.model.fleet_status import FleetStatus
    from fleethub.model.observation import (
        Absent,
        AnyLocked,
        Found,
        Locked,
        Lockfile,
        Mark,
        Pending,
        Resource,
        Seen,
        Source,
        System,
        Unknown,
    )
    from fleethub.model.plan import Blocker, Change, FieldChange, FileDiff, Step


A = TypeVar("A", bound=Attributes)
M = TypeVar("M")
T = TypeVar("T")


class Kind(Generic[A, M, T]):
    """One kind, of attributes ``A``, material ``M`` of what is wanted and telemetry ``T`` of what is seen.

    What a consumer needs of others stands in its resources' ``needs``.
    """

    #: What its addresses begin with, and how many parts such an address has (``Address``).
    name: str
    parts: int = 2
    #: The type of its attributes, and the system that its sources are.
    attrs: type[A]
    system: System
    #: It runs on what it needs: it changes once all of that is there and proved, and settles before that is taken away.
    consumer: bool = False
    #: It can be proved at any time that a consumer may use it; who is changed waits for that.
    provable: bool = False
    #: Its source holds this one thing alone: another that comes there takes its place.
    exclusive: bool = False

    def reads(self, system: System) -> bool:
        """Whether its sources are of that system."""
        return system == self.system

    # what is wanted, and what is there

    def desired(self, inputs: Inputs) -> Iterable[Resource[A, M]]:
        """The resources that the spec wants."""
        raise NotImplementedError

    def sources(
        self, fleet: Fleet, wanted: Mapping[Address, Resource[A, M]], locked: Mapping[Address, Locked[A]]
    ) -> Iterable[Source]:
        """What is read for them; ``wanted`` and ``locked`` are of this kind."""
        yield from (resource.source for resource in wanted.values())
        yield from (record.source for record in locked.values())

    def again(
        self, wanted: Mapping[Address, Resource[A, M]], changed: Collection[Address], facts: Facts
    ) -> Iterable[Source]:
        """What is read once it is known where something is to be done, as it is of no use elsewhere."""
        return ()

    def observe(
        self, address: Address, want: Resource[A, M] | None, locked: Locked[A] | None, context: ObserveContext
    ) -> Seen[A, T] | Absent | Unknown:
        """What the facts mean for this address."""
        raise NotImplementedError

    def completed(
        self, want: Resource[A, M], have: Seen[A, T] | Absent | Unknown, locked: Locked[A] | None
    ) -> Resource[A, M]:
        """What is wanted, with what only what is there decides: as what is to stay as it is found."""
        return want

    # how it is kept

    def parse(self, raw: object) -> A:
        """Attributes as a lockfile has them (``plain``); raises ValueError on anything else."""
        from fleethub.kinds.codec import parse

        return parse(self.attrs, raw)

    def parse_found(self, raw: Found) -> Found:
        """What was there before FleetHub as a lockfile has it; raises ValueError on what FleetHub does not write."""
        if raw:
            raise ValueError(f"found has {', '.join(sorted(raw))}, and nothing of a {self.name} is put back")
        return raw

    def block(self, address: Address) -> str:
        """The block of the spec that it belongs to."""
        return str(address)

    # whose it is

    def theirs(self, item: ResourceState[A, M, T]) -> bool:
        """Whether what is seen is somebody else's that serves as well, and is left alone."""
        return False

    def known_by(self, item: ResourceState[A, M, T]) -> str:
        """What tells the thing that is seen from all others, whatever its name is and wherever it is read; empty:
        nothing does.
        """
        return ""

    def proves(self, item: ResourceState[A, M, T]) -> bool:
        """Whether what is seen is this fleet's own, though there is no lockfile that says so."""
        return False

    def proven(self, items: Sequence[ResourceState[A, M, T]], fleet: Fleet, facts: Facts) -> Iterable[Address]:
        """All that can be seen to be this fleet's own without a lockfile; ``items`` are of this kind."""
        return (item.address for item in items if self.proves(item))

    def marks(self, items: Sequence[ResourceState[A, M, T]], facts: Facts) -> Iterable[tuple[Address, Mark]]:
        """Every mark of FleetHub's that can be seen where this kind is; ``items`` are of this kind."""
        yield from ((item.address, item.seen.mark) for item in items if item.seen and item.seen.mark)

    def orphans(self, items: Sequence[ResourceState[A, M, T]], fleet: Fleet, context: ObserveContext) -> list[Finding]:
        """What carries this fleet's mark, and is in neither spec nor lockfile; ``items`` are of this kind."""
        return []

    def prune(self, items: Sequence[ResourceState[A, M, T]], fleet: Fleet, context: ObserveContext) -> Iterable[Step]:
        """How each orphan is deleted: steps of contract, which leave no record."""
        return ()

    def recalled(self, want: Resource[A, M], context: ObserveContext) -> Locked[A] | None:
        """What must be known of a lost record to see all that is there of a thing, by the marks; None: nothing."""
        return None

    def rebuilt(self, item: ResourceState[A, M, T]) -> Locked[A] | str:
        """The record of what is wanted, and seen with this fleet's mark, where the one that was written is lost; or why
        there can be none. ``item.locked`` is what ``recalled`` gave.
        """
        if item.want is None or item.seen is None:
            return "nothing of it is there"
        return record(replace(item.want, found=self.told(item)), item.seen.attrs)

    def told(self, item: ResourceState[A, M, T]) -> Found:
        """What its mark says was there before FleetHub; nothing of it that FleetHub would not write there, for marks
        lie where others write.
        """
        return {}

    def renames(self, fleet: Fleet, locked: Mapping[Address, AnyLocked]) -> Mapping[Address, Address]:
        """Of the lockfile's records of this kind, those that the spec's ``[[moved]]`` gives another address."""
        return {}

    def carried(self, locked: AnyLocked, before: Address, now: Address) -> AnyLocked:
        """A record that was under another address before."""
        return locked

    def moves(self, want: Resource[A, M], locked: Locked[A]) -> bool:
        """Of an exclusive kind: whether it can be at its new place beside its old one, which is taken down after it."""
        return False

    def stays(self, item: ResourceState[A, M, T]) -> str:
        """Why a thing stays when the whole fleet is taken away (it was there before); empty: it is deleted then."""
        return ""

    def unfinished(self, item: ResourceState[A, M, T]) -> str:
        """What of a thing that stays is not at its end yet, and stays as well; empty: nothing."""
        return ""

    def loses(self, item: ResourceState[A, M, T]) -> str:
        """What its deletion takes from others than the fleet's own, and how not to; empty: nothing that is known."""
        return ""

    def missed(self, item: ResourceState[A, M, T], policy: Policy, known: bool, emptied: str) -> Finding | None:
        """Why its deletion is stopped until a person says that it is meant; None: it is not.

        ``known``: a consumer of the fleet has it; ``emptied``: the backend that nothing uses once it is gone.
        """
        return None

    def goes_on(self, item: ResourceState[A, M, T]) -> bool:
        """Of a consumer: whether it runs on with what it has when its record and its mark are taken away."""
        return False

    # what is wrong

    def findings(
        self, fleet: Fleet, wanted: Mapping[Address, Resource[A, M]], locked: Mapping[Address, Locked[A]], facts: Facts
    ) -> list[Finding]:
        """What the readings themselves say. An error about an address holds it back, and who would use it anew."""
        return []

    def objections(self, item: ResourceState[A, M, T], lockfile: Lockfile | None) -> list[Finding]:
        """Findings that forbid touching the thing at all (taken, foreign, duplicate, unprovable)."""
        return []

    def remarks(self, item: ResourceState[A, M, T]) -> list[Finding]:
        """Findings about the thing as it is, which forbid nothing."""
        return []

    def ended(self, want: Resource[A, M], locked: Locked[A] | None) -> list[Finding]:
        """Findings that the record alone tells of, and that keep it from being made again (a key that was revoked)."""
        return []

    def revoked(self, item: ResourceState[A, M, T]) -> tuple[Finding, ...]:
        """Set when somebody took it away on purpose, so that the policy says whether it comes back."""
        return ()

    def absent(self, item: ResourceState[A, M, T]) -> tuple[str, tuple[Finding, ...]]:
        """Of what was applied and is not there: what is gone, in words, and what is found about that."""
        return "it is gone", ()

    def shared(self, address: Address, message: str) -> Finding:
        """Of an exclusive kind: the lockfile has two at one source."""
        raise NotImplementedError

    # how it differs

    def describe(self, item: ResourceState[A, M, T]) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """The changed fields and files between observed and wanted, without any secret."""
        return changed_fields(item), ()

    def drifted(self, item: ResourceState[A, M, T]) -> tuple[str, tuple[FieldChange, ...]] | None:
        """What of the thing that is seen is not as it was applied, in words and by field; without any secret."""
        applied, seen = item.locked.attrs if item.locked else None, item.seen
        if applied is None or seen is None or not (found := drifted(applied, seen.attrs)):
            return None
        return f"{', '.join(dict.fromkeys(field.path[0] for field in found))} changed", found

    def beside(self, item: ResourceState[A, M, T]) -> tuple[str, ...]:
        """What it has that the spec does not name and that stays, in words."""
        return ()

    def accepted(self, item: ResourceState[A, M, T], fleet: Fleet) -> Acceptance | None:
        """What the spec would say for its drift to be what is wanted; None where a spec says nothing of such things."""
        return None

    def left_alone(self, item: ResourceState[A, M, T]) -> tuple[FieldChange, ...]:
        """What somebody changed and the spec leaves alone (``ignore``): it is seen as it is wanted, and told here."""
        return ()

    def kept(self, item: ResourceState[A, M, T]) -> tuple[str, ...]:
        """What somebody else wrote and a change overwrites, so that it is kept where it is: paths there."""
        return ()

    def reviewed(self, attrs: A, shape: str, want: Resource[A, M]) -> Mapping[str, Any]:
        """What of attributes, wanted or applied, can be compared without any secret; ``shape`` is of what is sealed."""
        return plain(attrs) or {}

    def review(self, want: Resource[A, M], locked: Locked[A] | None) -> tuple[FieldChange, ...]:
        """What of it changes from what was applied to what is wanted, as far as that can be said without any secret."""
        from fleethub.kinds.diff import diff

        had = self.reviewed(locked.attrs, locked.shape, want) if locked is not None and locked.attrs is not None else {}
        return diff(had, self.reviewed(want.attrs, want.shape, want))

    # what it asks of others, and others of it

    def gates(self, item: ResourceState[A, M, T], facts: Facts) -> tuple[Blocker, ...]:
        """Of a consumer: why it may not be changed now, by itself."""
        return ()

    def wired(self, item: ResourceState[A, M, T]) -> bool:
        """Of a consumer: whether it may call something with what is there of it: a change then makes nothing worse."""
        return item.seen is not None

    def rewired(self, item: ResourceState[A, M, T]) -> bool:
        """Of a consumer: whether a change alters what it calls, where or with what, so that it waits for a proof."""
        return False

    def outruns(self, item: ResourceState[A, M, T]) -> bool:
        """Of a consumer: whether what runs of it calls where a change says, and still has what it had to call with."""
        return False

    def outrun(
        self, consumer: Address, had: ResourceState[A, M, T], wants: ResourceState[A, M, T], facts: Facts
    ) -> Blocker | None:
        """Why a consumer that has ``had`` must not call yet where ``wants``, which may be the same, is to be."""
        return None

    def loads(self, item: ResourceState[A, M, T], fleet: Fleet) -> frozenset[tuple[str, str]]:
        """Of a consumer: (backend, model) that a change makes it call; empty where it calls what it called before."""
        return frozenset()

    def unsettled(self, item: ResourceState[A, M, T]) -> Blocker | None:
        """Of a consumer: why it may go on using what it used though its steps are done."""
        return None

    def entries(self, item: ResourceState[A, M, T]) -> Mapping[str, Address | None]:
        """Models that it would let others call, and the thing that each is called by: each may be held back."""
        return {}

    def grants(self, attrs: A) -> frozenset[str]:
        """Models that a thing of these attributes lets others call."""
        return frozenset()

    # what is done

    def steps(self, item: ResourceState[A, M, T], dependents: Dependents) -> Work:
        """What must be done, in phases."""
        raise NotImplementedError

    def begun(self, attrs: A, before: Pending[A] | None) -> A:
        """What an apply begins of it, with what one before it began and did not finish."""
        return attrs

    def resealed(
        self, address: Address, want: Resource[A, M] | None, locked: Locked[A], context: ObserveContext
    ) -> A | None:
        """What was applied, under the seed that is at hand: fingerprints of another seed say nothing any more."""
        return locked.attrs

    def handlers(self) -> Mapping[type, Handler]:
        """How each action is carried out. Imported here and nowhere else: this alone touches clients."""
        raise NotImplementedError

    # how it is told

    def title(self, address: Address) -> str:
        """What its changes stand under in a plan."""
        return f"{self.name.capitalize()}s"

    def headline(self, changes: Sequence[Change]) -> list[str]:
        """What a plan's first sentence says of these changes, beside how many they are."""
        return []

    def status(self, status: FleetStatus, inputs: StatusInputs) -> FleetStatus:
        """The fleet's status with the rows of this kind."""
        rows = []
        for address in sorted(a for a in {*inputs.wanted, *inputs.locked} if a.kind == self.name):
            want, locked = inputs.wanted.get(address), inputs.locked.get(address)
            owner = want.owner if want else locked.owner if locked else ""
            state, reason = inputs.state(address)
            change, waits, drift = inputs.planned(address)
            rows.append(ResourceStatus(str(address), owner, state, reason, change, waits, drift))
        return replace(status, resources=(*status.resources, *rows))
