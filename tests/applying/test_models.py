"""Models that an apply installs, on a stand-in of the server: what is told while it pulls, and what stops it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleethub.kinds.execution import StepError
from fleethub.kinds.model import execute
from fleethub.kinds.model.actions import ModelDelete, ModelProve, ModelPull, ModelWarm
from fleethub.model.event import Event, Progress
from fleethub.model.exit import Exit
from fleethub.model.observation import Source
from fleethub.testing.catalog import ALL
from fleethub.testing.ollama import GIB, Library, Ollama
from tests.fleets import Spec, direct, fleet
from tests.support import Place

TAG = "llama3.1:8b"
MODELS = {model["name"]: model for model in ALL}
ADDRESS = f"model.gpu.{TAG}"


@pytest.fixture
def ollama() -> Iterator[Ollama]:
    with Ollama([], library=Library(dict(MODELS))) as server:
        yield server
        assert server.faults == []


def spec(ollama: Ollama, **fields: Any) -> Spec:
    made = fleet(None, ollama=ollama.url).model("llama3.1-8b", pull=True, params="8B", **fields)
    return made.node("a", direct("llama3.1-8b"))


def test_a_missing_model_is_pulled_proved_loaded_and_removed_again(ollama: Ollama, tmp_path: Path) -> None:
    place = Place(tmp_path / "fleet", spec(ollama, warm=True, context=8192).text)
    assert f"+ {ADDRESS}" in re.sub(" +", " ", place.run("plan", code=0))
    out = place.apply()
    assert f"… {ADDRESS}  [##########]  100 % of 4.6 GiB, " in out
    assert f"{TAG} at {ollama.url}: digest {MODELS[TAG]['digest'][:12]}, 4.6 GiB" in out
    assert "(no keep_alive, not even -1, is a pin)" in out
    assert [(r.name, r.context_length) for r in ollama.residents.values()] == [(TAG, 8192)]
    place.plan_is_empty()
    assert "progress" not in (place.folder / ".fleethub/journal.ndjson").read_text()

    place.write(fleet(None, ollama=ollama.url).text)
    assert "removes 4.6 GiB from the disk" in place.run("plan", code=0)
    place.apply()
    assert (ollama.models, dict(ollama.residents)) == ({}, {})
    place.plan_is_empty()


def test_nobody_is_told_of_a_model_that_did_not_come_and_the_next_apply_goes_on(ollama: Ollama, tmp_path: Path) -> None:
    ollama.library.free = 3 * GIB
    place = Place(tmp_path / "fleet", spec(ollama).text)
    out = place.apply(code=Exit.PARTIAL)
    assert f"failed  {ADDRESS}/pull: the disk is full (no space left on device)" in out
    assert not (place.folder / "nodes/a/.env").exists()
    ollama.library.free = 3 * GIB  # and what came so far is there
    place.apply()
    assert (place.folder / "nodes/a/.env").exists()
    place.plan_is_empty()


class Applying:
    """What a handler is given, as far as these need it."""

    def __init__(self, http: Any, stop: threading.Event) -> None:
        self.http, self.stop, self.events = http, stop, list[Event]()
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def alone(self, name: str) -> threading.Lock:
        return self._lock

    def say(self, text: str, seconds: float) -> None: ...

    def pause(self, seconds: float) -> None:
        if self.stop.is_set():
            raise StepError("interrupted")


@pytest.fixture
def applying() -> Iterator[Any]:
    from fleethub.clients.http import Http

    http = Http()
    yield Applying(http, threading.Event())
    http.close()


def source(ollama: Ollama) -> Source:
    return Source("ollama", ollama.url, of="backend.gpu")


def test_the_disk_is_asked_before_a_pull_and_no_more_comes_than_it_has_room_for(
    ollama: Ollama, applying: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "_free", lambda do, context: 5 * GIB)
    ollama.library.pieces = 100_000
    with pytest.raises(StepError, match=r"llama3.1:8b needs 4.6 GiB more, and the disk .* has 5.0 GiB free, of which"):
        execute.pull(ModelPull(source(ollama), TAG, "ops@gpu"), applying)
    ollama.stop()
    assert TAG not in ollama.models


def test_of_what_came_before_no_room_is_asked_again(
    ollama: Ollama, applying: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "_free", lambda do, context: 3 * GIB)
    ollama.library.partial[MODELS[TAG]["digest"]] = 3 * GIB
    execute.pull(ModelPull(source(ollama), TAG, "ops@gpu"), applying)
    assert TAG in ollama.models
    far = [event for event in applying.events if isinstance(event, Progress)]
    assert far[-1].done == far[-1].total == MODELS[TAG]["size"]
    assert str(far[-1].address) == ADDRESS


def test_an_interrupt_ends_a_pull(ollama: Ollama, applying: Any) -> None:
    ollama.library.pieces, seen = 100_000, list[dict[str, Any]]()

    def line(said: dict[str, Any]) -> None:
        seen.append(said)
        if len(seen) == 5:
            applying.stop.set()

    ollama.library.before = line
    with pytest.raises(StepError, match="interrupted"):
        execute.pull(ModelPull(source(ollama), TAG, None), applying)
    ollama.stop()
    assert len(seen) < 100_000


def test_a_digest_that_is_another_is_no_proof(ollama: Ollama, applying: Any) -> None:
    ollama.models[TAG] = MODELS[TAG]
    digest = MODELS[TAG]["digest"]
    assert execute.prove(ModelProve(source(ollama), TAG, digest[:12]), applying) == (
        f"{TAG} at {ollama.url}: digest {digest[:12]}, 4.6 GiB",
    )
    with pytest.raises(StepError, match="is published under this name is another model by now"):
        execute.prove(ModelProve(source(ollama), TAG, "0" * 12), applying)
    with pytest.raises(StepError, match="does not list other:1b"):
        execute.prove(ModelProve(source(ollama), "other:1b", ""), applying)


def test_what_the_server_made_of_a_load_is_said(applying: Any) -> None:
    with Ollama([MODELS["qwen3:32b"]], vram=16 * GIB) as small:
        (cpu, *_) = execute.warm(ModelWarm(source(small), "qwen3:32b", 16384), applying)
        assert re.fullmatch(r"\d+\.\d GiB of qwen3:32b are on the CPU", cpu)
        (less, *_) = execute.warm(ModelWarm(source(small), "qwen3:32b", 100_000), applying)
        assert less == "qwen3:32b has 40,960 tokens there, and 100,000 were asked for"


def test_what_is_gone_already_is_no_failure(ollama: Ollama, applying: Any) -> None:
    says = (f"{TAG} was gone from {ollama.url} already",)
    assert execute.delete(ModelDelete(source(ollama), TAG), applying) == says
