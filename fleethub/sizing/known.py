"""Which architectures are reckoned with as they are, and what of a file is not: where an estimate is a guess."""

from __future__ import annotations

from collections.abc import Iterator

from fleethub.sizing.gguf_metadata import GgufMetadata

#: Architectures whose layers keep what their keys say, as llama.cpp and servers with engines of their own name them.
_KNOWN = """
afmoe apertus arcee arctic arwkv7 baichuan bailingmoe bailingmoe2 bailingmoe3 bitnet bloom chameleon chatglm
codeshell cogvlm cohere2 cohere2moe command-r dbrx deci deepseek deepseek2 deepseek2-ocr deepseek32 deepseek4
deepseekocr dots1 dream ernie4_5 ernie4_5-moe exaone exaone-moe exaone4 falcon falcon-h1 gemma gemma2 gemma3
gemma3n gemma4 glm-dsa glm4 glm4moe glm4moelite glmocr gpt-oss gpt2 gptj gptneox gptoss granite granite_swa
granitehybrid granitemoe grok grovemoe hunyuan-dense hunyuan-moe hunyuan_vl internlm2 jais jamba kimi-k3 kimi-linear
laguna lfm2 lfm2moe llada llada-moe llama llama4 maincoder mamba mamba2 mellum mimo2 minicpm minicpm3
minimax-m2 mistral3 mistral4 mllama mpt nemotron nemotron_h nemotron_h_moe olmo olmo2 olmoe openelm orion
pangu-embedded phi2 phi3 phimoe plamo plamo2 plamo3 plm qwen qwen2 qwen25vl qwen2moe qwen2vl qwen3 qwen35 qwen35moe
qwen3moe qwen3next qwen3vl qwen3vlmoe refact rnd1 rwkv6 rwkv6qwen2 rwkv7 seed_oss smallthinker smollm3 solar
stablelm starcoder starcoder2 step35 typical xverse
"""
KNOWN = frozenset(_KNOWN.split())
#: Keys of what changes how much is kept, and that are not reckoned with.
UNRECKONED = (
    *("num_loops", "hrm.h_cycles", "attention.kv_lora_rank_swa", "attention.recurrent_layers", "decoder_block_count"),
    *("attention.indexer.kpool", "selector_rank"),
)


def unreckoned(keys: GgufMetadata) -> Iterator[str]:
    """What of a model is not reckoned with, in words. A config.json names its layers itself, whatever it is called."""
    if keys.arch not in KNOWN and "config.model_type" not in keys.info:
        yield f"the architecture {keys.arch} is not known here: its layers are taken for what their keys say"
    for name in UNRECKONED:
        if keys.has(name):
            yield f"{keys.arch}.{name} is not reckoned with"
