"""One node is asked: from itself where there is SSH, with the key in its own file; else from here.

An adopted key that stands in the node's own config is read there, and what needs it is asked from here.

A folder target has no machine of its own, and a command that took a key gives it to nobody: such calls are made from
here. So are those of a node that cannot be logged
into or has no tool to call with, then with the key that FleetHub derives; and a replica that only this machine can
connect to, which need not be wrong: nodes use the proxy's one URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from fleethub import nodetypes
from fleethub.clients.endpoint import ask_here, bare, variables
from fleethub.clients.host import HostError, Hosts
from fleethub.clients.http import Http
from fleethub.clients.node_endpoints import ask_node
from fleethub.clients.probe import unreachable
from fleethub.clients.resolver import SecretError, SecretResolver
from fleethub.clients.shell import ShellError, Shells
from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.consuming import Node
from fleethub.model.dataclass import dataclass
from fleethub.model.endpoint import UNREACHED, Call, Reply
from fleethub.model.fleet import Fleet
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.secret import Blob, Secret
from fleethub.model.trust import Guard, origin_of
from fleethub.nodetypes.endpoints import key_slot
from fleethub.nodetypes.interface import SECRET
from fleethub.verifying.calls import checks_of
from fleethub.verifying.diagnosis import diagnose
from fleethub.verifying.values import KeyState, MasterView, ModelCheck, NodeAnswers, NodeVerification, Origin

REACH = 3.0  # seconds in which this machine must connect to what a node could not
OLDER = 16  # older values of a key that a node is known by
DIGEST = re.compile("[0-9a-f]{64}")  # of one; a node without a tool for it gives none
_NO: Mapping[str, KeyState] = MappingProxyType({})
_NONE: Mapping[str, Secret] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to ask: the fleet and its folder, the connections, and which origins may be sent a key.

    ``had``: of each key the fingerprints of its values as they were last applied, for an adopted one cannot be derived.
    """

    fleet: Fleet
    root: Path
    http: Http
    resolver: SecretResolver
    shells: Shells
    guard: Guard
    had: Mapping[Address, frozenset[str]] = field(default_factory=dict)


def verify_node(
    access: Access, node: Node, live: float | None, readings: Mapping[str, ProxyReading | None]
) -> NodeVerification:
    """Ask one node and judge its answers. ``live``: seconds for a call of each model, None: no such calls.

    ``readings``: the proxies as their master keys see them; None where that could not be read.
    """
    query = _NodeQuery.of(access, node, live, readings)
    if stranger := query.stranger():
        asked = query.here("", {}, unread=f"{stranger} is not known on this machine, so no key was sent there")
    elif node.sink is not None:
        asked = query.closer_look(query.here("its key was handed to a command", query.likely))
    else:
        asked = query.closer_look(query.remote() if "://" in node.target else query.folder())
    tokens = {
        query.proxies[variable]: asked.keys.get(variable, KeyState("")).older or value.sha256()
        for variable, value in (query.likely if asked.unread else query.derived).items()
    }
    masters = {
        name: MasterView(readings[name], access.fleet.proxies[name].key_cache_ttl, tokens.get(name))
        for name in query.proxies.values()
    }
    return diagnose(asked, masters)


