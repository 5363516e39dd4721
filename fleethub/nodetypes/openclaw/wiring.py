"""Where each step of a node's chain leads: one provider of OpenClaw per hop.

One provider per hop, because OpenClaw disables a whole provider's key for a minute after a 401 or 403: a
fallback under the same provider would be skipped unasked. Never the id ``litellm``: for that one the
environment's LITELLM_API_KEY beats whatever the config says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fleethub.model.fleet import Fleet, Hop, Model, Node
from fleethub.nodetypes.interface import Unwired

PROVIDER = "fleethub-"

#: Seconds without an answer before OpenClaw tries again. It retries a hanging model for 90 s, and five idle
#: time-outs in a row end the run: below about 23 it never reaches a fallback. At 120 that takes 240 s, and a
#: cold load of a large model still fits.
TIMEOUT = 120
TIMEOUT_MIN = 23
RETRY_WINDOW = 90

#: A turn's own work, on top of the time in which every model of the chain may hang.
TURN = 3600

#: The longest answer; OpenClaw would assume the same, but a small context needs room for the prompt.
ANSWER = 8192

#: Sent to Ollama, which ignores it. Not OpenClaw's marker ``ollama-local``: with that, a host with a dot in
#: its name, as on any tailnet, is "No API key found" and is never asked (measured).
OLLAMA_KEY = "ollama"


@dataclass(frozen=True, slots=True)
class Leg:
    """One hop as OpenClaw sees it. ``variable`` names the key in ``.env``; empty for a direct hop."""

    provider: str
    model: Model
    id: str
    label: str
    url: str
    api: str
    proxy: str
    variable: str

    @property
    def reference(self) -> str:
        """The model as agents name it."""
        return f"{self.provider}/{self.id}"


def key_variable(proxy: str) -> str:
    """The variable that holds the node's key of a proxy."""
    return "FLEETHUB_KEY_" + proxy.upper().replace("-", "_")


def legs(fleet: Fleet, node: Node) -> tuple[Leg, ...]:
    """The node's chain, primary first; raises ``Unwired`` on a name that the fleet does not define."""
    return tuple(_leg(fleet, hop, f"{PROVIDER}{number}") for number, hop in enumerate(node.chain, 1))


def _leg(fleet: Fleet, hop: Hop, provider: str) -> Leg:
    model = fleet.models.get(hop.model)
    if model is None:
        raise Unwired(f"model {hop.model!r} is not defined")
    if hop.direct:
        tag = model.ollama or model.route.partition("/")[2]
        return Leg(
            provider,
            model,
            tag,
            f"{model.name} ({hop.backend}.{hop.endpoint})",
            _endpoint(fleet, hop).rstrip("/"),
            "ollama",
            "",
            "",
        )
    proxy = fleet.proxies.get(model.proxy or "")
    if proxy is None:
        raise Unwired(f"model {hop.model!r} is on no proxy")
    url, variable = f"{proxy.url.rstrip('/')}/v1", key_variable(proxy.name)
    return Leg(provider, model, model.name, model.name, url, "openai-completions", proxy.name, variable)


def _endpoint(fleet: Fleet, hop: Hop) -> str:
    backend = fleet.backends.get(hop.backend or "")
    url = None
    if backend is not None:
        url = backend.endpoints.get(hop.endpoint or "")
        if hop.endpoint == "ollama" and backend.ollama is not None:
            url = backend.ollama.url
    if url is None:
        raise Unwired(f"{hop.backend}.{hop.endpoint} is not an endpoint of a backend")
    return url


def answer(context: int) -> int:
    """The longest answer that a context leaves room for."""
    return max(1, min(ANSWER, context // 4))


def hang(timeout: float) -> float:
    """Seconds until OpenClaw leaves a model that never answers for the next one."""
    return timeout * (1 + math.ceil(RETRY_WINDOW / timeout))


def patience(count: int) -> int:
    """The deadline of a whole turn: it ends the chain without asking further fallbacks, so it is generous."""
    return TURN + round(count * hang(TIMEOUT))
