"""Every verdict with its numbers, and what holds for all of them."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.engines.ollama.admission import admit
from fleethub.engines.ollama.scheduler import SchedulerVersion
from fleethub.model.capacity import WORSE, AdmissionCheck, AdmissionVerdict, Estimate, Fit, Placed
from tests.engines.support import GIB, load, server


def broken(verdict: AdmissionVerdict) -> list[AdmissionCheck]:
    return [c for c in verdict.checks if not c.holds]


def test_what_fits_is_shown_with_every_rule() -> None:
    verdict = admit(server(48), [load("a", 20), load("b", 20)])
    assert verdict.fit is Fit.FITS
    assert [(c.rule, c.model) for c in verdict.checks] == [
        ("physical", ""),
        ("count", ""),
        ("preflight", "a"),
        ("spill", "a"),
        ("preflight", "b"),
        ("spill", "b"),
    ]
    assert (verdict.need, verdict.total, verdict.reserve) == (40 * GIB, 48 * GIB, GIB)


def test_bytes_that_do_not_fit_exceed() -> None:
    verdict = admit(server(48), [load("a", 24), load("b", 23.5)])
    assert verdict.fit is Fit.EXCEEDS
    first = broken(verdict)[0]
    assert (first.rule, first.need, first.limit) == ("physical", 48.5 * GIB, 48 * GIB)
    assert first.says == "2 models and the reserve need 48.5 GiB, and there is 48.0 GiB"


def test_bytes_fit_and_the_server_evicts() -> None:
    verdict = admit(server(48), [load("a", 22, 24), load("b", 22, 20)])
    assert verdict.fit is Fit.EVICTS
    (check,) = broken(verdict)
    assert (check.rule, check.model, check.order) == ("preflight", "a", ("b", "a"))
    assert (check.need, check.limit) == (24 * GIB, 26 * GIB * 8 // 10)
    assert "24.0 GiB" in check.says
    assert "20.8 GiB (80 % of 26.0 GiB free)" in check.says


def test_alone_nothing_is_evicted() -> None:
    assert admit(server(48), [load("a", 40, 60)]).fit is Fit.FITS
    assert admit(server(24, scheduler=SchedulerVersion.ENGINE), [load("a", 20, 99)]).fit is Fit.FITS


def test_what_the_projector_needs_spills() -> None:
    small = load("a", 3, 2)
    vision = load("v", 5.5, 3.6, room=2 * GIB)
    verdict = admit(server(10), [small, vision])
    assert verdict.fit is Fit.SPILLS
    (check,) = broken(verdict)
    assert (check.rule, check.model, check.order) == ("spill", "v", ("a", "v"))
    assert (check.need, check.limit) == (7.5 * GIB, 7 * GIB)


def test_too_many_models_evict() -> None:
    many = [load(f"m{n}", 1) for n in range(4)]
    verdict = admit(server(48), many)
    assert (verdict.fit, [(c.rule, c.need, c.limit) for c in broken(verdict)]) == (Fit.EVICTS, [("count", 4, 3)])
    assert admit(server(48, max_loaded=4), many).fit is Fit.FITS
    assert admit(server(24, 24), many).fit is Fit.FITS


def test_one_tag_is_one_load_and_has_one_context() -> None:
    twin = replace(load("a", 30), model="alias")
    assert admit(server(48), [load("a", 30), twin]).fit is Fit.FITS
    other = replace(twin, context=8192)
    verdict = admit(server(48), [load("a", 30), other])
    assert (verdict.fit, broken(verdict)[0].rule) == (Fit.EVICTS, "context")


def test_fallbacks_are_judged_one_at_a_time() -> None:
    loads = [load("a", 24), load("f", 18, primary=False), load("g", 18, primary=False), load("h", 10, primary=False)]
    verdict = admit(server(48), loads)
    assert verdict.fit is Fit.FITS
    # after the fallback of 18, 30 are free: a needs 24 of 24 and stays; f finds 24 and gets 19.2
    assert verdict.fallbacks == (("f", Fit.FITS), ("g", Fit.FITS), ("h", Fit.FITS))
    big = admit(server(48), [load("a", 24), load("f", 22, primary=False), load("g", 49, primary=False)])
    assert big.fallbacks == (("f", Fit.EVICTS), ("g", Fit.EXCEEDS))
    assert big.fit is Fit.EXCEEDS
    assert {c.model for c in broken(big)} == {"f", "g"}
    # bytes that are missing and a rule that does not notice: the fallback goes to the CPU
    blind = admit(server(48), [load("a", 30, 10), load("f", 20, 10, primary=False)])
    assert (blind.fit, blind.fallbacks) == (Fit.FITS, (("f", Fit.SPILLS),))


def test_unknown_stands_apart() -> None:
    lost = replace(load("x", 1), estimate=Estimate(reason="x is not installed"))
    verdict = admit(server(48), [load("a", 20), lost])
    assert (verdict.fit, verdict.need, verdict.reason) == (Fit.UNKNOWN, None, "x is not installed")
    assert admit(server(48), [load("a", 49), lost]).fit is Fit.EXCEEDS
    assert admit(server(), [load("a", 1)]).fit is Fit.UNKNOWN
    assert admit(server(48), [load("a", 20), replace(lost, primary=False)]).fallbacks == (("x", Fit.UNKNOWN),)
    beside = [lost, load("f", 10, primary=False), load("g", 49, primary=False)]
    assert admit(server(48), beside).fallbacks == (("f", Fit.UNKNOWN), ("g", Fit.EXCEEDS))


def test_the_upper_end_of_a_range_counts() -> None:
    wide = replace(load("a", 20), estimate=replace(load("a", 20).estimate, high=48 * GIB))
    verdict = admit(server(48), [wide])
    assert verdict.fit is Fit.EXCEEDS
    assert "each load counts with the upper end of its range" in verdict.notes


def test_overhead_is_not_there_to_be_used() -> None:
    old = {"scheduler": SchedulerVersion.ENGINE, "version": "0.24.0"}
    assert admit(server(48, **old), [load("a", 46)]).fit is Fit.FITS
    assert admit(server(48, overhead=2 * GIB, **old), [load("a", 46)]).fit is Fit.EXCEEDS


@pytest.mark.parametrize("scheduler", [SchedulerVersion.ENGINE, SchedulerVersion.OLD])
def test_older_servers_know_no_80_percent(scheduler: SchedulerVersion) -> None:
    loads = [load("a", 23), load("b", 23.5)]
    assert admit(server(48, scheduler=SchedulerVersion.CURRENT), loads).fit is Fit.EVICTS
    assert admit(server(48, scheduler=scheduler), loads).fit is Fit.FITS
    assert admit(server(48, scheduler=scheduler, reserve=0), [load("a", 24), load("b", 23.6)]).fit is Fit.EVICTS


def test_several_gpus_depend_on_where_things_land() -> None:
    three = [load(name, 15) for name in "abc"]
    verdict = admit(server(24, 24), three)  # one on each, and 18 left over both
    assert verdict.fit is Fit.EVICTS
    assert len(broken(verdict)[0].order) == 3
    assert admit(server(24, 24, 24), three).fit is Fit.FITS
    assert admit(server(24, 24), three[:2]).fit is Fit.FITS
    # larger than one GPU: spread over both
    assert admit(server(24, 24), [load("a", 30)]).fit is Fit.FITS
    assert admit(server(24, 24), [load("a", 46.5)]).fit is Fit.EXCEEDS


sizes = st.integers(5, 300).map(lambda n: n / 10)
loads = st.lists(st.tuples(sizes, sizes, st.booleans()), min_size=1, max_size=5).map(
    lambda found: [load(f"m{n}", s, p, primary=primary) for n, (s, p, primary) in enumerate(found)]
)
machines = st.lists(st.sampled_from([12.0, 24.0, 48.0]), min_size=1, max_size=3)


def rank(verdict: AdmissionVerdict) -> int:
    return WORSE.index(verdict.fit)


@given(loads, machines, st.randoms())
def test_the_order_of_the_set_does_not_matter(planned: list[Placed], gpus: list[float], dice: random.Random) -> None:
    shuffled = list(planned)
    dice.shuffle(shuffled)
    one, other = admit(server(*gpus), planned), admit(server(*gpus), shuffled)
    assert (one.fit, one.checks, one.fallbacks) == (other.fit, other.checks, other.fallbacks)


@given(loads, st.sampled_from([12.0, 24.0, 48.0]), st.sampled_from(list(SchedulerVersion)))
def test_one_more_never_helps_and_a_larger_gpu_never_harms(
    planned: list[Placed], gpu: float, scheduler: SchedulerVersion
) -> None:
    here = server(gpu, scheduler=scheduler)
    assert rank(admit(here, planned)) >= rank(admit(here, planned[:-1]))
    assert rank(admit(server(gpu + 8, scheduler=scheduler), planned)) <= rank(admit(here, planned))


@given(loads, st.sampled_from([12.0, 24.0, 48.0]), st.permutations(range(5)))
def test_what_fits_on_one_gpu_stays_in_every_order(planned: list[Placed], gpu: float, order: list[int]) -> None:
    """The rule written out once more, step by step: free, 80 %, what must stay free."""
    planned = [replace(p, primary=True) for p in planned]
    verdict = admit(server(gpu), planned)
    if verdict.fit is not Fit.FITS:
        assert broken(verdict)
        return
    free, there = gpu * GIB, 0
    for at in order:
        if at < len(planned):
            new = planned[at]
            assert not there or (new.preflight or 0) <= 0.8 * free
            assert free - (new.estimate.total or 0) >= GIB
            free, there = free - (new.estimate.total or 0), there + 1


@pytest.mark.parametrize("gpus", [(80.0,), (24.0, 24.0), (80.0,) * 8])
def test_a_hundred_backends_of_twenty_models_in_a_second(gpus: tuple[float, ...]) -> None:
    planned = [load(f"m{n}", 2 + n / 10, 2 + n / 9, primary=n % 3 > 0) for n in range(20)]
    start = time.process_time()
    for n in range(100):
        admit(server(*gpus, max_loaded=20 + n), planned)
    assert time.process_time() - start < 5  # the bench measures; here only that nothing explodes
