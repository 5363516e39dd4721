"""What there is: proxies with their keys, nodes with their files and processes, Ollamas, a lockfile."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fleethub.clients.resolver import SecretResolver
from fleethub.kinds.compare import parse_mark
from fleethub.model.observation import Lockfile, Mark
from fleethub.model.readings.host import FileReading, HostReading
from fleethub.model.readings.proxy import Deployment, KeyRow, ProxyReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.secret import Blob
from tests.fleets import NOWHERE, Spec
from tests.support import SEED

LINEAGE = "11" * 16
#: What Docker Compose takes by itself.
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
#: The programs of a machine that a node is on.
TOOLS = {"docker": "", "compose": "2.39.4", "openclaw": "2026.9.6", "curl": ""}


class _Seeded(SecretResolver):
    """The real resolver, with a seed that no file or variable holds."""

    def __init__(self, seed: str) -> None:
        super().__init__(NOWHERE.parent, None)
        self._key = base64.urlsafe_b64decode(seed.removeprefix("fhseed1_") + "=")


SEAL: SecretResolver = _Seeded(SEED)
#: Of somebody else's seed.
STRANGE: SecretResolver = _Seeded("fhseed1_" + base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("="))
SEEDLESS = SecretResolver(NOWHERE.parent, None)


@dataclass(frozen=True)
class Proxy:
    """A LiteLLM: the aliases of its config file, its keys, the deployments of its database."""

    models: frozenset[str] = frozenset()
    keys: tuple[KeyRow, ...] = ()
    stored: tuple[Deployment, ...] = ()
    clears_budget_duration: bool = True

    def find(self, alias: str) -> tuple[KeyRow, ...]:
        """The keys of an alias, which need not be one."""
        return tuple(row for row in self.keys if row.alias == alias)

    def with_key(self, row: KeyRow) -> Proxy:
        """With a key; one of the same value is replaced where it stands."""
        if any(k.token == row.token for k in self.keys):
            return replace(self, keys=tuple(row if k.token == row.token else k for k in self.keys))
        return replace(self, keys=(*self.keys, row))

    def without_key(self, token: str) -> Proxy:
        """Without the key of that value."""
        return replace(self, keys=tuple(k for k in self.keys if k.token != token))

    @property
    def aliases(self) -> frozenset[str]:
        """Every model that a key may name here."""
        return self.models | {d.alias for d in self.stored}

    @property
    def reading(self) -> ProxyReading:
        """What FleetHub's client makes of it."""
        keys: dict[str, tuple[KeyRow, ...]] = {}
        for row in self.keys:
            keys[row.alias] = (*keys.get(row.alias, ()), row)
        config = tuple(Deployment(alias, f"openai/{alias}", alias) for alias in sorted(self.models))
        return ProxyReading(self.aliases, (*config, *self.stored), keys, self.clears_budget_duration)


@dataclass(frozen=True)
class Process:
    """What runs on a node: the variables that it began with, the config that it has taken over, and the key that
    it read from a file of its own when it began, took a config over, or was told to. ``stack``: its name for Compose.
    """

    number: int
    port: int
    env: bytes
    config: bytes
    key: bytes = b""
    stack: bytes = b""


@dataclass(frozen=True)
class Node:
    """A target: files with their modes, FleetHub's mark, the applied set. ``process``: None in a mere folder."""

    files: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)
    mark: Mapping[str, Any] | None = None
    applied: Mapping[str, bytes] = field(default_factory=dict)
    process: Process | None = None
    listener: str = ""
    kept: str = ""  # what its process wrote for itself

    def reading(self, machine: bool, asked: Iterable[str] = ()) -> HostReading:
        """What FleetHub's client makes of it; ``machine``: behind SSH, where a process may run, and who listens on the
        ports that are ``asked`` about.
        """
        has = {self.process.port: f"{self.process.number} "} if self.process else {}
        signs = ("port:", "waits:") if self.listener else ("port:",)
        ports = [int(word.partition(":")[2]) for word in asked if word.startswith(signs)]
        listens = {port: has.get(port, "") for port in ports}
        return HostReading(
            True,
            {path: FileReading(Blob(data), mode) for path, (data, mode) in self.files.items()},
            self.mark,
            {path: Blob(data) for path, data in self.applied.items()},
            TOOLS if machine else {},
            compose=tuple(name for name in COMPOSE if name in self.files),
            listens=listens,
            uid=1000 if machine else 0,
            listener=self.listener,
        )


@dataclass(frozen=True)
class World:
    """All of it. Proxies and Ollamas by URL, nodes by target; what is not here does not answer, or is not there."""

    proxies: Mapping[str, Proxy] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    ollamas: Mapping[str, ServerReading] = field(default_factory=dict)
    #: By target: the words that a key was handed over with last, all that came on standard input, the key in it.
    sinks: Mapping[str, tuple[tuple[str, ...], bytes, str]] = field(default_factory=dict)
    lockfile: Lockfile | None = None

    @staticmethod
    def of(spec: Spec) -> World:
        """Before the first apply: each proxy knows the models whose routes FleetHub does not manage."""
        fleet = spec.fleet
        return World(
            {
                p.admin_url: Proxy(
                    frozenset(m.name for m in fleet.models.values() if m.proxy == p.name and not p.manage_routes)
                )
                for p in fleet.proxies.values()
            }
        )

    @property
    def proxy(self) -> Proxy:
        """The only one."""
        (found,) = self.proxies.values()
        return found

    def key(self, alias: str) -> KeyRow:
        """The only key of an alias on the only proxy."""
        (found,) = self.proxy.find(alias)
        return found

    def at_proxy(self, change: Callable[[Proxy], Proxy], url: str = "") -> World:
        """With one proxy changed: the only one, or that at ``url``."""
        url = url or next(iter(self.proxies))
        return replace(self, proxies={**self.proxies, url: change(self.proxies[url])})

    def at_key(self, alias: str, /, **fields: Any) -> World:
        """With a key of the only proxy changed by hand."""
        return self.at_proxy(lambda p: p.with_key(replace(self.key(alias), **fields)))

    def at_node(self, target: str, change: Callable[[Node], Node | None]) -> World:
        """With one target changed, or gone."""
        left = {at: node for at, node in self.nodes.items() if at != target}
        changed = change(self.nodes.get(target, Node()))
        return replace(self, nodes={**left, target: changed} if changed is not None else left)

    def at_file(self, target: str, path: str, data: bytes | None, mode: int = 0o644) -> World:
        """With a file written, or (None) removed, by hand."""
        files = {p: f for p, f in self.nodes[target].files.items() if p != path}
        new = {path: (data, mode)} if data is not None else {}
        return self.at_node(target, lambda node: replace(node, files={**files, **new}))


def mark_of_row(row: KeyRow) -> Mark | None:
    """FleetHub's mark on a key."""
    return parse_mark(row.metadata.get("fleethub"))
