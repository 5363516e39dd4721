"""A small fleet built by hand: two LiteLLM proxies, two backends, a cloud model, a node for each question."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fleethub.engines.ollama.settings import OllamaSettings
from fleethub.model.consuming import Hop, Node
from fleethub.model.finding import SourceLocation
from fleethub.model.fleet import Fleet
from fleethub.model.secret import SecretRef
from fleethub.model.serving import Backend, Key, Model, Proxy

TELEGRAM = SecretRef(("file:secrets/telegram",))
MASTER = SecretRef(("env:LITELLM_MASTER_KEY",))
PLACE = SourceLocation("fleet.toml", 40, 1)


def model(name: str, tag: str, backend: str = "monad-1", proxy: str = "main", **more: Any) -> Model:
    more = {"context": 32768, "capabilities": ("tools",), **more}
    return Model(name=name, backends=(backend,), proxy=proxy, route=f"ollama_chat/{tag}", tag=tag, **more)


MODELS = (
    model("qwen3-32b", "qwen3:32b", capabilities=("tools", "reasoning")),
    model("gpt-oss-20b", "gpt-oss:20b", context=65536, capabilities=("tools", "reasoning")),
    model("llama3.1-8b", "llama3.1:8b"),
    model("gemma3-27b", "gemma3:27b", "atlas-1", "edge", context=16384, capabilities=("vision",)),
    Model(name="claude-sonnet", proxy="main", route="anthropic/claude-sonnet-4-5", context=200_000,
          capabilities=("tools", "vision")),
)  # fmt: skip
WORKER = (Hop(model="qwen3-32b"), Hop(model="gpt-oss-20b"),
          Hop(model="llama3.1-8b", backend="monad-1", endpoint="ollama"))  # fmt: skip


MERGED = {
    "channels": {"telegram": {"enabled": True, "botToken": "${TELEGRAM_BOT_TOKEN}", "dmPolicy": "pairing"}},
    "agents": {
        "ownership": "explicit",
        "defaults": {"systemAgent": {"agentId": "main"}},
        "entries": {"main": {}, "scout": {"model": "fleethub-2/gpt-oss-20b"}},
    },
    "gateway": {"controlUi": {"allowedOrigins": ["https://mesh.example.ts.net"]}},
}


def node(name: str = "volta", **more: Any) -> Node:
    """A node in a container, with the worker's chain."""
    host = f"{name}.example.ts.net"
    usual: dict[str, Any] = {
        "host": host,
        "type": "openclaw-docker",
        "port": 18789,
        "target": f"ssh://ops@{host}/srv/openclaw/{name}",
        "image": "ghcr.io/openclaw/openclaw:2026.9.6",
        "chain": WORKER,
        "key": name,
        "owner": "Volta",
        "place": PLACE,
    }
    return Node(name=name, **{**usual, **more})


NODES = {
    "docker": node(),
    "native": node("tiltclaw", type="openclaw-native", port=18919, generation=3,
                   command=("systemctl", "--user", "restart", "openclaw")),
    "two-proxies": node("rentalclaw", chain=(Hop(model="gemma3-27b"), Hop(model="qwen3-32b"),
                        Hop(model="qwen3-32b", backend="monad-1", endpoint="ollama-tee")), port=19039),
    "cloud": node("cirrus", chain=(Hop(model="claude-sonnet"), Hop(model="qwen3-32b"))),
    "guided": node("scribe", files={"fleethub": "workspace/FLEETHUB.md"}, owner="",
                   chain=(Hop(model="gemma3-27b"), *WORKER)),
    "direct-only": node("hermit", chain=(WORKER[2],), uid=1001),
    "upstream": node("delta", files={"compose": "docker-compose.yml", "openclaw": "state/openclaw.json"}, port=19159),
    "merged": node(
        "mesh", project="mesh-one",
        files={"compose": "deploy/compose.yaml", "env": "own/node.env", "openclaw": "config/openclaw.json"},
        env={"TELEGRAM_BOT_TOKEN": TELEGRAM, "TZ": "Europe/Berlin", "NOTE": "a # $b"},
        settings=MERGED,
    ),
}  # fmt: skip


def fleet(**more: Any) -> Fleet:
    """The fleet around those nodes."""
    usual: dict[str, Any] = {
        "name": "monad",
        "root": "/fleets/monad",
        "digest": "0" * 64,
        "key_seed": SecretRef(("env:FLEETHUB_SEED",)),
        "proxies": {
            "main": Proxy(name="main", url="http://llm.example.ts.net:4000", admin_url="http://localhost:4000",
                          master_key=MASTER),
            "edge": Proxy(name="edge", url="https://edge-llm.example.ts.net", admin_url="http://localhost:4001",
                          master_key=MASTER),
        },
        "backends": {
            "monad-1": Backend(name="monad-1", host="monad-1.example.ts.net", proxy="main",
                               endpoints={"ollama-tee": "http://monad-1.example.ts.net:11435"},
                               engine=OllamaSettings(url="http://monad-1.example.ts.net:11434")),
            "atlas-1": Backend(name="atlas-1", host="atlas-1.example.ts.net", proxy="edge"),
        },
        "models": {m.name: m for m in MODELS},
        "nodes": {n.name: n for n in NODES.values()},
        "keys": {"volta": Key(name="volta", generation=2)},
    }  # fmt: skip
    return Fleet(**{**usual, **more})


def changed(which: str = "docker", **more: Any) -> Node:
    """One of the nodes, changed."""
    return replace(NODES[which], **more)
