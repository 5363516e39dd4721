"""A backend in a plan: its planned set before and after, what the server does with it, and who may not come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from textwrap import wrap

from fleethub.engines.interface import Engine, Server
from fleethub.engines.registry import engine_of
from fleethub.model.address import Address
from fleethub.model.capacity import (
    WORSE,
    AdmissionCheck,
    AdmissionVerdict,
    Estimate,
    Fit,
    Placed,
    PlannedModel,
    Row,
    Sure,
)
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Backend, Fleet
from fleethub.model.plan import Blocker, Load, Why
from fleethub.model.text import gib, plural
from fleethub.placement.live import live_findings

PlannedSet = tuple[PlannedModel, ...]
#: Columns of a detail's line, so that with a plan's indent it stays within 100.
WIDE = 94


@dataclass(frozen=True, slots=True)
class Assessment:
    """A backend's verdict: its sum before and after, findings, and which newcomers may not be wired (alias -> why).

    ``planned`` is the set after, each entry with the bytes it was reckoned with; ``verdict`` None: nothing to judge.
    """

    load: Load
    findings: tuple[Finding, ...] = ()
    refused: Mapping[str, Blocker] = field(default_factory=dict)
    verdict: AdmissionVerdict | None = None
    planned: PlannedSet = ()


def planned_sets(fleet: Fleet) -> dict[str, PlannedSet]:
    """Backend -> every model that a chain or a key names and that the backend serves.

    Primary is the first of a chain, and what a key without nodes names.
    """
    named: dict[str, dict[str, bool]] = {}

    def name(backend: str, alias: str, primary: bool) -> None:
        entries = named.setdefault(backend, {})
        entries[alias] = entries.get(alias, False) or primary

    for node in fleet.nodes.values():
        for at, hop in enumerate(node.chain):
            for backend in (hop.backend,) if hop.backend else fleet.models[hop.model].backends:
                name(backend, hop.model, at == 0)
    used = {node.key for node in fleet.nodes.values()}
    for key in fleet.keys.values():
        for alias in (*key.also, *key.models):
            for backend in fleet.models[alias].backends:
                name(backend, alias, key.name not in used)
    return {
        backend: tuple(
            PlannedModel(alias, fleet.models[alias].context, primary, fleet.models[alias].tag or "")
            for alias, primary in sorted(entries.items())
        )
        for backend, entries in sorted(named.items())
    }


def assess(fleet: Fleet, backend: Backend, facts: Facts, before: PlannedSet, after: PlannedSet) -> Assessment:
    """Judge the planned set of a backend, ``after``, against the set of the lockfile, ``before``."""
    if backend.engine is None or not (after or before):
        findings = live_findings(fleet, backend, facts, ())
        return Assessment(Load(backend.name, None, None, None), findings, planned=after)
    engine = engine_of(backend.engine)
    server = engine.server(fleet, backend, facts)
    loads = {p.model: server.load(fleet.models[p.model], facts, primary=p.primary) for p in after}
    loads |= _asked_directly(fleet, backend, server, facts, loads)
    verdict = server.admit(list(loads.values()))
    earlier = server.admit([_earlier(server, fleet, facts, p, after, loads) for p in before])
    load = Load(backend.name, earlier.need, verdict.need, verdict.total, verdict)
    planned = tuple(replace(p, bytes=_bytes(loads[p.model])) for p in after)
    newcomers = [p.model for p in after if not any(p.same(b) for b in before)]
    promoted = [p.model for p in after if p.primary and any(p.same(b) and not b.primary for b in before)]
    judge = _Judge(fleet, backend, server, verdict, earlier, (*newcomers, *promoted))
    judge.run()
    live = live_findings(fleet, backend, facts, tuple(loads.values()), _reckoned(fleet, server, facts, loads))
    findings = (*judge.findings, *_mismatches(fleet, backend, engine, server, facts, after), *live)
    return Assessment(load, findings, judge.refused, verdict, planned)


def _reckoned(fleet: Fleet, server: Server, facts: Facts, loads: Mapping[str, Placed]) -> tuple[Placed, ...]:
    """The same loads as they would be estimated if none had ever been measured."""
    plain = replace(facts, loads=())
    return tuple(
        server.load(fleet.models[p.model], plain, context=p.context, primary=p.primary)
        if any(row.sure is Sure.MEASURED for row in p.estimate.rows)
        else p
        for p in loads.values()
    )


def _bytes(load: Placed) -> int | None:
    return None if load.estimate.total is None else max(load.estimate.high, load.estimate.total)


def _asked_directly(
    fleet: Fleet, backend: Backend, server: Server, facts: Facts, loads: Mapping[str, Placed]
) -> dict[str, Placed]:
    """Models that a consumer also asks the server for, with more context than the route has: the larger counts."""
    found = {}
    for alias in _direct(fleet, backend):
        load, model = loads.get(alias), fleet.models[alias]
        if load is not None and model.context > load.context:
            more = server.load(model, facts, context=model.context, primary=load.primary)
            if more.context > load.context:
                found[alias] = replace(more, context_from="asked for directly")
    return found


def _direct(fleet: Fleet, backend: Backend) -> dict[str, list[str]]:
    """Alias -> nodes that ask this backend's own server for it round the proxy."""
    found: dict[str, list[str]] = {}
    for node in fleet.nodes.values():
        for hop in node.chain:
            if backend.engine and hop.endpoint == backend.engine.engine and hop.backend == backend.name:
                found.setdefault(hop.model, []).append(node.name)
    return found


