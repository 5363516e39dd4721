"""What the page says of a fleet, where its template would have to count, sort or group: trouble comes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from fleethub.model.capacity import Fit
from fleethub.model.finding import Finding
from fleethub.model.fleet_status import BackendStatus, DriftStatus, FleetStatus, KeyStatus, NodeStatus
from fleethub.views import picture

T = TypeVar("T")
TONES = ("bad", "unknown", "pending", "good")
#: Entries of one sort that are shown each by itself; of more one stands for all, and they are folded below it.
APART = 3
#: Backends that are shown with all cards; of more, those that are not too full are folded.
UNFOLDED = 8
#: Changes of one sort that are named; of what follows the command line tells.
NAMED = 100
#: fit -> (tone, words)
FITS = {
    Fit.FITS: ("good", "fits"),
    Fit.UNKNOWN: ("unknown", "not known"),
    Fit.SPILLS: ("bad", "spills to the CPU"),
    Fit.EVICTS: ("bad", "evicts"),
    Fit.EXCEEDS: ("bad", "does not fit"),
}


def status_of(thing: NodeStatus | KeyStatus, observed: bool, keys: Iterable[KeyStatus] = ()) -> tuple[str, str, str]:
    """Tone, word and sentence for a node or key; the worst first, and unknown is never good.

    A node is no better than the ``keys`` that it calls with.
    """
    if not observed:
        return "unknown", "not observed", ""
    if thing.state == "unknown":
        return "unknown", "unknown", thing.reason
    if thing.drift:
        return "bad", "drift", thing.drift
    if thing.change == "blocked":
        return "bad", "blocked", "; ".join(thing.waits)
    if thing.change:
        return "pending", f"{thing.change} planned", "; ".join(thing.waits)
    if thing.state != "there":
        return "unknown", thing.state, thing.reason
    for key in keys:
        tone, word, why = status_of(key, observed)
        if tone != "good":
            return tone, f"key: {word}", why
    return "good", "as planned", ""


def fit_of(value: str) -> tuple[str, str]:
    """Tone and words of a fit."""
    return FITS[Fit(value)] if value else ("unknown", "not known")


def parts(fleet_status: FleetStatus, observed: bool) -> dict[str, Any]:
    """What the template would otherwise have to count; nodes in trouble come first."""
    severities = Counter(f.severity.value for f in fleet_status.findings)
    states = Counter(n.state for n in fleet_status.nodes)
    unknown = [
        states["unknown"],
        *(
            sum(thing.state == "unknown" for thing in things)
            for things in (fleet_status.proxies, fleet_status.backends, fleet_status.keys)
        ),
    ]
    keys: dict[str, list[KeyStatus]] = {}
    for key in fleet_status.keys:
        keys.setdefault(key.name, []).append(key)
    rows = [(node, status_of(node, observed, keys.get(node.key, ()))) for node in fleet_status.nodes]
    backends = sorted(fleet_status.backends, key=_trouble)
    planned = [c for c in fleet_status.changes if c.action != "blocked"]
    known = [b for b in fleet_status.backends if b.headroom is not None and b.state == "there"]
    return {
        "errors": severities["error"],
        "warnings": severities["warning"],
        "findings": {
            severity: _findings(fleet_status.findings, severity == "error") for severity in ("error", "other")
        },
        "drifts": alike(fleet_status.drift, _sort_of_drift),
        "blocked": [c for c in fleet_status.changes if c.action == "blocked"],
        "planned": planned,
        "named": NAMED,
        "actions": Counter(c.action for c in planned),
        "backends": backends,
        "folded": [b for b in backends[UNFOLDED:] if TONES[_trouble(b)] != "bad" and b.gpus and b.total is not None],
        "unknown_nodes": states["unknown"],
        "unknowns": sum(unknown),
        "owners": len({n.owner for n in fleet_status.nodes if n.owner}),
        "headroom": sum(b.headroom or 0 for b in known) if known else None,
        "total": sum(b.total or 0 for b in known),
        "unseen_backends": sum(1 for b in fleet_status.backends if b.url and b.state != "there"),
        "rows": sorted(rows, key=lambda row: TONES.index(row[1][0])),
        "keys_of": keys,
        "loose_keys": [k for k in fleet_status.keys if not k.nodes],
        "wiring": picture.wiring(fleet_status),
        "askable": [b.name for b in fleet_status.backends if b.url],
        "aliases": [m.name for m in fleet_status.models if m.backends],
    }


def alike(things: Iterable[T], sort: Callable[[T], Hashable]) -> list[list[T]]:
    """Groups of one sort, in the order of their first ones; few of a sort stay by themselves."""
    groups: dict[Hashable, list[T]] = {}
    for thing in things:
        groups.setdefault(sort(thing), []).append(thing)
    return [part for same in groups.values() for part in ([same] if len(same) > APART else [[one] for one in same])]


def _findings(findings: Iterable[Finding], errors: bool) -> list[list[Finding]]:
    return alike((f for f in findings if (f.severity.value == "error") is errors), lambda f: (f.severity, f.code))


def _sort_of_drift(drift: DriftStatus) -> tuple[str, str, bool]:
    return drift.address.partition(".")[0], drift.says, drift.repaired


def _trouble(backend: BackendStatus) -> int:
    """What does not fit, then what nobody saw."""
    tone, _ = fit_of(backend.fit) if backend.placed else ("good", "")
    return TONES.index("unknown" if tone == "good" and backend.url and backend.state != "there" else tone)