@dataclass(frozen=True, slots=True)
class _NodeQuery:
    """One node's questions. ``proxies``, ``derived`` (the keys that it should have) and ``older`` (their values
    before, the newest first) are by variable; so is ``likely``: of these the newest that its proxy has.
    """

    access: Access
    node: Node
    checks: tuple[ModelCheck, ...]
    calls: tuple[Call, ...]
    proxies: Mapping[str, str]
    derived: Mapping[str, Secret]
    older: Mapping[str, tuple[Secret, ...]]
    likely: Mapping[str, Secret]

    @classmethod
    def of(
        cls, access: Access, node: Node, live: float | None, readings: Mapping[str, ProxyReading | None]
    ) -> _NodeQuery:
        """With the keys that can be derived: none without the seed."""
        checks, calls = checks_of(access.fleet, node, live)
        proxies = {check.variable: check.proxy for check in checks if check.variable}
        derived: dict[str, Secret] = {}
        older: dict[str, tuple[Secret, ...]] = {}
        for variable, proxy in proxies.items():
            if access.fleet.kept_value(key_address(proxy, node.key)):
                continue  # an adopted key: which value is right is not known here, and any that works will do
            with suppress(SecretError):
                slot = key_slot(access.fleet, node, proxy)
                derived[variable] = access.resolver.open(slot)
                before = range(slot.generation - 1, max(slot.generation - 1 - OLDER, 0), -1)
                older[variable] = tuple(access.resolver.open(replace(slot, generation=n)) for n in before)
        likely = {
            variable: found
            for variable, value in derived.items()
            if (found := _likely((value, *older[variable]), readings.get(proxies[variable]))) is not None
        }
        return cls(access, node, checks, calls, proxies, derived, older, likely)

    @property
    def env(self) -> str:
        """Where the node's variables are, below its target."""
        kind = nodetypes.of(self.node)
        files = kind.files_of(self.node) if kind else ()
        held = sorted((file for file in files if file.format in SECRET), key=lambda file: file.format != "key")
        role = held[0].role if held else ""
        return nodetypes.paths(kind, self.node)[role] if kind and role else ".env"

    def stranger(self) -> str:
        """An origin that this machine does not know and the node's key would go to; empty without one."""
        guard = self.access.guard
        return next((origin_of(call.url) for call in self.calls if not guard.allows(call.url)), "")

    def folder(self) -> NodeAnswers:
        """The ``.env`` is on this machine, and so the calls are made from it."""
        note = "its target is a folder of this machine"
        try:
            file = (
                Hosts(self.access.shells, self.access.root).at(self.node.target).read((self.env,)).files.get(self.env)
            )
        except HostError as error:
            return self.here(note, self.likely, unread=f"its {self.env} cannot be read: {error}")
        own: dict[str, Secret] = {}
        if file is None or file.content is None:
            keys = dict.fromkeys(self.proxies, KeyState("no-file" if file is None else "unreadable"))
        else:
            found = self._in(file.content)
            own = {name: value for name, (_, value) in found.items() if value is not None}
            keys = {
                name: self._state(name, state, value.sha256() if value is not None else "")
                for name, (state, value) in found.items()
            }
        config = self.in_config(keys)
        return self.here(note, {**own, **config}, {**keys, **dict.fromkeys(config, KeyState("ok"))})

    @property
    def bare(self) -> bool:
        """Whether its key stands alone in its file."""
        kind = nodetypes.of(self.node)
        return kind is not None and any(file.format == "key" for file in kind.files_of(self.node))

    def _in(self, content: Blob) -> Mapping[str, tuple[str, Secret | None]]:
        """State and value of its keys in their file, by the variable."""
        if not self.bare:
            return variables(content.reveal(), tuple(self.proxies))
        return dict.fromkeys(self.proxies, bare(content.reveal()))

    def remote(self) -> NodeAnswers:
        """The node reads its key in its own file and calls; what comes back has no key in it."""
        parts = urlsplit(self.node.target)
        try:
            said = ask_node(
                self.access.shells.at(parts.netloc), parts.path, self.env, tuple(self.proxies), self.calls, self.bare
            )
        except ShellError as error:
            return self.here("the node cannot be asked", self.likely, unread=str(error))
        keys = {
            name: self._state(name, state, value if DIGEST.fullmatch(value) else "")
            for name, (state, value) in said.keys.items()
        }
        config = self.in_config(keys)
        keys |= dict.fromkeys(config, KeyState("ok"))
        if said.tool == "none":
            return self.here("the node has neither curl nor GNU wget", {**self._proven(keys), **config}, keys)
        asked = self._asked("", said.replies, Origin.NODE, keys)
        mine = [i for i, call in enumerate(self.calls) if call.variable in config]
        return self._from_here(asked, mine, config) if mine else asked

    def in_config(self, keys: Mapping[str, KeyState]) -> Mapping[str, Secret]:
        """Of the adopted keys that its variables lack, those that stand in its own config, by the variable."""
        kind, node, fleet = nodetypes.of(self.node), self.node, self.access.fleet
        lost = {self.proxies[name]: name for name, key in keys.items() if key.state in ("no-file", "absent")}
        lost = {proxy: name for proxy, name in lost.items() if fleet.kept_value(key_address(proxy, node.key))}
        if kind is None or not lost or node.manage != "wiring":
            return _NONE
        paths = nodetypes.paths(kind, node)
        try:
            there = Hosts(self.access.shells, self.access.root).at(node.target).read(tuple(paths.values())).files
        except HostError:
            return _NONE
        data = {
            role: blob.reveal()
            for role, path in paths.items()
            if path in there and (blob := there[path].content) is not None
        }
        return {
            lost[wired.proxy]: provider.key.value
            for provider in kind.found(data, node.settings).providers
            if (wired := node.wiring.get(provider.id)) is not None
            and wired.proxy in lost
            and provider.key is not None
            and provider.key.value is not None
        }

    def here(
        self, note: str, own: Mapping[str, Secret], keys: Mapping[str, KeyState] = _NO, unread: str = ""
    ) -> NodeAnswers:
        """Every call from this machine, those with a key that ``own`` has; ``note`` says why not from the node."""
        return self._asked(note, ask_here(self.access.http, self.calls, own), Origin.HERE, keys, unread)

    def closer_look(self, asked: NodeAnswers) -> NodeAnswers:
        """Of the endpoints that the node could not reach: which can this machine? Such a replica is asked from here."""
        checks = [c for c in asked.checks if asked.replies[c.listing].failure in UNREACHED]
        lost = dict.fromkeys(c.url for c in checks if asked.origins[c.listing] is Origin.NODE)
        if not lost:
            return asked
        here = frozenset(lost.keys() - unreachable(lost, REACH).keys())
        proven = self._proven(asked.keys)
        for url in sorted({c.url for c in checks if not c.main and c.url in here and c.variable in proven}):
            wanted = sorted({i for c in checks if c.url == url for i in (c.listing, c.live) if i is not None})
            asked = self._from_here(asked, wanted, proven)
        return replace(asked, here=here)

    def _from_here(self, asked: NodeAnswers, wanted: Sequence[int], own: Mapping[str, Secret]) -> NodeAnswers:
        """With the answers that this machine gets to some of the calls."""
        replies, origins = list(asked.replies), list(asked.origins)
        calls = [_renumbered(asked.calls[i], wanted) for i in wanted]
        for i, reply in zip(wanted, ask_here(self.access.http, calls, own), strict=True):
            replies[i], origins[i] = reply, Origin.HERE
        return replace(asked, replies=tuple(replies), origins=tuple(origins))

    def _state(self, variable: str, state: str, told: str) -> KeyState:
        """What the node has, by LiteLLM's hash of it (empty: not told)."""
        if variable not in self.derived or not told:
            return KeyState(state)
        if told == self.derived[variable].sha256():
            return KeyState(state, True)
        before = {value.sha256() for value in self.older[variable]}
        address = key_address(self.proxies[variable], self.node.key)
        applied = self.access.resolver.sha256(bytes.fromhex(told)) in self.access.had.get(address, ())
        older = told if told in before or applied else ""
        return KeyState(state, bool(older), older)

    def _proven(self, keys: Mapping[str, KeyState]) -> dict[str, Secret]:
        """The derived keys that the node is known to have: only with those can this machine speak for it."""
        had = {older.sha256(): older for every in self.older.values() for older in every}
        has = {n: keys[n].older for n in self.derived if n in keys and keys[n].same}
        return {n: had[older] if older else self.derived[n] for n, older in has.items() if not older or older in had}

    def _asked(
        self, note: str, replies: tuple[Reply, ...], origin: Origin, keys: Mapping[str, KeyState], unread: str = ""
    ) -> NodeAnswers:
        told, where = (self.node.address, self.node.key, note), (origin,) * len(replies)
        return NodeAnswers(*told, self.checks, self.calls, replies, where, keys, unread=unread, file=self.env)


def _likely(values: Sequence[Secret], reading: ProxyReading | None) -> Secret | None:
    """The first of a key's values that its proxy has; the first where that is not known.

    None where there was one before it and its proxy has neither: what the node has by now FleetHub did not make.
    """
    there = {row.token for same in reading.keys.values() for row in same} if reading else set()
    found = next((value for value in values if value.sha256() in there), None)
    return found or (values[0] if reading is None or len(values) == 1 else None)


def _renumbered(call: Call, kept: Sequence[int]) -> Call:
    return call if call.after is None else replace(call, after=kept.index(call.after))
