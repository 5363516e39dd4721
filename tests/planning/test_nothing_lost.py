"""For any lockfile, spec and readings, some of them unknown or foreign: nothing that may live is lost.

"May live" is: it lives in the truth, whatever was read. Lost is a thing of ours that is deleted without an order that
stands in the spec, or unseen; or that lives on, and the lockfile that named it names it no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, note, settings
from hypothesis import strategies as st

from fleethub.model.plan import Action
from tests.fleets import Spec, fleet
from tests.world import LINEAGE, SEAL, SEEDLESS, apply, facts, plan, settled
from tests.world.lies import believed, lies, told
from tests.world.living import let_go, living, named, ordered, seen
from tests.world.strategies import hands, meddled, specs
from tests.world.values import Node

#: 2,000 with the 500 of CI's long run.
EXAMPLES = 4 * settings().max_examples


@settings(max_examples=EXAMPLES)
@given(
    first=specs(), second=specs(), third=st.none() | specs(), crash=st.sampled_from((None, 0, 1, 3, 5)),
    deeds=hands, lies=lies, seeded=st.sampled_from((True, True, False)),
)  # fmt: skip
def test_what_may_live_is_never_lost(
    first: Spec,
    second: Spec,
    third: Spec | None,
    crash: int | None,
    deeds: Sequence[tuple[str, str]],
    lies: Mapping[str, str],
    seeded: bool,
) -> None:
    """An apply, a second one that may crash, somebody's hands; then one that is lied to."""
    before = settled(first)
    truth = meddled(apply(before, plan(before, second), crash=crash).world, deeds)

    spec, fingerprinter = third or second, SEAL if seeded else SEEDLESS
    believing = replace(truth, lockfile=believed(truth.lockfile, before.lockfile, lies["lockfile"]))
    readings = told(facts(believing, spec, fingerprinter), lies)
    after = apply(
        believing, plan(believing, spec, facts=readings, fingerprinter=fingerprinter), fingerprinter=fingerprinter
    ).world

    note(f"first: {first}\nsecond: {second}, crash: {crash}, deeds: {deeds}\nspec: {spec}\nlies: {lies}, {seeded=}")

    alive = living(truth, LINEAGE)
    still = living(after, LINEAGE) | living(after, after.lockfile.lineage if after.lockfile else "")
    for thing in sorted(alive - still):
        assert thing in named(believing.lockfile), f"{thing} was deleted, and no record named it"
        assert thing not in ordered(spec.remembered(believing.lockfile)), f"{thing} was deleted, and the spec wants it"
        assert seen(thing, readings, believing.lockfile), f"{thing} was deleted unseen"
    forgotten = (alive & still & named(believing.lockfile)) - named(after.lockfile) - let_go(spec)
    assert not forgotten, f"{sorted(forgotten)} live on, and the lockfile forgot them"


def test_what_was_begun_and_arrived_is_known_by_its_files() -> None:
    """The apply broke off behind the delivery, the mark is damaged, and the node is wanted no more."""
    nobody = fleet().models("one")
    truth = apply(settled(nobody), plan(settled(nobody), nobody.node("a", "one").key("a")), crash=3).world
    told_so = told(facts(truth, nobody, SEAL), {"proxy": "", "lockfile": "", "node a": "a damaged mark"})
    (change,) = (c for c in plan(truth, nobody, facts=told_so).changes if c.address.kind == "node")
    assert change.action is Action.DELETE


def test_somebodys_files_where_a_delivery_was_begun_are_not_removed() -> None:
    """It never arrived, and somebody else put a compose.yaml there."""
    nobody = fleet().models("one")
    truth = apply(settled(nobody), plan(settled(nobody), nobody.node("a", "one").key("a")), crash=2).world
    theirs = Node(files={"compose.yaml": (b"services: {}\n", 0o644), ".env": (b"A=1\n", 0o600)})
    after = replace(truth, nodes={"nodes/a": theirs})
    assert apply(after, plan(after, nobody)).world.nodes["nodes/a"].files == theirs.files
