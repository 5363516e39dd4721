"""The effective context: route, Modelfile, setting, automatic, limits; and what is asked for directly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.engines.ollama.context import effective_context
from fleethub.engines.ollama.load import SINGLE_SLOT, load
from fleethub.engines.ollama.server import server_of
from fleethub.model.observation import Unknown
from fleethub.model.readings.gpu import GpuReading, GpuState
from fleethub.model.readings.proxy import Deployment, ProxyReading
from fleethub.model.readings.server import ServerReading
from fleethub.sizing.architecture import architecture_of_params
from fleethub.testing.catalog import GEMMA3_27B, QWEN3_32B
from tests.engines.support import GIB, URL, facts, fleet, installed, model, node

MODEL = model("qwen3:32b", context=16384)


def read(parameters: dict[str, str] | None = None) -> ServerReading:
    return ServerReading("0.32.1", {"qwen3:32b": installed(QWEN3_32B, parameters)}, ())


def proxy(*rows: Deployment) -> ProxyReading:
    return ProxyReading(frozenset(r.alias for r in rows), rows, {})


def row(num_ctx: int | None, base: str = URL, route: str = "ollama_chat/qwen3:32b") -> Deployment:
    return Deployment("qwen3:32b", route, "id", base, num_ctx)


def context(reading: ProxyReading | None, ollama: ServerReading | Unknown | None = None, **more: object):
    f = fleet({"qwen3:32b": MODEL}, node("a", "qwen3:32b"), **more)  # type: ignore[arg-type]
    seen = facts(ollama or read(), **({"proxy": reading} if reading else {}))
    return effective_context(server_of(f, f.backends["gpu"], seen), MODEL, seen)


def test_the_route_decides_and_is_cut_to_the_models_limit() -> None:
    assert context(proxy(row(8192))) == (8192, "route")
    assert context(proxy(row(99999))) == (40960, "route, cut to the model's own limit")
    assert context(proxy(row(8192), row(4096, "http://other:11434"))) == (8192, "route")
    assert context(proxy(row(8192), row(12288))) == (12288, "route")


def test_a_route_that_says_nothing_leaves_it_to_modelfile_setting_and_automatic() -> None:
    assert context(proxy(row(None)), read({"num_ctx": "6000"})) == (6000, "Modelfile")
    f = fleet({"qwen3:32b": MODEL}, node("a", "qwen3:32b"), ollama={"context_length": 5000})
    seen = facts(read(), proxy=proxy(row(None)))
    found = effective_context(server_of(f, f.backends["gpu"], seen), MODEL, seen)
    assert found == (5000, "OLLAMA_CONTEXT_LENGTH")
    assert context(proxy(row(None)), gpus=(24,)) == (32768, "Ollama's automatic default")
    assert context(proxy(row(None)), gpus=(16,)) == (4096, "Ollama's automatic default")
    f = fleet({"qwen3:32b": MODEL}, node("a", "qwen3:32b"), gpus=(24,), ollama={"gpu_overhead": 2 << 30})
    seen = facts(read(), proxy=proxy(row(None)))
    found = effective_context(server_of(f, f.backends["gpu"], seen), MODEL, seen)
    assert found == (4096, "Ollama's automatic default"), "what the setting keeps free is no VRAM to it"
    assert context(proxy(row(None)), gpus=(48,))[0] == 40960


def test_nothing_observed_is_the_spec() -> None:
    assert context(None) == (16384, "spec")
    assert context(None, Unknown("timed out", "now")) == (16384, "spec")
    # a route to its /v1 loses num_ctx, so that the server decides, up to the model's own limit
    assert context(proxy(row(8192, route="openai/qwen3:32b"))) == (
        40960,
        "Ollama's automatic default, cut to the model's own limit",
    )


def test_vision_models_have_a_least() -> None:
    vision = model("gemma3:27b", context=1024)
    f = fleet({"gemma3:27b": vision}, node("a", "gemma3:27b"))
    seen = facts(ServerReading("0.32.1", {"gemma3:27b": installed(GEMMA3_27B)}, ()))
    assert effective_context(server_of(f, f.backends["gpu"], seen), vision, seen)[0] == 2048


def test_observed_settings_win_and_count_whole() -> None:
    f = fleet(
        {"qwen3:32b": MODEL}, node("a", "qwen3:32b"), ssh="local", ollama={"num_parallel": 4, "max_loaded_models": 2}
    )
    gpus = (GpuState("seen", 47 * GIB, 0, 47 * GIB),)
    settings = {"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_GPU_OVERHEAD": "8G", "OLLAMA_CONTEXT_LENGTH": "9000"}
    server = server_of(f, f.backends["gpu"], facts(read(), gpu=GpuReading(gpus, (), settings)))
    assert (server.parallel, server.max_loaded, server.kv_type) == (1, 0, "q8_0")
    assert (server.overhead, server.context_length, server.gpus) == (0, 9000, (("seen", 47 * GIB),))
    declared = server_of(f, f.backends["gpu"], facts(read(), gpu=GpuReading(gpus)))
    assert (declared.parallel, declared.max_loaded, declared.gpus[0][0]) == (4, 2, "seen")


@pytest.mark.parametrize(("flash", "kv"), [(None, "q8_0"), (True, "q8_0"), (False, "f16")])
def test_a_quantised_cache_needs_flash_attention(flash: bool | None, kv: str) -> None:
    settings = {"kv_cache_type": "q8_0", "flash_attention": flash}
    f = fleet({"qwen3:32b": MODEL}, node("a", "qwen3:32b"), ollama=settings)
    server = server_of(f, f.backends["gpu"], facts(read()))
    assert load(server, MODEL, facts(read())).kv_type == kv


@pytest.mark.parametrize("arch", SINGLE_SLOT)
def test_some_architectures_get_one_slot(arch: str) -> None:
    some = architecture_of_params(7_000_000_000, "Q4_K_M")
    here = replace(server_of(fleet({}), fleet({}).backends["gpu"], facts()), parallel=4)
    assert load(here, model("m"), facts(), architecture=some).parallel == 4
    assert load(here, model("m"), facts(), architecture=replace(some, arch=arch)).parallel == 1
    assert load(here, model("m"), facts(), architecture=replace(some, embedding=True)).parallel == 1
