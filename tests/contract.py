"""What FleetHub promises on a LiteLLM, seen from outside. Run on the stand-in and on the real one, by import.

A module that imports these tests provides the fixtures ``replicas`` (two proxies on one database),
``slow_replicas`` (two more on it that cache keys for a minute), ``admin``, ``version`` and ``times`` (the proxies'
key cache and the nodes' settle time, as the spec writes them).
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from fleethub.clients import litellm as litellm_client
from fleethub.clients.http import Http
from fleethub.kinds.key.actions import ProveKey
from fleethub.kinds.key.execute import HANDLERS
from fleethub.model.secret import Secret
from fleethub.testing.consumer import Consumer
from tests.fleets import fleet
from tests.proxies import Admin, Endpoint, Times, chat
from tests.support import MASTER, Place, recorded

SCOPES = {
    "volta": {"qwen3-32b", "gemma3-27b"},
    "tiltclaw": {"gemma3-27b", "llama4-scout"},
    "rentalclaw": {"qwen3-32b"},
}
MODELS = ("qwen3-32b", "gemma3-27b", "llama4-scout", "gpt-oss-20b")


def spec(times: Times, *proxies: Endpoint) -> str:
    made = fleet(tuple(p.url for p in proxies), key_cache_ttl=times.ttl).table("defaults.node", settle=times.settle)
    made = made.models(*MODELS).node("volta", "qwen3-32b", "gemma3-27b")
    made = made.node("tiltclaw", "gemma3-27b").node("rentalclaw", "qwen3-32b")
    made = made.key("volta", rpm=60000, tpm=200_000_000, max_budget=20.0, budget_duration="30d")
    return made.key("tiltclaw", also=["llama4-scout"]).text


@pytest.fixture
def place(tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times) -> Place:
    return Place(tmp_path / "fleet", spec(times, replicas[0]))


@pytest.fixture
def applied(place: Place) -> Place:
    place.apply()
    place.plan_is_empty()
    return place


def test_keys_have_scope_limits_and_mark(applied: Place, admin: Admin) -> None:
    for alias, scope in SCOPES.items():
        row = admin.row(alias)
        assert set(row["models"]) == scope  # type: ignore[call-overload]
        mark = row["metadata"]["fleethub"]  # type: ignore[index]
        lockfile = applied.lockfile
        first = {"lineage": lockfile.lineage, "serial": 1, "generation": 1, "apply": lockfile.apply}
        assert mark == {**first, "born": alias, "born_proxy": "main"}
    volta = admin.row("volta")
    limits = {n: volta[n] for n in ("rpm_limit", "tpm_limit", "max_budget", "budget_duration")}
    assert limits == {"rpm_limit": 60000, "tpm_limit": 200_000_000, "max_budget": 20.0, "budget_duration": "30d"}


def test_each_nodes_key_reaches_its_models_and_no_others(applied: Place, replicas: tuple[Endpoint, Endpoint]) -> None:
    for alias, scope in SCOPES.items():
        key = applied.env(alias)["FLEETHUB_KEY_MAIN"]
        for model in MODELS:
            status, kind = chat(replicas[0].url, key, model)
            assert (status == 200) == (model in scope)
            assert model in scope or kind == "key_model_access_denied"


def test_handmade_keys_are_left_alone(place: Place, admin: Admin) -> None:
    admin.generate(key_alias="by-hand", models=["qwen3-32b"], metadata={"mine": True}, rpm_limit=7)
    before = admin.row("by-hand")
    place.apply()
    place.edit('model = "gemma3-27b"', 'model = "gpt-oss-20b"')
    place.apply()
    place.run("destroy", "--auto-approve", code=0)
    assert admin.row("by-hand") == before
    assert [r["key_alias"] for r in admin.rows()] == ["by-hand"]


def test_an_alias_that_is_taken_is_refused_and_left_alone(place: Place, admin: Admin) -> None:
    admin.generate(key_alias="volta", models=["qwen3-32b"])
    before = admin.row("volta")
    out = place.apply(code=6)
    assert "key.alias-taken" in out
    assert admin.row("volta") == before
    assert not (place.folder / "nodes/volta").exists()
    assert (place.folder / "nodes/tiltclaw/.env").exists()


def test_foreign_metadata_and_per_model_limits_stay(applied: Place, admin: Admin) -> None:
    mine = {**admin.row("volta")["metadata"], "note": "by hand"}  # type: ignore[dict-item]
    admin.update("volta", metadata=mine, model_rpm_limit={"gemma3-27b": 5})
    applied.edit("rpm = 60000", "rpm = 5000")
    applied.apply()
    metadata = admin.row("volta")["metadata"]
    assert metadata["note"] == "by hand"  # type: ignore[index]
    assert metadata["model_rpm_limit"] == {"gemma3-27b": 5}  # type: ignore[index]
    assert metadata["fleethub"]["serial"] == 2  # type: ignore[index]
    applied.plan_is_empty()


@pytest.mark.parametrize("name", ["volta-old", None], ids=["another", "none"])
def test_a_key_renamed_in_the_proxy_is_found_and_renamed_back(applied: Place, admin: Admin, name: str | None) -> None:
    before = admin.row("volta")
    admin.update("volta", key_alias=name)
    out = applied.run("plan")
    assert f"renamed to {name or '(no alias)'}" in out
    assert "deleted by hand" not in out
    applied.apply()
    assert admin.row("volta")["token"] == before["token"]
    applied.plan_is_empty()
    if name is not None:
        admin.update("volta", key_alias=name)
    applied.run("destroy", "--auto-approve", code=0)
    assert admin.rows() == []


def test_a_living_key_that_nothing_names_is_told_by_every_plan(applied: Place, admin: Admin) -> None:
    mark = admin.row("volta")["metadata"]
    admin.generate(key_alias="stray", models=["qwen3-32b"], metadata=mark)
    admin.generate(key_alias="by-hand", models=["qwen3-32b"])
    out = applied.run("plan", "--detailed-exitcode", code=0)
    assert "key.orphan" in out
    assert "'stray'" in out
    assert "by-hand" not in out
    admin.update("stray", metadata={"note": "mine"})  # what the hint says
    assert "key.orphan" not in applied.run("plan")


def test_a_key_that_is_deleted_is_seen_to_be(applied: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint]) -> None:
    token = str(admin.row("volta")["token"])
    with closing(Http()) as http:
        api = litellm_client.LiteLLM(http, replicas[0].url, Secret(MASTER))
        assert api.lives(token)
        assert [row.alias for row in api.by_token(token)] == ["volta"]
        admin.delete("volta")
        assert not api.lives(token)
        assert api.by_token(token) == []
        assert not api.lives("ab" * 32)
        assert "volta" not in api.read(known=[token]).keys
    assert "was deleted by hand" in applied.run("plan")


def swap(place: Place, endpoints: tuple[str, ...]) -> Consumer:
    """Move volta to a model that its key did not have, while its agent calls without pause."""
    with Consumer(place.folder / "nodes/volta", endpoints) as agent:
        _calls(agent, 10)
        place.edit('model = "qwen3-32b"\nfallbacks = ["gemma3-27b"]', 'model = "gpt-oss-20b"')
        place.run("apply", "--auto-approve")
        if place.code == 0:
            _calls(agent, 10)
    if place.code != 0:
        # LiteLLM's issue 25553, seen once in some ten runs: traffic that never pauses keeps an old scope alive
        assert _real_old(), place.out
        assert "does not yet give the key" in place.out
        assert set(agent.models) == {"qwen3-32b"}
        place.apply()
        with Consumer(place.folder / "nodes/volta", endpoints) as later:
            _calls(later, 10)
        agent.models.update(later.models)
        agent.denied.extend(later.denied)
    assert not agent.broken
    assert set(agent.models) <= {"qwen3-32b", "gpt-oss-20b"}
    return agent


def _real_old() -> bool:
    real = bool(os.environ.get("FLEETHUB_LITELLM_UP"))
    return real and os.environ.get("FLEETHUB_LITELLM_VERSION", "").startswith("1.82")


def _calls(agent: Consumer, more: int) -> None:
    import time

    wanted, end = agent.calls + more, time.monotonic() + 300
    while agent.calls < wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert agent.calls >= wanted


def test_a_swap_denies_no_call(applied: Place, replicas: tuple[Endpoint, Endpoint], admin: Admin) -> None:
    agent = swap(applied, (replicas[0].url,))
    assert agent.denied == []
    assert agent.models["gpt-oss-20b"] > 0
    assert admin.row("volta")["models"] == ["gpt-oss-20b"]
    applied.plan_is_empty()


def test_a_swap_denies_no_call_on_two_replicas(
    tmp_path: Path, replicas: tuple[Endpoint, Endpoint], admin: Admin, times: Times
) -> None:
    place = Place(tmp_path / "fleet", spec(times, *replicas))
    place.apply()
    agent = swap(place, tuple(p.url for p in replicas))
    assert agent.denied == []
    assert agent.models["gpt-oss-20b"] > 0
    assert admin.row("volta")["models"] == ["gpt-oss-20b"]
    place.plan_is_empty()


def test_without_the_proof_a_swap_denies_calls(
    tmp_path: Path,
    slow_replicas: tuple[Endpoint, Endpoint],
    admin: Admin,
    times: Times,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same test with the prove step broken on purpose: it must notice. A long cache leaves nothing to chance."""
    # a fleet of its own: keys that another test made with the same seed may still be in these caches
    place = Place(tmp_path / "fleet", spec(times, *slow_replicas).replace('name = "monad"', 'name = "unproved"'))
    place.apply()
    monkeypatch.setitem(HANDLERS, ProveKey, lambda do, context: ())
    agent = swap(place, tuple(p.url for p in slow_replicas))
    assert agent.denied
    assert {kind for _, _, kind in agent.denied} == {"key_model_access_denied"}


