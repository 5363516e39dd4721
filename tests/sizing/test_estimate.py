"""Rows and range of an estimate: weights from tensors and files, overhead, shares per GPU; and its laws."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.model.capacity import Sure
from fleethub.model.readings.server import MeasuredLoad, Shown, Tensor
from fleethub.sizing.architecture import (
    ModelArchitecture,
    architecture_of,
    architecture_of_params,
    requantised,
    why_unknown,
)
from fleethub.sizing.compute import COPIES, compute, overhead
from fleethub.sizing.devices import multiprocessors
from fleethub.sizing.estimate import estimate, kv_bytes, largest_layer, per_gpu
from fleethub.sizing.quant import BLOCKS, KV_BYTES, bits_per_weight, tensor_bytes
from fleethub.sizing.run import Run, ubatch
from fleethub.testing import catalog
from tests.sizing.test_layers import GEMMA4, QWEN3_8B, QWEN35_9B, R1, V4, facts, shape

MIB = 1 << 20
GIB = 1 << 30


def of_catalog(model: dict[str, Any], verbose: bool = True) -> tuple[Shown, int]:
    info = model["model_info"]
    if not verbose:
        info = {k: None if isinstance(v, list) else v for k, v in info.items()}
    tensors = tuple(Tensor(t["name"], t["type"], tuple(t["shape"])) for t in model["tensors"])
    return Shown(info, tensors, {}, tuple(model["capabilities"])), model["size"]


def tiny(*tensors: Tensor, **more: Any) -> Shown:
    return facts("llama", 2, 256, 4, 4, 64, tensors=tensors, **more)


EMBEDDING = Tensor("token_embd.weight", "Q4_K", (256, 1024))
OUTPUT = Tensor("output.weight", "Q6_K", (256, 1024))
BODY = Tensor("blk.0.ffn_up.weight", "Q8_0", (256, 1024))
E_SIZE, O_SIZE, B_SIZE = 1024 * 144, 1024 * 210, 256 * 1024 // 32 * 34


def rows(one: ModelArchitecture, run: Run) -> dict[str, int]:
    return {row.what: row.bytes for row in estimate(one, run).rows}


def test_block_sizes_are_those_of_ggml() -> None:
    assert {k.name: tuple(v) for k, v in gguf.GGML_QUANT_SIZES.items()} == dict(BLOCKS)
    for name, per in KV_BYTES.items():
        block, size = BLOCKS[name.upper()]
        assert per == size / block


def test_a_tensor_is_whole_rows_of_blocks() -> None:
    assert tensor_bytes("q4_K", (256, 10)) == 1440
    assert tensor_bytes("Q4_K", (200, 10)) == 1440  # a row is never part of a block
    for odd in ((), (0,), (-1, 4), (True,), ("8",)):
        assert tensor_bytes("F32", odd) is None
    assert tensor_bytes("Q9_Z", (256,)) is None


@pytest.mark.parametrize(
    ("label", "bits", "known"),
    [("Q4_K_M", 4.85, True), ("q4_k_m", 4.85, True), ("UD-Q4_K_XL", 5.141, True), ("Q4_0 (QAT)", 4.6, True),
     ("weird", 8.5, False)],
)  # fmt: skip
def test_labels(label: str, bits: float, known: bool) -> None:
    assert bits_per_weight(label) == (bits, known)


def test_a_separate_output_leaves_the_embedding_on_the_cpu() -> None:
    found = architecture_of(tiny(EMBEDDING, OUTPUT, BODY), E_SIZE + O_SIZE + B_SIZE + 5000)
    assert found is not None
    assert (found.weights, found.weights_cpu) == (O_SIZE + B_SIZE, E_SIZE)
    assert found.sure is Sure.EXACT
    assert "CPU" in found.detail


def test_tied_embeddings_are_on_both_sides() -> None:
    found = architecture_of(tiny(EMBEDDING, BODY), E_SIZE + B_SIZE)
    assert found is not None
    assert (found.weights, found.weights_cpu) == (E_SIZE + B_SIZE, E_SIZE)
    assert found.sure is Sure.EXACT


def test_embeddings_per_layer_stay_on_the_cpu() -> None:
    per_layer = Tensor("per_layer_token_embd.weight", "Q4_K", (256, 4096))
    found = architecture_of(tiny(EMBEDDING, BODY, per_layer), 0)
    assert found is not None
    assert found.weights == E_SIZE + B_SIZE
    assert found.weights_cpu == E_SIZE + 4 * E_SIZE


def test_draft_layers_weigh_apart_and_are_counted() -> None:
    draft = Tensor("blk.1.ffn_up.weight", "Q8_0", (256, 1024))
    found = architecture_of(tiny(EMBEDDING, BODY, draft, nextn_predict_layers=1), 0)
    assert found is not None
    assert found.weights == E_SIZE + B_SIZE
    assert found.draft_weights == B_SIZE
    told = next(r for r in estimate(found, Run(4096)).rows if r.what == "draft")
    assert told.bytes == B_SIZE
    assert told.sure is Sure.ESTIMATED


def test_a_list_that_is_not_whole_gives_way_to_the_file() -> None:
    found = architecture_of(tiny(EMBEDDING, OUTPUT, BODY), GIB)
    assert found is not None
    assert found.sure is Sure.ESTIMATED
    assert found.weights == GIB - E_SIZE
    assert found.source == "file size"


def test_an_unknown_tensor_type_gives_way_to_the_file() -> None:
    found = architecture_of(tiny(EMBEDDING, replace(BODY, type="Q9_Z")), 4096 * 1024)
    assert found is not None
    assert found.source == "file size"
    assert found.weights == 4096 * 1024


def test_neither_tensors_nor_file_is_unknown() -> None:
    assert architecture_of(tiny(), 0) is None
    assert "file size" in why_unknown(tiny(), 0)


@pytest.mark.parametrize("inside", [True, False])
def test_a_projector_is_a_row_of_its_own(inside: bool) -> None:
    eye = Tensor("v.blk.0.attn_q.weight", "F16", (1024, 1024))
    told = replace(tiny(EMBEDDING, BODY, *((eye,) if inside else ())), capabilities=("completion", "vision"))
    found = architecture_of(told, E_SIZE + B_SIZE + 2 * MIB)
    assert found is not None
    assert found.projector == 2 * MIB
    assert found.vision
    there = rows(found, Run(4096))
    assert there["projector"] == 2 * MIB
    assert there["projector's graph"] > 0
    assert there["overhead of 1 GPU"] == 760 * MIB
    assert "projector" not in rows(found, Run(4096, vision=False))


def _tied(model: dict[str, Any]) -> int:
    named = {t["name"]: t for t in model["tensors"]}
    embedding = named["token_embd.weight"]
    return 0 if "output.weight" in named else tensor_bytes(embedding["type"], embedding["shape"]) or 0


@pytest.mark.parametrize("model", catalog.ALL, ids=lambda m: m["name"])
@pytest.mark.parametrize("verbose", [True, False])
def test_catalog(model: dict[str, Any], verbose: bool) -> None:
    told, size = of_catalog(model, verbose)
    found = architecture_of(told, size)
    assert found is not None
    # an embedding that is tied to the output lies on both sides
    once = max(found.weights, found.weights + found.weights_cpu + found.projector - _tied(model))
    assert 0.9 * size < once < 1.1 * size
    assert all(row.detail and row.source for row in estimate(found, Run(8192)).rows)


def test_the_motivating_model() -> None:
    """Qwen3-32B on 32768 tokens: 64 layers x 8 heads x 256 x 2 bytes is 256 KiB a token."""
    found = architecture_of(*of_catalog(catalog.QWEN3_32B))
    assert found is not None
    assert kv_bytes(found, Run(32768)) == 8 * GIB
    assert found.context_length == 40960
    assert found.head_count == 64


# how it is run


@pytest.mark.parametrize(
    ("run", "batch"),
    [
        *((Run(4096), 512), (Run(4097), 1024), (Run(32768), 1024), (Run(16384, parallel=4), 2048)),
        *((Run(32768, new_compute=False), 512), (Run(32768, flash=False), 512), (Run(32768, batch=64), 64)),
    ],
    ids=str,
)
def test_batch(run: Run, batch: int) -> None:
    assert ubatch(run) == batch


def test_old_builds_compute_all_logits() -> None:
    one = replace(shape(*QWEN3_8B), n_vocab=151936, n_ff=12288)
    new, old = (compute(one, Run(8192, new_compute=era, batch=512)) for era in (True, False))
    assert old.graph == new.graph
    assert old.graph_last == pytest.approx(304.75 * MIB * 1.1, abs=1)
    assert "vocabulary 151,936" in old.detail


def test_without_flash_attention_all_scores_are_kept() -> None:
    one = shape(*QWEN3_8B)
    assert compute(one, Run(8192, flash=False)).graph >= 4 * 512 * 8192 * 32
    assert "no flash attention" in compute(one, Run(8192, flash=False)).detail


def test_masks_follow_slots_and_gpus() -> None:
    one = shape(*QWEN3_8B)
    assert compute(one, Run(2048, parallel=4, batch=2048)).mask == 8 * MIB
    assert compute(one, Run(2048, parallel=4, batch=2048, unified=True)).mask == 32 * MIB
    assert compute(one, Run(2048, parallel=4, batch=2048, unified=True, gpus=2)).mask == COPIES * 32 * MIB


@pytest.mark.parametrize(
    ("run", "mib"),
    [
        (Run(8), 500), (Run(8, device="GeForce 9999"), 500), (Run(8, device="NVIDIA GeForce RTX 5060 Ti"), 162),
        (Run(8, device="NVIDIA GeForce RTX 4090"), 576), (Run(8, runtime="vulkan"), 100), (Run(8, gpus=4), 760),
        (Run(8, runtime="rocm"), 500), (Run(8, runtime="metal"), 200), (Run(8, runtime="new"), 500),
    ],
    ids=str,
)  # fmt: skip
def test_overhead(run: Run, mib: int) -> None:
    assert overhead(shape(*QWEN3_8B), run)[0] == mib * MIB


@pytest.mark.parametrize(("device", "mib"), [("RTX 3080 20GB", 565), ("RTX 4090", 576), ("", 565)])
def test_a_draft_has_a_second_context(device: str, mib: int) -> None:
    one = shape(*QWEN3_8B)
    assert overhead(one, Run(8192, device=device, draft=2))[0] == mib * MIB
    assert overhead(replace(one, draft_weights=GIB), Run(8192, device=device))[0] == mib * MIB
    assert overhead(one, Run(8192, device=device, draft=2, runtime="vulkan"))[0] == 100 * MIB


@pytest.mark.parametrize(
    ("name", "count"),
    [("NVIDIA GeForce RTX 4070 Ti SUPER", 66), ("RTX 4070", 46), ("NVIDIA H100 80GB HBM3", 132), ("RTX 6000 Ada", 142),
     ("Tesla V100-SXM2-16GB", 80), ("NVIDIA A100-SXM4-40GB", 108), ("", None), ("Radeon 8060S", None)],
)  # fmt: skip
def test_chips(name: str, count: int | None) -> None:
    assert multiprocessors(name) == count


def test_nonsense_is_no_run() -> None:
    for bad in ({"context": 0}, {"context": 8, "parallel": 0}, {"context": 8, "gpus": 0}, {"context": 8, "batch": 0}):
        with pytest.raises(ValueError, match="1 or more"):
            Run(**bad)


LOAD = MeasuredLoad("d", 8192, 1, "f16", "0.32.1", 6 * GIB, "2026-11-24")


def test_a_measured_load_stands_for_all_buffers() -> None:
    found = estimate(shape(*QWEN3_8B), Run(8192, gpus=2), LOAD)
    assert [(r.bytes, r.sure) for r in found.rows] == [(6 * GIB, Sure.MEASURED), (2 * 760 * MIB, Sure.ESTIMATED)]
    assert found.low == 6 * GIB
    assert found.total is not None
    assert found.high >= found.total
    for other in (Run(4096), Run(8192, parallel=2), Run(8192, kv_type="q8_0")):
        assert estimate(shape(*QWEN3_8B), other, LOAD) == estimate(shape(*QWEN3_8B), other)


def test_surer_facts_have_a_narrower_range() -> None:
    def width(one: ModelArchitecture) -> float:
        found = estimate(one, Run(8192))
        assert found.total is not None
        return (found.high - found.low) / found.total

    exact = replace(shape(*QWEN3_8B), sure=Sure.EXACT, low=1.0, high=1.0)
    assert width(exact) < width(shape(*QWEN3_8B)) < width(architecture_of_params(20_000_000_000, "Q4_K_M"))


def test_another_quant_weighs_less() -> None:
    one = architecture_of(*of_catalog(catalog.QWEN3_32B))
    assert one is not None
    small, same = requantised(one, "Q3_K_M"), requantised(one, "Q4_K_M")
    assert small.weights < one.weights
    assert small.layers == one.layers
    assert small.file_bytes < one.file_bytes
    assert same.weights == pytest.approx(one.weights, rel=0.03)
    assert requantised(replace(one, params=0), "Q3_K_M").weights == one.weights


def test_nothing_installed_is_a_typical_model() -> None:
    one = architecture_of_params(32_000_000_000, "Q4_K_M")
    assert one.weights == 19_400_000_000
    assert "typical" in one.notes[0]
    assert kv_bytes(one, Run(8192)) == 2 * GIB
    with pytest.raises(ValueError, match="no size"):
        architecture_of_params(0, "Q4_K_M")


@pytest.mark.parametrize("params", [1, 405 * 10**9, 405 * 10**9 + 1, 10**27])
def test_every_number_of_parameters_has_a_size(params: int) -> None:
    one = architecture_of_params(params, "Q4_K_M")
    assert one.weights == -(-round(params * 4.85) // 8)
    assert kv_bytes(one, Run(4096)) > 0


# what others wrote


HOSTILE = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), st.floats(), st.text(max_size=5),
    st.lists(st.one_of(st.none(), st.integers(-5, 1 << 40), st.booleans()), max_size=50),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
KEYS = (
    *("block_count", "embedding_length", "feed_forward_length", "attention.head_count", "attention.head_count_kv"),
    *("attention.key_length", "attention.value_length", "attention.sliding_window", "expert_count"),
    *("attention.sliding_window_pattern", "full_attention_interval", "ssm.state_size", "ssm.conv_kernel"),
    *("ssm.inner_size", "ssm.group_count", "attention.kv_lora_rank", "attention.key_length_mla", "context_length"),
    *("nextn_predict_layers", "attention.shared_kv_layers", "expert_used_count", "vocab_size", "shortconv.l_cache"),
    *("attention.cross_attention_layers", "vision.image_size", "vision.patch_size"),
)
ARCHS = st.sampled_from(["qwen3", "gemma3", "gemma3n", "qwen35", "mllama", "deepseek2", "llama4", "lfm2", "x", "bert"])
TENSORS = st.lists(
    st.builds(
        Tensor,
        st.sampled_from(
            ["token_embd.weight", "output.weight", "blk.0.attn_k.weight", "blk.99999.ssm_a", "v.x", "blk."]
        ),
        st.sampled_from(["F32", "Q4_K", "Q9_Z", ""]),
        st.lists(st.integers(-3, 1 << 50), max_size=4).map(tuple),
    ),
    max_size=5,
)


@given(ARCHS, st.dictionaries(st.sampled_from(KEYS), HOSTILE), TENSORS, st.integers(-5, 1 << 60), st.data())
def test_hostile_facts_give_a_shape_or_a_reason(
    arch: str, changed: dict[str, Any], tensors: list[Tensor], size: int, data: st.DataObject
) -> None:
    base = {"block_count": 8, "embedding_length": 512, "attention.head_count": 8, "attention.head_count_kv": 4}
    info = {"general.architecture": arch, **{f"{arch}.{k}": v for k, v in (base | changed).items()}}
    info["general.parameter_count"] = data.draw(HOSTILE)
    told = Shown(info, tuple(tensors), {}, ("vision",), {"clip.vision.image_size": data.draw(HOSTILE)})
    found = architecture_of(told, size)
    assert (found is None) == bool(why_unknown(told, size))
    if found is not None:
        assert found.weights >= 0
        assert found.weights_cpu >= 0
        assert (estimate(found, Run(8192)).total or 0) > 0
        kept = sum(r.bytes for r in estimate(found, Run(8192)).rows if r.what.startswith(("KV", "recurrent")))
        assert kept > 0 or "encoder" in found.notes[0]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("block_count", None, "block_count is missing"),
        ("block_count", -4, "not a usable number"),
        ("block_count", "36", "not a usable number"),
        ("block_count", 1 << 20, "not believable"),
        ("embedding_length", 1 << 60, "embedding_length"),
        ("attention.head_count_kv", [8, 8], "differs by layer"),
        ("attention.head_count_kv", 0, "no layer"),
        ("attention.head_count_kv", "8", "differs by layer"),
    ],
)
def test_what_is_missing_is_named(key: str, value: Any, says: str) -> None:
    told = facts("qwen3", 36, 4096, 32, 8)
    told = replace(told, info={**told.info, f"qwen3.{key}": value})
    assert architecture_of(told, GIB) is None
    assert says in why_unknown(told, GIB)


def test_no_architecture_no_shape() -> None:
    for info in ({}, {"general.architecture": 7}, {"general.architecture": ""}):
        assert architecture_of(Shown(info), GIB) is None
        assert "architecture" in why_unknown(Shown(info), GIB)


# laws

SHAPES = st.sampled_from(
    [
        shape(*QWEN3_8B),
        shape("gemma4", 48, 3840, 16, [8, 8, 8, 8, 8, 1] * 8, 512, **GEMMA4),
        shape("qwen35", 32, 4096, 16, 4, 256, **QWEN35_9B),
        shape("deepseek2", 61, 7168, 128, 1, **R1, attention__key_length_mla=192),
        shape("mllama", 40, 4096, 32, 8),
        shape("gptoss", 24, 2880, 64, 8, 64, attention__sliding_window=128, expert_used_count=4, expert_count=32),
        architecture_of_params(70_000_000_000, "Q4_K_M"),
    ]
)
RUNS = st.builds(
    Run,
    context=st.integers(1, 300_000),
    parallel=st.integers(1, 8),
    kv_type=st.sampled_from(sorted(KV_BYTES)),
    kv_type_v=st.one_of(st.none(), st.sampled_from(sorted(KV_BYTES))),
    new_compute=st.booleans(),
    flash=st.booleans(),
    batch=st.one_of(st.none(), st.integers(1, 4096)),
    unified=st.booleans(),
    runtime=st.sampled_from(["cuda", "vulkan", "rocm", "metal"]),
    gpus=st.integers(1, 8),
    vision=st.booleans(),
    draft=st.integers(0, 3),
)


def total(one: ModelArchitecture, run: Run) -> int:
    found = estimate(one, run)
    assert found.total is not None
    assert 0 < found.low <= found.total <= found.high
    return found.total


@given(SHAPES, RUNS, st.integers(0, 100_000), st.integers(0, 4))
def test_more_context_or_slots_never_takes_less(one: ModelArchitecture, run: Run, tokens: int, slots: int) -> None:
    longer = replace(run, context=run.context + tokens)
    assert total(one, longer) >= total(one, run)
    assert total(one, replace(run, parallel=run.parallel + slots)) >= total(one, run)
    assert kv_bytes(one, longer) >= kv_bytes(one, run)


@given(SHAPES, RUNS, st.sampled_from(["q8_0", "q5_1", "q4_0"]))
def test_a_quantised_cache_is_never_larger(one: ModelArchitecture, run: Run, kind: str) -> None:
    plain = replace(run, kv_type="f16", kv_type_v=None)
    assert kv_bytes(one, replace(plain, kv_type=kind)) <= kv_bytes(one, plain)


@given(SHAPES, RUNS, st.none() | st.randoms())
def test_the_gpus_hold_it_all_and_each_some(one: ModelArchitecture, run: Run, dice: random.Random | None) -> None:
    parts = per_gpu(one, run, [dice.randint(1, 96) * GIB for _ in range(run.gpus)] if dice else ())
    assert len(parts) == run.gpus
    assert sum(parts) == total(one, run)
    assert all(part >= overhead(one, run)[0] for part in parts)


def test_a_larger_gpu_takes_more_layers() -> None:
    one, run = shape(*QWEN3_8B), Run(8192, gpus=2)
    even, uneven = per_gpu(one, run), per_gpu(one, run, (48 * GIB, 16 * GIB))
    assert even[0] == pytest.approx(even[1], rel=0.05)
    base = overhead(one, run)[0]
    assert (uneven[0] - base) / (uneven[1] - base) == pytest.approx(3, rel=0.1)


@given(SHAPES, RUNS)
def test_more_gpus_never_take_less(one: ModelArchitecture, run: Run) -> None:
    assert total(one, replace(run, gpus=run.gpus + 1)) >= total(one, run)


def test_two_devices_keep_five_masks_each() -> None:
    """Measured on llama.cpp's Vulkan backend: 248 and 256 MiB of compute for qwen3:8b, 32k, ubatch 512."""
    run = Run(32768, batch=512, gpus=2, runtime="vulkan")
    work = compute(shape(*QWEN3_8B), run)
    for ours, measured in ((work.graph + work.mask, 248), (work.graph_last + work.mask, 256)):
        assert measured * MIB <= ours <= 1.1 * measured * MIB


def test_what_a_layer_keeps_beside_its_cache_lies_on_its_gpu_too() -> None:
    run = Run(1 << 20, parallel=4, gpus=2)
    more = {**R1, "attention__key_length_mla": 192, "attention__value_length_mla": 128}
    index = {"attention__indexer__key_length": 128, "attention__indexer__head_count": 64}
    for whole in (
        shape("deepseek32", 61, 7168, 128, 1, **more, **index),
        shape("deepseek4", 6, 256, 4, 1, 128, **V4 | {"attention__compress_ratios": [4] * 6}),
    ):
        assert largest_layer(whole, run) >= (kv_bytes(whole, run) + whole.weights) // whole.block_count
