"""Reading an Ollama: the facts that decide sizes, once per digest; old servers and hostile answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.clients.http import Http
from fleethub.clients.ollama import EVERY, Ollama, OllamaError, facts, parameters, tensors
from fleethub.model.readings.server import Shown, Tensor
from fleethub.testing.catalog import ALL
from fleethub.testing.catalog.build import cloud, created
from fleethub.testing.ollama import Ollama as StandIn

GIVEN = {m["name"]: m for m in ALL}


class Memory(dict[str, Shown]):
    """A cache that remembers in memory."""

    def put(self, digest: str, shown: Shown) -> None:
        self[digest] = shown


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn(models=ALL) as found:
        yield found


@pytest.fixture
def http() -> Iterator[Http]:
    found = Http()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("told", "reading"),
    [
        ("2026-11-28T10:00:00.123456789+01:00", "2026-11-28T09:00:00.123456+00:00"),
        ("2026-11-28T09:00:00.123456Z", "2026-11-28T09:00:00.123456+00:00"),
        *((told, "") for told in ("", "yesterday", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:00", None)),
    ],
)
def test_when_a_model_came_is_one_moment_in_every_zone(
    server: StandIn, http: Http, told: str | None, reading: str
) -> None:
    answers(server, "/api/tags", {"models": [{"name": "qwen3:32b", "modified_at": told}]})
    assert Ollama(http, server.url).read(()).installed["qwen3:32b"].modified == reading


def test_the_facts_of_the_asked_models(server: StandIn, http: Http) -> None:
    server.models["qwen3:32b"]["model_info"]["tokenizer.ggml.tokens"] = ["a"] * 10
    server.models["qwen3:32b"]["model_info"]["qwen3.vector"] = [1, 2, 3]
    server.models["qwen3:32b"]["parameters"] = 'num_ctx   4096\nstop    "<a>"\nstop    "<b>"\n'
    reading = Ollama(http, server.url).read(("qwen3:32b", "not-installed"))
    given_, shown = GIVEN["qwen3:32b"], reading.installed["qwen3:32b"].shown
    assert shown is not None
    assert shown.info["qwen3.vector"] == [1, 2, 3], "verbose was asked for"
    assert not [key for key in shown.info if key.startswith("tokenizer.")]
    assert len(shown.tensors) == len(given_["tensors"])
    assert shown.tensors[0] == Tensor(
        given_["tensors"][0]["name"], given_["tensors"][0]["type"].upper(), tuple(given_["tensors"][0]["shape"])
    )
    assert shown.parameters == {"num_ctx": "4096", "stop": '"<a>"\n"<b>"'}
    assert shown.capabilities == tuple(given_["capabilities"])
    assert [t for t, m in reading.installed.items() if m.shown] == ["qwen3:32b"]


def test_every_model_can_be_asked_for(server: StandIn, http: Http) -> None:
    reading = Ollama(http, server.url).read(("qwen3:32b", EVERY))
    assert len(reading.installed) == len(GIVEN)
    assert all(m.shown for m in reading.installed.values())


def test_facts_are_asked_once_per_digest(server: StandIn, http: Http) -> None:
    cache = Memory()
    first = Ollama(http, server.url, cache).read(("qwen3:32b",))
    second = Ollama(http, server.url, cache).read(("qwen3:32b",))
    assert first.installed == second.installed
    assert [r.path for r in server.requests].count("/api/show") == 1
    server.models["qwen3:32b"]["digest"] = "f" * 64
    Ollama(http, server.url, cache).read(("qwen3:32b",))
    assert [r.path for r in server.requests].count("/api/show") == 2


def test_residents_say_until_when(server: StandIn, http: Http) -> None:
    server.load("qwen3:32b", 4096, keep_alive=-1)
    (resident,) = Ollama(http, server.url).read(()).residents
    assert (resident.context, resident.until[:4]) == (4096, "2319")


def answers(server: StandIn, path: str, body: Any) -> None:
    """Every answer of one path is this one."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    server.mangle = lambda asked, old: data if asked == path else old


