"""Agent turns of the real OpenClaw on files that ``apply`` delivered, against a stand-in LiteLLM that checks every key.

FLEETHUB_OPENCLAW_BIN   the folders for PATH that real/openclaw/setup prints
FLEETHUB_SLOW=1         also the rows that take minutes; one of them runs always
FLEETHUB_REQUIRE_REAL=1 a missing OpenClaw fails instead of skipping
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleethub.nodetypes.openclaw.wiring import RETRY_WINDOW, hang
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.ollama import Ollama
from tests.ports import free
from tests.proxies import Admin
from tests.support import MASTER, Place

pytestmark = pytest.mark.real
MODELS = [
    {"model_name": name, "litellm_params": {"model": f"openai/{name}"}, "model_info": {"id": name}}
    for name in ("first", "second", "third")
]
SPEC = """
[fleet]
name = "turns"
key_seed = ["file:fleet.seed"]
[policy]
drift = "repair"
overcommit = "warn"
[proxies.main]
url = "{url}"
key_cache_ttl = "100ms"
master_key = ["env:LITELLM_MASTER_KEY"]
[models.first]
proxy = "main"
route = "openai/first"
context = 32768
[models.second]
proxy = "main"
route = "openai/second"
context = 32768
[models.third]
proxy = "main"
route = "openai/third"
context = 32768
[backends.gpu]
host = "gpu"
gpus = [{{ name = "RTX 6000 Ada", vram = "48 GiB" }}]
[backends.gpu.ollama]
url = "{ollama}"
[models.local]
backends = ["gpu"]
route = "ollama_chat/llama3.1:8b"
context = 32768
[defaults.node]
target = "nodes/{{name}}"
settle = "0s"
model = "first"
fallbacks = ["second"]
[nodes.docker]
host = "docker"
image = "ghcr.io/openclaw/openclaw:2026.9.6"
[nodes.native]
host = "native"
type = "openclaw-native"
port = {port}
[nodes.direct]
host = "direct"
type = "openclaw-native"
fallbacks = ["second", {{ model = "local", via = "ollama" }}]
"""
OVERHEAD = 100.0  # seconds: a turn takes 10 to 50 on two cores, more beside other work; a retry waits for minutes


def openclaw_path() -> str:
    found = os.environ.get("FLEETHUB_OPENCLAW_BIN", "")
    if not found:
        reason = "FLEETHUB_OPENCLAW_BIN is not set: see the docstring of this file"
        if os.environ.get("FLEETHUB_REQUIRE_REAL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return f"{found}:{os.environ['PATH']}"


@dataclass
class Town:
    """A fleet of one node of each type, applied; ``turn`` is one turn of an agent of a node."""

    place: Place
    proxy: LiteLLM
    admin: Admin
    home: Path
    port: int

    def env(self, node: str) -> dict[str, str]:
        state = self.home / f"state-{node}"
        state.mkdir(exist_ok=True)
        return {
            **self.place.env(node),
            "PATH": openclaw_path(),
            "HOME": str(self.home),
            "OPENCLAW_HOME": str(self.home),
            "OPENCLAW_STATE_DIR": str(state),
            "OPENCLAW_CONFIG_PATH": str(self.config(node)),
            "OPENCLAW_CONFIG_READONLY": "1",
            "OPENCLAW_HIDE_BANNER": "1",
            "OPENCLAW_NO_RESPAWN": "1",
            "NO_COLOR": "1",
        }

    def config(self, node: str) -> Path:
        return self.place.folder / "nodes" / node / "openclaw.json"

    def answered(self) -> list[int]:
        """What the proxy answered to each call of a model in the last turn, in order: a retry would be one more."""
        return [record.status for record in self.proxy.requests if record.path.endswith("/completions")]

    def turn(self, node: str, timeout: int = 300) -> tuple[dict[str, Any], float]:
        """The answer's envelope, and how many seconds it took."""
        argv = ["openclaw", "agent", "exec", "Reply with exactly: pong", "--config", str(self.config(node))]
        argv += ["--cwd", str(self.home), "--json", "--timeout", str(timeout)]
        self.proxy.requests.clear()
        start = time.monotonic()
        done = subprocess.run(argv, env=self.env(node), capture_output=True, text=True, timeout=timeout + 60)
        passed = time.monotonic() - start
        assert done.stdout.strip(), done.stderr
        return json.loads(done.stdout), passed


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    openclaw_path()
    (port,) = free()
    with LiteLLM(models=MODELS, master_key=MASTER, cache_ttl=0.1) as proxy, Ollama(models=ALL) as ollama:
        place = Place(tmp_path / "fleet", SPEC.format(url=proxy.url, ollama=ollama.url, port=port))
        place.apply()
        home = tmp_path / "home"
        home.mkdir()
        admin = Admin(proxy.url)
        yield Town(place, proxy, admin, home, port)
        admin.http.close()


@pytest.mark.parametrize("node", ["docker", "native"])
def test_the_primary_answers(town: Town, node: str) -> None:
    said, _ = town.turn(node)
    assert said["ok"] is True, said
    assert "first" in json.dumps(said["model"])
    assert "hi from first" in said["final"]


def test_a_primary_that_is_denied_leads_to_the_fallback_at_once(town: Town) -> None:
    """403: the fallback is under a provider of its own, so it is asked although the first one is shut."""
    town.admin.update("native", models=["second"])
    said, _ = town.turn("native")
    assert "hi from second" in said["final"], said
    assert town.answered() == [403, 200]


