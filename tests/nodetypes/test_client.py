"""``[consumers.x] type``: what people's programs are given, by their own documented files."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from fleethub.dotenv import assignments
from fleethub.model.address import Address
from fleethub.nodetypes.client import TYPES
from fleethub.planning import fleet_status
from fleethub.views.status import status_text
from fleethub.views.style import Style
from tests.fleets import Spec, fleet
from tests.kinds.asking import item
from tests.world import World, apply, facts, plan, settled, wanted

ANN = "consumers/ann"
CLIENTS = tuple(kind.name for kind in TYPES)


def asks(client: str, **block: object) -> Spec:
    base = {"type": client, "model": "one", "fallbacks": ["two"], "settle": "0s"}
    return fleet().model("one").model("two").table("consumers.ann", **{**base, **block})


def files(world: World) -> dict[str, tuple[bytes, int]]:
    return dict(world.nodes[ANN].files)


def codes(spec: Spec) -> list[str]:
    return [f.code for f in spec.loaded.findings]


@pytest.mark.parametrize("client", CLIENTS)
def test_its_files(client: str, snapshot: SnapshotAssertion) -> None:
    rendered = asks(client).rendered["ann"]
    assert rendered.findings == ()
    assert {file.path: f"{file.mode:04o}\n{file.text.display()}" for file in rendered.files} == snapshot


@pytest.mark.parametrize("client", CLIENTS)
def test_a_key_lies_where_nobody_else_reads_it(client: str) -> None:
    world = settled(asks(client))
    holders = {path: mode for path, (data, mode) in files(world).items() if b"sk-" in data}
    assert (len(holders), set(holders.values())) == (1, {0o600})
    assert plan(world, asks(client)).steps == ()
    told = asks(client, fallbacks=[]).key("ann", generation=2)
    after = apply(world, plan(world, told)).world
    assert [s for s in plan(after, told).steps if s.address.kind == "consumer"] == []
    assert {path: data for path, (data, _) in files(after).items()} != {
        path: data for path, (data, _) in files(world).items()
    }


def test_its_settings_are_of_their_format() -> None:
    claude = json.loads(files(settled(asks("claude-code")))["fleethub.settings.json"][0])
    assert claude["env"]["ANTHROPIC_BASE_URL"] == "http://llm.example:4000"  # it adds /v1 itself
    codex: dict[str, Any] = tomllib.loads(files(settled(asks("codex")))["fleethub.config.toml"][0].decode())
    assert codex["model_providers"][codex["model_provider"]]["base_url"] == "http://llm.example:4000/v1"


def test_what_others_wrote_into_open_webuis_env_stays() -> None:
    spec = asks("open-webui")
    mine = b"# mine\nWEBUI_NAME=Ours\nOPENAI_API_KEY=sk-of-somebody\n"
    world = settled(spec).at_file(ANN, ".env", mine, 0o600)
    after = apply(world, plan(world, spec)).world
    text = files(after)[".env"][0].decode()
    assert text.startswith("# mine\nWEBUI_NAME=Ours\n")
    assert assignments(text)["ENABLE_PERSISTENT_CONFIG"] == "False"
    assert "sk-of-somebody" not in text


def test_its_files_may_have_other_names_and_its_helper_follows() -> None:
    spec = asks("claude-code", files={"key": "keys/llm", "settings": "settings.local.json"})
    there = files(settled(spec))
    assert there.keys() == {"keys/llm", "settings.local.json"}
    assert json.loads(there["settings.local.json"][0])["apiKeyHelper"].endswith('/keys/llm"')


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (asks("emacs"), "spec.value"),
        (asks("codex", file="key"), "spec.value"),
        (asks("codex", files={"compose": "x"}), "spec.unknown-key"),
        (asks("codex", type=None, file="key", files={"key": "x"}), "spec.value"),
        (fleet().node("a", "one", type="codex", target="nodes/a"), "spec.value"),
        (fleet().node("a", "one", type="sink", target="nodes/a"), "spec.value"),
    ],
)
def test_what_its_block_may_not_say(spec: Spec, code: str) -> None:
    assert code in codes(spec)


@pytest.mark.parametrize(
    ("client", "runs"),
    [
        ("aider", "one, two"),
        ("claude-code", "one, two"),
        ("codex", "one"),
        ("continue", "one, two"),
        ("open-webui", "one"),
    ],
)
def test_status_says_what_it_calls_as_its_files_say(client: str, runs: str) -> None:
    spec = asks(client)
    world = settled(spec)

    def said(world: World) -> str:
        have = item("consumer.ann", world, spec).have
        assert have is not None
        seen = {Address("consumer", "ann"): have}
        made = fleet_status(spec.fleet, world.lockfile, wanted(spec), facts(world, spec), plan(world, spec), seen)
        return status_text(made, Style())

    assert f"\nConsumers\n  ann: {runs}\n" in said(world)
    assert "Nodes" not in said(world)
    path, (data, mode) = next((path, one) for path, one in files(world).items() if b"one" in one[0])
    assert "\n  ann: three" in said(world.at_file(ANN, path, data.replace(b"one", b"three"), mode))
    assert "\n  ann: there  [update planned]" in said(world.at_file(ANN, path, b"[", mode))
