"""``status``: what runs where, now."""

from __future__ import annotations

from fleethub.model.fleet_status import BackendStatus, FleetStatus, KeyStatus, ProxyStatus
from fleethub.model.text import amount, gib, heard, hop, money, named, plural
from fleethub.views.age import elapsed
from fleethub.views.style import Style

NAMES = 4  # how many names a line shows


def status_text(fleet_status: FleetStatus, style: Style, now: str = "") -> str:
    """A fleet_status for people; ``now`` (ISO 8601) tells the age of one that was seen earlier."""
    last = (
        f"apply {fleet_status.serial}, {fleet_status.applied_at} by {fleet_status.applied_by}"
        if fleet_status.serial
        else "never applied"
    )
    earlier = any(f.code == "look.earlier" for f in fleet_status.findings)
    seen = f"; seen {_ago(fleet_status.at, now)}" if earlier else ""
    lines = [style("bold", f"{fleet_status.fleet}: {last}{seen}")]
    titles: list[str] = []
    for title, rows in (
        ("Proxies", [f"  {p.name}: {proxy_line(p)}" for p in fleet_status.proxies]),
        ("Backends", [f"  {b.name}: {backend_line(b)}" for b in fleet_status.backends]),
    ):
        lines += ["", style("bold", title), *rows] if rows else []
    for node in sorted(fleet_status.nodes, key=lambda node: node.kind != "node"):
        if (title := f"{node.kind.capitalize()}s") not in titles:
            titles.append(title)
            lines += ["", style("bold", title)]
        runs = ", ".join(map(hop, node.runs)) if node.runs else _state(node.state, node.reason)
        runs += f" ({node.reason})" if node.runs and node.reason else ""
        owner = f" ({named(node.owner)})" if node.owner else ""
        left = "" if node.chain else ", no longer in the spec"
        lines.append(f"  {node.name}{owner}: {runs}{left}{_planned(node.change)}")
    lines += ["", style("bold", "Keys")] if fleet_status.keys else []
    for key in fleet_status.keys:
        models = ", ".join(map(named, key.models)) if key.models is not None else _state(key.state, key.reason)
        beside = f"  ({', '.join(map(heard, key.beside))})" if key.beside else ""
        lines.append(f"  {key.proxy}.{key.name}: {models}{beside}{_spending(key)}{_planned(key.change)}")
    lines += _by_owner(fleet_status, style)
    if fleet_status.resources:
        lines += ["", style("bold", "Others")]
    for thing in fleet_status.resources:
        lines.append(f"  {named(thing.address)}: {_state(thing.state, thing.reason)}{_planned(thing.change)}")
    lines += _owed(fleet_status, style)
    return "\n".join(lines)


def _ago(at: str, now: str) -> str:
    age = elapsed(at, now)
    return f"{age} ago" if age and age != "just now" else age or f"at {at}"


def _spending(key: KeyStatus) -> str:
    """``, spent 17.40 of 20 per 30d``; nothing of a key that has no budget and spent nothing."""
    if key.spend is None or (not key.spend and key.budget is None):
        return ""
    of = f" of {amount(key.budget)}" if key.budget is not None else ""
    every = f" per {heard(key.budget_duration, 12)}" if key.budget is not None and key.budget_duration else ""
    return f", spent {money(key.spend)}{of}{every}"


def _by_owner(fleet_status: FleetStatus, style: Style) -> list[str]:
    """What each owner's keys have spent, most first."""
    spent: dict[str, float] = {}
    for key in fleet_status.keys:
        spent[key.owner] = spent.get(key.owner, 0.0) + (key.spend or 0.0)
    if not any(spent.values()) or len(spent) < 2:
        return []
    ordered = sorted(spent.items(), key=lambda one: (-one[1], one[0]))
    return [
        "",
        style("bold", "Spent"),
        *(f"  {named(owner) or 'nobody'}: {money(sum_)}" for owner, sum_ in ordered if sum_),
    ]


def _owed(fleet_status: FleetStatus, style: Style) -> list[str]:
    """What waits, why, and for how long; those that wait for the same since the same time are one line."""
    same: dict[tuple[str, str], list[str]] = {}
    for change in fleet_status.changes:
        if change.waits:
            same.setdefault((change.since, change.waits[0]), []).append(change.address)
    if not same:
        return []
    lines = ["", style("bold", "Owed")]
    for (since, why), whose in sorted(same.items()):
        names = ", ".join(map(named, whose[:NAMES])) + (f" and {len(whose) - NAMES} more" if whose[NAMES:] else "")
        age = f" (since {since}, {elapsed(since, fleet_status.at)})" if since else ""
        lines.append(f"  {names}: {heard(why)}{age}")
    return lines


def _planned(change: str) -> str:
    if change == "blocked":  # the word alone is what LiteLLM calls a key that may call nothing
        return "  [change blocked]"
    return f"  [{change} planned]" if change else ""


def _state(state: str, reason: str) -> str:
    return f"{state}: {reason}" if reason else state


def proxy_line(proxy: ProxyStatus) -> str:
    """What a proxy has."""
    if proxy.models is None:
        return _state(proxy.state, proxy.reason)
    return f"{plural(proxy.models, 'model')}, {plural(proxy.keys or 0, 'key')}"


def backend_line(backend: BackendStatus) -> str:
    """What a backend has, and what is loaded on it."""
    total = f"{gib(backend.total)} {backend.total_from}" if backend.total is not None else "VRAM not declared"
    if used := [gpu.used for gpu in backend.gpus if gpu.used is not None]:
        total += f", {gib(sum(used))} used"
    if backend.machine:
        total += f" ({backend.machine})"
    if backend.url is None:
        return total
    if backend.state != "there":
        return f"{total}; {_state(backend.state, backend.reason)}"
    loaded = ", ".join(f"{named(r.tag)} ({gib(r.size_vram)})" for r in backend.residents) or "nothing loaded"
    return f"{total}; {backend.engine} {named(backend.version)}: {loaded}"
