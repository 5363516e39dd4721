"""The context that a model is really loaded with, and what decided it. Tokens per slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleethub.engines.ollama.names import canonical
from fleethub.engines.ollama.scheduler import number_of
from fleethub.model.facts import Facts
from fleethub.model.readings.proxy import Deployment
from fleethub.model.readings.server import Installed, Shown
from fleethub.model.routing import leads_to, rows_of
from fleethub.model.serving import Model

if TYPE_CHECKING:
    from fleethub.engines.ollama.server import OllamaServer

#: A vision model is never loaded with less.
VISION_MINIMUM = 2048
#: Family -> since when it was given 8,192 tokens at least, on 20 GiB of VRAM and more; until the default went by VRAM.
LEAST = {"gptoss": (0, 11, 4), "gpt-oss": (0, 11, 4), "qwen3vl": (0, 12, 7), "qwen3vlmoe": (0, 12, 7)}
LITTLE = 20 << 30
#: VRAM of all GPUs in bytes -> the context when nobody says one.
BY_VRAM = (0, 15, 5)
AUTOMATIC = ((47 << 30, 262144), (23 << 30, 32768), (0, 4096))


def automatic(server: OllamaServer) -> int:
    """Ollama's own default: since 0.15.5 by its VRAM less its overhead; unknown VRAM counts as much, to be careful."""
    number = number_of(server.version)
    if number is not None and number < BY_VRAM:
        return AUTOMATIC[-1][1]
    if server.total is None:
        return AUTOMATIC[0][1]
    total = max(server.total + server.held - server.overhead * len(server.gpus), 0)
    return next(tokens for least, tokens in AUTOMATIC if total >= least)


def effective_context(server: OllamaServer, model: Model, facts: Facts) -> tuple[int, str]:
    """(tokens, what decided it): route, Modelfile, server's setting, its automatic default; else the spec's."""
    tokens, source = _asked(server, model)
    shown = shown_of(server, model)
    capabilities = {*model.capabilities, *(shown.capabilities if shown else ())}
    if "vision" in capabilities and tokens < VISION_MINIMUM:
        tokens, source = VISION_MINIMUM, f"{source}, raised to a vision model's least"
    least = _least(server, shown)
    if tokens < least:
        tokens, source = least, f"{source}, raised to what Ollama {server.version} gives this family at least"
    limit = trained(shown)
    if limit and tokens > limit:
        tokens, source = limit, f"{source}, cut to the model's own limit"
    return tokens, source


def _least(server: OllamaServer, shown: Shown | None) -> int:
    """What a family was given at least, whatever was asked for, unless there was little VRAM; 0: nothing."""
    number, family = number_of(server.version), shown.info.get("general.architecture") if shown else None
    since = LEAST.get(str(family))
    if number is None or since is None or not since <= number < BY_VRAM:
        return 0
    return 8192 if server.total is None or server.total >= LITTLE else 0


def installed_of(server: OllamaServer, tag: str | None) -> Installed | None:
    """The model on the server's disk, where the server answered and has it."""
    if server.reading is None or not tag:
        return None
    return next((v for k, v in server.reading.installed.items() if canonical(k) == canonical(tag)), None)


def shown_of(server: OllamaServer, model: Model) -> Shown | None:
    """What the server tells of the model."""
    installed = installed_of(server, model.tag)
    return installed.shown if installed else None


def trained(shown: Shown | None) -> int:
    """The model's own limit; 0 when it is not told."""
    if shown is None:
        return 0
    value = shown.info.get(f"{shown.info.get('general.architecture')}.context_length")
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _asked(server: OllamaServer, model: Model) -> tuple[int, str]:
    rows = _rows(server, model)
    if not rows:
        return (model.context, "spec") if not model.route or native(model.route) else unasked(server, model)
    asked = [row.num_ctx for row in rows if row.num_ctx and native(row.model)]
    if len(asked) == len(rows):
        return max(asked), "route"
    found = [unasked(server, model)]
    if asked:
        found.append((max(asked), "route"))
    return max(found)


def unasked(server: OllamaServer, model: Model) -> tuple[int, str]:
    """What a request without num_ctx gets."""
    shown = shown_of(server, model)
    text = shown.parameters.get("num_ctx", "") if shown else ""
    if text.isascii() and text.isdigit() and 0 < len(text) <= 9 and int(text):
        return int(text), "Modelfile"
    if server.context_length:
        return server.context_length, "OLLAMA_CONTEXT_LENGTH"
    return automatic(server), "Ollama's automatic default"


def _rows(server: OllamaServer, model: Model) -> list[Deployment]:
    """The deployments of the alias that lead to this server; those that FleetHub itself will write are left out."""
    if server.proxy is None:
        return []
    rows = rows_of(server.proxy, model.name)
    rows = [row for row in rows if not (server.routes_ours and row.stored and "fleethub" in row.info)]
    here = [row for row in rows if leads_to(row, server.url)]
    # the proxy may know the server by another name: its rows count where only one can be meant
    return here or ([row for row in rows if native(row.model)] if len(model.backends) == 1 else [])


def native(route: str) -> bool:
    """Whether a route passes num_ctx on; any other one (``openai/`` to the server's ``/v1``) loses it."""
    return route.startswith(("ollama/", "ollama_chat/"))
