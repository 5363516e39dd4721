"""``python -m tests.real.llamacpp.load MODEL CONTEXT PARALLEL KV_TYPE MICRO_BATCH FLASH FOLDER``: one load.

Prints the server's own log.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import xllamacpp as x

from tests.real.llamacpp.write import write


def main(name: str, context: int, parallel: int, kv_type: str, batch: int, flash: bool, folder: Path) -> None:
    """``context`` over all slots, as the server takes it; ``batch`` is the micro-batch."""
    path = folder / f"{name}.gguf"
    if not path.exists():
        write(name, path)
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
