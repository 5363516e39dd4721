"""The settings under which what is planned holds: those that take least from users, and files that say just that."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.clients.hfconfig import shown_of
from fleethub.clients.llamaswap import read_file
from fleethub.engines.llamaswap.residency import resident_sets
from fleethub.model.capacity import Estimate, Fit, Row, Sure
from fleethub.model.facts import Facts
from fleethub.model.measuring import Checked, ServerSettings
from fleethub.model.readings.server import ModelFile, ServerReading, SwapFile
from fleethub.placement.planned import planned_sets
from fleethub.placement.score import buffers, score
from fleethub.placement.settings import settings_for
from tests.engines.vllm_rows import config
from tests.fleets import Spec, direct, fleet
from tests.placement.asking import installed

GIB = 1 << 30
OLLAMA, SWAP = "http://gpu:11434", "http://gpu:8080"


def ollama(spec: Spec, vram: str) -> ServerSettings:
    made = spec.table("backends.gpu", gpus=[{"name": "RTX 6000 Ada", "vram": vram}])
    reading = ServerReading("0.32.1", installed("qwen3:32b", "llama3.1:8b"), ())
    facts = Facts("now", {("ollama", OLLAMA): reading})
    return settings_for(made.fleet, made.fleet.backends["gpu"], facts, planned_sets(made.fleet).get("gpu", ()))


TWO = (
    fleet(None, ollama=OLLAMA)
    .table("backends.gpu.ollama", num_parallel=4)
    .node("a", direct("qwen3-32b"))
    .node("b", direct("llama3.1-8b"))
)


@pytest.mark.parametrize(
    ("vram", "says", "cost"),
    [
        ("140 GiB", "OLLAMA_NUM_PARALLEL=4, OLLAMA_KV_CACHE_TYPE=f16, OLLAMA_MAX_LOADED_MODELS=0", ""),
        ("70 GiB", "OLLAMA_NUM_PARALLEL=4, OLLAMA_KV_CACHE_TYPE=q8_0, OLLAMA_MAX_LOADED_MODELS=0", "q8_0"),
        ("48 GiB", "OLLAMA_NUM_PARALLEL=1, OLLAMA_KV_CACHE_TYPE=f16, OLLAMA_MAX_LOADED_MODELS=0", "wait for each"),
        ("36 GiB", "OLLAMA_NUM_PARALLEL=1, OLLAMA_KV_CACHE_TYPE=q4_0, OLLAMA_MAX_LOADED_MODELS=0", "answers get worse"),
    ],
)
def test_what_takes_least_from_users_comes_first(vram: str, says: str, cost: str) -> None:
    found = ollama(TWO, vram)
    assert found.verdict is not None, found.now.checks
    assert (found.verdict.fit, found.says[: len(says)]) == (Fit.FITS, says)
    assert cost in found.cost
    assert ("OLLAMA_FLASH_ATTENTION=1" in found.text) == ("f16" not in says), "a smaller cache needs it"
    assert [line for line in found.text.splitlines() if line.startswith("Environment")] == [
        f'Environment="{one}"' for one in found.says.split(", ")
    ]


def test_none_is_said_where_there_is_none() -> None:
    found = ollama(TWO, "16 GiB")
    assert (found.verdict, found.says, found.now.fit) == (None, "", Fit.EXCEEDS)


def test_room_for_the_number_of_models_is_made() -> None:
    found = ollama(TWO.table("backends.gpu.ollama", max_loaded_models=1), "140 GiB")
    assert found.now.fit is Fit.EVICTS
    assert "OLLAMA_MAX_LOADED_MODELS=0" in found.says


# ---- llama-swap


FILE = """models:
  a-7b: {cmd: "llama-server -m a.gguf -c 8192 -np 1"}
  b-7b: {cmd: "llama-server -m b.gguf -c 8192 -np 1"}
  c-7b: {cmd: "llama-server -m c.gguf -c 8192 -np 1", aliases: [c]}
