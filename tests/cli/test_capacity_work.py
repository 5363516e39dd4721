"""capacity --fix, --settings and --check, on a stand-in: what is written, what is loaded, what is asked first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients.ollama_models import OllamaModels
from fleethub.clients.servers import ServerError
from fleethub.model.exit import Exit
from fleethub.testing.catalog import ALL
from fleethub.testing.ollama import GIB, Ollama
from tests.fleets import Spec, direct, fleet
from tests.support import Place


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    with Ollama(ALL, vram=48 * GIB, settings={"OLLAMA_NUM_PARALLEL": "2"}) as server:
        yield server
        assert server.faults == []


def spec(ollama: Ollama) -> Spec:
    made = fleet(None, ollama=ollama.url).table("backends.gpu.ollama", num_parallel=2)
    return made.node("a", direct("qwen3-32b")).node("b", direct("llama3.1-8b"))


@pytest.fixture
def place(ollama: Ollama, tmp_path: Path) -> Place:
    return Place(tmp_path / "fleet", spec(ollama).text.replace("num_parallel = 2", "num_parallel = 2  # measured"))


def test_a_suggestion_is_shown_as_a_diff_and_written_with_the_comments_kept(place: Place) -> None:
    shown = place.run("capacity", "gpu", "qwen3-32b", code=Exit.REFUSED)
    number = next(line.strip()[0] for line in shown.splitlines() if "OLLAMA_NUM_PARALLEL=1 instead" in line)
    before = place.bytes()
    dry = place.run("capacity", "gpu", "qwen3-32b", "--fix", number, "--dry-run", code=0)
    assert "-num_parallel = 2  # measured\n  +num_parallel = 1  # measured\n" in dry
    assert "must be started with it: fleethub capacity --settings gpu shows how" in dry
    assert place.bytes() == before
    place.run("capacity", "gpu", "qwen3-32b", "--fix", number, code=Exit.ERROR)  # there is nobody to ask
    assert place.bytes() == before
    place.run("capacity", "gpu", "qwen3-32b", "--fix", number, "--yes", code=0)
    assert "num_parallel = 1  # measured" in (place.folder / "fleet.toml").read_text()
    assert "as it is: there is nothing to fix" in place.run("capacity", "gpu", "qwen3-32b", "--fix", "1", "--yes")


MORE = ("--context", "131072")


def test_what_the_spec_has_elsewhere_is_not_set_here(ollama: Ollama, tmp_path: Path) -> None:
    with Ollama(ALL, vram=16 * GIB) as other:
        place = Place(tmp_path / "fleet", spec(ollama).backend("small", other.url, vram="16 GiB").text)
        for asked in (("small", "llama3.1-8b"), ("small", "new", "--params", "8B")):
            out = place.run("capacity", *asked, *MORE, code=Exit.REFUSED)
            assert "--fix N" not in out
            assert "What would make it fit" in out
        out = place.run("capacity", "small", "llama3.1-8b", *MORE, "--fix", "1", "--yes", code=1)
        assert 'write backends = ["small"] in [models."llama3.1-8b"], and ask again' in out


def test_what_a_suggestion_was_made_for_is_written_with_it_and_holds(place: Place) -> None:
    supposed = ("--kv-type", "q8_0", "--context", "40000")
    shown = place.run("capacity", "gpu", "qwen3-32b", *supposed, code=Exit.REFUSED)
    number = next(line.strip()[0] for line in shown.splitlines() if ". a context of" in line)
    place.run("capacity", "gpu", "qwen3-32b", *supposed, "--fix", number, "--yes", code=0)
    assert 'kv_cache_type = "q8_0"' in (place.folder / "fleet.toml").read_text()
    place.run("capacity", "gpu", "qwen3-32b", code=0)
    asked = place.run("capacity", "gpu", "qwen3-32b", "--context", "4096", "--fix", "1", "--yes", code=1)
    assert "fits on gpu as it is asked about: there is nothing to fix" in asked


def test_a_context_is_written_into_the_model_and_belongs_to_its_owner(ollama: Ollama, tmp_path: Path) -> None:
    place = Place(tmp_path / "fleet", spec(ollama).table("models.qwen3-32b", owner="Volta").text)
    fix = ("capacity", "gpu", "qwen3-32b", "--fix", "1", "--yes")
    assert "[models.qwen3-32b] belongs to Volta" in place.run(*fix, "--project", "TiltClaw", code=Exit.REFUSED)
    place.run(*fix, "--project", "Volta", code=0)
    text = (place.folder / "fleet.toml").read_text()
    assert "context = 32768" not in text.partition("[models.qwen3-32b]")[2].partition("[")[0]


def test_another_backend_is_written_into_the_model(ollama: Ollama, tmp_path: Path) -> None:
    with Ollama(ALL, vram=96 * GIB) as other:
        made = spec(ollama).backend("big", other.url, vram="96 GiB")
        place = Place(tmp_path / "fleet", made.text)
        shown = place.run("capacity", "gpu", "qwen3-32b", code=Exit.REFUSED)
        number = next(line.strip()[0] for line in shown.splitlines() if "on big" in line)
        place.run("capacity", "gpu", "qwen3-32b", "--fix", number, "--yes", code=0)
    text = (place.folder / "fleet.toml").read_text()
    assert 'backends = ["big"]' in text.partition("[models.qwen3-32b]")[2].partition("[models")[0]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("gpu", "qwen3-32b", "--fix", "9"), "there is no suggestion 9"),
        (("gpu", "gemma3:27b", "--fix", "1"), "gemma3:27b is not in the spec"),
        (("gpu", "--fix", "1"), "capacity BACKEND MODEL --fix N"),
        (("--check",), "capacity BACKEND --check"),
        (("gpu", "qwen3-32b", "--yes"), "--yes goes with --fix"),
        (("gpu", "--check", "--settings"), "each a question of its own"),
        (("nope", "--check"), "no backend is called 'nope'"),
        (("gpu", "--out", "x"), "--out goes with --settings"),
    ],
)
def test_what_cannot_be_done_says_what_can(place: Place, argv: tuple[str, ...], says: str) -> None:
    out = place.run("capacity", *argv)
    assert place.code not in (0, Exit.BUG)
    assert says in out


def test_settings_are_printed_and_written(place: Place, tmp_path: Path) -> None:
    out = place.run("capacity", "--settings", "--out", str(tmp_path / "made"), code=0)
    assert "gpu: what is planned holds with OLLAMA_NUM_PARALLEL=" in out
    text = (tmp_path / "made/gpu/ollama.conf").read_text()
    assert text.startswith("# gpu: ")
    assert all(f"    {line}".rstrip() in out for line in text.splitlines())
    (found, summary) = (json.loads(line) for line in place.run("--json", "capacity", "gpu", "--settings").splitlines())
    assert (found["type"], found["holds"], found["text"]) == ("settings", True, text)
    assert summary == {"type": "summary", "exit": 0, "written": []}


def lines(place: Place, *argv: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in place.run("--json", *argv).splitlines()]


def test_a_check_loads_each_planned_model_once_measures_it_and_keeps_what_it_learned(
    ollama: Ollama, place: Place
) -> None:
    asked = place.run("capacity", "gpu", "--check", code=Exit.ERROR)
    assert "On gpu 2 models would be loaded, one after the other" in asked
    assert not [r for r in ollama.requests if r.path == "/api/generate"], "nobody said yes"
    out = place.run("capacity", "gpu", "--check", "--yes", code=0)
    assert "2 estimates: none took more than the upper end of what was reckoned;" in out
    loads = [r.path for r in ollama.requests if r.path == "/api/generate"]
    assert (len(loads), dict(ollama.residents)) == (4, {}), "loaded once each, and unloaded again"
    kept = json.loads((place.folder / ".fleethub/cache/loads.json").read_text())
    assert len(kept if isinstance(kept, list) else kept["loads"]) == 2
    assert place.run("capacity", "gpu").count(" measured\n") == 2


def test_what_was_loaded_before_is_measured_as_it_is_and_stays(ollama: Ollama, place: Place) -> None:
    ollama.scheduler.gpus[0].total = 96 * GIB
    ollama.load("llama3.1:8b", 32768)
    asked = place.run("capacity", "gpu", "--check", "--dry-run", code=0)
    assert "Loaded there now: llama3.1:8b" in asked
    found = {line["tag"]: line for line in lines(place, "capacity", "gpu", "--check", "--yes") if "tag" in line}
    assert found["llama3.1:8b"]["was_loaded"]
    assert abs(found["llama3.1:8b"]["off"]) < 0.04
    assert [*ollama.residents] == ["llama3.1:8b"]


def test_what_a_check_loads_in_the_place_of_another_context_is_said_and_unloaded(ollama: Ollama, place: Place) -> None:
    ollama.scheduler.gpus[0].total = 96 * GIB
    ollama.load("llama3.1:8b", 4096)
    found = {line["tag"]: line for line in lines(place, "capacity", "gpu", "--check", "--yes") if "tag" in line}
    assert not found["llama3.1:8b"]["was_loaded"]
    assert "it was loaded with 4,096 tokens, which its server ended for this" in found["llama3.1:8b"]["says"]
    assert [*ollama.residents] == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ServerError])
def test_however_a_check_ends_it_leaves_nothing_loaded(
    ollama: Ollama, place: Place, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    load = OllamaModels.load

    def late(self: OllamaModels, name: str, context: int) -> None:
        load(self, name, context)
        raise error("too late")

    monkeypatch.setattr(OllamaModels, "load", late)
    place.run("capacity", "gpu", "--check", "--yes")
    assert place.code not in (0, Exit.BUG)
    assert [*ollama.residents] == []


def test_what_could_not_be_measured_is_said(ollama: Ollama, place: Place) -> None:
    del ollama.models["llama3.1:8b"]
    ollama.scheduler.gpus[0].total = 20 * GIB
    out = place.run("capacity", "gpu", "--check", "--yes", code=Exit.ERROR)
    assert "not: llama3.1:8b is not installed on gpu" in out
    assert "qwen3:32b: part of it is on the CPU; " in out
    assert "Nothing could be compared." in out


def test_a_server_that_loads_nothing_when_told_to_is_not_checked(tmp_path: Path) -> None:
    made = fleet().backend("v", proxy="main").table("backends.v.vllm", url="http://127.0.0.1:9")
    place = Place(tmp_path / "fleet", made.text)
    assert "a vLLM loads what it was started with, and tells no sizes" in place.run("capacity", "v", "--check", "--yes")
