"""May this set of models be on this backend? First form: the sum of the loads and the reserve against the GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fleethub.capacity.first import Estimate, estimate
from fleethub.model.address import Address
from fleethub.model.facts import Facts, GpuReading, OllamaReading
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Backend, Fleet
from fleethub.model.observation import Source
from fleethub.model.plan import Load, Obstacle, Why
from fleethub.model.words import gib

PlannedSet = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A backend's verdict: its sum before and after, findings, and which newcomers may not be wired (alias -> why)."""

    load: Load
    findings: tuple[Finding, ...] = ()
    refused: Mapping[str, Obstacle] = field(default_factory=dict)


def planned_sets(fleet: Fleet) -> dict[str, PlannedSet]:
    """Backend -> (model, context) of every model that a chain or a key names and that the backend serves."""
    named: dict[str, set[str]] = {}
    for node in fleet.nodes.values():
        for hop in node.chain:
            targets = (hop.backend,) if hop.backend else fleet.models[hop.model].backends
            for backend in targets:
                named.setdefault(backend, set()).add(hop.model)
    for key in fleet.keys.values():
        for alias in (*key.also, *key.models):
            for backend in fleet.models[alias].backends:
                named.setdefault(backend, set()).add(alias)
    return {b: tuple((a, fleet.models[a].context) for a in sorted(aliases)) for b, aliases in sorted(named.items())}


def assess(fleet: Fleet, backend: Backend, facts: Facts, before: PlannedSet, after: PlannedSet) -> Assessment:
    """Judge the planned set of a backend, ``after``, against the set of the lockfile, ``before``."""
    if backend.ollama is None or not (after or before):
        return Assessment(Load(backend.name, None, None, None))
    raw = facts.of(Source("ollama", backend.ollama.url))
    reading = raw if isinstance(raw, OllamaReading) else None
    total, total_source = _vram(backend, facts)
    estimates = {a: estimate(fleet.models[a], backend.ollama, reading) for a, _ in after}
    unknown = [e for e in estimates.values() if e.total is None]
    sum_after = sum(e.total or 0 for e in estimates.values())
    sum_before = _sum(fleet, backend, reading, before)
    newcomers = [a for a, c in after if (a, c) not in before]
    gpus = max(len(backend.gpus), 1)
    reserve = fleet.policy.reserve * gpus
    load = Load(backend.name, sum_before, None if unknown else sum_after, total)
    address = Address("backend", backend.name)
    policy = fleet.policy.overcommit
    if total is None or unknown:
        exceeded = total is not None and sum_after + reserve > total
        if not exceeded:
            reason = "; ".join(e.reason for e in unknown) or "its GPUs are neither declared nor readable"
            finding = Finding(
                "capacity.unknown",
                f"whether the models of {backend.name} fit is not known: {reason}",
                address,
                backend.place,
                "declare gpus on the backend" if total is None else 'pull the model there, or give it vram = "… GiB"',
            )
            obstacle = Obstacle(Why.UNKNOWN, finding.message)
            new = newcomers if total is None else [e.model for e in unknown if e.model in newcomers]
            held = {} if policy == "warn" else dict.fromkeys(new, obstacle)
            return Assessment(load, (finding,), held)
    if total is None or sum_after + reserve <= total:
        return Assessment(load)
    grows = bool(newcomers) and (sum_before is None or sum_after > sum_before)
    refuse = policy == "refuse" or (policy == "refuse-new" and grows)
    observed = "" if reading is not None else " (not observed)"
    finding = Finding(
        "capacity.exceeded",
        f"{backend.name} has {gib(total)} of VRAM{observed}, and what is planned for it needs "
        f"{gib(sum_after + reserve)}",
        address,
        backend.place,
        "wire fewer models there, a smaller context or quant, or another backend"
        + ("" if policy != "refuse-new" else '; overcommit = "warn" in [policy] lets it through'),
        _arithmetic(list(estimates.values()), reserve, gpus, total, total_source),
        Severity.ERROR if refuse else Severity.WARNING,
    )
    obstacle = Obstacle(Why.REFUSED, finding.message)
    refused = dict.fromkeys(newcomers, obstacle) if refuse else {}
    return Assessment(load, (finding,), refused)


def _vram(backend: Backend, facts: Facts) -> tuple[int | None, str]:
    if backend.ssh == "local":
        reading = facts.of(Source("gpu", "local"))
        if isinstance(reading, GpuReading) and reading.gpus:
            return sum(gpu.total for gpu in reading.gpus), "NVML"
    if backend.gpus:
        return sum(gpu.vram for gpu in backend.gpus), "declared"
    return None, ""


def _sum(fleet: Fleet, backend: Backend, reading: OllamaReading | None, planned: PlannedSet) -> int | None:
    """The sum of an earlier set; None when one of its models is unknown by now."""
    sizes = [
        estimate(replace(fleet.models[a], context=c), backend.ollama, reading).total
        if a in fleet.models and backend.ollama is not None
        else None
        for a, c in planned
    ]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _arithmetic(estimates: list[Estimate], reserve: int, gpus: int, total: int, source: str) -> tuple[str, ...]:
    lines = []
    for e in sorted(estimates, key=lambda e: -(e.total or 0)):
        if e.total is None:
            lines.append(f"{'?':>10}  {e.model}: {e.reason}")
            continue
        parts = " + ".join(f"{row.what} {gib(row.bytes)} ({row.source})" for row in e.rows)
        lines.append(f"{gib(e.total):>10}  {e.model}: {parts}")
    lines.append(f"{gib(reserve):>10}  reserve on {gpus} GPU{'s' if gpus > 1 else ''} (policy)")
    need = sum(e.total or 0 for e in estimates) + reserve
    lines.append(f"{gib(need):>10}  needed; {gib(total)} there ({source}): {gib(need - total)} too much")
    return tuple(lines)
