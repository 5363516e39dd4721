"""Reads every source of a plan at once, each with its own time-outs, and returns Facts.

One source that does not answer becomes Unknown with its reason; it delays nobody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Semaphore

from fleethub.clients import git, gpu, host
from fleethub.clients.http import Http
from fleethub.clients.litellm import LiteLLM, LiteLLMError
from fleethub.clients.ollama import Ollama, OllamaError
from fleethub.clients.vault import SecretError, Vault
from fleethub.model.facts import Facts, Reading
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source, System, Unknown

WORKERS = 32
#: Reads of one system that may run at the same time.
LIMITS: dict[System, int] = {"litellm": 8, "ollama": 16, "host": 32, "gpu": 1, "git": 1}

ERRORS = (LiteLLMError, OllamaError, host.HostError, gpu.GpuError, git.GitError, SecretError)


def now() -> str:
    """This moment, ISO 8601, UTC, seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def observe(fleet: Fleet, sources: Iterable[Source], http: Http, vault: Vault) -> Facts:
    """Read all sources concurrently."""
    from pathlib import Path

    root = Path(fleet.root)
    at = now()
    gates: dict[System, Semaphore] = defaultdict(lambda: Semaphore(4))
    gates |= {system: Semaphore(limit) for system, limit in LIMITS.items()}

    def litellm(source: Source) -> Reading:
        master = vault.open(source.credential) if source.credential else None
        return LiteLLM(http, source.at, master).read()

    readers: dict[System, Callable[[Source], Reading]] = {
        "litellm": litellm,
        "ollama": lambda source: Ollama(http, source.at).read(source.ask),
        "host": lambda source: host.connect(source.at, root).read(source.ask),
        "gpu": lambda source: gpu.read(),
        "git": lambda source: git.read(root, source.ask),
    }

    def read(source: Source) -> Reading | Unknown:
        with gates[source.system]:
            try:
                return readers[source.system](source)
            except ERRORS as error:
                return Unknown(str(error), at)

    wanted = list(sources)
    with ThreadPoolExecutor(max_workers=min(WORKERS, max(len(wanted), 1))) as pool:
        readings = dict(zip((s.id for s in wanted), pool.map(read, wanted), strict=True))
    return Facts(at, readings)
