"""The kind of LiteLLM's keys: what the spec wants of them, and what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fleethub.kinds.interface import Dependents, Inputs, ObserveContext, ResourceState, Work, changed_fields, managed
from fleethub.kinds.key.attributes import ALL, NEVER, NOTHING, limits, never, power, shown, spent
from fleethub.kinds.key.marks import mark_of, ours, record_of, values_of
from fleethub.kinds.key.orphans import orphans
from fleethub.kinds.key.ownership import BARRED, objections, remarks
from fleethub.kinds.key.scope import proxy_source, scopes
from fleethub.kinds.key.steps import delete, put
from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.address import route as route_address
from fleethub.model.facts import ProxyReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet, Key
from fleethub.model.observation import Absent, Attrs, Locked, Lockfile, Observation, Resource, Seen, Unknown
from fleethub.model.plan import MISSING, FieldChange, FileDiff
from fleethub.model.secret import Derived


class KeyKind:
    """See the module."""

    name = "key"

    def desired(self, inputs: Inputs) -> Iterable[Resource]:
        """One key per (proxy, name) with a scope."""
        fleet = inputs.fleet
        users = {node.key: node for node in reversed(list(fleet.nodes.values()))}
        for (proxy_name, name), models in sorted(scopes(fleet).items()):
            proxy = fleet.proxies[proxy_name]
            block = fleet.keys.get(name) or Key(name=name)
            user = users.get(name)
            address = key_address(proxy_name, name)
            born = fleet.births.get(address, "")
            slot = Derived("key", fleet.identity, proxy_name, born or name, fleet.generation(address))
            yield Resource(
                address=address,
                source=replace(proxy_source(proxy), ask=(name,)),
                attrs={
                    "models": sorted(models) or [NOTHING],
                    "value": inputs.fingerprinter.slot(slot),
                    "blocked": False,
                    "marked": True,
                    **dict.fromkeys(NEVER),
                    "renamed": None,
                    **block.limits,
                },
                needs={route_address(proxy_name, alias): frozenset({alias}) for alias in sorted(models)},
                shape=str(slot),
                owner=block.owner or (user.owner if user else ""),
                protected=block.protected,
                generation=fleet.generation(address),
                born=born,
                place=block.place or (user.place if user else None),
                material={"slot": slot, "proxy": proxy},
            )

    def observe(
        self, address: Address, want: Resource | None, locked: Locked | None, sight: ObserveContext
    ) -> Observation:
        """The row with a value of ours, whatever its alias is now; else, where it is wanted, the row in its place.

        The reading is whole (see ``clients.litellm``): without such a row the key is absent.
        """
        source = (want or record_of(locked)).source
        reading = sight.facts.of(source)
        if isinstance(reading, Unknown):
            return Unknown(f"{source.at}: {reading.reason}", reading.at)
        if not isinstance(reading, ProxyReading):
            return Unknown(f"{source.at}: not read as a LiteLLM", sight.facts.at)
        if sight.fingerprinter.sha256(b"") is None:
            return Unknown(
                "the fleet's seed does not resolve, so which keys are FleetHub's is not known", sight.facts.at
            )
        rows, barred = reading.keys.get(address.alias, ()), BARRED if reading.takes_values is False else ""
        row = ours(rows, reading, values_of(ResourceState(address, want, Absent(""), locked)), sight)
        if row is None and want is None:  # what has its name is somebody else's, unless it has our mark
            row = next((r for r in rows if (m := mark_of(r.metadata)) and m.lineage == sight.lineage), None)
        elif row is None and rows:
            row = rows[0]
        if row is None:
            return Absent(sight.facts.at, barred)
        managed, others = limits(row, want.attrs if want else {}, locked)
        return Seen(
            attrs={
                "models": sorted(set(row.models)) or [ALL],
                "value": sight.fingerprinter.sha256(bytes.fromhex(row.token)),
                "blocked": row.blocked,
                "marked": mark_of(row.metadata) is not None,
                **({"renamed": row.alias or "(no alias)"} if row.alias != address.alias else {}),
                **power(row),
                **managed,
            },
            at=sight.facts.at,
            mark=mark_of(row.metadata),
            telemetry={
                "spend": row.spend,
                "spent": spent(row),
                "barred": barred,
                "rows": len(rows),
                "token": row.token,
                "unmanaged": others | ({"team": row.team} if row.team else {}),
                "groups": row.groups,
                "team": row.team,
                "clears_budget_duration": reading.clears_budget_duration,
            },
            material={"team": reading.teams.get(row.team)},
        )

    def made(self, address: Address, want: Resource | None, locked: Locked, fleet: str) -> tuple[Derived, ...]:
        """Its value, as it was last applied, as an apply began it, and as it is wanted now."""
        born, begun = locked.born or address.alias, locked.pending.generation if locked.pending else 0
        slots = (
            Derived.key_of(locked.shape, address.owner),
            *(Derived("key", fleet, address.owner, born, n) for n in (locked.generation, begun) if n),
            want.material["slot"] if want is not None else None,
        )
        return tuple(dict.fromkeys(slot for slot in slots if slot is not None))

    def proves(self, item: ResourceState) -> bool:
        """A marked key of the value that this fleet derives: nobody else has the seed."""
        seen, want = item.seen, item.want
        return bool(seen and want and seen.mark and seen.attrs["value"] == want.attrs["value"])

    def orphans(self, items: Sequence[ResourceState], fleet: Fleet, sight: ObserveContext) -> list[Finding]:
        """Living keys with this fleet's mark that nothing names."""
        return orphans(items, fleet, sight)

    def objections(self, item: ResourceState, lockfile: Lockfile | None) -> list[Finding]:
        """Duplicate alias, somebody else's key, a scope that no proof can show."""
        return objections(item, lockfile)

    def remarks(self, item: ResourceState) -> list[Finding]:
        """A budget that is spent."""
        return remarks(item)

    def describe(self, item: ResourceState) -> tuple[tuple[FieldChange, ...], tuple[FileDiff, ...]]:
        """Scope as lists, limits as numbers; the value only as changed or not."""
        if item.want is None:
            return (), ()
        have = item.seen.attrs if item.seen else {}
        shown = []
        renewed = item.seen is not None and have["value"] != item.want.attrs["value"]
        if renewed or (item.seen is None and item.want.generation > 1):
            shown.append(FieldChange(("value",), MISSING, _new_value(item, renewed)))
        for leaf in changed_fields(managed(item), have):
            if leaf.path[0] == "value" or (renewed and leaf.path[0] == "blocked"):
                continue
            if leaf.path[0] in ("blocked", "marked") and not item.seen:
                continue
            shown.append(
                leaf if leaf.path[0] != "renamed" else FieldChange(("alias",), leaf.before, item.address.alias)
            )
        return tuple(shown), ()

    def applied(self, item: ResourceState) -> Attrs:
        """With expiry, routes, aliases, settings and limits of zero, which nobody applied, as none."""
        return {**never(item), **(item.locked.attrs if item.locked else {})}

    def beside(self, item: ResourceState) -> tuple[str, ...]:
        """Limits and a team."""
        if item.seen is None or item.want is None or item.seen.attrs["value"] != item.want.attrs["value"]:
            return ()
        return tuple(f"{name} {shown(value)}" for name, value in item.seen.telemetry["unmanaged"].items())

    def drifted(self, item: ResourceState) -> tuple[FieldChange, ...]:
        """Its attributes say all."""
        return ()

    def kept(self, item: ResourceState) -> tuple[str, ...]:
        """Nothing: it has no files."""
        return ()

    def steps(self, item: ResourceState, uses: Dependents) -> Work:
        """Expand with all limits and the wide scope, prove, and narrow once every dependent has settled."""
        return delete(item, uses) if item.want is None else put(item, item.want, uses)


def _new_value(item: ResourceState, renewed: bool) -> str:
    """``new (generation 1 → 2); the old one stops at once``."""
    wanted = item.want.generation if item.want else 1
    before = item.seen.mark.generation if item.seen and item.seen.mark else None
    change = f"generation {before} → {wanted}" if before is not None and before != wanted else f"generation {wanted}"
    return f"new ({change})" + ("; the old one stops at once" if renewed else "")
