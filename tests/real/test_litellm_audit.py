"""The audit of a real LiteLLM: of sixty keys of twelve sorts it finds each sort, and nothing else."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleethub.cli import main
from fleethub.model.exit import Exit
from fleethub.testing.catalog import ALL
from fleethub.testing.ollama import Ollama
from tests.proxies import Admin, chat
from tests.real.conftest import Database, Proxy, _configured
from tests.support import MASTER, recorded

pytestmark = pytest.mark.real

PSQL = "/usr/lib/postgresql/15/bin/psql"
HOME, CLOUD = "qwen3-32b", "cloud"
BOUND: dict[str, Any] = {"models": [HOME], "max_budget": 5.0, "duration": "90d"}
EACH = 5
#: sort -> how LiteLLM is told to make one, and the codes that are found of it.
SORTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "well": ({}, set()),
    "empty": ({"models": []}, {"key-everything"}),
    "every": ({"models": ["all-proxy-models"]}, {"key-everything"}),
    "dead": ({"models": [HOME, "qwen2-72b"]}, {"key-dead-model"}),
    "rich": ({"max_budget": None}, {"key-no-budget"}),
    "endless": ({"duration": None}, {"key-no-expiry"}),
    "ended": ({}, {"key-expired"}),
    "spent": ({}, {"key-spent"}),
    "idle": ({}, {"key-unused"}),
    "twin": ({}, {"alias-twice"}),
    "nameless": ({}, {"key-nameless"}),
    "team": ({"models": [], "max_budget": None}, set()),  # its team's list and budget bound it
}


@pytest.fixture(scope="module")
def ollama() -> Iterator[Ollama]:
    with Ollama(models=ALL) as server:
        yield server


@pytest.fixture(scope="module")
def audited(replicas: tuple[Proxy, Proxy], logs: Path, database: Database, ollama: Ollama) -> Iterator[Proxy]:
    """One more on the same database, with routes to an Ollama and a cloud."""

    def model(alias: str, tag: str, **params: object) -> dict[str, Any]:
        base = {"model": f"ollama_chat/{tag}", "api_base": ollama.url, "num_ctx": 8192, "mock_response": "hi"}
        return {"model_name": alias, "litellm_params": base | params}

    models = [
        model(HOME, "qwen3:32b"),
        model("gpt-oss-120b", "gpt-oss:120b"),
        model("loose", "qwen3:32b", num_ctx=None),
        {"model_name": CLOUD, "litellm_params": {"model": "openai/gpt-4o", "api_key": "none", "mock_response": "hi"}},
    ]
    fallbacks = [{HOME: [CLOUD, "gpt-oss-120b"]}, {"loose": ["gone"]}]
    config = {"model_list": models, "router_settings": {"fallbacks": fallbacks}}
    yield from _configured(logs, database, "audit", config)


@pytest.fixture
def sql(database: Database) -> Callable[[str], None]:
    def run(statement: str) -> None:
        where = ["-h", "127.0.0.1", "-p", str(database.port), "-U", "postgres", "-d", "litellm"]
        subprocess.run([PSQL, *where, "-qc", statement], check=True, capture_output=True)

    return run


def audit(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *argv: str) -> list[dict[str, Any]]:
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    with pytest.raises(SystemExit), recorded() as sent:
        main(["--json", "audit", *argv])
    assert {method for method, _ in sent} <= {"GET", "POST"}
    assert [path for method, path in sent if method == "POST" and path != "/api/show"] == []  # Ollama's way to read
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_sixty_keys_of_twelve_sorts(
    audited: Proxy,
    admin: Admin,
    sql: Callable[[str], None],
    ollama: Ollama,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    team = admin.http.post("/team/new", json={"team_alias": "agents", "models": [HOME], "max_budget": 50})
    team.raise_for_status()
    wanted: Counter[tuple[str, str]] = Counter()
    for sort, (fields, codes) in SORTS.items():
        for number in range(EACH):
            alias = f"{sort}-{number}"
            body = {**BOUND, "key_alias": alias, **fields}
            if sort == "team":
                body["team_id"] = team.json()["team_id"]
            admin.generate(**{name: value for name, value in body.items() if value is not None})
            if sort not in ("twin", "nameless"):
                wanted.update((code, f"key.main.{alias}") for code in codes)
    wanted.update([("alias-twice", "key.main.twin"), ("key-nameless", "")])
    table = 'update "LiteLLM_VerificationToken" set'
    sql(f"{table} expires = now() - interval '2 days' where key_alias like 'ended-%'")
    sql(f"{table} spend = 6 where key_alias like 'spent-%'")
    sql(f"{table} created_at = now() - interval '100 days' where key_alias like 'idle-%' or key_alias like 'well-%'")
    sql(f"{table} spend = 1, last_active = now() where key_alias like 'well-%'")
    sql(f"{table} key_alias = 'twin' where key_alias like 'twin-%'")
    sql(f"{table} key_alias = null where key_alias like 'nameless-%'")
    assert len(admin.rows()) == EACH * len(SORTS) == 60

    lines = audit(capsys, monkeypatch, audited.url, "--trust", ollama.url, "--vram", "127.0.0.1=48GiB")
    assert lines[-1].get("exit") == Exit.REFUSED, lines
    found = Counter(
        (line["code"].removeprefix("audit."), line["address"] or "") for line in lines if line["type"] == "finding"
    )
    routes = {
        ("route-no-context", "route.main.loose"),
        ("fallback-leaves", f"route.main.{HOME}"),
        ("fallback-missing", "route.main.loose"),
        ("models-do-not-fit", "backend.127.0.0.1"),
    }
    found.pop(("master-key-used", ""), None)  # of another test on the same database
    assert found == wanted + Counter(routes)
    (about,) = [line for line in lines if line["type"] == "audit"]
    assert (about["keys"], about["models"]) == (60, 4)
    assert about["next"].endswith(f"init --discover --proxy {audited.url}")


def test_who_calls_with_the_master_key_is_told(
    audited: Proxy, admin: Admin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its database has it some seconds later, with the next batch."""
    assert chat(audited.url, MASTER, CLOUD)[0] == 200
    for _ in range(60):
        lines = audit(capsys, monkeypatch, audited.url)
        told = [line["message"] for line in lines if line.get("code") == "audit.master-key-used"]
        if told:
            break
        time.sleep(2)
    assert "with the master key" in told[0]


def test_servers_that_a_foreign_proxy_names_are_not_asked_unless_they_are_trusted(
    audited: Proxy,
    admin: Admin,
    ollama: Ollama,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admin.generate(key_alias="one", **BOUND)
    with recorded() as sent:
        lines = audit(capsys, monkeypatch, audited.url)
    assert not [path for _, path in sent if path.startswith("/api/")]
    (about,) = [line for line in lines if line["type"] == "audit"]
    assert any(f"{ollama.url} was not asked" in note and f"--trust {ollama.url}" in note for note in about["notes"])
