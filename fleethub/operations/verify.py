"""Ask with each node's own key, from the node where there is SSH, whether its chain works. Changes nothing.

A folder target has no machine of its own: its calls are made from here. So are those of a node that cannot be logged
into or has no tool to call with, then with the key that FleetHub derives; and a replica that only this machine can
connect to, which need not be wrong: nodes use the proxy's one URL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from fleethub import nodetypes
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Node
from fleethub.model.secret import Secret
from fleethub.model.text import heard
from fleethub.model.trust import origin_of
from fleethub.model.verify import UNREACHED, Asked, Call, Check, KeySeen, Master, Origin, Reply, Verified
from fleethub.nodetypes.endpoints import key_slot
from fleethub.operations import Workplace
from fleethub.verifying import checks_of, diagnose

AT_ONCE = 8  # nodes
AT_ONCE_LIVE = 4  # nodes whose models are called: each call may be a cold load
REACH = 3.0  # seconds in which this machine must connect to what a node could not
DIGEST = 64  # characters of one; a node without a tool for it gives none
_NO: Mapping[str, KeySeen] = MappingProxyType({})


class VerifyError(Exception):
    """The question cannot be asked as it was put; the message says what can."""


@dataclass(frozen=True, slots=True)
class Report:
    """All nodes that were asked for; ``findings`` are about the fleet (what could not be read)."""

    nodes: tuple[Verified, ...]
    findings: tuple[Finding, ...]


def verify(place: Workplace, names: Sequence[str] = (), live: float | None = None) -> Report:
    """Verify nodes (none named: all); ``live``: seconds for a one-token call of each model. Raises VerifyError."""
    fleet = place.fleet
    unknown = [name for name in names if name not in fleet.nodes]
    if unknown:
        listed = ", ".join(sorted(fleet.nodes)) or "none"
        raise VerifyError(f"no node is called {unknown[0]!r}; there are: {listed}")
    nodes = [fleet.nodes[name] for name in dict.fromkeys(names or fleet.nodes)]
    masters, findings = _masters(place, nodes)
    findings += place.trust.findings
    workers = min(AT_ONCE if live is None else AT_ONCE_LIVE, max(len(nodes), 1))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = tuple(pool.map(lambda node: _verified(place, node, live, masters), nodes))
    findings += [
        Finding(p.code, str(p), hint="set it, or correct the reference; what needs it is unknown")
        for p in place.resolver.problems
        if p.code != "command.new"
    ]
    return Report(found, tuple(findings))


def verify_exit(report: Report) -> Exit:
    """3 with a finding of severity error, 1 when something could not be asked, else 0."""
    found = [*report.findings, *(f for node in report.nodes for f in node.findings)]
    if any(f.severity is Severity.ERROR for f in found):
        return Exit.REFUSED
    return Exit.ERROR if any(node.unknown for node in report.nodes) else Exit.FINE


def _masters(place: Workplace, nodes: Iterable[Node]) -> tuple[dict[str, Any], list[Finding]]:
    """What the master keys of the nodes' proxies see; where one does not, causes are told less apart."""
    from fleethub.kinds.key import wiring
    from fleethub.kinds.proxies import proxy_source
    from fleethub.model.facts import ProxyReading
    from fleethub.observing import observe

    fleet = place.fleet
    used = sorted({name for node in nodes for name in wiring(fleet, node)})
    facts = observe(
        fleet, [proxy_source(fleet.proxies[name]) for name in used], place.http, place.resolver, place.shells
    )
    readings = {name: facts.of(proxy_source(fleet.proxies[name])) for name in used}
    findings = [
        Finding(
            "proxy.unreadable",
            f"{name} cannot be asked with its master key: {heard(getattr(reading, 'reason', 'not read'))}",
            hint="causes on it are told apart by the node's key alone; fleethub status",
        )
        for name, reading in readings.items()
        if not isinstance(reading, ProxyReading)
    ]
    return readings, findings


def _verified(place: Workplace, node: Node, live: float | None, readings: Mapping[str, Any]) -> Verified:
    case = _Case.of(place, node, live)
    if stranger := case.stranger():
        asked = case.here("", {}, unread=f"{stranger} is not known on this machine, so no key was sent there")
    else:
        asked = case.closer_look(case.remote() if "://" in node.target else case.folder())
    tokens = {case.proxies[variable]: value.sha256() for variable, value in case.derived.items()}
    fleet = place.fleet.proxies
    masters = {
        name: Master(readings[name], fleet[name].key_cache_ttl, tokens.get(name)) for name in case.proxies.values()
    }
    return diagnose(asked, masters)


