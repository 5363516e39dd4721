"""Which certificates are trusted besides the usual ones, and for what: ``ca`` of the spec's proxies and backends."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fleethub.model.fleet import Fleet


def authorities(fleet: Fleet) -> dict[str, Path]:
    """A PEM file for each URL that has one; paths are below the fleet's folder unless they say otherwise."""
    return {url: _path(fleet, ca) for url, ca in _written(fleet) if ca}


def _written(fleet: Fleet) -> Iterable[tuple[str, str]]:
    for proxy in fleet.proxies.values():
        yield from ((url, proxy.ca) for url in (proxy.url, proxy.admin_url, *proxy.replicas))
    for backend in fleet.backends.values():
        own = (backend.engine.url,) if backend.engine else ()
        yield from ((url, backend.ca) for url in (*own, *backend.endpoints.values()))


def _path(fleet: Fleet, written: str) -> Path:
    path = Path(written)
    with suppress(RuntimeError):  # no home: what is there will be said when it is read
        path = path.expanduser()
    return Path(fleet.root) / path
