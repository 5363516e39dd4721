"""What a server does with a planned set, in any load order: fits, spills, evicts, does not fit, unknown.

Every load counts with the upper end of its range. Primaries are judged together, each fallback with them, one at
a time. One GPU: exact, and linear in the models, because every rule is hardest when all others are loaded.
Several GPUs: first what suffices wherever things land, then (small sets) every order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fleethub.engines.ollama.flash import flash_note
from fleethub.engines.ollama.orders import walk
from fleethub.engines.ollama.preflight import FILL
from fleethub.engines.ollama.rules import Rules, Weighed, weigh
from fleethub.engines.ollama.runner import distinct, shared
from fleethub.engines.ollama.scheduler import SchedulerVersion, scheduler_note
from fleethub.model.capacity import AdmissionCheck, AdmissionVerdict, Fit, Placed, worst
from fleethub.model.dataclass import dataclass
from fleethub.model.text import gib, plural

if TYPE_CHECKING:
    from fleethub.engines.ollama.server import OllamaServer

#: Rule of a check that fails -> what becomes of the set.
MEANS = {
    "physical": Fit.EXCEEDS,
    "preflight": Fit.EVICTS,
    "count": Fit.EVICTS,
    "context": Fit.EVICTS,
    "spill": Fit.SPILLS,
}


def admit(server: OllamaServer, planned: Sequence[Placed]) -> AdmissionVerdict:
    """The verdict on a planned set. Pure; the order of ``planned`` does not matter, and a remote load takes nothing."""
    loads, checks = distinct(planned)
    known = [p for p in loads if p.estimate.total is not None]
    unknown = [p for p in loads if p.estimate.total is None]
    total, rules = server.total, Rules.of(server)
    weighed = [weigh(p, server.scheduler) for p in known]
    first = [w for w in weighed if w.placed.primary]
    rest = [w for w in weighed if not w.placed.primary]
    need = sum(w.one for w in first) + max((w.one for w in rest), default=0)
    verdict = AdmissionVerdict(
        backend=server.name,
        fit=Fit.UNKNOWN,
        placed=tuple(planned),
        checks=tuple(checks),
        gpus=server.gpus,
        reserve=server.reserve * len(server.gpus),
        need=None if unknown else need,
        total=total,
        total_from=server.total_from,
        scheduler=server.scheduler.value,
        notes=(*_notes(server, weighed), *shared(planned)),
    )
    if total is None:
        reason = server.no_gpus or "its GPUs are neither declared nor readable"
        return replace(verdict, reason=reason) if loads else _empty(verdict)
    judge = _Judge(server, rules, total)
    alone = judge.together(first)
    checks += alone
    fallbacks: list[tuple[str, Fit]] = []
    for load in rest:
        fit, more = judge.beside(load, first, alone)
        if fit is Fit.FITS and any(p.primary for p in unknown):
            fit = Fit.UNKNOWN  # nobody knows what it would be beside
        fallbacks.append((load.name, fit))
        checks += more
    fallbacks += [(p.model, Fit.UNKNOWN) for p in unknown if not p.primary]
    mine = {w.name for w in rest}
    fit = worst(MEANS[c.rule] for c in checks if not c.holds and (c.model not in mine or MEANS[c.rule] is Fit.EXCEEDS))
    reason = "; ".join(p.estimate.reason for p in unknown)
    if fit is not Fit.EXCEEDS and any(p.primary for p in unknown):
        fit = Fit.UNKNOWN  # even what is known to be evicted might be so by a size that is not known
    notes = (*verdict.notes, *judge.notes)
    return replace(
        verdict,
        fit=fit,
        checks=tuple(checks),
        reason=reason,
        notes=tuple(dict.fromkeys(notes)),
        fallbacks=tuple(sorted(fallbacks)),
    )


def _empty(verdict: AdmissionVerdict) -> AdmissionVerdict:
    return replace(verdict, fit=Fit.FITS)


def _notes(server: OllamaServer, loads: Sequence[Weighed]) -> tuple[str, ...]:
    notes = (
        [scheduler_note(server.scheduler, server.version), flash_note(server)]
        if server.observed or server.scheduler is not SchedulerVersion.UNKNOWN
        else []
    )
    if not server.observed:
        seen = "what an earlier command saw" if server.reading is not None else "the spec"
        strict = ", by the strictest of the rules since 0.13" if server.scheduler is SchedulerVersion.UNKNOWN else ""
        notes.append(f"not observed: judged from {seen}{strict}")
    rough = [w.name for w in loads if w.placed.preflight is None]
    if rough:
        notes.append(f"what the server reckons for {', '.join(sorted(rough))} is taken from the size in the spec")
    if any(w.one > (w.placed.estimate.total or 0) for w in loads):
        notes.append("each load counts with the upper end of its range")
    return tuple(n for n in notes if n)


@dataclass
class _Judge:
    """One server's rules put to sets of loads; ``notes`` gather what had to be assumed."""

    server: OllamaServer
    rules: Rules
    total: int

    def __post_init__(self) -> None:
        self.notes: list[str] = []
        self.count = len(self.server.gpus)
        self.overhead = self.server.kept * self.count
        self.reserve = self.server.reserve * self.count

    def together(self, loads: Sequence[Weighed]) -> list[AdmissionCheck]:
        """Every check of a set whose models must all stay."""
        if not loads:
            return []
        names = tuple(w.name for w in loads)
        checks = [self._physical(loads, names[0] if len(names) == 1 else "")]
        limit = self.server.count_limit
        if len(loads) > 1:
            says = f"{plural(len(loads), 'model')} at once, and the server keeps {limit}"
            checks.append(AdmissionCheck("count", "", len(loads), limit, len(loads) <= limit, says, names))
        return checks + (self._one_gpu(loads) if self.count == 1 else self._several(loads))

    def beside(
        self, load: Weighed, first: Sequence[Weighed], before: Sequence[AdmissionCheck]
    ) -> tuple[Fit, list[AdmissionCheck]]:
        """A fallback: what becomes of it and the primaries, and the checks that say so, under its name.

        ``before`` are the checks of the primaries without it.
        """
        alone = self._physical([load], load.name)
        if not alone.holds:
            return Fit.EXCEEDS, [alone]
        known = {(c.rule, c.model) for c in before if not c.holds}
        found = self.together([*first, load])
        broken = [c for c in found if not c.holds and (c.rule, c.model) not in known]
        own = [replace(c, model=load.name) for c in broken if c.rule != "physical"]
        if broken and not own:  # no rule of the server's stops it: the bytes that are missing go to the CPU
            own = [replace(c, model=load.name, rule="spill") for c in broken]
        if own:
            return worst(MEANS[c.rule] for c in own), own
        if known:  # the primaries do not even go together
            fit = worst(MEANS[rule] for rule, _ in known)
            return (Fit.EVICTS if fit is Fit.EXCEEDS else fit), []
        return Fit.FITS, [c for c in found if c.model == load.name]

    def _physical(self, loads: Sequence[Weighed], model: str) -> AdmissionCheck:
        need, limit = sum(w.one for w in loads) + self.reserve, self.total - self.overhead
        whose = loads[0].name if len(loads) == 1 else plural(len(loads), "model")
        says = (
            f"{whose} and the reserve need {gib(need)} of {gib(limit)}"
            if need <= limit
            else f"{whose} and the reserve need {gib(need)}, and there is {gib(limit)}"
        )
        # a load that is spread counts what it takes on all GPUs; beside others it may find some of them full, and take
        # less on the rest: the sum is an upper bound, and no order need show it
        bound = len(loads) > 1 and any(w.placed.parts for w in loads)
        order = () if bound and need > limit else tuple(w.name for w in loads)
        return AdmissionCheck("physical", model, need, limit, need <= limit, says, order)

    def _one_gpu(self, loads: Sequence[Weighed]) -> list[AdmissionCheck]:
        """Each load as the last one: every rule is hardest then. Where one breaks, the first step that does."""
        every, checks = sum(w.one for w in loads), []
        for load in loads:
            before = [w for w in loads if w is not load]
            found = self._steps(load, before, self.total - (every - load.one))
            if not all(c.holds for c in found):
                found = self._first_broken([*before, load])
            checks += [c for c in found if c not in checks]
        return checks

    def _steps(self, load: Weighed, before: Sequence[Weighed], free: int) -> list[AdmissionCheck]:
        """What a load asks of one GPU on which so much is free."""
        others = tuple(w.name for w in before)
        found = []
        if others:
            need, limit = self.rules.asks(load, free, 1)
            found.append(self._preflight(load, others, need, limit))
        if found and not found[0].holds:  # it evicts, and what is left then is another state
            return found
        if self.server.runtime == "cpu":  # there is nowhere that layers could go
            return [*found, *([self._squeezed(load, others, free)] if others else [])]
        return [*found, self._spill(load, others, self.rules.wants(load), free)]

    def _first_broken(self, order: Sequence[Weighed]) -> list[AdmissionCheck]:
        """The checks of the first load of an order that breaks a rule; what comes after it meets another state."""
        free = self.total
        for at, load in enumerate(order):
            found = self._steps(load, order[:at], free)
            if not all(c.holds for c in found):
                return found
            free -= load.one
        return []

    def _several(self, loads: Sequence[Weighed]) -> list[AdmissionCheck]:
        """What suffices wherever the models land; where that is not so, every order."""
        every, checks = sum(w.all for w in loads), []
        smallest = min(size for _, size in self.server.gpus)
        piled = sum(w.one for w in loads)
        for load in loads:
            others = tuple(w.name for w in loads if w is not load)
            free = self.total - (every - load.all)
            if others:
                need, limit = self.rules.asks(load, free, self.count)
                checks.append(self._preflight(load, others, need, limit))
            alone, spread = self.rules.wants(load), self.rules.wants(load, self.count)
            anywhere = piled - load.one + alone <= smallest or (spread <= free and self._never_tight(load, alone))
            check = self._spill(load, others, spread, free)
            checks.append(check if check.holds == anywhere else replace(check, holds=anywhere))
        if all(c.holds for c in checks):
            return checks
        careful = [c if c.holds else replace(c, order=()) for c in checks]
        if piled + self.reserve > self.total - self.overhead:
            return careful
        totals = [size for _, size in self.server.gpus]
        seen = walk(self.rules, loads, totals, self.server.spread, exact=True)
        broken = seen.evicts or seen.spills
        if broken is not None:
            say = self._preflight if broken.rule == "preflight" else self._spill
            shown = say(broken.load, broken.order[:-1], broken.need, broken.limit)
            shown = replace(shown, order=()) if broken.rough else shown
            return [*(c for c in checks if c.holds and c.model != broken.load.name), shown]
        if seen.clean and walk(self.rules, loads, totals, self.server.spread, exact=False).clean:
            says = "finds its place in every load order"
            return [c if c.holds else replace(c, holds=True, says=f"{c.model} {says}") for c in checks]
        self.notes.append(
            "not every way that the models may land on the GPUs was followed: the careful answer is given"
        )
        return careful

    def _never_tight(self, load: Weighed, alone: int) -> bool:
        """Whether a GPU that takes it alone by the server's rule has room for it by its bytes, too."""
        largest = max(size for _, size in self.server.gpus)
        return self.server.spread or not self.rules.accepts(load, min(alone - 1, largest))

    def _preflight(self, load: Weighed, others: tuple[str, ...], need: int, limit: int) -> AdmissionCheck:
        beside = ", ".join(others)
        whom = f"one of {beside}" if len(others) > 1 else beside
        rule = (
            f" ({FILL} % of {gib(limit * 100 // FILL)} free)"
            if self.rules.scheduler is SchedulerVersion.CURRENT
            else ""
        )
        says = (
            f"{load.name} after {beside}: the server reckons {gib(need)}, within {gib(limit)}{rule}: all stay"
            if need <= limit
            else f"{load.name} after {beside}: the server reckons {gib(need)} and gives {gib(limit)}{rule}, so {whom} "
            "is evicted"
        )
        return AdmissionCheck("preflight", load.name, need, limit, need <= limit, says, (*others, load.name))

    def _squeezed(self, load: Weighed, others: tuple[str, ...], free: int) -> AdmissionCheck:
        """On a machine without a GPU: what finds no room beside others takes their place."""
        beside, need = ", ".join(others), load.one
        says = f"{load.name} after {beside}: {gib(need)} of {gib(free)} that is left" + (
            "" if need <= free else f", so {f'one of {beside}' if len(others) > 1 else beside} is evicted"
        )
        return AdmissionCheck("preflight", load.name, need, free, need <= free, says, (*others, load.name))

    def _spill(self, load: Weighed, others: tuple[str, ...], need: int, free: int) -> AdmissionCheck:
        after = f" after {', '.join(others)}" if others else " alone"
        says = (
            f"{load.name}{after}: with what must stay free {gib(need)} of {gib(free)}"
            if need <= free
            else f"{load.name}{after}: with what must stay free {gib(need)}, and {gib(free)} is left: layers go to the "
            "CPU in silence"
        )
        return AdmissionCheck("spill", load.name, need, free, need <= free, says, (*others, load.name))
