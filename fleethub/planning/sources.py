"""Which reads a plan needs: one per proxy, backend and target, of the spec and of the lockfile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.kinds.values import of_kind
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyLocked, AnyResource, Lockfile, Source
from fleethub.model.plan import Plan
from fleethub.model.secret import SecretRef
from fleethub.placement.backends import sources as backend_sources


def sources(fleet: Fleet, wanted: Mapping[Address, AnyResource], lockfile: Lockfile | None) -> tuple[Source, ...]:
    """Every source once, with all that anybody asks of it."""
    return merged(_all(fleet, wanted, lockfile))


def again(
    asked: Iterable[Source], wanted: Mapping[Address, AnyResource], plan: Plan, facts: Facts
) -> tuple[Source, ...]:
    """Of what was asked the sources of which more is to be known, as the plan does something there."""
    changed = {one.address for one in plan.changes} | {one.address for one in plan.drift}
    more = [source for name, kind in KINDS.items() for source in kind.again(of_kind(name, wanted), changed, facts)]
    ids = {source.id for source in more}
    return merged([*(source for source in asked if source.id in ids), *more])


def grounded(lockfile: Lockfile | None, credential: Callable[[str], SecretRef | None]) -> Lockfile | None:
    """The lockfile with the credential that is known for each origin; of a lockfile itself none is taken."""
    if lockfile is None:
        return None
    resources = {a: _with(locked, credential(locked.source.at)) for a, locked in lockfile.resources.items()}
    return replace(lockfile, resources=resources)


def _with(locked: AnyLocked, credential: SecretRef | None) -> AnyLocked:
    """A record with this credential, or none; most need not be made anew."""
    if locked.source.credential == credential:
        return locked
    return replace(locked, source=replace(locked.source, credential=credential))


def merged(every: Iterable[Source]) -> tuple[Source, ...]:
    """Each source once, with all that is asked of it by any."""
    same: dict[tuple[str, str], list[Source]] = {}
    for source in every:
        same.setdefault(source.id, []).append(source)
    return tuple(_one(sources) for _, sources in sorted(same.items()))


def _one(sources: list[Source]) -> Source:
    ask = tuple(dict.fromkeys(word for source in sources for word in source.ask))
    known = tuple(dict.fromkeys(slot for source in sources for slot in source.known))
    credential = next((source.credential for source in sources if source.credential), None)
    return replace(sources[0], ask=ask, known=known, credential=credential)


def _all(fleet: Fleet, wanted: Mapping[Address, AnyResource], lockfile: Lockfile | None) -> Iterable[Source]:
    yield from backend_sources(fleet)
    locked = lockfile.resources if lockfile else {}
    for name, kind in KINDS.items():
        yield from kind.sources(fleet, of_kind(name, wanted), of_kind(name, locked))
