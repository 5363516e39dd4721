"""Consumers: what ``[consumers]`` says, delivered as a node's files are, or handed to a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fleethub.kinds.consumer.attributes import SinkAttrs, is_sink, sink_attrs
from fleethub.kinds.node import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleethub.kinds.execution import Handler
    from fleethub.kinds.node.attributes import NodeAttrs, NodeLocked, NodeResource, NodeSeen, NodeState
    from fleethub.kinds.values import Acceptance, Dependents, Inputs, ObserveContext, StatusInputs, Work
    from fleethub.model.address import Address
    from fleethub.model.facts import Facts
    from fleethub.model.finding import Finding
    from fleethub.model.fleet import Fleet
    from fleethub.model.fleet_status import FleetStatus, NodeStatus
    from fleethub.model.observation import Absent, Lockfile, Source, System, Unknown
    from fleethub.model.plan import Blocker, FieldChange, FileDiff


class ConsumerKind(NodeKind):
    """A program that somebody else runs, and that calls models with a key of its own."""

    name = "consumer"

    def reads(self, system: System) -> bool:
        """Also what a check tells."""
        return system in (self.system, "sink")

    def desired(self, inputs: Inputs) -> Iterable[NodeResource]:
        """Each as a node is; where a command gets its key, without any file."""
        for want in super().desired(inputs):
            to = want.material.node.sink
            if to is None or not want.material.files:
                yield want
                continue
            from fleethub.kinds.consumer import sink

            yield sink.wanted(want, to, inputs)

    def sources(
        self, fleet: Fleet, wanted: Mapping[Address, NodeResource], locked: Mapping[Address, NodeLocked]
    ) -> Iterable[Source]:
        """The targets of files, and the checks."""
        files = {a: want for a, want in wanted.items() if sink_attrs(want.attrs) is None}
        there = {a: record for a, record in locked.items() if record.source.system == self.system}
        yield from super().sources(fleet, files, there)
        yield from (want.source for a, want in wanted.items() if a not in files and want.source.ask)

    def observe(
        self, address: Address, want: NodeResource | None, locked: NodeLocked | None, context: ObserveContext
    ) -> NodeSeen | Absent | Unknown:
        """The files at the target; of what a command got, what its check tells or what it got."""
        from fleethub.kinds.consumer import sink

        source = want.source if want else locked.source if locked else None
        if source is not None and source.system == "sink":
            return sink.observe(want, locked, context)
        return super().observe(address, want, locked, context)

    def completed(
        self, want: NodeResource, have: NodeSeen | Absent | Unknown, locked: NodeLocked | None
    ) -> NodeResource:
        """With when it is handed over."""
        from fleethub.kinds.consumer import sink

        if sink_attrs(want.attrs) is not None:
            return sink.completed(want, have)
        return super().completed(want, have, locked)

    def parse(self, raw: object) -> NodeAttrs:
        """Of a command, or of files."""
        from fleethub.kinds.codec import parse

        return parse(SinkAttrs, raw) if isinstance(raw, Mapping) and "command" in raw else super().parse(raw)

    def moves(self, want: NodeResource, locked: NodeLocked) -> bool:
        """To any other place: nobody starts it there, so that nothing has to be ended before."""
        return locked.attrs is not None or (locked.pending is not None and locked.pending.attrs is not None)

    def proves(self, item: NodeState) -> bool:
        """The very key is there."""
        have = sink_attrs(item.seen.attrs) if item.seen else None
        want = sink_attrs(item.want.attrs) if item.want else None
        if want is None:
            return super().proves(item)
        return have is not None and have.value is not None and have.value == want.value

    def findings(
        self, fleet: Fleet, wanted: Mapping[Address, NodeResource], locked: Mapping[Address, NodeLocked], facts: Facts
    ) -> list[Finding]:
        """As of a node, but for what is about files where there are none."""
        files = {a: want for a, want in wanted.items() if sink_attrs(want.attrs) is None}
        there = {a: record for a, record in locked.items() if record.source.system == self.system}
        from fleethub.kinds.consumer import sink

        return [*super().findings(fleet, files, there, facts), *sink.cleared(wanted, locked)]

    def objections(self, item: NodeState, lockfile: Lockfile | None) -> list[Finding]:
        """None of what a command keeps: it was told to take the key."""
        return [] if is_sink(item) else super().objections(item, lockfile)

    def absent(self, item: NodeState) -> tuple[str, tuple[Finding, ...]]:
        """The key, of which a check says that it is not there."""
        return ("its key is gone from where it was handed to", ()) if is_sink(item) else super().absent(item)

    def describe(self, item: NodeState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """Models, URL and commands, and that a key is handed over."""
        from fleethub.kinds.consumer import sink

        return (sink.describe(item), ()) if is_sink(item) else super().describe(item)

    def drifted(self, item: NodeState) -> tuple[str, tuple[FieldChange, ...]] | None:
        """Another key than was handed over."""
        from fleethub.kinds.consumer import sink

        return sink.drifted(item) if is_sink(item) else super().drifted(item)

    def kept(self, item: NodeState) -> tuple[str, ...]:
        """Nothing of what a command keeps."""
        return () if is_sink(item) else super().kept(item)

    def accepted(self, item: NodeState, fleet: Fleet) -> Acceptance:
        """No key that somebody put there."""
        from fleethub.kinds.values import Acceptance

        if not is_sink(item):
            return super().accepted(item, fleet)
        left = (("key", "a key that somebody put there is none of the fleet's: an apply hands over the fleet's again"),)
        return Acceptance(("consumers", item.address.name), left=left)

    def remarks(self, item: NodeState) -> list[Finding]:
        """Of files only."""
        return [] if is_sink(item) else super().remarks(item)

    def reviewed(self, attrs: NodeAttrs, shape: str, want: NodeResource) -> Mapping[str, Any]:
        """Its models, and what it gets by its digest without any secret."""
        from fleethub.kinds.consumer import sink

        return sink.reviewed(attrs, shape) if sink_attrs(attrs) else super().reviewed(attrs, shape, want)

    def gates(self, item: NodeState, facts: Facts) -> tuple[Blocker, ...]:
        """Of files only."""
        return () if is_sink(item) else super().gates(item, facts)

    def rewired(self, item: NodeState) -> bool:
        """Whether it gets another key, URL or model."""
        want = sink_attrs(item.want.attrs) if item.want else None
        if want is None:
            return super().rewired(item)
        have = sink_attrs(item.seen.attrs) if item.seen else None
        return have is None or (have.value, have.given, have.chain) != (want.value, want.given, want.chain)

    def outruns(self, item: NodeState) -> bool:
        """Of files only."""
        return not is_sink(item) and super().outruns(item)

    def loads(self, item: NodeState, fleet: Fleet) -> frozenset[tuple[str, str]]:
        """Nothing: what it calls is its own to say."""
        return frozenset() if is_sink(item) else super().loads(item, fleet)

    def unsettled(self, item: NodeState) -> Blocker | None:
        """Of files only."""
        return None if is_sink(item) else super().unsettled(item)

    def steps(self, item: NodeState, dependents: Dependents) -> Work:
        """Deliver, or hand over."""
        from fleethub.kinds.consumer.steps import steps

        return steps(item) if is_sink(item) else super().steps(item, dependents)

    def resealed(
        self, address: Address, want: NodeResource | None, locked: NodeLocked, context: ObserveContext
    ) -> NodeAttrs | None:
        """What was handed over under another seed is not known under this one."""
        attrs = sink_attrs(locked.attrs)
        return replace(attrs, value=None, given=None) if attrs else super().resealed(address, want, locked, context)

    def handlers(self) -> Mapping[type, Handler]:
        """A node's, and commands."""
        from fleethub.kinds.consumer.execute import HANDLERS

        return {**super().handlers(), **HANDLERS}

    def status(self, status: FleetStatus, inputs: StatusInputs) -> FleetStatus:
        """Their rows are among those of the nodes; what cannot be read back says so."""
        return replace(status, nodes=tuple(_with_reason(row, inputs) for row in status.nodes))


def _with_reason(row: NodeStatus, inputs: StatusInputs) -> NodeStatus:
    node = inputs.fleet.nodes.get(row.name)
    if row.kind != ConsumerKind.name or node is None or node.sink is None:
        return row
    from fleethub.kinds.consumer import sink
    from fleethub.kinds.node.attributes import NodeAttrs, NodeTelemetry
    from fleethub.kinds.values import seen_as

    seen = seen_as(inputs.seen.get(node.address), NodeAttrs, NodeTelemetry)
    return replace(row, files=(), reason=row.reason or sink.unread(seen))  # nothing of it lies anywhere
