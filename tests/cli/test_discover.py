"""``init --discover``: a first spec of what runs, and import after it. Nothing changes but what was shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.testing.litellm import LiteLLM
from fleethub.testing.ollama import Ollama
from tests.fleets import deployment
from tests.proxies import Admin
from tests.support import MASTER, Place, recorded


@pytest.fixture
def gpu() -> Iterator[Ollama]:
    server = Ollama()
    yield server
    server.stop()


@pytest.fixture
def proxy(gpu: Ollama) -> Iterator[LiteLLM]:
    unsaid = {"model_name": "cloud", "litellm_params": {"model": "openai/cloud"}, "model_info": {"id": "cloud"}}
    with LiteLLM(models=[deployment("qwen3-32b", gpu.url), unsaid], master_key=MASTER) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "fleet", "")
    (found.folder / "fleet.toml").unlink()
    (found.folder / "fleet.seed").unlink()
    return found


def test_discover_then_import_then_nothing_to_do(place: Place, proxy: LiteLLM, gpu: Ollama) -> None:
    admin = Admin(proxy.url)
    admin.generate(key_alias="web", models=["qwen3-32b"], rpm_limit=9, max_parallel_requests=4)
    admin.generate(key_alias="both", models=["qwen3-32b", "cloud"])
    rows = admin.made()
    ask = ("--trust", gpu.url, "init", "monad", "--discover", "--proxy", f"llm={proxy.url}")
    with recorded() as sent:
        out = place.run(*ask, "--dry-run", code=0)
        assert place.bytes() == {}
        assert "route.llm.cloud: nothing there tells its context; say it: --context cloud=TOKENS" in out
        place.run(*ask, "--context", "cloud=8192", "--yes", code=0)
    text = (place.folder / "fleet.toml").read_text()
    for line in ("[proxies.llm]", f'url = "{gpu.url}"', "context = 32768", "context = 8192", "rpm = 9", "[keys.both]"):
        assert line in text
    assert not (place.folder / "fleet.lock").exists()
    assert "key.alias-taken" in place.run("plan", code=3)
    with recorded() as more:
        place.run("import", "--all", "--yes", code=0)
        place.plan_is_empty()
    assert {method for method, _ in (*sent, *more)} == {"GET"}
    assert admin.made() == rows
    before = place.bytes()
    assert "Nothing to write" in place.run("init", "--discover", "--yes", code=0)
    assert place.bytes() == before


def test_what_is_not_known_here_is_not_asked(place: Place, proxy: LiteLLM, gpu: Ollama) -> None:
    out = place.run("init", "monad", "--discover", "--proxy", proxy.url, "--dry-run", code=0)
    assert f"backend at {gpu.url}: not known here, so its models go without: --trust {gpu.url}" in out
    assert gpu.requests == []


def test_a_proxy_that_does_not_answer_is_no_empty_one(place: Place) -> None:
    out = place.run("init", "monad", "--discover", "--proxy", "http://127.0.0.1:9", "--dry-run", code=1)
    assert "proxy.main: it could not be read, so nothing of it is known" in out
    out = place.run("init", "monad", "--discover", "--proxy", "http://127.0.0.1:9", "--yes", code=1)
    assert "not written: no proxy could be read" in out
    assert place.bytes() == {}


WRONG = [
    ((), "name a LiteLLM to ask"),
    (("--proxy", "llm:4000"), "it is [NAME=]URL[=REF]"),
    (("--proxy", "http://a:1", "--proxy", "main=http://b:1"), "there is a proxy 'main' already"),
    (("--proxy", "http://a:1=sk-literal-secret-12345678"), "it is [NAME=]URL[=REF]"),
    (("--proxy", "http://a:1", "--context", "x"), "is not ALIAS=TOKENS"),
]


@pytest.mark.parametrize(("argv", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_is_wrong_is_said(place: Place, argv: tuple[str, ...], says: str) -> None:
    out = place.run("init", "monad", "--discover", *argv, code=1)
    assert says in out
    assert place.bytes() == {}


def test_the_lines_for_machines(place: Place, proxy: LiteLLM) -> None:
    place.run("--json", "init", "monad", "--discover", "--proxy", proxy.url, "--dry-run", code=0)
    lines = [json.loads(line) for line in place.out.splitlines()]
    assert {line["type"] for line in lines} >= {"import", "left", "summary"}
    assert lines[-1] == {"type": "summary", "exit": 0, "written": []}


ODD: dict[str, tuple[dict[str, object], str]] = {
    "no url": ({"model": "ollama_chat/m", "api_base": "http://[bad", "num_ctx": 9}, "its api_base is no URL"),
    "a port that is none": (
        {"model": "ollama_chat/m", "api_base": "http://h:99999", "num_ctx": 9},
        "backend at http://h:99999: the spec cannot say it",
    ),
    "no context": ({"model": "openai/m", "num_ctx": 0}, "its deployments say 0 tokens; say it: --context odd=TOKENS"),
    "a route of two lines": ({"model": "a\nb", "num_ctx": 9}, "route.main.odd: the spec cannot say it: models.odd"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_the_spec_cannot_say_stops_nothing_else(place: Place, name: str) -> None:
    params, said = ODD[name]
    rows = [{"model_name": "odd", "litellm_params": params}]
    rows.append({"model_name": "good", "litellm_params": {"model": "openai/good", "num_ctx": 4096}})
    with LiteLLM(models=rows, master_key=MASTER) as server:
        admin = Admin(server.url)
        admin.generate(key_alias="web", models=["good", "odd"], rpm_limit=2**60, max_parallel_requests=2**40)
        admin.generate(key_alias="sk-canary-in-the-alias", models=["good"])
        admin.generate(key_alias='back\\slash "x"', models=["good"])
        theirs = {"lineage": "f" * 32, "serial": 1, "generation": 1}
        admin.generate(key_alias="theirs", models=["good"], metadata={"fleethub": theirs})
        out = place.run("init", "monad", "--discover", "--proxy", server.url, "--yes", code=0)
        assert said in out
        assert "canary" not in out
        assert "key.main: 1 key of other fleets of FleetHub, left alone" in out
        place.run("import", "--all", "--yes", code=0)
        taken = {str(address) for address in place.lockfile.resources}
        assert taken == {"key.main.web", 'key.main.back\\slash "x"'}
        place.plan_is_empty()
        asked = place.run("import", "key.main.theirs", "--yes", code=3)
        assert "key.main.theirs: another fleet of FleetHub made it" in asked
        assert "no proxy has a model of that name" in place.run("import", "--all", "--context", "gud=9", code=1)


def test_a_key_of_one_alias_on_two_proxies_is_taken_where_it_can_be(place: Place, proxy: LiteLLM, gpu: Ollama) -> None:
    cloud = [{"model_name": "cloud", "litellm_params": {"model": "openai/c", "num_ctx": 9000}}]
    with LiteLLM(models=cloud, master_key=MASTER) as second:
        for alias, fields in {"both": {}, "half": {"blocked": True}}.items():
            Admin(proxy.url).generate(key_alias=alias, models=["qwen3-32b"])
            Admin(second.url).generate(key_alias=alias, models=["cloud"], **fields)
        proxies = ("--proxy", f"a={proxy.url}", "--proxy", f"b={second.url}")
        out = place.run("init", "monad", "--discover", *proxies, "--yes", code=0)
        assert "key.b.half: blocked is True, and would become False" in out
        out = place.run("import", "--all", "--yes", code=0)
        assert "key.b.half: the spec names no model of it on b" in out
        place.plan_is_empty()
        assert {str(a) for a in place.lockfile.resources} == {"key.a.both", "key.b.both", "key.a.half"}
