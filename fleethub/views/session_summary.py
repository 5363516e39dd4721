"""What a session is told of a fleet, made from a status: the content of ``.fleethub/context.json``.

Lines are made here, once; ``views.session_text`` only chooses among them: a session's start costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from fleethub.model.capacity import Fit
from fleethub.model.finding import FOR_PEOPLE, Finding, Severity
from fleethub.model.fleet_status import BackendStatus, FleetStatus, ModelStatus, NodeStatus, ProxyStatus
from fleethub.model.history import HistoryEntry
from fleethub.model.text import gib, hop, moment, named, same_name, tame

#: What would become of a model that nobody names.
FITS = {
    Fit.FITS.value: "would fit now",
    Fit.EXCEEDS.value: "would not fit",
    Fit.EVICTS.value: "would evict others",
    Fit.SPILLS.value: "would spill to the CPU",
    Fit.UNKNOWN.value: "whether it would fit is not known",
}


def session_summary(status: FleetStatus, done: Iterable[HistoryEntry] = ()) -> dict[str, Any]:
    """Plain values: ``trouble`` and ``consumers`` carry the names by which a session knows its own.

    ``done``: what was done last, in order.

    Names and words of others are data in every line: one line, no markup, quoted where they are not one word.
    """
    told: dict[str, Any] = _tamed({**_summary(status), "done": [_done(one) for one in done]})
    return told


def _tamed(value: Any) -> Any:
    """Every text in it, whoever wrote it; but for the names that are only compared."""
    if isinstance(value, str):
        return tame(value)
    if isinstance(value, dict):
        return {key: inner if key in ("names", "about") else _tamed(inner) for key, inner in value.items()}
    return [_tamed(inner) for inner in value] if isinstance(value, list) else value


def _summary(status: FleetStatus) -> dict[str, Any]:
    return {
        "fleet": status.fleet,
        "at": status.at,
        "serial": status.serial,
        "applied_at": status.applied_at,
        "applied_by": status.applied_by,
        "pending": status.sentence if status.changes else "",
        "refused": [],  # a later look that was refused is added by ``state.session_summary.refuse``
        "trouble": [
            *_drift(status),
            *_unknown(status),
            *_findings(status.findings),
            *_waiting(status),
        ],
        "consumers": [*(_consumer(node, status) for node in status.nodes), *_keys(status)],
        "backends": [_backend(backend) for backend in status.backends],
        "models": [_model(m) for m in status.models],
        "proxies": [line for proxy in status.proxies for line in _call(proxy, status)],
        "edits": [c.address for c in status.changes if c.action != "blocked"],
    }


def _owner(name: str) -> str:
    return f", owner {named(name)}" if name else ""


def _model(model: ModelStatus) -> str:
    able = f"; {', '.join(map(named, model.capabilities))}" if model.capabilities else ""
    idle = f"; used by nobody, {FITS.get(model.fits, model.fits)}" if model.fits else ""
    where = ", ".join(model.backends) or model.proxy or "nowhere"
    return f"{named(model.name)}: {model.context:,} tokens, {where}{_owner(model.owner)}{able}{idle}"


def base_url(proxy: ProxyStatus) -> str:
    """What OpenAI's clients want of a proxy."""
    return proxy.url if proxy.url.endswith("/v1") else f"{proxy.url}/v1"


def _call(proxy: ProxyStatus, status: FleetStatus) -> Iterable[str]:
    """How anybody calls a model there, and how to come by a key."""
    asked = named(proxy.owner) if proxy.owner else status.applied_by or "whoever applies this fleet"
    seen = f" (now unknown: {proxy.reason})" if proxy.reason else ""
    yield f"{proxy.name}: base URL {base_url(proxy)}{_owner(proxy.owner)}{seen}; model: an alias of these"
    yield (
        f"a key of your own for {proxy.name}: ask {asked} for [keys.NAME] with models = [...] and an apply, then "
        f"fleethub show key.{proxy.name}.NAME --reveal"
    )


