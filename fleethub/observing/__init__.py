"""Reads every source of a plan at once, each with its own time-outs, and returns Facts.

One source that does not answer becomes Unknown with its reason; it delays nobody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Semaphore
from types import MappingProxyType

from fleethub.clients import git, gpu, modelshape, servers
from fleethub.clients.host import HostError, Hosts, Once
from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpError
from fleethub.clients.litellm import LiteLLM, LiteLLMError
from fleethub.clients.resolver import SecretError, SecretResolver
from fleethub.clients.shell import Shells
from fleethub.engines.registry import ENGINES
from fleethub.model.facts import Facts, Reading
from fleethub.model.fleet import Fleet
from fleethub.model.observation import EVERY, Source, System, Unknown
from fleethub.model.readings.server import MeasuredLoad, ServerReading
from fleethub.model.text import flat
from fleethub.observing.cache import Cache

WORKERS = 32
#: Reads of one engine's servers that may run at the same time.
SERVERS = 16
#: The same for other systems.
LIMITS: dict[System, int] = {"litellm": 8, "host": 128, "gpu": 16, "git": 1, "model": 4}

ERRORS: tuple[type[Exception], ...] = (
    LiteLLMError,
    servers.ServerError,
    HttpError,
    HostError,
    gpu.GpuError,
    git.GitError,
    modelshape.ModelShapeError,
    SecretError,
)


def now() -> str:
    """This moment, ISO 8601, UTC, seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def observe(
    fleet: Fleet,
    sources: Iterable[Source],
    http: Http,
    resolver: SecretResolver,
    shells: Shells | None = None,
    silent: Mapping[tuple[str, str], str] = MappingProxyType({}),
    parallel: int = WORKERS,
) -> Facts:
    """Read all sources concurrently. ``shells`` keeps connections for later; without it they are closed here.

    ``parallel``: sources that are read at a time. ``silent``: sources that are known not to answer (``Source.id``),
    and why; they are not asked.
    """
    if shells is None:
        shells = Shells(fleet.ssh_program, fleet.secret_variables)
        try:
            return observe(fleet, sources, http, resolver, shells, silent, parallel)
        finally:
            shells.close()
    machines = shells
    root = Path(fleet.root)
    hosts = Hosts(machines, root, Once())
    cache = Cache(root)
    at = now()
    gates: dict[System, Semaphore] = defaultdict(lambda: Semaphore(4))
    gates |= {system: Semaphore(limit) for system, limit in {**dict.fromkeys(ENGINES, SERVERS), **LIMITS}.items()}

    def litellm(source: Source) -> Reading:
        http.permit(source.at)
        master = resolver.open(source.credential) if source.credential else None
        return LiteLLM(http, source.at, master).read(source.ask, _hashes(source, resolver))

    def machine(source: Source) -> Reading:
        shell = machines.at(source.at)
        return gpu.read_local(shell) if source.at == "local" else gpu.read_remote(shell)

    def sink(source: Source) -> Reading:
        from fleethub.clients import sinks

        return sinks.read(hosts, resolver, source)

    def server(source: Source) -> Reading:
        return servers.CLIENTS[source.system](http, source.at, cache).read(source.ask)

    readers: dict[System, Callable[[Source], Reading]] = {
        "litellm": litellm,
        **dict.fromkeys(servers.CLIENTS, server),
        "host": lambda source: hosts.at(source.at).read(source.ask),
        "sink": sink,
        "gpu": machine,
        "git": lambda source: git.read(root, source.ask),
        "model": lambda source: modelshape.read(root, source.at),
        **dict.fromkeys(servers.FILES, lambda source: servers.FILES[source.system](root, source.at)),
    }

    def read(source: Source) -> Reading | Unknown:
        if source.id in silent:
            return Unknown(silent[source.id], at)
        with gates[source.system]:
            try:
                return readers[source.system](source)
            except ERRORS as error:
                return Unknown(flat(str(error)), at)

    wanted = list(sources)
    with ThreadPoolExecutor(max_workers=min(parallel, max(len(wanted), 1))) as pool:
        readings = dict(zip((s.id for s in wanted), pool.map(read, wanted), strict=True))
    loads = cache.remember_loads(measured_loads(fleet, readings, at))
    return Facts(at, readings, loads, _remembered(wanted, readings, cache))


def _hashes(source: Source, resolver: SecretResolver) -> Iterable[str]:
    """The hashes of the keys that were made there; none without the seed, and then nothing is told of them."""
    for slot in source.known:
        with suppress(SecretError):
            yield resolver.open(slot).sha256()


def measured_loads(
    fleet: Fleet, readings: Mapping[tuple[str, str], Reading | Unknown], at: str
) -> Iterator[MeasuredLoad]:
    """What is loaded on the servers that tell true sizes, each server once."""
    done = set()
    for backend in fleet.backends.values():
        if backend.engine is None or backend.engine.url in done:
            continue
        done.add(backend.engine.url)
        reading = readings.get(backend.engine.source.id)
        if isinstance(reading, ServerReading):
            machine = readings.get(Source("gpu", backend.ssh).id) if backend.ssh else None
            yield from ENGINES[backend.engine.engine].measured(backend, reading, machine, at)


def _remembered(
    wanted: Iterable[Source], readings: Mapping[tuple[str, str], Reading | Unknown], cache: Cache
) -> dict[str, ServerReading]:
    """Keep what the model servers that answer have installed, and recall it for those that do not."""
    recalled = {}
    for source in wanted:
        reading = readings[source.id]
        if isinstance(reading, ServerReading):
            canonical = ENGINES[source.system].canonical
            asked = {canonical(tag) for tag in source.ask}
            told = [t for t in reading.installed if EVERY in source.ask or canonical(t) in asked]
            cache.remember_installed(source.at, reading, told)
        elif source.system in ENGINES and (known := cache.installed(source.at)) is not None:
            recalled[source.at] = known
    return recalled
