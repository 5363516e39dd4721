"""A whole proposal: the models, then the keys that name them; all of it, or what somebody asks for by address."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from fleethub.adoption.keys import keys
from fleethub.adoption.models import models
from fleethub.adoption.nodes import FoundTarget, nodes
from fleethub.adoption.proposal import Draft, SpecProposal
from fleethub.fleetspec.added import NewBlock
from fleethub.kinds.proxies import proxy_source
from fleethub.model.address import Address
from fleethub.model.address import route as route_address
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile, Unknown
from fleethub.model.text import plural

#: What may be asked for by its address.
ASKED = ("key", "node", "route")


def propose(
    fleet: Fleet,
    facts: Facts,
    asked: Collection[Address] | None = None,
    contexts: Mapping[str, int] | None = None,
    closed: Mapping[str, str] | None = None,
    targets: Iterable[FoundTarget] = (),
    refused: Mapping[tuple[str, str], str] | None = None,
    lockfile: Lockfile | None = None,
    left: Collection[Address] = (),
) -> SpecProposal:
    """Of what the proxies of ``fleet`` have, what it does not say yet. ``asked`` None: all.

    ``contexts``: alias -> tokens, where nothing else tells it. ``closed``: origins of servers that are no backends,
    and why. ``targets``: nodes that were looked at. ``refused``: blocks that the spec cannot have, and why.
    ``lockfile``: what is taken already. ``left``: what is known not to be taken.
    """
    draft = Draft(fleet, facts, contexts or {}, closed or {}, refused or {}, left=left)
    if lockfile is not None:
        draft.lineage, draft.records = lockfile.lineage, lockfile.resources.keys()
    for name, proxy in fleet.proxies.items():
        if isinstance(reading := facts.of(proxy_source(proxy)), Unknown):
            draft.tell(f"proxy.{name}", f"it could not be read, so nothing of it is known: {reading.reason}")
    models(draft)
    nodes(draft, targets)
    keys(draft)
    _beside(draft)
    _foreign(draft, asked)
    wished = None if asked is None else {*asked, *_keys_of(draft, asked)}
    chosen = [a for a in draft.chosen if wished is None or a in wished]
    blocks = [draft.keys[a.alias] for a in chosen if a.kind == "key" and a.alias in draft.keys]
    blocks += [draft.nodes[a.name] for a in chosen if a.kind == "node" and a.name in draft.nodes]
    named = {model for block in blocks for model in _models_of(block)}
    wanted = [
        model
        for (proxy, alias), model in sorted(draft.models.items())
        if model.block is not None and (asked is None or alias in named or _asks(asked, proxy, alias))
    ]
    servers = {name for model in wanted for name in model.backends}
    backends = [block for block in draft.backends.values() if block.path[1] in servers]
    names = {str(a) for a in asked or ()}
    told = [one for one in draft.told if asked is None or one.address in names or one.address.startswith("proxy.")]
    unique: dict[tuple[str, str], NewBlock] = {}
    for block in (*backends, *(model.block for model in wanted if model.block), *blocks):
        unique[block.path] = block
    found = [*draft.chosen, *(route_address(proxy, alias) for proxy, alias in draft.models)]
    urls = {url: block.path[1] for url, block in draft.backends.items() if block in backends}
    return SpecProposal(tuple(unique.values()), tuple(chosen), tuple(dict.fromkeys(told)), tuple(found), urls)


def _keys_of(draft: Draft, asked: Collection[Address]) -> Iterable[Address]:
    """The keys of the nodes that are asked for, on each proxy that they are on: they go along."""
    for address in asked:
        node = draft.fleet.nodes.get(address.name) if address.kind == "node" else None
        block = draft.nodes.get(address.name) if address.kind == "node" else None
        alias = node.key if node else str(block.fields.get("key", address.name)) if block else ""
        yield from (a for a in draft.chosen if a.kind == "key" and a.alias == alias)


def _models_of(block: NewBlock) -> Iterable[str]:
    """The models that a key's or a node's block names."""
    for field in ("models", "also", "fallbacks"):
        yield from (one if isinstance(one, str) else one["model"] for one in block.fields.get(field, ()))
    if (first := block.fields.get("model")) is not None:
        yield first if isinstance(first, str) else first["model"]


def _beside(draft: Draft) -> None:
    """What a proxy does besides that no spec says: its router's fallbacks load models that no chain names."""
    for proxy, reading in draft.readings():
        if reading.fallbacks:
            said = "; ".join(f"{alias} to {', '.join(to)}" for alias, to in sorted(reading.fallbacks.items()))
            draft.tell(f"router of {proxy}", f"falls back from {said}: that stays LiteLLM's own")


def _foreign(draft: Draft, asked: Collection[Address] | None) -> None:
    """Keys that another fleet made: each that is asked for, else how many there are."""
    for address in draft.foreign if asked is not None else ():
        draft.tell(address, "another fleet of FleetHub made it, so it is left alone")
    for proxy in dict.fromkeys(address.owner for address in draft.foreign) if asked is None else ():
        count = sum(address.owner == proxy for address in draft.foreign)
        draft.tell(f"key.{proxy}", f"{plural(count, 'key')} of other fleets of FleetHub, left alone")


def _asks(asked: Collection[Address], proxy: str, alias: str) -> bool:
    return route_address(proxy, alias) in asked
