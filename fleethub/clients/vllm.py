"""vLLM's API: its version, what it serves, and what it says of its own KV cache in ``/metrics``.

Shapes as of vLLM 0.29: ``vllm:cache_config_info`` has its cache's settings as labels, each as Python writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from fleethub.clients.answered import Api, Lenient
from fleethub.clients.http import Http
from fleethub.clients.servers import ServerError
from fleethub.clients.shown import ShownCache
from fleethub.model.readings.server import Installed, ServerReading

#: Labels that decide about memory, and how each is written; what is written otherwise is not told.
WHOLE, SHARE = re.compile(r"[1-9]\d{0,15}", re.ASCII), re.compile(r"0?\.\d{1,20}|1(?:\.0+)?", re.ASCII)
LABELS = {
    **dict.fromkeys(("block_size", "kv_cache_memory_bytes", "kv_cache_size_tokens", "num_gpu_blocks"), WHOLE),
    "gpu_memory_utilization": SHARE,
    "cache_dtype": re.compile(r"[a-z]\w{0,31}", re.ASCII),
}
INFO = re.compile(r"^vllm:cache_config_info\{(.*)\} 1(?:\.0)?$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"\\]{0,64})"')
Line = Annotated[str, Field(max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")]


class VllmError(ServerError):
    """The server gave no usable answer; the message is fit to be shown."""


class _Version(Lenient):
    version: Line


class _Model(Lenient):
    id: Line
    parent: Any = None
    max_model_len: Annotated[int, Field(gt=0, lt=1 << 40)] | None = None


class _Models(Lenient):
    data: list[_Model]


class Vllm:
    """One vLLM server."""

    def __init__(self, http: Http, url: str, cache: ShownCache | None = None) -> None:
        self._api = Api(http, url, VllmError)

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """All of it; raises VllmError. Adapters count as what they are made of, and are left out."""
        version = self._api.get(_Version, "/version").version
        models = [m for m in self._api.get(_Models, "/v1/models").data if m.parent is None]
        told = dict(self._metrics())
        lengths = {m.max_model_len for m in models if m.max_model_len}
        if lengths:
            told["max_model_len"] = str(min(lengths))
        return ServerReading(version, {m.id: Installed(0, "") for m in models}, (), told)

    def _metrics(self) -> Mapping[str, str]:
        """The labels that decide; of several engines in one server the first. None where metrics are switched off."""
        answer = self._api.ask("GET", "/metrics")
        found = INFO.search(answer.text) if answer.status == 200 else None
        labels = dict(LABEL.findall(found[1])) if found else {}
        return {name: labels[name] for name, form in LABELS.items() if form.fullmatch(labels.get(name, "None"))}
