"""P of the current scheduler against the published figures, in MiB."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.engines.ollama.preflight import MIB, SURCHARGE, batch_of, lowered, preflight
from fleethub.model.readings.server import Shown
from fleethub.sizing.architecture import architecture_of


def shown(arch: str, blocks: int, width: int, heads: int, kv: int | list[int], key: int) -> Shown:
    numbers = {
        "block_count": blocks,
        "embedding_length": width,
        "feed_forward_length": 4 * width,
        "context_length": 262144,
        "vocab_size": 151936,
        "attention.head_count": heads,
        "attention.head_count_kv": kv,
        "attention.key_length": key,
        "attention.value_length": key,
    }
    return Shown({"general.architecture": arch, **{f"{arch}.{k}": v for k, v in numbers.items()}})


@pytest.mark.parametrize(
    ("facts", "file_bytes", "context", "mib"),
    [
        (shown("qwen3", 36, 4096, 32, 8, 128), 5_025_111_736, 8192, 6712),
        (shown("qwen3moe", 48, 2048, 32, 4, 128), 18_554_258_719, 8192, 18847),
        (shown("qwen3moe", 48, 2048, 32, 4, 128), 18_554_258_719, 262144, 32031),
        # 48 layers of which 8 are global with one KV head: the smallest number of heads counts for all
        (shown("gemma4", 48, 3840, 16, ([8] * 5 + [1]) * 8, 256), 6912 * MIB, 8192, 8040),
    ],
    ids=["qwen3-8b 8k", "qwen3-30b-a3b 8k", "qwen3-coder-30b 256k", "gemma4-12b 8k"],
)
def test_the_published_figures(facts: Shown, file_bytes: int, context: int, mib: int) -> None:
    shape = architecture_of(facts, file_bytes)
    assert shape is not None
    assert round(preflight(shape, context, batch_of(context)) / MIB) == mib


def test_the_batch_follows_all_slots_contexts_and_flash_attention() -> None:
    assert [batch_of(cells) for cells in (4096, 4097, 32768, 32769)] == [512, 1024, 1024, 2048]
    assert batch_of(262144, flash=False) == 512


def test_the_batch_is_lowered_where_there_is_little_room() -> None:
    """2048 needs file and cache within 60 %, 1024 within 75 %, and each of them with its addition within 80 %."""
    base = 20 << 30
    assert lowered(base, 2048, 48 << 30) == (base + SURCHARGE[2048], 2048)
    assert lowered(base, 2048, 33 << 30) == (base + SURCHARGE[1024], 1024)  # 20 of 19.8
    assert lowered(base, 1024, 26 << 30) == (base, 512)  # 20 of 19.5
    assert lowered(base, 1024, 25 << 30) == (base, 512)
    assert lowered(base, 512, 1) == (base, 512)
    small = 2 << 30
    assert lowered(small, 2048, 4 << 30) == (small + SURCHARGE[1024], 1024)  # 2 of 2.4, and 4 of 3.2
    assert lowered(small, 1024, 3 << 30) == (small, 512)  # 2 of 2.25, and 2.75 of 2.4


@given(st.integers(0, 1 << 40), st.sampled_from([512, 1024, 2048]), st.integers(0, 1 << 40))
def test_the_batch_makes_no_server_evict(base: int, batch: int, free: int) -> None:
    evicts = base > free * 8 // 10
    assert (lowered(base, batch, free)[0] > free * 8 // 10) is evicts


def test_a_cache_without_heads_counts_one() -> None:
    shape = architecture_of(shown("gemma4", 48, 3840, 16, [0, 8] * 24, 256), 4 << 30)
    assert shape is not None
    assert preflight(shape, 4096, 512) == (4 << 30) + 2 * 48 * 1 * 240 * 4096 * 2
