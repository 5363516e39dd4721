"""What a reading of a LiteLLM means for one key."""

from __future__ import annotations

from dataclasses import replace

from fleethub.kinds.key.adopted import split_scope
from fleethub.kinds.key.attributes import (
    ALL,
    KeyAttrs,
    KeyResource,
    KeySeen,
    KeyTelemetry,
    OldValue,
    interim,
    limits,
    power,
    spent,
)
from fleethub.kinds.key.marks import by_budget, by_value, interims, mark_of, ours, record_of, shares_budget
from fleethub.kinds.key.older import derived, serving
from fleethub.kinds.key.ownership import BARRED
from fleethub.kinds.values import ObserveContext
from fleethub.model.address import Address
from fleethub.model.observation import Absent, Locked, Seen, Unknown
from fleethub.model.readings.proxy import KeyRow, ProxyReading


def observe(
    address: Address, want: KeyResource | None, locked: Locked[KeyAttrs] | None, context: ObserveContext
) -> KeySeen | Absent | Unknown:
    """The row with a value of ours, whatever its alias is now; else, where it is wanted, the row in its place.

    The reading is whole (see ``clients.litellm``): without such a row the key is absent.
    """
    source = (want or record_of(locked)).source
    reading = context.facts.of(source)
    if isinstance(reading, Unknown):
        return Unknown(f"{source.at}: {reading.reason}", reading.at)
    if not isinstance(reading, ProxyReading):
        return Unknown(f"{source.at}: not read as a LiteLLM", context.facts.at)
    if context.fingerprinter.sha256(b"") is None:
        return Unknown("the fleet's seed does not resolve, so which keys are FleetHub's is not known", context.facts.at)
    rows, barred = reading.keys.get(address.alias, ()), BARRED if reading.takes_values is False else ""
    known = context.once(("key", *source.id), lambda: by_value(reading, context.fingerprinter))
    mine = ours(address, known, want, locked)
    row, olds = (mine[0], mine[1:]) if mine else (None, ())
    if row is None and want is None:  # what has its name is somebody else's, unless it has our mark
        row = next((r for r in rows if (m := mark_of(r.metadata)) and m.lineage == context.lineage), None)
    elif row is None and rows:
        row = rows[0]
    if row is None:
        return Absent(context.facts.at, barred)
    value = context.fingerprinter.sha256(bytes.fromhex(row.token))
    away = row.alias != address.alias
    between = away and bool(mine) and row.alias in interims(address, want, locked, row)
    beside: tuple[KeyRow, ...] = ()
    crowded = False
    serve: tuple[OldValue, ...] = ()
    if want is not None:
        value_of = context.fingerprinter.sha256
        older_rows = [one for one in mine if value_of(bytes.fromhex(one.token)) != want.attrs.value]
        crowded = any(one.alias == interim(address.alias, want.generation) for one in older_rows)
        serve = serving(older_rows, want, context)
        beside = reading.keys.get(interim(address.alias, want.generation, crowded), ())
    older = sorted(filter(None, (context.fingerprinter.sha256(bytes.fromhex(old.token)) for old in olds)))
    managed, others = limits(row, want, locked)
    shares = shares_budget(row, context.once(("budget", *source.id), lambda: by_budget(reading)), mine)
    if shares and "soft_budget" in managed:
        others["soft_budget"] = managed.pop("soft_budget")
    scope: tuple[str, ...] = tuple(sorted(set(row.models))) or (ALL,)
    wider: tuple[str, ...] = ()
    kept = want is not None and want.material.kept
    if want is not None and want.material.keeps and value == want.attrs.value:
        scope, wider = split_scope(row, want, locked, reading.teams.get(row.team))
    attrs = KeyAttrs(
        models=scope,
        value=value,
        blocked=row.blocked,
        marked=None if kept else mark_of(row.metadata) is not None,
        renamed=(row.alias or "(no alias)") if away and not between else None,
        replaces=tuple(older) or None,
        interim=row.alias if between else None,
        **power(row),
        **managed,
    )
    ignore = want.material.ignore if want and locked and locked.attrs else ()  # a first apply gives all of it
    begun = locked.pending.attrs if locked and locked.pending else None
    sides = [side for side in (want.attrs if want else None, locked.attrs if locked else None, begun) if side]
    by_hand = (n for n in ignore if all(getattr(attrs, n) != getattr(side, n) for side in sides))
    alone = {n: getattr(attrs, n) for n in by_hand}
    return Seen(
        attrs=replace(attrs, **{name: getattr(want.attrs, name) for name in alone}) if want else attrs,
        at=context.facts.at,
        telemetry=KeyTelemetry(
            token=row.token,
            spend=row.spend,
            spent=spent(row),
            barred=barred,
            rows=sum(other not in olds for other in rows),
            unmanaged=others,
            groups=row.groups,
            wider=wider,
            team=row.team,
            clears_budget_duration=reading.clears_budget_duration,
            team_state=reading.teams.get(row.team),
            olds=tuple(old.token for old in olds),
            blocked=tuple(old.token for old in mine if old.blocked),
            serving=serve,
            derived=bool(locked is None and want is not None and derived(row, want, context)),
            held=any(old.alias == address.alias for old in olds),
            age=row.age,
            left=row.left,
            used=min((r.used for r in (row, *olds) if r.used is not None), default=None),
            crowded=crowded,
            taken=any(other not in mine for other in beside),
            alone=alone,
            shares_budget=shares,
            listed=tuple(sorted(set(row.models))),
        ),
        mark=mark_of(row.metadata),
    )
