"""What FleetHub owns in the files of a gateway that somebody else set up: providers, chain, its own variables.

Values in the file itself, and not in files beside it that the config includes: one way then serves every config. An
included list is joined to the one that is there, an agent's own model is no table, and a config with an include is not
migrated by a newer OpenClaw; and ``openclaw models set`` goes on working, and is drift.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fleethub.dotenv import assignments
from fleethub.model.consuming import Node, WiredProvider
from fleethub.model.fleet import Fleet
from fleethub.model.secret import Derived, Text
from fleethub.nodetypes.endpoints import made_anew
from fleethub.nodetypes.openclaw import checks, json5, names, published
from fleethub.nodetypes.openclaw.chain import references
from fleethub.nodetypes.openclaw.checks import ConfigFinding
from fleethub.nodetypes.openclaw.found import CHAIN, INCLUDE
from fleethub.nodetypes.openclaw.wiring import PROVIDER, routes
from fleethub.nodetypes.projection import Path, Projection, branches, variables

PROVIDERS = ("models", "providers")
#: What of a provider that somebody else made is FleetHub's, and the word that leaves it as it is found.
FIELDS = {"baseUrl": "url", "apiKey": "key", "api": "api"}
CONTEXT = "contextWindow"
CATALOGUE = ("agents", "defaults", "models")
KEYS = "FLEETHUB_KEY_"


def config(fleet: Fleet, node: Node, text: Text) -> Projection:
    """Of the rendered config: whole providers of FleetHub's own, of others where they lead and their models."""
    rendered = json.loads(text.display())
    providers = json5.table(rendered, *PROVIDERS)
    values: dict[Path, Any] = {}
    fresh: dict[Path, Any] = {}
    keep: set[Path] = set()
    for id, named in node.wiring.items():
        if id not in providers:
            continue
        fresh[*PROVIDERS, id] = providers[id]
        fresh[*PROVIDERS, id, "models"] = providers[id]["models"]
        for model in providers[id]["models"]:
            fresh[*PROVIDERS, id, "models", model["id"]] = model
        for path, field, value in _fields(providers[id]):
            values[*PROVIDERS, id, *path] = value
            if field in named.keep and (field != "key" or keeps_key(fleet, node, named)):
                keep.add((*PROVIDERS, id, *path))
    chain = json5.table(rendered, *CHAIN)
    values |= {(*CHAIN, key): chain[key] for key in ("primary", "fallbacks") if key in chain}
    # what the catalogue has of FleetHub's names goes with the model; that of a model of the chain stays as it is
    fresh |= {(*CATALOGUE, ref): {} for ref in references(chain)}
    free = dict(branches(dict(node.settings))) if node.settings else {}
    return Projection(
        values={**values, **free},
        units={(*PROVIDERS, id): one for id, one in providers.items() if id not in node.wiring},
        keep=frozenset(keep),
        free=frozenset(free),
        fresh=fresh,
        sweep={PROVIDERS: PROVIDER, CATALOGUE: PROVIDER},
        short={CHAIN: "primary"},
        lists=frozenset((*PROVIDERS, id, "models") for id in node.wiring),
        include=INCLUDE,
        required=True,
        restores={CHAIN: ("primary", "fallbacks")},
        # its key is not: what was there is a value that a rotation ends
        lends={(*PROVIDERS, id): ("baseUrl", "api") for id in node.wiring},
    )


def env(fleet: Fleet, node: Node, text: Text) -> Projection:
    """Of the rendered ``.env``: the node's keys, and what the spec sets by ``env``."""
    rendered = variables(text)
    kept = {id for id, named in node.wiring.items() if keeps_key(fleet, node, named)}
    used = {route.to.variable for route in routes(fleet, node) if route.provider not in kept}
    named = {one.key_variable for id, one in node.wiring.items() if id in kept and one.key_variable}
    keys = {
        name for name, value in rendered.items() if any(isinstance(p, Derived) and p.purpose == "key" for p in value)
    }
    own = {name: value for name, value in rendered.items() if name in node.env or (name in keys and name in used)}
    return Projection(
        values={(name,): value for name, value in own.items()},
        keep=frozenset((name,) for name in named - used),
        sweep={(): KEYS},
    )


def keeps_key(fleet: Fleet, node: Node, named: WiredProvider) -> bool:
    """Whether a provider's key stays as it is found: until its key is made anew, as by ``fleethub rotate``."""
    return "key" in named.keep and not (named.proxy and made_anew(fleet, node, named.proxy))


def flaws(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[ConfigFinding]:
    """What FleetHub's own checks find in the config as it would be, and did not find in the one that is there."""
    old = set(_checked(before))
    yield from (flaw for flaw in _checked(after) if flaw not in old)


def misfits(
    before: Mapping[str, bytes], after: Mapping[str, bytes], schema: Mapping[str, Any] | None, version: str
) -> Iterator[ConfigFinding]:
    """The same of OpenClaw's schema; what stands in included files cannot be told."""
    old, new = json5.read(before.get("openclaw", b"")), json5.read(after.get("openclaw", b""))
    if schema is None or new is None or INCLUDE in after["openclaw"].decode(errors="replace"):
        return
    there = set(published.check(old, schema, version)) if old is not None else set()
    yield from (flaw for flaw in published.check(new, schema, version) if flaw not in there)


def _checked(files: Mapping[str, bytes]) -> Iterator[ConfigFinding]:
    config = json5.read(files.get("openclaw", b""))
    if config is None:
        return
    variables = assignments(files.get("env", b"").decode(errors="replace"))
    # a variable may come from what starts the process, which nobody here reads
    yield from (f for f in checks.check(config, frozenset({*variables, *names.PINS})) if "needs" not in f.message)
    yield from _forbidden(config)


def _forbidden(config: Mapping[str, Any]) -> Iterator[ConfigFinding]:
    allowed = json5.at(config, "agents", "defaults", "modelPolicy", "allow")
    for ref in references(json5.at(config, *CHAIN)) if isinstance(allowed, list) and allowed else []:
        if ref not in allowed and f"{ref.partition('/')[0]}/*" not in allowed:
            message = f"agents.defaults.modelPolicy.allow does not name {ref}: OpenClaw would refuse it"
            yield ConfigFinding("node.config-check", message, f"add {ref} there")


def _fields(provider: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """Path below the provider, the word for it in ``keep``, its value."""
    for name, word in FIELDS.items():
        yield (name,), word, provider[name]
    for model in provider["models"]:
        yield ("models", model["id"], "id"), "", model["id"]
        yield ("models", model["id"], CONTEXT), "context", model[CONTEXT]
