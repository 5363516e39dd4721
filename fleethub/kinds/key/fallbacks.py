"""Where a proxy's own fallbacks end at a key's scope: from LiteLLM 1.108 on it asks the key for them too."""

from __future__ import annotations

import json
from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

from fleethub.kinds.key.scope import scopes
from fleethub.kinds.proxies import proxy_source
from fleethub.model.address import key as key_address
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.readings.proxy import ProxyReading
from fleethub.model.serving import Key
from fleethub.model.text import table_name

#: general_settings.enforce_fallback_model_access is true by default from here on; no setting tells it.
ENFORCED_SINCE = Version("1.108")


def findings(fleet: Fleet, facts: Facts) -> list[Finding]:
    """Keys whose scope lacks what their proxy would call in place of a model of theirs."""
    found = []
    users = {node.key for node in fleet.nodes.values()}
    for (proxy_name, name), scope in sorted(scopes(fleet).items()):
        reading = facts.of(proxy_source(fleet.proxies[proxy_name]))
        if not isinstance(reading, ProxyReading) or not reading.fallbacks or not enforced(reading.version):
            continue
        outside = {m: left for m in sorted(scope) if (left := _outside(reading.fallbacks, m, scope))}
        if not outside:
            continue
        block = fleet.keys.get(name) or Key(name=name)
        field, listed = ("also", block.also) if name in users else ("models", block.models)
        lacking = dict.fromkeys(alias for left in outside.values() for alias in left)
        line = f"{field} = {json.dumps([*listed, *lacking], ensure_ascii=False)}"
        unknown = [alias for alias in lacking if alias not in fleet.models]
        first = f"define [models.{json.dumps(unknown[0])}], then " if unknown else ""
        told = "; ".join(f"{model} to {', '.join(left)}" for model, left in outside.items())
        message = f"{proxy_name} falls back from {told}, which the key {name!r} may not call: it is answered an error"
        hint = f"{first}write {line} in [keys.{table_name(name)}], if its nodes are to be served by that"
        found.append(Finding("key.fallback-outside", message, key_address(proxy_name, name), block.place, hint))
    return found


def enforced(version: str) -> bool:
    """Whether a LiteLLM of this version holds its fallbacks to the key's scope; not known: no."""
    try:
        return Version(version) >= ENFORCED_SINCE
    except InvalidVersion:
        return False


def _outside(fallbacks: Mapping[str, tuple[str, ...]], model: str, scope: set[str]) -> list[str]:
    return [other for other in fallbacks.get(model) or fallbacks.get("*", ()) if other not in scope]
