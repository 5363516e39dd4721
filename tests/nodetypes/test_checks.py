"""Every flaw that OpenClaw's validator lets through, one change to a good config at a time."""

from __future__ import annotations

import json

import pytest
from node_fleets import changed, fleet

from fleethub import nodetypes
from fleethub.model.consuming import Hop
from fleethub.model.finding import Severity
from fleethub.nodetypes.openclaw import checks
from fleethub.nodetypes.openclaw.config import merge

SIZES = {"contextWindow": 32768, "maxTokens": 8192}
PROVIDERS = {
    "fleethub-1": {
        "baseUrl": "http://llm:4000/v1",
        "apiKey": "${FLEETHUB_KEY_MAIN}",
        "timeoutSeconds": 120,
        "models": [{"id": "a", "name": "a", **SIZES}],
    },
    "fleethub-2": {
        "baseUrl": "http://monad-1.example.ts.net:11434",
        "api": "ollama",
        "apiKey": "ollama",
        "models": [{"id": "b:8b", "name": "b", **SIZES}],
    },
}
CHAIN = {"primary": "fleethub-1/a", "fallbacks": ["fleethub-2/b:8b"]}
GOOD = {
    "models": {"mode": "replace", "providers": PROVIDERS},
    "agents": {"defaults": {"model": CHAIN, "timeoutSeconds": 4000}},
    "gateway": {
        "mode": "local",
        "bind": "lan",
        "auth": {"mode": "token", "token": "${OPENCLAW_GATEWAY_TOKEN}"},
    },
}
VARIABLES = frozenset({"FLEETHUB_KEY_MAIN", "OPENCLAW_GATEWAY_TOKEN"})


def flaws(over):
    return list(checks.check(merge(json.loads(json.dumps(GOOD)), over), VARIABLES))


def provider(name="fleethub-1", **settings):
    return {"models": {"providers": {name: settings}}}


def defaults(**settings):
    return {"agents": {"defaults": settings}}


def models(*declared):
    return provider(models=[{"name": "a", **model} for model in declared])


def entries(**agents):
    return {"agents": {"ownership": "explicit", "entries": agents}}


def test_the_good_config_is_good():
    assert flaws({}) == []


@pytest.mark.parametrize(
    ("over", "code", "words"),
    [
        (defaults(model="fleethub-1/nope"), "node.dangling-model", "does not define it"),
        (defaults(model="ghost/nope"), "node.dangling-model", "no provider 'ghost'"),
        (defaults(model="a"), "node.dangling-model", "without a provider"),
        (
            defaults(model={"primary": "fleethub-1/a", "fallbacks": ["fleethub-2/b"]}),
            "node.dangling-model",
            "'fle",
        ),
        (defaults(model=None), "node.dangling-model", "names no model"),
        (defaults(imageModel="fleethub-1/v"), "node.dangling-model", "agents.defaults.imageModel"),
        (defaults(heartbeat={"model": "x/y"}), "node.dangling-model", "agents.defaults.heartbeat.model"),
        (defaults(models={"fleethub-1/z": {}}), "node.dangling-model", "a key of agents.defaults.models"),
        (entries(s={"model": "x/y"}, t={}), "node.dangling-model", "agents.entries.s.model"),
        (entries(s={"model": "fleethub-1/a"}), "node.config-check", "no agent uses"),
        ({"agents": {"entries": {"s": {}, "t": {}}}}, "node.config-check", "several agents"),
        (provider(baseUrl=None), "node.config-check", "not a URL"),
        (provider(baseUrl="llm:4000"), "node.config-check", "not a URL"),
        (provider(baseUrl="http://llm:port"), "node.config-check", "not a URL"),
        (provider(apiKey=" "), "node.config-check", "apiKey is empty"),
        (
            provider("fleethub-2", apiKey="ollama-local"),
            "node.config-check",
            "not for monad-1.example.ts.net",
        ),
        (provider("fleethub-2", baseUrl="http://h:1/v1/"), "node.config-check", "ends in /v1"),
        (provider("extra", baseUrl="http://h", apiKey="x"), "node.config-check", "defines no models"),
        (models({"id": "a"}, {"id": "a"}), "node.config-check", "twice"),
        (models({"id": "a", "contextWindow": 20000, "maxTokens": 20001}), "node.config-check", "exceeds"),
        (provider(timeoutSeconds=22), "node.config-check", "timeoutSeconds is 22"),
        (defaults(timeoutSeconds=480), "node.config-check", "its last fallbacks are never asked"),
        ({"gateway": {"mode": None}}, "node.config-check", "does not start"),
        ({"gateway": {"auth": {"mode": "none"}}}, "node.bind-open", "'lan'"),
        ({"gateway": {"auth": {"token": ""}}}, "node.bind-open", "'lan'"),
        (
            {"gateway": {"bind": "tailnet", "auth": {"mode": None, "token": None}}},
            "node.bind-open",
            "'tailnet'",
        ),
        ({"channels": {"telegram": {"botToken": "${BOT}"}}}, "node.config-check", "needs BOT"),
        ({"channels": {"t": {"x": {"source": "env", "id": "BOT"}}}}, "node.config-check", "needs BOT"),
        ({"channels": {"telegram": {"botToken": "${bot}"}}}, "node.config-check", "upper-case"),
    ],
)
def test_a_flaw(over, code, words):
    found = flaws(over)
    assert [flaw.code for flaw in found] == [code]
    assert words in found[0].message


