"""Each kind of layer against published numbers, in the facts as servers send them."""

from __future__ import annotations

from typing import Any

import pytest

from fleethub.model.capacity import Sure
from fleethub.model.readings.server import Shown, Tensor
from fleethub.sizing.architecture import ModelArchitecture, architecture_of, why_unknown
from fleethub.sizing.compute import compute
from fleethub.sizing.estimate import estimate, kv_bytes
from fleethub.sizing.kinds import LayerKind
from fleethub.sizing.kv import state_bytes
from fleethub.sizing.run import Run

MIB = 1 << 20


def shown(arch: str, tensors: tuple[Tensor, ...] = (), **numbers: Any) -> Shown:
    """``attention__head_count`` stands for ``<arch>.attention.head_count``."""
    keys = {f"{arch}.{name.replace('__', '.')}": value for name, value in numbers.items()}
    return Shown({"general.architecture": arch, **keys}, tensors)


def facts(arch: str, blocks: int, width: int, heads: int, kv: Any, key: int | None = None, **more: Any) -> Shown:
    base: dict[str, Any] = {
        **{"block_count": blocks, "embedding_length": width, "feed_forward_length": 3 * width},
        **{"attention__head_count": heads, "attention__head_count_kv": kv},
    }
    if key:
        base |= {"attention__key_length": key, "attention__value_length": key}
    return shown(arch, more.pop("tensors", ()), **base | more)


def shape(*args: Any, **more: Any) -> ModelArchitecture:
    told = facts(*args, **more)
    found = architecture_of(told, 10 << 30)
    assert found is not None, why_unknown(told, 10 << 30)
    return found


def mib(one: ModelArchitecture, context: int, **run: Any) -> float:
    return kv_bytes(one, Run(context, **run)) / MIB


def kinds(one: ModelArchitecture) -> dict[str, int]:
    found: dict[str, int] = {}
    for group in one.layers:
        found[group.kind] = found.get(group.kind, 0) + group.count
    return found


QWEN3_8B = ("qwen3", 36, 4096, 32, 8, 128)
QWEN35_9B = {
    **{"ssm__conv_kernel": 4, "ssm__inner_size": 4096, "ssm__state_size": 128, "ssm__group_count": 16},
    "full_attention_interval": 4,
}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (Run(8192), 1152.0),
        (Run(8192, kv_type="q4_0"), 324.0),
        (Run(8192, kv_type="q8_0"), 612.0),
        (Run(8192, kv_type="q8_0", kv_type_v="q4_0"), 468.0),
        (Run(4096, parallel=2), 1152.0),
        (Run(8000), 1152.0),  # whole 256s: 8192
        (Run(100, parallel=3), 108.0),  # each slot is padded
        (Run(100, parallel=3, unified=True), 72.0),  # all together
        (Run(8192, kv_type="q4_0", flash=False), 1152.0),  # no quantised cache without flash attention
        (Run(8192, kv_type="f32"), 2304.0),
        (Run(8192, kv_type="never-heard"), 1152.0),
    ],
    ids=str,
)
def test_dense_grouped_heads(run: Run, expected: float) -> None:
    assert kv_bytes(shape(*QWEN3_8B), run) / MIB == expected


def test_a_missing_key_length_is_the_width_over_the_heads() -> None:
    assert mib(shape("llama", 32, 4096, 32, 8), 8192) == 1024.0


def test_absent_kv_heads_are_all_heads() -> None:
    told = shown("gptneox", block_count=32, embedding_length=2560, attention__head_count=32)
    found = architecture_of(told, 1 << 30)
    assert found is not None
    assert mib(found, 2048) == 640.0


def test_gemma3_keeps_a_window_on_five_of_six() -> None:
    gemma = shape("gemma3", 34, 2560, 8, 4, 256, attention__sliding_window=1024)
    assert kinds(gemma) == {LayerKind.SLIDING: 29, LayerKind.GLOBAL: 5}
    assert mib(gemma, 8192, batch=512) == 334.0
    assert mib(gemma, 131072, batch=512) == 2734.0
    assert mib(gemma, 512, batch=512) == 34.0 * 2  # below the window nothing is saved: 34 x 512 x 4 x 512 x 2


