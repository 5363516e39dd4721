"""llama-server's API: what it is, what it serves, what a slot is given; of a router, which models run and how.

Shapes as of b9400 and later: ``/props``, ``/v1/models`` (with ``meta``, of a router with ``status``).
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleethub.clients.http import Answer, Http, HttpError
from fleethub.clients.servers import ServerError
from fleethub.clients.shown import ShownCache
from fleethub.engines.llamacpp.settings import BETWEEN, LOADED, pairs
from fleethub.model.facts import Installed, ServerReading

T = TypeVar("T", bound=BaseModel)
Line = Annotated[str, Field(max_length=1024, pattern=r"^[^\x00-\x1f\x7f]*$")]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]


class LlamaCppError(ServerError):
    """The server gave no usable answer; the message is fit to be shown."""


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, protected_namespaces=(), defer_build=True)


class _Generation(_Lenient):
    n_ctx: Count = 0


class _Props(_Lenient):
    build_info: Line = ""
    total_slots: Count = 0
    role: Line = ""
    default_generation_settings: _Generation | None = None


class _Meta(_Lenient):
    n_ctx_train: Count = 0
    size: Count = 0


class _Status(_Lenient):
    value: Line = ""
    args: list[str] = []


class _Model(_Lenient):
    id: Line
    meta: _Meta | None = None
    status: _Status | None = None


class _Models(_Lenient):
    data: list[_Model]


class LlamaCpp:
    """One llama-server, or a router."""

    def __init__(self, http: Http, url: str, cache: ShownCache | None = None) -> None:
        self._http, self._url = http, url

    def read(self, ask: tuple[str, ...]) -> ServerReading:
        """All of it; raises LlamaCppError. A key that it may want for more than its list of models is not needed."""
        models = self._valid(_Models, "/v1/models", self._get("/v1/models")).data
        answer = self._ask("/props")
        props = self._valid(_Props, "/props", answer.body) if answer.status == 200 else _Props()
        told = {"total_slots": str(props.total_slots)} if props.total_slots else {}
        if props.default_generation_settings and props.default_generation_settings.n_ctx:
            told["n_ctx"] = str(props.default_generation_settings.n_ctx)
        for model in models:  # of a router's own command lines what decides about memory, and nothing else
            if model.status is not None and model.status.args:
                told[model.id] = BETWEEN.join(f"{name}={value}" for name, value in pairs(model.status.args))
        installed = {m.id: Installed(m.meta.size if m.meta else 0, "") for m in models}
        if running := [m.id for m in models if m.status is not None and m.status.value == "loaded"]:
            told[LOADED] = BETWEEN.join(running)
        return ServerReading(props.build_info, installed, (), told)

    def _get(self, path: str) -> Any:
        answer = self._ask(path)
        if answer.status != 200:
            raise LlamaCppError(f"{path}: {answer.reason()}")
        return answer.body

    def _ask(self, path: str) -> Answer:
        try:
            return self._http.request("GET", self._url + path)
        except HttpError as error:
            raise LlamaCppError(str(error)) from None

    def _valid(self, kind: type[T], path: str, body: Any) -> T:
        try:
            return kind.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            raise LlamaCppError(f"unexpected answer of {path}: {where}: {first['msg']}") from None
