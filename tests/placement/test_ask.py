"""Questions: what is proposed holds, the largest context is the largest, unknown stays unknown, places are ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from fleethub.engines.ollama.settings import OllamaSettings
from fleethub.model.capacity import Answer, Fit, Sure
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.readings.server import MeasuredLoad, Resident
from fleethub.placement.ask import AskError, Question, ask, held, query_of, rank
from fleethub.placement.planned import planned_sets
from fleethub.placement.report import report
from fleethub.sizing.architecture import architecture_of_params, requantised
from tests.placement.asking import CATALOG, GIB, VERSION, backend, facts, fleet, model

TAGS = ("qwen3:32b", "gpt-oss:20b", "llama3.1:8b")
SEEN = facts(gpu=TAGS)
BIG = architecture_of_params(32_000_000_000, "Q8_0")


def two(vram: int = 48, *, chain: tuple[str, ...] = ("q",), context: int = 32768, **settings: object) -> Fleet:
    """One backend, with qwen3-32b planned on it."""
    models = [model("q", "qwen3:32b", "gpu", context=context), model("o", "gpt-oss:20b", "gpu")]
    return fleet([backend("gpu", vram, **settings)], models, {"n": chain})


def test_a_small_model_beside_a_large_one_fits() -> None:
    answer = ask(two(80, kv_cache_type="q8_0"), SEEN, Question("gpu", "llama3.1:8b", 8192))
    assert answer.verdict.fit is Fit.FITS
    assert [p.model for p in answer.verdict.placed] == ["q", "llama3.1:8b"]
    assert answer.placed.context == 8192
    assert answer.suggestions == ()
    assert answer.rounded is not None
    assert answer.rounded >= 8192


def test_a_planned_model_is_not_counted_twice() -> None:
    for name in ("q", "qwen3:32b"):
        answer = ask(two(), SEEN, Question("gpu", name, 4096))
        assert [p.model for p in answer.verdict.placed] == ["q"]
        assert answer.placed.context == 4096
        assert answer.before.placed == ()


def test_what_cannot_fit_says_so_and_finds_another_backend() -> None:
    f = two(48)
    f = replace(f, backends={**f.backends, "far": backend("far", 96), "tiny": backend("tiny", 8)})
    answer = ask(f, SEEN, Question("gpu", "new", 8192, architecture=BIG))
    assert answer.verdict.fit is not Fit.FITS
    assert answer.suggestions[-1].values == (("backend", "far"),)
    assert "not observed" in answer.suggestions[-1].cost


def test_unknown_stays_unknown_and_nothing_is_proposed() -> None:
    nothing = Facts("now")
    answer = ask(two(48), nothing, Question("gpu", "q", 4096))
    assert answer.verdict.fit is Fit.UNKNOWN
    assert (answer.largest, answer.suggestions) == (None, ())
    assert answer.unobserved
    bare = fleet([backend("gpu")], [model("q", "qwen3:32b", "gpu")], {"n": ("q",)})
    answer = ask(bare, SEEN, Question("gpu", "q"))
    assert answer.verdict.fit is Fit.UNKNOWN
    assert answer.largest is None


def test_a_neighbour_of_unknown_size_makes_the_whole_unknown() -> None:
    answer = ask(two(48), facts(gpu=("gpt-oss:20b",)), Question("gpu", "o", 4096))
    assert answer.verdict.fit is Fit.UNKNOWN
    assert answer.largest is None
    assert answer.suggestions == ()


@pytest.mark.parametrize(
    ("more", "fit"),
    [
        ({}, Fit.FITS),
        ({"context": 8192, "kv_type": "q4_0"}, Fit.FITS),
        ({"context": 32769}, Fit.UNKNOWN),
        ({"parallel": 2}, Fit.UNKNOWN),
        ({"kv_type": "f16"}, Fit.UNKNOWN),
    ],
)
def test_a_size_in_the_spec_holds_for_what_it_was_written_for(more: dict[str, Any], fit: Fit) -> None:
    """``vram = "25 GiB"`` is with the spec's context, slots and cache: of more than these it says nothing."""
    there = backend("gpu", 48, kv_cache_type="q8_0")
    f = fleet([there], [model("q", "qwen3:32b", "gpu", vram=25 * GIB)], {"n": ("q",)})
    answer = ask(f, Facts("now"), Question("gpu", "q", **more))
    assert answer.verdict.fit is fit
    if "context" in more:
        assert (answer.largest, answer.largest_reason) == (32768, "what a larger one takes is not known")
    if fit is Fit.UNKNOWN:
        assert "the spec gives vram = 25.0 GiB for qwen3:32b with a context of 32,768" in answer.verdict.reason
    # more than there is at all does not fit, whatever else is so
    f = replace(f, backends={"gpu": backend("gpu", 24, kv_cache_type="q8_0")})
    assert ask(f, Facts("now"), Question("gpu", "q", **more)).verdict.fit is Fit.EXCEEDS


