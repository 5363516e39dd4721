"""Audit a LiteLLM that nobody adopted: no spec, nothing written, only reads; other addresses only where trusted."""

from __future__ import annotations

import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fleethub.auditing.audit import audit
from fleethub.auditing.fit import fleet_of
from fleethub.auditing.values import Audit, AuditQuery
from fleethub.clients import servers
from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpError
from fleethub.clients.litellm import LiteLLM, LiteLLMError
from fleethub.clients.resolver import SecretError, SecretResolver
from fleethub.fleetspec.values import size
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError, InputError
from fleethub.model.exit import Exit
from fleethub.model.facts import Facts, Reading
from fleethub.model.finding import Severity
from fleethub.model.fleet import Fleet
from fleethub.model.observation import EVERY, Unknown
from fleethub.model.secret import SecretRef
from fleethub.model.serving import Backend
from fleethub.model.text import flat
from fleethub.model.trust import COMMAND, Guard, digest, origin_of
from fleethub.operations.outcome import Outcome
from fleethub.operations.trust import given

MASTER = "env:LITELLM_MASTER_KEY"
DAYS = 30  # whose calls with the master key are counted
AT_ONCE = 8  # servers


class AuditError(FleetHubError):
    """The proxy could not be read, so nothing is said of it."""

    code = "audit.unread"


@dataclass(frozen=True, slots=True)
class AuditInput:
    """``url`` of a LiteLLM; ``key`` a reference to its master key. ``trust``: further origins that may be asked.

    ``vram``: ``HOST=SIZE[+SIZE]`` each, what GPUs a host has. ``unused_days`` without a call make a key unused.
    """

    url: str
    key: str = MASTER
    trust: tuple[str, ...] = ()
    vram: tuple[str, ...] = ()
    unused_days: float = 90.0


def run(asked: AuditInput) -> Outcome[Audit]:
    """Read and judge: exit 3 with a finding of severity error. Raises InputError, TrustInputError, AuditError."""
    url = asked.url.rstrip("/")
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise InputError(f"{flat(asked.url)!r} is no URL of a LiteLLM: http://HOST:4000")
    if not re.fullmatch(r"(env|file|command):.+", asked.key, re.DOTALL):
        raise InputError(
            "--key is a reference: env:NAME, file:PATH or command:ARGV (a key itself would be seen by all)"
        )
    vram = dict(_vram(text) for text in asked.vram)
    said = given(asked.trust)
    commands = {*said.commands, *([digest(asked.key.removeprefix(COMMAND))] if asked.key.startswith(COMMAND) else ())}
    guard = Guard(frozenset({origin_of(url), *said.origins}), frozenset(commands))
    http = Http(guard=guard)
    try:
        client = LiteLLM(http, url, SecretResolver(Path.cwd(), None, (), guard).open(SecretRef((asked.key,))))
        reading = client.read(wanted=(EVERY,))
        used = client.master_calls(DAYS)
        fleet = fleet_of(url, reading, vram)
        facts, refused = _servers(http, guard, fleet)
    except (LiteLLMError, HttpError, SecretError) as error:
        raise AuditError(f"{url} cannot be audited: {error}{_what_to_do(error, asked.key)}") from None
    finally:
        http.close()
    unused = asked.unused_days * 86400
    query = AuditQuery(url, reading, facts, used, refused, vram, unused)
    found = audit(query, "" if asked.key == MASTER else asked.key)
    wrong = any(f.severity is Severity.ERROR for f in found.findings)
    return Outcome(found, Exit.REFUSED if wrong else Exit.FINE, found.findings)


def _what_to_do(error: Exception, key: str) -> str:
    """About what cannot be the key's fault the key is not told of."""
    status = error.status if isinstance(error, LiteLLMError) else 0
    if isinstance(error, SecretError) or status in (401, 403):
        return f"; its key is {key}: --key REF names another"
    return "; is that the URL of a LiteLLM?" if status else ""


def _servers(http: Http, guard: Guard, fleet: Fleet) -> tuple[Facts, dict[str, str]]:
    """What the servers behind the proxy have; those that are not trusted are not asked, and it is said why."""
    refused = {}
    ask: list[Backend] = []
    for backend in fleet.backends.values():
        if guard.allows(backend.name):
            ask.append(backend)
        else:
            refused[backend.name] = f"this machine does not know it; --trust {shlex.quote(backend.name)} has it asked"
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        readings = list(pool.map(lambda backend: _server(http, fleet, backend), ask))
    return Facts("", {b.engine.source.id: r for b, r in zip(ask, readings, strict=True) if b.engine}), refused


def _server(http: Http, fleet: Fleet, backend: Backend) -> Reading | Unknown:
    assert backend.engine is not None
    tags = tuple(sorted({m.tag for m in fleet.models.values() if backend.name in m.backends and m.tag}))
    try:
        return servers.CLIENTS[backend.engine.engine](http, backend.engine.url, None).read(tags)
    except (servers.ServerError, HttpError) as error:
        return Unknown(flat(str(error)), "")


def _vram(text: str) -> tuple[str, tuple[int, ...]]:
    host, equals, sizes = text.rpartition("=")
    try:
        found = tuple(size(one) for one in sizes.split("+"))
    except ValueError:
        found = ()
    if not host or not equals or not found:
        raise InputError(f"--vram {text!r}: it is HOST=SIZE, like gpu-1=48GiB, or 24GiB+24GiB for two GPUs")
    return host, found
