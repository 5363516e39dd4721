"""LiteLLM keys: derived values, scope from the wiring, limits, ownership marks.

Attributes: ``models`` (sorted; ``[ALL]`` for LiteLLM's "all"), ``value`` (fingerprint), ``blocked``,
``marked``, and the limits that the spec writes, under LiteLLM's names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fleethub.model.actions import KeyDelete, KeyPut, ProveKey
from fleethub.model.address import Address
from fleethub.model.address import key as key_address
from fleethub.model.address import route as route_address
from fleethub.model.facts import KeyRow, ProxyReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet, Key, Node, Proxy
from fleethub.model.observation import (
    Absent,
    Locked,
    Lockfile,
    Mark,
    Observation,
    Resource,
    Seen,
    Source,
    Unknown,
)
from fleethub.model.plan import FileDiff, Leaf, Obstacle, Phase, Step, Why
from fleethub.model.secret import Derived
from fleethub.resources.base import Inputs, Item, Sight, Uses, Work, leaves, managed, parse_mark, record

LIMITS = ("rpm_limit", "tpm_limit", "max_budget", "budget_duration")
#: LiteLLM reads an empty list as "all models"; we never send that, and show it by this name.
ALL = "(all models)"
NOTHING = "no-default-models"
WILDCARDS = {"all-team-models"}


def proxy_source(proxy: Proxy) -> Source:
    """The one bulk read of a LiteLLM."""
    return Source("litellm", proxy.admin_url, proxy.master_key)


def wiring(fleet: Fleet, node: Node) -> dict[str, frozenset[str]]:
    """Proxy name -> models that the node's chain calls through it."""
    by_proxy: dict[str, set[str]] = {}
    for hop in node.chain:
        proxy = fleet.models[hop.model].proxy
        if not hop.direct and proxy is not None:
            by_proxy.setdefault(proxy, set()).add(hop.model)
    return {proxy: frozenset(models) for proxy, models in by_proxy.items()}


