"""What must be done for a key: expand, prove, and narrow once every dependent has settled."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from fleethub.kinds.compare import record
from fleethub.kinds.key.actions import KeyDelete, KeyPut, KeyRelease, KeyWiden, ProveKey
from fleethub.kinds.key.adopted import by_pattern
from fleethub.kinds.key.attributes import (
    ALL,
    BY_MODEL,
    GIVEN,
    NOTHING,
    POWER,
    SCALARS,
    KeyAttrs,
    KeyResource,
    KeySeen,
    KeyState,
    interim,
)
from fleethub.kinds.key.letting_go import limits_put_back, put_back
from fleethub.kinds.key.marks import record_of
from fleethub.kinds.key.older import Older, older, widened
from fleethub.kinds.values import Dependents, Work
from fleethub.model.attributes import plain
from fleethub.model.finding import Finding
from fleethub.model.keycall import PATH, covers, spare
from fleethub.model.plan import Blocker, Phase, Step, Why
from fleethub.model.secret import KeptValue
from fleethub.model.text import span


def delete(item: KeyState, dependents: Dependents) -> Work:
    if dependents.unsettled or item.seen is None:
        return Work(blockers=dependents.unsettled)
    if dependents.let_go:
        return _let_go(item, item.seen)
    step = Step(
        id=f"{item.address}/delete",
        address=item.address,
        phase=Phase.CONTRACT,
        do=KeyDelete(
            record_of(item.locked).source,
            item.address.alias,
            (item.seen.telemetry.token, *item.seen.telemetry.olds),
        ),
        removes=True,
    )
    return Work((step,))


def _let_go(item: KeyState, seen: KeySeen) -> Work:
    """Its mark goes, and what it was found with comes back: wide before who uses it is let go of, narrow after that."""
    locked, told = record_of(item.locked), seen.telemetry
    models = put_back(locked, told.listed)
    limits = limits_put_back(locked, seen)
    marked = seen.mark is not None or bool(told.olds)  # a value of a rotation has one
    if not marked and not limits and (models is None or {*told.listed} == {*models}):
        return Work()
    steps: list[Step] = []
    alias = there = seen.attrs.renamed or seen.attrs.interim or item.address.alias
    if seen.attrs.interim and not (told.held or told.rows):
        alias = item.address.alias  # of a rotation that came to all but this
    if models and (lacking := {*models} - {*told.listed}) and told.listed:
        widen = KeyWiden(locked.source, there, told.token, tuple(sorted(lacking)))
        steps.append(Step(f"{item.address}/widen", item.address, Phase.EXPAND, widen))
    do = KeyRelease(locked.source, alias, (told.token, *told.olds), models, limits)
    after = tuple(step.id for step in steps)
    steps.append(Step(f"{item.address}/release", item.address, Phase.CONTRACT, do, after, removes=True))
    return Work(tuple(steps))


def put(item: KeyState, want: KeyResource, dependents: Dependents) -> Work:
    """Expand and prove; once every dependent has settled, delete older values, narrow, and take the alias over.

    A new value of a living key is a new key beside it: nobody who has the old one is refused meanwhile.
    """
    slot, proxy = want.material.slot, want.material.proxy
    seen = item.seen
    if isinstance(slot, KeptValue) and seen is None:
        return Work(blockers=(_cannot_be_made_again(item),))
    renewed = seen is not None and seen.attrs.value != want.attrs.value
    new = seen is None or renewed
    have = seen.attrs if seen is not None and not renewed else KeyAttrs()
    wanted, have_models = frozenset(want.attrs.models), frozenset(have.models)
    beyond: frozenset[str] = frozenset()  # of an adopted key, what stays whatever the wiring needs
    unlisted: set[str] = set()
    if isinstance(slot, KeptValue) and seen is not None:
        slot, beyond = replace(slot, token=seen.telemetry.token), frozenset(seen.telemetry.wider)
        unlisted = by_pattern(have_models, beyond)
    everything = bool((have_models | beyond) & {ALL, "all-proxy-models"})
    had = seen.attrs.models if seen is not None and renewed else ()
    held = {
        m: why
        for m, why in dependents.refused.items()
        if m in wanted - have_models - dependents.running - {*had} and not everything
    }
    blockers = [held[m] for m in sorted(held)]
    addable = (wanted - held.keys()) | dependents.running
    wide = have_models | addable
    wide = wide - {NOTHING} or wide
    if not wide and new:  # nothing of it may be had: no key, for an empty list means all models
        return Work(blockers=tuple(blockers))
    limits, stuck = _limits(None if new else seen, want)
    if renewed and seen is not None:
        limits |= _left_behind(seen, want)
        carried = {*want.material.ignore} - {*POWER}  # what is left alone goes along, as it is there
        limits = {name: value for name, value in limits.items() if name not in carried}
    blockers += stuck
    olds = older(item)
    alias = item.address.alias
    if olds.held:
        alias = interim(alias, want.generation, seen is not None and seen.telemetry.crowded)
    attrs = replace(
        want.attrs,
        **{one.what: getattr(have, one.what) for one in stuck},
        replaces=olds.values or None,
        interim=alias if olds.held else None,
    )
    steps: list[Step] = []
    expand_id = None
    write_models = None if everything or wide == have_models else tuple(sorted(wide | beyond))
    remark = new or have.marked is False or bool(have.blocked or have.renamed) or have.interim != attrs.interim
    remark = remark or _birth_untold(seen, want)
    lift = () if new else tuple(n for n in POWER if getattr(have, n) and not getattr(want.attrs, n))
    expanded = record(want, replace(attrs, models=have.models if everything else tuple(sorted(wide))))
    if write_models or limits or lift or remark:
        expand_id = f"{item.address}/expand"
        do = KeyPut(want.source, alias, slot, write_models, limits, want.generation, create=new,
                    unblock=bool(have.blocked), lift=lift, like=olds.like, found=want.found)  # fmt: skip
        steps.append(Step(expand_id, item.address, Phase.EXPAND, do, locked=expanded))
    if expand_id or dependents.delivered:
        asks = spare({**plain(want.attrs), **(seen.telemetry.unmanaged if seen else {})})
        asks = asks and covers(want.attrs.allowed_routes or (), PATH)
        prove = ProveKey(proxy.endpoints, item.address.alias, slot, tuple(sorted(addable - {NOTHING} - unlisted)),
                         proxy.key_cache_ttl, proxy.processes, written=expand_id, created=new, asks=asks,
                         holders=want.material.holders)  # fmt: skip
        after = (expand_id,) if expand_id else ()
        steps.append(Step(f"{item.address}/prove", item.address, Phase.PROVE, prove, after))
    if dependents.delivered:
        steps += widened(item, want, addable - {NOTHING}, steps, expanded)
    final = (wanted - held.keys()) | (dependents.running & wanted) or frozenset({NOTHING})
    narrows = not (everything and beyond) and (everything or wide != final)
    waits = _waits(item, want, olds, dependents)
    if olds.tokens and waits:
        blockers += waits
    elif olds.tokens:
        steps.append(
            Step(
                id=f"{item.address}/delete-old",
                address=item.address,
                phase=Phase.CONTRACT,
                do=KeyDelete(want.source, item.address.alias, olds.tokens),
                after=tuple(s.id for s in steps),
                locked=record(want, replace(attrs, models=tuple(sorted(wide)), replaces=None)),
            )
        )
        alias = item.address.alias
    if narrows and dependents.unsettled:
        narrow = ", ".join(sorted(have_models - wanted)) or "the scope"
        blockers += [Blocker(o.why, o.reason, f"dropping {narrow}") for o in dependents.unsettled]
    elif narrows or (olds.held and not waits):
        models, listed = tuple(sorted(final)), tuple(sorted((final | beyond) - ({NOTHING} if beyond else set())))
        kept = replace(attrs, models=models) if waits else replace(attrs, models=models, replaces=None, interim=None)
        steps.append(
            Step(
                id=f"{item.address}/contract",
                address=item.address,
                phase=Phase.CONTRACT,
                do=KeyPut(
                    want.source,
                    alias,
                    slot,
                    listed if narrows else None,
                    {},
                    want.generation,
                    create=False,
                    found=want.found,
                ),
                after=tuple(s.id for s in steps),
                locked=record(want, kept),
            )
        )
    found = [_stuck(item) for one in stuck if one.what == "budget_duration"]
    unproved = isinstance(slot, KeptValue) and not want.material.holders
    if unproved and any(step.phase is Phase.PROVE for step in steps):
        found.append(_unproved(item))
    return Work(tuple(steps), tuple(blockers), tuple(found))


def _birth_untold(seen: KeySeen | None, want: KeyResource) -> bool:
    """Whether its mark does not say that its value is derived from another proxy's name than it is on by now: a
    lockfile that is lost is made again by the marks.
    """
    mark = seen.mark if seen is not None else None
    return bool(want.born_proxy) and mark is not None and mark.born_proxy != want.born_proxy


def _waits(item: KeyState, want: KeyResource, olds: Older, dependents: Dependents) -> list[Blocker]:
    """Why older values of the key must work on; one that is blocked works for nobody."""
    what = f"deleting its value of before generation {want.generation}"
    if not olds.working:
        return []
    if dependents.unsettled:
        return [Blocker(o.why, o.reason, what) for o in dependents.unsettled]
    seen = item.seen
    age = seen.telemetry.age if seen is not None and seen.attrs.value == want.attrs.value else None
    left = want.material.grace - (age or 0.0)
    if left <= 0:
        return []
    take = f"fleethub show {shlex.quote(str(item.address))} --reveal"
    why = f"whoever uses it has {span(left)} left to take the new one: {take}"
    return [Blocker(Why.WAITS, why, what)]


def _cannot_be_made_again(item: KeyState) -> Blocker:
    alias = item.address.alias
    return Blocker(
        Why.POLICY,
        f"the value of the adopted key {alias!r} was not FleetHub's and cannot be made again; "
        "raise its generation to give it a new one",
    )


def _unproved(item: KeyState) -> Finding:
    return Finding(
        "key.kept-unproved",
        f"the value of the adopted key {item.address.alias!r} is not known here, so that {item.address.owner} gives it "
        "its new scope is waited for (key_cache_ttl), and not proved",
        item.address,
        item.want.place if item.want else None,
        "raise its generation to give it a value that FleetHub derives and proves",
    )


def _stuck(item: KeyState) -> Finding:
    return Finding(
        "key.limit-stuck",
        f"the LiteLLM of {item.address.owner} cannot clear budget_duration of {item.address.alias!r}",
        item.address,
        item.want.place if item.want else None,
        "upgrade LiteLLM, write a budget_duration again, or delete the key and restore it by policy",
    )


def _left_behind(seen: KeySeen, want: KeyResource) -> dict[str, Any]:
    """What a new value must not take over of the one whose place it takes: what was managed, and is wanted no more."""
    found: dict[str, Any] = {}
    for name in (*SCALARS, "tags", "team"):
        if getattr(seen.attrs, name) is not None and getattr(want.attrs, name) is None:
            found[name] = None
    for name in BY_MODEL:
        had, wanted = (dict(getattr(side, name) or {}) for side in (seen.attrs, want.attrs))
        if had.keys() - wanted.keys():
            found[name] = {**wanted, **dict.fromkeys(sorted(had.keys() - wanted.keys()))}
    return found


def _limits(seen: KeySeen | None, want: KeyResource) -> tuple[dict[str, Any], list[Blocker]]:
    """The limits, and what else the spec gives it, to send; what this LiteLLM cannot clear is held back.

    Of limits by model those that change; None takes one off.
    """
    limits: dict[str, Any] = {}
    stuck: list[Blocker] = []
    for name in SCALARS:
        value = getattr(want.attrs, name)
        if (getattr(seen.attrs, name) if seen else None) == value:
            continue
        clears = not seen or seen.telemetry.clears_budget_duration
        if name == "budget_duration" and value is None and not clears:
            stuck.append(Blocker(Why.POLICY, "this LiteLLM ignores budget_duration = null", name))
        elif name == "soft_budget" and seen is not None and seen.telemetry.shares_budget:
            stuck.append(Blocker(Why.POLICY, "it is in a budget that other keys have too, and would be theirs", name))
        else:
            limits[name] = value
    for name in BY_MODEL:
        have, wanted = (dict(getattr(side, name) or {}) for side in (seen.attrs if seen else KeyAttrs(), want.attrs))
        if other := {m: wanted.get(m) for m in sorted({*have, *wanted}) if have.get(m) != wanted.get(m)}:
            limits[name] = other
    for name in GIVEN:
        value = getattr(want.attrs, name)
        lifted = name in POWER and value is None
        if (getattr(seen.attrs, name) if seen else None) != value and not lifted:
            limits[name] = value
    return limits, stuck