def test_a_limit_removed_from_the_spec_is_gone(applied: Place, admin: Admin) -> None:
    applied.edit("rpm = 60000\ntpm = 200000000\nmax_budget = 20.0\n", "")
    applied.apply()
    row = admin.row("volta")
    assert [row[n] for n in ("rpm_limit", "tpm_limit", "max_budget")] == [None, None, None]
    assert row["budget_duration"] == "30d"
    applied.plan_is_empty()


def test_budget_duration_is_cleared_or_said_to_be_stuck(applied: Place, admin: Admin, version: str) -> None:
    applied.edit('budget_duration = "30d"\n', "")
    if version.startswith("1.82"):  # it ignores null: the plan says so, and stays blocked
        assert "ignores budget_duration" in applied.apply()
        assert admin.row("volta")["budget_duration"] == "30d"
        assert "key.limit-stuck" in applied.run("plan", code=0)
    else:
        applied.apply()
        assert admin.row("volta")["budget_duration"] is None
        applied.plan_is_empty()


def test_an_unmanaged_limit_is_not_touched(applied: Place, admin: Admin) -> None:
    admin.update("rentalclaw", rpm_limit=11)
    applied.plan_is_empty()
    applied.edit('host = "rentalclaw"\nmodel = "qwen3-32b"', 'host = "rentalclaw"\nmodel = "gemma3-27b"')
    applied.apply()
    assert admin.row("rentalclaw")["rpm_limit"] == 11


