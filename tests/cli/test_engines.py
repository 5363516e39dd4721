"""One fleet on three engines beside each other, from spec to answers, on stand-ins that speak their protocols."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fleethub.model.exit import Exit
from fleethub.testing.llamacpp import LlamaCpp
from fleethub.testing.llamaswap import LlamaSwap
from fleethub.testing.vllm import Vllm
from tests.fleets import direct, fleet
from tests.support import Place

SWAP = """
models:
  llama: {cmd: "llama-server -m a.gguf -c 32768 -np 1"}
  qwen: {cmd: "llama-server -m b.gguf -c 16384 -np 1"}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        vllm = stack.enter_context(Vllm("Qwen/Qwen3-8B", max_model_len=40960, cache={"num_gpu_blocks": "2300"}))
        swap = stack.enter_context(LlamaSwap(["llama", "qwen"], running={"qwen": "ready"}))
        llama = stack.enter_context(LlamaCpp(models={"small": ["-c", "16384", "-np", "1"]}, loaded=["small"]))
        card = [{"name": "RTX 4090", "vram": "24 GiB"}]
        made = fleet(None, name="mixed").backend("v", None, gpus=card).table("backends.v.vllm", url=vllm.url)
        made = made.backend("s", None, gpus=card)
        made = made.table("backends.s.llamaswap", url=swap.url, config="swap.yaml")
        made = made.backend("l", None, gpus=None, memory="64 GiB", memory_for="metal")
        made = made.table("backends.l.llamacpp", url=llama.url)
        made = made.model("q", on="v", route="hosted_vllm/Qwen/Qwen3-8B", context=32768)
        made = made.model("llama", on="s", route="openai/llama", params="8B", context=32768)
        made = made.model("qwen", on="s", route="openai/qwen", params="14B", context=16384)
        made = made.model("small", on="l", route="openai/small", params="4B", context=16384)
        made = made.node("a", direct("q", "vllm"), direct("small", "llamacpp")).node("b", direct("llama", "llamaswap"))
        found = Place(tmp_path / "fleet", made.text)
        (found.folder / "swap.yaml").write_text(SWAP)
        yield found


def test_every_engine_answers_for_its_own(place: Place) -> None:
    out = place.run("capacity", code=0)
    assert "v: fits, 21.6 GiB needed of 24.0 GiB declared" in out
    assert "q: 1.1 requests of 32,768 tokens run at once" in out
    assert "for Metal, of 64.0 GiB memory declared" in out
    assert "runs what no node or key of the spec names: qwen" in out
    answer = place.run("capacity", "v", "q", "--parallel", "2", code=Exit.REFUSED)
    assert "2 requests of 32,768 tokens, and its KV cache holds 36,800 (as it says)" in answer
    both = place.run("capacity", "s", "qwen", code=Exit.REFUSED)
    assert "the group (default) runs one at a time (swap)" in both
    lines = [json.loads(line) for line in place.run("capacity", "--place", "q", "--json", code=0).splitlines()]
    places = {line["backend"]: line["fit"] for line in lines if line["type"] == "place"}
    assert places == {"v": "fits", "s": "does not fit", "l": "does not fit"}


def test_a_direct_hop_to_each_is_rendered_as_openai_s_protocol(place: Place) -> None:
    place.apply()
    config = json.loads((place.folder / "nodes" / "a" / "openclaw.json").read_text())
    providers = config["models"]["providers"]
    assert [p["api"] for p in providers.values()] == ["openai-completions", "openai-completions"]
    assert all(p["baseUrl"].endswith("/v1") and p["apiKey"] for p in providers.values())
    assert [p["models"][0]["id"] for p in providers.values()] == ["Qwen/Qwen3-8B", "small"]
