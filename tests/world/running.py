"""What the nodes would be told, if they called now each model that they know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from fleethub.clients.resolver import SecretResolver
from fleethub.model.secret import Secret
from tests.world.values import SEAL, Node, World


def denied(world: World, fingerprinter: SecretResolver = SEAL) -> list[str]:
    """Each call that a proxy of this world would refuse. A folder's node reads its files with every call."""
    return [f"{target}: {why}" for target, node in sorted(world.nodes.items()) for why in _denied(node, target, world)]


def _denied(node: Node, target: str, world: World) -> Iterator[str]:
    if "://" in target:
        if node.process is None:
            return
        env, config, key = node.process.env, node.process.config, node.process.key
    elif ".env" in node.files and "openclaw.json" in node.files:
        env, config = node.files[".env"][0], node.files["openclaw.json"][0]
        key = node.files.get("openclaw.key", (b"", 0))[0]
    else:
        return
    try:
        told = json.loads(config)
        providers, model = told["models"]["providers"], told["agents"]["defaults"]["model"]
    except (ValueError, KeyError, TypeError):
        return  # somebody's hand was at it: nothing of it is a call that FleetHub made possible
    lines = (line.partition("=") for line in env.decode().splitlines())
    variables = {name: value.strip("'") for name, _, value in lines}
    for reference in (model["primary"], *model.get("fallbacks", ())):
        provider, _, alias = reference.partition("/")
        url = providers[provider]["baseUrl"].removesuffix("/v1")
        proxy = world.proxies.get(url)
        if proxy is None:
            continue
        stands = providers[provider].get("apiKey", "")
        if not isinstance(stands, dict) and stands.strip("${}") not in variables and _has_others(variables):
            continue  # of a proxy that is new to it: till it starts again such a hop sends nothing, the next one does
        value = key.decode().strip() if isinstance(stands, dict) else variables.get(stands.strip("${}"), "")
        row = next((k for k in proxy.keys if k.token == Secret(value).sha256()), None)
        if row is None:
            yield f"its key is not on {url}"  # whatever it calls there
        elif row.blocked:
            yield f"its key is blocked on {url}"  # likewise
        elif row.models and alias not in row.models:
            yield f"{alias}: its key may call {', '.join(row.models)}"
        elif alias not in proxy.aliases:
            yield f"{alias}: {url} does not know it"


def _has_others(variables: Mapping[str, str]) -> bool:
    """Whether it has keys of other proxies; one that has none at all lost the only one that it had."""
    return any(name.startswith("FLEETHUB_KEY_") for name in variables)
