"""Where edits that nobody reviews may put a node: the policy's patterns, else beside the nodes that there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.operations.allowed import matches, target_finding
from tests.fleets import fleet

PLAIN = fleet().node("volta", "qwen3-32b", target="ssh://ops@volta/srv/openclaw/volta").node("lima", "qwen3-32b").fleet
WRITTEN = replace(PLAIN, policy=replace(PLAIN.policy, targets=("nodes/*", "ssh://*@*.example/srv/openclaw/*")))


@pytest.mark.parametrize(
    ("pattern", "target", "fits"),
    [
        ("nodes/*", "nodes/volta", True),
        ("nodes/*", "nodes/a/b", False),
        ("nodes/**", "nodes/a/b", True),
        ("nodes/*", "nodes/volta\nx", True),
        ("ssh://*@*.example/srv/openclaw/*", "ssh://ops@volta.example/srv/openclaw/volta", True),
        ("ssh://*@*.example/srv/openclaw/*", "ssh://ops@volta.example/root/srv/openclaw/volta", False),
        ("ssh://*@*.example/srv/openclaw/*", "ssh://ops@volta-example/srv/openclaw/volta", False),
        ("ssh://*@*.example/srv/openclaw/*", "ssh://ops@evil/.example/srv/openclaw/volta", False),
        ("nodes/[a]", "nodes/a", False),
        ("ssh://ops@*.example/srv/*", "ssh://ops@corp@volta.example/srv/x", False),  # who logs in is not ops
        ("ssh://ops@**", "ssh://ops@corp@volta.example/srv/x", False),
        ("ssh://ops@**", "ssh://ops@volta.example/srv/x", True),
        ("ssh://*@*.example/srv/*", "ssh://ops@corp@volta.example/srv/x", True),
        ("ssh://ops@corp@*/srv/*", "ssh://ops@corp@volta.example/srv/x", True),
        ("ssh://ops@volta/srv/*@*", "ssh://ops@volta/srv/a@b", True),
        ("ssh://**", "ssh://ops@corp@volta.example/srv/x", True),
    ],
)
def test_patterns(pattern: str, target: str, fits: bool) -> None:
    assert matches(target, pattern) is fits


@pytest.mark.parametrize(
    ("target", "says", "api", "written", "fine"),
    [
        ("nodes/new", True, True, False, True),
        ("run/new", True, True, False, False),
        ("ssh://ops@new/srv/openclaw/new", True, True, False, True),
        ("ssh://root@new/srv/openclaw/new", True, True, False, False),
        ("ssh://ops@new/etc/new", True, True, False, False),
        ("ssh://ops@new/etc/new", False, True, False, True),  # the spec's own default
        ("ssh://ops@new/etc/new", True, False, False, True),  # an operator's command
        ("ssh://ops@new/etc/new", True, False, True, False),  # which the written policy binds as well
        ("ssh://ops@new.example/srv/openclaw/new", True, True, True, True),
        ("ssh://ops@new/srv/openclaw/new", False, True, True, False),
        ("run/new", False, False, True, False),
    ],
)
def test_who_may_put_a_node_where(target: str, says: bool, api: bool, written: bool, fine: bool) -> None:
    node = replace(PLAIN.nodes["volta"], name="new", target=target)
    found = target_finding(WRITTEN if written else PLAIN, node, says, api)
    assert (found is None) is fine
    if found is not None:
        assert found.code == "node.target-policy"
        allowed = "nodes/*, ssh://*@*.example/srv/openclaw/*" if written else "nodes/*, ssh://ops@*/srv/openclaw/*"
        assert allowed in found.message


def test_a_node_that_stays_where_it_is_is_not_asked() -> None:
    policy = replace(PLAIN.policy, targets=("elsewhere/*",))
    assert target_finding(replace(PLAIN, policy=policy), PLAIN.nodes["volta"], True, True) is None
