"""What a model server, or a file that speaks for one, tells of models: installed, loaded, measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from fleethub.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a model: its GGML type in capitals (``Q4_K``) and its shape as the file has it."""

    name: str
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server or a GGUF header tells of a model: ``general.*`` and ``<arch>.*`` keys with their arrays.

    Without the vocabulary. ``parameters`` are the Modelfile's (``num_ctx``, as text); ``projector`` the vision
    part's own keys, ``tensors`` empty on servers that do not list them. ``weights`` is the digest (hex) of the file
    that holds the weights, which several names may share; ``beside`` the adapters and projectors that go with it
    ("adapter HEX"), ``draft`` a file of its own that predicts further tokens. All empty where it is not told.
    """

    info: Mapping[str, Any]
    tensors: tuple[Tensor, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    projector: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    beside: tuple[str, ...] = ()
    draft: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on a server's disk; ``size`` of its blobs in bytes. ``shown`` is there when it was asked for.

    ``remote``: the host that answers in its place, so that nothing of it is on this server; empty: none. ``modified``:
    when the server wrote its name down, ISO 8601, UTC, microseconds, which two disks do not share; empty: not told.
    """

    size: int
    digest: str
    quant: str | None = None
    shown: Shown | None = None
    remote: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Resident:
    """A model loaded now; sizes in bytes, ``context`` in tokens per slot (None on old servers)."""

    tag: str
    size: int
    size_vram: int
    digest: str
    context: int | None = None
    until: str = ""  # when it expires, as the server writes it


@dataclass(frozen=True, slots=True)
class ServerReading:
    """A model server: version, installed models by its own names, residents.

    ``told``: what it says of its own settings, by its own names, as text.
    """

    version: str
    installed: Mapping[str, Installed]
    residents: tuple[Resident, ...]
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a file of the fleet tells of a model; ``size`` of its weights in bytes, 0: not told."""

    shown: Shown
    size: int


@dataclass(frozen=True, slots=True)
class SwapGroup:
    """Models that are judged alike: ``swap``: one at a time; ``exclusive``: one of them ends those of other groups.

    ``persistent``: nobody else ends them.
    """

    name: str
    swap: bool
    exclusive: bool
    persistent: bool
    members: frozenset[str]


@dataclass(frozen=True, slots=True)
class SwapFile:
    """What a file says of models that take turns: how each is started (options that decide about memory), by its name.

    ``aliases``: further name -> name. ``sets``: who may run together, subsets too; None: the ``groups`` decide.
    """

    models: Mapping[str, tuple[tuple[str, str], ...]]
    aliases: Mapping[str, str]
    groups: tuple[SwapGroup, ...]
    sets: tuple[frozenset[str], ...] | None


@dataclass(frozen=True, slots=True)
class MeasuredLoad:
    """What a load really took, seen in ``/api/ps`` and remembered: the server's own buffers in bytes.

    Its key is all that decides the size: the model's digest, context per slot, parallel slots, KV type and the
    server's version.
    """

    digest: str
    context: int
    parallel: int
    kv_type: str
    version: str
    bytes: int
    at: str
