"""The one ordering rule on made-up things: told after proved, narrowed after settled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleethub.kinds.node.actions import Settle
from fleethub.model.address import Address
from fleethub.model.plan import Phase, Step
from fleethub.planning.order import order

THINGS = [Address("key", f"main.k{i}") for i in range(3)] + [Address("route", f"main.r{i}") for i in range(3)]
CONSUMERS = [Address("node", f"n{i}") for i in range(4)]
DO = Settle(0, None)


def steps(address: Address, phases: list[Phase]) -> tuple[Step, ...]:
    return tuple(Step(f"{address}/{p.name}", address, p, DO) for p in phases)


thing_phases = st.lists(st.sampled_from([Phase.EXPAND, Phase.PROVE, Phase.CONTRACT]), unique=True)
consumer_phases = st.sampled_from([[], [Phase.DELIVER, Phase.SETTLE], [Phase.SETTLE], [Phase.CONTRACT]])


@given(st.data())
def test_the_rule(data: st.DataObject) -> None:
    work = {t: steps(t, data.draw(thing_phases)) for t in THINGS}
    work |= {c: steps(c, data.draw(consumer_phases)) for c in CONSUMERS}
    needs = {
        c: {t: frozenset({"m"}) for t in data.draw(st.lists(st.sampled_from(THINGS), unique=True))} for c in CONSUMERS
    }
    wired = order(work, needs)
    position = {step.id: i for i, step in enumerate(wired)}
    assert [s.phase for s in wired] == sorted(s.phase for s in wired)
    for step in wired:
        earlier = [other for other in step.after if wired[position[other]].phase < step.phase]
        assert all(position[other] < position[step.id] for other in earlier)
        if step.phase is Phase.DELIVER:
            for thing in needs[step.address]:
                for before in work[thing]:
                    if before.phase in (Phase.EXPAND, Phase.PROVE):
                        assert before.id in step.after
        if step.phase is Phase.CONTRACT and step.address in THINGS:
            for consumer in CONSUMERS:
                if step.address in needs[consumer] and work[consumer]:
                    assert work[consumer][-1].id in step.after
