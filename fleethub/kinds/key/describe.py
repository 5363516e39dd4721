"""How a change and a drift of a key are shown."""

from __future__ import annotations

from fleethub.kinds import compare
from fleethub.kinds.compare import changed_fields
from fleethub.kinds.key.attributes import KeyState, never
from fleethub.model.plan import MISSING, FieldChange, FileDiff
from fleethub.model.secret import SENSITIVE


def describe(item: KeyState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
    """Scope as lists, limits as numbers; the value only as changed or not."""
    if item.want is None:
        return (), ()
    shown = []
    renewed = item.seen is not None and item.seen.attrs.value != item.want.attrs.value
    if renewed or (item.seen is None and item.want.generation > 1):
        shown.append(FieldChange(("value",), MISSING, _new_value(item, renewed)))
    for field in changed_fields(item):
        if field.path[0] == "value" or (renewed and field.path[0] == "blocked"):
            continue
        if field.path[0] in ("blocked", "marked") and not item.seen:
            continue
        shown.append(field if field.path[0] != "renamed" else FieldChange(("alias",), field.before, item.address.alias))
    return tuple(shown), ()


def drifted(item: KeyState) -> tuple[str, tuple[FieldChange, ...]] | None:
    """What was applied, and expiry, routes, aliases, settings and limits of zero, which nobody applied, as none."""
    applied = item.locked.attrs if item.locked else None
    if item.seen is None or applied is None:
        return None
    found = compare.drifted(applied, item.seen.attrs, never(item.seen))
    if not found:
        return None
    renamed = next((f"renamed to {field.after}" for field in found if field.path == ("renamed",)), "")
    shown = tuple(
        FieldChange(field.path, SENSITIVE, SENSITIVE) if field.path == ("value",) else field
        for field in found
        if field.path != ("renamed",) and (field.path != ("marked",) or len(found) == 1)
    )
    names = ", ".join(dict.fromkeys(field.path[0] for field in shown))
    return ", ".join(filter(None, (renamed, f"{names} changed" if names else ""))), shown


def _new_value(item: KeyState, renewed: bool) -> str:
    """``new (generation 1 → 2); the old one stops at once``."""
    wanted = item.want.generation if item.want else 1
    before = item.seen.mark.generation if item.seen and item.seen.mark else None
    change = f"generation {before} → {wanted}" if before is not None and before != wanted else f"generation {wanted}"
    return f"new ({change})" + ("; the old one stops at once" if renewed else "")
