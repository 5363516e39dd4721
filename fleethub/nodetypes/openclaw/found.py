"""What a gateway that FleetHub did not set up calls, and the spec's fields that leave its files as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fleethub.dotenv import assignments
from fleethub.model.secret import Secret
from fleethub.nodetypes.found import Adopted, FoundHop, FoundKey, FoundNode, FoundProvider, FoundWay
from fleethub.nodetypes.openclaw import json5
from fleethub.nodetypes.openclaw.chain import references
from fleethub.nodetypes.openclaw.checks import named_models
from fleethub.nodetypes.openclaw.table import VARIABLE

#: A table whose content stands in another file: what it says cannot be told from this one.
INCLUDE = "$include"
CHAIN = ("agents", "defaults", "model")
#: The one provider whose key OpenClaw takes from a variable whatever the config says (measured on 2026.9.6).
BUNDLED = {"litellm": "LITELLM_API_KEY"}


def found(files: Mapping[str, bytes]) -> FoundNode:
    """Providers, chain and keys of a gateway's files by role; whatever cannot be told is ``unclear``."""
    config = json5.read(files.get("openclaw", b""))
    if config is None:
        return FoundNode(unclear=("its openclaw.json cannot be read as JSON5",))
    if included := [*_includes(config)]:
        return FoundNode(unclear=tuple(f"{place or 'its openclaw.json'} takes from {INCLUDE}" for place in included))
    variables = assignments(files.get("env", b"").decode(errors="replace"))
    providers = json5.table(config, "models", "providers")
    chain = tuple(_hop(ref) for ref in references(json5.at(config, *CHAIN)))
    beside = dict.fromkeys(_hop(ref) for place, ref in named_models(config) if place != ".".join(CHAIN))
    return FoundNode(
        chain=chain,
        beside=tuple(hop for hop in beside if hop not in chain),
        providers=tuple(_provider(id, one, variables) for id, one in providers.items() if isinstance(one, dict)),
        unclear=() if chain else ("its agents.defaults.model names no model",),
        port=_tokens(json5.at(config, "gateway", "port")) or 0,
    )


def adopted(found: FoundNode, ways: Mapping[str, FoundWay]) -> Adopted:
    """``model``, ``fallbacks`` and a table ``wiring.ID`` for each provider that the chain names."""
    left = [*found.unclear]
    hops: list[str | dict[str, str]] = []
    used: dict[str, list[str]] = {}
    for hop in found.chain:
        way = ways.get(hop.provider)
        alias = way.aliases.get(hop.model) if way else None
        if way is None or found.provider(hop.provider) is None:
            left.append(f"its provider {hop.provider!r} leads to no proxy or backend of the fleet")
        elif alias is None:
            left.append(f"the fleet has no model for {hop.provider}/{hop.model}")
        else:
            hops.append(alias if way.proxy else {"model": alias, "via": way.endpoint})
            used.setdefault(hop.provider, []).append(alias)
    if left:
        return Adopted({}, tuple(dict.fromkeys(left)))
    tables = {}
    for id, aliases in used.items():
        provider, way = found.provider(id), ways[id]
        assert provider is not None
        alike = [other for other in used if _leads(ways[other]) == _leads(way)]
        named = {"models": aliases} if len(alike) > 1 else {}
        tables[id] = {**_leads(way), **named, **_as_it_is(provider, way, aliases)}
    fields: dict[str, Any] = {"manage": "wiring", "model": hops[0]}
    return Adopted({**fields, "fallbacks": hops[1:], "wiring": tables})


def _leads(way: FoundWay) -> dict[str, str]:
    return {"proxy": way.proxy} if way.proxy else {"endpoint": way.endpoint}


def _as_it_is(provider: FoundProvider, way: FoundWay, aliases: list[str]) -> dict[str, Any]:
    """What is otherwise than FleetHub would write it: said, or kept as it is found."""
    key = provider.key
    ids = {alias: id for id, alias in way.aliases.items() if id in provider.models}
    keep = ["key"]
    keep += ["api"] if provider.api != way.api else []
    sayable = re.fullmatch(r"https?://[^@?#\s]*[^@?#\s/]", provider.url) is not None
    keep += ["url"] if not sayable else []
    keep += ["context"] if any(provider.models.get(ids.get(a, "")) != way.contexts.get(a) for a in aliases) else []
    said = {"url": provider.url} if sayable and provider.url != way.url else {}
    variable = {"key_variable": key.variable} if key and key.role == "env" and key.variable else {}
    return {**said, **variable, "keep": keep}


def _provider(id: str, settings: Mapping[str, Any], variables: Mapping[str, str | None]) -> FoundProvider:
    models = settings.get("models")
    listed = [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    return FoundProvider(
        id=id,
        url=_text(settings.get("baseUrl")),
        api=_text(settings.get("api")),
        models={str(model.get("id")): _tokens(model.get("contextWindow")) for model in listed},
        key=_key(id, settings.get("apiKey"), variables),
    )


def _key(id: str, written: Any, variables: Mapping[str, str | None]) -> FoundKey | None:
    if BUNDLED.get(id) in variables:
        return _variable(BUNDLED[id], variables)
    if isinstance(written, dict):
        name = written.get("id")
        if written.get("source") == "env" and isinstance(name, str):
            return _variable(name, variables)
        return FoundKey(says=f"a SecretRef of the source {_text(written.get('source')) or '?'}")
    if not isinstance(written, str) or not written:
        return None
    if VARIABLE.fullmatch(written):
        return _variable(written[2:-1], variables)
    if re.search(r"\$\{", written):
        return FoundKey(says="a text with a variable in it")
    return FoundKey("openclaw", value=Secret(written))


def _variable(name: str, variables: Mapping[str, str | None]) -> FoundKey:
    value = variables.get(name)
    if value is None:
        return FoundKey(variable=name, says=f"{name} of its process's environment, which its env file does not set")
    return FoundKey("env", name, Secret(value))


def _hop(ref: str) -> FoundHop:
    provider, _, model = ref.partition("/")
    return FoundHop(provider, model)


def _includes(config: Mapping[str, Any]) -> Iterator[str]:
    for path in ((), ("models",), ("models", "providers"), ("agents",), ("agents", "defaults"), CHAIN):
        if INCLUDE in json5.table(config, *path):
            yield ".".join(path)
    for id in json5.table(config, "models", "providers"):
        if INCLUDE in json5.table(config, "models", "providers", id):
            yield f"models.providers.{id}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _tokens(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
