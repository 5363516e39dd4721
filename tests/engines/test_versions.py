"""What a version of Ollama does differently: contexts, windows, what is kept free, flash attention, drafts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleethub.engines.ollama.admission import admit
from fleethub.engines.ollama.context import effective_context
from fleethub.engines.ollama.flash import refused
from fleethub.engines.ollama.load import load as load_of
from fleethub.engines.ollama.scheduler import scheduler_of
from fleethub.engines.ollama.server import OllamaServer, server_of
from fleethub.engines.ollama.settings import read
from fleethub.model.capacity import Fit, Placed
from fleethub.model.facts import Facts
from fleethub.model.readings.proxy import Deployment, ProxyReading
from fleethub.model.readings.server import Installed, ServerReading
from fleethub.sizing.devices import capability
from fleethub.testing.catalog import GPT_OSS_20B, QWEN3_32B, QWEN35_9B
from tests.engines.support import GIB, URL, facts, fleet, installed, load, model, node, server

MIB = 1 << 20


def on(
    version: str, entry: dict[str, Any] | Installed, name: str, *gpus: float, **more: Any
) -> tuple[OllamaServer, Facts]:
    """A server of that version with one model, whose route sets ``ctx``."""
    disk = entry if isinstance(entry, Installed) else installed(entry)
    routes = ProxyReading(frozenset(), (Deployment(name, f"ollama_chat/{name}", "i", URL, more.pop("ctx", None)),), {})
    f = fleet({name: model(name)}, node("n", name), gpus=gpus, ollama=more)
    seen = facts(ServerReading(version, {name: disk}, ()), proxy=routes)
    return server_of(f, f.backends["gpu"], seen), seen


def context(version: str, name: str, entry: dict[str, Any], gpus: tuple[float, ...], ctx: int | None) -> int:
    one, seen = on(version, entry, name, *gpus, ctx=ctx)
    return effective_context(one, model(name), seen)[0]


def placed(version: str, name: str, entry: dict[str, Any] | Installed, *gpus: float, **more: Any) -> Placed:
    one, seen = on(version, entry, name, *gpus, **more)
    return load_of(one, model(name), seen)


@pytest.mark.parametrize(
    ("version", "gpus", "asked", "given"),
    [
        ("0.15.4", (48,), None, 4096),
        ("0.15.5", (48,), None, 40960),
        ("0.33.0-rc2", (48,), None, 40960),
        ("0.15.5", (24,), None, 32768),
        ("0.9.0", (80,), None, 4096),
        ("", (48,), None, 40960),  # not told: the careful one
    ],
)
def test_the_automatic_context(version: str, gpus: tuple[float, ...], asked: int | None, given: int) -> None:
    assert context(version, "qwen3:32b", QWEN3_32B, gpus, asked) == given


@pytest.mark.parametrize(
    ("version", "gpus", "asked", "given"),
    [
        ("0.11.4", (16, 16), 3182, 8192),  # ollama#11964
        ("0.11.3", (16, 16), 3182, 3182),
        ("0.15.4", (16, 16), None, 8192),
        ("0.15.5", (16, 16), 3182, 3182),
        ("0.12.0", (16,), 3182, 3182),  # little VRAM
        ("0.12.0", (16, 16), 16384, 16384),
    ],
)
def test_what_gpt_oss_was_given_at_least(version: str, gpus: tuple[float, ...], asked: int | None, given: int) -> None:
    assert context(version, "gpt-oss:20b", GPT_OSS_20B, gpus, asked) == given


def test_five_slots_of_gpt_oss_did_not_fit_two_cards_of_16() -> None:
    """ollama#11964: it ran with 5 x 8,192, 8 of its 25 layers on the CPU. CUDA gives 15.6 GiB of such a card."""
    one, seen = on("0.11.4", GPT_OSS_20B, "gpt-oss:20b", 15.6, 15.6, ctx=3182, num_parallel=5)
    found = load_of(one, model("gpt-oss:20b"), seen)
    assert (found.context, found.parallel) == (8192, 5)
    assert admit(one, [found]).fit is not Fit.FITS


