"""A stand-in for llama-server, and for its router: ``/props``, ``/v1/models``, ``/slots`` in the shapes of b9400.

Those of one model are as a real server sent them (``tests/real/test_llamacpp_server.py`` compares them with it); the
router's ``status`` is as ``tools/server/README.md`` of that build describes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleethub.testing.server import Answer, Request, Server


class LlamaCpp(Server):
    """One model, or (``models``: name -> words of its command line) a router with ``loaded`` of them running."""

    def __init__(
        self,
        model: str = "qwen3.gguf",
        *,
        n_ctx: int = 4096,
        slots: int = 1,
        models: Mapping[str, Sequence[str]] | None = None,
        loaded: Sequence[str] = (),
        build: str = "b9400-abcdef",
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.model, self.n_ctx, self.slots, self.models, self.loaded = model, n_ctx, slots, models, tuple(loaded)
        self.build = build
        self.routes = {
            ("GET", "/props"): self._props,
            ("GET", "/v1/models"): self._models,
            ("GET", "/slots"): lambda _: Answer([{"id": n, "n_ctx": self.n_ctx} for n in range(self.slots)]),
        }
        self.start()

    def _props(self, request: Request) -> Answer:
        if self.models is not None:
            return Answer({"role": "router", "max_instances": 4, "build_info": self.build})
        return Answer(
            {
                "default_generation_settings": {"n_ctx": self.n_ctx, "params": {}},
                "total_slots": self.slots,
                "model_alias": self.model,
                "model_path": f"/models/{self.model}",
                "build_info": self.build,
            }
        )

    def _models(self, request: Request) -> Answer:
        if self.models is None:
            meta = {"n_vocab": 1024, "n_ctx_train": 262144, "n_embd": 4096, "n_params": 780178432, "size": 438980608}
            return Answer({"object": "list", "data": [{"id": self.model, "owned_by": "llamacpp", "meta": meta}]})
        rows = [
            {
                "id": name,
                "owned_by": "llamacpp",
                "status": {"value": "loaded" if name in self.loaded else "unloaded", "args": ["llama-server", *words]},
            }
            for name, words in self.models.items()
        ]
        return Answer({"object": "list", "data": rows})
