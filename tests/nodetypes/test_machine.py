"""What a node's machine says that is in the node's way, and the programs that judge its files there."""

from __future__ import annotations

import pytest
from node_fleets import NODES, changed

from fleethub import nodetypes
from fleethub.model.readings.host import Container, HostReading

DOCKER, NATIVE = nodetypes.get("openclaw-docker"), nodetypes.get("openclaw-native")
HOST = {"target": "ssh://ops@volta/srv/openclaw/volta"}
TOOLS = {"docker": "", "compose": "2.26.1", "curl": ""}


def codes(reading, applied=False, kind=DOCKER, which="docker", **fields):
    node = changed(which, **HOST, **fields)
    return [finding.code for finding in kind.machine(node, reading, applied)]


def test_nothing_in_the_way():
    assert codes(HostReading(False, tools=TOOLS)) == []
    mine = Container("openclaw-volta", "/srv/openclaw/volta", True, frozenset({18789}))
    running = HostReading(True, tools=TOOLS, containers=(mine,), listens={18789: "1 "}, compose=("compose.yaml",))
    assert codes(running, applied=True) == []
    assert codes(running) == []


@pytest.mark.parametrize(
    ("reading", "code"),
    [
        (HostReading(True), "node.no-docker"),
        (HostReading(True, tools={"docker": "", "curl": ""}), "node.no-docker"),
        (HostReading(True, tools=TOOLS, uid=1234), "node.uid-differs"),
        (HostReading(True, tools=TOOLS, compose=("docker-compose.yml",)), "compose.second-file"),
        (
            HostReading(True, tools=TOOLS, containers=(Container("old", "/srv/openclaw/volta", False, frozenset()),)),
            "compose.project-changes",
        ),
        (HostReading(True, tools=TOOLS, listens={18789: "1 "}), "node.port-clash"),
        (
            HostReading(True, tools=TOOLS, containers=(Container("old", "/srv/old", True, frozenset({18789})),)),
            "node.port-clash",
        ),
    ],
)
def test_what_is_in_the_way(reading, code):
    assert codes(reading) == [code]


def test_who_is_started_by_hand_needs_no_docker():
    assert codes(HostReading(True), activate="never") == []
    assert codes(HostReading(True), kind=NATIVE, which="native") == []


def test_the_judges_of_a_container():
    compose, openclaw = DOCKER.validation(changed("docker", **HOST))
    assert compose.argv == ("docker", "compose", "--env-file", ".env", "-f", "compose.yaml", "config", "--quiet")
    assert "@set@:/etc/openclaw:ro" in openclaw.argv
    assert openclaw.argv[-3:] == ("config", "validate", "--json")
    assert openclaw.when == ("docker", "image", "inspect", NODES["docker"].image)
    assert openclaw.json


def test_the_judge_of_a_gateway_without_one():
    (openclaw,) = NATIVE.validation(changed("native", **HOST))
    assert openclaw.argv[-4:] == ("openclaw", "config", "validate", "--json")
    assert "OPENCLAW_CONFIG_PATH=@set@/openclaw.json" in openclaw.argv