def scopes(fleet: Fleet) -> dict[tuple[str, str], set[str]]:
    """(proxy, key name) -> every model the key must reach: the wiring of its nodes, ``also`` and ``models``."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for node in fleet.nodes.values():
        for proxy, models in wiring(fleet, node).items():
            wanted.setdefault((proxy, node.key), set()).update(models)
    for key in fleet.keys.values():
        for alias in (*key.also, *key.models):
            proxy_name = fleet.models[alias].proxy
            if proxy_name is not None:
                wanted.setdefault((proxy_name, key.name), set()).add(alias)
    return wanted


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
            slot = Derived("key", fleet.name, proxy_name, name, block.generation)
            yield Resource(
                address=key_address(proxy_name, name),
                source=proxy_source(proxy),
                attrs={
                    "models": sorted(models) or [NOTHING],
                    "value": inputs.seal.slot(slot),
                    "blocked": False,
                    "marked": True,
                    **block.limits,
                },
                needs={route_address(proxy_name, alias): frozenset({alias}) for alias in sorted(models)},
                shape=str(slot),
                owner=block.owner or (user.owner if user else ""),
                protected=block.protected,
                generation=block.generation,
                place=block.place or (user.place if user else None),
                material={"slot": slot, "proxy": proxy},
            )

    def observe(self, address: Address, want: Resource | None, locked: Locked | None, sight: Sight) -> Observation:
        """The row with the alias; several, or a row of somebody else, are told by ``objections``."""
        source = (want or _locked(locked)).source
        reading = sight.facts.of(source)
        if isinstance(reading, Unknown):
            return Unknown(f"{source.at}: {reading.reason}", reading.at)
        if not isinstance(reading, ProxyReading):
            return Unknown(f"{source.at}: not read as a LiteLLM", sight.facts.at)
        if want is not None and want.attrs["value"] is None:
            return Unknown("the fleet's seed does not resolve, so the key's value is not known", sight.facts.at)
        rows = reading.keys.get(address.alias, ())
        if not rows:
            return Absent(sight.facts.at)
        row = rows[0]
        return Seen(
            attrs={
                "models": sorted(set(row.models)) or [ALL],
                "value": sight.seal.sha256(bytes.fromhex(row.token)),
                "blocked": row.blocked,
                "marked": mark_of(row.metadata) is not None,
                **{name: value for name, value in row.limits.items() if value is not None},
            },
            at=sight.facts.at,
            mark=mark_of(row.metadata),
            telemetry={
                "spend": row.spend,
                "expires": row.expires,
                "rows": len(rows),
                "bound_to": row.bound_to,
                "clears_budget_duration": reading.clears_budget_duration,
            },
        )

    def objections(self, item: Item, lockfile: Lockfile | None) -> list[Finding]:
        """Duplicate alias, somebody else's key, a scope that no proof can show."""
        seen = item.seen
        if seen is None:
            return []
        alias, proxy = item.address.alias, item.address.owner

        def finding(code: str, message: str, hint: str) -> list[Finding]:
            return [Finding(code, message, item.address, item.want.place if item.want else None, hint)]

        if seen.telemetry["rows"] > 1:
            return finding(
                "key.alias-duplicate",
                f"{seen.telemetry['rows']} keys on {proxy} share the alias {alias!r}",
                "delete or rename all but one of them in LiteLLM, then plan again",
            )
        lineage = lockfile.lineage if lockfile else ""
        same_value = item.want is not None and seen.attrs["value"] == item.want.attrs["value"]
        ours = seen.attrs["value"] in _values(item)
        if seen.mark is not None and seen.mark.lineage != lineage and not (same_value and lockfile is None):
            return finding(
                "key.foreign",
                f"the key {alias!r} on {proxy} is marked by another fleet (lineage {seen.mark.lineage})",
                "give this fleet's key another name (key = on the node), or let the other fleet go of it",
            )
        if not ours:
            return finding(
                "key.alias-taken",
                f"a key that FleetHub did not make has the alias {alias!r} on {proxy}",
                "rename it in LiteLLM or use another key name; adopting it (fleethub import) is not there yet",
            )
        if not same_value and item.want is not None and not seen.attrs["blocked"]:
            return finding(
                "key.generation-raised",
                f"the key {alias!r} on {proxy} is alive with another value than generation "
                f"{item.want.generation} derives; rotating a living key is not there yet",
                f"write generation = {seen.mark.generation if seen.mark else 1} in [keys.{alias}]",
            )
        wild = [m for m in seen.attrs["models"] if "*" in m or m in WILDCARDS]
        if item.want is not None and (seen.telemetry["bound_to"] or wild):
            what = ", ".join((*seen.telemetry["bound_to"], *wild))
            return finding(
                "key.unprovable",
                f"the key {alias!r} on {proxy} was given {what}, so what it may call cannot be proved",
                "take the team, group or wildcard off the key in LiteLLM, then plan again",
            )
        return []

    def describe(self, item: Item) -> tuple[tuple[Leaf, ...], tuple[FileDiff, ...]]:
        """Scope as lists, limits as numbers; the value only as changed or not."""
        if item.want is None:
            return (), ()
        have = item.seen.attrs if item.seen else {}
        shown = []
        for leaf in leaves(managed(item), have):
            if leaf.path[0] == "value":
                continue
            if leaf.path[0] in ("blocked", "marked") and not item.seen:
                continue
            shown.append(leaf)
        return tuple(shown), ()

    def drifted(self, item: Item) -> tuple[Leaf, ...]:
        """Its attributes say all."""
        return ()

    def steps(self, item: Item, uses: Uses) -> Work:
        """Expand with all limits and the wide scope, prove, and narrow once every dependent has settled."""
        if item.want is None:
            return self._delete(item, uses)
        return self._put(item, item.want, uses)

    def _delete(self, item: Item, uses: Uses) -> Work:
        if uses.unsettled:
            return Work(obstacles=uses.unsettled)
        step = Step(
            id=f"{item.address}/delete",
            address=item.address,
            phase=Phase.CONTRACT,
            do=KeyDelete(_locked(item.locked).source, item.address.alias, tuple(sorted(_values(item)))),
            removes=True,
        )
        return Work((step,))

    def _put(self, item: Item, want: Resource, uses: Uses) -> Work:
        slot: Derived = want.material["slot"]
        proxy: Proxy = want.material["proxy"]
        have = item.seen.attrs if item.seen else {}
        wanted = frozenset(want.attrs["models"])
        have_models = frozenset(have.get("models", ()))
        everything = bool(have_models & {ALL, "all-proxy-models"})
        held = {
            m: why for m, why in uses.refused.items() if m in wanted - have_models - uses.running and not everything
        }
        obstacles = [held[m] for m in sorted(held)]
        addable = (wanted - held.keys()) | uses.running
        wide = have_models | addable
        if wide - {NOTHING} or not wide:
            wide = wide - {NOTHING}
        if not wide and item.seen is None:  # nothing of it may be had: no key, for an empty list means all models
            return Work(obstacles=tuple(obstacles))
        limits, stuck = self._limits(item)
        obstacles += stuck
        attrs_now: dict[str, Any] = {k: v for k, v in managed(item).items() if v is not None}
        attrs_now |= {o.what: have[o.what] for o in stuck if o.what in have}
        steps: list[Step] = []
        expand_id = None
        write_models = None if everything or wide == have_models else tuple(sorted(wide))
        # only a blocked key gets here with another value: its generation was raised, nobody can be using it
        renewed = item.seen is not None and have.get("value") != want.attrs["value"]
        if renewed:
            write_models, limits = tuple(sorted(wide)), {n: want.attrs.get(n) for n in LIMITS}
        remark = item.seen is None or not have.get("marked") or bool(have.get("blocked"))
        if write_models or limits or remark:
            expand_id = f"{item.address}/expand"
            scope = sorted(wide) if not everything else have["models"]
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
                        unblock=bool(have.get("blocked")),
                        replaces=str(have["value"]) if renewed else None,
                    ),
                    locked=record(want, {**attrs_now, "models": list(scope)}),
                )
            )
        if expand_id or uses.delivered:
            steps.append(
                Step(
                    id=f"{item.address}/prove",
                    address=item.address,
                    phase=Phase.PROVE,
                    do=ProveKey(
                        doors=proxy.doors,
                        alias=item.address.alias,
                        value=slot,
                        scope=tuple(sorted(addable - {NOTHING})),
                        ttl=proxy.key_cache_ttl,
                        processes=proxy.processes,
                        written=expand_id,
                        created=item.seen is None or renewed,
                    ),
                    after=(expand_id,) if expand_id else (),
                )
            )
        final = (wanted - held.keys()) | (uses.running & wanted) or frozenset({NOTHING})
        if everything or wide != final:
            if uses.unsettled:
                narrow = ", ".join(sorted(have_models - wanted)) or "the scope"
                obstacles += [Obstacle(o.why, o.reason, f"dropping {narrow}") for o in uses.unsettled]
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
                            tuple(sorted(final)),
                            {},
                            want.generation,
                            False,
                        ),
                        after=tuple(s.id for s in steps),
                        locked=record(want, {**attrs_now, "models": sorted(final)}),
                    )
                )
        return Work(tuple(steps), tuple(obstacles), tuple(self._stuck(item) for _ in stuck))

    def _stuck(self, item: Item) -> Finding:
        return Finding(
            "key.limit-stuck",
            f"the LiteLLM of {item.address.owner} cannot clear budget_duration of {item.address.alias!r}",
            item.address,
            item.want.place if item.want else None,
            "upgrade LiteLLM, write a budget_duration again, or delete the key and restore it by policy",
        )

    def _limits(self, item: Item) -> tuple[dict[str, Any], list[Obstacle]]:
        """The limits to send; one that this LiteLLM cannot clear is held back."""
        have = item.seen.attrs if item.seen else {}
        limits: dict[str, Any] = {}
        stuck: list[Obstacle] = []
        for name, value in managed(item).items():
            if name not in LIMITS or have.get(name) == value:
                continue
            clears = not item.seen or item.seen.telemetry["clears_budget_duration"]
            if name == "budget_duration" and value is None and not clears:
                stuck.append(Obstacle(Why.POLICY, "this LiteLLM ignores budget_duration = null", name))
            else:
                limits[name] = value
        return limits, stuck


def _values(item: Item) -> set[str]:
    """Fingerprints that a key of ours may have: wanted, last applied, or begun."""
    sides = [item.want.attrs if item.want else {}]
    if item.locked:
        sides += [item.locked.attrs, item.locked.pending.attrs if item.locked.pending else {}]
    return {str(side["value"]) for side in sides if side.get("value")}


def mark_of(metadata: Mapping[str, Any]) -> Mark | None:
    """Our mark in a key's metadata, or in a deployment's info."""
    return parse_mark(metadata.get("fleethub"))


def marks(reading: ProxyReading) -> list[tuple[KeyRow, Mark]]:
    """Every marked key of a proxy."""
    rows = (row for same in reading.keys.values() for row in same)
    return [(row, mark) for row in rows if (mark := mark_of(row.metadata)) is not None]


def _locked(locked: Locked | None) -> Locked:
    if locked is None:  # pragma: no cover - an item has a wanted or a locked side
        raise AssertionError("an item without a wanted side has a locked one")
    return locked
