"""A backend in a plan: findings, the three policies, before and after, and what each refuses."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.capacity import Fit, PlannedModel
from fleethub.model.consuming import Hop
from fleethub.model.facts import Facts
from fleethub.model.finding import Severity
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Unknown
from fleethub.model.plan import Why
from fleethub.model.readings.proxy import Deployment, ProxyReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.serving import Key, Model
from fleethub.placement.assess import Assessment, assess
from fleethub.placement.planned import planned_sets
from fleethub.testing.catalog import QWEN3_32B
from tests.engines.support import GIB, URL, facts, fleet, installed, model, node


def sized(sizes: dict[str, float | None]) -> dict[str, Model]:
    return {n: model(n, vram=round(s * GIB) if s is not None else None) for n, s in sizes.items()}


def simple(sizes: dict[str, float | None], overcommit: str = "refuse-new") -> Fleet:
    """One node for each model, which is its primary."""
    return fleet(sized(sizes), *(node(n, n) for n in sizes), overcommit=overcommit)


def judge(f: Fleet, before: tuple[PlannedModel, ...] = (), seen: Facts | None = None) -> Assessment:
    return assess(f, f.backends["gpu"], seen or facts(), before, planned_sets(f).get("gpu", ()))


def entry(name: str, size: float | None = None, context: int = 4096, primary: bool = True) -> PlannedModel:
    return PlannedModel(name, context, primary, name, round(size * GIB) if size is not None else None)


def codes(found: Assessment) -> list[tuple[str, Severity]]:
    return [(f.code, f.severity) for f in found.findings]


E, W = Severity.ERROR, Severity.WARNING


def test_primaries_are_first_in_a_chain_or_named_by_a_key_without_nodes() -> None:
    f = fleet(sized(dict.fromkeys("abcde", 1.0)), node("n", "a", "b"), node("m", "c", "a"))
    keys = {"n": Key(name="n", also=("d",)), "web": Key(name="web", models=("e",))}
    found = {p.model: p.primary for p in planned_sets(replace(f, keys=keys))["gpu"]}
    assert found == {"a": True, "b": False, "c": True, "d": False, "e": True}


def test_what_fits_is_silent() -> None:
    found = judge(simple({"a": 20, "b": 20}))
    assert found.findings == ()
    assert (found.load.before, found.load.after) == (0, 40 * GIB)
    assert [p.bytes for p in found.planned] == [20 * GIB, 20 * GIB]


def test_a_byte_too_many_is_refused_with_the_sum() -> None:
    f = simple({"a": 20, "b": 27})
    f.models["b"] = model("b", vram=27 * GIB + 1)  # type: ignore[index]
    found = judge(f)
    assert codes(found) == [("capacity.exceeded", E)]
    assert found.refused.keys() == {"a", "b"}
    lines = [line.strip() for line in found.findings[0].detail]
    assert "48.0 GiB  needed; 48.0 GiB there (declared): 0.0 GiB too much" in lines
    assert all(len(line) <= 94 for line in found.findings[0].detail)


def test_evicted_though_it_fits() -> None:
    found = judge(simple({"a": 23, "b": 23}))
    assert codes(found) == [("capacity.evicts", E)]
    assert "23.0 GiB" in found.findings[0].message
    assert "20.0 GiB (80 % of 25.0 GiB free)" in found.findings[0].message
    assert "fleethub capacity gpu a" in found.findings[0].hint


def test_a_hint_can_be_typed_whatever_a_model_is_called() -> None:
    name = "a $(touch pwned)"
    for found in (judge(simple({name: 23, "b": 23})), judge(fleet(sized({"b": 23, name: 23}), node("n", "b", name)))):
        assert f"fleethub capacity gpu '{name}' shows" in found.findings[0].hint


def test_a_fallback_that_evicts_warns_and_names_whom() -> None:
    f = fleet(sized({"a": 23, "b": 23}), node("n", "a", "b"))
    found = judge(f)
    assert codes(found) == [("capacity.evicts", W)]
    assert "the fallback b and a evict each other" in found.findings[0].message
    assert not found.refused
    alone = judge(fleet(sized({"a": 23, "b": 48}), node("n", "a", "b")))
    assert codes(alone) == [("capacity.exceeded", E)]
    assert alone.refused.keys() == {"b"}


def test_a_fallback_that_shares_its_process_with_a_primary_hides_nothing_of_it() -> None:
    """The process takes what the larger of both takes, and it is to stay."""
    f = fleet(sized({"a": 60, "b": 60}), node("n", "b", "a"), node("m", "b"))
    models = {name: replace(one, tag="same", vram=60 * GIB) for name, one in f.models.items()}
    found = judge(replace(f, models=models))
    assert codes(found) == [("capacity.exceeded", E)]
    assert set(found.refused) == {"a", "b"}


def test_a_fallback_that_is_too_large_is_refused_by_each_of_its_names() -> None:
    """Whoever calls the other name has the same process loaded."""
    models = sized({"a": 23, "b": 60, "c": 60})
    models |= {name: replace(models[name], tag="same") for name in "bc"}
    for chain in (("a", "b", "c"), ("a", "c", "b")):
        found = judge(fleet(models, node("n", *chain)))
        assert codes(found) == [("capacity.exceeded", E)]
        assert found.refused.keys() == {"b", "c"}
    # one that stands is let stand, another name of it is new
    found = judge(fleet(models, node("n", "a", "b", "c")), (entry("a", 23), PlannedModel("b", 4096, False, "same")))
    assert found.refused.keys() == {"c"}


def test_refuse_new_lets_stand_what_stands() -> None:
    before = (entry("a", 40), entry("b", 27))
    assert codes(judge(simple({"a": 40, "b": 27}), before)) == [("capacity.exceeded", W)]
    assert not judge(simple({"a": 40, "b": 27}), before).refused
    assert codes(judge(simple({"a": 40, "b": 27}, "refuse"), before)) == [("capacity.exceeded", E)]
    warned = judge(simple({"a": 40, "b": 27}, "warn"))
    assert (codes(warned), warned.refused) == ([("capacity.exceeded", W)], {})


def test_a_smaller_model_for_a_bigger_one_in_one_commit_is_no_growth() -> None:
    """The old one's block is gone, and yet it counts: with the bytes that the lockfile remembers."""
    f = simple({"a": 40, "new": 20})
    assert codes(judge(f, (entry("a", 40), entry("old", 27)))) == [("capacity.exceeded", W)]
    assert not judge(f, (entry("a", 40), entry("old", 27))).refused
    assert judge(f, (entry("a", 40), entry("old", 19))).refused.keys() == {"new"}
    # an earlier lockfile remembers no bytes: nothing says that it was worse before
    assert judge(f, (PlannedModel("a", 4096), PlannedModel("old", 4096))).refused.keys() == {"new"}


