"""A backend's vLLM as it would run: its cards, its share of them, what a running one says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from urllib.parse import urlsplit

from fleethub.engines.cards import cards_of
from fleethub.engines.interface import KV_TYPE, PARALLEL, SettingChange
from fleethub.engines.vllm.admission import admit
from fleethub.engines.vllm.load import load as load_of
from fleethub.engines.vllm.load import quant_of, taken
from fleethub.engines.vllm.settings import KV_BYTES, UTILIZATION, VllmSettings, declared
from fleethub.model.capacity import AdmissionVerdict, Held, Placed
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.serving import Backend, Model

#: What a question's word for a cache type is here; of half a byte there is none.
TYPES = {"f16": "auto", "q8_0": "fp8", "q4_0": "fp8"}
#: What is asked about where nobody tells how much context a model has.
USUAL = 32768
#: What its processes are called where a machine is read.
PROGRAM = "vllm"
#: The most that is worth proposing: CUDA's own memory and what draws a screen need the rest.
ROOMY = 0.95


@dataclass(frozen=True, slots=True)
class VllmServer:
    """One process over its cards. ``parallel``: requests at once that are asked about; ``dtype``: the model's.

    ``told`` is what the running server says (its own settings, as text), empty when none does; ``changed``: a question
    put other settings in their place. ``serves``: the names that it answers to. ``taken``: bytes of each GPU that
    others hold, ``beside_whom`` is who.
    """

    name: str
    gpus: tuple[tuple[str, int], ...]
    settings: VllmSettings
    total_from: str = ""
    version: str = ""
    observed: bool = False
    serves: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False
    parallel: int = 1
    dtype: str = ""
    taken: tuple[int, ...] = ()
    beside_whom: str = ""
    reserve: int = 0  # its share is what it takes, and what it leaves is nobody's
    spread: bool = False

    @property
    def total(self) -> int | None:
        """VRAM of all GPUs; None when they are unknown."""
        return sum(size for _, size in self.gpus) if self.gpus else None

    @property
    def utilization(self) -> float:
        """The share of each card: as the running server says, else as declared, else vLLM's own."""
        return self._said("gpu_memory_utilization") or self.settings.gpu_memory_utilization or UTILIZATION

    @property
    def pool(self) -> int:
        """Bytes of KV cache that were asked for on each card; 0: what the share leaves."""
        return int(self._said("kv_cache_memory_bytes")) or self.settings.kv_cache_memory

    @property
    def blocks(self) -> int:
        """Blocks of KV cache that the running server made; 0: not told."""
        return int(self._said("num_gpu_blocks"))

    @property
    def tokens(self) -> int:
        """Tokens that the running server's KV cache holds; 0: not told."""
        return int(self._said("kv_cache_size_tokens")) or self.blocks * int(self._said("block_size"))

    @property
    def longest(self) -> int:
        """The longest request that it takes, in tokens; 0: not told."""
        return int(self._said("max_model_len")) or self.settings.max_model_len

    @property
    def kv_type(self) -> str:
        """Its cache's type; "auto" is the model's own."""
        said = self.told.get("cache_dtype", "")
        return said if said in KV_BYTES else self.settings.kv_cache_dtype

    @property
    def quant(self) -> str:
        """What weights are called whose bytes nothing tells."""
        return quant_of(self.settings.quantization, self.dtype)

    @property
    def cards(self) -> tuple[int, ...]:
        """The indices of its cards in ``gpus``: those of ``devices``, else the first; fewer where there are fewer.

        Where ``devices`` is not in numbers, the smallest ones.
        """
        listed = [part.strip() for part in self.settings.devices.split(",") if part.strip()]
        numbers = [int(part) for part in listed if part.isascii() and part.isdigit() and len(part) < 5]
        wanted = (
            list(dict.fromkeys(numbers)) if len(numbers) == len(listed) and numbers else list(range(len(self.gpus)))
        )
        if len(numbers) < len(listed):
            wanted.sort(key=lambda card: self.gpus[card][1])
        return tuple(card for card in wanted[: self.settings.cards] if card < len(self.gpus))

    def runs(self, tag: str) -> bool:
        """Whether the running server serves it."""
        return self.observed and tag in self.serves and not self.changed

    load = load_of

    def resident(self, held: Held, facts: Facts) -> Placed:
        """The process itself: vLLM does not tell sizes of what it has loaded."""
        return Placed(held.tag, held.tag, held.context or 1, "vLLM", 1, self.kv_type, taken(self, None), room=0)

    def effective_context(self, model: Model, facts: Facts) -> tuple[int, str]:
        """A request takes what it needs, up to the server's longest."""
        return model.context, "spec"

    def unasked_context(self, model: Model) -> tuple[int, str]:
        """Its longest request."""
        return (self.longest, "max_model_len") if self.longest else (USUAL, "assumed")

    def admit(self, planned: Sequence[Placed]) -> AdmissionVerdict:
        """Whether it can start, and give each request what is planned."""
        return admit(self, planned)

    def beside(self, taken: tuple[int, ...], whom: str) -> VllmServer:
        """Its share is of the whole card, and must be free at its start."""
        return replace(self, taken=taken, beside_whom=whom)

    def with_setting(self, name: str, value: str | int) -> VllmServer:
        """Requests at once, cache type, share or cards; what a running server said of the old ones holds no more."""
        if name == PARALLEL:
            return replace(self, parallel=int(value))
        if name == KV_TYPE:
            kind = TYPES.get(str(value), str(value))
            return self._anew(replace(self.settings, kv_cache_dtype=kind))
        if name == "gpu_memory_utilization":
            return self._anew(replace(self.settings, gpu_memory_utilization=float(value)))
        if name == "tensor_parallel":
            return self._anew(replace(self.settings, tensor_parallel=int(value)))
        raise KeyError(name)

    def setting_changes(self, models: int) -> Iterator[SettingChange]:
        """A cache of one byte, a larger share, more cards."""
        if KV_BYTES.get(self.kv_type, 2) > 1:
            says = f"--kv-cache-dtype fp8 instead of {self.kv_type}"
            yield SettingChange(KV_TYPE, "fp8", says, "needs a card that knows FP8")
        if not self.pool and self.utilization < ROOMY:
            says = f"--gpu-memory-utilization {ROOMY:g} instead of {self.utilization:g}"
            yield SettingChange("gpu_memory_utilization", f"{ROOMY:g}", says, "leaves little for anything else")
        many = self.settings.tensor_parallel * 2
        if many * self.settings.pipeline_parallel <= len(self.gpus) and not self.settings.devices:
            says = f"--tensor-parallel-size {many} instead of {self.settings.tensor_parallel}"
            yield SettingChange("tensor_parallel", many, says, "takes a share of each of them", last=True)

    def _anew(self, settings: VllmSettings) -> VllmServer:
        kept = {name: value for name, value in self.told.items() if name == "max_model_len"}
        now = replace(settings, gpu_memory_utilization=settings.gpu_memory_utilization or self.utilization)
        return replace(self, settings=now, told=kept, changed=True)

    def _said(self, name: str) -> float:
        try:
            return float(self.told.get(name, "") or 0)
        except ValueError:
            return 0.0


