"""What marks and lockfiles say was there before FleetHub: of a mark only what FleetHub would write, for it lies where
others write; of a lockfile all of it, or it is damaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from fleethub.adoption.rebuild import rebuild
from fleethub.kinds.key.letting_go import told
from fleethub.lockfile.text import LockfileError, dump, load
from fleethub.model.address import node as node_address
from fleethub.model.observation import Found, Mark
from tests.fleets import fleet
from tests.kinds.test_letting_go import AS_FOUND
from tests.kinds.test_letting_go import changed as key_changed
from tests.kinds.test_wiring import HERE, there
from tests.world import LINEAGE, SEAL, World, apply, facts, plan, wanted

NODE = node_address("a")
SPEC = fleet().models("one", "two").node("a", "one", manage="wiring")


def applied() -> World:
    world = there(SPEC)
    return apply(world, plan(world, SPEC)).world


def rebuilt(world: World) -> Found:
    known = facts(replace(world, lockfile=None), SPEC)
    made = rebuild(SPEC.fleet, wanted(SPEC), known, SEAL, LINEAGE, SEAL.seed_fingerprint() or "", {})
    return made.lockfile.resources[NODE].found


def test_a_nodes_mark_is_believed_where_fleethub_itself_writes() -> None:
    world = applied()
    assert world.lockfile is not None
    found = world.lockfile.resources[NODE].found
    assert found
    assert rebuilt(world) == found
    strange = {
        "openclaw.json#*": [""],
        "openclaw.json#/channels": [""],
        "openclaw.json#/agents/defaults/tools": ["null", "allow"],
        ".env#*": [""],
        **{name: [] for name in found},
        **{name: ["{", *texts[1:]] for name, texts in found.items() if "*" not in name},
    }
    for name, texts in strange.items():
        said = {**{key: [*one] for key, one in found.items()}, name: texts}
        mark: dict[str, Any] = {**(world.nodes[HERE].mark or {}), "found": said}
        after = rebuilt(world.at_node(HERE, lambda node, mark=mark: replace(node, mark=mark)))
        assert after == {key: one for key, one in found.items() if key != name}, name


LIMITS = [
    '{"model_rpm_limit": [1]}',
    '{"tags": 5}',
    '{"rpm_limit": "many"}',
    '{"max_budget": 1e999}',
    '{"max_budget": NaN}',
    '{"value": "x"}',
    "[" * 5000,
    "{",
    "5",
]


@pytest.mark.parametrize("limits", LIMITS, ids=lambda text: text[:20])
def test_limits_that_are_none_are_taken_from_no_mark_and_damage_a_lockfile(limits: str) -> None:
    made = key_changed(AS_FOUND.key("web", models=["one"], rpm=120))
    assert told(Mark("l", 1, 1, found={"models": ("one",), "limits": (limits,)})) == {}
    _damaged(made.lockfile, "key", {"models": ("one",), "limits": (limits,)})


@pytest.mark.parametrize(
    "found",
    [{"x.json#/a": ()}, {"x.json#*": ()}, {"x.json": ("1",)}, {"x.json#/a": ("{",)}, {"x.json#/a": ("[" * 5000,)}],
)
def test_what_cannot_be_put_back_into_a_node_damages_a_lockfile(found: Mapping[str, tuple[str, ...]]) -> None:
    _damaged(applied().lockfile, "node", found)


def _damaged(lockfile: Any, kind: str, found: Mapping[str, tuple[str, ...]]) -> None:
    of = {a: replace(r, found=found) if a.kind == kind else r for a, r in lockfile.resources.items()}
    text = dump(replace(lockfile, resources=of))
    with pytest.raises(LockfileError, match="is damaged"):
        load(text)