def test_a_worse_verdict_is_refused_even_when_the_sum_shrinks() -> None:
    f = simple({"a": 23, "b": 22})  # evicts
    before = (entry("a", 23), entry("old", 24.1))
    assert judge(f, before).refused == {}  # what was there did not fit either
    better = (entry("x", 30), entry("y", 15.9))  # 45.9, and evicts: as bad, and more
    assert judge(f, better).refused == {}
    fine = (entry("x", 20), entry("y", 20))
    assert judge(f, fine).refused.keys() == {"a", "b"}


def test_another_tag_behind_an_alias_is_a_newcomer() -> None:
    f = fleet({"a": model("a", tag="big:70b", vram=50 * GIB)}, node("n", "a"))
    assert judge(f, (entry("a", 20),)).refused.keys() == {"a"}
    assert judge(f, (PlannedModel("a", 4096, True, "big:70b", 60 * GIB),)).refused == {}


def test_a_fallback_that_becomes_a_primary_is_judged_as_new() -> None:
    f = fleet(sized({"a": 23, "b": 23}), node("n", "a"), node("m", "b"))
    assert judge(f, (entry("a", 23), entry("b", 23, primary=False))).refused.keys() == {"b"}


def test_unknown_size_blocks_a_newcomer_and_warns_for_what_is() -> None:
    new = judge(simple({"a": 20, "b": None}))
    assert codes(new) == [("capacity.unknown", W)]
    assert {a: o.why for a, o in new.refused.items()} == {"b": Why.UNKNOWN}
    old = judge(simple({"a": 20, "b": None}), (entry("a"), entry("b")))
    assert (codes(old), old.refused) == ([("capacity.unknown", W)], {})


