"""Admission against a server that schedules by the published rules: random fleets, every order of loads.

Whenever admission says that a set fits, nothing is evicted, spilled or refused, wherever in the measured ranges the
loads' true sizes lie. Each other verdict names a load order, and that order shows it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import assume, event, example, given, note
from hypothesis import strategies as st

from fleethub.engines.ollama.admission import admit
from fleethub.engines.ollama.load import load
from fleethub.engines.ollama.scheduler import SchedulerVersion, scheduler_of
from fleethub.engines.ollama.server import OllamaServer
from fleethub.model.capacity import AdmissionCheck, Fit, Placed, Sure
from fleethub.model.facts import Facts
from fleethub.model.readings.server import MeasuredLoad, ServerReading
from fleethub.model.serving import Model
from fleethub.testing.catalog import ALL
from fleethub.testing.ollama import COMPUTE, COPIES, OVERHEAD, OVERHEAD_VISION, Scheduler, Settings, Truth, true_size
from tests.engines.support import GIB, installed

CATALOG = {entry["name"]: entry for entry in ALL}
READING = {tag: installed(entry) for tag, entry in CATALOG.items()}
FACTS = Facts("now")
MIB = 1 << 20
BAD = ("evicted", "spilled", "reloaded", "failed", "stepped", "refused", "queued")
#: The largest catalog models fit no card; most sets are of those that do.
TAGS = sorted(CATALOG, key=lambda tag: CATALOG[tag]["size"])
CONTEXTS = (4096, 8192, 16384, 20480, 32768, 65536, 131072)
VERSIONS = ("0.32.1", "0.32.1", "0.32.1", "0.30.0", "0.18.0", "0.12.1", "0.27.3")


@dataclass(frozen=True)
class World:
    """A server as it is set up, and the loads that are planned for it (tag -> context, the first ones primaries)."""

    gpus: tuple[int, ...]
    version: str
    settings: Settings
    reserve: int
    loads: tuple[tuple[str, int], ...]

    @property
    def server(self) -> OllamaServer:
        s = self.settings
        return OllamaServer(
            "gpu",
            tuple((f"card {n}", size) for n, size in enumerate(self.gpus)),
            "declared",
            self.version,
            scheduler_of(self.version),
            parallel=s.num_parallel,
            max_loaded=s.max_loaded_models,
            kv_type=s.kv_cache_type,
            flash=s.flash_attention,
            overhead=s.gpu_overhead,
            spread=s.sched_spread,
            reserve=self.reserve,
            observed=True,
            reading=ServerReading(self.version, READING, ()),
        )

    def planned(self, primaries: int = 99, facts: Facts = FACTS) -> list[Placed]:
        return [
            load(self.server, model(tag, tag, context), facts, context=context, primary=at < primaries)
            for at, (tag, context) in enumerate(self.loads)
        ]

    def schedulers(self, **truth: Any) -> list[Scheduler]:
        """Of an unknown scheduler one of each that it may be."""
        models = [CATALOG[tag] for tag, _ in self.loads]
        versions = ("0.18.0", "0.32.1") if self.server.scheduler is SchedulerVersion.UNKNOWN else (self.version,)
        return [Scheduler(models, list(self.gpus), self.settings, version=v, **truth) for v in versions]


def model(alias: str, tag: str, context: int) -> Model:
    return Model(name=alias, backends=("gpu",), route="", tag=tag, context=context)


def tight(world: World, part: float | None) -> World:
    """The same set on GPUs scaled so that all together have ``part`` of what it needs: where verdicts change."""
    if part is None:
        return world
    need = sum(load.estimate.high for load in world.planned())
    scale = need * part / sum(world.gpus)
    return replace(world, gpus=tuple(max(round(size * scale), 4 * GIB) for size in world.gpus))


def sets(cards: st.SearchStrategy[tuple[int, ...]]) -> st.SearchStrategy[World]:
    settings = st.builds(
        Settings,
        num_parallel=st.sampled_from([1, 1, 2, 4]),
        max_loaded_models=st.sampled_from([0, 0, 0, 1, 2, 3]),
        kv_cache_type=st.sampled_from(["f16", "f16", "q8_0", "q4_0"]),
        flash_attention=st.sampled_from([None, None, None, True, False]),
        gpu_overhead=st.sampled_from([0, 0, 0, GIB]),
        sched_spread=st.sampled_from([False, False, False, True]),
    )
    loads = st.lists(
        st.tuples(st.sampled_from(TAGS), st.sampled_from(CONTEXTS)), min_size=1, max_size=4, unique_by=lambda x: x[0]
    ).map(tuple)
    worlds = st.builds(World, cards, st.sampled_from(VERSIONS), settings, st.sampled_from([0, GIB]), loads)
    return st.builds(tight, worlds, st.none() | st.floats(0.95, 2.0))


ONE = st.sampled_from([8, 12, 16, 24, 32, 48, 80, 96, 141]).map(lambda size: (size * GIB,))
SEVERAL = st.lists(st.sampled_from([8, 12, 16, 24, 32, 48, 80]), min_size=2, max_size=4).map(
    lambda sizes: tuple(size * GIB for size in sizes)
)
TRUTHS = st.builds(
    Truth,
    compute=st.sampled_from(COMPUTE) | st.floats(*COMPUTE),
    overhead=st.sampled_from(OVERHEAD) | st.integers(*OVERHEAD),
    overhead_vision=st.sampled_from(OVERHEAD_VISION) | st.integers(*OVERHEAD_VISION),
    copies=st.sampled_from(COPIES) | st.integers(*COPIES),
)


def happened(
    scheduler: Scheduler, contexts: Mapping[str, int], order: Sequence[str], batches: Mapping[str, int] | None = None
) -> list[Any]:
    """What went wrong when the models were asked for in this order."""
    for tag in order:
        scheduler.request(tag, contexts[tag], {"num_batch": batches[tag]} if batches else None)
    return [e for e in scheduler.log if e.what in BAD]


def stays(world: World, truths: Mapping[str, Truth], names: Sequence[str]) -> None:
    contexts = dict(world.loads)
    for order in itertools.islice(itertools.permutations(names), 24):
        for scheduler in world.schedulers(truths=truths):
            assert happened(scheduler, contexts, (*order, *reversed(order), *order)) == [], order
            assert set(scheduler.residents) == set(names)


def truths_of(data: st.DataObject, world: World) -> dict[str, Truth]:
    return {tag: data.draw(TRUTHS, label=tag) for tag, _ in world.loads}


@given(sets(ONE), st.data())
def test_what_fits_on_one_gpu_stays_in_every_order(world: World, data: st.DataObject) -> None:
    fit = admit(world.server, world.planned()).fit
    event(fit.value)
    if fit is Fit.FITS:
        stays(world, truths_of(data, world), [tag for tag, _ in world.loads])


@given(sets(SEVERAL), st.data())
def test_what_fits_on_several_gpus_stays_in_every_order(world: World, data: st.DataObject) -> None:
    fit = admit(world.server, world.planned()).fit
    event(fit.value)
    if fit is Fit.FITS:
        stays(world, truths_of(data, world), [tag for tag, _ in world.loads])


def measured(world: World, truths: Mapping[str, Truth], order: Sequence[str]) -> Facts:
    """What /api/ps told when the models were loaded in this order, each as it was first seen."""
    (scheduler,) = world.schedulers(truths=truths)
    plain = {p.tag: p for p in world.planned()}
    seen: dict[str, MeasuredLoad] = {}
    for tag in order:
        scheduler.request(tag, dict(world.loads)[tag])
        for one in scheduler.residents.values():
            if one.size == one.size_vram:
                load = plain[one.name]
                key = (CATALOG[one.name]["digest"], load.context, load.parallel, load.kv_type, world.version)
                seen.setdefault(one.name, MeasuredLoad(*key, one.size, "then"))
    return Facts("now", loads=tuple(seen.values()))


@given(sets(ONE), st.data())
def test_what_fits_by_measured_sizes_stays_in_every_order(world: World, data: st.DataObject) -> None:
    assume(
        world.server.scheduler in (SchedulerVersion.CURRENT, SchedulerVersion.ENGINE)
    )  # the others' sizes are no measurements
    truths, tags = truths_of(data, world), [tag for tag, _ in world.loads]
    planned = world.planned(facts=measured(world, truths, data.draw(st.permutations(tags), label="seen so")))
    event(f"{sum(p.estimate.rows[0].sure is Sure.MEASURED for p in planned)} measured")
    fit = admit(world.server, planned).fit
    event(fit.value)
    if fit is Fit.FITS:
        stays(world, truths, tags)


@pytest.mark.parametrize(
    ("gpu", "loads"),
    [
        (25.01, (("gemma3:4b", 65536), ("qwen3.5:9b", 65536))),
        (31.65, (("gemma3:4b", 65536), ("gpt-oss:20b", 65536))),
        (25.14, (("qwen3.5:9b", 32768), ("llama3.1:8b", 65536))),
    ],
)
def test_what_was_measured_where_room_was_little_may_take_more(gpu: float, loads: tuple[tuple[str, int], ...]) -> None:
    """The second one was seen with a smaller batch; loaded first it takes a larger one, and the other meets that."""
    world = World((round(gpu * GIB),), "0.32.1", Settings(), 0, loads)
    tags = [tag for tag, _ in loads]
    truths = {tag: Truth(compute=COMPUTE[1], overhead=OVERHEAD[1]) for tag in tags}
    seen = measured(world, truths, tags)
    assert len(seen.loads) == 2
    (scheduler,) = world.schedulers(truths=truths)
    assert happened(scheduler, dict(loads), tags) == []
    assert happened(scheduler, dict(loads), (*tags, *tags[::-1])) == []
    again = world.schedulers(truths=truths)[0]
    assert happened(again, dict(loads), tags[::-1]) != []
    assert admit(world.server, world.planned(facts=seen)).fit is not Fit.FITS


@given(sets(ONE | SEVERAL), st.integers(1, 2), st.data())
def test_a_fallback_that_fits_disturbs_no_primary(world: World, primaries: int, data: st.DataObject) -> None:
    verdict = admit(world.server, world.planned(primaries))
    if verdict.fit is not Fit.FITS:
        return
    first = [tag for tag, _ in world.loads[:primaries]]
    for tag, fit in verdict.fallbacks:
        event(fit.value)
        if fit is Fit.FITS:
            stays(world, truths_of(data, world), [*first, tag])


def upper(world: World, load: Placed) -> Truth:
    """The truth in which a load takes, where it lies, exactly the upper end of its range."""
    flash = world.settings.flash_attention
    flash = flash if flash is not None else world.server.scheduler is not SchedulerVersion.OLD
    current = world.server.scheduler in (SchedulerVersion.CURRENT, SchedulerVersion.UNKNOWN)
    size = true_size(
        CATALOG[load.tag],
        load.context,
        load.parallel,
        load.kv_type,
        batch=batch_of(world, load),
        flash=flash,
        new=current,
        gpus=max(len(load.parts), 1),
        truth=Truth(compute=1.0),
    )
    runtime = max(row.most or row.bytes for row in load.estimate.rows if row.what.startswith("overhead")) // size.gpus
    working = size.compute * size.gpus + size.tail
    more = load.estimate.high - runtime * size.gpus - (size.taken - size.overhead * size.gpus)
    return Truth(compute=(working + more) / working, overhead=runtime, overhead_vision=runtime)


def batch_of(world: World, load: Placed) -> int:
    """The batch that admission reckons with: a server with little room takes a smaller one, if nobody fixed it."""
    if (
        world.server.scheduler not in (SchedulerVersion.CURRENT, SchedulerVersion.UNKNOWN)
        or "embedding" not in CATALOG[load.tag]["capabilities"]
    ):
        return load.batch
    return min(2048, load.context)


def shown(world: World, check: AdmissionCheck, loads: Mapping[str, Placed]) -> list[Any]:
    """Each rule by itself: what the number of models alone would evict hides the others."""
    contexts = dict(world.loads)
    if check.rule != "count":
        world = replace(world, settings=replace(world.settings, max_loaded_models=9))
    truths = {tag: upper(world, load) for tag, load in loads.items()}
    batches = {tag: batch_of(world, load) for tag, load in loads.items()}
    return [e for s in world.schedulers(truths=truths) for e in happened(s, contexts, check.order, batches)]


def has_witnesses(world: World) -> None:
    """Of the oldest servers both their guess and the truth count, whichever is larger: no one world shows that."""
    assume(world.server.scheduler is not SchedulerVersion.OLD)
    world = replace(world, reserve=0)
    loads = {p.tag: p for p in world.planned()}
    for check in admit(world.server, list(loads.values())).checks:
        assert check.holds or check.order or len(world.gpus) > 1, check
        if check.holds or not check.order:
            continue
        event(check.rule)
        note(check.says)
        seen = shown(world, check, loads)
        if check.rule == "preflight":
            assert ("evicted", check.model) in [(e.what, e.more) for e in seen], (check, seen)
        elif check.rule == "count":
            assert any(e.what == "evicted" for e in seen), (check, seen)
        elif check.rule == "spill":
            assert ("spilled", check.model) in [e[:2] for e in seen], (check, seen)
        elif check.need > check.limit + world.settings.gpu_overhead * len(world.gpus):
            assert seen, check


LARGE = (("qwen3:32b", 16384), ("gemma3:27b", 16384))
SHOWN = [
    ("0.32.1", 48, {}, LARGE, Fit.EVICTS, "preflight"),
    ("0.32.1", 80, {"max_loaded_models": 1}, LARGE, Fit.EVICTS, "count"),
    ("0.32.1", 8, {}, (("nomic-embed-text:latest", 8192), ("llama3.1:8b", 8192)), Fit.SPILLS, "spill"),
    ("0.32.1", 24, {}, (("qwen3:32b", 32768),), Fit.EXCEEDS, "physical"),
    ("0.32.1", 40, {}, LARGE, Fit.EXCEEDS, "physical"),
    ("0.18.0", 12, {}, (("gemma3:4b", 4096), ("qwen3.5:9b", 4096)), Fit.EVICTS, "preflight"),
    ("0.18.0", 80, {"max_loaded_models": 1}, LARGE, Fit.EVICTS, "count"),
    ("0.18.0", 24, {}, (("qwen3:32b", 32768),), Fit.EXCEEDS, "spill"),
    ("0.12.1", 80, {}, (("qwen3:32b", 16384), ("gpt-oss:120b", 16384)), Fit.EXCEEDS, "preflight"),
    ("0.12.1", 80, {"max_loaded_models": 1}, LARGE, Fit.EVICTS, "count"),
    ("0.12.1", 24, {}, (("qwen3:32b", 32768),), Fit.EXCEEDS, "spill"),
    ("0.27.3", 48, {}, LARGE, Fit.EVICTS, "preflight"),
    ("0.27.3", 8, {}, (("nomic-embed-text:latest", 8192), ("llama3.1:8b", 8192)), Fit.SPILLS, "spill"),
]


@pytest.mark.parametrize(("version", "gpu", "settings", "loads", "fit", "rule"), SHOWN)
def test_each_verdict_by_name_of_each_era(
    version: str, gpu: int, settings: dict[str, Any], loads: tuple[tuple[str, int], ...], fit: Fit, rule: str
) -> None:
    """The order that the verdict names, put to a server of that scheduler: what the rule says happens."""
    world = World((gpu * GIB,), version, Settings(**settings), 0, loads)
    planned = {p.tag: p for p in world.planned()}
    verdict = admit(world.server, list(planned.values()))
    assert verdict.fit is fit
    checks = [c for c in verdict.checks if not c.holds and c.rule == rule]
    assert checks
    for check in checks:
        seen = [e.what for e in shown(world, check, planned)]
        assert {"spill": "spilled", "physical": seen[0]}.get(rule, "evicted") in seen
        assert check.order[-1] == check.model or not check.model


def test_one_tag_asked_for_with_two_contexts_is_loaded_anew_at_every_turn() -> None:
    world = World((48 * GIB,), "0.32.1", Settings(), 0, (("qwen3:8b", 8192),))
    (one,) = world.planned()
    other = load(world.server, model("agents", "qwen3:8b", 16384), FACTS, context=16384)
    verdict = admit(world.server, [one, other])
    (check,) = [c for c in verdict.checks if not c.holds]
    assert (verdict.fit, check.rule, (check.limit, check.need)) == (Fit.EVICTS, "context", (8192, 16384))
    assert "each change loads it anew" in check.says
    (scheduler,) = world.schedulers()
    for context in (8192, 16384) * 2:
        scheduler.request("qwen3:8b", context)
    assert [e.more for e in scheduler.log if e.what == "reloaded"] == [(8192, 16384), (16384, 8192), (8192, 16384)]


@given(sets(ONE))
def test_each_refusal_has_an_order_that_shows_it(world: World) -> None:
    """With every load at the upper end of its range, which is what admission counts with."""
    has_witnesses(world)


#: Spread over four GPUs both take more than there is; the second finds two of them full, and lies on the others alone.
FULL = World(
    (4294967296, 4294967296, 6385983743, 12771967487),
    "0.32.1",
    Settings(num_parallel=2, kv_cache_type="q8_0", sched_spread=True),
    0,
    (("nomic-embed-text:latest", 4096), ("llama3.1:8b", 32768)),
)


@given(sets(SEVERAL))
@example(FULL)
def test_each_refusal_on_several_gpus_that_names_an_order_is_shown_by_it(world: World) -> None:
    """Where not every way of landing was followed, the careful answer names no order."""
    has_witnesses(world)
