"""What a proxy does with an alias: contexts that it hides, wildcards, and models that it calls on its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.kinds.route.deployments import wanted_deployments
from fleethub.kinds.route.findings import alias_findings
from fleethub.model.capacity import Fit
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.readings.proxy import Deployment, KeyRow, ProxyReading
from fleethub.model.readings.server import ServerReading
from fleethub.model.routing import aliases_of, fallbacks_of, instead, rows_of
from fleethub.placement.ask import Question, ask
from fleethub.placement.assess import Assessment, assess
from fleethub.placement.planned import planned_sets
from fleethub.placement.report import report
from fleethub.testing.catalog import QWEN3_CODER_30B
from tests.engines.support import GIB, URL, facts, fleet, installed, model, node

TAG = "qwen3-coder:30b"
DISK = ServerReading("0.32.1", {TAG: installed(QWEN3_CODER_30B)}, ())


def proxy(*rows: Deployment, **more: Any) -> ProxyReading:
    found: dict[str, Any] = {"keys": {}, **more}
    return ProxyReading(frozenset(r.alias for r in rows), rows, **found)


def row(alias: str, route: str = "", base: str = URL, ctx: int | None = 4096) -> Deployment:
    return Deployment(alias, route or f"ollama_chat/{alias}", alias, base, ctx)


def judge(f: Fleet, seen: Facts) -> Assessment:
    return assess(f, f.backends["gpu"], seen, (), planned_sets(f)["gpu"])


def test_a_route_to_v1_loads_the_automatic_context() -> None:
    """litellm#7570, ollama#16814: /v1 ignores num_ctx, so that a 48 GiB card loads 262,144 tokens."""
    coder = model("coder", tag=TAG, route=f"openai/{TAG}", context=32768)
    f = fleet({"coder": coder}, node("n", "coder"), gpus=(48,))
    for reading in (proxy(row("coder", f"openai/{TAG}", f"{URL}/v1", 32768)), proxy()):
        found = judge(f, facts(DISK, proxy=reading))
        assert found.verdict is not None
        (load,) = found.verdict.placed
        assert (load.context, load.context_from) == (262144, "Ollama's automatic default")
        assert 43 * GIB < load.upper < 46 * GIB
    seen = facts(DISK, proxy=proxy(row("coder", f"openai/{TAG}", f"{URL}/v1", 32768)))
    (finding,) = alias_findings(f, seen)
    assert finding.code == "route.context-unset"
    assert "by openai/, which passes no num_ctx on: it loads 262144 tokens" in finding.message
    assert f"ollama_chat/{TAG} with api_base {URL} and num_ctx: 32768" in finding.hint
    set_by_file = installed(QWEN3_CODER_30B, {"num_ctx": "32768"})
    assert not alias_findings(
        f, facts(replace(DISK, installed={TAG: set_by_file}), proxy=seen.readings["litellm", "http://proxy:4000"])
    )  # type: ignore[arg-type]


def test_another_name_of_the_model_is_no_other_route() -> None:
    f = fleet({"coder": model("coder", tag=TAG, route=f"ollama_chat/library/{TAG}", context=4096)}, node("n", "coder"))
    seen = facts(DISK, proxy=proxy(row("coder", f"ollama_chat/{TAG}")))
    assert alias_findings(f, seen) == []
    other = facts(DISK, proxy=proxy(row("coder", f"ollama/{TAG}")))
    assert [one.code for one in alias_findings(f, other)] == ["route.differs"]


def test_a_route_of_ours_to_v1_goes_there() -> None:
    f = fleet({"coder": model("coder", tag=TAG, route=f"openai/{TAG}")}, node("n", "coder"))
    (want,) = wanted_deployments(f, f.models["coder"])
    assert (want.model, want.api_base, want.num_ctx) == (f"openai/{TAG}", f"{URL}/v1", None)


def test_a_wildcard_is_judged_as_what_it_leads_to() -> None:
    """litellm#8095: ``ollama_chat/*`` takes the alias in, and sets no context."""
    name = f"ollama_chat/{TAG}"
    f = fleet({name: model(name, tag=TAG, route=name, context=32768)}, node("n", name), gpus=(48,))
    star = row("ollama_chat/*", "ollama_chat/*", ctx=None)
    found = judge(f, facts(DISK, proxy=proxy(star)))
    assert found.verdict is not None
    assert found.verdict.placed[0].context == 262144
    assert [r.model for r in rows_of(proxy(star), name)] == [name]
    assert not found.refused


