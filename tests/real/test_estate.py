"""An estate that runs, from the first look to the last: 12 keys and 6 nodes in four styles, on a real LiteLLM with two
replicas and behind a real sshd, judged by the real OpenClaw.

Discover and import (nothing changes, the plan is empty), swap one node, rotate two keys and the seed, revoke one,
rename one, let go of one whose machine died, destroy: the estate runs as before. Each seen with real calls.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fleethub.dotenv import assignments
from fleethub.formats import json5
from tests.proxies import Admin, chat
from tests.real.conftest import Proxy
from tests.real.sshd import Machine, key, listening
from tests.real.test_openclaw import openclaw
from tests.real.test_openclaw_turns import openclaw_path
from tests.support import Place, recorded

pytestmark = pytest.mark.real

CONTEXT = 32768
MODELS = ("qwen3-32b", "gemma3-27b", "llama4-scout", "gpt-oss-20b")
#: Alias -> what somebody made it with by hand.
KEYS: dict[str, dict[str, Any]] = {
    "volta": {"models": ["qwen3-32b", "gemma3-27b"], "rpm_limit": 70000},
    "shared": {"models": []},
    "tilt": {"models": ["gpt-oss-20b"], "metadata": {"owner": "TiltClaw", "tags": ["x"]}},
    "dead": {"models": ["qwen3-32b"]},
    "Web UI": {"models": ["qwen3-32b"], "metadata": {"owner": "ops"}},
    "web": {"models": ["qwen3-32b"], "max_budget": 20.0, "budget_duration": "30d"},
    "pattern": {"models": ["qwen*"], "tpm_limit": 200_000_000},
    "parallel": {"models": ["gemma3-27b"], "max_parallel_requests": 40},
    "by-model": {"models": ["qwen3-32b", "gemma3-27b"], "model_rpm_limit": {"qwen3-32b": 500}},
    "expiring": {"models": ["qwen3-32b"], "duration": "30d"},
    "routes": {"models": ["qwen3-32b"], "allowed_routes": ["llm_api_routes"]},
    "leaked": {"models": ["llama4-scout"]},
}
TTL = 3  # seconds, as the proxies have it
#: With comments and a channel, the key by a variable.
COMMENTED = """// volta, by hand since 2024
{{ gateway: {{ mode: 'local', port: {port} }}, channels: {{ telegram: {{ enabled: true, botToken: "${{TG}}", /* bot */
    dmPolicy: "pairing" }} }},
  models: {{ providers: {{ llm: {{ baseUrl: "{url}/v1", apiKey: "${{LLM_KEY}}", api: "openai-completions", models: [
    {{ id: "qwen3-32b", name: "q", contextWindow: {context}, maxTokens: 4096 }},
    {{ id: "gemma3-27b", name: "g", contextWindow: {context}, maxTokens: 4096 }} ] }} }} }},
  agents: {{ defaults: {{ model: {{ primary: "llm/qwen3-32b", fallbacks: ["llm/gemma3-27b"] }} }} }} }}
"""


@dataclass
class Estate:
    """Where each node lies on disk, its key's value, and the primary that its config calls."""

    place: Place
    admin: Admin
    urls: tuple[str, ...]
    values: dict[str, str]
    folders: dict[str, Path] = field(default_factory=dict)
    discover: list[str] = field(default_factory=list)

    def put(self, node: str, files: dict[str, str], at: Path, target: str) -> None:
        at.mkdir(parents=True)
        for name, text in files.items():
            (at / name).write_text(text)
            (at / name).chmod(0o600)
        self.folders[node] = at
        self.discover += ["--node", f"{node}={target}"]

    def files(self) -> dict[str, bytes]:
        return {
            f"{node}/{path.name}": path.read_bytes()
            for node, at in self.folders.items()
            for path in sorted(at.iterdir())
            if path.is_file()
        }

    def primary(self, node: str) -> str:
        model = (json5.read((self.folders[node] / "openclaw.json").read_bytes()) or {})["agents"]["defaults"]["model"]
        return str(model["primary"] if isinstance(model, dict) else model).partition("/")[2]

    def value(self, node: str) -> str:
        """The key that the node calls with, out of its own files."""
        env = self.folders[node] / ".env"
        variables = assignments(env.read_text()) if env.exists() else {}
        if node == "ui":
            return str(variables["OPENAI_API_KEY"])
        config = json5.read((self.folders[node] / "openclaw.json").read_bytes()) or {}
        said = config["models"]["providers"]["llm"]["apiKey"]
        name = said["id"] if isinstance(said, dict) else said.removeprefix("${").removesuffix("}")
        return str(variables.get(name, said))

    def calls(self, *nodes: str) -> None:
        """Each node's own key may call what its config calls first, through each replica."""
        for node in nodes or tuple(self.folders):
            model = self.primary(node) if node != "ui" else "qwen3-32b"
            assert [chat(url, self.value(node), model)[0] for url in self.urls] == [200, 200], (node, model)

    def judged(self, home: Path) -> None:
        """By the real OpenClaw: valid without a warning, and it sees the chain."""
        for node, at in self.folders.items():
            if node == "ui":
                continue
            config = home / node / "openclaw.json"
            config.parent.mkdir(parents=True, exist_ok=True)
            config.write_bytes((at / "openclaw.json").read_bytes())
            env = at / ".env"
            variables = {n: v or "" for n, v in assignments(env.read_text()).items()} if env.exists() else {}
            verdict = openclaw(["config", "validate"], config, variables, config.parent)
            assert (verdict["valid"], verdict["warnings"]) == (True, []), node
            listed = openclaw(["models", "list"], config, variables, config.parent)["models"]
            (first,) = (row["key"] for row in listed if "default" in row["tags"])
            assert first.endswith(f"/{self.primary(node)}")


