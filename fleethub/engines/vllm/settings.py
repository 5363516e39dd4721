"""vLLM's settings that decide about memory, in the words of its command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from fleethub.engines.interface import SpecKey
from fleethub.model.dataclass import dataclass
from fleethub.model.serving import EngineSettings

#: ``--gpu-memory-utilization`` when nobody says it: 0.92 in vLLM's source of 2026 (0.27.1), 0.9 in that of 2025.
UTILIZATION = 0.92
#: ``--max-num-batched-tokens`` and ``--max-num-seqs`` of ``vllm serve`` on cards below 70 GiB.
BATCHED, SEQUENCES = 2048, 256
#: ``--kv-cache-dtype`` -> bytes of an element; auto: as the model's.
KV_BYTES: Mapping[str, float] = {
    **{"float16": 2, "bfloat16": 2, "fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1, "fp8_inc": 1},
}
#: ``--dtype`` -> bytes of a parameter and of a cache's element.
DTYPES: Mapping[str, float] = {"bfloat16": 2, "float16": 2, "half": 2, "float32": 4, "float": 4}
#: ``--quantization`` -> what the weights are called where nothing tells their bytes, for ``sizing.quant``.
QUANTS: Mapping[str, str] = {
    **{"fp8": "Q8_0", "bitsandbytes": "Q4_K_M", "awq": "Q4_K_M", "awq_marlin": "Q4_K_M"},
    **{"gptq": "Q4_K_M", "gptq_marlin": "Q4_K_M", "mxfp4": "MXFP4", "modelopt_fp4": "Q4_K_M"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmSettings(EngineSettings):
    """A vLLM server and its command line, as far as it decides about memory.

    ``gpu_memory_utilization`` None: vLLM's own default. ``kv_cache_memory`` in bytes on each card stands in its place;
    0: not given. ``max_model_len`` 0: the model's own. ``devices`` empty: the first cards.
    """

    engine: ClassVar[str] = "vllm"
    title: ClassVar[str] = "vLLM"
    api: ClassVar[str] = "openai-completions"
    path: ClassVar[str] = "/v1"
    model: str = ""
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    gpu_memory_utilization: float | None = None
    kv_cache_memory: int = 0
    max_model_len: int = 0
    kv_cache_dtype: str = "auto"
    dtype: str = "auto"
    quantization: str = ""
    max_num_seqs: int = SEQUENCES
    max_num_batched_tokens: int = BATCHED
    devices: str = ""

    @property
    def cards(self) -> int:
        """How many it runs on."""
        return self.tensor_parallel * self.pipeline_parallel


KEYS = (
    SpecKey("model", "text", "The one name it serves (--served-model-name, else --model); default: what it says"),
    SpecKey("tensor_parallel", "whole", "--tensor-parallel-size", 1, least=1, most=1024),
    SpecKey("pipeline_parallel", "whole", "--pipeline-parallel-size", 1, least=1, most=1024),
    SpecKey(
        "gpu_memory_utilization",
        "share",
        "--gpu-memory-utilization; not written: vLLM's own, 0.92 (older: 0.9)",
    ),
    SpecKey("kv_cache_memory", "size", '--kv-cache-memory-bytes on each card, like "8 GiB", instead of a share'),
    SpecKey("max_model_len", "whole", "--max-model-len in tokens; 0: the model's own", 0, most=100_000_000),
    SpecKey(
        *("kv_cache_dtype", "choice", "--kv-cache-dtype: auto is the model's own type", "auto"),
        choices=("auto", *KV_BYTES),
    ),
    SpecKey(*("dtype", "choice", "--dtype: auto is the model's own type", "auto"), choices=("auto", *DTYPES)),
    SpecKey(
        *("quantization", "choice", "--quantization, where the model's file does not tell its bytes"),
        choices=tuple(QUANTS),
    ),
    SpecKey("max_num_seqs", "whole", "--max-num-seqs: requests at a time", SEQUENCES, least=1, most=1 << 20),
    SpecKey(
        *("max_num_batched_tokens", "whole", "--max-num-batched-tokens: of one step", BATCHED),
        least=1,
        most=100_000_000,
    ),
    SpecKey("devices", "text", 'Its cards by number, like "0,1" (CUDA_VISIBLE_DEVICES); default: the first ones'),
)


def declared(settings: EngineSettings | None) -> VllmSettings:
    """A backend's settings as vLLM's; the defaults where it has none."""
    return settings if isinstance(settings, VllmSettings) else VllmSettings(url="")
