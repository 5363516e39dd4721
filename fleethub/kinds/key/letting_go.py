"""What a key had before FleetHub, and what of it comes back when it is let go of."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any

from fleethub.kinds.codec import parse
from fleethub.kinds.key.adopted import covers
from fleethub.kinds.key.attributes import ALL, BY_MODEL, GIVEN, NOTHING, SCALARS, KeyAttrs, KeyResource, KeySeen
from fleethub.kinds.key.marks import is_moment
from fleethub.model.attributes import plain
from fleethub.model.observation import Absent, Found, Locked, Mark, Seen, Unknown

#: What is kept of a found key beside its models, and the name that it is kept under.
RESTORED = (*SCALARS, *BY_MODEL, *GIVEN)
LIMITED = "limits"
#: Of a time, which LiteLLM and FleetHub both tell in UTC, as much as goes to the second.
SECOND = len("2026-11-28T09:06:32")


def put_back(locked: Locked[KeyAttrs], listed: Collection[str]) -> tuple[str, ...] | None:
    """The models that a key gets back when it is let go of; None: those of ``listed`` stay.

    What it has is FleetHub's only while it is no more than an apply gave it beside what it was found with, and no less:
    what somebody made of it since is a newer word, and nobody is given back what he took away.
    """
    models = locked.found.get("models")
    if models is None or locked.attrs is None:
        return models
    begun = {*locked.pending.attrs.models} if locked.pending and locked.pending.attrs else {*locked.attrs.models}
    have, applied = {*listed} or {ALL}, {*locked.attrs.models}
    most = applied | begun | ({*models} or {ALL}) | {NOTHING}
    whole = all(covers(have, model) for model in (applied & begun) - {NOTHING})
    return models if have <= most and whole else None


def limits_put_back(locked: Locked[KeyAttrs], seen: KeySeen) -> dict[str, Any]:
    """The limits, routes, tags, team and end that a key gets back when it is let go of, as they are sent: None takes
    one off, by model too.

    Of each what it has is FleetHub's only while it is what an apply wrote or began; what somebody made of it since is a
    newer word. Lockfiles of before have not kept what was there: nothing comes back by them.
    """
    stay = not_put_back(locked, seen)
    return {name: value for name, value in _changed(locked, seen).items() if name not in stay}


def not_put_back(locked: Locked[KeyAttrs], seen: KeySeen) -> dict[str, str]:
    """What of these FleetHub wrote and cannot put back, with why."""
    found, told = _changed(locked, seen), seen.telemetry
    stay: dict[str, str] = {}
    if "soft_budget" in found and told.shares_budget:
        stay["soft_budget"] = "it is in a budget that other keys have too"
    if found.get("budget_duration", "") is None and not told.clears_budget_duration:
        stay["budget_duration"] = "this LiteLLM cannot clear it"
    end = found.get("expires")
    if end is not None and not is_moment(end):
        stay["expires"] = f"it was found with a lifetime of {end}, whose end was not kept"
    elif end is not None and end[:SECOND] <= seen.at[:SECOND]:
        stay["expires"] = f"the end that it was found with ({end}) has passed"
    return stay


def _changed(locked: Locked[KeyAttrs], seen: KeySeen) -> dict[str, Any]:
    """What is FleetHub's, and was something else."""
    before, applied = _limits_of(locked.found), locked.attrs
    if before is None or applied is None:
        return {}
    sides = [plain(side) for side in (applied, locked.pending.attrs if locked.pending else None) if side is not None]
    found: dict[str, Any] = {}
    for name, value in limits_there(seen).items():
        was, written = before.get(name), [side.get(name) for side in sides]
        if name in BY_MODEL:
            models = {*value, *(was or {}), *(model for one in written for model in one or {})}
            back = {
                model: (was or {}).get(model)
                for model in sorted(models)
                if value.get(model) != (was or {}).get(model)
                and value.get(model) in [(one or {}).get(model) for one in written]
            }
            found |= {name: back} if back else {}
        elif value != was and value in written:
            found[name] = was
    return found


def limits_there(seen: KeySeen) -> dict[str, Any]:
    """All that is put back of a key beside its models, the spec's and others, as plain values; None for none."""
    managed, others = plain(seen.attrs), plain(KeyAttrs(**dict(seen.telemetry.unmanaged)))
    found = {name: managed.get(name, others.get(name)) for name in RESTORED}
    for name in BY_MODEL:
        found[name] = {**(others.get(name) or {}), **(managed.get(name) or {})}
    return found


def found_with(seen: KeySeen) -> Found:
    """What a key is found with: its models, and its limits as JSON."""
    there = {name: value for name, value in limits_there(seen).items() if value}
    return {"models": seen.telemetry.listed, LIMITED: (json.dumps(there, sort_keys=True, ensure_ascii=False),)}


def accepted_found(want: KeyResource, have: KeySeen | Absent | Unknown, locked: Locked[KeyAttrs]) -> Found:
    """What a key was found with; of models and limits that somebody changed, and the spec says since, those."""
    if not isinstance(have, Seen) or locked.attrs is None or locked.pending or "models" not in locked.found:
        return locked.found
    found = dict(locked.found)
    if locked.attrs.models != have.attrs.models == want.attrs.models:
        found["models"] = have.telemetry.listed
    if (limits := _limits_of(found)) is not None:
        applied, there, wanted = plain(locked.attrs), plain(have.attrs), plain(want.attrs)
        for name in RESTORED:
            if applied.get(name) != there.get(name) == wanted.get(name):
                limits[name] = there.get(name)
        kept = {name: value for name, value in limits.items() if value}
        found[LIMITED] = (json.dumps(kept, sort_keys=True, ensure_ascii=False),)
    return found


def parse_found(raw: Found) -> Found:
    """What a key was found with, as it is kept; raises ValueError on anything else."""
    if {*raw} - {"models", LIMITED}:
        raise ValueError(f"found of a key has models and {LIMITED}, and here {', '.join(sorted(raw))}")
    if (limits := _limits_of(raw)) is None and LIMITED in raw:
        raise ValueError(f"{LIMITED} in found is no JSON of a key's limits")
    parse(KeyAttrs, {"models": [], **(limits or {})})
    return raw


def told(mark: Mark | None) -> Found:
    """The same of a mark; nothing where somebody else wrote it."""
    try:
        return parse_found(mark.found) if mark is not None else {}
    except ValueError:
        return {}


def _limits_of(found: Found) -> dict[str, Any] | None:
    """The limits that a key was found with; None where they were not kept."""
    try:
        limits = json.loads(found[LIMITED][0], parse_float=_number, parse_constant=_number)
    except (KeyError, IndexError, ValueError, RecursionError):
        return None
    return limits if isinstance(limits, dict) and {*limits} <= {*RESTORED} else None


def _number(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is no limit")
    return number