@pytest.mark.parametrize(
    ("arch", "blocks", "window"),
    [("gemma2", 26, 13), ("gpt-oss", 24, 12), ("gptoss", 36, 18), ("cohere2", 32, 24), ("llama4", 48, 36)],
)
def test_known_patterns(arch: str, blocks: int, window: int) -> None:
    found = shape(arch, blocks, 2880, 64, 8, 64, attention__sliding_window=128)
    assert kinds(found) == {LayerKind.SLIDING: window, LayerKind.GLOBAL: blocks - window}
    assert found.kv_sure is Sure.EXACT


def test_llama4_has_chunks_without_a_key() -> None:
    found = shape("llama4", 48, 5120, 40, 8, 128)
    assert {g.window for g in found.layers if g.kind is LayerKind.SLIDING} == {8192}


def test_an_unknown_pattern_counts_all_as_global_and_says_so() -> None:
    found = shape("brandnew", 10, 1024, 8, 8, 128, attention__sliding_window=512)
    assert kinds(found) == {LayerKind.GLOBAL: 10}
    assert found.kv_sure is Sure.ESTIMATED
    row = next(r for r in estimate(found, Run(8192)).rows if r.what.startswith("KV"))
    assert row.sure is Sure.ESTIMATED
    assert "counted as global" in row.detail


def test_the_files_pattern_wins_as_a_number_and_as_an_array() -> None:
    more = {"attention__sliding_window": 512}
    by_number = shape("brandnew", 12, 1024, 8, 8, 128, **more, attention__sliding_window_pattern=3)
    by_array = shape("brandnew", 12, 1024, 8, 8, 128, **more, attention__sliding_window_pattern=[True, True, False] * 4)
    assert kinds(by_number) == kinds(by_array) == {LayerKind.SLIDING: 8, LayerKind.GLOBAL: 4}
    assert mib(by_number, 8192) == mib(by_array, 8192)


GEMMA4 = {
    "attention__sliding_window": 1024,
    "attention__key_length_swa": 256,
    "attention__value_length_swa": 256,
}


def test_gemma4_has_other_heads_in_its_windows() -> None:
    per_layer = [8, 8, 8, 8, 8, 1] * 8
    found = shape("gemma4", 48, 3840, 16, per_layer, 512, **GEMMA4)
    run = Run(2048, parallel=4, unified=True, batch=2048)
    by_kind = {g.kind: g for g in found.layers}
    assert by_kind[LayerKind.GLOBAL].head_k == 512
    assert by_kind[LayerKind.SLIDING].head_k == 256
    assert kv_bytes(found, run) / MIB == 2048.0  # 128 global + 1920 of 6144 cells
    assert (found.head_count_kv_min, found.head_count_kv_max) == (1, 8)


def test_an_array_that_was_not_sent_is_read_from_the_tensors() -> None:
    widths = [2048, 2048, 2048, 2048, 2048, 512] * 8
    tensors = tuple(Tensor(f"blk.{i}.attn_k.weight", "Q4_K", (3840, w)) for i, w in enumerate(widths))
    told = facts("gemma4", 48, 3840, 16, None, 512, tensors=tensors, **GEMMA4)
    found = architecture_of(told, 7 << 30)
    assert found is not None
    assert kv_bytes(found, Run(2048, parallel=4, unified=True, batch=2048)) / MIB == 2048.0


def test_an_array_that_was_not_sent_is_not_zero() -> None:
    told = facts("gemma4", 48, 3840, 16, None, 512, **GEMMA4)
    assert architecture_of(told, 7 << 30) is None
    assert "verbose" in why_unknown(told, 7 << 30)


R1 = {
    **{"attention__kv_lora_rank": 512, "rope__dimension_count": 64},
    **{"attention__key_length": 576, "attention__value_length": 512},
}


def test_mla_keeps_one_compressed_vector() -> None:
    mla = shape("deepseek2", 61, 7168, 128, 1, **R1, attention__key_length_mla=192, attention__value_length_mla=128)
    assert kinds(mla) == {LayerKind.MLA: 61}
    assert mib(mla, 32768, kv_type="q8_0") == pytest.approx(1166.62, abs=0.01)
    assert mib(mla, 65536, kv_type="q8_0") == pytest.approx(2333.25, abs=0.01)


def test_mla_is_told_by_its_tensors_too() -> None:
    tensors = (Tensor("blk.0.attn_k_b.weight", "Q8_0", (128, 512, 128)),)
    assert kinds(shape("deepseek2", 61, 7168, 128, 1, **R1, tensors=tensors)) == {LayerKind.MLA: 61}


