"""A backend's llama-swap as it would load: a llama-server for each model, and who of them may stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field, replace

from fleethub.engines.cards import cards_of
from fleethub.engines.llamacpp.admission import names, together, unreckoned
from fleethub.engines.llamacpp.server import LlamaCppServer
from fleethub.engines.llamacpp.settings import LlamaCppSettings, by_command_line
from fleethub.engines.llamaswap.residency import evictions, resident_sets
from fleethub.engines.llamaswap.settings import declared
from fleethub.model.capacity import AdmissionCheck, AdmissionVerdict, Fit, Placed, by_runner, largest, worst
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source, Unknown
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.server import ServerReading, SwapFile
from fleethub.model.serving import Backend
from fleethub.sizing.devices import MEMORY

NOTHING = SwapFile({}, {}, (), None)
#: Rule of a check that fails -> what becomes of the set.
MEANS = {"count": Fit.EVICTS, "spill": Fit.SPILLS}


@dataclass(frozen=True, slots=True)
class LlamaSwapServer(LlamaCppServer):
    """Models by their names in its file; ``why``: why the file is not known, empty where it is."""

    file: SwapFile = field(default=NOTHING)
    why: str = ""

    def called(self, tag: str) -> str:
        """The name of a model in its file, which may go by an alias."""
        return self.file.aliases.get(tag, tag)

    def of(self, tag: str) -> LlamaCppSettings:
        """By the command that its file starts it with."""
        return self.own.get(self.called(tag), self.settings)

    def admit(self, planned: Sequence[Placed]) -> AdmissionVerdict:
        """By its groups or its matrix, and by the sum of each set that they let be resident at one time."""
        loads = [largest(group) for group in by_runner(planned)]
        first, rest = [p for p in loads if p.primary], [p for p in loads if not p.primary]
        checks = [*names(self, planned), *self._stay(first, ""), *self._sums(first, "")]
        unknown, sets = unreckoned(self, loads), list(self._sets(loads))
        fallbacks: list[tuple[str, Fit]] = []
        for load in rest:
            own = (*self._stay([*first, load], load.model), *self._sums([*first, load], load.model))
            broken = [c for c in own if not c.holds]
            checks += broken
            fit = worst(MEANS.get(c.rule, Fit.EXCEEDS) for c in broken)
            fallbacks.append((load.model, Fit.UNKNOWN if fit is Fit.FITS and load.model in unknown else fit))
        later = {p.model for p in rest}
        fit = worst(MEANS.get(c.rule, Fit.EXCEEDS) for c in checks if not c.holds and c.model not in later)
        reasons = [self.why] * bool(self.why and len(loads) > 1) + [*unknown.values()]
        if self.total is None and loads:
            reasons.append("its GPUs and its memory are neither declared nor readable")
        if reasons and fit is not Fit.EXCEEDS:
            fit = Fit.UNKNOWN
        return AdmissionVerdict(
            backend=self.name,
            fit=fit,
            placed=tuple(planned),
            checks=tuple(checks),
            gpus=self.gpus,
            reserve=self.reserve * len(self.gpus),
            need=None if unknown else max(map(_upper, sets), default=0),
            total=self.total,
            total_from=self.total_from,
            scheduler=f"llama-swap {self.version}".rstrip(),
            reason="; ".join(dict.fromkeys(reasons)),
            notes=tuple(self._notes(loads)),
            fallbacks=tuple(sorted(fallbacks)),
            together=tuple(p.model for p in max(sets, key=_upper, default=())) if len(sets) > 1 else (),
        )

    def _sets(self, loads: Sequence[Placed]) -> Iterator[list[Placed]]:
        """The loads that may be resident at one time; all of them where its file is not known."""
        if self.why:
            yield list(loads)
            return
        for one in resident_sets(self.file, [self.called(p.tag) for p in loads]):
            yield [p for p in loads if self.called(p.tag) in one]

    def _stay(self, loads: Sequence[Placed], name: str) -> Iterator[AdmissionCheck]:
        if self.why or len(loads) < 2:
            return
        ended = evictions(self.file, [self.called(p.tag) for p in loads])
        mine = [e for e in ended if not name or name in self._aliases(loads, (e.newcomer, e.other))]
        stay = len(loads) - len({e.other for e in ended})
        says = f"{len(loads)} models, and all of them may stay"
        if mine:
            says = f"llama-swap ends {mine[0].other} for {mine[0].newcomer}: {mine[0].why}"
        order = (mine[0].other, mine[0].newcomer) if mine else ()
        yield AdmissionCheck("count", name, len(loads), max(stay, 1) if mine else len(loads), not mine, says, order)

    def _aliases(self, loads: Sequence[Placed], called: Sequence[str]) -> set[str]:
        return {p.model for p in loads if self.called(p.tag) in called}

    def _sums(self, loads: Sequence[Placed], name: str) -> Iterator[AdmissionCheck]:
        for one in self._sets(loads):
            if not name or any(p.model == name for p in one):
                yield from together(self, one, name)

    def _notes(self, loads: Sequence[Placed]) -> Iterator[str]:
        if not self.observed:
            yield "not observed: judged from the spec"
        if not self.why:
            yield "who may be resident together: its " + ("matrix" if self.file.sets is not None else "groups")


def _upper(loads: Sequence[Placed]) -> int:
    return sum(p.upper for p in loads)


def server_of(fleet: Fleet, backend: Backend, facts: Facts) -> LlamaSwapServer:
    """The server of a backend, by its file and what it says of itself."""
    said = declared(backend.engine)
    raw, read = facts.of(said.source), facts.of(said.file) if said.file else Unknown("", "")
    reading = raw if isinstance(raw, ServerReading) else None
    file = read if isinstance(read, SwapFile) else None
    machine = facts.of(Source("gpu", backend.ssh)) if backend.ssh else None
    cards = cards_of(backend, machine if isinstance(machine, GpuReading) else None, None)
    plain = LlamaCppSettings(url=said.url, router=True, models_max=0)
    table = f"[backends.{backend.name}.{said.engine}]"
    why = read.reason if isinstance(read, Unknown) and said.file else f'{table} names no config = "….yaml"'
    named = tuple(file.models) if file else tuple(reading.installed) if reading else ()
    return LlamaSwapServer(
        name=backend.name,
        gpus=cards.gpus,
        settings=plain,
        reserve=fleet.policy.reserve,
        total_from=cards.by,
        cards_are_gpus=not any(card.name == MEMORY["cpu"] for card in cards.cards),
        version=reading.version if reading else "",
        observed=reading is not None,
        serves=(*named, *(file.aliases if file else ())),
        own={
            name: replace(by_command_line(plain, words), router=True, models_max=0)
            for name, words in file.models.items()
        }
        if file
        else {},
        line_from=said.config if file else "",
        reading=reading,
        file=file or NOTHING,
        why="" if file else f"who may be resident together is not known: {why}",
    )