def test_what_nobody_planned_is_a_second_answer() -> None:
    loose = Resident("llama3.1:8b", 40 * GIB, 40 * GIB, "sha256:1", 131072)
    seen = facts({"gpu": (loose,)}, gpu=TAGS)
    answer = ask(two(48, kv_cache_type="q8_0"), seen, Question("gpu", "q", 8192))
    assert answer.verdict.fit is Fit.FITS
    assert [h.tag for h in answer.unplanned] == ["llama3.1:8b"]
    assert answer.beside is not None
    assert answer.beside.fit is not Fit.FITS
    # what is asked about is no stranger to itself
    assert ask(two(48), seen, Question("gpu", "llama3.1:8b", 8192)).unplanned == ()


def test_settings_of_the_server_are_asked_for_all() -> None:
    answer = ask(two(48), SEEN, Question("gpu", "llama3.1:8b", 8192, parallel=2, kv_type="q4_0"))
    assert {(p.parallel, p.kv_type) for p in answer.verdict.placed} == {(2, "q4_0")}
    assert "whole server" in answer.notes[0]


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (Question("nope", "q"), "no backend is called 'nope'; there are: gpu"),
        (Question("gpu", "unheard-of"), "neither in the spec nor installed .*--params"),
        (Question("gpu", "q", architecture=BIG), "is in the spec already"),
        (Question("gpu", "cloud"), "is a cloud model"),
    ],
)
def test_what_cannot_be_asked(question: Question, says: str) -> None:
    f = two()
    cloud = replace(model("cloud", "x"), tag=None, backends=())
    with pytest.raises(AskError, match=says):
        ask(replace(f, models={**f.models, "cloud": cloud}), SEEN, question)


def test_ranking_puts_room_first_and_certain_refusals_last() -> None:
    backends = [backend("small", 4), backend("none"), backend("large", 96), backend("gpu", 48)]
    f = fleet(backends, [model("q", "qwen3:32b", "gpu")], {"n": ("q",)})
    ranked = rank(f, SEEN, Question("", "llama3.1:8b", 8192))
    assert [r.answer.backend for r in ranked] == ["large", "gpu", "none", "small"]
    assert [r.answer.verdict.fit for r in ranked[:3]] == [Fit.FITS, Fit.FITS, Fit.UNKNOWN]
    assert ranked[0].headroom > ranked[1].headroom > 0  # type: ignore[operator]
    assert ranked[3].answer.verdict.fit is not Fit.FITS
    assert ranked[3].reason


def test_a_bar_adds_up_and_tells_what_is_loaded() -> None:
    residents = (
        Resident("gpt-oss:20b", 13 * GIB, 13 * GIB, CATALOG["gpt-oss:20b"]["digest"], 32768),
        Resident("llama3.1:8b", 6 * GIB, 6 * GIB, "x", 4096),
    )
    seen = facts({"gpu": residents}, gpu=TAGS)
    f = two(48, chain=("q", "o"))
    found = report(f, f.backends["gpu"], seen, planned_sets(f)["gpu"])
    (bar,) = found.bars
    sizes = {p.model: p.upper for p in found.verdict.placed}
    assert (bar.resident, bar.planned, bar.unplanned) == (sizes["o"], sizes["q"], 6 * GIB)
    assert bar.headroom == 47 * GIB - sum(sizes.values()) - 6 * GIB
    assert [h.alias for h in held(f, f.backends["gpu"], seen)] == ["o", None]


