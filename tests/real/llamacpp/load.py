"""``python -m tests.real.llamacpp.load MODEL CONTEXT PARALLEL KV_TYPE MICRO_BATCH FLASH FOLDER``: one load.

Prints the server's own log.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import gguf
import numpy as np
import xllamacpp as x

from tests.real.llamacpp.shapes import MODELS, VOCABULARY, Model

BLOCKS = {"F32": (1, 4), "Q4_0": (32, 18)}


def write(model: Model, path: Path) -> None:
    """A GGUF file of zeros."""
    out = gguf.GGUFWriter(path, model.arch)
    for key, value in model.keys.items():
        name = f"{model.arch}.{key}"
        if isinstance(value, float):
            out.add_float32(name, value)
        elif isinstance(value, list):
            out.add_array(name, value)
        else:
            out.add_uint32(name, value)
    words = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    words += [f"w{i}" for i in range(VOCABULARY - len(words))]
    out.add_tokenizer_model("llama")
    out.add_token_list(words)
    out.add_token_scores([0.0] * VOCABULARY)
    out.add_token_types([1] * VOCABULARY)
    for name, shape, kind in model.tensors:
        size, width = BLOCKS[kind]
        if kind == "F32":
            out.add_tensor(name, np.zeros(shape, dtype=np.float32))
        else:
            raw = np.zeros((*shape[:-1], shape[-1] // size * width), dtype=np.uint8)
            out.add_tensor(name, raw, raw_dtype=gguf.GGMLQuantizationType[kind])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main(name: str, context: int, parallel: int, kv_type: str, batch: int, flash: bool, folder: Path) -> None:
    """``context`` over all slots, as the server takes it; ``batch`` is the micro-batch."""
    path = folder / f"{name}.gguf"
    if not path.exists():
        write(MODELS[name](), path)
    wanted = x.CommonParams()
    wanted.model.path = str(path)
    wanted.n_ctx, wanted.n_parallel, wanted.kv_unified = context, parallel, False
    wanted.n_batch, wanted.n_ubatch = max(batch, 2048), batch
    wanted.cache_type_k = wanted.cache_type_v = getattr(x.ggml_type, f"GGML_TYPE_{kv_type.upper()}")
    kind = x.llama_flash_attn_type
    wanted.flash_attn_type = kind.LLAMA_FLASH_ATTN_TYPE_ENABLED if flash else kind.LLAMA_FLASH_ATTN_TYPE_DISABLED
    wanted.n_gpu_layers, wanted.warmup, wanted.fit_params, wanted.verbosity = 0, False, False, 5
    wanted.no_extra_bufts = True  # no second copy of the weights in an order of the CPU
    wanted.cpuparams.n_threads = 2
    x.Server(wanted)
    print("LOADED", flush=True)
    os._exit(0)  # it has no other way to stop


if __name__ == "__main__":
    given = sys.argv[1:]
    main(given[0], int(given[1]), int(given[2]), given[3], int(given[4]), given[5] == "on", Path(given[6]))
