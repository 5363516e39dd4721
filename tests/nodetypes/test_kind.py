"""What a change of a file entails, and the commands that act on a node."""

from __future__ import annotations

import json

import pytest
from node_fleets import NODES, changed

from fleethub import nodetypes
from fleethub.nodetypes import removal
from fleethub.nodetypes.endpoints import key_variable
from fleethub.nodetypes.openclaw import wiring
from tests.fleets import fleet

DOCKER, NATIVE = nodetypes.get("openclaw-docker"), nodetypes.get("openclaw-native")
ENV, COMPOSE, KEY, CONFIG, _ = DOCKER.files


def config(**gateway):
    return json.dumps({"gateway": {"port": 1, "bind": "lan", **gateway}}).encode()


def test_consequences():
    node = NODES["docker"]
    assert DOCKER.consequence(ENV, node) == "container recreated"
    assert DOCKER.consequence(COMPOSE, node) == "container recreated"
    assert DOCKER.consequence(CONFIG, node) == "hot reload"
    assert NATIVE.consequence(ENV, NODES["native"]) == "restart by systemctl --user restart openclaw"
    assert NATIVE.consequence(ENV, changed("native", command=())) == "restart by hand"
    assert NATIVE.consequence(CONFIG, NODES["native"]) == "hot reload"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (config(), "hot reload"),
        (config(controlUi={"allowedOrigins": ["http://x"]}), "hot reload"),
        (config(auth={"token": "new"}), "hot reload"),
        (config(port=2), "gateway restart"),
        (config(bind="loopback"), "gateway restart"),
        (config(auth={"mode": "password"}), "gateway restart"),
        (b"not JSON", "gateway restart"),
    ],
)
def test_a_gateway_that_moves_restarts(after, said):
    assert DOCKER.consequence(CONFIG, NODES["docker"], config(), after) == said


def test_commands_are_run_at_the_target():
    assert DOCKER.activation(NODES["docker"]) == (
        "docker", "compose", "--env-file", ".env", "-f", "compose.yaml", "up", "--detach", "--remove-orphans",
    )  # fmt: skip
    assert removal(DOCKER.project(NODES["docker"])) == (
        "docker", "compose", "--project-name", "openclaw-volta", "down", "--remove-orphans",
    )  # fmt: skip
    assert DOCKER.activation(changed(command=("make", "up"))) == ("make", "up")
    assert NATIVE.activation(NODES["native"]) == ("systemctl", "--user", "restart", "openclaw")
    assert NATIVE.activation(changed("native", command=())) == ()
    assert (NATIVE.project(NODES["native"]), removal("")) == ("", ())


def test_the_time_a_hanging_model_costs_is_as_measured():
    assert (wiring.hang(30), wiring.hang(60), wiring.hang(120), wiring.hang(300)) == (120, 180, 240, 600)
    assert wiring.patience(3) == 3600 + 3 * 240


def test_an_answer_leaves_room_for_the_prompt():
    assert (wiring.answer(32768), wiring.answer(16384), wiring.answer(200_000)) == (8192, 4096, 8192)


def test_the_variable_of_a_key():
    made = fleet(None).proxy("edge-2", "http://edge.example:4000").model("one", proxy="edge-2").node("a", "one").fleet
    assert key_variable(made, made.nodes["a"], "edge-2") == "FLEETHUB_KEY_EDGE_2"
