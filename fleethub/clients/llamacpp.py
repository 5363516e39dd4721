"""llama-server's API: what it is, what it serves, what a slot is given; of a router, which models run and how.

Shapes as of b9400 and later: ``/props``, ``/v1/models`` (with ``meta``, of a router with ``status``).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleethub.clients.answered import Api, Lenient
from fleethub.clients.http import Http
from fleethub.clients.servers import ServerError
from fleethub.clients.shown import ShownCache
from fleethub.engines.llamacpp.settings import BETWEEN, LOADED, OF_MODEL, pairs
from fleethub.model.readings.server import Installed, ServerReading

Line = Annotated[str, Field(max_length=1024, pattern=r"^[^\x00-\x1f\x7f]*$")]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]


class LlamaCppError(ServerError):
    """The server gave no usable answer; the message is fit to be shown."""


class _Generation(Lenient):
    n_ctx: Count = 0


class _Props(Lenient):
    build_info: Line = ""
    total_slots: Count = 0
    role: Line = ""
    default_generation_settings: _Generation | None = None


class _Meta(Lenient):
    n_ctx_train: Count = 0
    size: Count = 0


class _Status(Lenient):
    value: Line = ""
    args: list[str] = Field([])


class _Model(Lenient):
    id: Line
    meta: _Meta | None = None
    status: _Status | None = None


class _Models(Lenient):
    data: list[_Model]


class LlamaCpp:
    """One llama-server, or a router."""

    def __init__(self, http: Http, url: str, cache: ShownCache | None = None) -> None:
        self._api = Api(http, url, LlamaCppError)

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """All of it; raises LlamaCppError. A key that it may want for more than its list of models is not needed."""
        models = self._api.get(_Models, "/v1/models").data
        answer = self._api.ask("GET", "/props")
        props = self._api.read(_Props, "/props", answer.body) if answer.status == 200 else _Props()
        told = {"total_slots": str(props.total_slots)} if props.total_slots else {}
        if props.default_generation_settings and props.default_generation_settings.n_ctx:
            told["n_ctx"] = str(props.default_generation_settings.n_ctx)
        for model in models:  # of a router's own command lines what decides about memory, and nothing else
            if model.status is not None and model.status.args:
                told[OF_MODEL + model.id] = BETWEEN.join(f"{name}={value}" for name, value in pairs(model.status.args))
        installed = {m.id: Installed(m.meta.size if m.meta else 0, "") for m in models}
        if running := [m.id for m in models if m.status is not None and m.status.value == "loaded"]:
            told[LOADED] = BETWEEN.join(running)
        return ServerReading(props.build_info, installed, (), told)
