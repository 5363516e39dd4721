"""A stand-in for a vLLM server: what it says of itself, in the shapes of vLLM 0.29's API and metrics.

``/version``, ``/v1/models`` and the gauge ``vllm:cache_config_info`` as ``vllm/entrypoints/openai`` and
``vllm/config/cache.py`` write them; every value of the gauge is Python's ``str``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from fleethub.testing.server import Answer, Refused, Request, Server


class Vllm(Server):
    """One model at ``model``, with ``adapters`` made of it. ``cache``: labels of the gauge; None: no metrics."""

    def __init__(
        self,
        model: str,
        *,
        max_model_len: int = 32768,
        version: str = "0.29.0",
        cache: Mapping[str, str] | None = None,
        adapters: tuple[str, ...] = (),
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.model, self.adapters, self.max_model_len, self.version = model, adapters, max_model_len, version
        usual = {"block_size": "16", "cache_dtype": "auto", "gpu_memory_utilization": "0.9", "num_gpu_blocks": "15709"}
        self.cache = None if cache is None else {**usual, "num_gpu_blocks_override": "None", **cache}
        self.routes = {
            ("GET", "/version"): lambda _: Answer({"version": self.version}),
            ("GET", "/v1/models"): self._models,
            ("GET", "/metrics"): self._metrics,
            ("POST", "/v1/chat/completions"): self._chat,
        }
        self.start()

    def _models(self, request: Request) -> Answer:
        def row(name: str, parent: str | None) -> dict[str, object]:
            length = {"max_model_len": self.max_model_len} if parent is None else {}
            return {"id": name, "object": "model", "owned_by": "vllm", "root": name, "parent": parent, **length}

        rows = [row(self.model, None), *(row(name, self.model) for name in self.adapters)]
        return Answer({"object": "list", "data": rows})

    def _metrics(self, request: Request) -> Answer:
        if self.cache is None:
            raise Refused(Answer({"detail": "Not Found"}, 404))
        labels = ",".join(f'{name}="{value}"' for name, value in {**self.cache, "engine": "0"}.items())
        text = (
            "# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig\n"
            "# TYPE vllm:cache_config_info gauge\n"
            f"vllm:cache_config_info{{{labels}}} 1.0\n"
            f'vllm:num_requests_running{{engine="0",model_name="{self.model}"}} 0.0\n'
        )
        return Answer(text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    def _chat(self, request: Request) -> Answer:
        asked = json.loads(request.body or b"{}").get("model")
        if asked not in (self.model, *self.adapters):
            raise Refused(Answer({"error": {"message": f"The model `{asked}` does not exist.", "code": 404}}, 404))
        message = {"role": "assistant", "content": "hello"}
        return Answer({"object": "chat.completion", "model": asked, "choices": [{"index": 0, "message": message}]})
