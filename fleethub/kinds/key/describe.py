"""How a change and a drift of a key are shown."""

from __future__ import annotations

from dataclasses import replace

from fleethub.kinds import compare
from fleethub.kinds.compare import changed_fields
from fleethub.kinds.key.attributes import KeyState, never
from fleethub.kinds.key.older import Older, older
from fleethub.model.observation import birth
from fleethub.model.plan import MISSING, FieldChange, FileDiff
from fleethub.model.secret import SENSITIVE
from fleethub.model.text import heard, money, span

#: Told with the value, or as the alias.
APART = ("value", "replaces", "interim", "renamed")


def describe(item: KeyState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
    """Scope as lists, limits as numbers; the value only as changed or not."""
    if item.want is None:
        return (), ()
    seen, olds = item.seen, older(item)
    renewed = olds.like is not None
    shown = []
    if renewed or (seen is None and item.want.generation > 1):
        shown.append(FieldChange(("value",), MISSING, _new_value(item, olds)))
    elif olds.tokens:
        shown.append(FieldChange(("value",), "an older one works too", "the new one alone"))
    if seen is None and item.locked is not None and item.locked.attrs is not None:
        shown.append(FieldChange(("spend",), MISSING, "0: a key that is made again has a whole budget again"))
    known = item.locked.attrs.expires if item.locked and item.locked.attrs else None
    if item.want.material.kept and seen is not None and known != seen.attrs.expires == item.want.attrs.expires:
        shown.append(FieldChange(("expires",), known or MISSING, seen.attrs.expires or MISSING))
    for field in changed_fields(item):
        name = field.path[0]
        if name in ("blocked", "marked") and (renewed or not seen):
            continue
        if name not in APART:
            shown.append(field)
    if seen is not None and not renewed and (alias := seen.attrs.renamed or seen.attrs.interim):
        shown.append(FieldChange(("alias",), alias, item.address.alias))
    return tuple(shown), ()


def drifted(item: KeyState) -> tuple[str, tuple[FieldChange, ...]] | None:
    """What was applied, and expiry, routes, aliases, settings and limits of zero, which nobody applied, as none."""
    applied = item.locked.attrs if item.locked else None
    if item.seen is None or applied is None:
        return None
    # older values and the alias beside them come and go by our own hand, and a hand that takes one away helps
    before, now = (replace(a, replaces=None, interim=None) for a in (applied, item.seen.attrs))
    if item.want is not None and item.want.material.kept and item.want.attrs.expires == now.expires:
        before = replace(before, expires=now.expires)  # the moment an adopted key ends is recorded as it is found
    found = compare.drifted(before, now, never(item.seen))
    if not found:
        return None
    renamed = next((f"renamed to {heard(str(field.after))}" for field in found if field.path == ("renamed",)), "")
    shown = tuple(
        FieldChange(field.path, SENSITIVE, SENSITIVE) if field.path == ("value",) else field
        for field in found
        if field.path != ("renamed",) and (field.path != ("marked",) or len(found) == 1)
    )
    names = ", ".join(dict.fromkeys(field.path[0] for field in shown))
    return ", ".join(filter(None, (renamed, f"{names} changed" if names else ""))), shown


def _new_value(item: KeyState, olds: Older) -> str:
    """``new (generation 1 → 2); the old one stops working once its nodes have the new one``."""
    wanted, seen = item.want.generation if item.want else 1, item.seen
    before = seen.mark.generation if seen and seen.mark else None
    change = f"generation {before} → {wanted}" if before is not None and before != wanted else f"generation {wanted}"
    if before == wanted:
        named = seen and seen.mark and item.want and birth(item.address, seen.mark) != birth(item.address, item.want)
        change += ", from another name" if named else ", from another seed"
    text = f"new ({change})"
    if seen is None or not olds.tokens:
        return text
    grace = item.want.material.grace if item.want else 0.0
    if not olds.working:
        text += "; the old one, which is blocked, goes"
    elif grace:
        text += f"; the old one stops working {span(grace)} after that"
    else:
        text += "; the old one stops working once everybody who is wired to it runs on the new one"
    return text + (f"; what it has spent ({money(seen.telemetry.spend)}) goes along" if seen.telemetry.spend else "")
