"""Compute buffers, masks and the split over devices against llama.cpp's own Vulkan backend, on a device in software.

``npm install node-llama-cpp @node-llama-cpp/linux-x64-vulkan`` in FLEETHUB_NODE_LLAMA, and Mesa's llvmpipe
(``mesa-vulkan-drivers``). What a graph needs hangs on the scheduler and the model, not on the chip, as long as every
operation runs on the device: flash attention's does here up to the sizes below. CUDA's own memory is not seen here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleethub.clients.gguf import read
from fleethub.sizing.architecture import ModelArchitecture, architecture_of
from fleethub.sizing.compute import compute
from fleethub.sizing.estimate import Run, estimate
from tests.real.llamacpp.write import VOCABULARY, write

pytestmark = pytest.mark.real
MIB = 1 << 20
#: Seconds for one load, which takes one.
PATIENCE = 120
DRIVER = Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json")
SCRIPT = Path(__file__).parent / "llamacpp" / "gpu.mjs"
COMPUTE = re.compile(r"sched_reserve:\s+(Vulkan\d) compute buffer size =\s+([\d.]+) MiB")
WEIGHTS = re.compile(r"load_tensors:\s+(Vulkan\d) model buffer size =\s+([\d.]+) MiB")
KV = re.compile(r"(Vulkan\d) (?:KV|RS) buffer size =\s+([\d.]+) MiB")

#: name -> layers: so many that each of two devices gets one of each sort
LAYERS = {
    **{"qwen3": 8, "gemma3": 12, "qwen3moe": 4, "gptoss": 8, "deepseek2": 4},
    **{"qwen35": 8, "llama": 8, "qwen2": 8, "gemma2": 8},
}
#: context, micro-batch, devices
RUNS = [(4096, 512, 1), (32768, 1024, 1), (65536, 512, 1), (32768, 512, 2), (131072, 512, 1), (131072, 512, 2)]
#: What a buffer of this device cannot hold (a layer's keys of more than 128 MiB); and gpt-oss at 128k: its attention
#: is then left to the CPU.
TOO_LARGE = {
    ("gemma2", 65536),
    *((name, 131072) for name in ("deepseek2", "gemma2", "gemma3", "gptoss", "llama", "qwen3", "qwen35")),
}
ROWS = [(model, *run) for model in sorted(LAYERS) for run in RUNS if (model, run[0]) not in TOO_LARGE]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the models' files are; they are made by the first load of each."""
    missing = [
        says
        for says, there in (
            ("FLEETHUB_NODE_LLAMA names no folder with node-llama-cpp", (modules() / "node-llama-cpp").is_dir()),
            (f"{DRIVER} is missing: apt-get install mesa-vulkan-drivers", DRIVER.exists()),
            ("node is not installed", shutil.which("node") is not None),
        )
        if not there
    ]
    if missing:
        reason = "; ".join(missing)
        pytest.fail(reason) if os.environ.get("FLEETHUB_REQUIRE_REAL") else pytest.skip(reason)
    return tmp_path_factory.mktemp("gguf")


def modules() -> Path:
    return Path(os.environ.get("FLEETHUB_NODE_LLAMA", "/nonexistent")) / "node_modules"


def loaded(files: Path, model: str, context: int, batch: int, devices: int) -> tuple[ModelArchitecture, str]:
    """The model's shape, read as ``capacity --gguf`` reads it, and the log of one load."""
    path = files / f"{model}.gguf"
    if not path.exists():
        write(model, path, LAYERS[model])
    script = modules().parent / SCRIPT.name  # where its import finds the package
    if not script.exists():
        shutil.copy(SCRIPT, script)
    ran = subprocess.run(
        ["node", script, path, str(context), "1", str(batch), "on"],
        env=os.environ | {"GGML_VK_VISIBLE_DEVICES": ",".join("0" * devices), "VK_DRIVER_FILES": str(DRIVER)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    found = architecture_of(*read(path))
    assert found is not None
    assert found.n_vocab == VOCABULARY
    return found, ran.stdout


def by_device(pattern: re.Pattern[str], text: str) -> dict[str, float]:
    """MiB: the last of each, since a graph is reserved more than once."""
    return {device: float(size) for device, size in pattern.findall(text)}


@pytest.mark.parametrize(("model", "context", "batch", "devices"), ROWS)
def test_what_it_computes_in_is_what_was_reckoned(
    files: Path, model: str, context: int, batch: int, devices: int
) -> None:
    known, log = loaded(files, model, context, batch, devices)
    seen = by_device(COMPUTE, log)
    assert sorted(seen) == [f"Vulkan{i}" for i in range(devices)]
    ours = compute(known, Run(context, batch=batch, gpus=devices, runtime="vulkan"))
    each = [(ours.graph + ours.mask) / MIB] * (devices - 1) + [(ours.graph_last + ours.mask) / MIB]
    for device, reckoned in zip(sorted(seen), each, strict=True):
        assert seen[device] <= reckoned <= seen[device] * 1.35, (seen, each)


@pytest.mark.parametrize("model", ["llama", "qwen2", "qwen3"])
def test_the_whole_is_within_four_percent_where_weights_and_cache_are_most_of_it(files: Path, model: str) -> None:
    known, log = loaded(files, model, 65536, 512, 1)
    kept = sum(float(size) for _, size in WEIGHTS.findall(log) + KV.findall(log))
    whole = kept + sum(by_device(COMPUTE, log).values())
    assert kept / whole > 0.9
    reckoned = estimate(known, Run(65536, batch=512, runtime="vulkan"))
    ours = sum(row.bytes for row in reckoned.rows if not row.what.startswith("overhead")) / MIB
    assert whole <= ours <= whole * 1.04
