"""Nodes that somebody set up by hand, in four styles: discovered, imported, and not one byte of them changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleethub.formats import json5
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.tangleclaw import TangleClaw
from tests.proxies import Admin, chat
from tests.support import MASTER, Place, recorded

MODELS = ("qwen3-32b", "gemma3-27b", "gpt-oss-20b")
JSON5 = """// by hand, since 2024
{ gateway: { mode: 'local', port: 18789 }, channels: { telegram: { enabled: true, botToken: "${TG}" } }, /* bot */
  models: { providers: { llm: { baseUrl: "http://litellm:4000/v1", apiKey: "${LLM_KEY}", models: [
    { id: "qwen3-32b", name: "q", contextWindow: 32768 }, { id: "gemma3-27b", name: "g" } ] } } },
  agents: { defaults: { model: { primary: "llm/qwen3-32b", fallbacks: ["llm/gemma3-27b"] } } } }
"""
CONNECTIONS = [
    {"name": "TiLT Claw", "host": "tilt.example", "sshUser": "ops", "instanceDir": "/srv/x", "gatewayToken": "tok-1"},
    {"name": "Lost", "host": "h", "sshUser": None, "instanceDir": None, "gatewayToken": "tok-2"},
]


@pytest.fixture
def proxy() -> Iterator[LiteLLM]:
    rows = [{"model_name": m, "litellm_params": {"model": f"openai/{m}", "num_ctx": 32768}} for m in MODELS]
    with LiteLLM(models=rows, master_key=MASTER) as server:
        yield server


@dataclass
class Estate:
    """A folder with nodes in it, and the values of their keys."""

    place: Place
    admin: Admin
    keys: dict[str, str]
    discover: tuple[str, ...]

    def put(self, path: str, text: str) -> None:
        file = self.place.folder / "nodes" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def files(self) -> dict[str, bytes]:
        """What somebody else wrote: FleetHub's own folder beside it is not that."""
        every = self.place.bytes().items()
        return {name: data for name, data in every if name.startswith("nodes/") and "/.fleethub/" not in name}


@pytest.fixture
def estate(tmp_path: Path, proxy: LiteLLM) -> Estate:
    admin = Admin(proxy.url)
    keys = {
        "volta": admin.generate(key_alias="volta", models=["qwen3-32b", "gemma3-27b"], rpm_limit=700),
        "shared": admin.generate(key_alias="shared", models=[]),
        "Web UI": admin.generate(key_alias="Web UI", models=["qwen3-32b"], metadata={"owner": "ops"}),
    }
    place = Place(tmp_path / "fleet", "")
    for name in ("fleet.toml", "fleet.seed"):
        (place.folder / name).unlink()
    nodes = ("volta", "a", "b", "ui", "broken", "nobodys")
    named = [word for name in nodes for word in ("--node", f"nodes/{name}")]
    found = Estate(place, admin, keys, ("init", "monad", "--discover", "--proxy", proxy.url, *named))
    found.put("volta/openclaw.json", JSON5)
    found.put("volta/.env", f"# env\nTG='x'\nLLM_KEY={keys['volta']} # mine\n")
    found.put("volta/docker-compose.yml", "services: {openclaw: {image: 'openclaw:local'}, caddy: {image: caddy}}\n")
    provider = {"baseUrl": f"{proxy.url}/v1", "apiKey": keys["shared"], "models": [{"id": "gpt-oss-20b", "name": "x"}]}
    config = {"models": {"providers": {"p": provider}}, "agents": {"defaults": {"model": "p/gpt-oss-20b"}}}
    for name in ("a", "b"):
        found.put(f"{name}/openclaw.json", json.dumps(config, indent=2))
    env = {"OPENAI_API_BASE_URL": f"{proxy.url}/v1", "OPENAI_API_KEY": keys["Web UI"], "DEFAULT_MODELS": "qwen3-32b"}
    found.put("ui/.env", "OTHER=1\n" + "".join(f"{name}={value}\n" for name, value in env.items()))
    found.put("broken/openclaw.json", "{ broken")
    other = {**provider, "apiKey": "sk-nobody-knows-this-key"}
    found.put("nobodys/openclaw.json", json.dumps({**config, "models": {"providers": {"p": other}}}))
    return found