@pytest.fixture
def stranger(tmp_path: Path, machine: Machine) -> Iterator[tuple[str, ExitStack]]:
    """A second machine, and what makes it die."""
    folder = tmp_path / "second"
    folder.mkdir()
    host = key(folder / "host")
    operator = (machine.home / ".ssh/id_ed25519.pub").read_text()
    (folder / "authorized").write_text(operator)
    with ExitStack() as alive:
        port = alive.enter_context(listening(folder, f"SetEnv PATH=/usr/bin:/bin HOME={machine.remote}"))
        machine.known_hosts(f"{machine.known}[127.0.0.1]:{port} {host}\n")
        yield f"{machine.user}@127.0.0.1:{port}", alive


@pytest.fixture
def estate(
    tmp_path: Path, replicas: tuple[Proxy, Proxy], admin: Admin, machine: Machine, stranger: tuple[str, ExitStack]
) -> Estate:
    values = {alias: admin.generate(key_alias=alias, **fields) for alias, fields in KEYS.items()}
    place = Place(tmp_path / "fleet", "")
    for name in ("fleet.toml", "fleet.seed"):
        (place.folder / name).unlink()
    urls = tuple(proxy.url for proxy in replicas)
    made = Estate(place, admin, urls, values)
    far = tmp_path / "srv"

    def config(model: str, api_key: Any, port: int) -> str:
        one = {"id": model, "name": model, "contextWindow": CONTEXT, "maxTokens": 4096}
        llm = {"baseUrl": f"{urls[0]}/v1", "apiKey": api_key, "api": "openai-completions", "models": [one]}
        defaults = {"model": f"llm/{model}", "heartbeat": {"every": "30m"}}
        gateway = {"mode": "local", "port": port}
        return json.dumps({"gateway": gateway, "models": {"providers": {"llm": llm}}, "agents": {"defaults": defaults}})

    commented = COMMENTED.format(url=urls[0], context=CONTEXT, port=18789)
    env = f"# mine\nTG='1234:made-up'\nLLM_KEY={values['volta']} # by hand\n"
    compose = "services: {openclaw: {image: 'openclaw:local'}, caddy: {image: caddy}, watchtower: {image: w}}\n"
    files = {"openclaw.json": commented, ".env": env, "docker-compose.yml": compose}
    made.put("volta", files, place.folder / "nodes/volta", "nodes/volta")
    for number, name in enumerate(("a", "b")):
        files = {"openclaw.json": config("gpt-oss-20b", values["shared"], 18800 + number), "podman.sh": "podman run\n"}
        made.put(name, files, far / name, f"ssh://{machine.address}{far}/{name}")
    reference = {"source": "env", "provider": "default", "id": "TILT_KEY"}
    files = {"openclaw.json": config("gpt-oss-20b", reference, 18810), ".env": f"TILT_KEY={values['tilt']}\n"}
    files["compose.override.yaml"] = "services: {}\n"
    made.put("tilt", files, far / "tilt", f"ssh://{machine.address}{far}/tilt")
    dead = {"openclaw.json": config("qwen3-32b", "${LLM}", 18820), ".env": f"LLM={values['dead']}\n"}
    made.put("dead", dead, far / "dead", f"ssh://{stranger[0]}{far}/dead")
    ui = {"OPENAI_API_BASE_URL": f"{urls[0]}/v1", "OPENAI_API_KEY": values["Web UI"], "DEFAULT_MODELS": "qwen3-32b"}
    text = "OTHER=1\n" + "".join(f"{name}={value}\n" for name, value in ui.items())
    made.put("ui", {".env": text}, place.folder / "nodes/ui", "nodes/ui")
    return made


def settings(admin: Admin) -> list[dict[str, Any]]:
    """What somebody set of each key: not what the calls of this test move."""
    moved = {"spend", "total_spend", "last_active", "updated_at"}
    return [{name: value for name, value in row.items() if name not in moved} for row in admin.rows()]


