"""The verdict's table: what is wanted, what is seen, what was applied -> what should become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fleethub.kinds import KINDS
from fleethub.kinds.values import ObserveContext, ResourceState
from fleethub.model.fleet import Policy
from fleethub.model.plan import Action
from fleethub.planning.judge import Verdict, judge
from tests.fleets import Spec, fleet
from tests.world import SEAL, World, apply, facts, plan, settled, wanted
from tests.world.lies import STRANGER

SPEC = fleet().node("a", "one").key("a", rpm=60)
GONE = fleet().models("one")
STOP, RESTORE = Policy(), Policy(revoked="restore")
Hand = Callable[[World], World]


def verdict(name: str, world: World, spec: Spec, policy: Policy = STOP, repair: bool = True) -> Verdict:
    """Of one resource, by its address as text."""
    lockfile = world.lockfile
    address = next(a for a in (*wanted(spec), *(lockfile.resources if lockfile else ())) if str(a) == name)
    want, record = wanted(spec).get(address), lockfile.resources.get(address) if lockfile else None
    context = ObserveContext(facts(world, spec), SEAL, lockfile.lineage if lockfile else "")
    have = KINDS[address.kind].observe(address, want, record, context)
    return judge(ResourceState(address, want, have, record), lockfile, policy, repair)


def key(**fields: object) -> Hand:
    return lambda world: world.at_key("a", **fields)


def gone(world: World) -> World:
    return world.at_proxy(lambda proxy: replace(proxy, keys=()))


def dark(world: World) -> World:
    return replace(world, proxies={})


def same(world: World) -> World:
    return world


#: hand, spec, policy, repair -> action and the codes of what is said
KEYS = {
    "as applied": (same, SPEC, STOP, True, None, ""),
    "unread": (dark, SPEC, STOP, True, Action.BLOCKED, ""),
    "unread and unwanted": (dark, GONE, STOP, True, Action.BLOCKED, ""),
    "another limit wanted": (same, SPEC.key("a", rpm=5), STOP, True, Action.UPDATE, ""),
    "narrowed by hand": (key(models=("two",)), SPEC, STOP, True, Action.UPDATE, ""),
    "narrowed, and drift stops": (key(models=("two",)), SPEC, STOP, False, Action.BLOCKED, "drift.stopped"),
    "changed to what is wanted": (
        lambda w: w.at_key("a", limits={**w.key("a").limits, "rpm_limit": 5}),
        SPEC.key("a", rpm=5), STOP, False, Action.RECORD, "",
    ),
    "blocked by hand": (key(blocked=True), SPEC, STOP, True, Action.BLOCKED, "key.revoked"),
    "blocked, and restored": (key(blocked=True), SPEC, RESTORE, True, Action.UPDATE, "key.revoked"),
    "deleted by hand": (gone, SPEC, STOP, True, Action.BLOCKED, "key.revoked"),
    "deleted, and restored": (gone, SPEC, RESTORE, True, Action.CREATE, "key.revoked"),
    "restored, though drift stops": (gone, SPEC, RESTORE, False, Action.CREATE, "key.revoked"),
    "deleted, and a new generation": (gone, SPEC.key("a", rpm=60, generation=2), STOP, True, Action.CREATE, ""),
    "another fleet's": (key(metadata={"fleethub": STRANGER}), SPEC, STOP, True, Action.BLOCKED, "key.foreign"),
    "a second of its alias": (key(token="ab" * 32), SPEC, STOP, True, Action.BLOCKED, "key.alias-duplicate"),
    "another in its place": (
        lambda w: w.at_proxy(lambda p: replace(p, keys=(replace(p.keys[0], token="ab" * 32, metadata={}),))),
        SPEC, STOP, True, Action.BLOCKED, "key.alias-taken",
    ),
    "alive at another generation": (same, SPEC.key("a", rpm=60, generation=2), STOP, True, Action.UPDATE, ""),
    "unmarked": (key(metadata={}), SPEC, STOP, True, Action.UPDATE, ""),
    "unwanted": (same, GONE, STOP, True, Action.DELETE, ""),
    "unwanted and gone": (gone, GONE, STOP, True, Action.RECORD, ""),
    "unwanted, another fleet's": (
        key(metadata={"fleethub": STRANGER}), GONE, STOP, True, Action.BLOCKED, "key.foreign",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", KEYS)
def test_a_key(row: str) -> None:
    hand, spec, policy, repair, action, code = KEYS[row]
    found = verdict("key.main.a", hand(settled(SPEC)), spec, policy, repair)
    assert (found.action, ",".join(f.code for f in found.findings)) == (action, code)
    assert (found.action is Action.BLOCKED) == bool(found.blockers)


def file(path: str, data: bytes | None) -> Hand:
    return lambda world: world.at_file("nodes/a", path, data)


def marked(mark: dict[str, object] | None) -> Hand:
    return lambda world: world.at_node("nodes/a", lambda node: replace(node, mark=mark))


NODES = {
    "as applied": (same, SPEC, True, None, ""),
    "another model wanted": (same, SPEC.node("a", "two"), True, Action.UPDATE, ""),
    "a file changed": (file(".env", b"X=1"), SPEC, True, Action.UPDATE, ""),
    "a file changed, and drift stops": (file(".env", b"X=1"), SPEC, False, Action.BLOCKED, "drift.stopped"),
    "a file gone": (file("compose.yaml", None), SPEC, True, Action.UPDATE, ""),
    "its mark gone": (marked(None), SPEC, True, Action.UPDATE, ""),
    "another fleet's": (marked(STRANGER), SPEC, True, Action.BLOCKED, "node.foreign"),
    "its folder gone": (lambda w: w.at_node("nodes/a", lambda _: None), SPEC, True, Action.CREATE, "node.folder-gone"),
    "unwanted": (same, GONE, True, Action.DELETE, ""),
    "unwanted, another fleet's": (marked(STRANGER), GONE, True, Action.BLOCKED, "node.foreign"),
    "unwanted and gone": (lambda w: w.at_node("nodes/a", lambda _: None), GONE, True, Action.RECORD, ""),
}


@pytest.mark.parametrize("row", NODES)
def test_a_node(row: str) -> None:
    hand, spec, repair, action, code = NODES[row]
    found = verdict("node.a", hand(settled(SPEC)), spec, STOP, repair)
    assert (found.action, ",".join(f.code for f in found.findings)) == (action, code)


def test_what_was_never_applied_is_created_and_what_is_protected_stays() -> None:
    assert verdict("key.main.a", World.of(SPEC), SPEC).action is Action.CREATE
    guarded = SPEC.key("a", rpm=60, protected=True)
    found = verdict("key.main.a", settled(guarded), GONE)
    assert (found.action, [f.code for f in found.findings]) == (Action.BLOCKED, ["resource.protected"])


def test_files_of_somebody_else_are_no_node_of_ours() -> None:
    world = World.of(SPEC).at_node("nodes/a", lambda node: replace(node, files={".env": (b"", 0o600)}))
    assert [f.code for f in verdict("node.a", world, SPEC).findings] == ["node.target-taken"]


def test_what_an_apply_began_is_no_drift() -> None:
    """Nor is what it did not come to: only after it is done is there something to differ from."""
    base = fleet().models("one", "two")
    there, spec = settled(base.node("a", "one")), base.node("a", "two")
    whole = len(plan(there, spec).steps)
    assert whole > 3
    for crash in range(whole + 1):
        broken = apply(there, plan(there, spec), crash=crash).world
        assert [verdict(name, broken, spec).drift for name in ("node.a", "key.main.a")] == [None, None], crash


def test_what_was_applied_somewhere_else_is_no_drift_of_what_is_here() -> None:
    there = settled(SPEC.node("a", "one", target="nodes/x"))
    found = verdict("node.a", there, SPEC.node("a", "one", target="nodes/y"))
    assert (found.action, found.drift) == (Action.CREATE, None)
