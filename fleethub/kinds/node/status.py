"""The rows of the nodes in the fleet's status, and what a plan's first sentence says of them."""

from __future__ import annotations

from collections.abc import Iterable

from fleethub import nodetypes
from fleethub.kinds.key.scope import wiring
from fleethub.kinds.node.attributes import NodeAttrs, NodeMaterial, NodeSeen, NodeTelemetry
from fleethub.kinds.values import StatusInputs, seen_as
from fleethub.model.address import CALLERS, Address
from fleethub.model.consuming import Node
from fleethub.model.fleet_status import FileStatus, NodeStatus
from fleethub.model.observation import AnyLocked
from fleethub.model.plan import Action, Change


def node_rows(inputs: StatusInputs) -> Iterable[NodeStatus]:
    """The nodes of the spec, then those that were applied and are no longer in it: they are consumers until an apply
    takes them down.
    """
    yield from (_node(inputs, node) for node in inputs.fleet.nodes.values())
    for address, locked in sorted(inputs.locked.items()):
        if address.kind in CALLERS and address.name not in inputs.fleet.nodes:
            yield _leaving(inputs, address, locked)


def moves(changes: Iterable[Change]) -> list[str]:
    """Nodes by what becomes of their model: "moves 3 nodes from a to b"."""
    found: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        for field in change.fields if change.action is Action.UPDATE else ():
            if field.path == ("chain",) and isinstance(field.before, list) and isinstance(field.after, list):
                if not field.before or not field.after:
                    continue
                before, after = field.before[0], field.after[0]
                if before != after:
                    found.setdefault((before, after), []).append(change.address.name)
    return [f"moves {_names(names)} from {before} to {after}" for (before, after), names in found.items()]


def _names(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} nodes"


def _node(inputs: StatusInputs, node: Node) -> NodeStatus:
    address = node.address
    want, record, observed = inputs.wanted.get(address), inputs.locked.get(address), _seen(inputs, address)
    material = want.material if want and isinstance(want.material, NodeMaterial) else None
    state, reason = inputs.state(address)
    change, waits, drift = inputs.planned(address)
    understood = observed is not None and observed.telemetry.understood
    if observed is not None and not understood:
        reason = "its config cannot be understood"
    return NodeStatus(
        name=node.name,
        kind=node.address.kind,
        owner=node.owner,
        host=node.host,
        type=node.type,
        target=node.target,
        key=node.key,
        chain=tuple(str(hop) for hop in node.chain),
        state=state,
        port=node.port,
        reason=reason,
        runs=_runs(observed, node, material) if observed is not None and understood else None,
        change=change,
        waits=waits,
        drift=drift,
        proxies=tuple(sorted(wiring(inputs.fleet, node))),
        files=tuple(FileStatus(f.of.role, f.path) for f in material.files) if material else (),
        labels=node.labels,
        projects=node.projects,
        applied=record is not None and record.attrs is not None,
    )


def _runs(observed: NodeSeen, node: Node, material: NodeMaterial | None) -> tuple[str, ...]:
    """What its config calls in truth, whatever of it is left alone."""
    runs = observed.attrs.chain if observed.telemetry.runs is None else observed.telemetry.runs
    kind = nodetypes.of(node)
    if runs or kind is None or material is None:
        return runs
    there = observed.telemetry.files
    return kind.calls(node, {f.of.role: there[f.path].reveal() for f in material.files if f.path in there})


def _leaving(inputs: StatusInputs, address: Address, locked: AnyLocked) -> NodeStatus:
    observed = _seen(inputs, address)
    state, reason = inputs.state(address)
    change, waits, drift = inputs.planned(address)
    # without a block in the spec nothing says which file is the config: but the same bytes call the same models
    applied = locked.attrs if isinstance(locked.attrs, NodeAttrs) else None
    same = observed is not None and applied is not None and observed.attrs.files == applied.files
    return NodeStatus(
        name=address.name,
        kind=address.kind,
        owner=locked.owner,
        host="",
        type="",
        target=locked.source.at,
        key="",
        chain=(),
        state=state,
        port=0,
        reason=reason,
        runs=applied.chain if applied is not None and same else None,
        change=change,
        waits=waits,
        drift=drift,
        files=(),
        applied=applied is not None,
    )


def _seen(inputs: StatusInputs, address: Address) -> NodeSeen | None:
    return seen_as(inputs.seen.get(address), NodeAttrs, NodeTelemetry)
