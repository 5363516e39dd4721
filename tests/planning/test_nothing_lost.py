"""For any lockfile, spec and readings, some of them unknown or foreign: nothing that may live is lost.

"May live" is: it lives in the truth, whatever was read. Lost is a thing of ours that is deleted without an order that
stands in the spec, or unseen; or that lives on, and the lockfile that named it names it no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.fleets import Spec
from tests.world import LINEAGE, SEAL, SEEDLESS, apply, facts, plan, remembered, settled
from tests.world.lies import believed, lies, told
from tests.world.living import let_go, living, named, ordered, seen
from tests.world.strategies import hands, meddled, specs

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
        assert thing not in ordered(remembered(spec, believing.lockfile)), f"{thing} was deleted, and the spec wants it"
        assert seen(thing, readings, believing.lockfile), f"{thing} was deleted unseen"
    forgotten = (alive & still & named(believing.lockfile)) - named(after.lockfile) - let_go(spec)
    assert not forgotten, f"{sorted(forgotten)} live on, and the lockfile forgot them"
