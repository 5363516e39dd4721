"""Where flash attention is off, and a cache is kept in f16 because of it. Read at ``ml/device.go`` of each version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleethub.engines.ollama.scheduler import SchedulerVersion, number_of
from fleethub.sizing.devices import capability

if TYPE_CHECKING:
    from fleethub.engines.ollama.server import OllamaServer

#: 0.30 refuses what is below 7.0, 0.31.2 and later what is below 6.0; and all of them 7.2, whatever the version.
SINCE_PASCAL = (0, 31, 2)


def flash(server: OllamaServer) -> bool:
    """Whether loads get flash attention: as the setting says, else as its version and its GPUs allow."""
    if server.flash is not None:
        return server.flash
    return server.scheduler is not SchedulerVersion.OLD and not refused(server)


def refused(server: OllamaServer) -> str:
    """The GPU that does not get it, with its compute capability; empty: none. One of them is enough."""
    if server.runtime != "cuda" or server.scheduler is SchedulerVersion.OLD:
        return ""
    number = number_of(server.version)
    least = (6, 0) if number is None or number >= SINCE_PASCAL else (7, 0) if number >= (0, 30, 0) else (0, 0)
    for at, (name, _) in enumerate(server.gpus):
        told = server.compute[at] if at < len(server.compute) else ""
        found = _number(told) or capability(name)
        if found is not None and (found < least or found == (7, 2)):
            return f"{name} (compute capability {found[0]}.{found[1]})"
    return ""


def flash_note(server: OllamaServer) -> str:
    """What is to be said where it is off because of a GPU; empty: nothing."""
    card = refused(server) if server.flash is None else ""
    if not card:
        return ""
    kept = ""
    if server.kv_type != "f16":
        kept = f", so that a cache in {server.kv_type} is reckoned as f16 (the load may be refused for it)"
    return f"Ollama {server.version or 'of this version'} turns flash attention off for {card}{kept}"


def _number(text: str) -> tuple[int, int] | None:
    major, dot, minor = text.partition(".")
    return (int(major), int(minor)) if dot and major.isdigit() and minor.isdigit() else None
