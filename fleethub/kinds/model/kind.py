"""Models on servers that take them by name. Only what FleetHub had pulled is ever removed by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fleethub.kinds.compare import record
from fleethub.kinds.interface import Kind
from fleethub.kinds.model.attributes import ModelAttrs, ModelMaterial, ModelTelemetry
from fleethub.kinds.proxies import under
from fleethub.kinds.values import Work
from fleethub.model.finding import Finding
from fleethub.model.observation import Absent, Resource, Seen
from fleethub.model.plan import MISSING, Blocker, FieldChange, Phase, Step, Why
from fleethub.model.readings.server import ServerReading
from fleethub.model.text import gib

if TYPE_CHECKING:
    from fleethub.kinds.execution import Handler
    from fleethub.kinds.model.attributes import ModelState
    from fleethub.kinds.values import Dependents, Inputs, ObserveContext
    from fleethub.model.address import Address
    from fleethub.model.facts import Facts
    from fleethub.model.fleet import Fleet
    from fleethub.model.observation import AnyLocked, Locked, Lockfile, System, Unknown
    from fleethub.model.plan import FileDiff

#: What to do where nobody can tell whether there is room, and what happens all the same.
SSH = "give the backend an ssh that may read its model server's environment"
ENDS = "the pull ends as soon as it is seen to be too large"
ModelResource = Resource[ModelAttrs, ModelMaterial]
ModelSeen = Seen[ModelAttrs, ModelTelemetry]


class ModelKind(Kind[ModelAttrs, ModelMaterial, ModelTelemetry]):
    """Who calls one waits until it is there and proved."""

    name = "model"
    parts = 3
    attrs = ModelAttrs
    provable = True

    def reads(self, system: System) -> bool:
        """A server of any engine that can be told to pull."""
        from fleethub.engines.registry import ENGINES

        return system in ENGINES and ENGINES[system].pulls

    def desired(self, inputs: Inputs) -> Iterable[ModelResource]:
        """What the spec says ``pull = true`` of, once for each name on each server."""
        from fleethub.kinds.model.wanted import wanted

        for address, one in wanted(inputs.fleet).items():
            first = next(model for model in one.models if model.pull)
            if one.backend.engine is None:  # pragma: no cover - it has one that pulls
                continue
            yield Resource(
                address=address,
                source=replace(one.backend.engine.source, of=self.block(address)),
                attrs=ModelAttrs(one.digest),
                material=ModelMaterial(
                    one.backend, one.tag, frozenset(model.name for model in one.models), one.size, one.context
                ),
                owner=first.owner,
                protected=any(model.protected for model in one.models),
                place=first.place,
            )

    def renames(self, fleet: Fleet, locked: Mapping[Address, AnyLocked]) -> Mapping[Address, Address]:
        """With a renamed backend."""
        backends = {old.name: new.name for old, new in fleet.moved.items() if old.kind == "backend"}
        return under(self.name, backends, locked)

    def block(self, address: Address) -> str:
        """Its backend's."""
        return f"backend.{address.owner}"

    def title(self, address: Address) -> str:
        """Its backend."""
        return f"Models on {address.owner}"

    def observe(
        self, address: Address, want: ModelResource | None, locked: Locked[ModelAttrs] | None, context: ObserveContext
    ) -> ModelSeen | Absent | Unknown:
        """By the server's list of what is installed."""
        from fleethub.kinds.model.observe import observe

        return observe(address, want, locked, context)

    def completed(
        self, want: ModelResource, have: ModelSeen | Absent | Unknown, locked: Locked[ModelAttrs] | None
    ) -> ModelResource:
        """Whoever pulled what is there, did; what is pulled anew is FleetHub's."""
        if not isinstance(have, Seen) or have.attrs.digest != want.attrs.digest:
            return want
        return replace(want, attrs=replace(want.attrs, pulled=have.attrs.pulled))

    def known_by(self, item: ModelState) -> str:
        """Its digest, and when it came to this disk: two servers that share one, or a server with two URLs, have both
        in common; what each pulled for itself came at another moment.
        """
        if item.seen is None or not item.seen.telemetry.modified:
            return ""
        return f"{item.address.alias} {item.seen.telemetry.digest} {item.seen.telemetry.modified}"

    def theirs(self, item: ModelState) -> bool:
        """What was there before serves as well, and is left alone."""
        return item.locked is None

    def objections(self, item: ModelState, lockfile: Lockfile | None) -> list[Finding]:
        """A disk without room, and another model under the name that FleetHub did not put there."""
        want, have = item.want, item.have
        if want is None:
            return []
        if isinstance(have, Absent) and have.barred:
            hint = "remove there what nobody calls, or give its models a larger disk"
            return [Finding("model.no-disk", have.barred, item.address, want.place, hint)]
        if isinstance(have, Seen) and not have.attrs.pulled and have.attrs.digest != want.attrs.digest:
            message = (
                f"{item.address.alias} on {item.address.owner} has the digest {have.telemetry.digest[:12]}, and the "
                f"spec holds it to {want.attrs.digest}; FleetHub did not pull it, so it is left alone"
            )
            hint = f'write digest = "{have.telemetry.digest[:12]}", or remove it there, so that it is pulled'
            return [Finding("model.digest-differs", message, item.address, want.place, hint)]
        return []

    def findings(
        self,
        fleet: Fleet,
        wanted: Mapping[Address, ModelResource],
        locked: Mapping[Address, Locked[ModelAttrs]],
        facts: Facts,
    ) -> list[Finding]:
        """Pulls of which nobody can tell beforehand whether the disk has room."""
        from fleethub.kinds.model.observe import free_of, installed, size_of

        found = []
        for address, want in wanted.items():
            reading = facts.of(want.source)
            if not isinstance(reading, ServerReading) or installed(reading, want.source, want.material.tag):
                continue
            size, _ = size_of(want.material.tag, want.material.size, facts)
            lacking = [] if free_of(want.material.backend, facts) is not None else ["what its disk has free"]
            lacking += [] if size is not None else [f"how large {address.alias} is"]
            if lacking:
                message = f"{address.owner} does not tell {' nor '.join(lacking)}: whether it has room is not known"
                ways = [] if free_of(want.material.backend, facts) is not None else [SSH]
                ways += [] if size is not None else ["give the model its params"]
                hint = f"{', and '.join(ways)}; {'it is tried' if SSH in ways else ENDS}"
                found.append(Finding("model.disk-unknown", message, address, want.place, hint))
        return found

    def describe(self, item: ModelState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """What is downloaded and held to, and how it is loaded; of one that goes nothing more than how large it is."""
        if item.want is None or (self.theirs(item) and item.seen is not None):
            return (), ()
        wanted, seen = item.want.material, item.seen
        before = seen.attrs.digest if seen is not None else ""
        found = []
        if seen is None or before != item.want.attrs.digest:
            size = f"about {gib(wanted.size)}" if wanted.size else "of a size that is not known"
            found.append(FieldChange(("download",), MISSING, size))
        if item.want.attrs.digest != before:
            found.append(FieldChange(("digest",), before or MISSING, item.want.attrs.digest or MISSING))
        if found and wanted.context is not None:
            found.append(FieldChange(("loaded after a swap",), MISSING, f"with {wanted.context:,} tokens"))
        return tuple(found), ()

    def loses(self, item: ModelState) -> str:
        """What is pulled anew, when somebody wants it again."""
        return f"removes {gib(item.seen.telemetry.size)} from the disk" if item.seen else ""

    def entries(self, item: ModelState) -> Mapping[str, Address | None]:
        """Its aliases: what may not be loaded is not pulled either."""
        return dict.fromkeys(sorted(item.want.material.aliases)) if item.want is not None else {}

    def grants(self, attrs: ModelAttrs) -> frozenset[str]:
        """None: it is called by keys, or without one."""
        return frozenset()

    def steps(self, item: ModelState, dependents: Dependents) -> Work:
        """Pulled as an expand and proved; loaded once its callers were swapped to it; removed when nobody calls it."""
        from fleethub.kinds.model.actions import ModelProve, ModelPull, ModelWarm

        if item.want is None:
            return _removal(item, dependents)
        want, there = item.want, item.seen is not None and item.seen.attrs == item.want.attrs
        if not there and (refused := tuple(dependents.refused.values())):
            return Work(blockers=refused)
        source, tag = want.source, want.material.tag
        prove = Step(f"{item.address}/prove", item.address, Phase.PROVE, ModelProve(source, tag, want.attrs.digest))
        steps = [prove]
        if not there and not (self.theirs(item) and item.seen is not None):
            pull = ModelPull(source, tag, want.material.backend.ssh)
            expand = Step(f"{item.address}/pull", item.address, Phase.EXPAND, pull, locked=record(want))
            steps = [expand, replace(prove, after=(expand.id,))]
        if want.material.context is not None and dependents.delivered:
            warm = ModelWarm(source, tag, want.material.context)
            steps.append(Step(f"{item.address}/warm", item.address, Phase.SETTLE, warm, after=(prove.id,)))
        return Work(tuple(steps))

    def handlers(self) -> Mapping[type, Handler]:
        """Requests to the model server."""
        from fleethub.kinds.model.execute import HANDLERS

        return HANDLERS


def _removal(item: ModelState, dependents: Dependents) -> Work:
    from fleethub.kinds.model.actions import ModelDelete

    named = item.seen.telemetry.named if item.seen is not None else ()
    waits = (*dependents.unsettled, *(Blocker(Why.WAITS, why) for why in named))
    if waits or item.locked is None:
        return Work(blockers=waits)
    delete = ModelDelete(item.locked.source, item.address.alias)
    return Work((Step(f"{item.address}/delete", item.address, Phase.CONTRACT, delete, removes=True),))