def test_ollamas_own_engine_remembers_more_of_a_window() -> None:
    """4,096 cells and a batch in half of the layers, 0.13 to 0.24; llama-server's 128 and a batch since 0.30."""

    def window(version: str) -> int:
        rows = placed(version, "gpt-oss:20b", GPT_OSS_20B, 48, ctx=32768).estimate.rows
        return next(row.bytes for row in rows if "sliding" in row.what)

    per_cell = 12 * 8 * 128 * 2  # layers, heads, K and V, f16
    assert window("0.24.0") == (4096 + 512) * per_cell
    assert window("0.32.1") == (256 + 1024) * per_cell


def test_gpu_overhead_does_nothing_since_0_30() -> None:
    pair = [load("a", 20), load("b", 20)]
    assert admit(server(48, overhead=4 * GIB), pair).fit is Fit.FITS
    assert (
        admit(server(48, version="0.24.0", scheduler=scheduler_of("0.24.0"), overhead=8 * GIB), pair).fit
        is not Fit.FITS
    )
    # what it still moves is the automatic context
    one, seen = on("0.32.1", QWEN3_32B, "qwen3:32b", 24, gpu_overhead=2 * GIB)
    assert effective_context(one, model("qwen3:32b"), seen)[0] == 4096


def test_fit_target_is_what_stays_free_since_0_30() -> None:
    assert placed("0.32.1", "qwen3:32b", QWEN3_32B, 48, fit_target=3 * GIB).room == 3 * GIB
    assert read({"LLAMA_ARG_FIT_TARGET": "2048"})["fit_target"] == 2 * GIB
    assert read({"LLAMA_ARG_FIT_TARGET": "512,3072"})["fit_target"] == 3 * GIB
    assert read({"LLAMA_ARG_FIT_TARGET": "3G"})["fit_target"] == GIB == read({})["fit_target"]


@pytest.mark.parametrize(
    ("name", "told", "version", "off"),
    [
        ("Tesla M40 24GB", "", "0.32.1", True),
        ("Tesla M40 24GB", "", "0.24.0", False),
        ("NVIDIA GeForce GTX 980 Ti", "", "0.33.0", True),
        ("NVIDIA GeForce GTX 1080 Ti", "", "0.32.1", False),
        ("NVIDIA GeForce GTX 1080 Ti", "", "0.30.6", True),  # below 7.0 up to 0.31.1
        ("Tesla P40", "", "0.31.2", False),
        ("Jetson AGX Xavier", "", "0.24.0", True),
        ("some card", "7.2", "0.32.1", True),
        ("some card", "5.2", "0.32.1", True),
        ("some card", "", "0.32.1", False),
        ("NVIDIA RTX 6000 Ada", "8.9", "0.32.1", False),
        ("AMD Radeon RX 7900", "", "0.32.1", False),
    ],
)
def test_flash_attention_by_card_and_version(name: str, told: str, version: str, off: bool) -> None:
    one = server(24, version=version, scheduler=scheduler_of(version), compute=(told,))
    assert bool(refused(replace(one, gpus=((name, 24 * GIB),)))) is off


def test_an_m40_keeps_the_cache_in_f16_and_does_not_hold_it() -> None:
    """qwen3:32b at 16k in q8_0 on a Tesla M40: 24.8 GiB, where 21.0 were reckoned."""
    one, seen = on("0.32.1", QWEN3_32B, "qwen3:32b", 24, ctx=16384, kv_cache_type="q8_0")
    m40 = replace(one, gpus=(("Tesla M40 24GB", 24 * GIB),))
    old, new = (load_of(s, model("qwen3:32b"), seen) for s in (m40, one))
    assert (old.kv_type, new.kv_type) == ("f16", "q8_0")
    assert 24.4 * GIB < old.upper < 25.4 * GIB
    verdict = admit(m40, [old])
    assert verdict.fit is not Fit.FITS
    assert any("turns flash attention off for Tesla M40 24GB (compute capability 5.2)" in n for n in verdict.notes)
    assert load_of(replace(m40, flash=True), model("qwen3:32b"), seen).kv_type == "q8_0"  # by the setting


