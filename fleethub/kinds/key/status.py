"""The rows of the keys in the fleet's status."""

from __future__ import annotations

from collections.abc import Iterable

from fleethub.kinds.key.attributes import KeyAttrs, KeySeen, KeyTelemetry, beside
from fleethub.kinds.key.scope import scopes
from fleethub.kinds.values import StatusInputs, seen_as
from fleethub.model.address import CALLERS
from fleethub.model.address import key as key_address
from fleethub.model.fleet_status import KeyStatus


def key_rows(inputs: StatusInputs) -> Iterable[KeyStatus]:
    """One row per key of the spec or the lockfile; nodes that left the spec use their key until they are gone."""
    fleet = inputs.fleet
    users: dict[str, list[str]] = {}
    for node in fleet.nodes.values():
        users.setdefault(node.key, []).append(node.name)
    for address, record in sorted(inputs.locked.items()):
        for need in record.needs if address.kind in CALLERS and address.name not in fleet.nodes else ():
            if need.kind == "key" and address.name not in users.setdefault(need.alias, []):
                users[need.alias].append(address.name)
    spec = {key_address(proxy, name) for proxy, name in scopes(fleet)}
    for address in sorted({*spec, *(a for a in (*inputs.wanted, *inputs.locked) if a.kind == "key")}):
        observed = seen_as(inputs.seen.get(address), KeyAttrs, KeyTelemetry)
        state, reason = inputs.state(address)
        change, waits, drift = inputs.planned(address)
        want, have = inputs.wanted.get(address), inputs.locked.get(address)
        budget, duration = _budget(observed)
        yield KeyStatus(
            address=str(address),
            proxy=address.owner,
            name=address.alias,
            owner=want.owner if want else have.owner if have else "",
            state=state,
            reason=reason,
            models=observed.attrs.models if observed else None,
            nodes=tuple(users.get(address.alias, ())),
            change=change,
            waits=waits,
            drift=drift,
            beside=beside(observed) if observed else (),
            projects=fleet.keys[address.alias].projects if address.alias in fleet.keys else (),
            spend=observed.telemetry.spend if observed else None,
            budget=budget,
            budget_duration=duration,
        )


def _budget(seen: KeySeen | None) -> tuple[float | None, str]:
    """The budget that the proxy holds a key to, whoever set it, and after what it begins anew."""
    if seen is None:
        return None, ""
    others = seen.telemetry.unmanaged
    most = seen.attrs.max_budget if seen.attrs.max_budget is not None else others.get("max_budget")
    every = seen.attrs.budget_duration or others.get("budget_duration") or ""
    return (float(most) if isinstance(most, int | float) else None), str(every)
