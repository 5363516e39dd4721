"""Realistic models for the Ollama stand-in, with the numbers of the published GGUF files.

Sizes and architecture values are those of the published files as far as they are known (several of them are the
measured ones of our table of loads); digests are made up, and of each vocabulary there is a part.
"""

from __future__ import annotations

from fleethub.testing.catalog.build import Model, model, numbers
from fleethub.testing.catalog.tensors import (
    attention,
    experts,
    f16,
    forward,
    latent,
    listed,
    mxfp4,
    q4_k_m,
    q4_k_m_tied,
    recurrent,
    vision,
)

TOOLS = ("completion", "tools")
THINKS = (*TOOLS, "thinking")
Q4 = ("Q4_K_M", 15)
MXFP4 = ("MXFP4", 38)
QWEN = """repeat_penalty                 1
stop                           "<|im_end|>"
temperature                    0.6"""
ONE = "temperature                    1"


def _qwen3(name: str, size: int, count: int, label: str, blocks: int, width: int, inner: int, heads: int) -> Model:
    parts = attention(width, heads, 8, 128, norms=True) + forward(width, inner)
    tensors = listed(width, 151936, [parts] * blocks, q4_k_m)
    keys = numbers(blocks, 40960, width, inner, heads, 8, 128)
    return model(name, "qwen3", Q4, label, keys, tensors, size=size, count=count, capabilities=THINKS, settings=QWEN)


def _qwen3moe(name: str, context: int, capabilities: tuple[str, ...]) -> Model:
    parts = attention(2048, 32, 4, 128, norms=True) + experts(2048, 768, 128)
    more = {"expert_count": 128, "expert_used_count": 8, "expert_feed_forward_length": 768}
    return model(
        *(name, "qwen3moe", Q4, "30.5B", numbers(48, context, 2048, 6144, 32, 4, 128, **more)),
        listed(2048, 151936, [parts] * 48, q4_k_m),
        size=18_554_258_719,
        count=30_532_122_624,
        capabilities=capabilities,
        settings=QWEN,
    )


def _gpt_oss(name: str, size: int, count: int, label: str, blocks: int, of: int) -> Model:
    parts = attention(2880, 64, 8, 64) + experts(2880, 2880, of)
    more = {"expert_count": of, "expert_used_count": 4, "expert_feed_forward_length": 2880}
    keys = numbers(blocks, 131072, 2880, 2880, 64, 8, 64, attention__sliding_window=128, **more)
    tensors = listed(2880, 201088, [parts] * blocks, mxfp4)
    return model(name, "gptoss", MXFP4, label, keys, tensors, size=size, count=count, capabilities=THINKS, settings=ONE)


def _gemma3(
    name: str, count: int, label: str, shape: tuple[int, int, int, int, int, int], size: int | None = None
) -> Model:
    blocks, width, inner, heads, kv, key = shape
    parts = attention(width, heads, kv, key, norms=True) + forward(width, inner)
    tensors = listed(width, 262144, [parts] * blocks, q4_k_m_tied, tied=True) + vision(27, 1152, 4304, 14, width)
    keys = numbers(
        *(blocks, 131072, width, inner, heads, kv, key),
        attention__sliding_window=1024,
        vision__block_count=27,
        vision__embedding_length=1152,
        vision__feed_forward_length=4304,
        vision__attention__head_count=16,
        vision__image_size=896,
        vision__patch_size=14,
        vision__num_channels=3,
    )
    return model(
        *(name, "gemma3", Q4, label, keys, tensors),
        size=size,
        count=count,
        capabilities=("completion", "vision"),
        settings=ONE + "\ntop_k                          64",
    )