def test_what_no_gpu_takes_alone_is_reckoned_over_all_of_them() -> None:
    """18 GiB of weights and 10 GiB of cache are more than one card: what each of the two needs anew counts twice."""
    f = fleet([backend("gpu", 24, 24)], [model("q", "qwen3:32b", "gpu", context=40960)], {"n": ("q",)})
    found = report(f, f.backends["gpu"], SEEN, planned_sets(f)["gpu"])
    (load,) = found.verdict.placed
    assert any(row.what == "overhead of 2 GPUs" for row in load.estimate.rows)
    assert sum(load.parts) == load.upper == found.verdict.need
    assert tuple(bar.planned for bar in found.bars) == load.parts
    assert 0.9 < load.parts[1] / load.parts[0] < 1.1
    assert all(bar.planned for bar in found.bars)
    # what one card holds is on one card, be there another or not
    less = two(24, context=4096)
    (small,) = report(less, less.backends["gpu"], SEEN, planned_sets(less)["gpu"]).verdict.placed
    answer = ask(replace(f, nodes={}), SEEN, Question("gpu", "llama3.1:8b", 8192))
    assert (answer.placed.parts, small.parts) == ((), ())
    assert "overhead of 1 GPU" in {row.what for row in answer.placed.estimate.rows}
    # unless the server is told to spread everything
    spread = replace(f, nodes={}, backends={"gpu": backend("gpu", 24, 48, sched_spread=True)})
    parts = ask(spread, SEEN, Question("gpu", "llama3.1:8b", 8192)).placed.parts
    assert 0 < parts[0] < parts[1]