def environment_of(said: VllmSettings, machine: GpuReading | None) -> dict[str, str] | None:
    """The variables of the one vLLM that listens on the port of the spec's URL; None: they are not known."""
    lines = [line for line in machine.command_lines if line.program == PROGRAM] if machine is not None else []
    port = str(urlsplit(said.url).port or 80)
    mine = [line for line in lines if (line.of("--port") or "8000") == port] or (lines if len(lines) == 1 else [])
    found = mine[0].environment if len(mine) == 1 else None
    return dict(found) if found is not None else None


def server_of(fleet: Fleet, backend: Backend, facts: Facts) -> VllmServer:
    """The server of a backend; what was observed wins over what is declared."""
    said = declared(backend.engine)
    raw = facts.of(said.source)
    reading = raw if isinstance(raw, ServerReading) else None
    machine = facts.of(Source("gpu", backend.ssh)) if backend.ssh else None
    seen = machine if isinstance(machine, GpuReading) else None
    environment = environment_of(said, seen)
    cards = cards_of(backend, seen, environment)
    if cards.mask and not cards.declared:  # its cards are those that are left, whatever their numbers are
        said = replace(said, devices="")
    serves = tuple(reading.installed) if reading else ()
    return VllmServer(
        name=backend.name,
        gpus=cards.gpus,
        settings=said,
        total_from=cards.by,
        version=reading.version if reading else "",
        observed=reading is not None,
        serves=serves or ((said.model,) if said.model else ()),
        told=reading.told if reading else {},
        dtype="" if said.dtype == "auto" else said.dtype,
    )
