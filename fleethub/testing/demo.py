"""The story of ``fleethub demo``: a stand-in fleet on this machine, and the commands that an operator types.

Two LiteLLM replicas, an Ollama and three nodes' folders; real HTTP on the loopback, the real command line.
"""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleethub.testing.catalog import ALL
from fleethub.testing.consumer import Consumer
from fleethub.testing.litellm import Database, LiteLLM
from fleethub.testing.ollama import Ollama

MASTER = "sk-master-of-the-demo-1234"
GIB = 1 << 30
ALIASES = {
    "qwen3-32b": "qwen3:32b",
    "gpt-oss-20b": "gpt-oss:20b",
    "gpt-oss-120b": "gpt-oss:120b",
    "llama3.1-8b": "llama3.1:8b",
}

HEAD = """\
[fleet]
name = "monad"
key_seed = ["file:monad.seed"]

"""
SPEC = """\
[policy]
overcommit = "refuse-new"
drift = "repair"

[proxies.main]
url = "{first}"
replicas = ["{first}", "{second}"]
key_cache_ttl = "1s"
master_key = ["env:LITELLM_MASTER_KEY"]

[backends.monad-1]
host = "127.0.0.1"
proxy = "main"
owner = "Monad-1"
gpus = [{{ name = "RTX 6000 Ada", vram = "48 GiB" }}]
[backends.monad-1.ollama]
url = "{ollama}"
kv_cache_type = "q8_0"

[models.qwen3-32b]
backends = ["monad-1"]
route = "ollama_chat/qwen3:32b"
context = 32768

[models.gpt-oss-20b]
backends = ["monad-1"]
route = "ollama_chat/gpt-oss:20b"
context = 32768

[models.gpt-oss-120b]
backends = ["monad-1"]
route = "ollama_chat/gpt-oss:120b"
context = 32768

[models."llama3.1-8b"]
backends = ["monad-1"]
route = "ollama_chat/llama3.1:8b"
context = 32768

[defaults.node]
target = "nodes/{{name}}"
image = "ghcr.io/openclaw/openclaw:2026.9.6"
settle = "1s"
model = "qwen3-32b"
fallbacks = ["gpt-oss-20b"]

[nodes.volta]
host = "volta"
owner = "Volta"

[nodes.tiltclaw]
host = "tiltclaw"
owner = "TiltClaw"

[nodes.rentalclaw]
host = "rentalclaw"
owner = "RentalClaw"

[keys.volta]
rpm = 60000
max_budget = 20.0
budget_duration = "30d"
"""


