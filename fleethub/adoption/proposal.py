"""What a spec would say of what runs: blocks to add to it, and what cannot be said, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field, replace

from fleethub.adoption.backends import origin
from fleethub.fleetspec.added import NewBlock
from fleethub.fleetspec.checks import MAGIC, is_one_name
from fleethub.fleetspec.values import SECRET
from fleethub.kinds.proxies import proxy_source
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.text import flat


class Unsayable(Exception):
    """The spec cannot say something that is there; the message says why, and what to do where there is something."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something that is there and that the spec will not say, and why; ``address`` as far as it has one."""

    address: str
    why: str


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that the spec has, or would have: the proxy that it is called through, and its server's backends.

    ``context`` in tokens; ``tag``: its name on those servers.
    """

    alias: str
    proxy: str
    context: int
    tag: str = ""
    block: NewBlock | None = None
    backends: tuple[str, ...] = ()


@dataclass(slots=True)
class Draft:
    """A proposal while it is made. ``models`` by (proxy, alias)."""

    fleet: Fleet
    facts: Facts
    contexts: Mapping[str, int]
    closed: Mapping[str, str] = field(default_factory=dict)  # origins of servers that are no backends, and why
    refused: Mapping[tuple[str, str], str] = field(default_factory=dict)  # blocks that the spec cannot have, and why
    lineage: str = ""  # of the fleet's own marks
    records: Collection[Address] = ()  # what the lockfile has
    left: Collection[Address] = ()  # what is known not to be taken
    foreign: dict[Address, None] = field(default_factory=dict)  # keys of other fleets
    backends: dict[str, NewBlock] = field(default_factory=dict)  # by the origin of its server
    models: dict[tuple[str, str], KnownModel] = field(default_factory=dict)
    keys: dict[str, NewBlock] = field(default_factory=dict)
    nodes: dict[str, NewBlock] = field(default_factory=dict)
    users: dict[str, set[str]] = field(default_factory=dict)  # key -> models that its nodes call beside their chains
    chosen: dict[Address, None] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)

    def tell(self, address: Address | str, why: str) -> None:
        """Note what cannot be said; an alias may be a key that somebody put in the wrong field."""
        self.told.append(Told(*(SECRET.sub("(sensitive)", flat(text)) for text in (str(address), why))))

    def readings(self) -> Iterable[tuple[str, ProxyReading]]:
        """Every proxy that could be read; of one that could not, that is told."""
        for name, proxy in sorted(self.fleet.proxies.items()):
            reading = self.facts.of(proxy_source(proxy))
            if isinstance(reading, ProxyReading):
                yield name, reading

    def known_backend(self, url: str) -> str | None:
        """The backend whose server is at this URL, by its origin."""
        for name, backend in self.fleet.backends.items():
            if backend.engine is not None and origin(backend.engine.url) == origin(url):
                return name
        block = self.backends.get(origin(url))
        return block.path[1] if block else None


@dataclass(frozen=True, slots=True)
class SpecProposal:
    """``blocks`` to add, servers first; ``chosen``: what the lockfile may then take; ``told``: what cannot be said.

    ``found``: every address of something that is there and could be asked for. ``servers``: new backends by
    the origin of their server.
    """

    blocks: tuple[NewBlock, ...]
    chosen: tuple[Address, ...]
    told: tuple[Told, ...]
    found: tuple[Address, ...] = ()
    servers: Mapping[str, str] = field(default_factory=dict)

    def without(self, left: Collection[Address]) -> SpecProposal:
        """Without the blocks of what is not taken after all."""
        stay = tuple(a for a in self.chosen if a not in left)
        gone = {_block(a) for a in left} - {_block(a) for a in stay}
        blocks = tuple(block for block in self.blocks if block.path not in gone)
        return replace(self, blocks=blocks, chosen=stay)


def _block(address: Address) -> tuple[str, str]:
    """The block of the spec that speaks of it."""
    return (f"{address.kind}s", address.alias)


def is_alias(alias: str) -> bool:
    """Whether the spec may name a model so."""
    named = 0 < len(alias) <= 128 and alias.isprintable() and bool(alias.strip())
    return named and "*" not in alias and alias not in MAGIC and is_one_name(alias)
