"""The kind of LiteLLM's keys: what the spec wants of them, and what was seen."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fleethub.kinds.compare import record
from fleethub.kinds.interface import Kind
from fleethub.kinds.key.attributes import KeyAttrs, KeyMaterial, KeyTelemetry
from fleethub.kinds.proxies import OnProxy
from fleethub.model.address import key as key_address
from fleethub.model.attributes import plain
from fleethub.model.finding import Finding
from fleethub.model.observation import Seen, birth
from fleethub.model.plan import MISSING, FieldChange
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.secret import Derived, KeptValue
from fleethub.model.text import span

if TYPE_CHECKING:
    from fleethub.kinds.execution import Handler
    from fleethub.kinds.key.attributes import KeyResource, KeySeen, KeyState
    from fleethub.kinds.values import Acceptance, Dependents, Inputs, ObserveContext, StatusInputs, Work
    from fleethub.model.address import Address
    from fleethub.model.facts import Facts
    from fleethub.model.fleet import Fleet, Policy
    from fleethub.model.fleet_status import FleetStatus
    from fleethub.model.observation import (
        Absent,
        AnyLocked,
        Found,
        Locked,
        Lockfile,
        Mark,
        Pending,
        Source,
        System,
        Unknown,
    )
    from fleethub.model.plan import Blocker, FileDiff, Step


class KeyKind(OnProxy, Kind[KeyAttrs, KeyMaterial, KeyTelemetry]):
    """The keys of LiteLLMs."""

    name = "key"
    attrs = KeyAttrs
    system: System = "litellm"
    provable = True

    def desired(self, inputs: Inputs) -> Iterable[KeyResource]:
        """One key per (proxy, name) with a scope."""
        from fleethub.kinds.key.wanting import wanted_keys

        return wanted_keys(inputs)

    def sources(
        self, fleet: Fleet, wanted: Mapping[Address, KeyResource], locked: Mapping[Address, Locked[KeyAttrs]]
    ) -> Iterable[Source]:
        """With the values that were made of each: one that the list lacks is asked for by itself."""
        from fleethub.kinds.key.marks import made

        yield from (resource.source for resource in wanted.values())
        for address, known in locked.items():
            yield replace(known.source, known=made(address, wanted.get(address), known, fleet.identity))

    def observe(
        self, address: Address, want: KeyResource | None, locked: Locked[KeyAttrs] | None, context: ObserveContext
    ) -> KeySeen | Absent | Unknown:
        """The key of a value of ours; else, where it is wanted, what stands in its place."""
        from fleethub.kinds.key.observe import observe

        return observe(address, want, locked, context)

    def completed(
        self, want: KeyResource, have: KeySeen | Absent | Unknown, locked: Locked[KeyAttrs] | None
    ) -> KeyResource:
        """The moment at which an adopted key ends is as it is found: an API that takes lifetimes cannot set it back.

        Which models and limits it was found with is put back when it is let go of.
        """
        from fleethub.kinds.key.letting_go import accepted_found, found_with, told
        from fleethub.kinds.key.marks import is_moment

        if locked is not None:
            want = replace(want, found=accepted_found(want, have, locked))
        elif want.material.kept and isinstance(have, Seen):
            # what an adoption found whose record is lost, its mark has
            want = replace(want, found=told(have.mark) or found_with(have))
        moment = want.material.kept and want.attrs.expires is not None and is_moment(want.attrs.expires)
        if not moment or not isinstance(have, Seen) or have.attrs.value != want.attrs.value:
            return want
        return replace(want, attrs=replace(want.attrs, expires=have.attrs.expires))

    def known_by(self, item: KeyState) -> str:
        """Its value."""
        return (item.seen.attrs.value or "") if item.seen is not None else ""

    def proves(self, item: KeyState) -> bool:
        """A marked key of a value that this fleet derives (nobody else has the seed), or an adopted one of its name."""
        seen, want = item.seen, item.want
        if seen is None or want is None or seen.mark is None:
            return False
        slot, name = want.material.slot, seen.mark.fleet
        return seen.telemetry.derived or bool(name and isinstance(slot, Derived) and name == slot.fleet)

    def recalled(self, want: KeyResource, context: ObserveContext) -> Locked[KeyAttrs] | None:
        """Its values of other generations, by the marks of those that are there."""
        from fleethub.kinds.key.marks import marks

        slot, reading = want.material.slot, context.facts.of(want.source)
        if not isinstance(slot, Derived) or not isinstance(reading, ProxyReading):
            return None
        at = want.address.owner
        told = [(birth(key_address(at, row.alias), m), m) for row, m in marks(reading) if m.lineage == context.lineage]
        others = {m.generation for born, m in told if born == key_address(slot.scope, slot.name)} - {slot.generation}
        values = (context.fingerprinter.slot(replace(slot, generation=n)) for n in sorted(others))
        return record(want, replace(want.attrs, replaces=tuple(sorted(filter(None, values))) or None))

    def rebuilt(self, item: KeyState) -> Locked[KeyAttrs] | str:
        """As it is seen; of a value of another generation with that one, of a value that nobody derived none."""
        seen, want, slot = item.seen, item.want, item.want.material.slot if item.want else None
        if seen is None or want is None or seen.attrs.value == want.attrs.value:
            return super().rebuilt(item)
        recalled = item.locked.attrs if item.locked is not None else None
        derived = recalled is not None and seen.attrs.value in (recalled.replaces or ())
        if not derived or seen.mark is None or not isinstance(slot, Derived):
            take = f"fleethub import {shlex.quote(str(item.address))}"
            return f"its value is none that FleetHub derives: {take} takes it over"
        slot = replace(slot, generation=seen.mark.generation)
        made = replace(want, found=self.told(item))
        return replace(record(made, seen.attrs), shape=str(slot), generation=slot.generation)

    def told(self, item: KeyState) -> Found:
        """Its models and limits."""
        from fleethub.kinds.key.letting_go import told

        return told(item.seen.mark if item.seen else None)

    def parse_found(self, raw: Found) -> Found:
        """Its models and limits."""
        from fleethub.kinds.key.letting_go import parse_found

        return parse_found(raw)

    def marks(self, items: Sequence[KeyState], facts: Facts) -> Iterable[tuple[Address, Mark]]:
        """Of every key of a proxy, whoever's it is."""
        from fleethub.kinds.key.marks import marks

        names = {i.want.source.at: i.address.owner for i in items if i.want}
        for (system, at), reading in facts.readings.items():
            if system == "litellm" and isinstance(reading, ProxyReading):
                for row, mark in marks(reading):
                    yield key_address(names.get(at, at), row.alias), mark
        yield from super().marks(items, facts)

    def orphans(self, items: Sequence[KeyState], fleet: Fleet, context: ObserveContext) -> list[Finding]:
        """Living keys with this fleet's mark that nothing names."""
        from fleethub.kinds.key.orphans import orphans

        return orphans(items, fleet, context)

    def prune(self, items: Sequence[KeyState], fleet: Fleet, context: ObserveContext) -> Iterable[Step]:
        """By the hash of each value."""
        from fleethub.kinds.key.orphans import prune

        return prune(items, fleet, context)

    def renames(self, fleet: Fleet, locked: Mapping[Address, AnyLocked]) -> Mapping[Address, Address]:
        """With its own name, or that of its node or its proxy."""
        from fleethub.kinds.key.renames import renames

        return renames(fleet, locked, super().renames)

    def carried(self, locked: AnyLocked, before: Address, now: Address) -> AnyLocked:
        """Its value is derived from what it was made with; its new alias and mark in the proxy are still to come."""
        from fleethub.kinds.key.renames import carried

        return carried(locked, before, now)

    def stays(self, item: KeyState) -> str:
        """A key that FleetHub did not make, whoever uses it now."""
        from fleethub.kinds.key.attributes import ALL, shown
        from fleethub.kinds.key.letting_go import limits_put_back, not_put_back, put_back

        locked = item.locked
        if locked is None or not (locked.found or KeptValue.is_told_by(locked.shape)):
            return ""
        now = {*(item.seen.telemetry.listed if item.seen else ())}
        found, models = locked.found.get("models"), put_back(locked, now)
        limits = limits_put_back(locked, item.seen) if item.seen else {}
        says = [f"gets its models back ({', '.join(models) or ALL})"] if models is not None and now != {*models} else []
        if limits:
            told = (f"{name} {'none' if value is None else shown(value)}" for name, value in limits.items())
            says.append(f"{'its limits' if says else 'gets its limits back'} ({', '.join(told)})")
        if found is not None and models is None and now != {*found}:
            says.insert(0, "keeps its models, which were changed by hand since")
        for name, why in not_put_back(locked, item.seen).items() if item.seen else ():
            says.append(f"keeps its {name} ({why})")
        beside = self.unfinished(item)
        if beside or (locked.found and not KeptValue.is_told_by(locked.shape)):
            kept = beside or "the value that FleetHub gave it, for the one before is deleted"
            says.append(f"keeps {kept}")
        return f"it was there before FleetHub, and {' and '.join(says) or 'stays as it is'}"

    def unfinished(self, item: KeyState) -> str:
        """The values of a rotation, of which either may be in use."""
        from fleethub.kinds.key.attributes import interim

        if item.seen is None or not item.seen.telemetry.olds:
            return ""
        begun = item.locked.pending if item.locked else None
        beside = item.seen.attrs.interim or (interim(item.address.alias, begun.generation) if begun else "")
        says = "its two values, for its rotation is not at its end"
        return says + (f": the new one is {beside!r} there" if beside else "")

    def missed(self, item: KeyState, policy: Policy, known: bool, emptied: str) -> Finding | None:
        """A key that no node has was used just now: somebody would be refused."""
        used = item.seen.telemetry.used if item.seen else None
        if known or used is None or used >= policy.key_idle:
            return None
        says = f"{item.address} would be deleted, and a call was made with it {span(used)} ago"
        message = f"{says}: [policy] key_idle is {span(policy.key_idle)}"
        hint = "move its user first, or wait until it is idle; if it is meant: fleethub apply --allow stop.key-in-use"
        return Finding("stop.key-in-use", message, item.address, hint=hint)

    def loses(self, item: KeyState) -> str:
        """Whoever else has the value of a key that FleetHub did not make."""
        says = "it was there before FleetHub: whoever has its value is refused from then on"
        return f"{says} (--forget ADDRESS leaves it)" if self.stays(item) else ""

    def findings(
        self,
        fleet: Fleet,
        wanted: Mapping[Address, KeyResource],
        locked: Mapping[Address, Locked[KeyAttrs]],
        facts: Facts,
    ) -> list[Finding]:
        """Fallbacks outside a key's scope; nodes that cannot have the value of theirs."""
        from fleethub.kinds.key.adopted import kept_by_whole_nodes
        from fleethub.kinds.key.fallbacks import findings

        return [*findings(fleet, facts), *kept_by_whole_nodes(fleet, facts)]

    def objections(self, item: KeyState, lockfile: Lockfile | None) -> list[Finding]:
        """Duplicate alias, somebody else's key, a scope that no proof can show."""
        from fleethub.kinds.key.ownership import objections

        return objections(item, lockfile)

    def remarks(self, item: KeyState) -> list[Finding]:
        """A budget that is spent; a scope that is wider than the wiring."""
        from fleethub.kinds.key.adopted import wider_than_wiring
        from fleethub.kinds.key.remarks import remarks

        return [*remarks(item), *wider_than_wiring(item)]

    def ended(self, want: KeyResource, locked: Locked[KeyAttrs] | None) -> list[Finding]:
        """A value that was revoked, and is never made again."""
        from fleethub.kinds.key.revoked import brought_back

        return brought_back(want, locked)

    def revoked(self, item: KeyState) -> tuple[Finding, ...]:
        """A key that was ours and is deleted or blocked."""
        from fleethub.kinds.key.ownership import revoked

        return revoked(item)

    def describe(self, item: KeyState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """Scope as lists, limits as numbers; the value only as changed or not."""
        from fleethub.kinds.key.describe import describe

        return describe(item)

    def drifted(self, item: KeyState) -> tuple[str, tuple[FieldChange, ...]] | None:
        """Its attributes, and what takes its power away."""
        from fleethub.kinds.key.describe import drifted

        return drifted(item)

    def accepted(self, item: KeyState, fleet: Fleet) -> Acceptance:
        """Limits, routes, tags, a team and models."""
        from fleethub.kinds.key.accepting import accepted

        return accepted(item, fleet)

    def left_alone(self, item: KeyState) -> tuple[FieldChange, ...]:
        """Attributes of ``ignore`` that are not as they are wanted."""
        alone = item.seen.telemetry.alone if item.seen else {}
        wanted, there = plain(item.want.attrs) if item.want else {}, plain(KeyAttrs(**alone))
        return tuple(FieldChange((n,), wanted.get(n, MISSING), there.get(n, MISSING)) for n in sorted(alone))

    def reviewed(self, attrs: KeyAttrs, shape: str, want: KeyResource) -> Mapping[str, Any]:
        """Without what an apply is in the middle of; the value by its generation."""
        unsaid = ("value", "marked", "renamed", "replaces", "interim")
        found = {name: value for name, value in plain(attrs).items() if name not in unsaid and value is not False}
        kept = KeptValue.is_told_by(shape)
        return {**found, "value": "its own" if kept else f"generation {shape.rpartition(':')[2]}"}

    def beside(self, item: KeyState) -> tuple[str, ...]:
        """Limits and a team."""
        from fleethub.kinds.key.attributes import shown

        if item.seen is None or item.want is None or item.seen.attrs.value != item.want.attrs.value:
            return ()
        return tuple(f"{name} {shown(value)}" for name, value in item.seen.telemetry.unmanaged.items())

    def entries(self, item: KeyState) -> Mapping[str, Address | None]:
        """The models of its scope, each by its route."""
        needs = item.want.needs if item.want else {}
        return {alias: route for route, aliases in needs.items() for alias in aliases}

    def grants(self, attrs: KeyAttrs) -> frozenset[str]:
        """Its scope."""
        return frozenset(attrs.models)

    def outrun(self, consumer: Address, had: KeyState, wants: KeyState, facts: Facts) -> Blocker | None:
        """A value that is not at the LiteLLM of its proxy's new URL."""
        from fleethub.kinds.key.moving import outrun

        return outrun(consumer, had, wants, facts)

    def steps(self, item: KeyState, dependents: Dependents) -> Work:
        """Expand with all limits and the wide scope, prove, and narrow once every dependent has settled."""
        from fleethub.kinds.key.steps import delete, put

        return delete(item, dependents) if item.want is None else put(item, item.want, dependents)

    def begun(self, attrs: KeyAttrs, before: Pending[KeyAttrs] | None) -> KeyAttrs:
        """With the values that an earlier apply began, and may have made and delivered."""
        old = before.attrs if before is not None else None
        if old is None:
            return attrs
        values = {value for value in (old.value, *(old.replaces or ()), *(attrs.replaces or ())) if value}
        return replace(attrs, replaces=tuple(sorted(values - {attrs.value or ""})) or None)

    def resealed(
        self, address: Address, want: KeyResource | None, locked: Locked[KeyAttrs], context: ObserveContext
    ) -> KeyAttrs | None:
        """The values that are there, by this fleet's mark."""
        from fleethub.kinds.key.revoked import resealed

        return resealed(address, locked, context)

    def handlers(self) -> Mapping[type, Handler]:
        """Requests to the proxy's API."""
        from fleethub.kinds.key.execute import HANDLERS

        return HANDLERS

    def status(self, status: FleetStatus, inputs: StatusInputs) -> FleetStatus:
        """A row per key."""
        from fleethub.kinds.key.status import key_rows

        return replace(status, keys=tuple(key_rows(inputs)))