def test_a_scope_narrowed_by_hand_is_drift_and_repaired(applied: Place, admin: Admin) -> None:
    admin.update("volta", models=["qwen3-32b"])
    out = applied.run("plan", "--detailed-exitcode", code=2)
    assert "Changed behind our back" in out
    assert "key.main.volta: models changed (will be repaired)" in out
    applied.apply()
    assert set(admin.row("volta")["models"]) == SCOPES["volta"]  # type: ignore[call-overload]
    applied.plan_is_empty()


def test_a_scope_emptied_by_hand_means_all_and_is_narrowed(applied: Place, admin: Admin) -> None:
    admin.update("rentalclaw", models=[])
    assert "(all models)" in applied.run("plan", code=0)
    applied.apply()
    assert admin.row("rentalclaw")["models"] == ["qwen3-32b"]
    applied.plan_is_empty()


def test_drift_is_left_alone_when_the_policy_says_stop(applied: Place, admin: Admin) -> None:
    applied.edit('drift = "repair"', 'drift = "stop"')
    admin.update("volta", models=["qwen3-32b"])
    out = applied.apply()
    assert "drift.stopped" in out
    assert admin.row("volta")["models"] == ["qwen3-32b"]


def test_a_deleted_key_is_revoked_and_made_again_as_the_policy_says(applied: Place, admin: Admin) -> None:
    value = applied.env("volta")["FLEETHUB_KEY_MAIN"]
    admin.delete("volta")
    out = applied.apply()
    assert "key.revoked" in out
    assert admin.rows("volta") == []
    applied.edit('drift = "repair"', 'drift = "repair"\nrevoked = "restore"')
    applied.apply()
    assert set(admin.row("volta")["models"]) == SCOPES["volta"]  # type: ignore[call-overload]
    assert applied.env("volta")["FLEETHUB_KEY_MAIN"] == value
    applied.plan_is_empty()