def _earlier(
    server: Server, fleet: Fleet, facts: Facts, entry: PlannedModel, after: PlannedSet, loads: Mapping[str, Placed]
) -> Placed:
    """An entry of the earlier set as a load: as it is now where it stays, else as it was last reckoned with."""
    if any(entry.same(p) for p in after):
        return replace(loads[entry.model], primary=entry.primary)
    tag = entry.tag or entry.model
    model = fleet.models.get(entry.model)
    if entry.bytes is None and model is not None and entry.tag in ("", model.tag):
        return replace(server.load(model, facts, context=entry.context), primary=entry.primary)
    estimate = Estimate(reason=f"the size of {entry.model}, which was there before, is not known")
    if entry.bytes is not None:
        row = Row("as last reckoned", entry.bytes, Sure.ESTIMATED, "lockfile")
        estimate = Estimate((row,), entry.bytes, entry.bytes)
    return Placed(
        entry.model,
        tag,
        entry.context,
        "lockfile",
        server.parallel,
        server.kv_type,
        estimate,
        primary=entry.primary,
    )


class _Judge:
    """Findings and refusals of one verdict under the fleet's policy."""

    def __init__(
        self,
        fleet: Fleet,
        backend: Backend,
        server: Server,
        verdict: AdmissionVerdict,
        earlier: AdmissionVerdict,
        newcomers: Sequence[str],
    ) -> None:
        self.policy, self.backend, self.server = fleet.policy.overcommit, backend, server
        self.verdict, self.earlier, self.newcomers = verdict, earlier, list(dict.fromkeys(newcomers))
        self.findings: list[Finding] = []
        self.refused: dict[str, Blocker] = {}

    def run(self) -> None:
        """Fill ``findings`` and ``refused``."""
        verdict = self.verdict
        fallbacks = {p.model for p in verdict.placed if not p.primary}
        broken = [c for c in verdict.checks if not c.holds and c.rule != "context"]
        mine = [c for c in broken if c.model not in fallbacks]
        self._primaries(mine)
        for alias in sorted(fallbacks):
            own = [c for c in broken if c.model == alias]
            if own:
                self._fallback(alias, own)
        if verdict.fit is Fit.UNKNOWN or verdict.reason:
            self._unknown()

    def _primaries(self, broken: Sequence[AdmissionCheck]) -> None:
        by = {rule: [c for c in broken if c.rule == rule] for rule in ("physical", "preflight", "count", "spill")}
        name, total = self.backend.name, self.verdict.total or 0
        unseen = "" if self.server.observed else " (not observed)"
        if by["physical"]:
            check = by["physical"][0]
            self._say(
                "capacity.exceeded",
                f"{name} has {gib(total)} of VRAM{unseen}, and what is planned for it needs {gib(check.need)}",
                "wire fewer models there, a smaller context or quant, or another backend",
                by["preflight"][:1],
            )
        elif by["preflight"] or by["count"]:
            check = (by["preflight"] or by["count"])[0]
            says = "the models fit, and yet this server would evict: " if by["preflight"] else ""
            self._say("capacity.evicts", f"{name}{unseen}: {says}{check.says}", self._next(check), by["preflight"][1:])
        elif by["spill"]:
            check = by["spill"][0]
            self._say("capacity.spills", f"{name}{unseen}: {check.says}", self._next(check), by["spill"][1:])

    def _next(self, check: AdmissionCheck) -> str:
        model = check.model or (check.order[-1] if check.order else "MODEL")
        return f"fleethub capacity {self.backend.name} {model} shows what would make it fit"

    def _say(self, code: str, message: str, hint: str, more: Sequence[AdmissionCheck]) -> None:
        """An error where the policy refuses, else a warning."""
        refuse = self.policy == "refuse" or (self.policy == "refuse-new" and self._worse())
        if refuse and self.policy == "refuse-new":
            hint += '; overcommit = "warn" in [policy] lets it through'
        said = (*(c.says for c in more), *self.verdict.notes)
        detail = (*table(self.verdict), *(line for text in said for line in wrap(text, WIDE, subsequent_indent="  ")))
        severity = Severity.ERROR if refuse else Severity.WARNING
        self.findings.append(self._finding(code, message, hint, detail, severity))
        if refuse:
            self.refused |= dict.fromkeys(self.newcomers, Blocker(Why.REFUSED, message))

    def _finding(
        self, code: str, message: str, hint: str, detail: Iterable[str] = (), severity: Severity | None = None
    ) -> Finding:
        address = Address("backend", self.backend.name)
        return Finding(code, message, address, self.backend.place, hint, tuple(detail), severity)

    def _worse(self) -> bool:
        """Whether newcomers make the backend worse than the lockfile's set: its verdict, or its sum."""
        if not self.newcomers:
            return False
        before, after = self.earlier, self.verdict
        if before.fit in WORSE and after.fit in WORSE and WORSE.index(after.fit) > WORSE.index(before.fit):
            return True
        if before.need is None:
            return True
        known = sum(size for p in after.placed if (size := _bytes(p)) is not None) if after.need is None else after.need
        return known > before.need

    def _fallback(self, alias: str, broken: Sequence[AdmissionCheck]) -> None:
        name, check = self.backend.name, broken[0]
        if check.rule == "physical":
            message = f"{name}: the fallback {check.says}, even alone"
            refuse = self.policy == "refuse" or (self.policy == "refuse-new" and alias in self.newcomers)
            severity = Severity.ERROR if refuse else Severity.WARNING
            hint = "wire a smaller context or quant, or another backend"
            self.findings.append(
                self._finding("capacity.exceeded", message, hint, table(self.verdict, alias), severity)
            )
            if refuse and alias in self.newcomers:
                self.refused[alias] = Blocker(Why.REFUSED, message)
            return
        whom = ", ".join(p.model for p in self.verdict.placed if p.primary)
        if any(c.rule in ("preflight", "count") for c in broken):
            check = next(c for c in broken if c.rule in ("preflight", "count"))
            code, message = "capacity.evicts", f"{name}: the fallback {alias} and {whom} evict each other: {check.says}"
        else:
            code, message = "capacity.spills", f"{name}: the fallback {alias} beside {whom}: {check.says}"
        hint = f"fleethub capacity {name} {alias} shows what would make it fit"
        self.findings.append(self._finding(code, message, hint, (), Severity.WARNING))

    def _unknown(self) -> None:
        """Refuses a new placement whose size, or whose GPUs, are not known; warns for what is already so."""
        verdict = self.verdict
        unsized = [p.model for p in verdict.placed if p.estimate.total is None]
        if verdict.fit is Fit.EXCEEDS and not set(unsized) & set(self.newcomers) - set(self.refused):
            return
        message = f"whether the models of {self.backend.name} fit is not known: {verdict.reason}"
        hint = (
            "declare gpus on the backend"
            if verdict.total is None
            else 'pull the model there, or give it vram = "… GiB"'
        )
        self.findings.append(self._finding("capacity.unknown", message, hint))
        new = self.newcomers if verdict.total is None else [m for m in unsized if m in self.newcomers]
        if self.policy != "warn":
            for alias in new:
                self.refused.setdefault(alias, Blocker(Why.UNKNOWN, message))


