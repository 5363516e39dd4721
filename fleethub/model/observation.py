"""What was seen, and what was last applied.

``attrs`` of a desired, observed or locked thing are of one type, the kind's own, so one ``diff`` serves them all.
Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import Generic, TypeVar

from fleethub.model.address import Address, key
from fleethub.model.attributes import Attributes
from fleethub.model.capacity import PlannedModel
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import SourceLocation
from fleethub.model.secret import Derived, SecretRef

A_co = TypeVar("A_co", bound=Attributes, covariant=True)
#: What a kind keeps beside attributes: of a wanted thing its material, of a seen one its telemetry.
M_co = TypeVar("M_co", covariant=True)
#: What a resource uses of others: the key or route that it needs -> the models it may call with it.
Needs = Mapping[Address, frozenset[str]]


@lru_cache(maxsize=1024)
def shared(entries: frozenset[str]) -> frozenset[str]:
    """The same entries, held once: of a fleet most nodes call the same few models."""
    return entries


#: What was there before FleetHub and is put back when it is let go of, by names of the kind's own; without any secret.
Found = Mapping[str, tuple[str, ...]]
#: litellm, host, gpu, git, model (a file that tells of one), or an engine's name.
System = str
#: Asked of a model server: all that it has installed; of a proxy: the teams of all its keys.
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Source:
    """One bulk read: a system at a URL, folder or host. Kept in the lockfile, so a removed block's things can be found.

    ``of`` is the block of the spec that it belongs to: ``proxy.main``, ``backend.gpu``, ``node.volta``. ``credential``
    comes from the spec or this machine's trust record, never from a lockfile, and is no part of what a source is.
    ``ask`` names what the read should include beyond the list (models to show, files to read, ``tool:NAME`` of a
    host's programs, ``port:NUMBER`` of it), ``known`` the keys that were made there: one that the list lacks is asked
    for by itself.
    """

    system: System
    at: str
    credential: SecretRef | None = field(default=None, compare=False)
    ask: tuple[str, ...] = ()
    of: str = ""
    known: tuple[Derived, ...] = ()

    @property
    def id(self) -> tuple[str, str]:
        """What two reads must share to be one."""
        return (self.system, self.at)


@dataclass(frozen=True, slots=True)
class Mark:
    """FleetHub's ownership mark on a key or beside a node's files; ``apply`` is the random id of who wrote it.

    ``fleet``: the name of who made a route, which has no value that would prove it. ``born``, ``born_proxy``: what a
    key's value is derived from; empty on keys that an earlier FleetHub wrote. ``found``: what was there before
    FleetHub, as the record has it, for a lockfile that is lost; without any secret.
    """

    lineage: str
    serial: int
    generation: int
    apply: str = ""
    fleet: str = ""
    born: str = ""
    found: Found = field(default_factory=dict)
    born_proxy: str = ""


@dataclass(frozen=True, slots=True)
class Seen(Generic[A_co, M_co]):
    """It is there. ``attrs`` are compared, ``telemetry`` never is; what of it has no repr is never shown either."""

    attrs: A_co
    at: str
    telemetry: M_co
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """It was looked for in a reading that is whole, and nothing of ours is there; else it is seen, or unknown.

    A client gives a whole reading (the list adds up, the answer has its beginning and its end, each path is told of) or
    none: so what a kind does not find in one is absent, and may be forgotten. ``barred`` says why it cannot be made;
    empty: nothing is known of that.
    """

    at: str
    barred: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be looked at, and why. Neither empty nor fine."""

    reason: str
    at: str


Observation = Seen[Attributes, object] | Absent | Unknown


@dataclass(frozen=True, slots=True)
class Resource(Generic[A_co, M_co]):
    """A thing as the spec wants it.

    ``shape`` digests what ``attrs`` seals, without a secret; ``born`` is the alias, and ``born_proxy`` the proxy's
    name, that its value is derived from, where that is another than its own; ``material`` is what steps and
    descriptions need beyond attributes (rendered files, the backend's URL). ``by_hand``: its process is a human's to
    start and end.
    """

    address: Address
    source: Source
    attrs: A_co
    material: M_co = field(repr=False)
    needs: Needs = field(default_factory=dict)
    shape: str = ""
    owner: str = ""
    protected: bool = False
    generation: int = 1
    born: str = ""
    born_proxy: str = ""
    place: SourceLocation | None = None
    by_hand: bool = False
    found: Found = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending(Generic[A_co]):
    """Work that an apply began: the phases still to be done, the attributes it wants, the needs it would have, the
    generation it would reach (0: not known).
    """

    phases: tuple[str, ...]
    attrs: A_co | None
    needs: Needs = field(default_factory=dict)
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Locked(Generic[A_co]):
    """What FleetHub last applied to one resource; no ``attrs`` while a creation is pending.

    ``generation`` 0: an earlier FleetHub did not write it down. ``born``, ``born_proxy``: see ``Resource``.
    ``revoked``: its value was ended by an order, and is never made again.
    """

    source: Source
    attrs: A_co | None
    needs: Needs = field(default_factory=dict)
    shape: str = ""
    owner: str = ""
    protected: bool = False
    pending: Pending[A_co] | None = None
    by_hand: bool = False
    generation: int = 0
    born: str = ""
    born_proxy: str = ""
    revoked: bool = False
    found: Found = field(default_factory=dict)


AnyResource = Resource[Attributes, object]
AnyLocked = Locked[Attributes]


def birth(address: Address, told: AnyResource | AnyLocked | Mark) -> Address:
    """What a key's value is derived from, as an address: its own, until it or its proxy got another name."""
    return key(told.born_proxy or address.owner, told.born or address.alias)


@dataclass(frozen=True, slots=True)
class Applied:
    """Who applied what, when: for people; nothing is decided from it."""

    at: str = ""
    by: str = ""
    spec: str = ""
    commit: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Lockfile:
    """``fleet.lock``: what FleetHub last applied to the fleet.

    ``planned`` is the planned set of each backend, for judging growth; ``fits`` what was said of it, for readers.
    ``apply`` is the random id of the apply that reached ``serial``: two clones may reach the same number.
    ``id`` is the fleet's, empty where the spec has none; ``by_name``: values are derived from the fleet's name.
    ``generations``: the highest that was ever made of each key, also of keys that are gone, by the address that the
    value is derived from (``birth``). ``owed``: since which apply each thing waits for what an apply could not do.
    """

    fleet: str
    lineage: str
    serial: int
    seed: str
    resources: Mapping[Address, AnyLocked] = field(default_factory=dict)
    planned: Mapping[str, tuple[PlannedModel, ...]] = field(default_factory=dict)
    applied: Applied = field(default_factory=Applied)
    apply: str = ""
    fits: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    by_name: bool = True
    generations: Mapping[Address, int] = field(default_factory=dict)
    owed: Mapping[Address, str] = field(default_factory=dict)