def test_the_estate_is_taken_in_and_not_one_byte_changes(estate: Estate) -> None:
    place, rows, files = estate.place, estate.admin.made(), estate.files()
    with TangleClaw(connections=CONNECTIONS) as tangleclaw, recorded() as sent:
        out = place.run(*estate.discover, "--tangleclaw", tangleclaw.url, "--yes", code=0)
        imported = place.run("import", "--all", "--yes", code=0)
        place.plan_is_empty()
        place.apply()
    assert {method for method, _ in sent} == {"GET"}
    assert estate.admin.made() == rows
    assert estate.files() == files
    assert "key of its provider 'p' is none that main lists" in out
    assert "--trust ssh://ops@tilt.example" in out
    assert "TangleClaw knows no folder of 'Lost'" in out
    assert "tok-" not in out
    taken = {str(address) for address in place.lockfile.resources}
    assert taken == {*(f"key.main.{a}" for a in estate.keys), *(f"node.{n}" for n in ("volta", "a", "b", "ui"))}
    text = (place.folder / "fleet.toml").read_text()
    assert text.count('key = "shared"') == 2
    assert '[nodes.ui]\nhost = "ui"\ntarget = "nodes/ui"\ntype = "envfile"\nkey = "Web UI"\n' in text
    mine = text + (place.folder / "fleet.lock").read_text() + out + imported
    tokens = [str(row["token"]) for row in rows]
    assert [value for value in (*estate.keys.values(), *tokens) if value in mine] == []


def test_a_node_is_imported_with_its_key(estate: Estate) -> None:
    estate.place.run(*estate.discover, "--yes", code=0)
    estate.place.run("import", "node.a", "--yes", code=0)
    assert sorted(map(str, estate.place.lockfile.resources)) == ["key.main.shared", "node.a"]
    assert "there is no node.zeta to import" in estate.place.run("import", "node.zeta", "--yes", code=1)


def test_an_adopted_node_is_swapped_and_its_key_rotated(estate: Estate, proxy: LiteLLM) -> None:
    place = estate.place
    place.run(*estate.discover, "--yes", code=0)
    place.edit("[proxies.main]\n", '[defaults.node]\nsettle = "0s"\n\n[proxies.main]\nkey_cache_ttl = "10ms"\n')
    place.run("import", "--all", "--yes", code=0)
    before = estate.files()
    assert "key.kept-unproved" not in place.run("assign", "volta", "gpt-oss-20b", "--yes", code=0)
    assert "not proved" not in place.apply()
    place.plan_is_empty()
    after = estate.files()
    assert [name for name in before if after[name] != before[name]] == ["nodes/volta/openclaw.json"]
    text = after["nodes/volta/openclaw.json"].decode()
    for kept in ("// by hand, since 2024", "/* bot */", 'botToken: "${TG}"', 'apiKey: "${LLM_KEY}"'):
        assert kept in text
    assert set(estate.admin.row("volta")["models"]) == {"gpt-oss-20b", "gemma3-27b"}  # type: ignore[call-overload]
    assert chat(proxy.url, estate.keys["volta"], "gpt-oss-20b")[0] == 200
    place.run("rotate", "volta", "--yes", code=0)
    told = place.run("verify", "volta", code=0)
    assert "a value that the key volta had before" in told, "the one that it was found with"
    place.apply()
    place.plan_is_empty()
    last = estate.files()
    assert [name for name in after if last[name] != after[name]] == ["nodes/volta/.env"]
    env = last["nodes/volta/.env"].decode()
    assert env.startswith("# env\nTG='x'\nLLM_KEY='sk-")
    assert env.endswith("' # mine\n")
    new = env.partition("LLM_KEY='")[2].partition("'")[0]
    assert chat(proxy.url, new, "gpt-oss-20b")[0] == 200
    assert chat(proxy.url, estate.keys["volta"], "gpt-oss-20b")[0] == 401


def test_verify_asks_with_the_key_that_a_node_has(estate: Estate) -> None:
    place = estate.place
    place.run(*estate.discover, "--yes", code=0)
    place.run("import", "--all", "--yes", code=0)
    assert "listed" in place.run("verify", "volta", code=0)
    assert "listed" in place.run("verify", "ui", code=0)
    out = place.run("verify", "a", code=0)  # it has no .env: its key stands in its config
    assert "listed" in out
    assert estate.keys["shared"] not in out
    estate.put("a/openclaw.json", (place.folder / "nodes/a/openclaw.json").read_text().replace("sk-", "sk-not-"))
    assert "verify.key-refused" in place.run("verify", "a", code=3)


