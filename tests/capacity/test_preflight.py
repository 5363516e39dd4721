"""P of the current era against the published figures, in MiB."""

from __future__ import annotations

import pytest

from fleethub.capacity.preflight import MIB, SURCHARGE, batch_of, lowered, preflight
from fleethub.capacity.shape import shape_of
from fleethub.model.facts import Shown


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
    shape = shape_of(facts, file_bytes)
    assert shape is not None
    assert round(preflight(shape, context) / MIB) == mib


def test_the_batch_follows_all_slots_contexts_and_flash_attention() -> None:
    assert [batch_of(cells) for cells in (4096, 4097, 32768, 32769)] == [512, 1024, 1024, 2048]
    assert batch_of(262144, flash=False) == 512


def test_the_batch_is_lowered_where_there_is_little_room() -> None:
    base = 20 << 30
    assert lowered(base, 65536, 48 << 30) == (base + SURCHARGE[2048], 2048)  # 22 GiB of 28.8
    assert lowered(base, 65536, 36 << 30) == (base + SURCHARGE[1024], 1024)  # 22 of 21.6; 20.75 of 27
    assert lowered(base, 65536, 27 << 30) == (base, 512)  # 20.75 of 20.25
    assert lowered(base, 4096, 1) == (base, 512)
