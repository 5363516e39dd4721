"""The estimate against measured loads; other rows can be tried, see ``measured.py``."""

from __future__ import annotations

import csv
import os
import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from fleethub.sizing import compute
from fleethub.sizing.compute import FITTED, MIB
from tests.model.test_finding import ROOT
from tests.sizing.measured import OWN, Load, accuracy, fit, limit, load, loads, our_state, over

ROWS = loads()
JUDGED = [one for one in ROWS if one.judged]
COLUMNS = next(csv.reader(OWN.open(newline="")))
others = pytest.mark.skipif("FLEETHUB_MEASURED" in os.environ, reason="only what holds for any row is tried")


@pytest.mark.parametrize("one", [r for r in ROWS if r.kv is not None and not r.kv_lacks], ids=lambda r: r.id)
def test_the_cache_is_what_the_server_logged(one: Load) -> None:
    assert one.our_kv() == pytest.approx(one.kv, rel=0.006)


@pytest.mark.parametrize("one", [r for r in ROWS if r.state is not None and not r.kv_lacks], ids=lambda r: r.id)
def test_the_recurrent_state_is_what_the_server_logged(one: Load) -> None:
    assert our_state(one) == pytest.approx(one.state, rel=0.006)


@pytest.mark.parametrize("one", JUDGED, ids=lambda r: r.id)
def test_a_total_is_never_below_and_not_far_above(one: Load) -> None:
    assert one.measured is not None
    assert 0 <= one.ours() - one.measured <= limit(one.measured)


@pytest.mark.parametrize("one", [r for r in JUDGED if r.buffers is not None], ids=lambda r: r.id)
def test_buffers_are_never_below_the_logged_ones_either(one: Load) -> None:
    assert one.buffers is not None
    assert one.our_buffers() >= one.buffers


@pytest.mark.skipif(not JUDGED, reason="no row has a total")
def test_the_median_is_at_most_4_percent_above() -> None:
    assert statistics.median(over(one) for one in JUDGED) <= 0.04


@pytest.mark.parametrize("one", [r for r in ROWS if r.printed is not None and not r.total_lacks], ids=lambda r: r.id)
def test_ollama_ps_prints_what_our_buffers_come_to(one: Load) -> None:
    assert one.printed is not None
    step = 1.0 if one.printed >= 10 else 0.1
    assert one.printed <= one.our_buffers() * MIB / 1e9 <= (one.printed + step) * 1.1


@others
def test_the_constants_are_what_the_fit_gives() -> None:
    assert fit(ROWS) == FITTED


@others
def test_no_model_is_needed_to_be_above_its_own_rows() -> None:
    for one in JUDGED:
        without = fit(r for r in ROWS if r.model != one.model)
        assert one.ours(without) >= (one.measured or 0), one.id


@others
def test_a_fit_follows_its_rows() -> None:
    slow = [replace(one, compute=one.compute * 2 if one.compute is not None else None) for one in ROWS]
    assert fit(slow).factor_new > FITTED.factor_new
    assert fit(slow).factor_old > FITTED.factor_old
    big = [replace(one, device=one.device + 400 if one.device is not None else None) for one in ROWS]
    assert fit(big).per_multiprocessor > FITTED.per_multiprocessor
    assert fit(big).vulkan > FITTED.vulkan
    assert compute.overhead(JUDGED[0].shape, JUDGED[0].run, fit(big))[0] > compute.OVERHEAD["metal"]  # type: ignore[arg-type]


@others
def test_every_row_is_judged_or_says_what_it_lacks() -> None:
    assert len(ROWS) == 32
    lacking = {one.id: one.total_lacks for one in ROWS if not one.judged}
    assert sorted(lacking) == ["m046", "m048", "m052", "m069", "m070", "m073"]
    assert lacking["m073"] == ("weights",)
    assert "the projector's bytes" in lacking["m052"]
    assert not any(one.kv_lacks for one in ROWS)


@others
def test_the_documentation_has_the_same_table(snapshot: SnapshotAssertion) -> None:
    assert (ROOT / "sizing/ACCURACY.md").read_text() == accuracy()
    assert accuracy() == snapshot


cells = st.one_of(
    st.sampled_from(["", "0", "-1", "1", "32", "8192", "4096.5", "1e99", "nan", "x", "f16", "q8_0", "old"])
)


@others
@given(st.dictionaries(st.sampled_from(COLUMNS), cells), st.integers(0, 31))
def test_a_row_with_odd_cells_is_read(changed: dict[str, str], index: int) -> None:
    row = list(csv.DictReader(OWN.open(newline="")))[index]
    one = load({**row, **changed})
    assert one.kv_lacks or one.our_kv() >= 0
    if one.judged:
        assert one.ours() > 0


@others
@pytest.mark.parametrize("column", ["layers", "kv_heads", "ctx_total", "head_dim_k", "attn_layers_global"])
def test_a_row_says_what_it_lacks(column: str) -> None:
    row = next(csv.DictReader(OWN.open(newline="")))
    assert column in load({**row, column: ""}).kv_lacks


@others
@pytest.mark.parametrize("column", ["layers", "ctx_total", "head_dim_k"])
def test_a_size_of_zero_is_as_good_as_none(column: str) -> None:
    row = next(csv.DictReader(OWN.open(newline="")))
    assert column in load({**row, column: "0", "n_heads": ""}).kv_lacks


@others
@pytest.mark.parametrize(("buffers", "counted"), [("6007.07", False), ("6807.07", True)])
def test_a_rows_draft_counts_where_the_measurement_has_it(buffers: str, counted: bool) -> None:
    row = next(csv.DictReader(OWN.open(newline="")))
    changed = {"draft_mib": "800", "rs_mib": "603", "buffers_total_mib": buffers, "smi_after_load_delta_mib": ""}
    parts = {"weights_gpu_mib": "4731.63"}  # as much less as the state of two drafts takes more
    one = load({**row, **changed, **parts})
    assert one.run.draft == 2
    assert our_state(one) == pytest.approx(603)
    assert one.judged
    assert one.shape is not None
    assert bool(one.shape.draft_weights) is counted
    assert one.measured is not None
    assert 0 <= one.ours() - one.measured <= limit(one.measured)
