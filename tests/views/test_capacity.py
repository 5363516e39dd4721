"""What capacity looks like, from values made by hand: bars, tables, answers, JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from fleethub.model.address import Address
from fleethub.model.capacity import (
    AdmissionCheck,
    AdmissionVerdict,
    Answer,
    Bar,
    CapacityReport,
    Estimate,
    Fit,
    Held,
    Placed,
    Rank,
    Row,
    Suggestion,
    Sure,
)
from fleethub.model.finding import Finding
from fleethub.views.capacity import answer_text, overview_text, places_text
from fleethub.views.capacity_data import answer_data, rank_data, report_data
from fleethub.views.gpu_bar import bar_text
from fleethub.views.style import Style

GIB = 1 << 30
PLAIN = Style()


def load(name: str, weights: float, cache: float, context: int, *, primary: bool = True) -> Placed:
    rows = (
        Row("weights", int(weights * GIB), Sure.EXACT, "tensors: /api/show"),
        Row("KV cache q8_0", int(cache * GIB), Sure.EXACT, "/api/show", f"64 layers x {context} cells"),
        Row("compute", 300 << 20, Sure.ESTIMATED, "formula"),
    )
    total = sum(row.bytes for row in rows)
    size = Estimate(rows, total - (100 << 20), total + (300 << 20))
    return Placed(name, f"{name}:latest", context, "the route's num_ctx", 1, "q8_0", size, total, primary=primary)


BIG, SMALL = load("qwen3-32b", 18.8, 4.2, 32768), load("gpt-oss-20b", 12.8, 0.4, 32768, primary=False)
NEW = replace(load("new", 20, 8, 65536), context_from="asked", tag="new")
CHECKS = (
    AdmissionCheck("physical", "", 61 * GIB, 48 * GIB, False, "the set and the reserve"),
    AdmissionCheck(
        "preflight", "new", 25 * GIB, 12 * GIB, False, "the server's own rule", ("qwen3-32b", "gpt-oss-20b", "new")
    ),
    AdmissionCheck("count", "", 3, 3, True, "models at once"),
    AdmissionCheck(
        "preflight", "gpt-oss-20b", 13 * GIB, 9 * GIB, False, "gpt-oss-20b after the others evicts one", ("a", "b")
    ),
)
FITS = AdmissionVerdict(
    "monad-1", Fit.FITS, (BIG, SMALL), (), (("card", 48 * GIB),), GIB, 37 * GIB, 48 * GIB, "declared", "current"
)
EXCEEDS = replace(FITS, fit=Fit.EXCEEDS, placed=(BIG, SMALL, NEW), checks=CHECKS, need=60 * GIB, notes=("a note",))
EXCEEDS = replace(EXCEEDS, fallbacks=(("gpt-oss-20b", Fit.EVICTS),))
UNKNOWN = AdmissionVerdict(
    "far",
    Fit.UNKNOWN,
    (Placed("x", "x:latest", 4096, "spec", 1, "f16", Estimate(reason="it is not installed there")),),
    (),
    (),
    GIB,
    None,
    None,
    reason="its GPUs are not known",
)
BAR = Bar("RTX 6000 Ada", 48 * GIB, 23 * GIB, 13 * GIB, 5 * GIB, GIB, used=29 * GIB)
REPORTS = (
    CapacityReport(
        "monad-1",
        FITS,
        (BAR,),
        (
            Held("qwen3-32b:latest", 23 * GIB, 23 * GIB, 32768, "qwen3-32b"),
            Held("llama3.1:8b", 6 * GIB, 5 * GIB, 8192),
        ),
        (Finding("backend.unreadable", "something to say", Address("backend", "monad-1"), hint="do it"),),
    ),
    CapacityReport("far", UNKNOWN, unobserved="timed out"),
)
ANSWER = Answer(
    "monad-1",
    NEW,
    EXCEEDS,
    FITS,
    beside=replace(EXCEEDS, fit=Fit.EVICTS),
    held=REPORTS[0].held,
    unplanned=REPORTS[0].held[1:],
    largest=20500,
    rounded=20480,
    limit=131072,
    suggestions=(
        Suggestion((("context", 20480),), "a context of 20,480 instead of 65,536", FITS),
        Suggestion((("backend", "far"),), "on far, 9.0 GiB stay free", FITS, "not observed"),
    ),
    notes=("parallel slots are a setting of the whole server",),
)
RANKS = (
    Rank(replace(ANSWER, backend="large", verdict=FITS), 9 * GIB),
    Rank(replace(ANSWER, backend="far", verdict=UNKNOWN, unobserved="timed out"), None, "its GPUs are not known"),
    Rank(ANSWER, -13 * GIB, "the set and the reserve"),
)


@pytest.mark.parametrize(("width", "blocks"), [(100, False), (60, True), (30, False)])
def test_overview(width: int, blocks: bool, snapshot: SnapshotAssertion) -> None:
    text = overview_text(REPORTS, PLAIN, width, blocks)
    assert text == snapshot
    assert blocks or text.isascii()
    drawn = [line for line in text.splitlines() if "[" in line or "MODEL" in line]
    assert all(len(line) <= width for line in drawn)


def test_answer(snapshot: SnapshotAssertion) -> None:
    assert answer_text(ANSWER, PLAIN) == snapshot


def test_an_answer_with_a_fallback_that_does_not_go_with_it() -> None:
    verdict = replace(EXCEEDS, fit=Fit.FITS, checks=CHECKS[2:])
    text = answer_text(replace(ANSWER, verdict=verdict, beside=None, suggestions=()), PLAIN)
    assert (
        "can hold new beside qwen3-32b:  fits\n  but when the fallback gpt-oss-20b is loaded beside it: evicts" in text
    )
    assert "gpt-oss-20b: evicts: gpt-oss-20b after the others evicts one" in text


def test_an_answer_over_several_gpus() -> None:
    text = answer_text(replace(ANSWER, placed=replace(NEW, parts=(15 * GIB, 14 * GIB))), PLAIN)
    assert "  No GPU takes it alone; at most 15.0 GiB + 14.0 GiB on them in turn." in text
    assert "No GPU takes it alone" not in answer_text(ANSWER, PLAIN)
    assert answer_data(replace(ANSWER, placed=replace(NEW, parts=(2, 1))))["model"]["per_gpu"] == [2, 1]


def test_an_answer_that_is_not_known(snapshot: SnapshotAssertion) -> None:
    bare = Answer(
        "far", UNKNOWN.placed[0], UNKNOWN, UNKNOWN, largest_reason="it is not installed there", unobserved="timed out"
    )
    assert answer_text(bare, PLAIN) == snapshot
    known = replace(bare, largest=32768, rounded=32768, largest_reason="what a larger one takes is not known")
    text = answer_text(replace(known, suggestions=ANSWER.suggestions[:1]), PLAIN)
    assert "Largest context that is known to fit: 32,768; what a larger one takes is not known." in text
    assert "What is known to fit, cheapest first" in text


def test_places(snapshot: SnapshotAssertion) -> None:
    assert places_text(RANKS, PLAIN) == snapshot


def test_colour_paints_and_changes_no_word() -> None:
    import re

    for text, plain in (
        (overview_text(REPORTS, Style(True)), overview_text(REPORTS, PLAIN)),
        (answer_text(ANSWER, Style(True)), answer_text(ANSWER, PLAIN)),
        (places_text(RANKS, Style(True)), places_text(RANKS, PLAIN)),
    ):
        assert "\x1b[" in text
        assert re.sub(r"\x1b\[[\d;]*m", "", text) == plain


def test_data_is_json_in_bytes(snapshot: SnapshotAssertion) -> None:
    data = [report_data(REPORTS[0]), report_data(REPORTS[1]), answer_data(ANSWER), rank_data(RANKS[1])]
    assert json.loads(json.dumps(data)) == json.loads(json.dumps(data, default=repr))
    assert data[0]["gpus"][0]["headroom"] == 6 * GIB
    assert json.dumps(data, indent=1) == snapshot


@given(st.lists(st.integers(0, 100 * GIB), min_size=5, max_size=5), st.integers(10, 60))
def test_a_bar_is_as_wide_as_it_should_be(sizes: list[int], cells: int) -> None:
    bar = Bar("g", *sizes)
    drawn = bar_text(bar, cells, PLAIN, False)
    assert len(drawn) == (cells if any(sizes) else 0)
    for size, mark in zip((bar.resident, bar.planned, bar.unplanned, bar.reserve, bar.headroom), "#=!~.", strict=True):
        assert (mark in drawn) == (size > 0)