def test_a_route_that_loads_more_than_the_spec_sized_is_of_unknown_size() -> None:
    """The tag is not installed, and vram was written for 4096 tokens: what 32768 take, nobody said."""
    f = fleet({"q": model("q", vram=20 * GIB)}, node("n", "q"))
    assert judge(f, seen=facts(proxy=route(4096))).findings == ()
    found = judge(f, seen=facts(proxy=route(32768)))
    assert codes(found) == [("capacity.unknown", W)]
    assert found.refused["q"].why is Why.UNKNOWN
    assert "with a context of 4,096, 1 slot and KV f16; what a context of 32,768" in found.findings[0].message


def test_an_unreachable_backend_is_judged_from_the_spec_and_said_so() -> None:
    away = facts(Unknown("timed out", "now"))
    found = judge(simple({"a": 60}), seen=away)
    assert "(not observed)" in found.findings[0].message
    assert codes(judge(simple({"a": 60, "b": None}), seen=away))[0] == ("capacity.exceeded", E)
    assert judge(simple({"a": 20}), seen=away).findings == ()


def route(num_ctx: int) -> ProxyReading:
    rows = (Deployment("q", "ollama_chat/qwen3:32b", "id", URL, num_ctx),)
    return ProxyReading(frozenset({"q"}), rows, {})


def test_a_direct_consumer_with_another_context_reloads_the_model_at_every_turn() -> None:
    q = model("q", tag="qwen3:32b", route="ollama_chat/qwen3:32b", context=16384)
    direct = Hop(model="q", backend="gpu", endpoint="ollama")
    f = fleet({"q": q}, node("through", "q"), node("round", direct))
    reading = ServerReading("0.32.1", {"qwen3:32b": installed(QWEN3_32B)}, ())
    found = judge(f, seen=facts(reading, proxy=route(8192)))
    assert codes(found) == [("capacity.context-mismatch", W)]
    assert "round asks gpu for q with a context of 16384, and its route loads 8192" in found.findings[0].message
    assert found.verdict is not None
    assert found.verdict.placed[0].context == 16384
    assert judge(f, seen=facts(reading, proxy=route(16384))).findings == ()
    only = fleet({"q": q}, node("round", direct))
    assert judge(only, seen=facts(reading, proxy=route(8192))).findings == ()


def test_one_tag_under_two_aliases() -> None:
    one, two = model("one", tag="t", vram=30 * GIB), model("two", tag="t", vram=30 * GIB)
    assert judge(fleet({"one": one, "two": two}, node("a", "one"), node("b", "two"))).findings == ()
    found = judge(fleet({"one": one, "two": replace(two, context=9000)}, node("a", "one"), node("b", "two")))
    assert codes(found) == [("capacity.context-mismatch", W)]
    assert "one 4096, two 9000" in found.findings[0].message


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 40) | st.none(), min_size=1),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 40)),
    st.sampled_from(["refuse", "refuse-new"]),
)
def test_admission_never_over_commits(sizes: dict[str, int | None], before: dict[str, int], policy: str) -> None:
    """What is newly admitted fits with everything that stays, or the backend was worse before."""
    found = judge(simple(sizes, policy), tuple(entry(n, s) for n, s in sorted(before.items())))
    kept = set(sizes) - set(found.refused)
    if kept - set(before):
        known = {n: s for n in kept if (s := sizes[n]) is not None}
        again = judge(simple(dict(known), "refuse"))
        assert all(sizes[n] is not None for n in kept - set(before))
        grew = sum(s or 0 for s in sizes.values()) > sum((sizes.get(n) or s) for n, s in before.items())
        assert again.verdict is not None
        assert again.verdict.fit is Fit.FITS or not grew


def test_a_larger_context_is_growth() -> None:
    """Nothing else says how it is loaded, so the spec's context counts."""
    q = model("q", tag="qwen3:32b", context=16384)
    f = fleet({"q": q, "r": model("r", vram=20 * GIB)}, node("a", "q"), node("b", "r"))
    seen = facts(ServerReading("0.32.1", {"qwen3:32b": installed(QWEN3_32B)}, ()))
    before = planned_sets(fleet({"q": replace(q, context=4096), "r": f.models["r"]}, *f.nodes.values()))["gpu"]
    before = tuple(replace(p, bytes=20 * GIB) for p in before)
    f.models["q"] = replace(q, context=40960)  # type: ignore[index]
    found = judge(f, before, seen)
    assert codes(found) == [("capacity.exceeded", E)]
    assert found.refused.keys() == {"q"}