@dataclass(frozen=True, slots=True)
class _Case:
    """One node's questions. ``proxies`` and ``derived`` (the keys that it should have) are by variable."""

    place: Workplace
    node: Node
    checks: tuple[Check, ...]
    calls: tuple[Call, ...]
    proxies: Mapping[str, str]
    derived: Mapping[str, Secret]

    @classmethod
    def of(cls, place: Workplace, node: Node, live: float | None) -> _Case:
        """With the keys that can be derived: none without the seed."""
        from fleethub.clients.resolver import SecretError

        checks, calls = checks_of(place.fleet, node, live)
        proxies = {check.variable: check.proxy for check in checks if check.variable}
        derived = {}
        for variable, proxy in proxies.items():
            with suppress(SecretError):
                derived[variable] = place.resolver.open(key_slot(place.fleet, node, proxy))
        return cls(place, node, checks, calls, proxies, derived)

    @property
    def env(self) -> str:
        """Where the node's variables are, below its target."""
        kind = nodetypes.of(self.node)
        files = kind.files_of(self.node) if kind else ()
        role = next((file.role for file in files if file.format == "dotenv"), "")
        return nodetypes.paths(kind, self.node)[role] if kind and role else ".env"

    def stranger(self) -> str:
        """An origin that this machine does not know and the node's key would go to; empty without one."""
        guard = self.place.trust.guard
        return next((origin_of(call.url) for call in self.calls if not guard.allows(call.url)), "")

    def folder(self) -> Asked:
        """The ``.env`` is on this machine, and so the calls are made from it."""
        from fleethub.clients.door import variables
        from fleethub.clients.host import HostError, Hosts

        note = "its target is a folder of this machine"
        try:
            file = Hosts(self.place.shells, self.place.root).at(self.node.target).read((self.env,)).files.get(self.env)
        except HostError as error:
            return self.here(note, self.derived, unread=f"its {self.env} cannot be read: {error}")
        if file is None or file.content is None:
            return self.here(
                note, {}, dict.fromkeys(self.proxies, KeySeen("no-file" if file is None else "unreadable"))
            )
        found = variables(file.content.reveal(), tuple(self.proxies))
        own = {name: value for name, (_, value) in found.items() if value is not None}
        same = {n: v.sha256() == self.derived[n].sha256() for n, v in own.items() if n in self.derived}
        return self.here(note, own, {name: KeySeen(state, same.get(name)) for name, (state, _) in found.items()})

    def remote(self) -> Asked:
        """The node reads its own ``.env`` and calls; what comes back has no key in it."""
        from fleethub.clients.node_script import ask_node, digest
        from fleethub.clients.shell import ShellError

        parts = urlsplit(self.node.target)
        try:
            said = ask_node(self.place.shells.at(parts.netloc), parts.path, self.env, tuple(self.proxies), self.calls)
        except ShellError as error:
            return self.here("the node cannot be asked", self.derived, unread=str(error))
        keys = {}
        for name, (state, value) in said.keys.items():
            told = name in self.derived and len(value) == DIGEST
            keys[name] = KeySeen(state, value == digest(self.derived[name]) if told else None)
        if said.tool == "none":
            return self.here("the node has neither curl nor GNU wget", self._proven(keys), keys)
        return self._asked("", said.replies, Origin.NODE, keys)

    def here(self, note: str, own: Mapping[str, Secret], keys: Mapping[str, KeySeen] = _NO, unread: str = "") -> Asked:
        """Every call from this machine, those with a key that ``own`` has; ``note`` says why not from the node."""
        from fleethub.clients.door import ask_here

        return self._asked(note, ask_here(self.place.http, self.calls, own), Origin.HERE, keys, unread)

    def closer_look(self, asked: Asked) -> Asked:
        """Of the doors that the node could not reach: which can this machine? Such a replica is asked from here."""
        from fleethub.clients.door import ask_here
        from fleethub.clients.reach import silent

        checks = [c for c in asked.checks if asked.replies[c.listing].failure in UNREACHED]
        lost = dict.fromkeys(c.door for c in checks if asked.origins[c.listing] is Origin.NODE)
        if not lost:
            return asked
        here = frozenset(lost.keys() - silent(lost, REACH).keys())
        proven = self._proven(asked.keys)
        replies, origins = list(asked.replies), list(asked.origins)
        for door in sorted({c.door for c in checks if not c.main and c.door in here and c.variable in proven}):
            wanted = sorted({i for c in checks if c.door == door for i in (c.listing, c.live) if i is not None})
            calls = [_renumbered(asked.calls[i], wanted) for i in wanted]
            for i, reply in zip(wanted, ask_here(self.place.http, calls, proven), strict=True):
                replies[i], origins[i] = reply, Origin.HERE
        return replace(asked, replies=tuple(replies), origins=tuple(origins), here=here)

    def _proven(self, keys: Mapping[str, KeySeen]) -> dict[str, Secret]:
        """The derived keys that the node is known to have: only with those can this machine speak for it."""
        return {name: value for name, value in self.derived.items() if name in keys and keys[name].same}

    def _asked(
        self, note: str, replies: tuple[Reply, ...], origin: Origin, keys: Mapping[str, KeySeen], unread: str = ""
    ) -> Asked:
        origins = (origin,) * len(replies)
        node = self.node
        return Asked(node.name, node.key, note, self.checks, self.calls, replies, origins, keys, unread=unread)


def _renumbered(call: Call, kept: Sequence[int]) -> Call:
    return call if call.after is None else replace(call, after=kept.index(call.after))
