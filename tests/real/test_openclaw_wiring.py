"""A config that somebody wrote by hand, with FleetHub's part in it, before the real OpenClaw: valid, and it sees the
chain; and what the node's own validation runs in the folder of a delivery accepts it too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub import nodetypes
from fleethub.dotenv import assignments
from fleethub.nodetypes.openclaw.machine import HERE
from tests.fleets import Spec, fleet
from tests.kinds.test_wiring import HERE as AT
from tests.kinds.test_wiring import text, there
from tests.real.test_openclaw import openclaw
from tests.world import World, apply, plan

pytestmark = pytest.mark.real

BY_HAND = """// volta, by hand since 2024
{
  gateway: { mode: 'local', port: 18789, bind: "loopback",
             auth: { mode: "token", token: "${OPENCLAW_GATEWAY_TOKEN}" } },
  channels: {
    telegram: { enabled: true, botToken: "${TELEGRAM}", dmPolicy: "pairing" }, // the bot
  },
  models: {
    mode: "merge",
    providers: {
      /* straight to a friend's */
      friend: {
        baseUrl: "http://friend.example/v1", apiKey: "none", api: "openai-completions",
        models: [{ id: "x", name: "X", reasoning: false, input: ["text"], contextWindow: 32000, maxTokens: 4096 }],
      },
    },
  },
  agents: { defaults: { model: "friend/x", heartbeat: { every: "30m" } } },
}
"""
ENV = "TELEGRAM='1234:made-up'\nOPENCLAW_GATEWAY_TOKEN=made-up # mine\n"
STYLES = {"as written": BY_HAND, "on one line": " ".join(
    line.split("//")[0] if "://" not in line else line for line in BY_HAND.splitlines()[1:]
).replace("// the bot", "")}  # fmt: skip
WIRED = fleet().models("one", "two").node("a", "one", "two", manage="wiring")
SHARED = WIRED.table("nodes.a.wiring.friend", proxy="main", key_variable="FRIEND_KEY")


def judged(world: World, home: Path, chain: list[str]) -> None:
    """By OpenClaw's validator and its list of models, which catches what the validator does not."""
    config = home / "openclaw.json"
    config.write_text(text(world))
    before = config.read_bytes()
    variables = {name: value or "" for name, value in assignments(text(world, ".env")).items()}
    verdict = openclaw(["config", "validate"], config, variables, home)
    assert (verdict["valid"], verdict["warnings"]) == (True, [])
    listed = openclaw(["models", "list"], config, variables, home)["models"]
    tags = {tag: row["key"] for row in listed for tag in row["tags"]}
    names = ["default", *(f"fallback#{n}" for n in range(1, len(chain)))]
    assert {name: tags.get(name) for name in names} == dict(zip(names, chain, strict=True))
    assert config.read_bytes() == before


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("spec", "chain"),
    [
        (WIRED, ["fleethub-1/one", "fleethub-2/two"]),
        (SHARED, ["friend/one", "friend/two"]),
    ],
    ids=["fleethub", "their own provider"],
)
def test_openclaw_takes_a_merged_config_and_sees_the_chain(
    spec: Spec, chain: list[str], style: str, tmp_path: Path
) -> None:
    world = there(spec, STYLES[style], ENV)
    wired = apply(world, plan(world, spec)).world
    judged(wired, tmp_path, chain)
    swapped = spec.node("a", "two")
    after = apply(wired, plan(wired, swapped)).world
    assert ".env" in after.nodes[AT].files
    for line in ("telegram", "friend", "heartbeat"):
        assert line in text(after)


def test_its_own_validation_runs_beside_a_delivery(tmp_path: Path) -> None:
    spec = WIRED.table("nodes.a", type="openclaw-native")
    world = there(spec, BY_HAND, ENV)
    wired = apply(world, plan(world, spec)).world
    node = spec.fleet.nodes["a"]
    kind = nodetypes.of(node)
    assert kind is not None
    (check,) = kind.validation(node)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/openclaw.json").write_text(text(wired))
    words = [word.replace(HERE, f"{tmp_path}/set/") for word in check.argv]
    assert words[0] == "env"
    assert words[3:5] == ["openclaw", "config"]
    verdict = openclaw(words[4:6], tmp_path / "set/openclaw.json", {}, tmp_path)
    assert verdict["valid"] is True, "variables that only its process has are warnings"
    assert verdict["warnings"]
