"""What a check gets to see: the fields of each sort of entry, with their types. docs/checks.md shows this table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fleethub.model.dataclass import dataclass

Type = Literal["text", "whole", "flag", "texts", "labels", "entry", "entries", "any"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``may_be_unknown``: where it is not known it is missing, and named in the entry's ``unknown``."""

    type: Type
    help: str
    may_be_unknown: bool = False


#: What a node, key, model and backend have alike.
NAMED: Mapping[str, Field] = {
    "address": Field("text", "as plans name it"),
    "name": Field("text", "its name in the spec"),
    "owner": Field("text", "who it belongs to; empty: nobody"),
    "projects": Field("texts", "further names of its owner"),
    "labels": Field("labels", "its labels"),
    "protected": Field("flag", "whether it is never deleted"),
    "unknown": Field("texts", "its fields that are not known"),
}

#: A step of a chain, in ``node.primary``, ``node.fallbacks`` and ``node.chain``.
HOP: Mapping[str, Field] = {
    "model": Field("text", "the model's alias"),
    "direct": Field("flag", "whether it goes round the proxy"),
    "proxy": Field("text", "the proxy that it goes through; empty: it is direct"),
    "backends": Field("texts", "the backends that may answer; none: a cloud model"),
    "cloud": Field("flag", "whether what is asked leaves the house"),
    "context": Field("whole", "tokens of context"),
    "capabilities": Field("texts", "what the spec says that the model can do"),
}
#: In ``backend.gpus``.
GPU: Mapping[str, Field] = {
    "name": Field("text", "the card's name"),
    "vram": Field("whole", "bytes"),
}
#: In ``change.fields``.
CHANGED: Mapping[str, Field] = {
    "path": Field("text", "what changes, like rpm_limit or chain"),
    "before": Field("any", "the value until now; null: there was none"),
    "after": Field("any", "the value from then on; null: there is none"),
}
#: By what a check is asked of (its ``for``): name -> field.
FIELDS: Mapping[str, Mapping[str, Field]] = {
    "node": {
        **NAMED,
        "consumer": Field("flag", "whether it stands in [consumers]"),
        "type": Field("text", "its type, like openclaw-docker"),
        "host": Field("text", "where it runs"),
        "target": Field("text", "where its files go"),
        "image": Field("text", "its container image with its tag"),
        "manage": Field("text", "whole or wiring"),
        "port": Field("whole", "the port that it listens on; 0: none is known"),
        "key": Field("text", "the alias of its key"),
        "variables": Field("texts", "names of its variables, never a value"),
        "primary": Field("entry", "the first step of its chain"),
        "fallbacks": Field("entries", "the further steps"),
        "chain": Field("entries", "all of them"),
        "models": Field("texts", "the models of its chain"),
        "backends": Field("texts", "the backends that may answer any of them"),
    },
    "key": {
        **NAMED,
        "proxy": Field("text", "the proxy that it is on"),
        "models": Field("texts", "all that it may call"),
        "nodes": Field("texts", "the nodes and consumers that use it"),
        "limits": Field("labels", "the limits that the spec sets, under LiteLLM's names, like max_budget"),
        "expires": Field("text", "how long a value of it lives; empty: for ever"),
        "routes": Field("texts", "the only routes that it may call; none: any"),
        "team": Field("text", "the id of its team; empty: none that the spec names"),
        "tags": Field("texts", "tags of its spend"),
        "generation": Field("whole", "of its value"),
    },
    "model": {
        **NAMED,
        "backends": Field("texts", "the backends that serve it"),
        "cloud": Field("flag", "whether no backend of the fleet serves it"),
        "proxy": Field("text", "the proxy that it is called through; empty: none"),
        "route": Field("text", "LiteLLM's model behind it"),
        "context": Field("whole", "tokens of context"),
        "quant": Field("text", "as the spec says it"),
        "capabilities": Field("texts", "as the spec says it"),
        "pull": Field("flag", "whether FleetHub has it downloaded"),
        "digest": Field("text", "the digest that it is held to; empty: none"),
        "nodes": Field("texts", "the nodes and consumers whose chains name it"),
        "keys": Field("texts", "the aliases of keys that may call it"),
    },
    "backend": {
        **NAMED,
        "host": Field("text", "its host"),
        "proxy": Field("text", "the proxy that fronts it; empty: none"),
        "engine": Field("text", "its model server, as the spec's table is called; empty: none"),
        "gpus": Field("entries", "the declared cards"),
        "models": Field("texts", "the models that are planned there"),
        "nodes": Field("texts", "the nodes and consumers whose chains may end there"),
        "planned": Field("whole", "bytes that the planned models take", may_be_unknown=True),
        "vram": Field("whole", "bytes that its cards have", may_be_unknown=True),
        "fit": Field("text", "fits, spills, evicts or does not fit", may_be_unknown=True),
    },
    "fleet": {
        "name": Field("text", "its name"),
    },
    "change": {
        "address": Field("text", "what changes"),
        "kind": Field("text", "node, consumer, key, route or model"),
        "name": Field("text", "its name: a node's, an alias"),
        "owner": Field("text", "who it belongs to; empty: nobody"),
        "action": Field("text", "create, update or delete"),
        "fields": Field("entries", "what of it changes"),
    },
}
#: Whatever a check is asked of, it sees all entries of the fleet, and the changes of the plan.
LISTS = {"nodes": "node", "keys": "key", "models": "model", "backends": "backend", "changes": "change"}
#: Names that may follow a dot: what is none of them is misspelt.
NAMES = frozenset(name for fields in (*FIELDS.values(), HOP, GPU, CHANGED) for name in fields)
UNKNOWABLE = frozenset(n for fields in FIELDS.values() for n, field in fields.items() if field.may_be_unknown)
#: Whose keys are the operator's or LiteLLM's own words.
FREE = frozenset(("labels", "limits", "before", "after"))
#: Fields that a message may quote in braces.
QUOTABLE = {
    about: tuple(name for name, field in fields.items() if field.type in ("text", "whole", "flag"))
    for about, fields in FIELDS.items()
}
#: What a check cannot be called: its findings would be told as these.
TAKEN = ("failed", "unknown")