def test_an_old_file_of_an_mla_model_keeps_full_k_and_v() -> None:
    old = shape(
        "deepseek2", 61, 7168, 128, 128, attention__kv_lora_rank=512, rope__dimension_count=64,
        attention__key_length=192, attention__value_length=128,
    )  # fmt: skip
    assert kinds(old) == {LayerKind.GLOBAL: 61}
    assert mib(old, 4096) == pytest.approx(71 * 61 * 4096 * 576 * 2 / MIB, rel=0.01)


V4 = {
    **{"attention__compress_ratios": [0, 4, 128, 4, 128, 4], "attention__sliding_window": 128},
    **{"attention__indexer__key_length": 64, "attention__indexer__head_count": 4},
}


def test_deepseek_v4_keeps_a_window_and_one_cell_for_many_tokens() -> None:
    """As llama.cpp's log has it for such a model (tests/real/test_llamacpp.py)."""
    found = shape("deepseek4", 6, 256, 4, 1, 128, **V4)
    assert kinds(found) == {LayerKind.SLIDING: 6, LayerKind.COMPRESSED: 5, LayerKind.INDEX: 3, LayerKind.RECURRENT: 5}
    # windows; cells for 4 tokens; for 128, in whole 256s; keys of the index
    assert mib(found, 4096, batch=512) == 1.125 + 0.75 + 0.125 + 0.375
    assert state_bytes(found, Run(4096)) == 4 * (3 * (8 * 256 * 2 + 8 * 128 * 2) + 2 * 128 * 128 * 2)
    assert mib(found, 262144, batch=512) < 6 * 262144 * 2 * 128 * 2 / MIB / 4
    assert found.kv_sure is Sure.EXACT


def test_a_compression_that_was_not_sent_is_not_guessed() -> None:
    told = facts("deepseek4", 6, 256, 4, 1, 128, **V4 | {"attention__compress_ratios": None})
    assert architecture_of(told, 7 << 30) is None
    assert "compress_ratios" in why_unknown(told, 7 << 30)


def test_an_index_of_sparse_attention_has_keys_of_its_own() -> None:
    more = {**R1, "attention__key_length_mla": 192, "attention__value_length_mla": 128}
    index = {"attention__indexer__key_length": 128, "attention__indexer__head_count": 64}
    plain, scored = (shape("deepseek32", 61, 7168, 128, 1, **more, **one) for one in ({}, index))
    assert mib(scored, 4096) - mib(plain, 4096) == 61 * 4096 * 128 * 2 / MIB
    drafting = shape("deepseek32", 61, 7168, 128, 1, **more, **index, nextn_predict_layers=1)
    assert [(one.kind, one.count) for one in drafting.draft_layers] == [(LayerKind.MLA, 1), (LayerKind.INDEX, 1)]
    shared = shape("glm-dsa", 61, 7168, 128, 1, **more, **index, attention__indexer__types=[1] * 20 + [0] * 41)
    assert kinds(shared) == {LayerKind.MLA: 61, LayerKind.INDEX: 20}
    dense = shape("minimax-m3", 8, 4096, 32, 8, 128, **index, leading_dense_block_count=3)
    assert kinds(dense) == {LayerKind.GLOBAL: 8, LayerKind.INDEX: 5}
    # scores and masks of what the index chose: 8 bytes for each cell and token of the batch where a mask has 2
    works = [compute(one, Run(65536, batch=2048)) for one in (plain, scored)]
    assert [work.mask for work in works] == [2 * 2048 * 65536, 8 * 2048 * 65536]


def test_delta_attention_keeps_three_tails_and_a_square_for_each_head() -> None:
    kda = {"ssm__conv_kernel": 4, "kda__head_dim": 128}
    found = shape("kimi-linear", 4, 2304, 32, [0, 0, 0, 1], **R1, **kda, attention__key_length_mla=192)
    assert kinds(found) == {LayerKind.RECURRENT: 3, LayerKind.MLA: 1}
    assert state_bytes(found, Run(4096)) == 3 * 4 * (3 * 3 * 32 * 128 + 32 * 128 * 128)
    assert found.kv_sure is Sure.EXACT


