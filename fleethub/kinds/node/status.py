"""The rows of the nodes in the fleet's status, and what a plan's first sentence says of them."""

from __future__ import annotations

from collections.abc import Iterable

from fleethub.kinds.key.scope import wiring
from fleethub.kinds.values import StatusInputs
from fleethub.model.address import Address
from fleethub.model.address import node as node_address
from fleethub.model.fleet import Node
from fleethub.model.fleet_status import FileStatus, NodeStatus
from fleethub.model.observation import Locked, Seen
from fleethub.model.plan import Action, Change


def node_rows(inputs: StatusInputs) -> Iterable[NodeStatus]:
    """The nodes of the spec, then those that were applied and are no longer in it: they are consumers until an apply
    takes them down.
    """
    yield from (_node(inputs, node) for node in inputs.fleet.nodes.values())
    for address, locked in sorted(inputs.locked.items()):
        if address.kind == "node" and address.name not in inputs.fleet.nodes:
            yield _leaving(inputs, address, locked)


def moves(changes: Iterable[Change]) -> list[str]:
    """Nodes by what becomes of their model: "moves 3 nodes from a to b"."""
    found: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        for leaf in change.fields if change.action is Action.UPDATE else ():
            if leaf.path == ("chain",) and isinstance(leaf.before, list) and isinstance(leaf.after, list):
                if not leaf.before or not leaf.after:
                    continue
                before, after = leaf.before[0], leaf.after[0]
                if before != after:
                    found.setdefault((before, after), []).append(change.address.name)
    return [f"moves {_names(names)} from {before} to {after}" for (before, after), names in found.items()]


def _names(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} nodes"


def _node(inputs: StatusInputs, node: Node) -> NodeStatus:
    address = node_address(node.name)
    want, record, observed = inputs.wanted.get(address), inputs.locked.get(address), inputs.seen.get(address)
    state, reason = inputs.state(address)
    change, waits, drift = inputs.planned(address)
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
        change=change,
        waits=waits,
        drift=drift,
        proxies=tuple(sorted(wiring(inputs.fleet, node))),
        files=tuple(FileStatus(f.role, f.path) for f in want.material["files"]) if want else (),
        labels=node.labels,
        applied=record is not None and bool(record.attrs),
    )


def _leaving(inputs: StatusInputs, address: Address, locked: Locked) -> NodeStatus:
    observed = inputs.seen.get(address)
    state, reason = inputs.state(address)
    change, waits, drift = inputs.planned(address)
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
        change=change,
        waits=waits,
        drift=drift,
        files=(),
        applied=bool(locked.attrs),
    )
