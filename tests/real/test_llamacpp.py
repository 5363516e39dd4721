"""KV caches and recurrent states against a real llama.cpp (``pip install xllamacpp``), on the CPU.

The server loads GGUF files made on the spot: the widths of real models, few layers, zeros. What it says it allocates
is compared with what is reckoned from the same file's header, read as ``fleethub capacity --gguf`` reads it.
Compute buffers are not compared: a CPU's are others than a GPU's.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fleethub.clients.gguf import read
from fleethub.model.capacity import Sure
from fleethub.sizing.architecture import ModelArchitecture, architecture_of
from fleethub.sizing.compute import compute
from fleethub.sizing.estimate import Run, kv_bytes
from fleethub.sizing.kv import state_bytes
from tests.real.llamacpp.shapes import ASKED

pytestmark = pytest.mark.real
MIB = 1 << 20
#: Seconds for one load, which takes one.
PATIENCE = 120
#: Everything is allocated: the server says the first, unless its binding, which now and then waits for ever, was
#: quicker with the second.
READY = ("all slots are idle", "LOADED")
KV = re.compile(r"KV buffer size\s*=\s*([\d.]+) MiB")
WEIGHTS = re.compile(r"model buffer size\s*=\s*([\d.]+) MiB")
STATE = re.compile(r"(?:RS|csa state|hca state|lid state) buffer size\s*=\s*([\d.]+) MiB")
COMPUTE = re.compile(r"CPU compute buffer size\s*=\s*([\d.]+) MiB")

#: model, context per slot, slots, KV type, micro-batch, flash attention
LOADS = [
    ("qwen3", 8192, 1, "f16", 512, True),
    ("qwen3", 4096, 3, "q8_0", 512, True),
    ("qwen3", 5000, 2, "q4_0", 1024, True),
    ("qwen3", 8192, 1, "f16", 512, False),
    ("qwen3", 4096, 1, "q5_1", 512, True),
    ("gemma3", 8192, 1, "f16", 512, True),
    ("gemma3", 8192, 1, "f16", 2048, True),
    ("gemma3", 4096, 4, "f16", 512, True),
    ("gemma3", 1024, 2, "q8_0", 512, True),
    ("qwen3moe", 8192, 1, "f16", 1024, True),
    ("gptoss", 8192, 1, "f16", 512, True),
    ("gptoss", 16384, 2, "q8_0", 2048, True),
    ("deepseek2", 8192, 1, "f16", 512, True),
    ("deepseek2", 4096, 2, "q8_0", 512, True),
    ("qwen35", 8192, 1, "f16", 512, True),
    ("qwen35", 4096, 2, "f16", 512, True),
    *((name, *how) for name in ASKED for how in ((4096, 1, "f16", 512, True), (5000, 2, "q8_0", 1024, True))),
]
#: Whose index of sparse attention scores every cell for every token of a batch.
SCORING = [(name, context, 512) for name in ("deepseek32", "deepseek4") for context in (8192, 65536)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the models' files are; they are made by the first load of each."""
    if importlib.util.find_spec("xllamacpp") is None:
        reason = "xllamacpp is not installed: pip install xllamacpp numpy"
        pytest.fail(reason) if os.environ.get("FLEETHUB_REQUIRE_REAL") else pytest.skip(reason)
    return tmp_path_factory.mktemp("gguf")


def loaded(files: Path, model: str, context: int, parallel: int, kv: str, batch: int, flash: bool) -> str:
    """The log of one load in a process of its own, ended once all is allocated."""
    argv = [sys.executable, "-m", "tests.real.llamacpp.load", model, str(context * parallel), str(parallel)]
    argv += [kv, str(batch), "on" if flash else "off", str(files)]
    lines: list[str] = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as one:
        watch = threading.Timer(PATIENCE, one.kill)
        watch.start()
        try:
            assert one.stdout is not None
            for line in one.stdout:
                lines.append(line)
                if any(word in line for word in READY):
                    return "".join(lines)
        finally:
            watch.cancel()
            one.kill()
    raise AssertionError(f"the load did not end well within {PATIENCE} s:\n{''.join(lines)[-3000:]}")


def shape(files: Path, model: str) -> ModelArchitecture:
    shown, size = read(files / f"{model}.gguf")
    found = architecture_of(shown, size)
    assert found is not None
    return found


def mib(pattern: re.Pattern[str], text: str) -> float:
    """The final load's sum: the log repeats a buffer that was tried before."""
    lines = dict.fromkeys(line.strip() for line in text.splitlines() if pattern.search(line))
    return sum(float(found[1]) for line in lines if (found := pattern.search(line)))


@pytest.mark.parametrize(("model", "context", "parallel", "kv", "batch", "flash"), LOADS)
def test_the_cache_is_what_was_reckoned(
    files: Path, model: str, context: int, parallel: int, kv: str, batch: int, flash: bool
) -> None:
    text = loaded(files, model, context, parallel, kv, batch, flash)
    run = Run(context, parallel, kv, batch=batch, flash=flash)
    known = shape(files, model)
    assert kv_bytes(known, run) / MIB == pytest.approx(mib(KV, text), rel=0.006, abs=0.02)
    # the log has two decimals, and a line for each cache of a model that has several
    assert state_bytes(known, run) / MIB == pytest.approx(mib(STATE, text), rel=0.006, abs=0.015)
    assert bool(state_bytes(known, run)) == bool(STATE.search(text))
    assert known.kv_sure is Sure.EXACT


@pytest.mark.parametrize("model", sorted({load[0] for load in LOADS}))
def test_the_weights_are_the_tensor_list(files: Path, model: str) -> None:
    found = mib(WEIGHTS, loaded(files, model, 1024, 1, "f16", 512, True))
    known = shape(files, model)
    # an embedding that is tied to the output counts for GPU and CPU, and lies once where there is no GPU
    tied = all(tensor.name != "output.weight" for tensor in read(files / f"{model}.gguf")[0].tensors)
    once = known.weights + (0 if tied else known.weights_cpu)
    assert once / MIB == pytest.approx(found, rel=0.001)


@pytest.mark.parametrize(("model", "context", "batch"), SCORING)
def test_what_an_index_scores_is_reckoned_with(files: Path, model: str, context: int, batch: int) -> None:
    """Masks and scores lie in one buffer, whichever the backend is; on the CPU it is otherwise hardly larger."""
    seen = mib(COMPUTE, loaded(files, model, context, 1, "f16", batch, True))
    assert seen <= compute(shape(files, model), Run(context, batch=batch)).total(1) / MIB <= seen * 1.35