@pytest.mark.parametrize(
    "over",
    [
        defaults(timeoutSeconds=481),
        {"gateway": {"bind": "loopback", "auth": {"mode": "none"}}},
        {"gateway": {"auth": {"mode": "password", "password": "${OPENCLAW_GATEWAY_TOKEN}"}}},
        {"gateway": {"auth": {"mode": "trusted-proxy"}}},
        {"a": "$${NOT_REPLACED}"},
        {"agents": {"entries": {"s": {}}}},
        entries(s={"model": "fleethub-1/a"}, t={}),
        defaults(utilityModel=""),
        defaults(models={"fleethub-1/*": {}}),
        *(provider("fleethub-2", apiKey="ollama-local", baseUrl=f"http://{host}:11434") for host in
          ("monad-1", "10.0.0.7", "192.168.1.2", "172.20.0.1", "127.0.0.1", "[fd00::1]", "a.local",
           "host.docker.internal")),
    ],
)  # fmt: skip
def test_no_flaw(over):
    assert flaws(over) == []


def precheck(which="docker", **more):
    node = changed(which, **more)
    return nodetypes.get(node.type).precheck(fleet(), node)


@pytest.mark.parametrize("name", ["OPENCLAW_IMAGE", "FLEETHUB_KEY_MAIN", "HOME", "COMPOSE_FILE", "OPENCLAW_STATE_DIR"])
def test_owned_variables(name):
    assert nodetypes.get("openclaw-docker").owns_variable(name, {})
    assert not nodetypes.get("openclaw-docker").owns_variable(f"MY_{name}", {})


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"models": {"mode": "merge"}}, ("models", "mode")),
        ({"models": {"providers": {"fleethub-1": {}}}}, ("models", "providers", "fleethub-1")),
        ({"agents": {"defaults": {"model": "x/y"}}}, ("agents", "defaults", "model")),
        ({"agents": {"defaults": {"models": {}}}}, ("agents", "defaults", "models")),
    ],
)
def test_owned_paths(settings, path):
    assert [*nodetypes.get("openclaw-native").table.owned(settings, False)] == [path]


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "./x", "state/x", ".fleethub/mark.json", ".env"])
def test_paths_of_files(path):
    assert [f.code for f in precheck(files={"compose": path})] == ["node.config-check"]


@pytest.mark.parametrize(
    ("path", "fine"), [("state/openclaw.json", True), ("state/a/b", False), ("workspace/x", False)]
)
def test_the_config_may_lie_where_openclaw_keeps_it(path, fine):
    assert [f.code for f in precheck(files={"openclaw": path})] == ([] if fine else ["node.config-check"])


def test_names_of_projects():
    assert [f.code for f in precheck(project="Mesh One")] == ["node.config-check"]
    assert precheck("native", project="Mesh One") == ()


def test_a_loopback_url_is_a_warning():
    from dataclasses import replace

    proxy = replace(fleet().proxies["main"], url="http://localhost:4000")
    one = changed(chain=(Hop(model="qwen3-32b"),))
    changed_fleet = fleet(proxies={"main": proxy})
    found = nodetypes.get("openclaw-docker").precheck(changed_fleet, one)
    assert [f.code for f in found] == ["node.config-check"]
    assert {f.severity for f in found} == {Severity.WARNING}
    local = changed(chain=(Hop(model="qwen3-32b"),), target="nodes/volta")
    assert nodetypes.get("openclaw-docker").precheck(changed_fleet, local) == ()


def test_registry():
    assert nodetypes.writable() == ("envfile", "keyfile", "openclaw-docker", "openclaw-native", "tangleclaw")
    assert nodetypes.clients() == ("open-webui", "claude-code", "codex", "aider", "continue", "tangleclaw")
    assert {*nodetypes.names()} == {*nodetypes.writable(), *nodetypes.clients(), "sink"}
    assert nodetypes.get("nothing") is None
