"""A list of keys that does not add up, or lacks what lives, is no reading: nothing is inferred from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpAnswer
from fleethub.clients.litellm import LiteLLM, LiteLLMError
from fleethub.model.readings.proxy import KeyRow
from fleethub.model.secret import Secret
from fleethub.testing import litellm
from tests.fleets import deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place

Body = dict[str, Any]
Lie = Callable[[Body, int], Body]
MODELS = ("one", "two")


@pytest.fixture(params=["1.106.2", "1.82.0"])
def proxy(request: pytest.FixtureRequest) -> Iterator[litellm.LiteLLM]:
    models = [deployment(m) for m in MODELS]
    with litellm.LiteLLM(models=models, master_key=MASTER, cache_ttl=0.01, version=request.param) as found:
        yield found


@pytest.fixture
def admin(proxy: litellm.LiteLLM) -> Iterator[Admin]:
    found = Admin(proxy.url)
    yield found
    found.http.close()


@pytest.fixture
def api(proxy: litellm.LiteLLM) -> Iterator[LiteLLM]:
    with closing(Http()) as http:
        yield LiteLLM(http, proxy.url, Secret(MASTER))


#: What a list may say; ``page`` is which one it is.
LIES: dict[str, Lie] = {
    "a page lacks a key": lambda body, page: {**body, "keys": body["keys"][1:]},
    "the second page lacks keys": lambda body, page: {**body, "keys": body["keys"][:3] if page > 1 else body["keys"]},
    "no keys at all": lambda body, page: {**body, "keys": []},
    "it ends after the first page": lambda body, page: {**body, "total_pages": 1},
    "it counts fewer than it lists": lambda body, page: {**body, "total_count": body["total_count"] - 1},
    "it counts anew on each page": lambda body, page: {**body, "total_count": body["total_count"] + 1 - page},
    "the same page again": lambda body, page: {**body, "keys": body["keys"][:1] * len(body["keys"])},
    "no key hashes": lambda body, page: {**body, "keys": [{**row, "token": None} for row in body["keys"]]},
    "no count": lambda body, page: {name: value for name, value in body.items() if name != "total_count"},
}
#: Nothing in these contradicts itself; only the keys themselves can tell.
SMOOTH: dict[str, Lie] = {
    "empty": lambda body, page: {**body, "keys": [], "total_count": 0, "total_pages": 0},
    "one key less": lambda body, page: {**body, "keys": body["keys"][1:], "total_count": body["total_count"] - 1},
}


def lying(patch: pytest.MonkeyPatch, lie: Lie, path: str = "/key/list") -> None:
    real = Http.request

    def request(self: Http, method: str, url: str, **kwargs: Any) -> HttpAnswer:
        answer = real(self, method, url, **kwargs)
        if path not in url or answer.status != 200:
            return answer
        return HttpAnswer(200, lie(answer.body, int((kwargs.get("params") or {}).get("page", 1))))

    patch.setattr(Http, "request", request)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_list_that_does_not_add_up_is_no_reading(
    api: LiteLLM, admin: Admin, monkeypatch: pytest.MonkeyPatch, lie: Lie
) -> None:
    for number in range(104):  # two pages
        admin.generate(key_alias=f"k{number:03}", models=["one"])
    assert len(api.read().keys) == 104
    lying(monkeypatch, lie)
    lying(monkeypatch, lambda body, page: {"detail": "Not Found"}, "/spend/keys")
    with pytest.raises(LiteLLMError):
        api.read()


#: What the whole list may say, of 104 keys.
WHOLE: dict[str, Callable[[list[Body]], Any]] = {
    "a key less": lambda rows: rows[1:],
    "another key in the place of a listed one": lambda rows: [{**rows[0], "token": "ab" * 32}, *rows[1:]],
    "one key twice": lambda rows: [rows[1], *rows[1:]],
    "a key more": lambda rows: [*rows, {**rows[0], "token": "ab" * 32}],
    "rows that do not tell what is blocked": lambda rows: [
        {name: value for name, value in row.items() if name != "blocked"} for row in rows
    ],
    "rows whose models are a text": lambda rows: [{**row, "models": "one"} for row in rows],
    "no rows": lambda rows: ["sk-1"] * len(rows),
    "no list": lambda rows: {"detail": "Not Found"},
    "nothing": lambda rows: None,
}


@pytest.mark.parametrize("lie", WHOLE.values(), ids=WHOLE)
def test_many_keys_are_read_at_once_and_page_by_page_where_that_does_not_add_up(
    api: LiteLLM, proxy: litellm.LiteLLM, admin: Admin, monkeypatch: pytest.MonkeyPatch, lie: Callable[[Any], Any]
) -> None:
    for number in range(104):
        admin.generate(key_alias=f"k{number:03}", models=["one"], max_budget=number, blocked=number == 7)
    proxy.database.add("sk-a-session-of-the-page", team_id="litellm-dashboard", spend=1.0)
    begun = len(proxy.requests)
    whole = api.read().keys
    assert [r.path for r in proxy.requests[begun:] if "keys" in r.path or "key/" in r.path] == [
        "/key/list",
        "/spend/keys",
    ]
    with monkeypatch.context() as patch:
        lying(patch, lambda body, page: lie(body), "/spend/keys")
        paged = api.read().keys
    assert still(paged) == still(whole)
    assert len(whole) == 104


def still(keys: Mapping[str, tuple[KeyRow, ...]]) -> dict[str, list[KeyRow]]:
    """Without their ages, and in no order."""
    return {alias: [replace(row, age=None) for row in found] for alias, found in sorted(keys.items())}


@pytest.mark.parametrize("lie", ["no keys at all", "it counts fewer than it lists", "no count"])
def test_the_same_with_a_filter(api: LiteLLM, admin: Admin, monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    admin.generate(key_alias="volta", models=["one"])
    token = str(admin.row("volta")["token"])
    lying(monkeypatch, LIES[lie])
    for ask in (lambda: api.find("volta"), lambda: api.by_token(token)):
        with pytest.raises(LiteLLMError):
            ask()


@pytest.mark.parametrize("lie", SMOOTH.values(), ids=SMOOTH)
def test_a_list_that_lacks_a_key_which_lives_is_no_reading(
    api: LiteLLM, admin: Admin, monkeypatch: pytest.MonkeyPatch, lie: Lie
) -> None:
    admin.generate(key_alias="volta", models=["one"])
    known = str(admin.row("volta")["token"])
    lying(monkeypatch, lie)
    with pytest.raises(LiteLLMError, match="lacks one that lives"):
        api.read(known=[known, "ab" * 32])
    assert "volta" not in api.read(known=["ab" * 32]).keys


def test_a_404_of_something_else_is_not_that_a_key_is_gone(
    api: LiteLLM, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Http.request

    def request(self: Http, method: str, url: str, **kwargs: Any) -> HttpAnswer:
        return HttpAnswer(404, {"detail": "Not Found"}) if "/key/info" in url else real(self, method, url, **kwargs)

    monkeypatch.setattr(Http, "request", request)
    with pytest.raises(LiteLLMError, match="404"):
        api.read(known=["ab" * 32])


@pytest.mark.parametrize("lie", [*SMOOTH.values(), LIES["no keys at all"]], ids=[*SMOOTH, "no keys at all"])
def test_a_fleet_forgets_nothing_by_such_a_list(proxy: litellm.LiteLLM, admin: Admin, tmp_path: Path, lie: Lie) -> None:
    spec = fleet(proxy.url).models(*MODELS).node("volta", "one").key("web", models=["two"])
    place = Place(tmp_path / "fleet", spec.text)
    place.apply()
    before = place.lockfile
    place.write(spec.without("nodes").without("keys").text)
    for command in ("apply", "destroy"):
        with pytest.MonkeyPatch.context() as patch:
            lying(patch, lie)
            place.run("plan")
            assert "lacks one that lives" in place.out or "does not add up" in place.out
            place.run(command, "--auto-approve")
            assert place.code in (1, 6)  # 6 where a node could go
        assert {a for a in before.resources if a.kind == "key"} <= place.lockfile.resources.keys()
        assert {row["key_alias"] for row in admin.rows()} == {"volta", "web"}
    place.apply()
    assert admin.rows() == []


def test_a_deletion_that_did_nothing_is_not_believed(proxy: litellm.LiteLLM, admin: Admin, tmp_path: Path) -> None:
    """The answer echoes what was asked, and the list may be of another moment: the key itself is asked for."""
    spec = fleet(proxy.url).models(*MODELS).key("web", models=["two"])
    place = Place(tmp_path / "fleet", spec.text)
    place.apply()
    place.write(spec.without("keys").text)
    real = Http.request

    def request(self: Http, method: str, url: str, **kwargs: Any) -> HttpAnswer:
        if url.endswith("/key/delete"):
            return HttpAnswer(200, {"deleted_keys": kwargs["json"]["keys"]})
        return real(self, method, url, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Http, "request", request)
        assert "still knows it" in place.apply(code=6)
    assert [str(a) for a in place.lockfile.resources] == ["key.main.web"]
    place.apply()
    assert admin.rows() == []


def test_a_version_is_a_short_word_of_the_proxys(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "1.2.3\n# Now \x1b[2J<b> sk-abcdefghijklmnop " + "x" * 500
    lying(monkeypatch, lambda body, page: {**body, "litellm_version": said}, "/health/readiness")
    with litellm.LiteLLM(master_key=MASTER, version="1.82.0") as proxy, closing(Http()) as http:
        version = LiteLLM(http, proxy.url, Secret(MASTER)).read().version
    assert version.startswith("1.2.3 # Now")
    assert version.isprintable()
    assert len(version) == 60
