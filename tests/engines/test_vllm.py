"""vLLM: its arithmetic against what running ones printed, and what is planned for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients.hfconfig import shown_of
from fleethub.clients.http import Http
from fleethub.clients.vllm import Vllm, VllmError
from fleethub.engines.vllm.cache import BLOCK, layout
from fleethub.engines.vllm.server import VllmServer, server_of
from fleethub.engines.vllm.settings import VllmSettings
from fleethub.engines.vllm.share import GRAPHS, RUNTIME, share, working
from fleethub.kinds.route.deployments import wanted_deployments
from fleethub.model.capacity import Fit
from fleethub.model.facts import Facts
from fleethub.model.readings.server import Installed, ModelFile, ServerReading
from fleethub.nodetypes.endpoints import endpoints
from fleethub.placement.ask import Question, ask, rank
from fleethub.placement.report import report
from fleethub.sizing.architecture import ModelArchitecture, architecture_of
from fleethub.testing.vllm import Vllm as StandIn
from tests.engines.vllm_rows import PROFILES, ROWS, STEPS, Row, config, page
from tests.fleets import Spec, direct, fleet
from tests.world.planning import plan
from tests.world.values import World

ROOT = Path(__file__).parents[2] / "fleethub"
GIB = 1 << 30
URL = "http://gpu:8000"
QWEN = config(36, 8, width=4096, intermediate_size=12288, max_position_embeddings=40960)


def shape(said: Mapping[str, Any], size: int = GIB) -> ModelArchitecture:
    shown = shown_of(said)
    assert shown is not None
    found = architecture_of(shown, size)
    assert found is not None
    return found


# ---- against published logs


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_cache_holds_as_many_tokens_as_its_log_says(row: Row) -> None:
    """To the two places that a log has of its GiB."""
    cache = layout(shape(row.config), row.tensor, 1, 2, 2048)
    low, high = (round((row.free + off) * GIB) for off in (-0.0051, 0.0051))
    assert cache.tokens(low, row.context or 1) <= row.tokens <= cache.tokens(high, row.context or 1)
    if row.at_once:
        off = 0.0051 + 0.003 * row.at_once
        assert cache.at_once(round(row.free * GIB), row.context) == pytest.approx(row.at_once, abs=off)


def test_the_page_of_its_accuracy_is_what_the_arithmetic_gives() -> None:
    assert (ROOT / "engines/vllm/ACCURACY.md").read_text() == page()


def test_one_request_of_the_longest_context_needs_what_vllm_says() -> None:
    """eugr/spark-vllm-docker#396: "23.25 GiB KV cache is needed" for 196,608 tokens over two cards."""
    cache = layout(shape(config(62, 8)), 2, 1, 2, 2048)
    assert cache.request(196608) / GIB == 23.25


@pytest.mark.parametrize("row", PROFILES, ids=lambda row: row[0])
def test_the_share_is_of_the_whole_card(row: tuple[str, float, float, float, float, float, float, float]) -> None:
    _, total, part, asked, weights, other, step, left = row
    asks = share(round(total * GIB), part) / GIB
    assert asks == pytest.approx(asked, abs=0.011)
    assert asks - weights - other - step == pytest.approx(left, abs=0.02)


@pytest.mark.parametrize("row", STEPS, ids=lambda row: row[0])
def test_a_step_of_so_many_tokens_takes_as_much_as_was_measured(row: tuple[str, int, int, int, float]) -> None:
    _, tokens, inner, width, seen = row
    model = shape(config(32, 8, width=width, intermediate_size=inner))
    step = working(model, 1, tokens, 1).bytes - RUNTIME - GRAPHS
    assert step / GIB == pytest.approx(seen, rel=0.02)


def test_blocks_are_tokens_and_requests_as_its_log_counts_them() -> None:
    """vllm-project/vllm#13596: 127,626 blocks are "2,042,016 tokens", 997.08 requests of 2,048."""
    cache = replace(layout(shape(config(16, 2, 64)), 1, 1, 2, 2048), block=1)
    assert cache.tokens(127626, 2048) == 2042016
    assert round(cache.at_once(127626, 2048), 2) == 997.08


# ---- two kinds of layers share one pool, as get_kv_cache_config_from_groups makes it


