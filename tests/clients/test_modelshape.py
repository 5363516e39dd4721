"""What a Hugging Face config with its weights beside it tells, and what it does not: never a size that none has."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fleethub.clients.modelshape import ModelShapeError, read

CONFIG = {
    **{"model_type": "qwen3", "num_hidden_layers": 36, "hidden_size": 4096, "num_attention_heads": 32},
    **{"num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288, "vocab_size": 151936},
}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4976698672\n"
WHOLE = 100_000_000


def size(folder: Path, **files: str) -> int:
    (folder / "config.json").write_text(json.dumps(CONFIG))
    for name, text in files.items():
        (folder / name).write_text(text)
    return read(folder, "config.json").size


def sparse(folder: Path, name: str) -> None:
    with (folder / name).open("wb") as file:
        file.truncate(WHOLE)


def test_weights_are_what_the_index_says_or_what_lies_there(tmp_path: Path) -> None:
    for part in (1, 2):
        sparse(tmp_path, f"model-0000{part}-of-00002.safetensors")
    assert size(tmp_path) == 2 * WHOLE
    index = json.dumps({"metadata": {"total_size": 16e9}})
    assert size(tmp_path, **{"model.safetensors.index.json": index}) == 16_000_000_000


def test_parts_that_are_missing_and_pointers_are_no_weights(tmp_path: Path) -> None:
    sparse(tmp_path, "model-00001-of-00004.safetensors")
    with pytest.raises(ModelShapeError, match="1 of 4 parts"):
        size(tmp_path)
    pointers = {f"model-0000{part}-of-00004.safetensors": POINTER for part in range(1, 5)}
    with pytest.raises(ModelShapeError, match=r"300 bytes.*git-lfs"):
        size(tmp_path, **pointers)


@pytest.mark.parametrize("total", ["true", "-1", "1e400", "NaN", "null", '"16"', "[]", "9e99"])
def test_an_index_with_an_odd_size_tells_none(tmp_path: Path, total: str) -> None:
    assert size(tmp_path, **{"model.safetensors.index.json": f'{{"metadata": {{"total_size": {total}}}}}'}) == 0


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    os.mkfifo(tmp_path / "fifo.gguf")
    for name in (".", "fifo.json", "fifo.gguf", "none.json", "a\0b.json", "x" * 5000, "config.json/x.json"):
        with pytest.raises(ModelShapeError, match=r"no file|not an ordinary|no JSON|too long"):
            read(tmp_path, name)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelShapeError, match="names no model_type"):
        read(tmp_path, "config.json")
