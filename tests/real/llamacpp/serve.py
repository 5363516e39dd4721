"""``python -m tests.real.llamacpp.serve MODEL CONTEXT PARALLEL UNIFIED FOLDER``: a llama-server until stdin ends.

``PARALLEL`` 0 leaves it to llama.cpp. Its address is all that stdout gets. Its log, which another thread writes in
pieces, goes to stderr: in one stream with it the address was torn on a busy machine, and waited for in vain.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import xllamacpp as x

from tests.real.llamacpp.write import write


def main(name: str, context: int, parallel: int, unified: bool, folder: Path) -> None:
    """``context`` over all slots, as ``-c`` takes it."""
    said = os.dup(1)
    os.dup2(2, 1)
    path = folder / f"{name}.gguf"
    if not path.exists():
        write(name, path)
    wanted = x.CommonParams()
    wanted.model.path = str(path)
    wanted.n_ctx, wanted.kv_unified, wanted.port = context, unified, 0
    if parallel:
        wanted.n_parallel = parallel
    wanted.n_gpu_layers, wanted.warmup, wanted.fit_params, wanted.verbosity = 0, False, False, 5
    wanted.no_extra_bufts = True
    wanted.cpuparams.n_threads = 2
    server = x.Server(wanted)
    os.write(said, f"{server.listening_address}\n".encode())
    os.close(said)
    sys.stdin.read()
    os._exit(0)  # it has no other way to stop


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1", Path(sys.argv[5]))
