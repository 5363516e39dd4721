"""What must be done for a key: expand, prove, and narrow once every dependent has settled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fleethub.kinds.compare import record
from fleethub.kinds.key.actions import KeyDelete, KeyPut, ProveKey
from fleethub.kinds.key.adopted import by_pattern
from fleethub.kinds.key.attributes import (
    ALL,
    BY_MODEL,
    LIMITS,
    NOTHING,
    POWER,
    SCALARS,
    KeyAttrs,
    KeyResource,
    KeyState,
)
from fleethub.kinds.key.marks import record_of
from fleethub.kinds.values import Dependents, Work
from fleethub.model.attributes import plain
from fleethub.model.finding import Finding
from fleethub.model.keycall import spare
from fleethub.model.plan import Blocker, Phase, Step, Why
from fleethub.model.secret import Kept


def delete(item: KeyState, dependents: Dependents) -> Work:
    if dependents.unsettled or item.seen is None:
        return Work(blockers=dependents.unsettled)
    step = Step(
        id=f"{item.address}/delete",
        address=item.address,
        phase=Phase.CONTRACT,
        do=KeyDelete(record_of(item.locked).source, item.address.alias, (item.seen.telemetry.token,)),
        removes=True,
    )
    return Work((step,))


def put(item: KeyState, want: KeyResource, dependents: Dependents) -> Work:
    slot, proxy = want.material.slot, want.material.proxy
    if isinstance(slot, Kept) and item.seen is None:
        return Work(blockers=(_cannot_be_made_again(item),))
    have = item.seen.attrs if item.seen else KeyAttrs()
    wanted, have_models = frozenset(want.attrs.models), frozenset(have.models)
    beyond: frozenset[str] = frozenset()  # of an adopted key, what stays whatever the wiring needs
    unlisted: set[str] = set()
    if isinstance(slot, Kept) and item.seen:
        slot, beyond = replace(slot, token=item.seen.telemetry.token), frozenset(item.seen.telemetry.wider)
        unlisted = by_pattern(have_models, beyond)
    everything = bool((have_models | beyond) & {ALL, "all-proxy-models"})
    held = {
        m: why
        for m, why in dependents.refused.items()
        if m in wanted - have_models - dependents.running and not everything
    }
    blockers = [held[m] for m in sorted(held)]
    addable = (wanted - held.keys()) | dependents.running
    wide = have_models | addable
    if wide - {NOTHING} or not wide:
        wide = wide - {NOTHING}
    if not wide and item.seen is None:  # nothing of it may be had: no key, for an empty list means all models
        return Work(blockers=tuple(blockers))
    limits, stuck = _limits(item, want)
    blockers += stuck
    attrs = replace(want.attrs, budget_duration=have.budget_duration) if stuck else want.attrs
    steps: list[Step] = []
    expand_id = None
    write_models = None if everything or wide == have_models else tuple(sorted(wide | beyond))
    # only a blocked key gets here with another value: its generation was raised, nobody can be using it
    renewed = item.seen is not None and have.value != want.attrs.value
    if renewed:
        write_models, limits = tuple(sorted(wide)), {n: getattr(want.attrs, n) for n in LIMITS}
    remark = item.seen is None or have.marked is False or bool(have.blocked or have.renamed)
    lift = () if renewed or item.seen is None else tuple(name for name in (*POWER, *BY_MODEL) if getattr(have, name))
    if write_models or limits or lift or remark:
        expand_id = f"{item.address}/expand"
        scope = tuple(sorted(wide)) if not everything else have.models
        steps.append(
            Step(
                id=expand_id,
                address=item.address,
                phase=Phase.EXPAND,
                do=KeyPut(
                    want.source,
                    item.address.alias,
                    slot,
                    write_models,
                    limits,
                    want.generation,
                    create=item.seen is None or renewed,
                    unblock=bool(have.blocked),
                    lift=lift,
                    replaces=item.seen.telemetry.token if renewed and item.seen else None,
                ),
                locked=record(want, replace(attrs, models=scope)),
            )
        )
    if expand_id or dependents.delivered:
        steps.append(
            Step(
                id=f"{item.address}/prove",
                address=item.address,
                phase=Phase.PROVE,
                do=ProveKey(
                    endpoints=proxy.endpoints,
                    alias=item.address.alias,
                    value=slot,
                    scope=tuple(sorted(addable - {NOTHING} - unlisted)),
                    ttl=proxy.key_cache_ttl,
                    processes=proxy.processes,
                    written=expand_id,
                    created=item.seen is None or renewed,
                    asks=spare({**plain(want.attrs), **(item.seen.telemetry.unmanaged if item.seen else {})}),
                ),
                after=(expand_id,) if expand_id else (),
            )
        )
    final = (wanted - held.keys()) | (dependents.running & wanted) or frozenset({NOTHING})
    if not (everything and beyond) and (everything or wide != final):
        if dependents.unsettled:
            narrow = ", ".join(sorted(have_models - wanted)) or "the scope"
            blockers += [Blocker(o.why, o.reason, f"dropping {narrow}") for o in dependents.unsettled]
        else:
            steps.append(
                Step(
                    id=f"{item.address}/contract",
                    address=item.address,
                    phase=Phase.CONTRACT,
                    do=KeyPut(
                        want.source,
                        item.address.alias,
                        slot,
                        tuple(sorted((final | beyond) - ({NOTHING} if beyond else set()))),
                        {},
                        want.generation,
                        False,
                    ),
                    after=tuple(s.id for s in steps),
                    locked=record(want, replace(attrs, models=tuple(sorted(final)))),
                )
            )
    found = [_stuck(item) for _ in stuck]
    if isinstance(slot, Kept) and any(step.phase is Phase.PROVE for step in steps):
        found.append(_unproved(item))
    return Work(tuple(steps), tuple(blockers), tuple(found))


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


def _limits(item: KeyState, want: KeyResource) -> tuple[dict[str, Any], list[Blocker]]:
    """The limits to send; one that this LiteLLM cannot clear is held back."""
    limits: dict[str, Any] = {}
    stuck: list[Blocker] = []
    for name in SCALARS:
        value = getattr(want.attrs, name)
        if (getattr(item.seen.attrs, name) if item.seen else None) == value:
            continue
        clears = not item.seen or item.seen.telemetry.clears_budget_duration
        if name == "budget_duration" and value is None and not clears:
            stuck.append(Blocker(Why.POLICY, "this LiteLLM ignores budget_duration = null", name))
        else:
            limits[name] = value
    return limits, stuck
