"""What a process that lives for months has in memory: all of FleetHub that it may come to need, and no garbage.

A package is brought up to date under a running server. What that imports or reads only then would be of another
version than the rest, or gone.
"""

from __future__ import annotations

import ctypes
import gc
import pkgutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module

import fleethub

#: What no server comes to. A store is imported by the first look at the fleet that is kept in it, right at the start.
ELSEWHERE = frozenset(
    f"fleethub.{name}"
    for name in (
        *("__main__", "adoption", "auditing", "cli", "server.mcp", "testing"),
        *("stores.bucket", "stores.pg_connection", "stores.pg_lock", "stores.postgres"),
    )
)
ARENAS = -8  # M_ARENA_MAX of mallopt(3)


def settled() -> None:
    """Import what is there, and let the collector pass it by from now on. Once, before anything is served."""
    for name in _modules(fleethub.__path__, "fleethub."):
        with suppress(ModuleNotFoundError):  # of an extra that is not installed
            import_module(name)
    # Any of forty threads may plan anew; each would keep an arena of its own as large as the largest of its plans.
    _glibc("mallopt", ARENAS, 1)
    gc.collect()
    gc.freeze()


def tidied() -> None:
    """Let go of what the last look left: before Python 3.14 json's encoders hold themselves, so that they stay until
    the collector comes to them, and the allocator keeps what was freed. Only in a process that was settled: elsewhere
    the collector would go through all that is imported.
    """
    if gc.get_freeze_count():
        gc.collect()
        _glibc("malloc_trim", 0)


def _modules(paths: Iterable[str], prefix: str) -> Iterator[str]:
    for found in pkgutil.iter_modules(paths, prefix):
        if found.name in ELSEWHERE:
            continue
        yield found.name
        if found.ispkg:
            yield from _modules(import_module(found.name).__path__, f"{found.name}.")


def _glibc(name: str, *told: int) -> None:
    """Call what glibc alone has; elsewhere nothing."""
    with suppress(OSError, AttributeError):
        getattr(ctypes.CDLL(None), name)(*told)
