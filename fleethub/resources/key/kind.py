"""The kind of LiteLLM's keys: what the spec wants of them, and what was seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.address import route as route_address
from fleethub.model.facts import ProxyReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Key
from fleethub.model.observation import Absent, Attrs, Locked, Lockfile, Observation, Resource, Seen, Unknown
from fleethub.model.plan import MISSING, FileDiff, Leaf
from fleethub.model.secret import Derived
from fleethub.resources.base import Inputs, Item, Sight, Uses, Work, leaves, managed
from fleethub.resources.key.attributes import ALL, NEVER, NOTHING, limits, never, power, spent
from fleethub.resources.key.marks import mark_of, record_of
from fleethub.resources.key.ownership import BARRED, objections, remarks
from fleethub.resources.key.scope import proxy_source, scopes
from fleethub.resources.key.steps import delete, put


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
            slot = Derived("key", fleet.identity, proxy_name, born or name, block.generation)
            yield Resource(
                address=address,
                source=replace(proxy_source(proxy), ask=(name,)),
                attrs={
                    "models": sorted(models) or [NOTHING],
                    "value": inputs.seal.slot(slot),
                    "blocked": False,
                    "marked": True,
                    **dict.fromkeys(NEVER),
                    **block.limits,
                },
                needs={route_address(proxy_name, alias): frozenset({alias}) for alias in sorted(models)},
                shape=str(slot),
                owner=block.owner or (user.owner if user else ""),
                protected=block.protected,
                generation=block.generation,
                born=born,
                place=block.place or (user.place if user else None),
                material={"slot": slot, "proxy": proxy},
            )

    def observe(self, address: Address, want: Resource | None, locked: Locked | None, sight: Sight) -> Observation:
        """The row with the alias; several, or a row of somebody else, are told by ``objections``."""
        source = (want or record_of(locked)).source
        reading = sight.facts.of(source)
        if isinstance(reading, Unknown):
            return Unknown(f"{source.at}: {reading.reason}", reading.at)
        if not isinstance(reading, ProxyReading):
            return Unknown(f"{source.at}: not read as a LiteLLM", sight.facts.at)
        if want is not None and want.attrs["value"] is None:
            return Unknown("the fleet's seed does not resolve, so the key's value is not known", sight.facts.at)
        rows = reading.keys.get(address.alias, ())
        barred = BARRED if reading.takes_values is False else ""
        if not rows:
            return Absent(sight.facts.at, barred)
        row = rows[0]
        managed, others = limits(row, want.attrs if want else {}, locked)
        return Seen(
            attrs={
                "models": sorted(set(row.models)) or [ALL],
                "value": sight.seal.sha256(bytes.fromhex(row.token)),
                "blocked": row.blocked,
                "marked": mark_of(row.metadata) is not None,
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
                "unmanaged": others | ({"team": row.team} if row.team else {}),
                "groups": row.groups,
                "team": row.team,
                "team_state": reading.teams.get(row.team),
                "clears_budget_duration": reading.clears_budget_duration,
            },
        )

    def objections(self, item: Item, lockfile: Lockfile | None) -> list[Finding]:
        """Duplicate alias, somebody else's key, a scope that no proof can show."""
        return objections(item, lockfile)

    def remarks(self, item: Item) -> list[Finding]:
        """A budget that is spent."""
        return remarks(item)

    def describe(self, item: Item) -> tuple[tuple[Leaf, ...], tuple[FileDiff, ...]]:
        """Scope as lists, limits as numbers; the value only as changed or not."""
        if item.want is None:
            return (), ()
        have = item.seen.attrs if item.seen else {}
        shown = []
        renewed = item.seen is not None and have["value"] != item.want.attrs["value"]
        if renewed or (item.seen is None and item.want.generation > 1):
            shown.append(Leaf(("value",), MISSING, _new_value(item, renewed)))
        for leaf in leaves(managed(item), have):
            if leaf.path[0] == "value" or (renewed and leaf.path[0] == "blocked"):
                continue
            if leaf.path[0] in ("blocked", "marked") and not item.seen:
                continue
            shown.append(leaf)
        return tuple(shown), ()

    def applied(self, item: Item) -> Attrs:
        """With expiry, routes, aliases, settings and limits of zero, which nobody applied, as none."""
        return {**never(item), **(item.locked.attrs if item.locked else {})}

    def drifted(self, item: Item) -> tuple[Leaf, ...]:
        """Its attributes say all."""
        return ()

    def kept(self, item: Item) -> tuple[str, ...]:
        """Nothing: it has no files."""
        return ()

    def steps(self, item: Item, uses: Uses) -> Work:
        """Expand with all limits and the wide scope, prove, and narrow once every dependent has settled."""
        return delete(item, uses) if item.want is None else put(item, item.want, uses)


def _new_value(item: Item, renewed: bool) -> str:
    """``new (generation 1 → 2); the old one stops at once``."""
    wanted = item.want.generation if item.want else 1
    before = item.seen.mark.generation if item.seen and item.seen.mark else None
    change = f"generation {before} → {wanted}" if before is not None and before != wanted else f"generation {wanted}"
    return f"new ({change})" + ("; the old one stops at once" if renewed else "")
