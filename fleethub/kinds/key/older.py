"""Older values of a key, which work until everybody has the new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fleethub.kinds.key.actions import KeyWiden, ProveKey
from fleethub.kinds.key.adopted import covers
from fleethub.kinds.key.attributes import KeyAttrs, KeyResource, KeyState, OldValue
from fleethub.kinds.key.marks import mark_of
from fleethub.kinds.values import ObserveContext
from fleethub.model import keycall
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Locked
from fleethub.model.plan import Phase, Step
from fleethub.model.readings.proxy import KeyRow
from fleethub.model.secret import Derived, KeptValue


@dataclass(frozen=True, slots=True)
class Older:
    """``tokens``: LiteLLM's hashes of them, ``values`` their fingerprints. ``working``: one of them is not blocked.

    ``held``: one of them has the key's alias. ``like``: the one whose place a key that is still to be made takes.
    """

    tokens: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    working: bool = False
    held: bool = False
    like: str | None = None


def older(item: KeyState) -> Older:
    """Those of a key that is wanted; without a key of the wanted value, the newest of them is what is seen."""
    seen, want = item.seen, item.want
    if seen is None or want is None:
        return Older()
    tokens, values = seen.telemetry.olds, {*(seen.attrs.replaces or ())}
    renewed = seen.attrs.value != want.attrs.value
    if renewed:
        tokens, values = (seen.telemetry.token, *tokens), {*values, *filter(None, (seen.attrs.value,))}
    working = not set(tokens) <= set(seen.telemetry.blocked)
    held = seen.telemetry.held or (renewed and not seen.attrs.renamed and not seen.attrs.interim)
    return Older(tokens, tuple(sorted(values)), working, held, seen.telemetry.token if renewed else None)


def serving(rows: Iterable[KeyRow], want: KeyResource, context: ObserveContext) -> tuple[OldValue, ...]:
    """Those of older rows that a call is taken with: not blocked, not at their end, not shut out by their routes."""
    found = []
    for row in rows:
        ended = row.left is not None and row.left <= 0
        if row.blocked or ended or not keycall.covers(row.allowed_routes, keycall.LIST):
            continue
        value = context.fingerprinter.sha256(bytes.fromhex(row.token)) or ""
        by_hash = KeptValue(want.address.owner, row.alias, want.generation, value, row.token)
        found.append(OldValue(row, derived(row, want, context) or by_hash))
    return tuple(sorted(found, key=lambda old: old.row.token))


def derived(row: KeyRow, want: KeyResource, context: ObserveContext) -> Derived | None:
    """How this fleet derives a marked key's value; None: it does not, for it is another seed's, or was adopted."""
    slot, mark = want.material.slot, mark_of(row.metadata)
    if not isinstance(slot, Derived) or mark is None:
        return None
    slot = replace(slot, scope=mark.born_proxy or slot.scope, name=mark.born or slot.name, generation=mark.generation)
    ours = context.fingerprinter.slot(slot)
    return slot if ours is not None and ours == context.fingerprinter.sha256(bytes.fromhex(row.token)) else None


def widened(
    item: KeyState, want: KeyResource, scope: frozenset[str], before: Sequence[Step], locked: Locked[KeyAttrs]
) -> list[Step]:
    """Give each older value what a delivery of this plan may have called with it, and prove that it does.

    A process takes its new chain over while it runs, and its new value when it is restarted: in between, and for as
    long as a crash or a restart by hand leaves it there, it calls new models with the old value.
    """
    seen = item.seen
    if seen is None:
        return []
    broken_off = item.locked is not None and item.locked.pending is not None  # it may be wide by now, and not proved
    expands = tuple(step.id for step in before if step.phase is Phase.EXPAND)
    proxy, found = want.material.proxy, list[Step]()
    for number, old in enumerate(seen.telemetry.serving, 1):
        row, written = old.row, None
        lacking = {m for m in scope if row.models and not covers(row.models, m, seen.telemetry.team_state)}
        if lacking:
            written = f"{item.address}/widen-{number}"
            widen = KeyWiden(want.source, row.alias, row.token, tuple(sorted(lacking)))
            found.append(Step(written, item.address, Phase.EXPAND, widen, expands, locked=locked))
        if lacking or broken_off:
            asks = keycall.spare(row.limits) and keycall.covers(row.allowed_routes, keycall.PATH)
            listed = tuple(sorted(lacking | (scope & {*row.models})))
            prove = ProveKey(proxy.endpoints, row.alias, old.slot, listed, proxy.key_cache_ttl, proxy.processes,
                             written=written, created=False, asks=asks)  # fmt: skip
            after = (written,) if written else ()
            found.append(Step(f"{item.address}/prove-old-{number}", item.address, Phase.PROVE, prove, after))
    return found