@pytest.mark.parametrize(
    ("arch", "keys", "elements"),
    [
        ("rwkv7", {"wkv__head_size": 64, "token_shift_count": 2}, (2 + 64) * 2560),
        ("arwkv7", {"wkv__head_size": 64, "token_shift_count": 1}, (1 + 64) * 2560),
        ("mamba", {"ssm__conv_kernel": 4, "ssm__inner_size": 5120, "ssm__state_size": 16}, 3 * 5120 + 16 * 5120),
    ],
)
def test_a_model_without_attention_keeps_states_alone(arch: str, keys: dict[str, int], elements: int) -> None:
    base = {"block_count": 4, "embedding_length": 2560, "attention__head_count": 0}
    found = architecture_of(shown(arch, **base, **keys), 10 << 30)
    assert found is not None
    assert kinds(found) == {LayerKind.RECURRENT: 4}
    assert (state_bytes(found, Run(1 << 20)), kv_bytes(found, Run(1 << 20))) == (4 * 4 * elements, 0)


@pytest.mark.parametrize(("heads", "kv"), [(None, None), (None, 8), (0, None), (0, [0, 8, 0, 0])])
@pytest.mark.parametrize("key", [None, 128])
def test_heads_that_were_not_sent_are_not_none(heads: int | None, kv: Any, key: int | None) -> None:
    """A hybrid's, which differ by layer: without them its cache would be reckoned as nothing."""
    ssm = {"ssm__conv_kernel": 4, "ssm__inner_size": 8192, "ssm__state_size": 128, "ssm__group_count": 8}
    told = facts("nemotron_h", 4, 4096, 32, kv, key, **ssm, attention__head_count=heads)
    found = architecture_of(told, 10 << 30)
    assert found is None or kv_bytes(found, Run(4096)) > 0


def test_a_window_whose_layers_were_not_sent_is_not_the_usual_one() -> None:
    found = shape("laguna", 8, 2048, 32, 4, 128, attention__sliding_window=512, attention__sliding_window_pattern=None)
    assert kinds(found) == {LayerKind.GLOBAL: 8}
    assert "not known" in found.notes[0]


@pytest.mark.parametrize("arch", ["smallthinker", "laguna", "cohere2moe"])
def test_some_groups_begin_with_the_global_layer(arch: str) -> None:
    found = shape(arch, 49, 2048, 32, 4, 128, attention__sliding_window=512)
    assert kinds(found) == {LayerKind.GLOBAL: 13, LayerKind.SLIDING: 36}


def test_what_is_not_reckoned_with_is_a_guess_with_bounds() -> None:
    plain = shape("qwen3", 4, 2048, 16, 8, 128)
    for odd in (shape("qwen7", 4, 2048, 16, 8, 128), shape("qwen3", 4, 2048, 16, 8, 128, num_loops=2)):
        assert odd.kv_sure is Sure.ESTIMATED
        (kept,) = (row for row in estimate(odd, Run(8192)).rows if row.what.startswith("KV cache"))
        assert (kept.least, kept.bytes, kept.most) == (0, kv_bytes(plain, Run(8192)), 2 * kv_bytes(plain, Run(8192)))
        assert "not known here" in kept.detail or "num_loops is not reckoned with" in kept.detail