"""
MATRIX = FILE + 'matrix: {sets: {one: "a-7b", two: "b-7b", three: "c-7b"}}\n'


def swap(tmp_path: Path, text: str, vram: int) -> tuple[SwapFile, ServerSettings]:
    (tmp_path / "swap.yaml").write_text(text)
    file = read_file(tmp_path, "swap.yaml")
    made = fleet().backend("gpu", None, proxy="main", gpus=[{"name": "RTX 3090", "vram": f"{vram} GiB"}])
    made = made.table("backends.gpu.llamaswap", url=SWAP, config="swap.yaml")
    for name in ("a-7b", "b-7b", "c-7b"):
        made = made.model(name, on="gpu", route=f"openai/{name}", file="config.json", context=8192)
    made = made.node("x", "a-7b", "c-7b").node("y", "b-7b")
    shape = shown_of(config(36, 8, width=4096, intermediate_size=12288, max_position_embeddings=40960))
    assert shape is not None
    facts = Facts("now", {("model", "config.json"): ModelFile(shape, 5 * GIB), ("swap-file", "swap.yaml"): file})
    return file, settings_for(made.fleet, made.fleet.backends["gpu"], facts, planned_sets(made.fleet)["gpu"])


@pytest.mark.parametrize("text", [FILE, MATRIX], ids=["groups", "matrix"])
@pytest.mark.parametrize(
    ("vram", "sets", "lacks"),
    [
        (48, {("a-7b", "b-7b", "c-7b")}, False),
        (20, {("a-7b", "b-7b")}, True),
    ],
)
def test_what_is_written_is_what_was_judged(
    tmp_path: Path, text: str, vram: int, sets: set[tuple[str, ...]], lacks: bool
) -> None:
    _, found = swap(tmp_path, text, vram)
    assert found.now.fit is Fit.EVICTS
    assert found.verdict is not None
    assert found.verdict.fit is Fit.FITS
    assert bool(found.lacks) is lacks
    word = "matrix" if text is MATRIX else "groups"
    assert found.file == f"llama-swap-{word}.yaml"
    (tmp_path / "made.yaml").write_text(FILE + found.text)
    made = read_file(tmp_path, "made.yaml")
    assert sets <= set(resident_sets(made, ["a-7b", "b-7b", "c-7b"]))


def test_nothing_is_proposed_where_its_file_is_not_known(tmp_path: Path) -> None:
    made = fleet().backend("gpu", None, proxy="main", gpus=[{"name": "RTX 3090", "vram": "24 GiB"}])
    made = made.table("backends.gpu.llamaswap", url=SWAP)
    made = made.model("a-7b", on="gpu", route="openai/a-7b", vram="5 GiB").node("x", "a-7b")
    found = settings_for(made.fleet, made.fleet.backends["gpu"], Facts("now"), planned_sets(made.fleet)["gpu"])
    assert found.verdict is None


# ---- the score


def test_what_no_server_adds_up_is_no_part_of_a_comparison() -> None:
    rows = (
        Row("weights", 100, Sure.EXACT, ""),
        Row("compute", 20, Sure.ESTIMATED, "", least=10, most=30),
        Row("projector", 7, Sure.EXACT, ""),
        Row("overhead of 1 GPU", 50, Sure.ESTIMATED, ""),
    )
    assert buffers(Estimate(rows, 0, 0)) == (120, 110, 130)
    assert buffers(Estimate(reason="not told")) == (None, 0, 0)


def test_the_score_is_of_what_could_be_compared() -> None:
    def load(reckoned: int | None, measured: int | None, high: int = 200) -> Checked:
        return Checked("m", "m:1b", 4096, reckoned, high=high, measured=measured)

    found = score([load(110, 100), load(99, 100), load(100, 150, high=140), load(None, 100), load(100, None)])
    assert found is not None
    assert (found.count, found.below) == (3, 1)
    assert [round(x, 3) for x in (found.lowest, found.middle, found.highest)] == [-0.333, -0.01, 0.1]
    assert score([load(None, None)]) is None
