"""A backend's llama-server as it would load: its cards, its command line, what a running one says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from urllib.parse import urlsplit

from fleethub.engines.cards import cards_of, less, less_said
from fleethub.engines.interface import KV_TYPE, PARALLEL, SettingChange
from fleethub.engines.llamacpp.admission import admit
from fleethub.engines.llamacpp.load import load as load_of
from fleethub.engines.llamacpp.settings import (
    BETWEEN,
    OF_MODEL,
    LlamaCppSettings,
    by_command_line,
    by_environment,
    declared,
    pairs,
)
from fleethub.model.capacity import AdmissionVerdict, Estimate, Held, Placed, Row, Sure
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source
from fleethub.model.readings.gpu import LLAMA_SERVER, CommandLine, GpuReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.serving import Backend, Model
from fleethub.sizing.devices import MEMORY, heaviest, runtime_of

KV_TYPES = ("q8_0", "q4_0")


@dataclass(frozen=True, slots=True)
class LlamaCppServer:
    """All that decides what a load becomes there. ``own``: a router's models that have settings of their own.

    ``serves``: the names that it answers to; empty: not told. ``line_from`` says where its command line was read.
    """

    name: str
    gpus: tuple[tuple[str, int], ...]
    settings: LlamaCppSettings
    reserve: int
    total_from: str = ""
    version: str = ""
    observed: bool = False
    serves: tuple[str, ...] = ()
    own: Mapping[str, LlamaCppSettings] = field(default_factory=dict)
    line_from: str = ""
    reading: ServerReading | None = None
    cards_are_gpus: bool = True
    spread: bool = True

    @property
    def total(self) -> int | None:
        """Memory of all GPUs; None when they are unknown."""
        return sum(size for _, size in self.gpus) if self.gpus else None

    @property
    def runtime(self) -> str:
        """The library that its GPUs are driven by, told from their names."""
        return runtime_of(name for name, _ in self.gpus)

    @property
    def device(self) -> str:
        """The GPU on which a runtime takes most."""
        return heaviest(name for name, _ in self.gpus)

    @property
    def parallel(self) -> int:
        """Slots."""
        return self.settings.slots

    @property
    def kv_type(self) -> str:
        """The cache's type, of K."""
        return self.settings.cache_type_k

    def of(self, tag: str) -> LlamaCppSettings:
        """The settings that a model is loaded with."""
        return self.own.get(tag, self.settings)

    def allocates(self, load: Placed) -> int:
        """Tokens of cache for one slot, which may be more than a request is given."""
        said = self.of(load.tag)
        return said.ctx_size if said.unified else said.ctx_size // said.slots

    load = load_of

    def resident(self, held: Held, facts: Facts) -> Placed:
        """What is loaded now, as large as is known."""
        row = Row("resident", held.size_vram, Sure.MEASURED, "its server")
        size = Estimate((row,), held.size_vram, held.size_vram)
        return Placed(held.tag, held.tag, held.context or 1, "its server", self.parallel, self.kv_type, size)

    def effective_context(self, model: Model, facts: Facts) -> tuple[int, str]:
        """What a request is given: its slot, and no more than the model was trained for."""
        found = self.load(model, facts)
        return found.context, found.context_from

    def unasked_context(self, model: Model) -> tuple[int, str]:
        """By its command line."""
        said = self.of(model.tag or model.name)
        each = said.ctx_size if said.unified else said.ctx_size // said.slots
        return (each, "ctx_size") if each else (1 << 20, "the model's own")

    def admit(self, planned: Sequence[Placed]) -> AdmissionVerdict:
        """By llama.cpp's rules."""
        return admit(self, planned)

    def beside(self, taken: tuple[int, ...], whom: str) -> LlamaCppServer:
        """With less memory."""
        return replace(self, gpus=less(self.gpus, taken), total_from=less_said(self.total_from, taken, whom))

    def with_setting(self, name: str, value: str | int) -> LlamaCppServer:
        """Another number of slots or cache type, for every model of it; raises KeyError for any other name."""

        def changed(said: LlamaCppSettings) -> LlamaCppSettings:
            if name == PARALLEL:
                return replace(said, parallel=int(value))
            if name == KV_TYPE:
                return replace(said, cache_type_k=str(value), cache_type_v=str(value))
            raise KeyError(name)

        own = {tag: changed(said) for tag, said in self.own.items()}
        return replace(self, settings=changed(self.settings), own=own)

    def setting_changes(self, models: int) -> Iterator[SettingChange]:
        """A smaller cache type; one slot, where slots have a cache each."""
        for kv_type in KV_TYPES:
            says = f"--cache-type-k {kv_type} --cache-type-v {kv_type} instead of {self.kv_type}"
            yield SettingChange(KV_TYPE, kv_type, says, "needs flash attention", saves=True)
        if self.settings.slots > 1 and not self.settings.unified:
            says = f"--parallel 1 instead of {self.settings.slots}"
            yield SettingChange(PARALLEL, 1, says, "requests to one model wait for each other", last=True)