def test_of_nodes_that_the_spec_cannot_have_the_keys_are_taken(estate: Estate, proxy: LiteLLM) -> None:
    place = estate.place
    provider = {"baseUrl": f"{proxy.url}/v1", "apiKey": "${K}", "models": [{"id": "qwen3-32b"}]}
    config = {"models": {"providers": {"p": provider}}, "agents": {"defaults": {"model": "p/qwen3-32b"}}}
    for name, more in (("latin", {}), ("port", {"gateway": {"port": 99999}}), ("folder", {})):
        estate.put(f"{name}/openclaw.json", json.dumps(config | more))
        if name != "folder":
            estate.put(f"{name}/.env", f"K={estate.keys['volta']}\n")
    (place.folder / "nodes/latin/.env").write_bytes(b"# caf\xe9\nK=" + estate.keys["volta"].encode() + b"\n")
    (place.folder / "nodes/folder/.env").mkdir()
    named = [word for name in ("latin", "port", "folder", "a") for word in ("--node", f"nodes/{name}")]
    twice = ["--node", "second=nodes/a"]
    out = place.run("init", "monad", "--discover", "--proxy", proxy.url, *named, *twice, "--yes", code=0)
    assert "node.latin: .env: it is not UTF-8, so it is left alone" in out
    assert "node.port: nodes/port: the spec cannot say it: nodes.port.port must be 65535 or less" in out
    assert "node.folder: nodes/folder: its .env is no file of its own (folder), so what it calls is not known" in out
    assert "node.second: nodes/a: the spec cannot say it: nodes a and second have the same target" in out
    assert "the spec names no model of it" not in out
    place.run("import", "--all", "--yes", code=0)
    place.plan_is_empty()
    taken = {str(address) for address in place.lockfile.resources}
    assert taken == {*(f"key.main.{a}" for a in estate.keys), "node.a"}


def test_a_provider_of_somebody_elses_may_be_called_as_fleethubs_own(estate: Estate, proxy: LiteLLM) -> None:
    place, models = estate.place, [{"id": "gpt-oss-20b"}]
    provider = {"baseUrl": f"{proxy.url}/v1", "apiKey": estate.keys["shared"], "models": models}
    config = {"models": {"providers": {"fleethub-main": provider}}, "agents": {"defaults": {"model": "x"}}}
    estate.put("a/openclaw.json", json.dumps(config).replace('"x"', '"fleethub-main/gpt-oss-20b"'))
    place.run(*estate.discover, "--yes", code=0)
    place.edit("[proxies.main]\n", '[defaults.node]\nsettle = "0s"\n\n[proxies.main]\nkey_cache_ttl = "10ms"\n')
    place.run("import", "--all", "--yes", code=0)
    place.plan_is_empty()
    place.run("assign", "a", "qwen3-32b", "--yes", code=0)
    place.apply()
    place.plan_is_empty()
    assert estate.keys["shared"].encode() in estate.files()["nodes/a/openclaw.json"]


def test_an_uninstall_denies_no_node_that_runs_on_and_can_be_taken_back(estate: Estate, proxy: LiteLLM) -> None:
    place = estate.place
    place.run(*estate.discover, "--yes", code=0)
    place.edit("[proxies.main]\n", '[defaults.node]\nsettle = "0s"\n\n[proxies.main]\nkey_cache_ttl = "10ms"\n')
    place.run("import", "--all", "--yes", code=0)
    was = estate.files()
    place.run("assign", "b", "qwen3-32b", "--yes", code=0)
    place.run("assign", "volta", "gpt-oss-20b", "--yes", code=0)
    place.run("rotate", "volta", "--yes", code=0)
    place.apply()
    files = estate.files()
    value = files["nodes/volta/.env"].decode().partition("LLM_KEY='")[2].partition("'")[0]
    out = place.run("destroy", "--auto-approve", code=0)
    assert "key.main.volta" in out
    assert "it was there before FleetHub, and gets its models back (gemma3-27b, qwen3-32b)" in out
    assert "its process goes on, and it gets back what it called before" in out
    now = estate.files()
    for name in ("a", "b", "volta"):
        config = f"nodes/{name}/openclaw.json"
        had, has = json5.read(was[config]), json5.read(now[config])
        assert had == has is not None, "a model that came into a provider of his goes with FleetHub"
    assert now["nodes/volta/.env"] == files["nodes/volta/.env"], "its key has a new value"
    assert [row for row in estate.admin.rows() if "fleethub" in row["metadata"]] == []  # type: ignore[operator]
    assert {row["key_alias"] for row in estate.admin.rows()} == set(estate.keys)
    assert chat(proxy.url, value, "qwen3-32b")[0] == 200
    assert chat(proxy.url, estate.keys["shared"], "qwen3-32b")[0] == 200
    rows = estate.admin.made()
    for node, model in (("b", "gpt-oss-20b"), ("volta", "qwen3-32b")):
        place.run("assign", node, model, "--yes", code=0)
    place.run("import", "--all", "--yes", code=0)
    place.plan_is_empty()
    assert estate.admin.made() == rows
    assert {str(a) for a in place.lockfile.resources} >= {"key.main.volta", "key.main.shared", "node.volta", "node.b"}


