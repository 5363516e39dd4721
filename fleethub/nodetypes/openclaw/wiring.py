"""Where each step of a node's chain leads: one provider of OpenClaw per hop.

One provider per hop, because OpenClaw disables a whole provider's key for a minute after a 401 or 403: a
fallback under the same provider would be skipped unasked. Never the id ``litellm``: for that one the
environment's LITELLM_API_KEY beats whatever the config says.
"""

from __future__ import annotations

import math
from dataclasses import replace

from fleethub.model.consuming import Hop, Node
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet import Fleet
from fleethub.nodetypes.endpoints import BARE, ModelEndpoint, endpoints

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


@dataclass(frozen=True, slots=True)
class ProviderRoute:
    """One step of the chain as a provider of OpenClaw."""

    provider: str
    to: ModelEndpoint

    @property
    def reference(self) -> str:
        """The model as agents name it."""
        return f"{self.provider}/{self.to.id}"

    @property
    def api(self) -> str:
        """What OpenClaw speaks there: the model server's own API on the way round the proxy."""
        return self.to.server.api if self.to.server else "openai-completions"


def routes(fleet: Fleet, node: Node) -> tuple[ProviderRoute, ...]:
    """The node's chain, primary first; raises ``Unwired`` on a name that the fleet does not define."""
    return tuple(
        _route(node, f"{PROVIDER}{n}", hop, to)
        for n, (hop, to) in enumerate(zip(node.chain, endpoints(fleet, node), strict=True), 1)
    )


def _route(node: Node, own: str, hop: Hop, to: ModelEndpoint) -> ProviderRoute:
    """Through the provider of the node's own config that the spec names for it, else one of FleetHub's."""
    for id, named in node.wiring.items():
        if named.serves(hop, to.proxy):
            variable = named.key_variable or to.variable if to.proxy else ""
            return ProviderRoute(id, replace(to, url=named.url or to.url, variable=variable))
    if node.key_store == "file" and to.proxy:
        to = replace(to, variable=BARE)
    return ProviderRoute(own, to)


def answer(context: int) -> int:
    """The longest answer that a context leaves room for."""
    return max(1, min(ANSWER, context // 4))


def hang(timeout: float) -> float:
    """Seconds until OpenClaw leaves a model that never answers for the next one."""
    return timeout * (1 + math.ceil(RETRY_WINDOW / timeout))


def patience(count: int) -> int:
    """The deadline of a whole turn: it ends the chain without asking further fallbacks, so it is generous."""
    return TURN + round(count * hang(TIMEOUT))