#: A world takes a twentieth of a second.
SOME = max(15, settings().max_examples // 5)
WORLDS = {
    "vram": st.sampled_from([8, 12, 16, 24, 32, 48, 80]),
    "parallel": st.integers(1, 4),
    "kv": st.sampled_from(["f16", "q8_0", "q4_0"]),
    "loaded": st.integers(0, 3),
    "planned": st.sets(st.sampled_from(["q", "o", "l"])),
    "asked": st.sampled_from(["q", "o", "l", "new"]),
    "context": st.integers(1, 140_000) | st.none(),
}


def world(vram: int, parallel: int, kv: str, loaded: int, planned: set[str]) -> Fleet:
    models = [model(a, t, "gpu", context=8192) for a, t in zip("qol", TAGS, strict=True)]
    there = backend("gpu", vram, num_parallel=parallel, kv_cache_type=kv, max_loaded_models=loaded)
    return fleet([there, backend("far", 64)], models, {f"n{a}": (a,) for a in sorted(planned)})


def question(asked: str, context: int | None) -> Question:
    return Question(
        "gpu", asked, context, architecture=architecture_of_params(7_000_000_000, "Q8_0") if asked == "new" else None
    )


def made(f: Fleet, q: Question, values: Mapping[str, str | int], context: int) -> tuple[Fleet, Question]:
    """The fleet, and the question, that have these changes; ``context`` is the present one."""
    server = f.backends["gpu"].engine
    assert isinstance(server, OllamaSettings)
    server = replace(
        server,
        kv_cache_type=str(values.get("kv_type", server.kv_cache_type)),
        num_parallel=int(values.get("num_parallel", server.num_parallel)),
        max_loaded_models=int(values.get("max_loaded_models", server.max_loaded_models)),
    )
    then = replace(
        q,
        context=int(values.get("context", context)),
        backend=str(values.get("backend", q.backend)),
    )
    if "quant" in values and q.architecture is not None:
        then = replace(then, architecture=requantised(q.architecture, str(values["quant"])))
    return replace(f, backends={**f.backends, "gpu": replace(f.backends["gpu"], engine=server)}), then


@given(**WORLDS)
@settings(max_examples=SOME)
def test_every_change_holds_when_it_is_made(
    vram: int, parallel: int, kv: str, loaded: int, planned: set[str], asked: str, context: int | None
) -> None:
    """Each suggestion put to a fleet, or a question, that has it: the plain answer is then that it fits."""
    f, q = world(vram, parallel, kv, loaded, planned), question(asked, context)
    answer = ask(f, SEEN, q)
    assume(answer.verdict.fit is not Fit.FITS)
    for suggestion in answer.suggestions:
        values = dict(suggestion.values)
        event(", ".join(values))
        if "quant" in values and q.architecture is None:  # another file of an installed model
            assert suggestion.verdict.fit is Fit.FITS
            now, before = suggestion.verdict.placed[-1].estimate, answer.placed.estimate
            assert (now.total or 0) < (before.total or 0)
        else:
            assert ask(*made_of(f, q, values, answer), others=False).verdict.fit is Fit.FITS, suggestion.says


def made_of(f: Fleet, q: Question, values: Mapping[str, str | int], answer: Answer) -> tuple[Fleet, Facts, Question]:
    changed, then = made(f, q, values, answer.placed.context)
    return changed, SEEN, then


@given(**WORLDS)
@settings(max_examples=SOME)
def test_where_nothing_is_proposed_nothing_helps(
    vram: int, parallel: int, kv: str, loaded: int, planned: set[str], asked: str, context: int | None
) -> None:
    """Every change at once, each as far as it goes: one GPU that does not hold that holds nothing in between."""
    f, q = world(vram, parallel, kv, loaded, planned), question(asked, context)
    answer = ask(replace(f, backends={"gpu": f.backends["gpu"]}), SEEN, q)
    assume(answer.verdict.fit is not Fit.FITS)
    event("nothing" if not answer.suggestions else "something")
    few = min(answer.placed.context, 1024)
    values = {"kv_type": "q4_0", "num_parallel": 1, "max_loaded_models": 9, "context": few, "quant": "Q2_K"}
    if not answer.suggestions and answer.placed.context > 1024:
        assert ask(*made_of(f, q, values, answer), others=False).verdict.fit is not Fit.FITS


def test_several_changes_at_once_where_one_is_not_enough() -> None:
    """One slot more than the server gives, and bytes too many: each alone is not enough."""
    there = backend("gpu", 48, max_loaded_models=1)
    f = fleet([there], [model("q", "qwen3:32b", "gpu", vram=20 * GIB)], {"n": ("q",)})
    answer = ask(
        f, Facts("now"), Question("gpu", "new", 8192, architecture=architecture_of_params(20_000_000_000, "Q8_0"))
    )
    assert answer.verdict.fit is Fit.EXCEEDS
    assert answer.largest_reason == "it does not fit with any context"
    assert answer.suggestions[0].values == (("max_loaded_models", 2), ("quant", "Q6_K"))
    assert answer.suggestions[0].says.startswith("OLLAMA_MAX_LOADED_MODELS=2 instead of 1 and the model in Q6_K")
    assert answer.suggestions[0].cost == "answers get worse"


def test_a_quant_is_proposed_for_a_model_that_was_measured() -> None:
    """What was measured is the installed file: a smaller one is smaller."""
    digest = CATALOG["qwen3:32b"]["digest"]
    load = MeasuredLoad(digest, 32768, 1, "f16", VERSION, 31 * GIB, "then")
    answer = ask(two(32), replace(SEEN, loads=(load,)), Question("gpu", "q", 32768))
    assert answer.placed.estimate.rows[0].sure is Sure.MEASURED
    assert "quant" in {what for r in answer.suggestions for what, _ in r.values}


@given(**WORLDS)
@settings(max_examples=SOME)
def test_the_largest_context_fits_and_the_next_does_not(
    vram: int, parallel: int, kv: str, loaded: int, planned: set[str], asked: str, context: int | None
) -> None:
    f, q = world(vram, parallel, kv, loaded, planned), question(asked, context)
    answer = ask(f, SEEN, q)

    def fits(tokens: int) -> bool:
        return ask(f, SEEN, replace(q, context=tokens), others=False).verdict.fit is Fit.FITS

    if answer.largest is None:
        assert answer.largest_reason
        assert not fits(1)
        return
    assert fits(answer.largest)
    assert answer.largest == answer.limit or not fits(answer.largest + 1)
    if answer.rounded is not None:
        assert answer.rounded % 1024 == 0
        assert answer.largest - 1024 < answer.rounded <= answer.largest
        assert fits(answer.rounded)


def test_a_scene_knows_the_model_by_its_tag() -> None:
    assert query_of(two(), SEEN, Question("gpu", "qwen3:32b")).model.name == "q"
