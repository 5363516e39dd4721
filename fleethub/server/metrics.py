"""Prometheus' text format of a snapshot: headroom, drift, unknowns, findings, ages. What is unknown has no sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from fleethub.model.fleet_status import FleetStatus
from fleethub.operations.snapshots import Snapshot

KIND = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]


def metrics_text(snapshot: Snapshot, refreshes: int, failures: int) -> str:
    """Every family, also without an observation: then ``fleethub_observed`` is 0 and nothing is told of the fleet."""
    age = snapshot.age
    families: list[tuple[str, str, str, Iterable[Sample]]] = [
        ("observed", "gauge", "Whether the fleet was ever observed", [({}, float(age is not None))]),
        ("observation_age_seconds", "gauge", "Age of the last observation", [({}, age)] if age is not None else []),
        (
            "problem",
            "gauge",
            "Whether what is shown is not what spec and network say now",
            [({}, bool(snapshot.problem))],
        ),
        ("refreshes_total", "counter", "Observations begun since the server started", [({}, refreshes)]),
        ("refresh_failures_total", "counter", "Observations that failed since then", [({}, failures)]),
    ]
    if snapshot.fleet_status is not None and snapshot.facts is not None:
        families += _fleet(snapshot.fleet_status)
    return "".join(_family(*family) for family in families)


def _fleet(fleet_status: FleetStatus) -> Iterable[tuple[str, str, str, Iterable[Sample]]]:
    backends = fleet_status.backends
    bars = [
        (backend, {"backend": backend.name, "gpu": str(i), "name": bar.gpu}, bar)
        for backend in backends
        for i, bar in enumerate(backend.gpus)
    ]
    states = Counter(
        (kind, thing.state)
        for kind, things in (
            *(("proxy", fleet_status.proxies), ("backend", backends)),
            *(("node", fleet_status.nodes), ("key", fleet_status.keys)),
        )
        for thing in things
    )
    codes = Counter((f.code, f.severity.value) for f in fleet_status.findings)
    blocked = sum(1 for c in fleet_status.changes if c.action == "blocked")
    yield "serial", "gauge", "Serial of the lockfile", [({}, fleet_status.serial)]
    yield "drift", "gauge", "Things that somebody changed by hand", [({}, len(fleet_status.drift))]
    yield "changes", "gauge", "Changes that a plan would make", [({}, len(fleet_status.changes) - blocked)]
    yield "blocked", "gauge", "Changes that are wanted and not possible now", [({}, blocked)]
    unknown = sum(count for (_, state), count in states.items() if state == "unknown")
    yield "unknown", "gauge", "Things that could not be looked at", [({}, unknown)]
    yield (
        *("things", "gauge", "Things by kind and state"),
        [({"kind": kind, "state": state}, n) for (kind, state), n in sorted(states.items())],
    )
    yield (
        *("findings", "gauge", "Findings by code"),
        [({"code": code, "severity": severity}, n) for (code, severity), n in sorted(codes.items())],
    )
    keys = [(key, {"proxy": key.proxy, "key": key.name, "owner": key.owner}) for key in fleet_status.keys]
    yield (
        *("key_spend", "gauge", "What a key has spent since its budget began, in its proxy's currency"),
        [(labels, key.spend) for key, labels in keys if key.spend is not None],
    )
    yield (
        *("key_budget", "gauge", "What it may spend; none where it has no budget"),
        [(labels, key.budget) for key, labels in keys if key.budget is not None],
    )
    known = {b.name for b in backends if b.state == "there" and b.headroom is not None}
    yield (
        *("backend_headroom_bytes", "gauge", "VRAM left when all that is planned and loaded is there"),
        [({"backend": b.name}, b.headroom or 0) for b in backends if b.name in known],
    )
    yield (
        *("gpu_headroom_bytes", "gauge", "The same, of each GPU"),
        [(labels, bar.headroom) for backend, labels, bar in bars if backend.name in known],
    )
    yield "gpu_total_bytes", "gauge", "VRAM of each GPU", [(labels, bar.total) for _, labels, bar in bars]
    yield (
        *("gpu_used_bytes", "gauge", "VRAM in use as the driver counts it"),
        [(labels, bar.used) for _, labels, bar in bars if bar.used is not None],
    )


def _family(name: str, kind: str, says: str, samples: Iterable[Sample]) -> str:
    full = f"fleethub_{name}"
    lines = [f"# HELP {full} {says}", f"# TYPE {full} {kind}"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{full}{{{inside}}} {float(value):.17g}" if inside else f"{full} {float(value):.17g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
