"""Nodes: all files of a gateway as one resource, delivered together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fleethub.kinds.interface import Kind
from fleethub.kinds.node.attributes import NodeAttrs, NodeMaterial, NodeTelemetry, check_owned
from fleethub.model.address import key as key_address
from fleethub.model.finding import Finding
from fleethub.model.observation import Resource, Seen, Source

if TYPE_CHECKING:
    from fleethub.kinds.execution import Handler
    from fleethub.kinds.node.attributes import NodeLocked, NodeResource, NodeSeen, NodeState
    from fleethub.kinds.values import Acceptance, Dependents, Inputs, ObserveContext, StatusInputs, Work
    from fleethub.model.address import Address
    from fleethub.model.consuming import Node
    from fleethub.model.facts import Facts
    from fleethub.model.fleet import Fleet, Policy
    from fleethub.model.fleet_status import FleetStatus
    from fleethub.model.observation import Absent, AnyLocked, Found, Lockfile, Needs, Pending, System, Unknown
    from fleethub.model.plan import Blocker, Change, FieldChange, FileDiff


def node_needs(fleet: Fleet, node: Node) -> Needs:
    """The keys, routes and pulled models that a node's chain calls, with the models it calls through each."""
    from fleethub.kinds.key import route_need, wiring
    from fleethub.kinds.model import model_needs

    needs: dict[Address, frozenset[str]] = {}
    for proxy, models in wiring(fleet, node).items():
        needs[key_address(proxy, node.key)] = models
        needs |= dict(route_need(proxy, alias) for alias in sorted(models))
    return {**needs, **model_needs(fleet, node)}