def test_a_deleted_key_comes_back_with_another_value_when_its_generation_is_raised(
    applied: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint]
) -> None:
    value = applied.env("volta")["FLEETHUB_KEY_MAIN"]
    admin.delete("volta")
    applied.edit("rpm = 60000", "rpm = 60000\ngeneration = 2")
    applied.apply()
    fresh = applied.env("volta")["FLEETHUB_KEY_MAIN"]
    assert fresh != value
    assert chat(replicas[0].url, fresh, "qwen3-32b")[0] == 200
    assert chat(replicas[0].url, value, "qwen3-32b")[0] == 401
    applied.plan_is_empty()


def test_a_blocked_key_is_revoked(applied: Place, admin: Admin) -> None:
    admin.update("tiltclaw", blocked=True)
    assert "blocked by hand" in applied.apply()
    assert admin.row("tiltclaw")["blocked"] is True
    applied.edit('drift = "repair"', 'drift = "repair"\nrevoked = "restore"')
    applied.apply()
    assert not admin.row("tiltclaw")["blocked"]
    applied.plan_is_empty()


def test_litellm_down_is_unknown_and_nothing_is_sent(applied: Place, admin: Admin) -> None:
    before, bytes_before = admin.made(), applied.bytes()
    applied.edit('url = "', 'admin_url = "http://127.0.0.1:9"\nurl = "')
    applied.edit('model = "gemma3-27b"', 'model = "gpt-oss-20b"')
    with recorded() as sent:
        out = applied.apply(code=1)
    assert "proxy.unreadable" in out
    assert {method for method, _ in sent} == {"GET"}
    assert admin.made() == before
    changed = {n for n, b in applied.bytes().items() if bytes_before.get(n) != b}
    assert changed == {"fleet.toml"}


def test_an_apply_of_an_empty_plan_only_reads(applied: Place) -> None:
    before = applied.bytes()
    with recorded() as sent:
        applied.apply()
    assert {method for method, _ in sent} == {"GET"}
    assert applied.bytes() == before


def test_the_wrong_seed_sends_no_request(applied: Place) -> None:
    applied.seed("fhseed1_" + "X" * 43)
    for command in (("plan",), ("apply", "--auto-approve"), ("destroy", "--auto-approve"), ("status",)):
        with recorded() as sent:
            assert "seed.mismatch" in applied.run(*command, code=3)
        assert sent == []


def test_a_clone_that_is_behind_is_told(applied: Place, tmp_path: Path) -> None:
    other = applied.clone(tmp_path / "other")
    applied.edit('model = "gemma3-27b"', 'model = "gpt-oss-20b"')
    applied.apply()
    with recorded() as sent:
        assert "state.behind" in other.run("apply", "--auto-approve", code=4)
    assert {method for method, _ in sent} == {"GET"}
    applied.push(other)
    # the nodes' folders are the first clone's own; for this one they are gone, and its drift policy repairs them
    assert "state.behind" not in other.run("plan")


def test_a_lost_lockfile_is_told_and_made_again(applied: Place) -> None:
    before = applied.lockfile
    (applied.folder / "fleet.lock").unlink()
    assert "state.lost" in applied.run("plan", code=4)
    with recorded() as sent:
        applied.run("state", "rebuild", "--yes", code=0)
    assert {method for method, _ in sent} <= {"GET"}
    assert applied.lockfile.resources == before.resources
    applied.plan_is_empty()