@pytest.mark.parametrize(
    "body",
    [
        {"model_info": None, "tensors": None, "parameters": None, "capabilities": None},
        {},
        {"model_info": [1], "tensors": {"a": 1}, "parameters": 7, "capabilities": "x", "projector_info": 1},
        {"tensors": [{"name": "a", "type": "F16", "shape": [-1]}]},
        {"tensors": [{"name": "a", "type": "F16", "shape": [1]}, {"name": "b"}], "model_info": {"a": {"b": 1}}},
    ],
)
def test_a_server_that_tells_little_leaves_it_empty(server: StandIn, http: Http, body: Any) -> None:
    answers(server, "/api/show", body)
    cache = Memory()
    shown = Ollama(http, server.url, cache).read(("qwen3:32b",)).installed["qwen3:32b"].shown
    assert shown == Shown({})
    assert not cache, "what tells nothing is asked again"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/version", {"version": 3}),
        ("/api/version", {"version": "0.32\x1b[2J"}),
        ("/api/version", b"[" * 100_000),
        ("/api/tags", {"models": [{"name": None}, 3]}),
        ("/api/tags", {"models": [{"name": "a", "size": -1}]}),
        ("/api/tags", {"models": [{"name": "a", "size": 10**30}]}),
        ("/api/tags", {"models": {"name": "a"}}),
        ("/api/ps", {"models": [{"name": "a", "size": "many"}]}),
        ("/api/ps", {"models": [{"name": "a", "context_length": -4}]}),
        ("/api/ps", b"<html>"),
        ("/api/show", []),
        ("/api/show", b"no"),
    ],
)
def test_a_hostile_answer_is_an_error(server: StandIn, http: Http, path: str, body: Any) -> None:
    answers(server, path, body)
    with pytest.raises(OllamaError) as caught:
        Ollama(http, server.url).read(("qwen3:32b",))
    assert str(caught.value).isprintable()


def test_nulls_are_nothing(server: StandIn, http: Http) -> None:
    answers(server, "/api/ps", {"models": [{"name": "a", "size": None, "size_vram": None, "digest": None}]})
    (resident,) = Ollama(http, server.url).read(()).residents
    assert (resident.size, resident.size_vram, resident.digest, resident.context, resident.until) == (
        0,
        0,
        "",
        None,
        "",
    )


def test_a_model_that_cannot_be_shown_hides_no_other(server: StandIn, http: Http) -> None:
    server.routes[("POST", "/api/show")] = lambda request: server.unrouted(False)
    reading = Ollama(http, server.url).read(("qwen3:32b",))
    assert reading.installed["qwen3:32b"].shown is None


tree = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(tree)
def test_any_value_is_read_without_a_traceback(value: Any) -> None:
    assert all(not isinstance(v, dict) for v in facts(value).values())
    assert tensors(value) == () or isinstance(value, list)
    assert all(isinstance(v, str) for v in parameters(value).values())


def test_files_and_clouds_are_told(server: StandIn, http: Http) -> None:
    twin = created(GIVEN["qwen3:32b"], "twin:latest", beside=(("adapter", "a" * 64),))
    server.models |= {"twin:latest": twin, "big:120b-cloud": cloud("big:120b-cloud", "big:120b")}
    reading = Ollama(http, server.url).read(("twin", "library/Qwen3:32b", "big:120b-cloud"))
    one, other = reading.installed["qwen3:32b"].shown, reading.installed["twin:latest"].shown
    assert one is not None
    assert other is not None
    assert one.weights == other.weights == GIVEN["qwen3:32b"]["digest"]
    assert (one.beside, other.beside) == ((), (f"adapter {'a' * 64}",))
    assert (reading.installed["big:120b-cloud"].remote, reading.installed["big:120b-cloud"].shown) == (
        "ollama.com",
        None,
    )
    assert reading.installed["qwen3:32b"].remote == ""