def test_a_lockfile_that_is_lost_does_not_lose_what_was_there_before(estate: Estate, proxy: LiteLLM) -> None:
    """The marks have it: made again from them, a record puts back what adoption found."""
    place = estate.place
    place.run(*estate.discover, "--yes", code=0)
    place.edit("[proxies.main]\n", '[defaults.node]\nsettle = "0s"\n\n[proxies.main]\nkey_cache_ttl = "10ms"\n')
    place.run("import", "--all", "--yes", code=0)
    was, limits = estate.files(), estate.admin.row("volta")["rpm_limit"]
    place.edit("rpm = 700", "rpm = 9")
    place.run("assign", "volta", "gpt-oss-20b", "--yes", code=0)
    place.apply()
    place.plan_is_empty()
    assert estate.admin.row("volta")["rpm_limit"] == 9
    before = {a: r.found for a, r in place.lockfile.resources.items() if a.name in ("volta", "main.volta")}
    (place.folder / "fleet.lock").unlink()
    shutil.rmtree(place.folder / ".fleethub")
    assert "fleethub import key.main.volta" in place.run("state", "rebuild", "--yes").replace(f" -C {place.folder}", "")
    place.run("import", "--all", "--yes", code=0)
    place.plan_is_empty()
    assert {a: r.found for a, r in place.lockfile.resources.items() if a in before} == before
    place.run("destroy", "--auto-approve")
    now = estate.files()
    assert json5.read(now["nodes/volta/openclaw.json"]) == json5.read(was["nodes/volta/openclaw.json"])
    row = estate.admin.row("volta")
    assert (row["rpm_limit"], set(row["models"])) == (limits, {"qwen3-32b", "gemma3-27b"})  # type: ignore[call-overload]
    assert "fleethub" not in row["metadata"]  # type: ignore[operator]


def test_a_node_whose_key_is_not_taken_is_not_taken_either(estate: Estate, proxy: LiteLLM) -> None:
    place, admin = estate.place, estate.admin
    keys = {
        "lacking": admin.generate(key_alias="lacking", models=["gemma3-27b"]),
        "shut": admin.generate(key_alias="shut", models=["qwen3-32b"], blocked=True),
    }
    for name, value in {**keys, "fine": keys["lacking"]}.items():
        model = "gemma3-27b" if name == "fine" else "qwen3-32b"
        provider = {"baseUrl": f"{proxy.url}/v1", "apiKey": value, "models": [{"id": model}]}
        config = {"models": {"providers": {"p": provider}}, "agents": {"defaults": {"model": f"p/{model}"}}}
        estate.put(f"{name}/openclaw.json", json.dumps(config))
    named = [word for name in (*keys, "fine") for word in ("--node", f"nodes/{name}")]
    out = place.run("init", "monad", "--discover", "--proxy", proxy.url, *named, "--yes", code=0)
    assert "node.lacking: its key key.main.lacking: it may not call qwen3-32b, which the spec needs" in out
    assert "node.shut: its key key.main.shut: blocked is True, and would become False" in out
    place.run("import", "--all", "--yes", code=0)
    place.plan_is_empty()
    taken = {str(address) for address in place.lockfile.resources}
    assert taken == {*(f"key.main.{alias}" for alias in estate.keys), "key.main.lacking", "node.fine"}


def test_what_a_tangleclaw_says_cannot_be_typed_into_a_shell(estate: Estate, proxy: LiteLLM) -> None:
    odd = [{"name": "odd", "host": "h;touch x", "sshUser": "ops", "instanceDir": "/srv/x", "gatewayToken": "tok-1"}]
    with TangleClaw(connections=odd) as tangleclaw:
        asked = ("init", "monad", "--discover", "--proxy", proxy.url, "--tangleclaw", tangleclaw.url, "--dry-run")
        out = estate.place.run(*asked, code=0)
    assert "node.odd: " in out
    assert "--trust" not in out