def _mismatches(
    fleet: Fleet, backend: Backend, engine: Engine, server: Server, facts: Facts, after: PlannedSet
) -> Iterable[Finding]:
    """Consumers that ask for one model with several contexts: it is loaded anew whenever they take turns."""
    address = Address("backend", backend.name)
    effective = {p.model: server.effective_context(fleet.models[p.model], facts) for p in after}
    for alias, nodes in sorted(_direct(fleet, backend).items()):
        if alias not in effective:
            continue
        model, (tokens, source) = fleet.models[alias], effective[alias]
        through = any(
            hop.model == alias and not hop.direct for node in fleet.nodes.values() for hop in node.chain
        ) or any(alias in (*key.also, *key.models) for key in fleet.keys.values())
        if through and tokens != model.context:
            who = ", ".join(nodes[:3]) if len(nodes) <= 3 else plural(len(nodes), "node")
            yield Finding(
                "capacity.context-mismatch",
                f"{who} asks {backend.name} for {alias} with a context of {model.context}, and its route loads "
                f"{tokens} ({source}): the model is loaded anew at every turn",
                address,
                model.place or backend.place,
                f"make both {model.context}: num_ctx in LiteLLM's config, or context in the spec",
            )
    tags: dict[str, list[str]] = {}
    for p in after:
        tags.setdefault(engine.canonical(fleet.models[p.model].tag or p.model), []).append(p.model)
    for tag, aliases in sorted(tags.items()):
        asked = {alias: effective[alias][0] for alias in aliases}
        if len(set(asked.values())) > 1:
            shown = ", ".join(f"{alias} {tokens}" for alias, tokens in sorted(asked.items()))
            yield Finding(
                "capacity.context-mismatch",
                f"{tag} on {backend.name} is asked for with several contexts ({shown}): each change loads it anew",
                address,
                fleet.models[aliases[0]].place,
                "give these aliases one context",
            )


