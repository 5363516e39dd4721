"""What is read of nodes that FleetHub did not set up, and the spec's fields that leave them as they are."""

from __future__ import annotations

import hashlib

from fleethub import nodetypes
from fleethub.nodetypes.found import FoundHop, FoundNode, FoundWay

OPENCLAW, ENVFILE = nodetypes.get("openclaw-docker"), nodetypes.get("envfile")
CONFIG = b"""// by hand
{
  models: { providers: {
    llm: { baseUrl: 'http://litellm:4000/v1', apiKey: "${LLM_KEY}", api: "openai-completions",
           models: [ { id: "qwen3-32b", name: "Q", contextWindow: 32768 }, { id: "gpt-oss-20b", name: "G" }, ] },
    // straight
    lokal: { baseUrl: "http://monad-1:11434", apiKey: "sk-literal-1", api: "ollama", models: [{ id: "llama3.1:8b" }] },
  } },
  agents: { defaults: { model: { primary: "llm/qwen3-32b", fallbacks: ["lokal/llama3.1:8b"] },
                        heartbeat: { model: "llm/gpt-oss-20b" } } },
}
"""
ENV = b"LLM_KEY='sk-hand-made'\nTZ=UTC\n"
MAIN = FoundWay(
    proxy="main",
    url="http://litellm:4000/v1",
    aliases={"qwen3-32b": "qwen3-32b", "gpt-oss-20b": "gpt-oss-20b"},
    contexts={"qwen3-32b": 32768, "gpt-oss-20b": 65536},
)
DIRECT = FoundWay(
    endpoint="monad-1.ollama", url="http://monad-1:11434", api="ollama", aliases={"llama3.1:8b": "llama"}, contexts={}
)


def found(config: bytes = CONFIG, env: bytes = ENV) -> FoundNode:
    assert OPENCLAW is not None
    return OPENCLAW.found({"openclaw": config, "env": env}, {})


def test_providers_chain_and_keys_are_read_and_no_key_has_a_text() -> None:
    node = found()
    assert node.unclear == ()
    assert node.chain == (FoundHop("llm", "qwen3-32b"), FoundHop("lokal", "llama3.1:8b"))
    assert node.beside == (FoundHop("llm", "gpt-oss-20b"),), "a key narrowed to the chain would deny the heartbeat"
    llm, lokal = node.providers
    assert (llm.url, llm.models) == ("http://litellm:4000/v1", {"qwen3-32b": 32768, "gpt-oss-20b": None})
    assert llm.key is not None
    assert lokal.key is not None
    assert (llm.key.role, llm.key.variable) == ("env", "LLM_KEY")
    assert llm.key.sha256 == hashlib.sha256(b"sk-hand-made").hexdigest()
    assert (lokal.key.role, lokal.key.sha256) == ("openclaw", hashlib.sha256(b"sk-literal-1").hexdigest())
    assert "sk-" not in repr(node)


def test_the_fields_say_what_is_there() -> None:
    assert OPENCLAW is not None
    said = OPENCLAW.adopted(found(), {"llm": MAIN, "lokal": DIRECT})
    assert said.left == ()
    assert said.fields == {
        "manage": "wiring",
        "model": "qwen3-32b",
        "fallbacks": [{"model": "llama", "via": "monad-1.ollama"}],
        "wiring": {
            "llm": {"proxy": "main", "key_variable": "LLM_KEY", "keep": ["key"]},
            "lokal": {"endpoint": "monad-1.ollama", "keep": ["key"]},
        },
    }


def test_what_cannot_be_said_is_named() -> None:
    assert OPENCLAW is not None
    assert OPENCLAW.adopted(found(), {"llm": MAIN}).left == (
        "its provider 'lokal' leads to no proxy or backend of the fleet",
    )
    assert OPENCLAW.adopted(found(b"{ broken"), {}).left == ("its openclaw.json cannot be read as JSON5",)
    included = CONFIG.replace(b"defaults: {", b'defaults: { $include: "./x.json5",')
    assert found(included).unclear == ("agents.defaults takes from $include",)
    elsewhere = found(env=b"TZ=UTC").providers[0].key
    assert elsewhere is not None
    assert elsewhere.value is None
    assert "LLM_KEY of its process's environment" in elsewhere.says


def test_one_endpoint_of_an_envfile() -> None:
    assert ENVFILE is not None
    env = b"OPENAI_API_BASE_URL=http://litellm:4000/v1\nOPENAI_API_KEY=sk-x\nDEFAULT_MODELS=openai/qwen3-32b\n"
    node = ENVFILE.found({"env": env}, {"prefix": "openai/"})
    assert node.chain == (FoundHop("", "qwen3-32b"),)
    assert ENVFILE.adopted(node, {"": MAIN}).fields == {
        "manage": "wiring",
        "model": "qwen3-32b",
        "fallbacks": [],
        "envfile": {"keep": ["key"]},
    }
    assert ENVFILE.adopted(ENVFILE.found({"env": b""}, {}), {"": MAIN}).left
