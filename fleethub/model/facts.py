"""What the clients read, one value per source, before anybody decides what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Source, Unknown
from fleethub.model.secret import Blob


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of a LiteLLM's list. ``token`` is the sha256 hex of the whole key; ``models`` as stored (empty: all).

    ``limits`` under LiteLLM's names, those per model too (``model_rpm_limit``: model -> number). ``expires`` is
    ISO 8601. ``aliases`` (name asked for -> name called) and ``router_settings`` are the key's own. ``age``: seconds
    since it was made, ``used`` since a call was made with it, ``left`` until it expires, when it was read; None: not
    told, or never. ``lifetime``: how long it lives as our mark says, where that is what it does. ``budget``: the id of
    a row of budgets that it has, which other keys may have too; empty: none.
    """

    alias: str
    token: str
    models: tuple[str, ...]
    limits: Mapping[str, Any]
    metadata: Mapping[str, Any]
    blocked: bool = False
    groups: tuple[str, ...] = ()  # access groups that change its scope
    team: str = ""
    expires: str | None = None
    spend: float | None = None
    allowed_routes: tuple[str, ...] = ()
    aliases: Mapping[str, Any] = field(default_factory=dict)
    router_settings: Mapping[str, Any] = field(default_factory=dict)
    age: float | None = None
    left: float | None = None
    lifetime: str | None = None
    used: float | None = None
    budget: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """A team of a LiteLLM: its keys reach what both lists name (``models`` empty: all). Budget in its currency."""

    id: str
    alias: str = ""
    models: tuple[str, ...] = ()
    blocked: bool = False
    spend: float | None = None
    max_budget: float | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One row of ``/model/info``: several rows of one alias are balanced. ``num_ctx`` in tokens; ``max_input`` as well,
    as LiteLLM knows the model.

    ``stored`` is True for what lives in the proxy's database; ``info`` holds our mark, where there is one. ``groups``:
    names by which a key may name it together with others.
    """

    alias: str
    model: str
    id: str
    api_base: str | None = None
    num_ctx: int | None = None
    stored: bool = False
    max_input: int | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxyReading:
    """A LiteLLM: the aliases that keys may name, its deployments, and all keys by alias (which need not be unique).

    ``deployments`` has a wildcard as its pattern. ``fallbacks``: alias ("*": any) -> what the router calls in its
    place; None: not known. ``version`` is empty where it is not told. ``takes_values``: whether a key's value may be
    chosen; None: not asked. ``teams`` are those of marked keys, by id. ``aliases``: the router's other names, hidden
    ones too -> what it calls for them.
    """

    models: frozenset[str]
    deployments: tuple[Deployment, ...]
    keys: Mapping[str, tuple[KeyRow, ...]]
    clears_budget_duration: bool = True
    version: str = ""
    fallbacks: Mapping[str, tuple[str, ...]] | None = None
    takes_values: bool | None = None
    teams: Mapping[str, Team] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MasterUse:
    """Calls that were made with a proxy's master key in the last ``days``; ``spend`` in the proxy's currency."""

    calls: int
    spend: float
    days: int


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
class FileReading:
    """One file at a target; ``kind`` is "file", or what stands in its place ("link", "folder", "other")."""

    content: Blob | None
    mode: int
    kind: str = "file"
    owner: int | None = None  # uid


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a Compose project: the project's name and folder, and the host's ports that it takes."""

    project: str
    folder: str
    running: bool
    ports: frozenset[int]


@dataclass(frozen=True, slots=True)
class HostReading:
    """A node's target: files by relative path (absent ones are missing), the mark's JSON, the last applied set.

    ``exists`` is False when the folder itself is absent; a ``mark`` that is damaged is there, and empty. Of the
    machine, where it was asked: ``tools`` on its PATH with their version where it is asked for (``compose``: Docker's
    plugin), ``listens`` (port that was asked for -> its sockets, where they can be told), ``containers``, ``uid`` of
    the login (with Docker's). ``compose``: the files that Docker Compose takes by itself.
    ``listener``: the sockets on the node's port when the last set came that needs a new process.
    """

    exists: bool
    files: Mapping[str, FileReading] = field(default_factory=dict)
    mark: Mapping[str, Any] | None = None
    applied: Mapping[str, Blob] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    compose: tuple[str, ...] = ()
    listens: Mapping[int, str] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()
    uid: int = 0
    listener: str = ""


