"""GGUF files of zeros, of the models in ``shapes``."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.real.llamacpp.shapes import MODELS, VOCABULARY

__all__ = ["VOCABULARY", "write"]

#: weights in a block, bytes of a block
BLOCKS = {"F32": (1, 4), "I32": (1, 4), "Q4_0": (32, 18)}


def write(name: str, path: Path, layers: int | None = None) -> None:
    """The model of that name, with as many layers as its function has unless said otherwise."""
    model = MODELS[name]() if layers is None else MODELS[name](layers)
    part = path.with_suffix(".part")  # who is stopped while writing leaves no file that is taken for whole
    out = gguf.GGUFWriter(part, model.arch)
    for key, value in model.keys.items():
        full = f"{model.arch}.{key}"
        if isinstance(value, bool):
            out.add_bool(full, value)
        elif isinstance(value, float):
            out.add_float32(full, value)
        elif isinstance(value, list):
            out.add_array(full, value)
        else:
            out.add_uint32(full, value)
    words = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    words += [f"w{i}" for i in range(VOCABULARY - len(words))]
    out.add_tokenizer_model("llama")
    out.add_token_list(words)
    out.add_token_scores([0.0] * VOCABULARY)
    out.add_token_types([1] * VOCABULARY)
    for tensor, shape, kind in model.tensors:
        size, width = BLOCKS[kind]
        if kind in ("F32", "I32"):
            out.add_tensor(tensor, np.zeros(shape, dtype=np.float32 if kind == "F32" else np.int32))
        else:
            raw = np.zeros((*shape[:-1], shape[-1] // size * width), dtype=np.uint8)
            out.add_tensor(tensor, raw, raw_dtype=gguf.GGMLQuantizationType[kind])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    part.replace(path)
