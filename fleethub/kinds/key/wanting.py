"""What the spec wants of keys: one for each proxy and name with a scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fleethub.kinds.key.adopted import holders
from fleethub.kinds.key.attributes import NOTHING, KeyAttrs, KeyMaterial, KeyResource
from fleethub.kinds.key.scope import route_need, scopes
from fleethub.kinds.proxies import proxy_source
from fleethub.kinds.values import Inputs
from fleethub.model.address import key as key_address
from fleethub.model.consuming import Node
from fleethub.model.observation import Resource
from fleethub.model.secret import Derived, KeptValue
from fleethub.model.serving import Key

#: Seconds that whoever uses a key and is no node has to take a new value, unless the spec says otherwise.
GRACE = 7 * 86400.0


def wanted_keys(inputs: Inputs) -> Iterable[KeyResource]:
    """With the value that adoption left a key, or one that is derived."""
    fleet = inputs.fleet
    users = {node.key: node for node in reversed(list(fleet.nodes.values()))}
    for (proxy_name, name), models in sorted(scopes(fleet).items()):
        proxy = fleet.proxies[proxy_name]
        block = fleet.keys.get(name) or Key(name=name)
        user = users.get(name)
        limits: dict[str, Any] = {**block.limits, **block.given}
        address = key_address(proxy_name, name)
        born = fleet.births.get(address, address)
        generation, kept = fleet.generation(address), fleet.kept_value(address)
        slot: Derived | KeptValue = Derived("key", fleet.identity, born.owner, born.alias, generation)
        grace = block.grace if block.grace is not None else GRACE if user is None or _by_itself(user) else 0.0
        if kept:
            slot = KeptValue(born.owner, born.alias, generation, kept)
            # a moment is what no spec can say: it is left as it was found, until the value is another
            limits = {**({"expires": fleet.endings[address]} if address in fleet.endings else {}), **limits}
        yield Resource(
            address=address,
            source=replace(proxy_source(proxy), ask=(name,)),
            attrs=KeyAttrs(
                models=tuple(sorted(models)) or (NOTHING,),
                value=slot.fingerprint if isinstance(slot, KeptValue) else inputs.fingerprinter.slot(slot),
                blocked=False,
                marked=None if kept else True,
                **limits,
            ),
            material=KeyMaterial(
                slot,
                proxy,
                keeps=bool(kept) and block.adopt == "keep",
                holders=holders(fleet, name) if kept else (),
                grace=grace,
                ignore=block.ignore,
            ),
            needs=dict(route_need(proxy_name, alias) for alias in sorted(models)),
            shape=str(slot),
            owner=block.owner or (user.owner if user else ""),
            protected=block.protected,
            generation=generation,
            born=born.alias if born.alias != name else "",
            born_proxy=born.owner if born.owner != proxy_name else "",
            place=block.place or (user.place if user else None),
        )


def _by_itself(node: Node) -> bool:
    """Whether a consumer takes a new value over whenever it happens to start: nobody makes it."""
    return node.consumer and not node.command