class StandIns:
    """The servers of the demo; use as a context manager."""

    def __init__(self) -> None:
        database = Database()
        self.ollama = Ollama(models=ALL)
        routes = [
            {
                "model_name": alias,
                "litellm_params": {"model": f"ollama_chat/{tag}", "api_base": self.ollama.url, "num_ctx": 32768},
                "model_info": {"id": f"dep-{alias}"},
            }
            for alias, tag in ALIASES.items()
        ]
        self.proxies = [LiteLLM(database, models=routes, master_key=MASTER, cache_ttl=1.0) for _ in range(2)]

    def __enter__(self) -> StandIns:
        return self

    def __exit__(self, *args: object) -> None:
        for server in (*self.proxies, self.ollama):
            server.stop()

    def spec(self, head: str = HEAD) -> str:
        """The fleet's spec with the ports that these servers got; ``head``: its [fleet]."""
        first, second = (proxy.url for proxy in self.proxies)
        return head + SPEC.format(first=first, second=second, ollama=self.ollama.url)

    def edit_key(self, alias: str, **fields: Any) -> None:
        """What somebody does to a key behind FleetHub's back."""
        listed = self._admin("GET", f"/key/list?key_alias={alias}&return_full_object=true")
        self._admin("POST", "/key/update", {"key": listed["keys"][0]["token"], **fields})

    def _admin(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.proxies[0].url + path,
            json.dumps(body).encode() if body is not None else None,
            {"Authorization": f"Bearer {MASTER}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def story(folder: Path, run: Callable[..., int], say: Callable[[str], None], keep: Callable[[], None] | None) -> int:
    """Tell it; ``run`` executes one FleetHub command line in ``folder`` and returns its exit code. 0: all went well."""
    config = folder / ".config"  # the user's own list of fleets is not the demo's
    with _environment(LITELLM_MASTER_KEY=MASTER, XDG_CONFIG_HOME=str(config)), StandIns() as fleet:
        wrong = _chapters(folder, fleet, run, say)
        if keep is not None:
            _invite(folder, fleet, say)
            say("  fleethub status; fleethub serve")
            keep()
        else:
            say("\nTo go on by yourself, with the servers running and the fleet's folder kept: fleethub demo --keep")
    for text in wrong:
        say(f"The demo went wrong: {text}")
    return 1 if wrong else 0


def prepared(folder: Path, run: Callable[..., int], say: Callable[[str], None], keep: Callable[[], None]) -> int:
    """The same servers, a spec of them, which is trusted, and nothing done yet: for whoever types the commands
    (docs/tutorial.md).
    """
    with _environment(LITELLM_MASTER_KEY=MASTER, XDG_CONFIG_HOME=str(folder / ".config")), StandIns() as fleet:
        run("init", "monad")
        _write(folder / "fleet.toml", fleet)
        run("trust", "add", "--yes")
        _invite(folder, fleet, say)
        keep()
    return 0


def _write(spec: Path, fleet: StandIns) -> None:
    """The demo's fleet in the place of the one that ``init`` wrote, whose id and seed it keeps."""
    spec.write_text(fleet.spec(spec.read_text().partition("[policy]")[0]))


def _invite(folder: Path, fleet: StandIns, say: Callable[[str], None]) -> None:
    say("\nThe stand-ins run until Ctrl-C. In another terminal:")
    config = folder / ".config"  # as in ``story``
    say(f"  export LITELLM_MASTER_KEY={MASTER} XDG_CONFIG_HOME={config} LLM={fleet.proxies[0].url}; cd {folder}")


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Variables of this process for as long as the story lasts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _chapters(folder: Path, fleet: StandIns, run: Callable[..., int], say: Callable[[str], None]) -> list[str]:
    wrong: list[str] = []
    spec = folder / "fleet.toml"

    def expect(code: int, *argv: str) -> None:
        got = run(*argv)
        if got != code:
            wrong.append(f"fleethub {' '.join(argv)} ended with {got}, not {code}")

    say("# One GPU host, two LiteLLM replicas, three OpenClaw nodes: stand-ins on this machine, real HTTP.")
    run("init", "monad")
    _write(spec, fleet)
    expect(0, "validate")
    say("\n# Nothing is sent to a host that this machine does not know: a spec may come from anywhere.")
    expect(0, "trust", "add", "--yes")
    expect(0, "plan")
    expect(0, "apply", "--auto-approve")
    say("\n# The same plan again: nothing to do.")
    expect(0, "plan", "--detailed-exitcode")

    say("\n# Somebody narrows Volta's key behind our back. Its fallback would be refused at run time: 403.")
    fleet.edit_key("volta", models=["qwen3-32b"])
    expect(2, "plan", "--detailed-exitcode")
    say("\n# Every session is told so at its start, from what that plan saw:")
    expect(0, "context")
    expect(0, "apply", "--auto-approve")

    say("\n# Two large models on one GPU evict each other. TiltClaw is wired to a second one:")
    good = spec.read_text()
    spec.write_text(good.replace('owner = "TiltClaw"', 'owner = "TiltClaw"\nmodel = "gpt-oss-120b"'))
    expect(3, "plan")
    say("\n# Refused, with the sum. The spec goes back. Asked before, the answer would have been:")
    spec.write_text(good)
    expect(3, "capacity", "monad-1", "qwen3-coder:30b")
    expect(0, "capacity", "monad-1", "llama3.1-8b")

    say("\n# Volta moves to a model that its key never had, while its agent calls without pause, on both replicas.")
    spec.write_text(re.sub(r'(owner = "Volta")', r'\1\nmodel = "llama3.1-8b"\nfallbacks = []', good))
    with Consumer(folder / "nodes/volta", tuple(proxy.url for proxy in fleet.proxies)) as agent:
        _until(lambda: agent.calls > 20)
        expect(0, "apply", "--auto-approve")
        seen = agent.calls
        _until(lambda: agent.calls > seen + 20)
    models = ", ".join(f"{count} to {model}" for model, count in agent.models.items())
    say(f"\n# Volta's agent made {agent.calls} calls ({models}): {len(agent.denied)} were denied.")
    if agent.denied or len(agent.models) != 2:
        wrong.append(f"denied {agent.denied[:3]}, models {dict(agent.models)}, broken {agent.broken[:3]}")
    expect(0, "plan", "--detailed-exitcode")
    return wrong


def _until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