@pytest.mark.parametrize(
    ("blocks", "width", "heads", "inner", "state"),
    [(64, 5120, 24, 6144, 149.62), (32, 2560, 16, 4096, 50.25), (32, 4096, 16, 4096, 50.25)],
    ids=["27B", "4B", "9B"],
)
def test_hybrids_attend_in_every_fourth_and_keep_a_state(
    blocks: int, width: int, heads: int, inner: int, state: float
) -> None:
    found = shape("qwen35", blocks, width, heads, 4, 256, **QWEN35_9B | {"ssm__inner_size": inner})
    assert kinds(found) == {LayerKind.RECURRENT: blocks * 3 // 4, LayerKind.GLOBAL: blocks // 4}
    assert state_bytes(found, Run(4096)) / MIB == pytest.approx(state, abs=0.01)
    assert state_bytes(found, Run(65536)) == state_bytes(found, Run(4096))
    assert state_bytes(found, Run(4096, parallel=4)) == 4 * state_bytes(found, Run(4096))
    assert state_bytes(found, Run(4096, draft=2)) == 3 * state_bytes(found, Run(4096))
    assert mib(found, 8192) == blocks // 4 * 32.0
    assert found.recurrent
    assert (found.head_count_kv_min, found.head_count_kv_max) == (4, 4)  # as the file has them


def test_a_hybrid_with_heads_per_layer() -> None:
    ssm = {"ssm__conv_kernel": 4, "ssm__inner_size": 8192, "ssm__state_size": 128, "ssm__group_count": 8}
    heads, inner = [0, 8, 0, 0], [0, 0, 0, 14336]
    found = shape("nemotron_h", 4, 4096, 32, heads, 128, feed_forward_length=inner, **ssm)
    assert kinds(found) == {LayerKind.RECURRENT: 2, LayerKind.GLOBAL: 1}  # the fourth only feeds forward
    assert state_bytes(found, Run(4096)) == 2 * (3 * (8192 + 2 * 8 * 128) + 128 * 8192) * 4
    assert found.head_count_kv_min == 0


def test_a_hybrid_that_does_not_tell_its_state_gets_a_usual_one() -> None:
    found = shape("nemotron_h", 4, 4096, 32, [0, 8, 0, 8], 128)
    assert state_bytes(found, Run(4096)) > 0
    assert found.kv_sure is Sure.ESTIMATED
    assert "recurrent state" in found.notes[0]


def test_short_convolutions_keep_their_tail() -> None:
    found = shape("lfm2", 4, 2048, 32, [0, 0, 8, 0], shortconv__l_cache=3)
    assert state_bytes(found, Run(4096)) == 3 * 2 * 2048 * 4


def test_layers_that_share_a_cache_count_once() -> None:
    alone = shape("gemma4", 35, 1536, 8, 1, 256, attention__sliding_window=512, attention__sliding_window_pattern=5)
    shared = shape(
        "gemma4", 35, 1536, 8, 1, 256, attention__sliding_window=512, attention__sliding_window_pattern=5,
        attention__shared_kv_layers=20,
    )  # fmt: skip
    assert kinds(alone) == {LayerKind.SLIDING: 28, LayerKind.GLOBAL: 7}
    assert kinds(shared) == {LayerKind.SLIDING: 12, LayerKind.GLOBAL: 3}
    gemma3n = shape("gemma3n", 30, 2048, 8, 2, 256, attention__sliding_window=512)
    assert sum(kinds(gemma3n).values()) == 20
    told = shape("gemma3n", 30, 2048, 8, 2, 256, attention__sliding_window=512, attention__shared_kv_layers=4)
    assert sum(kinds(told).values()) == 26  # what the file says wins


@pytest.mark.parametrize("shared", [11, 12, 40])
def test_one_layer_at_least_keeps_a_cache_of_its_own(shared: int) -> None:
    assert kinds(shape("qwen3", 12, 2048, 8, 2, 256, attention__shared_kv_layers=shared)) == {LayerKind.GLOBAL: 1}


def test_cross_attention_keeps_the_image_whatever_the_context() -> None:
    cross = [3, 8, 13, 18, 23, 28, 33, 38]
    found = shape("mllama", 40, 4096, 32, 8, attention__cross_attention_layers=cross)
    assert kinds(found) == {LayerKind.GLOBAL: 32, LayerKind.CROSS: 8}
    text = 32 * 8192 * 8 * 256 * 2
    image = 8 * 8 * 256 * 4 * 1601 * 4
    assert kv_bytes(found, Run(8192)) == text + image
    assert kv_bytes(found, Run(8192, kv_type="q8_0")) == text * 1.0625 / 2 + image
    assert kinds(shape("mllama", 40, 4096, 32, 8)) == kinds(found)  # the array was not sent


def test_draft_layers_are_apart() -> None:
    found = shape("glm4moe", 47, 4096, 96, 8, 128, nextn_predict_layers=1)
    assert kinds(found) == {LayerKind.GLOBAL: 46}
    assert mib(found, 16384, parallel=4, kv_type="q4_0") == 3312.0  # GLM-4.6V
    assert [g.count for g in found.draft_layers] == [1]
    assert not [r for r in estimate(found, Run(16384)).rows if r.what == "draft"]
    drafting = [r for r in estimate(found, Run(16384, draft=1)).rows if r.what == "draft"]
    assert drafting[0].bytes == 16384 * 8 * 256 * 2


def test_an_encoder_keeps_nothing_and_says_so() -> None:
    told = shown("bert", block_count=12, embedding_length=768, attention__head_count=12)
    found = architecture_of(told, 1 << 28)
    assert found is not None
    assert kv_bytes(found, Run(512)) == 0
    assert found.embedding
    row = next(r for r in estimate(found, Run(512)).rows if r.what == "KV cache")
    assert row.bytes == 0
    assert "encoder" in row.detail