def test_capabilities() -> None:
    assert capability("Tesla M40 24GB") == (5, 2)
    assert capability("Tesla V100-SXM2-32GB") == (7, 0)
    assert capability("NVIDIA RTX A4000") is None
    assert capability("Apple M4 Max") == (5, 2)  # no NVIDIA card is asked about by such a name


#: Qwen's 27B: 64 layers, three of four with a state, and one more that predicts further tokens.
BIG = QWEN35_9B | {
    "model_info": QWEN35_9B["model_info"]
    | {
        **{"qwen35.block_count": 65, "qwen35.nextn_predict_layers": 1, "qwen35.embedding_length": 5120},
        **{"qwen35.feed_forward_length": 17408, "qwen35.attention.head_count": 24, "qwen35.ssm.inner_size": 6144},
    },
    "tensors": [],
    "size": 18 * GIB,
}


def drafting(version: str, parameters: dict[str, str]) -> Placed:
    return placed(version, "big", installed(BIG, parameters), 24, ctx=65536)


def test_drafts_keep_states_a_cache_and_a_second_context() -> None:
    """ollama#17482: 64k on 24 GiB with draft_num_predict 4; about 1.1 GiB more than without."""
    none, four = drafting("0.32.1", {"draft_num_predict": "0"}), drafting("0.32.1", {"draft_num_predict": "4"})
    state = next(row.bytes for row in none.estimate.rows if row.what == "recurrent state")
    assert next(row.bytes for row in four.estimate.rows if row.what == "recurrent state") == 5 * state
    assert 1.0 * GIB < (four.estimate.total or 0) - (none.estimate.total or 0) < 1.25 * GIB
    # since 0.30 four are predicted without a word in the Modelfile, and before it none
    assert drafting("0.32.1", {}).estimate == four.estimate
    assert drafting("0.24.0", {"draft_num_predict": "4"}).estimate.rows == drafting("0.24.0", {}).estimate.rows
    more = drafting("0.32.1", {"draft_num_predict": "8"}).estimate.total or 0
    assert more > (four.estimate.total or 0)


def test_a_draft_of_its_own_file_is_counted_apart() -> None:
    plain = installed(QWEN3_32B)
    assert plain.shown is not None
    shown = replace(plain.shown, draft="d" * 64)
    both = replace(plain, size=plain.size + 2 * GIB, shown=shown)
    apart, alone = (placed("0.32.15", "q", disk, 48, ctx=8192) for disk in (both, plain))
    rows, before = ({row.what: row for row in one.estimate.rows} for one in (apart, alone))
    assert rows["weights"] == before["weights"]
    assert rows["draft"].bytes > 2 * GIB
    assert "draft's compute" in rows
    # its file is no part of what the scheduler reckons; a file's own head is a few MiB
    assert abs((apart.preflight or 0) - (alone.preflight or 0)) < 16 * MIB


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("0.32.15", "by the rules of Ollama 0.30 to 0.33: it says 0.32.15"),
        ("0.34.1", "by the rules of Ollama 0.30 to 0.33, the newest that was read (0.33.0-rc2): it says 0.34.1"),
        ("0.20.0", "by the rules of Ollama 0.13 to 0.24: it says 0.20.0"),
        ("0.11.0", "by the rules of Ollama up to 0.12: it says 0.11.0"),
    ],
)
def test_the_answer_says_whose_rules_spoke(version: str, says: str) -> None:
    assert says in admit(server(24, version=version, scheduler=scheduler_of(version)), [load("a", 4)]).notes