def test_a_node_and_its_key_removed_are_a_clean_delete(applied: Place, admin: Admin) -> None:
    applied.edit('[nodes.rentalclaw]\nhost = "rentalclaw"\nmodel = "qwen3-32b"\n', "")
    applied.apply()
    assert admin.rows("rentalclaw") == []
    assert not (applied.folder / "nodes/rentalclaw/.env").exists()
    assert "node.rentalclaw" not in (applied.folder / "fleet.lock").read_text()
    applied.plan_is_empty()


def test_a_node_that_is_away_for_three_applies(
    applied: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint]
) -> None:
    """It keeps its folder elsewhere meanwhile, and its agent goes on calling what it was told last."""
    folder, away = applied.folder / "nodes/volta", applied.folder / "away"
    folder.rename(away)
    folder.write_text("a file in the folder's place")
    with Consumer(away, (replicas[0].url,)) as agent:
        _calls(agent, 5)
        chain = 'model = "qwen3-32b"\nfallbacks = ["gemma3-27b"]'
        for model in ("gemma3-27b", "llama4-scout", "gpt-oss-20b"):
            applied.edit(f'host = "volta"\n{chain}', f'host = "volta"\nmodel = "{model}"')
            chain = f'model = "{model}"'
            applied.run("apply", "--auto-approve")
            assert applied.code in (1, 6)
            assert "waits for node.volta" in applied.out
            assert "qwen3-32b" in admin.row("volta")["models"]  # type: ignore[operator]
            _calls(agent, 5)
    assert agent.denied == []
    folder.unlink()
    away.rename(folder)
    with Consumer(folder, (replicas[0].url,)) as agent:
        _calls(agent, 5)
        applied.run("apply", "--auto-approve")
        if applied.code == 0:
            _calls(agent, 5)
    if applied.code != 0:  # LiteLLM's issue 25553, as above: without calls in between it comes to know the scope
        assert _real_old(), applied.out
        assert "does not yet give the key" in applied.out
        applied.apply()
        with Consumer(folder, (replicas[0].url,)) as later:
            _calls(later, 5)
        agent.models.update(later.models)
        assert later.denied == []
    assert agent.denied == []
    assert agent.models["gpt-oss-20b"] > 0
    assert admin.row("volta")["models"] == ["gpt-oss-20b"]
    applied.plan_is_empty()


def test_routes_are_made_and_removed_where_the_proxy_stores_models(
    place: Place, admin: Admin, replicas: tuple[Endpoint, Endpoint]
) -> None:
    extra = '[models.stored]\nproxy = "main"\nroute = "openai/stored"\ncontext = 32768\n[defaults.node]'
    place.edit("[defaults.node]", extra)
    place.edit('model = "gemma3-27b"', 'model = "stored"')
    out = place.run("plan", code=3)
    assert "route.missing" in out
    assert "- model_name: stored" in out
    place.edit("key_cache_ttl", "manage_routes = true\nkey_cache_ttl")
    place.apply()
    assert "stored" in {m["model_name"] for m in admin.http.get("/model/info").json()["data"]}
    place.plan_is_empty()
    place.edit('model = "stored"', 'model = "gemma3-27b"')
    place.edit(extra, "[defaults.node]")
    place.apply()
    assert "stored" not in {m["model_name"] for m in admin.http.get("/model/info").json()["data"]}
    place.plan_is_empty()


def test_no_secret_in_any_artefact(applied: Place, capfd: pytest.CaptureFixture[str]) -> None:
    secrets = {applied.env(n)[v] for n in SCOPES for v in ("FLEETHUB_KEY_MAIN", "OPENCLAW_GATEWAY_TOKEN")}
    secrets |= {(applied.folder / "fleet.seed").read_text().strip(), "sk-master-1234"}
    shown = [applied.run(*c) for c in (("plan", "--full"), ("--json", "plan", "--full"), ("status",), ("validate",))]
    shown += [applied.run("show", f"key.main.{n}") for n in SCOPES] + [applied.run("show", "node.volta")]
    shown += [(applied.folder / n).read_text() for n in ("fleet.lock", ".fleethub/journal.ndjson")]
    for text in (*shown, *capfd.readouterr()):
        for secret in secrets:
            assert secret not in text
    assert json.loads(applied.run("--json", "plan").splitlines()[-1])["exit"] == 0