@dataclass(frozen=True, slots=True)
class GpuSlice:
    """A part of a GPU that is cut (NVIDIA's MIG), which a program takes for a GPU; ``total`` in bytes."""

    name: str
    total: int
    uuid: str


@dataclass(frozen=True, slots=True)
class GpuState:
    """One GPU now; sizes in bytes. ``used`` counts every process, and what the driver keeps.

    What the driver does not tell is 0 (``total``), None or empty. ``index`` is its number for the driver, ``compute``
    NVIDIA's capability ("8.6"). ``sliced``: it is cut, and only its ``slices`` can be used.
    """

    name: str
    total: int
    used: int | None
    free: int | None
    uuid: str = ""
    index: int = 0
    compute: str = ""
    sliced: bool = False
    slices: tuple[GpuSlice, ...] = ()


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process on a GPU; ``used`` in bytes, None where the driver does not tell."""

    pid: int
    name: str
    gpu: str  # the GPU's uuid
    used: int | None = None


#: The program whose command line is read where none is named.
LLAMA_SERVER = "llama-server"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What of a model server's command line decides about memory: its options with their values, in order.

    ``environment``: variables that do so too, or that hide cards from it; None: it could not be read.
    """

    pid: int
    options: tuple[tuple[str, str], ...]
    program: str = LLAMA_SERVER
    environment: tuple[tuple[str, str], ...] | None = None

    def of(self, name: str) -> str:
        """The value of an option; empty: it is not there."""
        return next((value for option, value in reversed(self.options) if option == name), "")


@dataclass(frozen=True, slots=True)
class GpuReading:
    """The machine of a backend: GPUs and their processes, and the model server's settings in its environment.

    ``settings`` holds that server's variables alone; None: they could not be told. ``by`` is "NVML" or "nvidia-smi".
    ``gpus`` empty: ``problem`` says why. ``settings_from`` says where the settings are from, or why there are none.
    ``lost`` cards are there and cannot be reached; ``failed``: there is a driver and it fails, so that none can be
    used. ``says``: what the driver wrote that is no row. ``command_lines``: of the model servers there.
    ``memory`` of the machine in bytes, and what Metal may have of it by a setting of its own; 0: not told. ``disk``:
    bytes that are free where the model server keeps its models; None: not told.
    """

    gpus: tuple[GpuState, ...]
    processes: tuple[GpuProcess, ...] = ()
    settings: Mapping[str, str] | None = None
    by: str = "NVML"
    problem: str = ""
    settings_from: str = ""
    lost: int = 0
    failed: bool = False
    says: tuple[str, ...] = ()
    command_lines: tuple[CommandLine, ...] = ()
    memory: int = 0
    metal_limit: int = 0
    disk: int | None = None


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


@dataclass(frozen=True, slots=True)
class GitReading:
    """Of the asked paths: those that git tracks, and those inside a work tree that it would not ignore."""

    tracked: frozenset[str]
    unignored: frozenset[str]


@dataclass(frozen=True, slots=True)
class SinkReading:
    """What a consumer's check tells: the SHA-256 of the key that is there; None: none is. ``failed``: why it does not
    tell, without a word of what it printed.
    """

    digest: bytes | None = field(default=None, repr=False)
    failed: str = ""


Reading = ProxyReading | ServerReading | HostReading | GpuReading | GitReading | ModelFile | SwapFile | SinkReading


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one command read, by ``Source.id``; ``at`` is when (ISO 8601, UTC). ``loads``: measured sizes.

    ``remembered``: what was installed on a model server that does not answer now, by its URL, as an earlier command
    saw it; without residents. Nothing in it was observed by this command.
    """

    at: str
    readings: Mapping[tuple[str, str], Reading | Unknown] = field(default_factory=dict)
    loads: tuple[MeasuredLoad, ...] = ()
    remembered: Mapping[str, ServerReading] = field(default_factory=dict)

    def of(self, source: Source) -> Reading | Unknown:
        """The reading of a source; a source that nobody read is unknown."""
        return self.readings.get(source.id) or Unknown("it was not read", self.at)
