"""Older values of a key, which work until everybody has the new one."""

from __future__ import annotations

from dataclasses import dataclass

from fleethub.kinds.key.attributes import KeyState


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