def server_of(fleet: Fleet, backend: Backend, facts: Facts) -> LlamaCppServer:
    """The server of a backend; its command line, where it was read, wins over what is declared."""
    said = declared(backend.engine)
    raw = facts.of(said.source)
    reading = raw if isinstance(raw, ServerReading) else None
    machine = facts.of(Source("gpu", backend.ssh)) if backend.ssh else None
    seen = machine if isinstance(machine, GpuReading) else None
    cards = cards_of(backend, seen, environment_of(said, seen))
    settings, line_from = _line(said, seen)
    serves = tuple(reading.installed) if reading else ()
    told = reading.told if reading else {}
    own = {
        tag: by_command_line(settings, pairs(told[OF_MODEL + tag].split(BETWEEN)))
        for tag in serves
        if OF_MODEL + tag in told
    }
    return LlamaCppServer(
        name=backend.name,
        gpus=cards.gpus,
        settings=replace(settings, router=settings.router or bool(own)),
        reserve=fleet.policy.reserve,
        total_from=cards.by,
        cards_are_gpus=not any(card.name == MEMORY["cpu"] for card in cards.cards),
        version=reading.version if reading else "",
        observed=reading is not None,
        serves=serves or ((said.model,) if said.model else ()),
        own=own,
        line_from=line_from or ("what its router says" if own else ""),
        reading=reading,
    )


def environment_of(said: LlamaCppSettings, machine: GpuReading | None) -> dict[str, str] | None:
    """The variables of its process; None: they are not known."""
    line = _process(said, machine)
    return dict(line.environment) if line is not None and line.environment is not None else None


def _process(said: LlamaCppSettings, machine: GpuReading | None) -> CommandLine | None:
    """The one process that listens on the port of the spec's URL; the only one there is, where none is said to."""
    lines = [line for line in machine.command_lines if line.program == LLAMA_SERVER] if machine is not None else []
    port = str(urlsplit(said.url).port or 80)
    mine = [line for line in lines if port in _ports(line)] or (lines if len(lines) == 1 else [])
    return mine[0] if len(mine) == 1 else None


def _ports(line: CommandLine) -> tuple[str, ...]:
    """Where it listens: as it is told, else at its own default, which moved in 2026."""
    words = (*by_environment(line.environment or ()), *line.options)
    said = next((value for name, value in reversed(words) if name == "--port"), "")
    return (said,) if said else ("8080", "9931")


def _line(said: LlamaCppSettings, machine: GpuReading | None) -> tuple[LlamaCppSettings, str]:
    """Settings by the command line of its process, and the variables behind it; and where from."""
    line = _process(said, machine)
    if line is None:
        return said, ""
    words = by_environment(line.environment or ())
    behind = " and its environment" if words else ""
    return by_command_line(said, (*words, *line.options)), f"the command line of pid {line.pid}{behind}"