def ended(urls: Sequence[str], value: str, model: str) -> bool:
    """Whether no replica takes a value any more; one that had it in its cache does so for the time of that cache."""
    end = time.monotonic() + TTL + 2
    while any(chat(url, value, model)[0] != 401 for url in urls):
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def test_the_estate(estate: Estate, stranger: tuple[str, ExitStack], tmp_path: Path) -> None:
    openclaw_path()
    place, admin, urls = estate.place, estate.admin, estate.urls
    estate.calls()
    rows, files = settings(admin), estate.files()
    estate.judged(tmp_path / "judge")

    contexts = [f"--context={model}={CONTEXT}" for model in MODELS]
    discover = ("init", "monad", "--discover", "--proxy", urls[0], *estate.discover, *contexts, "--yes")
    with recorded() as sent:
        told = [place.run(*discover, code=0)]
        replicas = f'replicas = ["{urls[0]}", "{urls[1]}"]\nkey_cache_ttl = "{TTL}s"\n'
        place.edit("[proxies.main]\n", f"[proxies.main]\n{replicas}")
        place.edit("[fleet]\n", '[defaults.node]\nsettle = "1s"\n\n[fleet]\n')
        told += [place.run("import", "--all", *contexts, "--yes", code=0)]
        place.plan_is_empty()
        place.apply()
    assert {method for method, _ in sent} == {"GET"}
    assert (settings(admin), estate.files()) == (rows, files), "not a row and not a byte"
    taken = {str(address) for address in place.lockfile.resources if address.kind != "route"}
    assert taken == {*(f"key.main.{alias}" for alias in KEYS), *(f"node.{name}" for name in estate.folders)}
    told += [(place.folder / "fleet.toml").read_text(), (place.folder / "fleet.lock").read_text()]
    assert [v for v in (*estate.values.values(), *(str(row["token"]) for row in rows)) if v in "".join(told)] == []

    # swap one, over sshd, in a key that two have
    place.run("assign", "b", "qwen3-32b", "--yes", code=0)
    place.apply()
    place.plan_is_empty()
    assert (estate.primary("a"), estate.primary("b")) == ("gpt-oss-20b", "qwen3-32b")
    estate.calls()

    # rotate two keys, one of them a node's, and the seed
    for name in ("volta", "web"):
        place.run("rotate", name, "--yes", code=0)
    place.edit("[keys.web]\n", '[keys.web]\ngrace = "0s"\n')
    place.apply()
    place.plan_is_empty()
    assert estate.value("volta") != estate.values["volta"]
    assert ended(urls, estate.values["volta"], "qwen3-32b")
    place.run("show", "key.main.web", "--to", f"file:{tmp_path / 'web'}", code=0)
    assert chat(urls[1], (tmp_path / "web").read_text().strip(), "qwen3-32b")[0] == 200
    second = estate.value("volta")
    place.run("rotate", "--seed", "--yes", code=0)
    place.apply()
    place.plan_is_empty()
    assert second not in (estate.value("volta"), estate.values["volta"])
    estate.calls()

    # revoke one that leaked
    assert chat(urls[0], estate.values["leaked"], "llama4-scout")[0] == 200
    place.run("revoke", "leaked", "--yes", code=0)
    assert [chat(url, estate.values["leaked"], "llama4-scout")[0] for url in urls] == [401, 401]

    text = (place.folder / "fleet.toml").read_text()
    place.write(re.sub(r"\[keys\.leaked\]\nmodels = .*\n", "", text))
    place.apply()
    place.plan_is_empty()

    # rename one: its key keeps name and value
    text = (place.folder / "fleet.toml").read_text().replace("[nodes.tilt]\n", '[nodes.ohm]\nkey = "tilt"\n')
    text = text.replace("nodes.tilt.", "nodes.ohm.")
    place.write(f'{text}\n[[moved]]\nfrom = "node.tilt"\nto = "node.ohm"\n')
    place.apply()
    place.plan_is_empty()
    estate.folders["ohm"] = estate.folders.pop("tilt")
    estate.calls()

    # let go of one whose machine died; what it called with is let go of by hand
    stranger[1].close()
    del estate.folders["dead"]
    place.run("release", "dead", "--abandon-files", "--yes", code=0)
    place.run("apply", "-y", "--forget", "node.dead", code=0)
    assert admin.rows("dead") == []
    place.plan_is_empty()
    estate.judged(tmp_path / "judge")

    place.run("destroy", "--auto-approve", code=0)
    left = admin.rows()
    assert {str(row["key_alias"]) for row in left} == {*KEYS} - {"leaked", "dead"}
    assert [row["key_alias"] for row in left if "fleethub" in row["metadata"]] == []  # type: ignore[operator]
    before = {str(row["key_alias"]): row["models"] for row in rows}
    assert {str(row["key_alias"]): sorted(row["models"]) for row in left} == {  # type: ignore[call-overload]
        str(row["key_alias"]): sorted(before[str(row["key_alias"])])
        for row in left  # type: ignore[call-overload]
    }
    time.sleep(3.5)  # the replicas' cache of keys
    assert [estate.primary(node) for node in ("volta", "a", "b", "ohm")] == ["qwen3-32b", *["gpt-oss-20b"] * 3]
    estate.calls()
    estate.judged(tmp_path / "judge")