class NodeKind(Kind[NodeAttrs, NodeMaterial, NodeTelemetry]):
    """The gateways."""

    name = "node"
    attrs = NodeAttrs
    system: System = "host"
    consumer = True
    exclusive = True

    def desired(self, inputs: Inputs) -> Iterable[NodeResource]:
        """One resource per node that could be rendered."""
        from fleethub.kinds.node.completion import shape_of, wanted_of
        from fleethub.kinds.node.delivery import is_host

        for name, node in sorted(inputs.fleet.nodes.items()):
            if node.address.kind != self.name:
                continue
            rendered = inputs.rendered.get(name)
            if rendered is None:
                continue
            files = tuple(file for file in rendered.files if file.projection is None or file.projection)
            paths = tuple(file.path for file in files)
            yield Resource(
                address=node.address,
                source=Source("host", node.target, ask=(*paths, *_machine(node)), of=str(node.address)),
                attrs=NodeAttrs(
                    chain=tuple(rendered.chain),
                    files={file.path: wanted_of(file, inputs.fingerprinter) for file in files},
                    marked=True,
                    activated=True if is_host(node) else None,
                    project=_project(node),
                    stop=(node.stop if is_host(node) and node.manage == "whole" else ()) or None,
                ),
                material=NodeMaterial(node, files, rendered.schema),
                needs=node_needs(inputs.fleet, node),
                shape=" ".join(shape_of(file) for file in files),
                owner=node.owner,
                protected=node.protected,
                generation=node.generation,
                place=node.place,
                by_hand=is_host(node) and node.activate == "never",
            )

    def sources(
        self, fleet: Fleet, wanted: Mapping[Address, NodeResource], locked: Mapping[Address, NodeLocked]
    ) -> Iterable[Source]:
        """Their targets with the files that are wanted or were applied, and git where secrets lie in the checkout."""
        from fleethub.kinds.node.attributes import files_of
        from fleethub.kinds.node.hazards import secret_paths
        from fleethub.kinds.node.listening import first_ask

        yield from (first_ask(resource, locked.get(resource.address)) for resource in wanted.values())
        for record in locked.values():
            sides = files_of(record.attrs, record.pending.attrs if record.pending else None)
            yield replace(record.source, ask=tuple(path for files in sides for path in sorted(files)))
        if secret := tuple(path for resource in wanted.values() for path in secret_paths(resource)):
            yield Source("git", ".", ask=secret)

    def again(
        self, wanted: Mapping[Address, NodeResource], changed: Collection[Address], facts: Facts
    ) -> Iterable[Source]:
        """Where something is to be done: who listens on its port."""
        from fleethub.kinds.node.listening import matters

        return (one.source for one in wanted.values() if one.address in changed and matters(one, facts))

    def observe(
        self, address: Address, want: NodeResource | None, locked: NodeLocked | None, context: ObserveContext
    ) -> NodeSeen | Absent | Unknown:
        """The files at the target; nothing of ours there is absence."""
        from fleethub.kinds.node.observe import observe

        return observe(address, want, locked, context)

    def reviewed(self, attrs: NodeAttrs, shape: str, want: NodeResource) -> Mapping[str, Any]:
        """Its chain and its files."""
        from fleethub.kinds.node.review import reviewed

        return reviewed(attrs, shape, want)

    def completed(
        self, want: NodeResource, have: NodeSeen | Absent | Unknown, locked: NodeLocked | None
    ) -> NodeResource:
        """With what stays as it is found, and no mark where nothing is to be written."""
        from fleethub.kinds.node.completion import completed

        return completed(want, have, locked)

    def proves(self, item: NodeState) -> bool:
        """A file with a value of the seed in it, as this fleet would write it: nobody else has the seed."""
        from fleethub.kinds.node.proof import proves

        return proves(item)

    def told(self, item: NodeState) -> Found:
        """What it called, of the places that FleetHub writes to and puts back."""
        from fleethub.kinds.node.found import told

        return told(item)

    def parse_found(self, raw: Found) -> Found:
        """What it called, by file and pointer."""
        from fleethub.kinds.node.found import parse_found

        return parse_found(raw)

    def findings(
        self, fleet: Fleet, wanted: Mapping[Address, NodeResource], locked: Mapping[Address, NodeLocked], facts: Facts
    ) -> list[Finding]:
        """Secrets that git would take, and what on its machine is in a node's way."""
        from fleethub.kinds.node import ignored
        from fleethub.kinds.node.hazards import env_findings, kept_findings, machine_findings, merged_findings

        merged = [*merged_findings(wanted, facts), *kept_findings(fleet, wanted), *ignored.findings(wanted)]
        return [*env_findings(wanted, facts), *machine_findings(wanted, facts, locked), *merged]

    def renames(self, fleet: Fleet, locked: Mapping[Address, AnyLocked]) -> Mapping[Address, Address]:
        """As ``[[moved]]`` names them."""
        pairs = ((old, new) for old, new in fleet.moved.items() if old.kind == self.name)
        return {old: new for old, new in pairs if old in locked and new not in locked}

    def moves(self, want: NodeResource, locked: NodeLocked) -> bool:
        """Between folders, to another machine, and on one machine where FleetHub can end it before it starts anew.

        Also from where an apply only began it: that may have been delivered.
        """
        from fleethub.kinds.node.attributes import is_wired
        from fleethub.kinds.node.delivery import by_hand, ending, is_host
        from fleethub.model.login import machine

        begun = locked.pending is not None and locked.pending.attrs is not None
        return (locked.attrs is not None or begun) and (
            machine(want.source.at) != machine(locked.source.at)
            or not is_host(want.material.node)
            or (bool(ending(locked)[0]) and not by_hand(want) and not is_wired(want.attrs))
        )

    def objections(self, item: NodeState, lockfile: Lockfile | None) -> list[Finding]:
        """Files or a mark of somebody else at the target."""
        from fleethub.kinds.node.objections import objections

        return objections(item, lockfile)

    def absent(self, item: NodeState) -> tuple[str, tuple[Finding, ...]]:
        """The whole folder."""
        if item.want is None:
            return "the whole folder is gone", ()
        message = f"the whole folder of {item.address} is gone: {item.want.source.at}"
        hint = "is this the machine it lies on?"
        found = Finding("node.folder-gone", message, item.address, item.want.place, hint)
        return "the whole folder is gone", (found,)

    def shared(self, address: Address, message: str) -> Finding:
        """Two nodes at one target cannot both be there."""
        return Finding("node.target-shared", message, address, hint="take fleet.lock from git again")

    def describe(self, item: NodeState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """The chain, then the leaves of each file; a removal names the files."""
        from fleethub.kinds.node.describe import describe

        return describe(item)

    def drifted(self, item: NodeState) -> tuple[str, tuple[FieldChange, ...]] | None:
        """By file, and by field where the applied set is at hand."""
        from fleethub.kinds.node.describe import drifted

        return drifted(item)

    def kept(self, item: NodeState) -> tuple[str, ...]:
        """The files that a repair overwrites and that the node keeps."""
        from fleethub.kinds.node.describe import kept

        return kept(item)

    def accepted(self, item: NodeState, fleet: Fleet) -> Acceptance:
        """Its chain, and plain values of its config."""
        from fleethub.kinds.node.accepting import accepted

        return accepted(item, fleet)

    def left_alone(self, item: NodeState) -> tuple[FieldChange, ...]:
        """Files, or paths of FleetHub's part, without any secret."""
        return item.seen.telemetry.left if item.seen else ()

    def parse(self, raw: object) -> NodeAttrs:
        """Of files that lie below the target."""
        found = super().parse(raw)
        for path, file in found.files.items():
            if file.owned is not None or file.owned_before is not None:
                check_owned(file)
            if path.startswith("/") or ".." in path.split("/"):
                raise ValueError(f"{path!r} is no file of a node")
        return found

    def goes_on(self, item: NodeState) -> bool:
        """One that its operator set up: nobody ends its process, and its files stay."""
        from fleethub.kinds.node.attributes import is_wired

        locked = item.locked
        sides = (locked.attrs, locked.pending.attrs if locked.pending else None) if locked else ()
        return any(map(is_wired, sides))

    def missed(self, item: NodeState, policy: Policy, known: bool, emptied: str) -> Finding | None:
        """The last one that uses a backend goes, and the policy says stop."""
        if not emptied or policy.last_node != "stop":
            return None
        message = f'{item.address} would go, and nothing uses backend.{emptied} then: [policy] last_node = "stop"'
        hint = "if it is meant: fleethub apply --allow stop.last-node"
        return Finding("stop.last-node", message, item.address, hint=hint)

    def loses(self, item: NodeState) -> str:
        """Nothing of a node that runs on, but FleetHub's mark."""
        from fleethub.kinds.node.restoring import put_back_says

        if not self.goes_on(item):
            return ""
        says = put_back_says(item.locked, item.seen.telemetry.files if item.seen else {})
        goes_on = ": its process goes on" if item.address.kind == "node" else ""
        return f"it was there before FleetHub{goes_on}, and {says}"

    def remarks(self, item: NodeState) -> list[Finding]:
        """A kept value that is no longer the one that was adopted."""
        from fleethub.kinds.node.objections import remarks

        return remarks(item)

    def gates(self, item: NodeState, facts: Facts) -> tuple[Blocker, ...]:
        """Restarts by hand, keys that come too late, targets that move."""
        from fleethub.kinds.node.gates import gates

        return gates(item, facts)

    def wired(self, item: NodeState) -> bool:
        """Whether each file that says what it calls, where and with which key lies there."""
        from fleethub.kinds.node.delivery import lacks_wiring

        return not lacks_wiring(item)

    def rewired(self, item: NodeState) -> bool:
        """Whether its config or its environment changes."""
        from fleethub.kinds.node.delivery import touches_wiring

        return touches_wiring(item)

    def outruns(self, item: NodeState) -> bool:
        """Its config is taken over while it runs, and a variable when it starts."""
        from fleethub.kinds.node.gates import outruns

        return outruns(item)

    def loads(self, item: NodeState, fleet: Fleet) -> frozenset[tuple[str, str]]:
        """The models of a new chain, on each backend that may load them."""
        from fleethub.kinds.node.gates import loads

        return loads(item, fleet)

    def unsettled(self, item: NodeState) -> Blocker | None:
        """A restart by hand, until which its process knows only the old set."""
        from fleethub.kinds.node.delivery import restart_by_hand, unused_until_restart

        return restart_by_hand(item.want) if item.want and unused_until_restart(item) else None

    def steps(self, item: NodeState, dependents: Dependents) -> Work:
        """Deliver and settle; a removed block removes its files."""
        from fleethub.kinds.node.steps import steps

        return steps(item)

    def resealed(
        self, address: Address, want: NodeResource | None, locked: NodeLocked, context: ObserveContext
    ) -> NodeAttrs | None:
        """The files that lie there with this fleet's mark; what they were cannot be compared any more."""
        from fleethub.kinds.node.attributes import is_wired

        attrs, seen = locked.attrs, self.observe(address, want, locked, context)
        if attrs is None:
            return None
        mine = isinstance(seen, Seen) and seen.mark is not None and seen.mark.lineage == context.lineage
        # a node that is its operator's may have no mark yet, and then nothing that is there was FleetHub's to write
        there = seen.attrs.files if isinstance(seen, Seen) and (mine or is_wired(attrs)) else {}
        files = {p: there.get(p, replace(file, fingerprint=None, before=None)) for p, file in attrs.files.items()}
        # its mark has digests of the old seed, so it is of no set that can be told
        return replace(attrs, files=files, marked=seen.attrs.marked if isinstance(seen, Seen) and mine else None)

    def handlers(self) -> Mapping[type, Handler]:
        """Scripts on the node's machine."""
        from fleethub.kinds.node.execute import HANDLERS

        return HANDLERS

    def begun(self, attrs: NodeAttrs, before: Pending[NodeAttrs] | None) -> NodeAttrs:
        """With what an earlier apply began of each file and may have delivered."""
        from fleethub.kinds.node.delivery import begun

        return begun(attrs, before)

    def headline(self, changes: Sequence[Change]) -> list[str]:
        """Which nodes move from one model to another."""
        from fleethub.kinds.node.status import moves

        return moves(changes)

    def status(self, status: FleetStatus, inputs: StatusInputs) -> FleetStatus:
        """A row per node."""
        from fleethub.kinds.node.status import node_rows

        return replace(status, nodes=tuple(node_rows(inputs)))


def _project(node: Node) -> str | None:
    from fleethub import nodetypes
    from fleethub.kinds.node.delivery import is_host

    kind = nodetypes.of(node)
    return (kind.project(node) if kind and is_host(node) else "") or None


def _machine(node: Node) -> tuple[str, ...]:
    """Who has its port, and the programs of its machine that are asked for their version and what they run."""
    from fleethub import nodetypes
    from fleethub.kinds.node.delivery import is_host

    kind = nodetypes.of(node)
    if not is_host(node):
        return ()
    port = (f"port:{node.port}",) if node.port else ()
    return (*port, *(f"tool:{name}" for name in (kind.tools if kind else ())))
