"""What keys and routes have in common: the proxy that they are on, and its one reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.model.fleet_status import ProxyStatus
from fleethub.model.observation import Source, Unknown
from fleethub.model.readings.proxy import ProxyReading

if TYPE_CHECKING:
    from fleethub.kinds.values import AnyState, ObserveContext
    from fleethub.model.facts import Facts
    from fleethub.model.fleet import Fleet
    from fleethub.model.observation import AnyLocked, Mark
    from fleethub.model.serving import Proxy


T = TypeVar("T")


class OnProxy:
    """Mixin of a kind whose things are on a proxy."""

    name: str

    def block(self, address: Address) -> str:
        """Its proxy's."""
        return f"proxy.{address.owner}"

    def title(self, address: Address) -> str:
        """Its proxy."""
        return f"Proxy {address.owner}"

    def renames(self, fleet: Fleet, locked: Mapping[Address, AnyLocked]) -> Mapping[Address, Address]:
        """With a renamed proxy."""
        proxies = {old.name: new.name for old, new in fleet.moved.items() if old.kind == "proxy"}
        return under(self.name, proxies, locked)


def under(kind: str, owners: Mapping[str, str], locked: Mapping[Address, AnyLocked]) -> dict[Address, Address]:
    """Records of what was on a proxy or a backend -> where they are under its new name, unless that has one of it."""
    found: dict[Address, Address] = {}
    for old, new in owners.items():
        for address in locked:
            now = Address(kind, f"{new}.{address.alias}")
            if address.kind == kind and address.owner == old and now not in locked and now not in found.values():
                found[address] = now
    return found


def proxy_source(proxy: Proxy) -> Source:
    """The one bulk read of a LiteLLM."""
    return Source("litellm", proxy.admin_url, proxy.master_key, of=f"proxy.{proxy.name}")


def lost(
    items: Sequence[AnyState],
    fleet: Fleet,
    context: ObserveContext,
    marked: Callable[[ProxyReading], Iterable[tuple[str, Mark, T]]],
) -> Iterable[tuple[str, T]]:
    """What carries this fleet's mark under an alias that no item has: the proxy's name, and the thing.

    ``marked``: alias, mark and thing of all that is marked in a reading.
    """
    names = {p.admin_url: p.name for p in fleet.proxies.values()}
    named = set()
    for item in items:
        for side in (item.want, item.locked):
            if side is not None:
                named.add((side.source.at, item.address.alias))
                names.setdefault(side.source.at, item.address.owner)
    for (system, at), reading in sorted(context.facts.readings.items()):
        if system != "litellm" or not isinstance(reading, ProxyReading) or not context.lineage:
            continue
        for alias, mark, thing in marked(reading):
            if mark.lineage == context.lineage and (at, alias) not in named:
                yield names.get(at, at), thing


def unreadable(fleet: Fleet, facts: Facts) -> list[Finding]:
    """One finding per proxy that could not be read."""
    return [
        Finding(
            "proxy.unreadable",
            f"{proxy.name} ({proxy.admin_url}): {reading.reason}",
            Address("proxy", proxy.name),
            proxy.place,
            _next(proxy.name, reading.reason),
        )
        for proxy in fleet.proxies.values()
        if isinstance(reading := facts.of(proxy_source(proxy)), Unknown)
    ]


def proxy_status(proxy: Proxy, facts: Facts) -> ProxyStatus:
    """A proxy as it was read."""
    reading = facts.of(proxy_source(proxy))
    if not isinstance(reading, ProxyReading):
        reason = reading.reason if isinstance(reading, Unknown) else "not read as a LiteLLM"
        return ProxyStatus(proxy.name, proxy.url, proxy.owner, "unknown", reason)
    keys = sum(map(len, reading.keys.values()))
    return ProxyStatus(proxy.name, proxy.url, proxy.owner, "there", "", len(reading.models), keys)


def _next(name: str, reason: str) -> str:
    """What to do about a proxy that cannot be read."""
    if "certificate is not trusted" in reason:
        return f'name its certificate, or that of the authority that made it: ca = "file:PATH" in [proxies.{name}]'
    return "its keys and routes are unknown, so nothing was planned for them"
