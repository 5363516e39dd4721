"""A plan and what it was made from -> FleetStatus: what is where, for everyone who reads rather than applies. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from fleethub.kinds.key import beside, scopes, wiring
from fleethub.model.address import Address
from fleethub.model.address import node as node_address
from fleethub.model.capacity import PlannedModel
from fleethub.model.facts import Facts, GpuReading, OllamaReading, ProxyReading
from fleethub.model.fleet import Backend, Fleet, Node, Proxy
from fleethub.model.fleet_status import (
    BackendStatus,
    ChangeStatus,
    DriftStatus,
    FileStatus,
    FleetStatus,
    KeyStatus,
    ModelStatus,
    NodeStatus,
    ProxyStatus,
)
from fleethub.model.observation import Absent, Locked, Lockfile, Observation, Resource, Seen, Source, Unknown
from fleethub.model.plan import Plan
from fleethub.placement.assess import planned_sets
from fleethub.placement.report import report


def fleet_status(
    fleet: Fleet,
    lockfile: Lockfile | None,
    wanted: Mapping[Address, Resource],
    facts: Facts,
    plan: Plan,
    seen: Mapping[Address, Observation],
) -> FleetStatus:
    """The fleet as one value; ``seen`` is what was observed of every resource, wanted or last applied."""
    applied = lockfile.applied if lockfile else None
    changes = {str(c.address): c for c in _changes(plan)}
    drift = {str(d.address): d.summary for d in plan.drift}
    planned = planned_sets(fleet)
    return FleetStatus(
        fleet=fleet.name,
        root=fleet.root,
        at=facts.at,
        spec=fleet.digest,
        serial=lockfile.serial if lockfile else 0,
        sentence=plan.sentence,
        plan=plan.id,
        applied_at=applied.at if applied else "",
        applied_by=applied.by if applied else "",
        applied_spec=applied.spec if applied else "",
        fatal=plan.fatal,
        proxies=tuple(_proxy(p, facts) for p in fleet.proxies.values()),
        backends=tuple(_backend(fleet, b, facts, planned.get(b.name, ())) for b in fleet.backends.values()),
        models=_models(fleet),
        nodes=(
            *(
                _node(fleet, n, wanted.get(node_address(n.name)), seen, changes, drift, _applied(lockfile, n.name))
                for n in fleet.nodes.values()
            ),
            *(_leaving(address, locked, seen, changes, drift) for address, locked in _left(fleet, lockfile)),
        ),
        keys=_keys(fleet, wanted, lockfile, seen, changes, drift),
        drift=tuple(DriftStatus(str(d.address), d.summary, d.repaired) for d in plan.drift),
        changes=_changes(plan),
        findings=plan.findings,
    )


def _changes(plan: Plan) -> tuple[ChangeStatus, ...]:
    return tuple(
        ChangeStatus(
            str(c.address),
            c.action.value,
            tuple(f"{o.what}: {o.reason}" if o.what else o.reason for o in c.blockers),
        )
        for c in plan.changes
    )


def _state(seen: Observation | None) -> tuple[str, str]:
    """State and reason; what nobody looked at is unknown, not absent."""
    match seen:
        case Seen():
            return "there", ""
        case Absent():
            return "absent", ""
        case Unknown(reason=reason):
            return "unknown", reason
    return "unknown", "it was not looked at"


def _proxy(proxy: Proxy, facts: Facts) -> ProxyStatus:
    reading = facts.of(Source("litellm", proxy.admin_url))
    if not isinstance(reading, ProxyReading):
        reason = reading.reason if isinstance(reading, Unknown) else "not read as a LiteLLM"
        return ProxyStatus(proxy.name, proxy.url, proxy.owner, "unknown", reason)
    keys = sum(map(len, reading.keys.values()))
    return ProxyStatus(proxy.name, proxy.url, proxy.owner, "there", "", len(reading.models), keys)


def _backend(fleet: Fleet, backend: Backend, facts: Facts, planned: tuple[PlannedModel, ...]) -> BackendStatus:
    head = (backend.name, backend.host, backend.ollama.url if backend.ollama else None, backend.owner, backend.proxy)
    declared = sum(gpu.vram for gpu in backend.gpus) or None
    if backend.ollama is None:
        return BackendStatus(*head, "there", "no Ollama in the spec", total=declared, endpoints=backend.endpoints)
    reading = facts.of(Source("ollama", backend.ollama.url))
    found = report(fleet, backend, facts, planned)
    verdict = found.verdict
    sizes = {p.model: p.estimate.total for p in verdict.placed}
    return BackendStatus(
        *head,
        state="there" if isinstance(reading, OllamaReading) else "unknown",
        reason=reading.reason if isinstance(reading, Unknown) else "",
        version=reading.version if isinstance(reading, OllamaReading) else "",
        fit=verdict.fit.value,
        need=verdict.need,
        total=verdict.total,
        total_from=verdict.total_from,
        machine=_machine(backend, facts),
        reserve=verdict.reserve,
        headroom=sum(bar.headroom for bar in found.bars) if found.bars and verdict.need is not None else None,
        placed=tuple(PlannedModel(p.model, p.context, p.primary, p.tag, sizes.get(p.model)) for p in planned),
        gpus=found.bars,
        residents=found.held,
        endpoints=backend.endpoints,
    )


def _machine(backend: Backend, facts: Facts) -> str:
    """Who read the GPUs, or why nobody did; empty where nobody was asked to."""
    if not backend.ssh:
        return ""
    reading = facts.of(Source("gpu", backend.ssh))
    if isinstance(reading, GpuReading):
        return f"read by {reading.by}" if reading.gpus else reading.problem
    return reading.reason if isinstance(reading, Unknown) else ""


def _models(fleet: Fleet) -> tuple[ModelStatus, ...]:
    used = {node.key for node in fleet.nodes.values()}
    nodes: dict[str, list[str]] = {}
    keys: dict[str, list[str]] = {}
    for node in fleet.nodes.values():
        for alias in dict.fromkeys(hop.model for hop in node.chain):
            nodes.setdefault(alias, []).append(node.name)
    for key in fleet.keys.values():
        for alias in () if key.name in used else dict.fromkeys((*key.models, *key.also)):
            keys.setdefault(alias, []).append(key.name)
    return tuple(
        ModelStatus(
            name=model.name,
            route=model.route,
            context=model.context,
            proxy=model.proxy,
            backends=model.backends,
            capabilities=model.capabilities,
            nodes=tuple(nodes.get(model.name, ())),
            keys=tuple(keys.get(model.name, ())),
            owner=model.owner,
        )
        for model in fleet.models.values()
    )


def _node(
    fleet: Fleet,
    node: Node,
    want: Resource | None,
    seen: Mapping[Address, Observation],
    changes: Mapping[str, ChangeStatus],
    drift: Mapping[str, str],
    applied: bool,
) -> NodeStatus:
    address = node_address(node.name)
    observed = seen.get(address)
    state, reason = _state(observed)
    change = changes.get(str(address))
    understood = isinstance(observed, Seen) and observed.telemetry.get("understood", True)
    if isinstance(observed, Seen) and not understood:
        reason = "its config cannot be understood"
    return NodeStatus(
        name=node.name,
        owner=node.owner,
        host=node.host,
        type=node.type,
        target=node.target,
        key=node.key,
        chain=tuple(str(hop) for hop in node.chain),
        state=state,
        port=node.port,
        reason=reason,
        runs=tuple(observed.attrs["chain"]) if isinstance(observed, Seen) and understood else None,
        change=change.action if change else "",
        waits=change.waits if change else (),
        drift=drift.get(str(address), ""),
        proxies=tuple(sorted(wiring(fleet, node))),
        files=tuple(FileStatus(f.role, f.path) for f in want.material["files"]) if want else (),
        labels=node.labels,
        applied=applied,
    )


def _applied(lockfile: Lockfile | None, name: str) -> bool:
    """Whether an apply has put a node in its place; not one whose creation is pending."""
    record = lockfile.resources.get(node_address(name)) if lockfile else None
    return record is not None and bool(record.attrs)


def _left(fleet: Fleet, lockfile: Lockfile | None) -> list[tuple[Address, Locked]]:
    """Nodes that were applied and are no longer in the spec: until an apply takes them down they are consumers."""
    resources = lockfile.resources if lockfile else {}
    return [(a, r) for a, r in sorted(resources.items()) if a.kind == "node" and a.name not in fleet.nodes]


def _leaving(
    address: Address,
    locked: Locked,
    seen: Mapping[Address, Observation],
    changes: Mapping[str, ChangeStatus],
    drift: Mapping[str, str],
) -> NodeStatus:
    observed, change = seen.get(address), changes.get(str(address))
    state, reason = _state(observed)
    # without a block in the spec nothing says which file is the config: but the same bytes call the same models
    same = isinstance(observed, Seen) and observed.attrs["files"] == locked.attrs.get("files")
    return NodeStatus(
        name=address.name,
        owner=locked.owner,
        host="",
        type="",
        target=locked.source.at,
        key="",
        chain=(),
        state=state,
        port=0,
        reason=reason,
        runs=tuple(locked.attrs.get("chain", ())) if same else None,
        change=change.action if change else "",
        waits=change.waits if change else (),
        drift=drift.get(str(address), ""),
        files=(),
        applied=bool(locked.attrs),
    )


def _keys(
    fleet: Fleet,
    wanted: Mapping[Address, Resource],
    lockfile: Lockfile | None,
    seen: Mapping[Address, Observation],
    changes: Mapping[str, ChangeStatus],
    drift: Mapping[str, str],
) -> tuple[KeyStatus, ...]:
    locked = lockfile.resources if lockfile else {}
    spec = {Address("key", f"{proxy}.{name}") for proxy, name in scopes(fleet)}
    users: dict[str, list[str]] = {}
    for node in fleet.nodes.values():
        users.setdefault(node.key, []).append(node.name)
    for node_left, record in _left(fleet, lockfile):
        for need in record.needs:
            if need.kind == "key" and node_left.name not in users.setdefault(need.alias, []):
                users[need.alias].append(node_left.name)
    found = []
    for address in sorted({*spec, *(a for a in (*wanted, *locked) if a.kind == "key")}):
        observed = seen.get(address)
        state, reason = _state(observed)
        change = changes.get(str(address))
        want, have = wanted.get(address), locked.get(address)
        owner = want.owner if want else have.owner if have else ""
        found.append(
            KeyStatus(
                address=str(address),
                proxy=address.owner,
                name=address.alias,
                owner=owner,
                state=state,
                reason=reason,
                models=tuple(observed.attrs.get("models") or ()) if isinstance(observed, Seen) else None,
                nodes=tuple(users.get(address.alias, ())),
                change=change.action if change else "",
                waits=change.waits if change else (),
                drift=drift.get(str(address), ""),
                beside=beside(observed) if isinstance(observed, Seen) else (),
            )
        )
    return tuple(found)
