"""``status``: what runs where, now. ``show``: everything about one address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fleethub.model.address import Address
from fleethub.model.facts import Facts, GpuReading, OllamaReading, ProxyReading
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Absent, Locked, Lockfile, Observation, Resource, Seen, Source, Unknown
from fleethub.model.plan import Plan
from fleethub.model.words import gib
from fleethub.views.style import Style


def status_data(
    fleet: Fleet, lockfile: Lockfile | None, seen: Mapping[Address, Observation], facts: Facts, plan: Plan
) -> dict[str, Any]:
    """The state of the fleet as plain values."""
    changing = {c.address: c.action.value for c in plan.changes}
    return {
        "type": "status",
        "fleet": fleet.name,
        "at": facts.at,
        "serial": lockfile.serial if lockfile else 0,
        "applied": {"at": lockfile.applied.at, "by": lockfile.applied.by} if lockfile else None,
        "proxies": {p.name: _proxy(facts, p.admin_url) for p in fleet.proxies.values()},
        "backends": {
            b.name: _backend(facts, b.ollama.url if b.ollama else None, sum(g.vram for g in b.gpus), b.ssh)
            for b in fleet.backends.values()
        },
        "nodes": {
            n.name: {
                "owner": n.owner,
                "state": _state(seen.get(Address("node", n.name))),
                "chain": [str(hop) for hop in n.chain],
                "runs": _runs(seen.get(Address("node", n.name))),
                "plan": changing.get(Address("node", n.name)),
            }
            for n in fleet.nodes.values()
        },
        "keys": {
            str(a): {
                "state": _state(o),
                "models": o.attrs.get("models") if isinstance(o, Seen) else None,
                "plan": changing.get(a),
            }
            for a, o in seen.items()
            if a.kind == "key"
        },
    }


def status_text(data: Mapping[str, Any], style: Style) -> str:
    """``status_data`` for people."""
    applied = data["applied"]
    last = f"apply {data['serial']}, {applied['at']} by {applied['by']}" if applied else "never applied"
    lines = [style("bold", f"{data['fleet']}: {last}")]
    for title in ("proxies", "backends"):
        lines += ["", style("bold", title.capitalize())]
        lines += [f"  {name}: {line}" for name, line in data[title].items()]
    lines += ["", style("bold", "Nodes")]
    for name, node in data["nodes"].items():
        runs = ", ".join(node["runs"]) if node["runs"] else node["state"]
        plan = f"  [{node['plan']} planned]" if node["plan"] else ""
        owner = f" ({node['owner']})" if node["owner"] else ""
        lines.append(f"  {name}{owner}: {runs}{plan}")
    lines += ["", style("bold", "Keys")]
    for address, key in data["keys"].items():
        models = ", ".join(key["models"]) if key["models"] is not None else key["state"]
        plan = f"  [{key['plan']} planned]" if key["plan"] else ""
        lines.append(f"  {address.removeprefix('key.')}: {models}{plan}")
    return "\n".join(lines)


def show_data(address: Address, want: Resource | None, locked: Locked | None, seen: Observation) -> dict[str, Any]:
    """One resource: wanted, last applied, observed."""
    from fleethub.state.format import encode

    observed: dict[str, Any] = {"state": _state(seen)}
    if isinstance(seen, Seen):
        observed |= {"attrs": dict(seen.attrs), "telemetry": dict(seen.telemetry), "at": seen.at}
        if seen.mark:
            observed["mark"] = {"serial": seen.mark.serial, "generation": seen.mark.generation}
    return {
        "type": "show",
        "address": str(address),
        "place": str(want.place) if want and want.place else None,
        "owner": want.owner if want else locked.owner if locked else "",
        "needs": {str(a): sorted(e) for a, e in want.needs.items()} if want else {},
        "wanted": dict(want.attrs) if want else None,
        "applied": encode(locked) if locked else None,
        "observed": observed,
    }


def show_text(data: Mapping[str, Any], style: Style) -> str:
    """``show_data`` for people."""
    lines = [style("bold", data["address"]) + (f"  ({data['owner']})" if data["owner"] else "")]
    if data["place"]:
        lines.append(f"  written at {data['place']}")
    if data["needs"]:
        lines.append("  needs " + ", ".join(data["needs"]))
    for name in ("wanted", "applied", "observed"):
        lines += [f"  {name}:"]
        body = json.dumps(data[name], indent=2, ensure_ascii=False, default=list) if data[name] else "nothing"
        lines += [f"    {line}" for line in body.splitlines()]
    return "\n".join(lines)


def _state(seen: Observation | None) -> str:
    if isinstance(seen, Unknown):
        return f"unknown: {seen.reason}"
    return "absent" if seen is None or isinstance(seen, Absent) else "there"


def _runs(seen: Observation | None) -> list[str] | None:
    return list(seen.attrs["chain"]) if isinstance(seen, Seen) else None


def _proxy(facts: Facts, url: str) -> str:
    reading = facts.of(Source("litellm", url))
    if isinstance(reading, ProxyReading):
        return f"{len(reading.models)} models, {sum(map(len, reading.keys.values()))} keys"
    return f"unknown: {reading.reason}" if isinstance(reading, Unknown) else "unknown"


def _backend(facts: Facts, url: str | None, declared: int, ssh: str | None) -> str:
    total = gib(declared) + " declared" if declared else "VRAM not declared"
    machine = facts.of(Source("gpu", ssh)) if ssh else None
    if isinstance(machine, GpuReading) and machine.gpus:
        free, size = sum(g.free for g in machine.gpus), sum(g.total for g in machine.gpus)
        total = f"{gib(size)} by {machine.by}, {gib(free)} free"
    elif isinstance(machine, GpuReading):
        total += f" ({machine.problem})"
    elif isinstance(machine, Unknown):
        total += f" ({machine.reason})"
    if url is None:
        return total
    reading = facts.of(Source("ollama", url))
    if not isinstance(reading, OllamaReading):
        return f"{total}; unknown: {reading.reason if isinstance(reading, Unknown) else 'not read'}"
    loaded = ", ".join(f"{r.tag} ({gib(r.size_vram)})" for r in reading.residents) or "nothing loaded"
    return f"{total}; Ollama {reading.version}: {loaded}"