def _done(one: HistoryEntry) -> str:
    who = " ".join(part for part in (one.by, f"as {named(one.owner)}" if one.owner else "") if part)
    says = one.says if one.says.startswith(one.action) else f"{one.action}: {one.says}"
    return f"{moment(one.at, minutes=True)} {who or 'somebody'}: {says}"


def _drift(status: FleetStatus) -> Iterable[dict[str, Any]]:
    for drift in status.drift:
        then = "the next apply undoes it" if drift.repaired else "left alone until somebody decides"
        yield {"kind": "drift", "about": drift.address, "line": f"{drift.address}: {drift.says} by hand; {then}"}


def _unknown(status: FleetStatus) -> Iterable[dict[str, Any]]:
    """What could not be looked at, one line per reason: a dead proxy makes all of its keys unknown."""
    reasons: dict[str, list[str]] = {}
    for backend in status.backends:
        if backend.state == "unknown":
            reasons.setdefault(backend.reason, []).append(f"backend.{backend.name}")
    for node in status.nodes:
        if node.state == "unknown":
            reasons.setdefault(node.reason, []).append(node.address)
    for key in status.keys:
        if key.state == "unknown":
            reasons.setdefault(key.reason, []).append(key.address)
    for reason, names in reasons.items():
        yield {"kind": "unknown", "about": " ".join(names), "line": f"{_few(names)}: {reason}"}


def _findings(findings: Iterable[Finding]) -> Iterable[dict[str, Any]]:
    """Errors first. What could not be read is told under unknown."""
    for finding in sorted(findings, key=lambda f: f.severity is not Severity.ERROR):
        if not finding.code.endswith(".unreadable"):
            about = str(finding.address) if finding.address else ""
            yield {"kind": finding.severity.value, "about": about, "line": told(finding)}


def told(finding: Finding) -> str:
    """A finding as one line, with what to do."""
    about = f" {finding.address}" if finding.address else ""
    hint = "a person decides: fleethub trust list" if finding.code in FOR_PEOPLE else finding.hint
    return f"{finding.code}{about}: {finding.message}" + (f" → {hint}" if hint else "")


def _waiting(status: FleetStatus) -> Iterable[dict[str, Any]]:
    """Changes that cannot be made now, one line per reason; what is unknown is told as that."""
    told = {f"backend.{b.name}" for b in status.backends if b.state == "unknown"}
    told |= {n.address for n in status.nodes if n.state == "unknown"}
    told |= {k.address for k in status.keys if k.state == "unknown"}
    reasons: dict[str, list[str]] = {}
    for change in status.changes:
        if change.action == "blocked" and change.address not in told:
            reasons.setdefault("; ".join(change.waits), []).append(change.address)
    for reason, names in reasons.items():
        line = f"{_few(names)}: wanted, and cannot be changed now: {reason}"
        yield {"kind": "blocked", "about": " ".join(names), "line": line}


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _consumer(node: NodeStatus, status: FleetStatus) -> dict[str, Any]:
    """One line for all, and the lines that its own session gets besides."""
    owner = f" ({named(node.owner)})" if node.owner and not same_name(node.owner, node.name) else ""
    chain = _chain(node.chain)
    runs = node.runs
    planned = node.change if node.change == "blocked" else f"{node.change} planned"
    if not node.chain:
        left = {"there": f"runs {_chain(runs)}" if runs else "runs what is unknown", "absent": "is gone"}
        says = f"{left.get(node.state, 'cannot be seen')}, and is no longer in the spec ({planned})"
    elif node.state == "unknown":
        says = f"what it runs is unknown; the spec says {chain}"
    elif node.state == "absent":
        says = f"not there yet; the spec says {chain}"
    elif runs is None:
        says = f"runs what is unknown, for {node.reason}; the spec says {chain} ({planned})"
    elif not runs and node.kind == "consumer":
        says = f"has a key for {chain}" + (f" ({planned})" if node.change not in ("", "record") else "")
    elif node.change in ("", "record"):
        says = f"runs {_chain(runs)}"
    else:
        says = f"runs {_chain(runs) or 'nothing'}; the spec says {chain} ({planned})"
    more = [*_key_of(node, {key.state for key in status.keys if key.name == node.key and key.proxy in node.proxies})]
    files = ", ".join(f"{f.role}: {f.path}" for f in node.files)
    more.append(_files_of(node) + (f" ({files})" if files else ""))
    more += _calls(node, status)
    names = [node.name, node.owner, *node.projects, *node.labels.values()]
    about = node.address
    told = {"about": about, "who": f"{node.name}{owner}", "says": says, "more": more, "owner": node.owner}
    return {"names": [n for n in names if n], **told}


