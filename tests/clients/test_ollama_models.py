"""A model server is changed as Ollama's own source has it: lines of a pull, a full disk, loads, deletions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleethub.clients.http import Http
from fleethub.clients.ollama import OllamaError
from fleethub.clients.servers import MANAGERS, ModelManager
from fleethub.testing import catalog
from fleethub.testing.ollama import GIB, Library, Ollama

QWEN, EMBED = "qwen3:32b", "nomic-embed-text:latest"
ALL = {m["name"]: m for m in catalog.ALL}


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    with Ollama([ALL[EMBED]], library=Library({QWEN: ALL[QWEN]})) as server:
        yield server
        assert server.faults == []


@pytest.fixture
def manager(ollama: Ollama) -> Iterator[ModelManager]:
    http = Http()
    yield MANAGERS["ollama"](http, ollama.url)
    http.close()


def test_a_pull_tells_how_far_it_is_and_ends_with_the_model(ollama: Ollama, manager: ModelManager) -> None:
    seen = list(manager.pull(QWEN))
    assert [one.says for one in seen[:2]] == ["pulling manifest", f"pulling {ALL[QWEN]['digest'][:12]}"]
    assert [one.says for one in seen[-3:]] == ["verifying sha256 digest", "writing manifest", "success"]
    size = ALL[QWEN]["size"]
    assert [one.done for one in seen] == sorted(one.done for one in seen)
    assert (seen[-1].done, seen[-1].total) == (size, size)
    assert manager.read(()).installed[QWEN].digest == ALL[QWEN]["digest"]


def test_a_layer_that_another_name_has_is_not_pulled_again(ollama: Ollama, manager: ModelManager) -> None:
    ollama.library.models["copy:latest"] = ALL[EMBED] | {"name": "copy:latest"}
    ollama.library.free = 0
    assert list(manager.pull("copy"))[-1].says == "success"


def test_a_full_disk_is_said_and_the_next_pull_goes_on(ollama: Ollama, manager: ModelManager) -> None:
    ollama.library.free = 6 * GIB
    with pytest.raises(OllamaError, match=r"the disk is full .no space left on device.: what came so far is kept"):
        list(manager.pull(QWEN))
    assert QWEN not in manager.read(()).installed
    ollama.library.free = 14 * GIB  # not enough for all of it
    seen = list(manager.pull(QWEN))
    assert seen[1].done == 6 * GIB
    assert seen[-1].says == "success"


@pytest.mark.parametrize(
    ("name", "says"),
    [(QWEN, "digest mismatch, file must be downloaded again: want"), ("none:1b", "pull model manifest: file does not")],
)
def test_what_goes_wrong_is_said_in_its_own_words(ollama: Ollama, manager: ModelManager, name: str, says: str) -> None:
    ollama.library.corrupt.add(QWEN)
    with pytest.raises(OllamaError, match=says):
        list(manager.pull(name))
    assert name not in manager.read(()).installed


def test_an_answer_that_breaks_off_is_no_success(ollama: Ollama, manager: ModelManager) -> None:
    def gone(line: dict[str, object]) -> None:
        if line.get("completed"):
            raise OSError

    ollama.library.before = gone
    with pytest.raises(OllamaError, match="pulling qwen3:32b: "):
        list(manager.pull(QWEN))


def test_whoever_closes_the_iterator_ends_the_download(ollama: Ollama, manager: ModelManager) -> None:
    sent: list[dict[str, object]] = []
    ollama.library.before, ollama.library.pieces = sent.append, 1 << 20
    for one in manager.pull(QWEN):
        if one.total:
            break
    ollama.stop()
    assert len(sent) < 1 << 20
    assert QWEN not in ollama.models


def test_a_model_is_loaded_with_its_context_unloaded_and_deleted(ollama: Ollama, manager: ModelManager) -> None:
    list(manager.pull(QWEN))
    manager.load(QWEN, 8192)
    manager.load(EMBED, 2048)
    assert {r.tag: r.context for r in manager.read(()).residents} == {QWEN: 8192, EMBED: 2048}
    manager.unload(EMBED)
    assert [r.tag for r in manager.read(()).residents] == [QWEN]
    assert (manager.delete(QWEN), manager.delete(QWEN)) == (True, False)
    assert QWEN not in manager.read(()).installed
    with pytest.raises(OllamaError, match=r"loading qwen3:32b: HTTP 404: .model 'qwen3:32b' not found"):
        manager.load(QWEN, 8192)