def test_a_primary_that_is_missing_leads_to_the_fallback_at_once(town: Town) -> None:
    models = town.proxy.replica.config_models
    models[:] = [m for m in models if m["model_name"] != "first"]
    said, _ = town.turn("native")
    assert "hi from second" in said["final"], said
    assert town.answered() == [400, 200]


def test_a_proxy_that_has_neither_model_leads_to_ollama_itself(town: Town) -> None:
    """The last hop goes past the proxy, by Ollama's own API."""
    town.proxy.replica.config_models[:] = []
    said, _ = town.turn("direct")
    assert said["ok"] is True, said
    assert "llama3.1:8b" in str(said["model"])
    assert town.answered() == [400, 400]


class Hanging:
    """A door in front of the proxy that keeps calls of one model waiting for ever."""

    def __init__(self, proxy: LiteLLM, model: str) -> None:
        self.model, self.over, self.calls = model, threading.Event(), 0
        original = {route: handler for route, handler in proxy.routes.items() if route[1].endswith("/completions")}
        for route, handler in original.items():
            proxy.routes[route] = lambda request, handler=handler: self.answer(request, handler)  # type: ignore[misc]

    def answer(self, request: Any, handler: Any) -> Any:
        if json.loads(request.body).get("model") == self.model:
            self.calls += 1
            self.over.wait(900)
        return handler(request)


def shorten(town: Town, seconds: int) -> None:
    """The template's time-out of 120 s would take 240 s to leave a model that hangs."""
    path = town.config("native")
    config = json.loads(path.read_text())
    for provider in config["models"]["providers"].values():
        provider["timeoutSeconds"] = seconds
    path.write_text(json.dumps(config))


@pytest.mark.parametrize(
    "seconds",
    [
        30,
        pytest.param(
            120, marks=pytest.mark.skipif(not os.environ.get("FLEETHUB_SLOW"), reason="minutes: FLEETHUB_SLOW=1")
        ),
    ],
)
def test_a_primary_that_hangs_is_left_within_the_time_of_the_formula(town: Town, seconds: int) -> None:
    shorten(town, seconds)
    hanging = Hanging(town.proxy, "first")
    try:
        said, passed = town.turn("native", timeout=600)
    finally:
        hanging.over.set()
    assert "hi from second" in said["final"], said
    assert hanging.calls >= 2
    assert passed < hang(seconds) + seconds + OVERHEAD
    print(f"timeoutSeconds {seconds}: {passed:.0f} s, {hanging.calls} calls; by the formula {hang(seconds):.0f} s")


@pytest.mark.skipif(not os.environ.get("FLEETHUB_SLOW"), reason="minutes: FLEETHUB_SLOW=1")
@pytest.mark.parametrize("node", ["native", "direct"])
def test_a_proxy_that_is_dead_is_left_after_its_retries(town: Town, node: str) -> None:
    """Refused connections: retried for a window of 90 s for each model of the proxy; then Ollama, where it is a hop."""
    town.proxy.stop()
    said, passed = town.turn(node, timeout=600)
    assert (said["ok"] is True) is (node == "direct"), said
    assert passed < 2 * RETRY_WINDOW + OVERHEAD
    print(f"a dead proxy, {node}: {passed:.0f} s")


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_running_gateway_answers_with_the_new_model_after_an_apply(town: Town) -> None:
    """The swap: same process, no restart, no call denied."""
    town.place.edit('settle = "0s"', 'settle = "5s"')  # the reload takes up to a second or two
    town.place.edit(
        "port = ",
        "openclaw = { gateway = { http = { endpoints = { chatCompletions = { enabled = true } } } } }\nport = ",
    )
    town.place.apply()
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(("127.0.0.1", town.port))
    log = (town.home / "gateway.log").open("w")
    argv = ["openclaw", "gateway", "run"]
    gateway = subprocess.Popen(argv, env=town.env("native"), stdout=log, stderr=log, cwd=town.home)
    try:
        _until(lambda: healthy(town.port), 180, gateway, town.home / "gateway.log")
        assert _ask(town) == "hi from first"
        town.place.edit('model = "first"', 'model = "third"')
        assert "hot reload" in town.place.apply()
        _until(lambda: _ask(town) == "hi from third", 60, gateway, town.home / "gateway.log")
        assert town.admin.row("native")["models"] == ["second", "third"]
        assert gateway.poll() is None
        town.place.plan_is_empty()
        calls = [r for r in town.proxy.requests if r.path.endswith("/chat/completions")]
        refused = [r for r in calls if r.status not in (200, 400)]  # 400: what a proof asks, without messages
        assert refused == []
    finally:
        gateway.terminate()
        try:
            gateway.wait(30)
        except subprocess.TimeoutExpired:
            gateway.kill()
            gateway.wait()
        log.close()


def _ask(town: Town) -> str:
    """One turn through the gateway's own endpoint."""
    body = {"model": "openclaw", "messages": [{"role": "user", "content": "Reply with exactly: pong"}]}
    token = town.place.env("native")["OPENCLAW_GATEWAY_TOKEN"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{town.port}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=180) as answer:
        text: str = json.load(answer)["choices"][0]["message"]["content"]
    return text


def _until(true: Any, seconds: float, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if true():
            return
        time.sleep(0.5)
    pytest.fail(log.read_text()[-3000:])
