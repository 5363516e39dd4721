"""GGUF headers: what is read of them, and that no broken file does more than say so."""

from __future__ import annotations

import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from hypothesis import given
from hypothesis import strategies as st

from fleethub.clients.gguf import GgufError, read
from fleethub.model.readings.server import Tensor


def write(path: Path, arch: str = "qwen3", words: int = 300, tensors: bool = True, **more: object) -> Path:
    """A tiny whole file, with arrays and a vocabulary."""
    writer = GGUFWriter(path, arch)
    writer.add_block_count(2)
    writer.add_context_length(4096)
    writer.add_embedding_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv([2, 1])
    writer.add_array(f"{arch}.attention.sliding_window_pattern", [True, False])
    writer.add_token_list([f"<{n}>" for n in range(words)])
    writer.add_token_scores([0.5] * words)
    for key, value in more.items():
        writer.add_uint16(key.replace("__", "."), value)  # type: ignore[arg-type]
    if tensors:
        writer.add_tensor("token_embd.weight", np.zeros((words, 256), dtype=np.float16))
        quantised = np.zeros((256, 144), dtype=np.uint8)  # 256 rows of one Q4_K block
        writer.add_tensor("blk.0.attn_q.weight", quantised, raw_dtype=GGMLQuantizationType.Q4_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_what_it_tells(whole: Path) -> None:
    shown, size = read(whole)
    assert size == whole.stat().st_size
    assert shown.info["general.architecture"] == "qwen3"
    assert shown.info["qwen3.attention.head_count_kv"] == [2, 1]
    assert shown.info["qwen3.attention.sliding_window_pattern"] == [True, False]
    assert shown.info["qwen3.vocab_size"] == 300
    assert not [key for key in shown.info if key.startswith("tokenizer")]
    assert shown.tensors == (
        Tensor("token_embd.weight", "F16", (256, 300)),
        Tensor("blk.0.attn_q.weight", "Q4_K", (256, 256)),
    )


def test_a_large_vocabulary_makes_no_object_for_each_word(tmp_path: Path, whole: Path) -> None:
    """The package alone makes some for every word, 290 MB in all, and takes ten times as long."""
    path = write(tmp_path / "wide.gguf", words=150_000)
    read(whole)  # what is imported and compiled once
    tracemalloc.start()
    try:
        read(path)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.gguf", b"", "is empty"),
        ("text.gguf", b"hello, I am no model", "is not a GGUF file"),
        ("short.gguf", b"GGUF", "not whole"),
        ("keys.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "keys"),
        ("tensors.gguf", b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "tensors"),
        ("old.gguf", b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version"),
        ("none.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "architecture"),
        (
            "array.gguf",
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sIIQ", 1, b"a", 9, 0, 1 << 60) + bytes(64),
            "elements of one array",
        ),
        (
            "words.gguf",
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sIIQQ", 1, b"a", 9, 8, 2, 1 << 63),
            "list of texts",
        ),
        (
            "nested.gguf",
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q1sIIQ", 1, b"a", 9, 9, 1) + bytes(64),
            "array of arrays",
        ),
        (
            "dims.gguf",
            b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q1sI", 1, b"a", 1 << 30) + bytes(64),
            "dimensions",
        ),
    ],
)
def test_what_is_no_usable_file(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(GgufError, match=says) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_without_the_extra_it_says_what_to_install(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(GgufError, match=r"needs gguf, which is not there: .* install .*'\.\[gguf\]'"):
        read(whole)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(GgufError, match="does not exist"):
        read(tmp_path / "absent.gguf")
    with pytest.raises(GgufError, match="ordinary file"):
        read(Path("/dev/null"))


def test_what_is_no_model(tmp_path: Path, whole: Path) -> None:
    part = tmp_path / "big-00002-of-00003.gguf"
    part.write_bytes(whole.read_bytes())
    with pytest.raises(GgufError, match=r"part 2 of 3 .*--merge"):
        read(part)
    with pytest.raises(GgufError, match="--merge"):
        read(write(tmp_path / "renamed.gguf", split__count=3))
    with pytest.raises(GgufError, match="projector"):
        read(write(tmp_path / "mmproj.gguf", "clip"))
    with pytest.raises(GgufError, match="lists no tensors"):
        read(write(tmp_path / "vocabulary.gguf", tensors=False))


@given(st.floats(0, 0.999))
def test_cut_anywhere_it_is_broken(whole: Path, at: float) -> None:
    data = whole.read_bytes()
    cut = whole.with_name("cut.gguf")
    cut.write_bytes(data[: int(len(data) * at)])
    with pytest.raises(GgufError, match=str(cut)):
        read(cut)


@given(st.integers(4, 600), st.binary(min_size=1, max_size=8))
def test_damage_in_the_header_is_never_a_traceback(whole: Path, at: int, damage: bytes) -> None:
    data = bytearray(whole.read_bytes())
    data[at : at + len(damage)] = damage
    hurt = whole.with_name("hurt.gguf")
    hurt.write_bytes(data)
    try:
        shown, _ = read(hurt)
    except GgufError:
        return
    assert shown.tensors
