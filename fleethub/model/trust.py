"""What this machine knows: which origins get which credential, and which commands run. Like ssh's known_hosts.

``state.trust`` keeps a record on disk, ``operations.trust`` decides who may add to it, ``clients`` obey a ``Guard``.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import field
from urllib.parse import urlsplit

from fleethub.model.consuming import Node
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet import Fleet
from fleethub.model.secret import SecretRef

PORTS = {"http": 80, "https": 443}
COMMAND = "command:"
SEED = "fleet key_seed"
STATE = "state store"


@dataclass(frozen=True, slots=True)
class OriginUse:
    """One thing of the spec that is contacted: its origin, what it is (``proxy.main url``), and what is sent there."""

    origin: str
    what: str
    credential: SecretRef | None = None

    @property
    def of(self) -> str:
        """The block that it belongs to."""
        return self.what.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class CommandUse:
    """One command of the spec: its line, and what it is for."""

    line: str
    what: str

    @property
    def acts(self) -> bool:
        """Whether it does something for the block itself, and does not merely open one of its references."""
        return self.what.endswith((" command", " stop", " restart", " check", " remove"))


@dataclass(frozen=True, slots=True)
class Known:
    """What a record says of one origin: what it was known as, and the references that may go there."""

    uses: tuple[str, ...] = ()
    credentials: tuple[SecretRef, ...] = ()


@dataclass(frozen=True, slots=True)
class TrustRecord:
    """This machine's record of one fleet. ``commands``: digest -> the line as it was shown."""

    origins: Mapping[str, Known] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)

    def knows(self, use: OriginUse) -> bool:
        """Whether its origin is known, with the credential that is to go there."""
        known = self.origins.get(use.origin)
        return known is not None and (use.credential is None or use.credential in known.credentials)

    def runs(self, line: str) -> bool:
        """Whether a command is known."""
        return digest(line) in self.commands

    def with_uses(self, uses: Iterable[OriginUse], runs: Iterable[CommandUse] = ()) -> TrustRecord:
        """The record with these added. A new reference for something known takes the old one's place."""
        origins, commands = dict(self.origins), dict(self.commands)
        fresh: dict[str, list[SecretRef]] = {}
        for use in uses:
            known = origins.get(use.origin, Known())
            credentials = fresh.setdefault(use.origin, [])
            if use.credential is not None and use.credential not in credentials:
                credentials.append(use.credential)
            kept = tuple(credentials) or known.credentials
            origins[use.origin] = Known(tuple(dict.fromkeys((*known.uses, use.what))), kept)
        for run in runs:
            commands[digest(run.line)] = run.line
        return TrustRecord(origins, commands)


@dataclass(frozen=True, slots=True)
class Guard:
    """What clients may contact and run; what is on this machine itself (``local``, folders) is always allowed."""

    origins: frozenset[str] = frozenset()
    commands: frozenset[str] = frozenset()

    def allows(self, at: str) -> bool:
        """Whether something may be sent to a URL or SSH target."""
        return not (origin := origin_of(at)) or origin in self.origins

    def runs(self, line: str) -> bool:
        """Whether a command may run."""
        return digest(line) in self.commands


def origin_of(at: str) -> str:
    """``http://host:port``, ``ssh://user@host:port``; empty for a folder or this machine."""
    if "://" not in at:
        return ""
    scheme, _, rest = at.partition("://")
    if scheme == "ssh":
        return f"ssh://{rest.partition('/')[0]}"
    try:
        parts = urlsplit(at)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return at
    host = f"[{host}]" if ":" in host else host
    return f"{scheme.lower()}://{host}" + (f":{port}" if port and port != PORTS.get(scheme.lower()) else "")


def digest(line: str) -> str:
    """SHA-256 (hex) of a command's words, so that its spacing does not matter."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = [line]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def uses(fleet: Fleet) -> tuple[OriginUse, ...]:
    """Everything that the spec has FleetHub, or a node with its key, talk to; each once."""
    found: list[OriginUse] = []

    def use(at: str, what: str, credential: SecretRef | None = None) -> None:
        if origin := origin_of(at):
            found.append(OriginUse(origin, what, credential))

    if isinstance(fleet.state.store, str):
        use(fleet.state.store, STATE)
    use(fleet.state.endpoint, f"{STATE}'s endpoint")
    for proxy in fleet.proxies.values():
        use(proxy.admin_url, f"proxy.{proxy.name} admin_url", proxy.master_key)
        use(proxy.url, f"proxy.{proxy.name} url")
        for replica in proxy.replicas:
            use(replica, f"proxy.{proxy.name} replica", proxy.master_key)
    for backend in fleet.backends.values():
        if backend.engine is not None:
            use(backend.engine.url, f"backend.{backend.name} {backend.engine.engine}")
        for name, url in backend.endpoints.items():
            use(url, f"backend.{backend.name} {name}")
        if backend.ssh and backend.ssh != "local":
            use(f"ssh://{backend.ssh}", f"backend.{backend.name} ssh")
    for told in fleet.notify.values():
        use(told.url, f"notify.{told.name} url", told.token)
    for node in fleet.nodes.values():
        use(node.target, f"{node.address} target")
    return tuple(dict.fromkeys(found))


def runs(fleet: Fleet) -> tuple[CommandUse, ...]:
    """Every command of the spec: those of references, those that start and end nodes, and functions of checks."""
    found = [*_commands(fleet.key_seed, SEED), *_commands(fleet.state.reference, STATE)]
    for proxy in fleet.proxies.values():
        found += _commands(proxy.master_key, f"proxy.{proxy.name} master_key")
    for told in fleet.notify.values():
        found += _commands(told.token, f"notify.{told.name} token")
        found += [CommandUse(shlex.join(told.command), f"notify.{told.name} command")] if told.command else []
    for node in fleet.nodes.values():
        for name, value in node.env.items():
            found += _commands(value, f"{node.address} env {name}")
        if node.command:
            found.append(
                CommandUse(shlex.join(node.command), f"{node.address} {'restart' if node.consumer else 'command'}")
            )
        for what, argv in _handing(node):
            found.append(CommandUse(shlex.join(argv), f"{node.address} {what}"))
        if node.stop:
            found.append(CommandUse(shlex.join(node.stop), f"{node.address} stop"))
    found += [CommandUse(function_line(check.use), f"check {check.name}") for check in fleet.checks if check.use]
    return tuple(dict.fromkeys(found))


def function_line(use: str) -> str:
    """What is trusted where a check is a function, as a line: ``python-entry-point fleethub.checks PACKAGE:NAME``."""
    return shlex.join(("python-entry-point", "fleethub.checks", use))


def _handing(node: Node) -> Iterable[tuple[str, tuple[str, ...]]]:
    """The commands of a consumer's sink by what they are, as they are agreed to: with their placeholders."""
    sink = node.sink
    named = (("command", sink.command), ("check", sink.check), ("remove", sink.remove)) if sink else ()
    return ((what, argv) for what, argv in named if argv)


def _commands(ref: SecretRef | str | None, what: str) -> Iterable[CommandUse]:
    for alternative in ref.alternatives if isinstance(ref, SecretRef) else ():
        if alternative.startswith(COMMAND):
            yield CommandUse(alternative.removeprefix(COMMAND), what)
