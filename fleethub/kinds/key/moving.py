"""A key whose proxy gets another URL while its value, or the key itself, becomes another one."""

from __future__ import annotations

from fleethub.kinds.key.attributes import KeyState
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.plan import Blocker, Why
from fleethub.model.readings.proxy import ProxyReading


def outrun(consumer: Address, had: KeyState, wants: KeyState, facts: Facts) -> Blocker | None:
    """Set where a value that a consumer has is, by all that is known, not at the URL that it would call with it.

    A process takes a URL over while it runs, and its new value when it is started anew.
    """
    locked, want = had.locked, wants.want
    if locked is None or want is None or locked.source.id == want.source.id or _is_there(had, wants, facts):
        return None
    other = had.address != wants.address
    what = f"its key changes from {had.address} to {wants.address}" if other else "its value changes"
    says = f"{what}, and {want.address.owner} moves from {locked.source.at} to {want.source.at}"
    says += f", where {consumer} would call with the old one until it is started anew"
    how = "if that is another LiteLLM, give the proxy another name in the spec, without [[moved]]"
    return Blocker(Why.POLICY, f"{says}: {how}; else change the URL in one apply, the key in the next")


def _is_there(had: KeyState, wants: KeyState, facts: Facts) -> bool:
    """Whether each value that was applied, or begun, is a key's where it is wanted, or is the one that will be."""
    locked, want = had.locked, wants.want
    if locked is None or want is None:
        return True
    if had.address != wants.address:
        reading = facts.of(want.source)
        tokens = (
            {row.token for rows in reading.keys.values() for row in rows} if isinstance(reading, ProxyReading) else ()
        )
        return had.seen is not None and {had.seen.telemetry.token, *had.seen.telemetry.olds} <= {*tokens}
    begun = locked.pending.attrs if locked.pending else None
    used = {v for side in (locked.attrs, begun) if side for v in (side.value, *(side.replaces or ())) if v}
    there = {wants.seen.attrs.value, *(wants.seen.attrs.replaces or ())} if wants.seen else set()
    return used <= {want.attrs.value, *there}
