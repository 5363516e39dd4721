"""What an engine is: a kind of program that serves models on a backend's GPUs, with its own rules and words.

An engine is pure; what reads it is the client of its name. Another one is a folder here, a line in ``registry``, and a
client with its line in ``clients.servers``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from fleethub.model.dataclass import dataclass

if TYPE_CHECKING:
    from fleethub.model.capacity import AdmissionVerdict, Held, Placed
    from fleethub.model.facts import Facts, Reading
    from fleethub.model.finding import Finding
    from fleethub.model.fleet import Fleet
    from fleethub.model.observation import Unknown
    from fleethub.model.readings.gpu import GpuProcess, GpuReading
    from fleethub.model.readings.server import MeasuredLoad, ServerReading
    from fleethub.model.serving import Backend, EngineSettings, Model
    from fleethub.sizing.architecture import ModelArchitecture


#: Settings that a question may ask about; a server that has no such setting ignores it.
PARALLEL, KV_TYPE = "num_parallel", "kv_type"
#: The quantisations that GGUF files are published in, best first.
GGUF_QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")


@dataclass(frozen=True, slots=True)
class SpecKey:
    """A key of an engine's table in the spec, beside ``url``; ``name`` is the field of its settings that it becomes.

    ``kind``: whole (a number from ``least`` to ``most``), size (bytes, written with a unit), flag, choice (one of
    ``choices``), text (one line) or share (a number above 0, up to 1). ``default`` None: a key that need not be
    written has no value.
    """

    name: str
    kind: Literal["whole", "size", "flag", "choice", "text", "share"]
    description: str
    default: int | str | bool | float | None = None
    least: int = 0
    most: int = 1 << 53
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting of the server at another ``value``, to be suggested. ``name`` is what ``Server.with_setting`` takes.

    ``shared``: all models of the server get it, which is said. ``saves``: worth saying only where the load gets
    smaller by it. ``last``: suggested after another quantisation, not before.
    """

    name: str
    value: str | int
    says: str
    cost: str = ""
    shared: bool = True
    saves: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Settings that a server may be started with. ``server``: it with them; ``says`` them for people, ``cost`` what
    they take from users. ``file``: a name below the backend's, its ``text``, and what is to be done with it (``how``).
    """

    server: Server
    says: str
    cost: str
    file: str
    text: str
    how: str


class Server(Protocol):
    """A backend's server as it would load: GPUs, version and settings, observed where they could be read. Immutable.

    ``gpus`` are (name, bytes), none: unknown, and ``total`` is their sum. ``reserve`` is in bytes, per GPU.
    ``parallel`` slots and ``kv_type`` are what a load gets; ``spread``: every model goes over all GPUs.
    ``observed``: it answered this command.
    """

    @property
    def gpus(self) -> tuple[tuple[str, int], ...]: ...
    @property
    def total(self) -> int | None: ...
    @property
    def reserve(self) -> int: ...
    @property
    def parallel(self) -> int: ...
    @property
    def kv_type(self) -> str: ...
    @property
    def spread(self) -> bool: ...
    @property
    def observed(self) -> bool: ...

    def load(
        self,
        model: Model,
        facts: Facts,
        *,
        context: int | None = None,
        primary: bool = True,
        architecture: ModelArchitecture | None = None,
    ) -> Placed:
        """What a load of the model takes; what is given by name stands for what would be so."""

    def resident(self, held: Held, facts: Facts) -> Placed:
        """What is loaded now, as large as the server says, as if it were to stay."""

    def effective_context(self, model: Model, facts: Facts) -> tuple[int, str]:
        """(tokens per slot, what decided it) of a model of the spec as it is really loaded."""

    def unasked_context(self, model: Model) -> tuple[int, str]:
        """The same for a model that the spec does not have, when nobody says a context."""

    def admit(self, planned: Sequence[Placed]) -> AdmissionVerdict:
        """What becomes of a planned set, by this server's own rules; its order does not matter."""

    def beside(self, taken: tuple[int, ...], whom: str) -> Server:
        """The server while others on its machine (``whom``) take so many bytes of each of its GPUs."""

    def with_setting(self, name: str, value: str | int) -> Server:
        """The server with a setting at another value."""

    def setting_changes(self, models: int) -> Iterable[SettingChange]:
        """Settings that may make ``models`` models fit, from cheapest to dearest."""


class Engine(Protocol):
    """One engine. ``settings`` are what its table in the spec becomes, which has a ``url`` and the ``keys``.

    ``providers`` are LiteLLM's that reach it natively. ``context_parameter`` is LiteLLM's parameter by which a route
    decides the context; empty: a route decides nothing. ``quants`` are the quantisations that a model may be had in,
    best first; none: nothing is to be proposed. What a method does here is so of a server that speaks OpenAI's protocol
    and tells no bytes.
    """

    @property
    def settings(self) -> type[EngineSettings]: ...
    @property
    def keys(self) -> tuple[SpecKey, ...]: ...
    @property
    def providers(self) -> tuple[str, ...]: ...
    @property
    def context_parameter(self) -> str: ...
    @property
    def quants(self) -> tuple[str, ...]: ...

    def written(self, name: str, value: str | int) -> Mapping[str, str | int | float]:
        """A setting of ``Server.with_setting`` as keys of its table in the spec; none: the spec does not say it."""
        return {}

    def arrangements(self, backend: Backend, server: Server, planned: Sequence[Placed]) -> Iterable[Arrangement]:
        """Settings that the server may be started with, from those that take least from users; none where what is
        planned can only be served by other models.
        """
        return ()

    @property
    def pulls(self) -> bool:
        """Whether its servers download a model that they are told the name of, and load and remove it when told to."""
        return False

    def canonical(self, name: str) -> str:
        """The one form of a model's name that this engine's names are compared in."""
        return name

    def deployment(self, settings: EngineSettings, model: Model) -> Mapping[str, str | int]:
        """LiteLLM's parameters, beside the route, of a deployment that leads to this server."""
        return {"api_base": settings.url + settings.path}

    def server(self, fleet: Fleet, backend: Backend, facts: Facts) -> Server:
        """The server of a backend; what was observed wins over what is declared."""

    def measured(
        self, backend: Backend, reading: ServerReading, machine: Reading | Unknown | None, at: str
    ) -> Iterable[MeasuredLoad]:
        """The residents whose sizes are measurements, with the settings that they were loaded by."""
        return ()

    def environment(self, backend: Backend, machine: GpuReading) -> Mapping[str, str] | None:
        """The server's own variables, by which cards may be hidden from it; None: they are not known."""
        return None

    def machine_findings(self, backend: Backend, machine: GpuReading) -> Iterable[Finding]:
        """Where the settings that only the machine tells are not as declared, or could not be read."""
        return ()

    def live_findings(
        self, backend: Backend, reading: ServerReading, placed: Sequence[Placed], reckoned: Sequence[Placed]
    ) -> Iterable[Finding]:
        """What is odd about the residents; ``reckoned``: the loads of ``placed`` without measured sizes."""

    def owns(self, process: GpuProcess, reading: ServerReading | None) -> bool:
        """Whether a process on a GPU is this engine's own."""