QWEN3_32B = _qwen3("qwen3:32b", 19_762_149_024, 32_762_123_264, "32.8B", 64, 5120, 25600, 64)
QWEN3_8B = _qwen3("qwen3:8b", 5_025_111_736, 8_190_735_360, "8.2B", 36, 4096, 12288, 32)
QWEN3_30B_A3B = _qwen3moe("qwen3:30b-a3b", 40960, THINKS)
QWEN3_CODER_30B = _qwen3moe("qwen3-coder:30b", 262144, TOOLS)
GPT_OSS_20B = _gpt_oss("gpt-oss:20b", 13_793_441_244, 20_914_757_184, "20.9B", 24, 32)
GPT_OSS_120B = _gpt_oss("gpt-oss:120b", 65_369_818_941, 116_829_156_672, "116.8B", 36, 128)
GEMMA3_4B = _gemma3("gemma3:4b", 4_299_915_632, "4.3B", (34, 2560, 10240, 8, 4, 256))
GEMMA3_27B = _gemma3("gemma3:27b", 27_432_406_640, "27.4B", (62, 5376, 21504, 32, 16, 128))
LLAMA31_8B = model(
    *("llama3.1:8b", "llama", Q4, "8.0B"),
    numbers(32, 131072, 4096, 14336, 32, 8, rope__dimension_count=128, vocab_size=128256),
    listed(4096, 128256, [attention(4096, 32, 8, 128) + forward(4096, 14336)] * 32, q4_k_m),
    size=4_920_753_328,
    count=8_030_261_312,
    capabilities=TOOLS,
    settings='stop                           "<|eot_id|>"',
)
#: Three layers of four keep a fixed state instead of a cache.
QWEN35_9B = model(
    *("qwen3.5:9b", "qwen35", Q4, "9.0B"),
    numbers(
        *(32, 262144, 4096, 12288, 16, 4, 256),
        full_attention_interval=4,
        ssm__conv_kernel=4,
        ssm__inner_size=4096,
        ssm__state_size=128,
        ssm__group_count=16,
        ssm__time_step_rank=32,
    ),
    listed(
        *(4096, 248320),
        [
            # the query comes with a gate of its own width
            (
                [*attention(4096, 32, 4, 256, norms=True)[:-3], ("attn_output", [4096, 4096])]
                if (n + 1) % 4 == 0
                else recurrent(4096, 4096, 128, 16, 4, 32)
            )
            + forward(4096, 12288)
            for n in range(32)
        ],
        q4_k_m,
    ),
    capabilities=THINKS,
    settings=ONE,
)
#: Latent attention: one small vector per token instead of keys and values.
DEEPSEEK_V2_LITE = model(
    *("deepseek-v2:16b", "deepseek2", Q4, "15.7B"),
    numbers(
        *(27, 163840, 2048, 10944, 16, 1),
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=192,
        attention__value_length_mla=128,
        attention__kv_lora_rank=512,
        rope__dimension_count=64,
        expert_count=64,
        expert_used_count=6,
        expert_shared_count=2,
        expert_feed_forward_length=1408,
        leading_dense_block_count=1,
    ),
    listed(
        *(2048, 102400),
        [
            latent(2048, 16, 512, 64, 128, 128) + (experts(2048, 1408, 64, 2816) if n else forward(2048, 10944))
            for n in range(27)
        ],
        q4_k_m,
    ),
    capabilities=("completion",),
)
#: A vision model whose projector is a file of its own.
QWEN3_VL_4B = model(
    *("qwen3-vl:4b", "qwen3vl", Q4, "4.4B"),
    numbers(36, 262144, 2560, 9728, 32, 8, 128),
    listed(2560, 151936, [attention(2560, 32, 8, 128, norms=True) + forward(2560, 9728)] * 36, q4_k_m_tied, tied=True),
    capabilities=(*TOOLS, "vision"),
    settings=ONE,
    projector=(
        836_000_000,
        {
            "general.architecture": "clip",
            "general.file_type": 1,
            "clip.has_vision_encoder": True,
            "clip.projector_type": "qwen3vl_merger",
            "clip.vision.block_count": 24,
            "clip.vision.embedding_length": 1024,
            "clip.vision.feed_forward_length": 4096,
            "clip.vision.attention.head_count": 16,
            "clip.vision.image_size": 768,
            "clip.vision.patch_size": 16,
            "clip.vision.projection_dim": 2560,
        },
    ),
)
NOMIC_EMBED = model(
    *("nomic-embed-text:latest", "nomic-bert", ("F16", 1), "137M"),
    numbers(12, 2048, 768, 3072, 12, None, attention__causal=False),
    listed(768, 30522, [attention(768, 12, 12, 64) + forward(768, 3072)] * 12, f16, tied=True),
    capabilities=("embedding",),
    settings="num_ctx                        8192",
)
#: A made-up model whose head_count_kv differs per layer: null in /api/show unless verbose.
PER_LAYER = model(
    *("hybrid:9b", "nemotron_h", Q4, "2.8B"),
    numbers(8, 131072, 4096, 14336, 32, [0, 8, 0, 8, 0, 8, 0, 8], 128),
    listed(4096, 131072, [attention(4096, 32, 8, 128) + forward(4096, 14336)] * 8, q4_k_m),
    capabilities=TOOLS,
)
ALL = (
    *(QWEN3_32B, QWEN3_30B_A3B, GPT_OSS_20B, GPT_OSS_120B, LLAMA31_8B, GEMMA3_27B),
    *(QWEN3_8B, QWEN3_CODER_30B, GEMMA3_4B, QWEN35_9B, DEEPSEEK_V2_LITE, QWEN3_VL_4B, NOMIC_EMBED),
)