def table(verdict: AdmissionVerdict, alias: str = "") -> tuple[str, ...]:
    """The arithmetic of the primaries, or of one model: one line per load, its rows, the reserve, the sum."""
    loads = [p for p in verdict.placed if p.model == alias or (not alias and p.primary)]
    lines = []
    for load in sorted(loads, key=lambda p: (not p.primary, -(p.estimate.total or 0), p.model)):
        kind = "" if load.primary else ", fallback"
        most = _bytes(load) or 0
        kind += f", at most {gib(most)}" if most > (load.estimate.total or 0) else ""
        if load.estimate.total is None:
            lines.append(f"{'?':>10}  {load.model}: {load.estimate.reason}")
            continue
        lines.append(
            f"{gib(load.estimate.total):>10}  {load.model} ({load.context} tokens by {load.context_from}{kind})"
        )
        rows = [f"{row.what} {gib(row.bytes)} ({row.source})" for row in load.estimate.rows if row.bytes >= 1 << 26]
        lines += [f"{'':>14}{text}" for text in _wrapped(rows)]
    gpus = len(verdict.gpus)
    lines.append(f"{gib(verdict.reserve):>10}  reserve on {plural(gpus, 'GPU')} (policy)")
    sizes = [_bytes(p) for p in loads]
    if None not in sizes and verdict.total is not None:
        need = sum(size or 0 for size in sizes) + verdict.reserve
        there = f"{gib(verdict.total)} there ({verdict.total_from})"
        over = need - verdict.total
        lines.append(f"{gib(need):>10}  needed; {there}{f': {gib(over)} too much' if over > 0 else ''}")
    return tuple(lines)


def _wrapped(parts: Sequence[str], width: int = 80) -> list[str]:
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f" + {part}"
        else:
            lines.append(f"+ {part}" if lines else part)
    return lines
