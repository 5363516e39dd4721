"""LiteLLM's management API, as observed on 1.82.0 and 1.106.2.

Every trap it walks around is named where it does. Shapes are checked with pydantic: an answer of another
shape is an error with a reason, never a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleethub.clients.http import Answer, Http, HttpError
from fleethub.model.facts import Deployment, KeyRow, ProxyReading
from fleethub.model.secret import Secret

T = TypeVar("T", bound=BaseModel)
PAGE = 100  # the largest that /key/list takes
PAGES = 1000  # a server that never ends its list is not followed for ever


class LiteLLMError(Exception):
    """A call did not do what it should; the message is fit to be shown.

    ``status`` is 0 without an answer; ``kind`` is LiteLLM's ``error.type``, which differs less between versions.
    """

    def __init__(self, message: str, status: int = 0, kind: str = "") -> None:
        self.status, self.kind = status, kind
        super().__init__(message)


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Key(_Lenient):
    token: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    key_alias: str | None = None
    models: list[str] | None = None
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    max_budget: float | None = None
    budget_duration: str | None = None
    metadata: dict[str, Any] | None = None
    blocked: bool | None = None
    team_id: str | None = None
    access_group_ids: list[str] | None = None
    expires: str | None = None
    spend: float | None = None


class _KeyPage(_Lenient):
    keys: list[dict[str, Any]]
    total_count: int
    total_pages: int


class _Named(_Lenient):
    id: str


class _Models(_Lenient):
    data: list[_Named]


class _Params(_Lenient):
    model: str = ""
    api_base: str | None = None
    num_ctx: int | None = None


class _Info(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    id: str = ""
    db_model: bool = False
    fleethub: dict[str, Any] | None = None


class _Deployment(_Lenient):
    model_name: str
    litellm_params: _Params = _Params()
    model_info: _Info = _Info()


class _ModelInfo(_Lenient):
    data: list[_Deployment]


class _Readiness(_Lenient):
    db: str | None = None


class LiteLLM:
    """One LiteLLM at one URL, with the master key. All methods raise LiteLLMError."""

    def __init__(self, http: Http, url: str, master: Secret | None) -> None:
        self._http, self._url, self._master = http, url, master

    def read(self) -> ProxyReading:
        """Readiness, aliases, deployments and all keys."""
        ready = _shape(_Readiness, self._call("GET", "/health/readiness", auth=False))
        if ready.db != "connected":
            # without its database a LiteLLM answers, and knows no key
            raise LiteLLMError(f"its database is {(ready.db or 'not reported').lower()}")
        names = _shape(_Models, self._call("GET", "/v1/models"))
        info = _shape(_ModelInfo, self._call("GET", "/model/info"))
        raw = list(self._keys({}))
        return ProxyReading(
            models=frozenset(m.id for m in names.data),
            deployments=tuple(_deployment(d) for d in info.data),
            keys=_by_alias(_row(r) for r in raw),
            # 1.82.0 ignores budget_duration = null, and is told by this field's absence
            clears_budget_duration=not raw or any("settings_updated_at" in r for r in raw),
        )

    def find(self, alias: str) -> list[KeyRow]:
        """The living keys with exactly this alias; an alias is not unique in LiteLLM's database."""
        rows = (_row(r) for r in self._keys({"key_alias": alias}))
        return [row for row in rows if row.alias == alias]

    def generate(self, body: dict[str, Any], value: Secret) -> None:
        """Create a key. Trap: an existing value answers 200 and changes nothing, so the caller reads back.

        For the same reason no answer at all is no error here: what counts is what is there afterwards.
        """
        try:
            self._call("POST", "/key/generate", json=body | {"key": value.reveal()}, secrets=(value,))
        except LiteLLMError as error:
            if error.status:
                raise

    def update(self, token: str, body: dict[str, Any]) -> None:
        """Change a key by its hash; 1.82.0 knows no update by alias."""
        self._call("POST", "/key/update", json=body | {"key": token}, again=True)

    def delete(self, token: str) -> None:
        """Delete one key by its hash (by alias it would delete every key of that alias); gone is fine."""
        try:
            self._call("POST", "/key/delete", json={"keys": [token]}, again=True)
        except LiteLLMError as error:
            if error.status != 404:
                raise

    def add_model(self, body: dict[str, Any]) -> None:
        """Store a deployment; needs STORE_MODEL_IN_DB on the proxy."""
        self._call("POST", "/model/new", json=body)

    def delete_model(self, model_id: str) -> None:
        """Remove a stored deployment."""
        self._call("POST", "/model/delete", json={"id": model_id})

    def models_seen_by(self, door: str, key: Secret | None = None) -> frozenset[str]:
        """What ``/v1/models`` lists at one replica, to a key or (None) to the master."""
        answer = self._send("GET", f"{door}/v1/models", key or self._master)
        return frozenset(m.id for m in _shape(_Models, _good(answer)).data)

    def _keys(self, filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """All rows. The default order moves while keys are made; oldest first only grows at its end."""
        seen: set[str] = set()
        for page in range(1, PAGES + 1):
            params = {
                "page": page,
                "size": PAGE,
                "return_full_object": "true",
                "sort_by": "created_at",
                "sort_order": "asc",
                **filters,
            }
            found = _shape(_KeyPage, self._call("GET", "/key/list", params=params))
            for row in found.keys:
                token = str(row.get("token"))
                if token not in seen:
                    seen.add(token)
                    yield row
            if page >= found.total_pages or not found.keys:
                if len(seen) < found.total_count and not filters:
                    raise LiteLLMError("its list of keys changed while it was read; try again")
                return
        raise LiteLLMError(f"its list of keys does not end after {PAGES} pages")

    def _call(self, method: str, path: str, *, auth: bool = True, **kwargs: Any) -> Any:
        return _good(self._send(method, self._url + path, self._master if auth else None, **kwargs), auth)

    def _send(self, method: str, url: str, token: Secret | None, **kwargs: Any) -> Answer:
        try:
            return self._http.request(method, url, token=token, **kwargs)
        except HttpError as error:
            raise LiteLLMError(str(error)) from None


def _good(answer: Answer, auth: bool = True) -> Any:
    if answer.status == 503 and isinstance(answer.body, dict) and "db" in answer.body:
        return answer.body
    if answer.status not in (200, 201):
        hint = " (is the master key right?)" if answer.status == 401 and auth else ""
        raise LiteLLMError(answer.reason() + hint, answer.status, answer.kind())
    return answer.body


def _shape(kind: type[T], body: Any) -> T:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise LiteLLMError(f"unexpected answer: {where}: {first['msg']}") from None


def _row(raw: dict[str, Any]) -> KeyRow:
    key = _shape(_Key, raw)
    bound = [f"team {key.team_id}"] if key.team_id else []
    bound += [f"access group {g}" for g in key.access_group_ids or ()]
    return KeyRow(
        alias=key.key_alias or "",
        token=key.token,
        models=tuple(key.models or ()),
        limits={n: getattr(key, n) for n in ("rpm_limit", "tpm_limit", "max_budget", "budget_duration")},
        metadata=key.metadata or {},
        blocked=bool(key.blocked),
        bound_to=tuple(bound),
        expires=key.expires,
        spend=key.spend,
    )


def _by_alias(rows: Iterable[KeyRow]) -> dict[str, tuple[KeyRow, ...]]:
    found: dict[str, tuple[KeyRow, ...]] = {}
    for row in rows:
        if row.alias:
            found[row.alias] = (*found.get(row.alias, ()), row)
    return found


def _deployment(raw: _Deployment) -> Deployment:
    return Deployment(
        alias=raw.model_name,
        model=raw.litellm_params.model,
        id=raw.model_info.id,
        api_base=raw.litellm_params.api_base,
        num_ctx=raw.litellm_params.num_ctx,
        stored=raw.model_info.db_model,
        info={"fleethub": raw.model_info.fleethub} if raw.model_info.fleethub else {},
    )