def _calls(node: NodeStatus, status: FleetStatus) -> Iterable[str]:
    """How its models are called with its own key, and where that lies."""
    urls = [base_url(proxy) for proxy in status.proxies if proxy.name in node.proxies]
    paths = {file.role: file.path for file in node.files}
    file = paths.get("key") or paths.get("env")  # the first, where a key has a file of its own
    aliases = {model.name for model in status.models}  # a way round the proxy is none of them
    # what it runs, for its key may call that; what the spec says is its own once it is applied
    model = next((step for step in node.runs or node.chain if step in aliases), None)
    if urls and file and model and node.chain and node.applied and node.state != "absent":
        where = f"{node.target.rstrip('/')}/{file}"
        if "://" not in where and not where.startswith("~"):  # its session stands elsewhere than in the fleet's folder
            where = str(PurePath(status.root, where))
        key = "is in" if node.state == "there" else "was put into"
        yield f"calls {' or '.join(urls)} as model {named(model)}; its key {key} {where}: read there, never copied"


def _key_of(node: NodeStatus, states: set[str]) -> Iterable[str]:
    """Only what was seen is had."""
    if not node.proxies:
        return
    key = f"the key {node.key} on {', '.join(node.proxies)}"
    if states == {"there"} and node.applied and node.state == "there":
        yield f"has {key}"
    elif "unknown" in states:
        yield f"is to have {key}; whether it has is unknown"
    else:
        yield f"is to have {key}"


def _files_of(node: NodeStatus) -> str:
    if node.type == "sink":
        return "its key is handed to a command, and lies where that keeps it"
    if node.applied and node.state == "there":
        return f"has its files, written by FleetHub, in {node.target}"
    if node.applied and node.state == "unknown":
        return f"was given its files by FleetHub in {node.target}; what is there now is unknown"
    return f"is to have its files in {node.target}"


def _keys(status: FleetStatus) -> Iterable[dict[str, Any]]:
    """Keys that no node uses: consumers of another kind."""
    for key in status.keys:
        if not key.nodes:
            scope = ", ".join(map(named, key.models)) if key.models is not None else key.reason or key.state
            names = [n for n in (key.name, key.owner, *key.projects) if n]
            says = f"a key on {key.proxy} without a node, reaches {scope}"
            told = {"about": key.address, "who": key.name, "says": says, "more": [], "owner": key.owner}
            yield {"names": names, **told}


def _chain(chain: Iterable[str]) -> str:
    first, *rest = [*map(hop, chain)] or [""]
    return f"{first}, then {', '.join(rest)}" if rest else first


def _backend(backend: BackendStatus) -> str:
    """``monad-1 (host): 36.6 of 48.0 GiB planned, fits, 10.4 GiB left; loaded now: qwen3:32b``."""
    name = f"{backend.name} ({backend.host}{_owner(backend.owner)})"
    if backend.url is None:
        return f"{name}: {backend.reason}"
    need = gib(backend.need) if backend.need is not None else "an unknown amount"
    total = gib(backend.total) if backend.total is not None else "unknown VRAM"
    left = f", {gib(backend.headroom)} left" if backend.headroom is not None and backend.headroom >= 0 else ""
    planned = f"{need} of {total} planned, {backend.fit}{left}" if backend.placed else f"nothing planned, {total}"
    if backend.state != "there":
        return f"{name}: {planned}; what is loaded is unknown"
    loaded = ", ".join(named(held.tag) for held in backend.residents) or "nothing"
    return f"{name}: {planned}; loaded when seen: {loaded}"
