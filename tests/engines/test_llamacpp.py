"""llama.cpp's server: its command line decides what is allocated, and what a request is given of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from fleethub.clients.hfconfig import shown_of
from fleethub.clients.http import Http
from fleethub.clients.llamacpp import LlamaCpp, LlamaCppError
from fleethub.clients.machine import Frame, command_lines
from fleethub.engines.llamacpp.server import _line
from fleethub.engines.llamacpp.settings import ALL, OF_MODEL, LlamaCppSettings, by_command_line, by_environment, pairs
from fleethub.model.capacity import Fit, Placed
from fleethub.model.facts import Facts
from fleethub.model.readings.gpu import CommandLine, GpuReading, GpuState
from fleethub.model.readings.server import Installed, ModelFile, ServerReading
from fleethub.placement.ask import Question, ask
from fleethub.placement.report import report
from fleethub.testing.llamacpp import LlamaCpp as StandIn
from tests.engines.vllm_rows import config
from tests.fleets import Spec, fleet
from tests.world.planning import plan
from tests.world.values import World

GIB = 1 << 30
URL = "http://gpu:8080"
PLAIN = LlamaCppSettings(url=URL)
QWEN = config(36, 8, width=4096, intermediate_size=12288, max_position_embeddings=40960)


def spec(vram: str = "24 GiB", cards: int = 1, context: int = 32768, **settings: Any) -> Spec:
    gpus = [{"name": f"RTX 4090 #{n}", "vram": vram} for n in range(cards)]
    made = fleet().backend("gpu", None, proxy="main", gpus=gpus, ssh="ops@gpu")
    made = made.table("backends.gpu.llamacpp", url=URL, **settings)
    return made.model("qwen", route="openai/qwen", file="config.json", context=context).node("a", "qwen")


def facts(
    line: Sequence[str] | None = None, reading: ServerReading | None = None, said: Mapping[str, Any] = QWEN
) -> Facts:
    """A Q4 of 5 GiB; ``line``: the words of the command line that is read over SSH."""
    shown = shown_of(said)
    assert shown is not None
    found: dict[tuple[str, str], Any] = {("model", "config.json"): ModelFile(shown, 5 * GIB)}
    if line is not None:
        lines = (CommandLine(7, pairs(line)),)
        gpus = (GpuState("NVIDIA GeForce RTX 4090", 24 * GIB, 0, 24 * GIB),)
        found["gpu", "ops@gpu"] = GpuReading(gpus, by="nvidia-smi", command_lines=lines)
    if reading is not None:
        found["llamacpp", URL] = reading
    return Facts("now", found)


def placed(made: Spec, seen: Facts) -> Placed:
    return ask(made.fleet, seen, Question("gpu", "qwen")).verdict.placed[-1]


def cache(load: Placed) -> int:
    return sum(row.bytes for row in load.estimate.rows if row.what.startswith("KV"))


EACH = 36 * 8 * 2 * 128 * 2  # bytes of a token at f16


# ---- the command line


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ([], {}),
        (["-c", "65536", "-np", "2"], {"ctx_size": 65536, "parallel": 2}),
        (
            ["--ctx-size=8192", "-ctk", "q8_0", "-ctv", "q8_0"],
            {"ctx_size": 8192, "cache_type_k": "q8_0", "cache_type_v": "q8_0"},
        ),
        (["-ngl", "all", "-fa", "off"], {"gpu_layers": ALL, "flash_attn": False}),
        (["-ngl", "auto", "-fa", "auto"], {}),
        (["-np", "-1", "-kvu"], {"kv_unified": True}),
        (["-c", "4096", "-c", "8192"], {"ctx_size": 8192}),
        (["--fit-target", "512,2048", "--swa-full"], {"fit_target": 2 << 30, "swa_full": True}),
        (["--models-dir", "/m", "--models-max", "2"], {"router": True, "models_max": 2}),
        (["--api-key", "secret", "--threads", "8"], {}),
    ],
)
def test_a_command_line_is_read_as_llama_cpp_reads_it(line: list[str], changed: dict[str, Any]) -> None:
    assert "secret" not in str(pairs(line))
    assert by_command_line(replace(PLAIN, ctx_size=1, parallel=9), pairs(line)) == replace(PLAIN, **changed)


def test_variables_stand_behind_the_command_line() -> None:
    """common/arg.cpp: the environment is read first, and an option of the command line comes after it."""
    variables = (
        ("LLAMA_ARG_CTX_SIZE", "65536"),
        ("LLAMA_ARG_N_PARALLEL", "2"),
        ("LLAMA_ARG_KV_UNIFIED", "off"),
        ("LLAMA_ARG_SWA_FULL", "1"),
        ("LLAMA_ARG_CACHE_TYPE_K", "q8_0"),
        ("LLAMA_API_KEY", "secret"),
        ("CUDA_VISIBLE_DEVICES", "0"),
    )
    said = by_command_line(PLAIN, (*by_environment(variables), *pairs(["-c", "8192"])))
    found = {"ctx_size": 8192, "parallel": 2, "kv_unified": False, "swa_full": True, "cache_type_k": "q8_0"}
    assert said == replace(PLAIN, **found)
    assert by_environment((("LLAMA_ARG_SWA_FULL", "0"), ("LLAMA_ARG_KV_UNIFIED", "true"))) == (("--kv-unified", ""),)


def test_its_own_environment_hides_cards_and_says_how_much_is_loaded() -> None:
    made = spec().table("backends.gpu", ssh="ops@gpu", gpus=None)
    cards = tuple(GpuState("RTX 4090", 24 * GIB, 0, 24 * GIB, f"GPU-{n}", n) for n in range(2))
    for variables, total, slots in (
        (None, 48, 4),
        ((), 48, 4),
        ((("CUDA_VISIBLE_DEVICES", "1"), ("LLAMA_ARG_N_PARALLEL", "2")), 24, 2),
    ):
        line = CommandLine(7, (), environment=variables)
        seen = replace(
            facts(),
            readings={
                **facts().readings,
                ("gpu", "ops@gpu"): GpuReading(cards, by="nvidia-smi", command_lines=(line,)),
            },
        )
        verdict = ask(made.fleet, seen, Question("gpu", "qwen")).verdict
        assert (verdict.total, verdict.placed[-1].parallel) == (total * GIB, slots)


@pytest.mark.parametrize(("port", "read"), [("8080", True), ("9931", True), ("8081", False)])
def test_one_that_is_told_no_port_listens_at_llama_cpps_own(port: str, read: bool) -> None:
    """tools/server/README.md of November 2026: 9931; 8080 before."""
    lines = (CommandLine(7, (("-c", "4096"),)), CommandLine(8, (("--port", "1"), ("-c", "1024"))))
    machine = GpuReading((), by="nvidia-smi", command_lines=lines)
    said = _line(LlamaCppSettings(url=f"http://gpu:{port}"), machine)
    assert (said[0].ctx_size == 4096) is read


def test_what_is_no_plain_word_stays_as_declared() -> None:
    line = command_lines({"llama": Frame(0, "pid 12\n-c=?\n-np=3\npid 13\n--port=8081\n")})
    assert line == (
        CommandLine(12, (("-c", "?"), ("-np", "3")), environment=()),
        CommandLine(13, (("--port", "8081"),), environment=()),
    )
    assert by_command_line(replace(PLAIN, ctx_size=777), line[0].options) == replace(PLAIN, ctx_size=777, parallel=3)


@pytest.mark.parametrize(
    ("words", "cards", "says"),
    [
        (["-md", "draft.gguf"], 1, "-md"),
        (["--mmproj", "p.gguf"], 1, "--mmproj"),
        (["--split-mode", "none"], 2, "--split-mode"),
        (["-dev", "CUDA1"], 2, "-dev"),
        (["-ts", "3,1"], 2, "-ts"),
        (["-dev", "CUDA0"], 1, ""),
        (["-sm", "layer"], 2, ""),
    ],
)
def test_what_its_command_line_loads_beside_or_puts_elsewhere_is_unknown(
    words: list[str], cards: int, says: str
) -> None:
    """llama.cpp, src/llama.cpp: with split mode none "remove all except the main GPU"."""
    seen = facts(["-c", "32768", "-np", "1", "-m", "m.gguf", *words])
    machine = seen.readings["gpu", "ops@gpu"]
    assert isinstance(machine, GpuReading)
    gpus = tuple(replace(machine.gpus[0], index=n, uuid=f"GPU-{n}") for n in range(cards))
    seen = replace(seen, readings={**seen.readings, ("gpu", "ops@gpu"): replace(machine, gpus=gpus)})
    verdict = ask(spec(cards=cards).fleet, seen, Question("gpu", "qwen")).verdict
    assert (verdict.fit, bool(verdict.reason)) == ((Fit.UNKNOWN, True) if says else (Fit.FITS, False))
    assert says in verdict.reason


@pytest.mark.parametrize("value", ["0", "-1", "nan", "9" * 30])
def test_a_batch_that_is_none_is_the_usual_one(value: str) -> None:
    assert by_command_line(replace(PLAIN, ubatch_size=256), (("-ub", value),)).ubatch_size == 256


def test_the_process_on_the_spec_s_port_is_the_one() -> None:
    made, seen = spec(ctx_size=4096), facts(["-c", "16384", "-np", "1"])
    machine = seen.readings["gpu", "ops@gpu"]
    assert isinstance(machine, GpuReading)
    other = CommandLine(8, (("--port", "9999"), ("-c", "1024")))
    both = replace(machine, command_lines=(other, *machine.command_lines))
    seen = replace(seen, readings={**seen.readings, ("gpu", "ops@gpu"): both})
    assert (placed(made, seen).context, placed(made, seen).parallel) == (16384, 1)
    none = replace(both, command_lines=(other, replace(other, pid=9)))
    seen = replace(seen, readings={**seen.readings, ("gpu", "ops@gpu"): none})
    assert placed(made, seen).context == 4096, "neither is told to be it: what is declared"


# ---- what is allocated, and what of it is given


@pytest.mark.parametrize(
    ("line", "given", "cells"),
    [
        (["-c", "32768", "-np", "1"], 32768, 32768),
        (["-c", "32768", "-np", "4"], 8192, 32768),  # each slot a quarter
        (["-c", "32768"], 32768, 32768),  # four slots share one cache
        (["-c", "32768", "-np", "4", "-kvu"], 32768, 32768),
        ([], 40960, 40960),  # the model's own
        (["-c", "131072", "-np", "1"], 40960, 131072),  # above the model's own: allocated, and not given
        (["-c", "131072", "-np", "4"], 32768, 131072),
    ],
)
def test_slots_share_the_context_or_a_cache(line: list[str], given: int, cells: int) -> None:
    load = placed(spec(), facts(line))
    assert load.context == given
    assert cache(load) == cells * EACH


def test_k_and_v_may_be_of_two_types() -> None:
    load = placed(spec(), facts(["-c", "32768", "-np", "1", "-ctk", "q8_0", "-ctv", "q4_0"]))
    assert cache(load) == 32768 * 36 * 8 * 128 * (1.0625 + 0.5625)


def test_a_planned_context_that_no_slot_has_is_refused() -> None:
    made = spec(context=32768)
    found = plan(World.of(made), made, facts=facts(["-c", "32768", "-np", "4"]))
    message = next(f.message for f in found.findings if f.code == "capacity.exceeded")
    assert "32,768 tokens are planned, and a request is given 8,192 (ctx_size, 4 slots)" in message


def test_what_does_not_fit_goes_to_the_cpu_or_does_not_start() -> None:
    tight = spec("8 GiB")
    answer = ask(tight.fleet, facts(), Question("gpu", "qwen"))
    assert answer.verdict.fit is Fit.SPILLS, "--fit is on: layers go to the CPU, in silence"
    (says,) = [check.says for check in answer.verdict.checks if check.rule == "spill"]
    assert "the context is made smaller, down to 4,096 tokens, and then layers" in says, "none is written"
    assert {name for s in answer.suggestions for name, _ in s.values} & {"kv_type", "context", "quant"}
    for settings in ({"gpu_layers": ALL}, {"fit": False}):
        assert ask(spec("8 GiB", **settings).fleet, facts(), Question("gpu", "qwen")).verdict.fit is Fit.EXCEEDS
    few = ask(spec("8 GiB", gpu_layers=9).fleet, facts(), Question("gpu", "qwen")).verdict
    assert few.fit is Fit.FITS, "nine of 36 layers"


def test_a_server_has_one_model_and_a_router_some() -> None:
    two = spec().model("other", route="openai/other", params="1B", context=4096).node("b", "other")
    assert ask(two.fleet, facts(), Question("gpu", "qwen")).verdict.fit is Fit.EXCEEDS
    kept = two.table("backends.gpu.llamacpp", router=True, ctx_size=32768, parallel=1)
    assert ask(kept.fleet, facts(), Question("gpu", "qwen")).verdict.fit is Fit.FITS
    one = kept.table("backends.gpu.llamacpp", models_max=1)
    verdict = ask(one.fleet, facts(), Question("gpu", "qwen")).verdict
    assert verdict.fit is Fit.EVICTS
    assert "the router keeps 1" in next(c.says for c in verdict.checks if not c.holds)


def test_what_a_router_says_of_each_model_decides() -> None:
    reading = ServerReading(
        "b9400",
        {"qwen": Installed(0, ""), "big": Installed(0, "")},
        (),
        {f"{OF_MODEL}qwen": "-c=16384\x1f-np=1", "loaded models": "big"},
    )
    made = spec(context=16384, router=True)
    assert (placed(made, facts(reading=reading)).context) == 16384
    codes = [f.code for f in report(made.fleet, made.fleet.backends["gpu"], facts(reading=reading), ()).findings]
    assert "capacity.unplanned" in codes


def test_a_slot_that_is_not_as_reckoned_is_told() -> None:
    """/props says what a slot is given; by that alone nobody knows what is allocated."""
    reading = ServerReading("b9400", {"qwen": Installed(0, "")}, (), {"n_ctx": "8192", "total_slots": "4"})
    made = spec(context=8192, ctx_size=8192, parallel=1)
    found = plan(World.of(made), made, facts=facts(reading=reading)).findings
    assert not [f for f in found if f.code == "backend.settings-differ"]
    made = spec(context=8192, ctx_size=65536, parallel=4)
    found = plan(World.of(made), made, facts=facts(reading=reading)).findings
    message = next(f.message for f in found if f.code == "backend.settings-differ")
    assert "is given 8,192 tokens (/props), and by its settings it would be 16,384 (ctx_size)" in message


def test_unknown_stays_unknown() -> None:
    bare = spec(ctx_size=32768).table("models.qwen", file=None)
    verdict = ask(bare.fleet, Facts("now"), Question("gpu", "qwen")).verdict
    assert verdict.fit is Fit.UNKNOWN
    assert 'file = "…"' in verdict.reason


# ---- the client


@pytest.fixture
def http() -> Iterator[Http]:
    found = Http()
    yield found
    found.close()


def test_it_says_what_a_slot_is_given(http: Http) -> None:
    with StandIn(n_ctx=4096, slots=2) as server:
        found = LlamaCpp(http, server.url).read(())
    assert (found.version, found.told) == ("b9400-abcdef", {"n_ctx": "4096", "total_slots": "2"})
    assert found.installed == {"qwen3.gguf": Installed(438980608, "")}


def test_a_router_says_how_it_starts_each_model_and_no_secret_is_kept(http: Http) -> None:
    words = ["-m", "/models/a.gguf", "--api-key", "canary", "-c", "8192", "--port", "40001"]
    with StandIn(models={"a": words, "b": []}, loaded=["a"]) as server:
        found = LlamaCpp(http, server.url).read(())
    assert found.told == {f"{OF_MODEL}a": "-m=/models/a.gguf\x1f-c=8192", f"{OF_MODEL}b": "", "loaded models": "a"}
    assert "canary" not in str(found)


@pytest.mark.parametrize("name", ["n_ctx", "total_slots", "loaded models"])
def test_a_model_may_be_called_as_what_a_server_tells_of_itself(http: Http, name: str) -> None:
    with StandIn(models={name: ["-m", "/models/a.gguf", "-c", "8192", "-np", "1"]}, loaded=[name]) as server:
        found = LlamaCpp(http, server.url).read(())
    assert (found.told.get("n_ctx"), found.told["loaded models"]) == (None, name)
    made = spec().model("odd", route=f"openai/{name}", file="config.json", context=8192).node("b", "odd")
    load = ask(made.fleet, facts(reading=found), Question("gpu", "odd")).verdict.placed[-1]
    assert (load.context, load.parallel) == (8192, 1)


@pytest.mark.parametrize("body", [b"{}", b'{"data": "x"}', b"<html>", b'{"data": [{"id": "a\\u0000"}]}'])
def test_an_odd_answer_is_an_error(http: Http, body: bytes) -> None:
    with StandIn() as server:
        server.mangle = lambda path, data: body if path == "/v1/models" else data
        with pytest.raises(LlamaCppError, match="/v1/models"):
            LlamaCpp(http, server.url).read(())