def test_layers_with_a_window_take_few_blocks_of_a_long_request() -> None:
    """gpt-oss-20b: 12 layers with all, 12 with 128 tokens; a block is of 12 layers, and each group takes its own."""
    kinds = ["sliding_attention", "full_attention"] * 12
    model = shape(config(24, 8, 64, sliding_window=128, layer_types=kinds, model_type="gpt_oss"))
    cache = layout(model, 1, 1, 2, 8192)
    assert cache.block == 12 * BLOCK * 8 * 128 * 2
    assert cache.blocks(131072) == 131072 // 16 + (-(-(127 + 8192) // 16) + 1)
    assert cache.blocks(1024) == 1024 // 16 + 1024 // 16 + 1


def test_groups_have_as_many_layers_as_the_rarer_kind() -> None:
    """gemma-3-27b: 10 layers with all, 52 with a window: 1 and 6 groups of 10."""
    kinds = ["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(62)]
    model = shape(config(62, 16, sliding_window=1024, layer_types=kinds, model_type="gemma3_text"))
    cache = layout(model, 1, 1, 2, 2048)
    assert cache.block == 10 * BLOCK * 16 * 256 * 2
    assert len(cache.groups) == 1 + 6
    assert cache.blocks(32768) == 2048 + 6 * (192 + 1)


def test_mla_is_there_on_every_card_and_heads_are_shared_out() -> None:
    mla = shape(config(61, 128, model_type="deepseek_v3", kv_lora_rank=512, qk_rope_head_dim=64))
    assert layout(mla, 8, 1, 2, 2048).block == layout(mla, 1, 1, 2, 2048).block == 61 * BLOCK * 576 * 2
    few = shape(config(36, 4))
    sizes = {tensor: layout(few, tensor, 1, 2, 2048).block for tensor in (1, 2, 4, 8)}
    assert sizes[1] == 2 * sizes[2] == 4 * sizes[4] == 4 * sizes[8], "a head is on two of eight cards"
    assert layout(few, 1, 2, 2, 2048).block == sizes[1] // 2, "a stage has half of the layers"


# ---- a fleet


def vllm(vram: str = "24 GiB", cards: int = 1, **settings: Any) -> Spec:
    gpus = [{"name": f"RTX 3090 #{n}", "vram": vram} for n in range(cards)]
    made = fleet().backend("gpu", None, proxy="main", gpus=gpus)
    made = made.table("backends.gpu.vllm", url=URL, **settings)
    return made.model("qwen", route="hosted_vllm/Qwen/Qwen3-8B", file="config.json", context=16384).node("a", "qwen")


def facts(size: int = 16381470720, reading: ServerReading | None = None, said: Mapping[str, Any] = QWEN) -> Facts:
    shown = shown_of(said)
    assert shown is not None
    found: dict[tuple[str, str], Any] = {("model", "config.json"): ModelFile(shown, size)}
    return Facts("now", found | ({("vllm", URL): reading} if reading else {}))


def running(**told: str) -> ServerReading:
    usual = {"block_size": "16", "cache_dtype": "auto", "gpu_memory_utilization": "0.9", "max_model_len": "40960"}
    return ServerReading("0.29.0", {"Qwen/Qwen3-8B": Installed(0, "")}, (), {**usual, **told})


def server(spec: Spec, seen: Facts) -> VllmServer:
    return server_of(spec.fleet, spec.fleet.backends["gpu"], seen)


def test_a_process_takes_its_share_and_leaves_the_rest_for_requests() -> None:
    spec = vllm(gpu_memory_utilization=0.9)
    answer = ask(spec.fleet, facts(), Question("gpu", "qwen"))
    assert answer.verdict.fit is Fit.FITS
    assert answer.verdict.need == share(24 * GIB, 0.9)
    assert answer.placed.at_once == pytest.approx(2.2, abs=0.1)
    assert answer.rounded == 30720, "a context that leaves room for what is only reckoned"
    assert any("requests of 16,384 tokens would run at once" in note for note in answer.verdict.notes)


@pytest.mark.parametrize(
    ("settings", "size", "rule", "says"),
    [
        ({"gpu_memory_utilization": 0.6}, 16381470720, "start", "the process has 14.4 GiB"),
        ({"max_model_len": 8192}, 16381470720, "limit", "a request may have 8,192"),
        ({"model": "Qwen/Qwen3-32B"}, 16381470720, "model", "serves Qwen/Qwen3-32B alone"),
        ({"tensor_parallel": 2}, 16381470720, "cards", "runs on 2 cards (tensor x pipeline parallel), and there is 1"),
        ({"kv_cache_memory": "12 GiB"}, 16381470720, "share", "must find 28."),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(settings: dict[str, Any], size: int, rule: str, says: str) -> None:
    spec = vllm(**settings)
    found = plan(World.of(spec), spec, facts=facts(size))
    exceeded = next(f for f in found.findings if f.code == "capacity.exceeded")
    assert says in exceeded.message
    verdict = ask(spec.fleet, facts(size), Question("gpu", "qwen")).verdict
    assert rule in [c.rule for c in verdict.checks if not c.holds]


def test_what_is_not_known_stays_unknown_with_what_to_declare() -> None:
    spec = vllm()
    answer = ask(spec.fleet, Facts("now"), Question("gpu", "qwen"))
    assert answer.verdict.fit is Fit.UNKNOWN
    assert answer.verdict.need == share(24 * GIB, 0.92), "the share is taken, whatever it serves"
    plain = spec.table("models.qwen", file=None).fleet
    told = ask(plain, Facts("now"), Question("gpu", "qwen")).verdict
    assert told.fit is Fit.UNKNOWN
    assert 'file = "…" (its GGUF or config.json), params = "…" or vram = "…"' in told.reason
    rough = ask(spec.table("models.qwen", file=None, params="8B").fleet, Facts("now"), Question("gpu", "qwen"))
    assert rough.verdict.fit is Fit.UNKNOWN, "15 GiB of weights within 15 % beside a typical cache"
    assert (
        ask(spec.table("models.qwen", file=None, params="3B").fleet, Facts("now"), Question("gpu", "qwen")).verdict.fit
        is Fit.FITS
    )


def test_a_running_one_is_believed() -> None:
    """Its own count of blocks stands for all that is reckoned; a model that it does not serve is refused."""
    spec = vllm(gpu_memory_utilization=0.5)
    seen = facts(reading=running(num_gpu_blocks="2000"))
    answer = ask(spec.fleet, seen, Question("gpu", "qwen"))
    assert answer.verdict.fit is Fit.FITS
    assert server(spec, seen).utilization == 0.9
    assert answer.placed.at_once == pytest.approx(2000 * 16 / 16384)
    assert ask(spec.fleet, seen, Question("gpu", "qwen", parallel=2)).verdict.fit is Fit.EXCEEDS
    assert ask(spec.fleet, seen, Question("gpu", "qwen", 32000)).verdict.fit is Fit.FITS
    assert ask(spec.fleet, seen, Question("gpu", "qwen", 33000)).verdict.fit is Fit.EXCEEDS
    codes = [f.code for f in report(spec.fleet, spec.fleet.backends["gpu"], seen, ()).findings]
    assert codes == ["capacity.unplanned", "backend.settings-differ"]
    silent = spec.table("backends.gpu.vllm", gpu_memory_utilization=None).fleet
    codes = [f.code for f in report(silent, silent.backends["gpu"], seen, ()).findings]
    assert codes == ["capacity.unplanned"], "what is not declared differs from nothing"
    blind = replace(seen, readings={k: v for k, v in seen.readings.items() if k[0] == "vllm"})
    told = ask(spec.fleet, blind, Question("gpu", "qwen"))
    assert (told.verdict.fit, told.rounded) == (Fit.FITS, 31744), "it runs, so it fits, as far as its cache goes"
    more = ask(spec.fleet, blind, Question("gpu", "qwen", parallel=2))
    assert (more.verdict.fit, more.rounded) == (Fit.EXCEEDS, 15360)


def test_tensor_parallel_takes_a_share_of_each_of_its_cards() -> None:
    spec = vllm(cards=3, tensor_parallel=2, devices="1,2")
    verdict = ask(spec.fleet, facts(), Question("gpu", "qwen")).verdict
    each = share(24 * GIB, 0.92)
    assert verdict.placed[0].parts == (0, each, each)
    assert (verdict.need, verdict.fit) == (2 * each, Fit.FITS)
    bars = report(spec.fleet, spec.fleet.backends["gpu"], facts(), ()).bars
    assert [bar.planned for bar in bars] == [0, 0, 0]


def test_another_cache_type_and_a_larger_share_are_proposed_where_they_help() -> None:
    spec = vllm("20 GiB", gpu_memory_utilization=0.92).table("models.qwen", context=20480)
    answer = ask(spec.fleet, facts(), Question("gpu", "qwen"))
    assert answer.verdict.fit is not Fit.FITS
    assert {"kv_type", "context"} <= {name for s in answer.suggestions for name, _ in s.values}
    assert all(s.verdict.fit is Fit.FITS for s in answer.suggestions)
    assert "quant" not in {name for s in answer.suggestions for name, _ in s.values}


def test_places_are_ranked_over_engines() -> None:
    """The vLLM that serves it, before an Ollama that would have to be asked whether it has it."""
    spec = vllm(model="Qwen/Qwen3-8B").backend("big", "http://big:11434", proxy="main", vram="80 GiB")
    found = rank(spec.fleet, facts(), Question("", "qwen"))
    assert {place.answer.backend: place.answer.verdict.fit.value for place in found}["gpu"] == "fits"
    assert {place.answer.backend for place in found} == {"gpu", "big"}
    other = vllm(model="Qwen/Qwen3-32B").backend("big", "http://big:11434", proxy="main", vram="80 GiB")
    last = rank(other.fleet, facts(), Question("", "qwen"))[-1]
    assert (last.answer.backend, last.answer.verdict.fit) == ("gpu", Fit.EXCEEDS)


def test_routes_and_direct_hops_lead_to_its_openai_endpoint() -> None:
    made = vllm().node("b", direct("qwen", "vllm")).fleet
    for route in ("hosted_vllm/Qwen/Qwen3-8B", "openai/Qwen/Qwen3-8B"):
        (row,) = wanted_deployments(made, replace(made.models["qwen"], route=route))
        assert (row.model, row.api_base, row.num_ctx) == (route, f"{URL}/v1", None)
    assert [(to.url, to.id) for to in endpoints(made, made.nodes["b"])] == [(f"{URL}/v1", "Qwen/Qwen3-8B")]
    rendered = vllm().node("b", direct("qwen", "vllm")).rendered
    text = next(f for f in rendered["b"].files if f.path.endswith("openclaw.json"))
    assert f"{URL}/v1" in str(text.text)


# ---- the client


@pytest.mark.parametrize(
    ("devices", "tensor", "cards"),
    [
        ("", 1, (0,)),
        ("1", 1, (1,)),
        ("2,0", 2, (2, 0)),
        ("0,0", 2, (0,)),
        ("7", 1, ()),
        ("GPU-8a1f", 1, (1,)),
        ("²", 1, (1,)),
    ],
)
def test_its_cards_are_those_that_it_is_given(devices: str, tensor: int, cards: tuple[int, ...]) -> None:
    gpus = (("A", 24 * GIB), ("B", 8 * GIB), ("C", 48 * GIB))
    settings = VllmSettings(url=URL, tensor_parallel=tensor, devices=devices)
    assert VllmServer("gpu", gpus, settings).cards == cards, "one twice is one; an unreadable one may be the smallest"


@pytest.fixture
def http() -> Iterator[Http]:
    found = Http()
    yield found
    found.close()


def test_it_says_what_it_serves_and_what_of_its_cards_is_cache(http: Http) -> None:
    with StandIn("Qwen/Qwen3-8B", cache={}, adapters=("sql",)) as vllm:
        found = Vllm(http, vllm.url).read(())
        vllm.cache = None
        without = Vllm(http, vllm.url).read(())
    assert (found.version, list(found.installed), found.residents) == ("0.29.0", ["Qwen/Qwen3-8B"], ())
    assert found.told == {
        **{"block_size": "16", "cache_dtype": "auto", "gpu_memory_utilization": "0.9", "num_gpu_blocks": "15709"},
        "max_model_len": "32768",
    }
    assert without.told == {"max_model_len": "32768"}


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "5", "1e308", "9" * 60, "x", "", "None", "True", "0.9 "])
def test_an_odd_number_of_its_metrics_is_not_told(http: Http, value: str) -> None:
    for name in ("block_size", "gpu_memory_utilization", "kv_cache_memory_bytes", "kv_cache_size_tokens"):
        if value != "5" or name == "gpu_memory_utilization":
            with StandIn("m", cache={name: value}) as vllm:
                assert name not in Vllm(http, vllm.url).read(()).told


@pytest.mark.parametrize("body", [b"[]", b'{"data": 3}', b'{"data": [{"id": 7}]}', b"nothing", b'{"data": [{}]}'])
def test_an_odd_answer_is_an_error_and_never_an_empty_server(http: Http, body: bytes) -> None:
    with StandIn("m") as vllm:
        vllm.mangle = lambda path, data: body if path == "/v1/models" else data
        with pytest.raises(VllmError, match="/v1/models"):
            Vllm(http, vllm.url).read(())