def test_what_the_router_falls_back_to_is_counted_as_a_fallback() -> None:
    models = {"small": model("small", vram=7 * GIB), "big": model("big", vram=45 * GIB)}
    f = fleet(models, node("n", "small"), gpus=(24,))
    seen = facts(proxy=proxy(row("small"), row("big"), fallbacks={"small": ("big",)}))
    found = judge(f, seen)
    assert found.verdict is not None
    assert found.verdict.fallbacks == (("big", Fit.EXCEEDS),)
    (finding,) = [one for one in found.findings if one.code == "capacity.exceeded"]
    assert "the fallback big" in finding.message
    assert "(main falls back to it from small)" in finding.message
    assert not found.refused
    assert [p.model for p in found.planned] == ["small"]  # the lockfile keeps what the fleet planned
    assert report(f, f.backends["gpu"], seen, planned_sets(f)["gpu"]).verdict.fallbacks == found.verdict.fallbacks
    assert ask(f, seen, Question("gpu", "small")).verdict.fallbacks == found.verdict.fallbacks


def test_a_fallback_that_the_spec_does_not_have_is_known_by_its_route() -> None:
    f = fleet({"small": model("small", vram=7 * GIB)}, node("n", "small"), gpus=(32,))
    huge = installed(QWEN3_CODER_30B)
    disk = ServerReading("0.32.1", {TAG: huge, "huge:1t": replace(huge, size=45 * GIB, shown=None)}, ())
    rows = (
        row("small"),
        row("stranger", f"ollama_chat/{TAG}"),
        row("huge", "ollama_chat/huge:1t"),
        row("x", base="http://y"),
    )
    seen = facts(disk, proxy=proxy(*rows, fallbacks={"small": ("stranger",), "stranger": ("huge",), "*": ("x",)}))
    found = judge(f, seen)
    assert found.verdict is not None
    assert dict(found.verdict.fallbacks) == {"stranger": Fit.FITS, "huge": Fit.EXCEEDS}
    assert any("huge" in one.message and "falls back to it from stranger" in one.message for one in found.findings)


def test_what_a_key_of_ours_falls_back_to_counts_too() -> None:
    models = {"small": model("small", vram=7 * GIB), "big": model("big", vram=45 * GIB)}
    f = fleet(models, node("n", "small"), gpus=(24,))
    key = KeyRow("n", "t", ("small",), {}, {}, router_settings={"fallbacks": [{"small": ["big"]}]})
    found = judge(f, facts(proxy=proxy(row("small"), row("big"), keys={"n": (key,)})))
    assert any("the key n falls back to it from small" in one.message for one in found.findings)


def test_other_peoples_keys_are_told() -> None:
    f = fleet({"small": model("small", vram=7 * GIB)}, node("n", "small"), gpus=(24,))
    mine, all_, theirs = (KeyRow(a, a, m, {}, {}) for a, m in (("n", ()), ("ci", ()), ("web", ("small",))))
    keys = {"n": (mine,), "ci": (all_,), "web": (theirs,)}
    found = judge(f, facts(proxy=proxy(row("small"), row("big"), keys=keys)))
    assert found.verdict is not None
    assert found.verdict.notes[-1] == "keys that are not this fleet's (ci) may load big there: that is not counted"
    assert judge(f, facts(proxy=proxy(row("small"), keys=keys))).verdict.notes[-1:] != found.verdict.notes[-1:]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("raw", "fallbacks", "aliases"),
    [
        ({}, {}, {}),
        (
            {"fallbacks": [{"a": ["b", {"model": "x"}]}], "content_policy_fallbacks": [{"a": ["c"]}]},
            {"a": ("b", "c")},
            {},
        ),
        ({"default_fallbacks": ["z"], "context_window_fallbacks": None}, {"*": ("z",)}, {}),
        (  # as LiteLLM 1.106.2 and 1.110.2 tell default_fallbacks; one of another kind does not take its place
            {"fallbacks": [{"*": ["z"]}, {"b": ["c"]}], "context_window_fallbacks": [{"a": ["long"]}]},
            {"*": ("z",), "b": ("c",), "a": ("z", "long")},
            {},
        ),
        (
            {"model_group_alias": {"fast": "a", "hidden": {"model": "b", "hidden": True}, "odd": 7}},
            {},
            {"fast": "a", "hidden": "b"},
        ),
        ({"model_group_alias": None, "fallbacks": "x"}, {}, {}),
    ],
)
def test_router_settings(raw: dict[str, Any], fallbacks: dict[str, tuple[str, ...]], aliases: dict[str, str]) -> None:
    assert (fallbacks_of(raw), aliases_of(raw)) == (fallbacks, aliases)


def test_a_name_of_the_routers_leads_where_its_target_does_and_inherits_no_fallback() -> None:
    reading = proxy(row("big"), aliases={"fast": "big"})
    assert [r.alias for r in rows_of(reading, "fast")] == ["big"]
    assert instead({"big": ("other",)}, ["fast"]) == {}
    assert instead({"a": ("b",), "b": ("c", "a")}, ["a"]) == {"b": "a", "c": "b"}
    assert instead(None, ["a"]) == {}
