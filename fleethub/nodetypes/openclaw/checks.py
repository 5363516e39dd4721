"""What OpenClaw's own validator lets through and FleetHub does not, judged on the config as it is written.

A check yields ``ConfigFinding(code, message, hint, warning)``; ``kind`` turns it into a finding of the node.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from fleethub.model.dataclass import dataclass
from fleethub.nodetypes.openclaw import json5
from fleethub.nodetypes.openclaw.chain import references, strings
from fleethub.nodetypes.openclaw.providers import check_provider, number
from fleethub.nodetypes.openclaw.wiring import TIMEOUT, hang

_REFERENCE = re.compile(r"(?<!\$)\$\{([^}]*)\}")
_MODEL_SETTINGS = ("model", "imageModel", "pdfModel", "voiceModel", "utilityModel", "decisionModel")


@dataclass(frozen=True, slots=True)
class ConfigFinding:
    """One thing that is wrong with a config."""

    code: str
    message: str
    hint: str = ""
    warning: bool = False


@lru_cache(maxsize=64)
def check_text(text: str, variables: frozenset[str]) -> tuple[ConfigFinding, ...]:
    """``check`` of a config's text: many nodes have the same."""
    return tuple(check(json.loads(text), variables))


def check(config: Mapping[str, Any], variables: frozenset[str]) -> Iterator[ConfigFinding]:
    """All findings of a config; ``variables`` are those that the process will have."""
    for provider, settings in json5.table(config, "models", "providers").items():
        for message, hint in check_provider(provider, settings):
            yield ConfigFinding("node.config-check", message, hint)
    yield from _dangling(config)
    yield from _overridden(config)
    yield from _gateway(json5.table(config, "gateway"))
    yield from _variables(config, variables)
    yield from _deadline(config)


def _dangling(config: Mapping[str, Any]) -> Iterator[ConfigFinding]:
    providers = json5.table(config, "models", "providers")
    for place, ref in named_models(config):
        provider, _, model = ref.partition("/")
        if not provider or not model:
            yield ConfigFinding(
                "node.dangling-model", f"{place} is {ref!r}, without a provider", "write provider/model"
            )
        elif provider not in providers:
            yield ConfigFinding("node.dangling-model", f"{place} is {ref!r}: there is no provider {provider!r}")
        elif model not in _ids(providers[provider]):
            yield ConfigFinding("node.dangling-model", f"{place} is {ref!r}: provider {provider!r} does not define it")
    if not references(json5.at(config, "agents", "defaults", "model")):
        yield ConfigFinding("node.dangling-model", "agents.defaults.model names no model")


def named_models(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every place that names models, with each reference there."""
    agents = json5.table(config, "agents")
    scopes = {"agents.defaults": json5.table(agents, "defaults")}
    for name in json5.table(agents, "entries"):
        scopes[f"agents.entries.{name}"] = json5.table(agents, "entries", name)
    for place, scope in scopes.items():
        for setting in _MODEL_SETTINGS:
            for ref in references(scope.get(setting)):
                yield f"{place}.{setting}", ref
        for inner in ("subagents", "heartbeat", "compaction"):
            for ref in references(json5.at(scope, inner, "model")):
                yield f"{place}.{inner}.model", ref
        for ref in json5.table(scope, "models"):
            if not ref.endswith("/*"):
                yield f"a key of {place}.models", ref


def _overridden(config: Mapping[str, Any]) -> Iterator[ConfigFinding]:
    """With entries there is no other agent; one with a model of its own knows no fallbacks (measured)."""
    entries = json5.table(config, "agents", "entries")
    if len(entries) > 1 and json5.at(config, "agents", "ownership") != "explicit":
        message = "agents.entries has several agents: OpenClaw refuses the config"
        yield ConfigFinding("node.config-check", message, 'set agents.ownership = "explicit"', warning=True)
    if entries and all(references(json5.at(entry, "model")) for entry in entries.values()):
        message = f"no agent uses the node's chain: {', '.join(sorted(entries))} name a model of their own"
        hint = "add an entry without a model, or leave the models away"
        yield ConfigFinding("node.config-check", message, hint, warning=True)


def _ids(settings: Any) -> set[str]:
    models = json5.at(settings, "models")
    return {str(json5.at(model, "id")) for model in models} if isinstance(models, list) else set()


def _gateway(gateway: Mapping[str, Any]) -> Iterator[ConfigFinding]:
    if gateway.get("mode") != "local":
        message = f"gateway.mode is {gateway.get('mode')!r}: the gateway does not start"
        yield ConfigFinding("node.config-check", message, 'it has to be "local"')
    bind, auth = gateway.get("bind", "loopback"), json5.table(gateway, "auth")
    mode = auth.get("mode", "token" if auth.get("token") else "password" if auth.get("password") else "none")
    if mode == "trusted-proxy" or (mode in ("token", "password") and auth.get(mode)):
        return
    if bind != "loopback":
        yield ConfigFinding(
            "node.bind-open",
            f"gateway.bind is {bind!r} and gateway.auth lets everybody in",
            "keep gateway.auth as rendered, or bind to loopback",
        )


def _variables(config: Mapping[str, Any], variables: frozenset[str]) -> Iterator[ConfigFinding]:
    names = {name for text in strings(config) for name in _REFERENCE.findall(text)}
    names |= set(_secret_references(config))
    for name in sorted(names):
        if name != name.upper():
            yield ConfigFinding("node.config-check", f"${{{name}}} is never replaced: names are upper-case")
        elif name not in variables:
            yield ConfigFinding(
                "node.config-check",
                f"the config needs {name}, which the env file does not set",
                f"add {name} to the node's [env]",
            )


def _secret_references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("source") == "env" and isinstance(value.get("id"), str):
            yield value["id"]
        for inner in value.values():
            yield from _secret_references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _secret_references(inner)


def _deadline(config: Mapping[str, Any]) -> Iterator[ConfigFinding]:
    defaults = json5.table(config, "agents", "defaults")
    deadline = number(defaults.get("timeoutSeconds"))
    if deadline is None:
        return
    providers = json5.table(config, "models", "providers")
    timeouts = [
        number(json5.at(providers, ref.partition("/")[0], "timeoutSeconds")) or TIMEOUT
        for ref in references(defaults.get("model"))
    ]
    needed = sum(hang(timeout) for timeout in timeouts)
    if deadline <= needed:
        message = (
            f"agents.defaults.timeoutSeconds is {deadline:g}, but the chain may take {needed:g} s: "
            "its last fallbacks are never asked"
        )
        yield ConfigFinding("node.config-check", message, f"raise it above {needed:g}")
