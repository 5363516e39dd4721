"""Consumers whose key is handed to a command: what is wanted, what is there, and how both differ.

What was handed over cannot be looked at. A ``check`` tells the key that is there; without one the lockfile's word
counts, and people are told so.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fleethub import nodetypes
from fleethub.kinds.consumer.attributes import SinkAttrs, SinkTelemetry, sink_attrs
from fleethub.kinds.diff import diff
from fleethub.kinds.node.attributes import NodeAttrs, NodeLocked, NodeResource, NodeSeen, NodeState
from fleethub.kinds.values import Inputs, ObserveContext
from fleethub.model.address import Address, successor
from fleethub.model.attributes import plain
from fleethub.model.consuming import Sink
from fleethub.model.finding import Finding
from fleethub.model.observation import Absent, Pending, Seen, Source, Unknown
from fleethub.model.plan import FieldChange
from fleethub.model.readings.host import SinkReading
from fleethub.model.secret import Slot, Text
from fleethub.nodetypes.sink.words import filled

#: What people are shown of a change; the rest is fingerprints.
SHOWN = ("chain", "base_url", "command", "stop")


def text_of(want: NodeResource) -> Text:
    """What its command gets."""
    return want.material.files[0].text


def key_of(want: NodeResource) -> Slot:
    """The one secret in it."""
    return text_of(want).slots[0]


def wanted(want: NodeResource, sink: Sink, inputs: Inputs) -> NodeResource:
    """A consumer that is rendered as a node is, as one of these."""
    node = want.material.node
    kind = nodetypes.of(node)
    chain = kind.endpoints(inputs.fleet, node) if kind else ()
    ask = (shlex.join(sink.check),) if sink.check else ()
    return replace(
        want,
        source=Source("sink", node.target, ask=ask, of=str(node.address)),
        attrs=SinkAttrs(
            chain=tuple(to.id for to in chain),
            stop=sink.remove or None,
            value=inputs.fingerprinter.slot(key_of(want)),
            given=inputs.fingerprinter.text(text_of(want)),
            base_url=chain[0].url if chain else "",
            command=sink.command,
            generation=getattr(key_of(want), "generation", 1),
        ),
        by_hand=False,
    )


def observe(
    want: NodeResource | None, locked: NodeLocked | None, context: ObserveContext
) -> NodeSeen | Absent | Unknown:
    """What a check tells, else what was handed over last; what an apply began and did not finish is not known."""
    at, applied = context.facts.at, sink_attrs(locked.attrs) if locked else None
    begun = _unfinished(locked.pending) if locked else None
    there = applied or begun
    wants = sink_attrs(want.attrs) if want is not None else None
    if wants is not None and wants.given is None:
        return Unknown("the fleet's seed does not resolve, so its key is not known", at)
    if want is None or not want.source.ask:
        if there is None:
            return Absent(at)
        known = there if begun is None else replace(there, value=None, given=None)
        return Seen(known, at, SinkTelemetry())
    reading = context.facts.of(want.source)
    if not isinstance(reading, SinkReading):
        return reading if isinstance(reading, Unknown) else Unknown("its check was not run", at)
    if reading.failed:
        return Unknown(reading.failed, at) if there is not None else Absent(at)
    if reading.digest is None:
        return Absent(at)
    value = context.fingerprinter.sha256(reading.digest)
    base = there or SinkAttrs()
    same = begun is None and applied is not None and applied.value == value
    return Seen(replace(base, value=value, given=base.given if same else None), at, SinkTelemetry(read=True))


def _unfinished(pending: Pending[NodeAttrs] | None) -> SinkAttrs | None:
    return sink_attrs(pending.attrs) if pending is not None and set(pending.phases) != {"contract"} else None


def completed(want: NodeResource, have: NodeSeen | Absent | Unknown) -> NodeResource:
    """With the time at which it is handed over: now, unless nothing is to be."""
    attrs, there = sink_attrs(want.attrs), sink_attrs(have.attrs) if isinstance(have, Seen) else None
    if attrs is None:
        return want
    same = there is not None and handed(attrs) == handed(there)
    return replace(want, attrs=replace(attrs, given_at=there.given_at if there and same else have.at))


def handed(attrs: SinkAttrs | None) -> object:
    """All that its command gets, words and standard input; None where that is not known."""
    if attrs is None or not attrs.command or attrs.value is None or attrs.given is None:
        return None
    return attrs.value, attrs.given, filled(attrs.command, attrs.base_url, attrs.chain, attrs.generation)


def describe(item: NodeState) -> tuple[FieldChange, ...]:
    """What changes, without any secret; of a removal what becomes of the key."""
    want, have = sink_attrs(item.want.attrs) if item.want else None, sink_attrs(item.seen.attrs) if item.seen else None
    if want is None or item.want is None:
        argv = taking_away(item)
        stays = "stays there, and works on" if item.moved else "stays there, and ends"
        return (FieldChange(("key",), "handed over", f"taken away by {shlex.join(argv)}" if argv else stays),)
    found = list(diff(_shown(have), _shown(want)))
    if handed(have) != handed(want):
        applied = sink_attrs(item.locked.attrs) if item.locked else None
        after = f"handed over, generation {want.generation}"
        found.append(FieldChange(("key",), _before(have, want, applied), after))
    return tuple(found)


def taking_away(item: NodeState) -> tuple[str, ...]:
    """What takes the key away from where it was handed to; empty: nothing.

    Of what moved, nothing where its new place would be cleared by the same words: they may lead to the same store.
    """
    locked, moved = item.locked, item.moved
    sides = (locked.attrs, locked.pending.attrs if locked.pending else None) if locked else ()
    argv = next((side.stop for side in sides if side is not None and side.stop), ())
    return () if moved is not None and moved.attrs.stop == argv else argv


def cleared(wanted: Mapping[Address, NodeResource], locked: Mapping[Address, NodeLocked]) -> Iterable[Finding]:
    """Those that would be handed a key where one that goes in the same apply takes its own away, by the same words."""
    gone = {a: attrs for a, record in locked.items() if a not in wanted and (attrs := sink_attrs(record.attrs))}
    for address, want in wanted.items():
        attrs = sink_attrs(want.attrs)
        if attrs is None or not attrs.stop or address in locked:
            continue
        for other, old in gone.items():
            if (old.command, old.stop) != (attrs.command, attrs.stop) or successor(other) == address:
                continue
            if want.source.at != (at := locked[other].source.at) and "://" in want.source.at + at:
                continue
            message = f"{other} goes, and its remove, the same words as here, would clear what is handed over"
            hint = f'write [[moved]] with from = "{other}" and to = "{address}"; else the next apply hands it over'
            yield Finding("target.duplicate", message, address, want.place, hint)


def _before(have: SinkAttrs | None, want: SinkAttrs, applied: SinkAttrs | None) -> str:
    if have is None:
        return "not there"
    if have.value is None:
        return "not known: an apply broke off"
    if have.value == want.value:
        return "the same, given with other words"
    ours = applied is not None and have.value == applied.value
    return f"handed over, generation {have.generation}" if ours else "another"


def _shown(attrs: SinkAttrs | None) -> dict[str, Any]:
    told = plain(attrs) if attrs is not None and attrs.command else {}
    shown = {name: told[name] for name in SHOWN if told.get(name)}
    return {"remove" if name == "stop" else name: value for name, value in shown.items()}


def drifted(item: NodeState) -> tuple[str, tuple[FieldChange, ...]] | None:
    """Another key than was handed over, as a check tells."""
    applied, have = sink_attrs(item.locked.attrs) if item.locked else None, item.seen
    if applied is None or have is None or not isinstance(have.telemetry, SinkTelemetry) or not have.telemetry.read:
        return None
    there = sink_attrs(have.attrs)
    if there is None or there.value == applied.value:
        return None
    return "key changed", (FieldChange(("key",), "as applied", "changed by hand"),)


def reviewed(attrs: NodeAttrs, shape: str) -> Mapping[str, Any]:
    """What can be compared without any secret."""
    given = sink_attrs(attrs)
    return {**_shown(given), "key": shape.removeprefix("shape:")[:12]}


def unread(have: NodeSeen | None) -> str:
    """Why nobody can say what is there; empty where a check told it."""
    attrs = sink_attrs(have.attrs) if have is not None else None
    if have is None or attrs is None or (isinstance(have.telemetry, SinkTelemetry) and have.telemetry.read):
        return ""
    return f"it cannot be read back; last handed over {attrs.given_at or 'at a time that is not known'}"
