"""What the clients read, one value per source, before anybody decides what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleethub.model.observation import Source, Unknown
from fleethub.model.secret import Blob


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of a LiteLLM's list. ``token`` is the sha256 hex of the whole key; ``models`` as stored (empty: all)."""

    alias: str
    token: str
    models: tuple[str, ...]
    limits: Mapping[str, Any]
    metadata: Mapping[str, Any]
    blocked: bool = False
    bound_to: tuple[str, ...] = ()  # teams and access groups that change its scope
    expires: str | None = None
    spend: float | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One row of ``/model/info``: several rows of one alias are balanced. ``num_ctx`` in tokens.

    ``stored`` is True for what lives in the proxy's database; ``info`` holds our mark, where there is one.
    """

    alias: str
    model: str
    id: str
    api_base: str | None = None
    num_ctx: int | None = None
    stored: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProxyReading:
    """A LiteLLM: the aliases that keys may name, its deployments, and all keys by alias (which need not be unique)."""

    models: frozenset[str]
    deployments: tuple[Deployment, ...]
    keys: Mapping[str, tuple[KeyRow, ...]]
    clears_budget_duration: bool = True


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on an Ollama's disk; ``size`` in bytes. ``info`` is ``/api/show``'s model_info when it was asked for."""

    size: int
    digest: str
    quant: str | None = None
    info: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Resident:
    """A model loaded now; sizes in bytes, ``context`` in tokens per slot (None on old servers)."""

    tag: str
    size: int
    size_vram: int
    digest: str
    context: int | None = None


@dataclass(frozen=True, slots=True)
class OllamaReading:
    """An Ollama server: version, installed models by tag, residents."""

    version: str
    installed: Mapping[str, Installed]
    residents: tuple[Resident, ...]


@dataclass(frozen=True, slots=True)
class FileReading:
    """One file at a target; ``kind`` is "file", or what stands in its place ("link", "folder", "other")."""

    content: Blob | None
    mode: int
    kind: str = "file"


@dataclass(frozen=True, slots=True)
class HostReading:
    """A node's target: files by relative path (absent ones are missing), the mark's JSON, the last applied set.

    ``exists`` is False when the folder itself is absent. ``others`` names unmarked things that lie there.
    """

    exists: bool
    files: Mapping[str, FileReading] = field(default_factory=dict)
    mark: Mapping[str, Any] | None = None
    applied: Mapping[str, Blob] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GpuReading:
    """GPUs by NVML: (name, total bytes, free bytes)."""

    gpus: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class GitReading:
    """Of the asked paths: those that git tracks, and those inside a work tree that it would not ignore."""

    tracked: frozenset[str]
    unignored: frozenset[str]


Reading = ProxyReading | OllamaReading | HostReading | GpuReading | GitReading


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one command read, by ``Source.id``; ``at`` is when (ISO 8601, UTC)."""

    at: str
    readings: Mapping[tuple[str, str], Reading | Unknown] = field(default_factory=dict)

    def of(self, source: Source) -> Reading | Unknown:
        """The reading of a source; a source that nobody read is unknown."""
        return self.readings.get(source.id) or Unknown("it was not read", self.at)


def tagged(name: str) -> str:
    """Ollama's own form of a name: ``llama3`` is ``llama3:latest``."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
