"""LiteLLM's management API, as observed on 1.82.0, 1.106.2 and 1.110.2.

Every trap it walks around is named where it does. Shapes are checked with pydantic: an answer of another
shape is an error with a reason, never a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from fleethub.clients import litellm_rows as rows
from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpAnswer, HttpError
from fleethub.model import keycall
from fleethub.model.observation import EVERY
from fleethub.model.readings.proxy import KeyRow, MasterUse, ProxyReading, Team
from fleethub.model.routing import aliases_of, fallbacks_of
from fleethub.model.secret import Secret
from fleethub.model.text import heard, plural

T = TypeVar("T", bound=BaseModel)
PAGE = 100  # the largest that /key/list takes
AT_ONCE = 5000  # keys that are asked for in one answer: the proxy answers nobody else while it writes that
ACTIVITY = 1000  # rows of /user/daily/activity that are read at a time
MASTER_NAME = "litellm_proxy_master_key"  # what newer versions write in the place of the master key's hash
READINGS = 3  # keys may be made while a list is read
PAGES = 1000  # a server that never ends its list is not followed for ever


class LiteLLMError(Exception):
    """A call did not do what it should; the message is fit to be shown.

    ``status`` is 0 without an answer; ``kind`` is LiteLLM's ``error.type``, which differs less between versions.
    """

    def __init__(self, message: str, status: int = 0, kind: str = "") -> None:
        self.status, self.kind = status, kind
        super().__init__(message)


class LiteLLM:
    """One LiteLLM at one URL, with the master key. All methods raise LiteLLMError."""

    def __init__(self, http: Http, url: str, master: Secret | None) -> None:
        self._http, self._url, self._master = http, url, master

    def read(self, wanted: Iterable[str] = (), known: Iterable[str] = ()) -> ProxyReading:
        """Readiness, aliases, deployments, all keys and the router's fallbacks.

        ``wanted``: aliases of keys that should be there, of which the teams are read too (``EVERY``: of all). Where one
        is not, it is asked whether its value may be chosen.
        ``known``: hashes of keys that were there. One that the list lacks is asked for by itself: a list that lacks a
        living key is no reading, for what else it lacks cannot be known.
        """
        ready = _shape(rows.Readiness, self._call("GET", "/health/readiness", auth=False))
        if ready.db != "connected":
            # without its database a LiteLLM answers, and knows no key
            raise LiteLLMError(f"its database is {heard((ready.db or '').lower(), 60) or 'not reported'}")
        names = _shape(rows.Models, self._call("GET", "/v1/models"))
        deployments = tuple(rows.deployment(d) for d in self._deployments())
        raw = self._keys({}, at_once=True)
        keys = [_row(r) for r in raw]
        # 1.82.0 ignores budget_duration = null, and is told by this field's absence
        clears = not raw or any("settings_updated_at" in r for r in raw)
        del raw  # of ten thousand keys it is 50 MiB
        if any(self.lives(token) for token in sorted({*known} - {key.token for key in keys})):
            raise LiteLLMError(f"its list of {plural(len(keys), 'key')} lacks one that lives, so it is not whole")
        by_alias = rows.by_alias(keys)
        fallbacks, aliases = self._router()
        version = ready.litellm_version or self._version()
        wanted = {*wanted}
        lacking = any(alias not in by_alias for alias in wanted - {EVERY})
        return ProxyReading(
            models=frozenset(m.id for m in names.data),
            deployments=deployments,
            keys=by_alias,
            clears_budget_duration=clears,
            version=heard(version, 60),
            fallbacks=fallbacks,
            aliases=aliases,
            takes_values=self._takes_values() if lacking and version else None,
            teams=self._teams(
                {key.team for key in keys if key.team and ("fleethub" in key.metadata or wanted & {key.alias, EVERY})}
            ),
        )

    def master_calls(self, days: int) -> MasterUse | None:
        """What was called with the master key itself; None where the proxy does not tell."""
        from fleethub.clients.litellm_use import Activity

        names = {MASTER_NAME, *([self._master.sha256()] if self._master is not None else [])}
        calls, spend = 0, 0.0
        first, last = (datetime.now(UTC) + timedelta(days=d) for d in (-days, 1))
        dates = {"start_date": f"{first:%Y-%m-%d}", "end_date": f"{last:%Y-%m-%d}", "page_size": ACTIVITY}
        try:
            for page in range(1, PAGES + 1):
                told = _shape(Activity, self._call("GET", "/user/daily/activity", params={**dates, "page": page}))
                for used in (day.breakdown.api_keys.get(name) for day in told.results for name in names):
                    calls += used.metrics.api_requests if used else 0
                    spend += used.metrics.spend if used else 0.0
                if page >= told.metadata.total_pages:
                    return MasterUse(calls, spend, days)
        except LiteLLMError:
            return None
        return None

    def find(self, alias: str) -> list[KeyRow]:
        """The living keys with exactly this alias; an alias is not unique in LiteLLM's database."""
        found = (_row(r) for r in self._keys({"key_alias": alias}))
        return [row for row in found if row.alias == alias]

    def by_token(self, token: str) -> list[KeyRow]:
        """The living key of a hash, whatever its alias is."""
        found = (_row(r) for r in self._keys({"key_hash": token}))
        return [row for row in found if row.token == token]

    def lives(self, token: str) -> bool:
        """Whether a key of this hash is there, by its own endpoint, which reads the database.

        Trap: from 1.106 a deleted key still answers 200, out of an archive, and says so in ``status``.
        """
        try:
            info = _shape(rows.KeyInfo, self._call("GET", "/key/info", params={"key": token})).info
        except LiteLLMError as error:
            if error.status == 404 and "key not found" in str(error).lower():
                return False  # any other 404 is not of a LiteLLM that looked
            raise
        return info.status != "deleted"

    def has_team(self, team: str) -> bool:
        """Whether a team of this id is there.

        Trap: a key is made in one that is not, and from 1.106 on every call of that key is then refused.
        """
        try:
            self._call("GET", "/team/info", params={"team_id": team})
        except LiteLLMError as error:
            if error.status == 404:
                return False
            raise
        return True

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
        """Change a key by its hash; 1.82.0 knows no update by alias.

        A ``duration`` of None takes an expiry off. For 1.82.0 that is "-1", and null changes nothing; later ones know
        both, and refuse "-1" as too long where upperbound_key_generate_params has a duration.
        """
        forever = "duration" in body and body["duration"] is None
        try:
            self._call("POST", "/key/update", json=body | {"key": token} | _never(forever), again=True)
        except LiteLLMError as error:
            if not forever or error.status != 400:
                raise
            self._call("POST", "/key/update", json=body | {"key": token}, again=True)

    def block(self, token: str) -> None:
        """Block a key by its hash, at once where this is asked; one that is not there is fine.

        Trap: 1.82.0 answers 401 for a key that it does not know, which is no word about the master key.
        """
        try:
            self._call("POST", "/key/block", json={"key": token}, again=True)
        except LiteLLMError as error:
            if error.status != 404 and "not found in db" not in str(error):
                raise

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

    def models_seen_by(self, url: str, key: Secret | None = None) -> frozenset[str]:
        """What ``/v1/models`` lists at one replica, to a key or (None) to the master."""
        answer = self._send("GET", f"{url}/v1/models", key or self._master)
        return frozenset(m.id for m in _shape(rows.Models, _good(answer)).data)

    def refuses(self, url: str, key: Secret, model: str) -> LiteLLMError | None:
        """Why a replica does not take a call with this key, asked without calling a model; None: it takes it."""
        answer = self._send("POST", url + keycall.PATH, key, json=keycall.body(model), again=True)
        if keycall.judge(answer.status, answer.kind(), answer.reason()) == "taken":
            return None
        return LiteLLMError(answer.reason(), answer.status, answer.kind())

    def _keys(self, filters: dict[str, Any], at_once: bool = False) -> list[dict[str, Any]]:
        """All rows, from pages that add up to what the list says that it counts.

        ``at_once``: where there are several pages, in one answer if that adds up to the same.
        """
        for _ in range(READINGS):
            try:
                first = self._page(1, filters)
            except LiteLLMError as error:
                if error.status == 500 and (around := self._around(filters)) is not None:
                    return around
                raise
            if at_once and first.total_pages > 1 and first.total_count <= AT_ONCE:
                at_once = False  # where it did not once, the pages are what counts
                if (whole := self._whole(first)) is not None:
                    return whole
            found, counts = self._pages(first, filters)
            if counts == {len(found)}:
                return found
        counted = " and then ".join(map(str, sorted(counts)))
        raise LiteLLMError(f"its list of keys does not add up: it counts {counted}, and lists {len(found)}")

    def _whole(self, first: rows.KeyPage) -> list[dict[str, Any]] | None:
        """All rows by one query, if they are those that the list counts and begins with, told alike; else None.

        ``/spend/keys`` reads the same table without pages. Traps: it has the sessions of LiteLLM's own page too, which
        the list leaves out; and with 1.82.0 what the list does not tell of a key's budget, which then is not known of
        any key, however many there are.
        """
        unlisted = set() if any("budget_id" in row for row in first.keys) else {"budget_id", "litellm_budget_table"}
        try:
            told = _shape(rows.Keys, {"keys": self._call("GET", "/spend/keys")}).keys
            found = {
                str(row.get("token")): {n: v for n, v in row.items() if n not in unlisted} if unlisted else row
                for row in told
                if row.get("team_id") != rows.SESSIONS
            }
            alike = all(_settled(row) == _settled(found.get(str(row.get("token")), {})) for row in first.keys)
        except LiteLLMError:  # none at all, or rows of another shape
            return None
        return list(found.values()) if len(found) == first.total_count and alike else None

    def _around(self, filters: dict[str, Any]) -> list[dict[str, Any]] | None:
        """The rows that a list of keys has, where it cannot be written for one of them; None: that is not why.

        Trap: an update takes ``aliases: null``, and then the list of full objects is 500 to everybody. ``/spend/keys``
        tells such a row as it is, and the list of hashes counts it.
        """
        told = _shape(rows.Keys, {"keys": self._call("GET", "/spend/keys")}).keys
        if not any(rows.unwritable(row) for row in told):
            return None
        counted = _shape(rows.Counted, self._call("GET", "/key/list", params={"page": 1, "size": 1, **filters}))
        names = {"key_alias": filters.get("key_alias"), "key_hash": filters.get("key_hash")}
        wanted = {{"key_hash": "token"}.get(name, name): value for name, value in names.items() if value is not None}
        found = [
            row
            for row in told
            if row.get("team_id") != rows.SESSIONS and all(row.get(name) == value for name, value in wanted.items())
        ]
        if len(found) != counted.total_count:
            raise LiteLLMError(f"its list of keys counts {counted.total_count}, and /spend/keys lists {len(found)}")
        return found

    def _pages(self, page: rows.KeyPage, filters: dict[str, Any]) -> tuple[list[dict[str, Any]], set[int]]:
        """The rows of the first page and all that follow, and how many each says there are."""
        seen: dict[str, dict[str, Any]] = {}
        counts: set[int] = set()
        for number in range(1, PAGES + 1):
            if number > 1:
                page = self._page(number, filters)
            seen |= {str(row.get("token")): row for row in page.keys}
            counts.add(page.total_count)
            if number >= page.total_pages or not page.keys:
                return list(seen.values()), counts
        raise LiteLLMError(f"its list of keys does not end after {PAGES} pages")

    def _page(self, number: int, filters: dict[str, Any]) -> rows.KeyPage:
        """The default order moves while keys are made; oldest first only grows at its end."""
        params = {"page": number, "size": PAGE, "return_full_object": "true", "sort_by": "created_at"}
        told = self._call("GET", "/key/list", params={**params, "sort_order": "asc", **filters})
        return _shape(rows.KeyPage, told)

    def _deployments(self) -> Iterator[Any]:
        """All deployments, a wildcard as its pattern: ``/model/info`` shows names that it makes up for one."""
        try:
            listed = 0
            for page in range(1, PAGES + 1):
                body = self._call("GET", "/v2/model/info", params={"page": page, "size": PAGE})
                found = _shape(rows.ModelInfo, body)
                yield from found.data
                listed += len(found.data)
                if page >= found.total_pages or not found.data:
                    if listed < (found.total_count or 0):
                        raise LiteLLMError(f"it counts {found.total_count} deployments and lists {listed}")
                    return
        except LiteLLMError as error:
            if error.status != 404:
                raise
            yield from _shape(rows.ModelInfo, self._call("GET", "/model/info")).data
            return
        raise LiteLLMError(f"its list of deployments does not end after {PAGES} pages")

    def _version(self) -> str:
        """Empty where it is not told."""
        try:
            return _shape(rows.Readiness, self._call("GET", "/health/readiness/details")).litellm_version or ""
        except LiteLLMError:
            return ""

    def _router(self) -> tuple[dict[str, tuple[str, ...]] | None, dict[str, str]]:
        """What the router calls in place of a model that fails (None where it is not told), and its other names."""
        try:
            told = _shape(rows.RouterSettings, self._call("GET", "/router/settings")).current_values
        except LiteLLMError:
            return None, {}
        return fallbacks_of(told), aliases_of(told)

    def _teams(self, ids: Iterable[str]) -> dict[str, Team]:
        """The teams that could be read; one that could not is missing."""
        found = {}
        for team in sorted(ids):
            try:
                told = _shape(rows.TeamInfo, self._call("GET", "/team/info", params={"team_id": team}))
            except LiteLLMError:
                continue
            found[team] = rows.team(team, told)
        return found

    def _takes_values(self) -> bool | None:
        """Whether a key's value may be chosen, which no setting tells: general_settings.disable_custom_api_keys.

        Asked with a value that is none (a key begins with sk-): 403 where values may not be chosen, else 400. Only of
        versions that tell which they are: older ones know no such setting, and may judge a value later.
        """
        body = {"key": "not-a-key", "models": ["no-default-models"], "duration": "1s"}
        try:
            self._call("POST", "/key/generate", json=body)
        except LiteLLMError as error:
            return {400: True, 403: False}.get(error.status)
        return None

    def _call(self, method: str, path: str, *, auth: bool = True, **kwargs: Any) -> Any:
        return _good(self._send(method, self._url + path, self._master if auth else None, **kwargs), auth)

    def _send(self, method: str, url: str, token: Secret | None, **kwargs: Any) -> HttpAnswer:
        try:
            return self._http.request(method, url, token=token, **kwargs)
        except HttpError as error:
            raise LiteLLMError(str(error)) from None


def _good(answer: HttpAnswer, auth: bool = True) -> Any:
    if answer.status == 503 and isinstance(answer.body, dict) and "db" in answer.body:
        return answer.body
    if answer.status not in (200, 201):
        hint = " (is the master key right?)" if answer.status == 401 and auth else ""
        raise LiteLLMError(answer.reason() + hint, answer.status, answer.kind())
    return answer.body


def _never(forever: bool) -> dict[str, str]:
    return {"duration": "-1"} if forever else {}


def _shape(kind: type[T], body: Any) -> T:
    try:
        return rows.shape(kind, body)
    except rows.ShapeError as error:
        raise LiteLLMError(str(error)) from None


def _settled(raw: dict[str, Any]) -> KeyRow:
    """A row without what time and use change of it."""
    return replace(_row(raw), age=None, left=None, spend=None, used=None)


def _row(raw: dict[str, Any]) -> KeyRow:
    try:
        return rows.row(raw)
    except rows.ShapeError as error:
        raise LiteLLMError(str(error)) from None
