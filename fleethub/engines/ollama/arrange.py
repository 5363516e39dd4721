"""Settings that an Ollama may be started with, as a drop-in of its unit: from those that take least from its users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleethub.engines.interface import KV_TYPE, PARALLEL, Arrangement
from fleethub.engines.ollama.flash import flash
from fleethub.engines.ollama.server import KV_TYPES, MAX_LOADED, OllamaServer
from fleethub.engines.ollama.settings import SETTINGS
from fleethub.model.capacity import Placed, by_runner
from fleethub.model.serving import Backend
from fleethub.model.text import plural

VARIABLES = {setting.field: setting.variable for setting in SETTINGS}
#: What a cache type takes from users, beside the first.
COST = {"q8_0": "a cache in q8_0: seldom noticed", "q4_0": "a cache in q4_0: answers get worse"}
FILE = "ollama.conf"


def arrangements(backend: Backend, server: OllamaServer, planned: Sequence[Placed]) -> Iterator[Arrangement]:
    """All slots before one, an exact cache before a smaller one; the smallest cache takes most."""
    count = len(by_runner(planned))
    automatic = 3 * max(len(server.gpus), 1)
    most = 0 if count <= automatic else count
    slots = list(dict.fromkeys((server.parallel, 1)))
    types = ("f16", *(KV_TYPES if flash(server) else ()))
    tries = [(each, kv) for some in (types[:2], types[2:]) for each in slots for kv in some]
    for parallel, kv_type in tries:
        found = server.with_setting(PARALLEL, parallel).with_setting(KV_TYPE, kv_type).with_setting(MAX_LOADED, most)
        values = {"num_parallel": str(parallel), "kv_cache_type": kv_type, "max_loaded_models": str(most)}
        if kv_type != "f16":
            values["flash_attention"] = "1"
        costs = [COST[kv_type]] if kv_type in COST else []
        if parallel < server.parallel:
            costs.append(f"requests to one model wait for each other: {plural(server.parallel, 'slot')} before")
        says = ", ".join(f"{VARIABLES[name]}={value}" for name, value in values.items())
        yield Arrangement(found, says, "; ".join(costs), FILE, _text(backend, values), HOW)


def _text(backend: Backend, values: dict[str, str]) -> str:
    lines = (f'Environment="{VARIABLES[name]}={value}"' for name, value in values.items())
    head = f"# {backend.name}: the settings under which what FleetHub's spec plans for it holds"
    return "\n".join((head, "[Service]", *lines, ""))


HOW = (
    "put it on the machine as /etc/systemd/system/ollama.service.d/fleethub.conf, then systemctl daemon-reload and "
    "systemctl restart ollama (which ends what is loaded); elsewhere give its process these variables"
)
