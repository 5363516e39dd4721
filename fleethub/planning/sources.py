"""Which reads a plan needs: one per proxy, backend and target, of the spec and of the lockfile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from fleethub.kinds import KINDS
from fleethub.kinds.key import proxy_source
from fleethub.model.address import Address
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile, Resource, Source
from fleethub.model.secret import SecretRef
from fleethub.placement.assess import planned_sets


def sources(fleet: Fleet, wanted: Mapping[Address, Resource], lockfile: Lockfile | None) -> tuple[Source, ...]:
    """Every source once, with all that anybody asks of it."""
    return merged(_all(fleet, wanted, lockfile))


def grounded(lockfile: Lockfile | None, credential: Callable[[str], SecretRef | None]) -> Lockfile | None:
    """The lockfile with the credential that is known for each origin; of a lockfile itself none is taken."""
    if lockfile is None:
        return None
    resources = {
        a: replace(locked, source=replace(locked.source, credential=credential(locked.source.at)))
        for a, locked in lockfile.resources.items()
    }
    return replace(lockfile, resources=resources)


def merged(every: Iterable[Source]) -> tuple[Source, ...]:
    """Each source once, with all that is asked of it by any."""
    found: dict[tuple[str, str], Source] = {}
    for source in every:
        known = found.get(source.id)
        if known is None:
            found[source.id] = source
        else:
            ask = tuple(dict.fromkeys((*known.ask, *source.ask)))
            there = tuple(dict.fromkeys((*known.known, *source.known)))
            credential = known.credential or source.credential
            found[source.id] = replace(known, ask=ask, known=there, credential=credential)
    return tuple(found[key] for key in sorted(found))


def _all(fleet: Fleet, wanted: Mapping[Address, Resource], lockfile: Lockfile | None) -> Iterable[Source]:
    for proxy in fleet.proxies.values():
        yield proxy_source(proxy)
    planned = planned_sets(fleet)
    for backend in fleet.backends.values():
        of = f"backend.{backend.name}"
        if backend.ollama is not None:
            tags = [fleet.models[p.model].ollama for p in planned.get(backend.name, ())]
            yield Source("ollama", backend.ollama.url, ask=tuple(sorted(tag for tag in tags if tag)), of=of)
        if backend.ssh:
            yield Source("gpu", backend.ssh, of=of)
    for resource in wanted.values():
        yield resource.source
    for address, locked in (lockfile.resources if lockfile else {}).items():
        ask = tuple(sorted(locked.attrs.get("files", ())))
        if locked.pending:
            ask += tuple(sorted(locked.pending.attrs.get("files", ())))
        known = KINDS[address.kind].made(address, wanted.get(address), locked, fleet.identity)
        yield replace(locked.source, ask=ask, known=known)
    secret = tuple(path for resource in wanted.values() for path in secret_paths(resource))
    if secret:
        yield Source("git", ".", ask=secret)


def secret_paths(resource: Resource) -> tuple[str, ...]:
    """Files with a node's secrets, relative to the fleet's folder; none for what lies on another machine."""
    if resource.address.kind != "node" or "://" in resource.source.at:
        return ()
    paths = [file.path for file in resource.material["files"] if file.role == "env"]
    return tuple(f"{resource.source.at}/{below}{path}" for path in paths for below in ("", ".fleethub/applied/"))
