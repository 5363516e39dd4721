"""``fleethub capacity``: exit codes, JSON, what may be asked together, and hosts that never answer."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.cli import main
from fleethub.clients import probe
from fleethub.model.exit import Exit
from fleethub.testing.catalog import ALL
from fleethub.testing.ollama import Ollama
from tests.clients.test_gguf import write
from tests.fleets import direct, fleet
from tests.forked import ended
from tests.support import Place

ROOT = Path(__file__).parents[2]


def spec(url: str) -> str:
    """A backend that answers, one that does not, and a node that calls a model of the first."""
    made = fleet(None, ollama=url, name="asks").table("backends.gpu.ollama", kv_cache_type="q8_0")
    made = made.backend("tiny", "http://127.0.0.1:9", vram="4 GiB").model("qwen3-32b", context=16384)
    return made.node("a", direct("qwen3-32b")).text


@pytest.fixture(scope="module")
def ollama() -> Iterator[Ollama]:
    with Ollama(ALL) as found:
        yield found


@pytest.fixture
def place(ollama: Ollama, tmp_path: Path) -> Place:
    ollama.residents.clear()
    found = Place(tmp_path / "fleet", spec(ollama.url))
    (found.folder / "fleet.seed").unlink()  # nothing here needs it
    return found


def test_the_overview(place: Place, ollama: Ollama) -> None:
    ollama.load("llama3.1:8b", 8192)
    out = place.run("capacity", code=0)
    assert "gpu: fits" in out
    assert "nobody planned it" in out
    assert "tiny: fits, nothing planned" in out
    assert "not observed: cannot connect" in out
    assert place.run("capacity", "tiny", code=0).count("planned of") == 1
    assert "\x1b" not in out


def test_the_overview_of_a_set_that_does_not_fit(place: Place) -> None:
    place.edit('vram = "48 GiB"', 'vram = "20 GiB"')
    assert "capacity." in place.run("capacity", code=Exit.REFUSED)


def test_an_overview_of_unknowns(place: Place, ollama: Ollama) -> None:
    place.edit(ollama.url, "http://127.0.0.1:9")
    assert "unknown" in place.run("capacity", code=Exit.ERROR)


def test_a_question(place: Place) -> None:
    assert "gpu can hold llama3.1:8b beside qwen3-32b:  fits" in place.run(
        "capacity", "gpu", "llama3.1:8b", "--context", "4096", code=0
    )
    out = place.run("capacity", "gpu", "gpt-oss:120b", "--context", "8192", code=Exit.REFUSED)
    assert "gpu cannot hold gpt-oss:120b beside qwen3-32b:  does not fit" in out
    assert "broken" in out
    place.run("capacity", "tiny", "qwen3-32b", code=Exit.REFUSED)


def test_a_model_that_nobody_has(place: Place, tmp_path: Path) -> None:
    place.run("capacity", "gpu", "new", "--params", "3B", "--context", "4096", code=0)
    place.run("capacity", "gpu", "new", "--params", "70B", "--quant", "Q8_0", "--context", "4096", code=Exit.REFUSED)
    file = write(tmp_path / "tiny.gguf")
    place.run("capacity", "gpu", "--gguf", str(file), code=Exit.ERROR)
    assert "fits" in place.run("capacity", "gpu", "mine", "--gguf", str(file), code=0)


def test_places(place: Place) -> None:
    out = place.run("capacity", "--place", "llama3.1:8b", "--context", "8192", code=0)
    assert out.index("  gpu") < out.index("  tiny")
    place.run("capacity", "--place", "new", "--params", "120B", "--context", "8192", code=Exit.REFUSED)


def test_json(place: Place) -> None:
    lines = place.json("capacity")
    assert [line["type"] for line in lines] == ["backend", "backend", "summary"]
    assert lines[0]["verdict"]["total"] == 48 << 30
    answer, last = place.json("capacity", "gpu", "gpt-oss:120b", "--context", "8192")
    assert (answer["type"], answer["verdict"]["fit"], last["exit"]) == ("answer", "does not fit", Exit.REFUSED)
    assert sum(row["bytes"] for row in answer["model"]["rows"]) == answer["model"]["bytes"]
    *places, last = place.json("capacity", "--place", "llama3.1:8b", "--context", "8192")
    assert [p["backend"] for p in places] == ["gpu", "tiny"]
    assert last["fits"] == ["gpu"]
    out = place.run("--json", "capacity", "gpu", "unheard-of", code=Exit.ERROR)
    assert json.loads(out.splitlines()[-1])["exit"] == Exit.ERROR


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("nope",), "no backend is called 'nope'; there are: gpu, tiny"),
        (("nope", "qwen3-32b"), "no backend is called 'nope'"),
        (("gpu", "unheard-of"), "--params 32B --quant Q4_K_M"),
        (("gpu", "qwen3-32b", "--params", "3B"), "is in the spec already"),
        (("gpu", "--context", "4096"), "about one model"),
        (("gpu", "--place", "qwen3-32b"), "leave out BACKEND"),
        (("gpu", "x", "--quant", "Q4_K_M"), "--quant goes with --params"),
        (("gpu", "x", "--params", "32"), "like 32B"),
        (("gpu", "x", "--params", "1B", "--quant", "Q99"), "no quantisation is called 'Q99'"),
        (("gpu", "x", "--params", "1B", "--gguf", "a.gguf"), "give one of them"),
        (("gpu", "x", "--gguf", "absent.gguf"), "absent.gguf does not exist"),
        (("gpu", "x", "--context", "0"), "0 is not in the range"),
        (("gpu", "x", "--kv-type", "q3"), "'q3' is not one of"),
        (("gpu", ""), "an empty name"),
    ],
)
def test_what_cannot_be_asked(place: Place, argv: tuple[str, ...], says: str) -> None:
    assert says in place.run("capacity", *argv, code=Exit.ERROR)


def test_names_complete(place: Place) -> None:
    """What a shell asks for: backends, then the models that take VRAM."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "_FLEETHUB_COMPLETE": "bash_complete"}

    def complete(*words: str) -> str:
        line = {
            "COMP_WORDS": " ".join(("fleethub", "-C", str(place.folder), *words)),
            "COMP_CWORD": str(len(words) + 2),
        }
        return ended(env=env | line).stdout

    assert complete("capacity", "t").split() == ["plain,tiny"]
    assert complete("capacity", "gpu", "q").split() == ["plain,qwen3-32b"]


def test_a_terminal_that_knows_ascii_alone(place: Place) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    for more in ((), ("gpu", "gpt-oss:120b"), ("--place", "qwen3-32b")):
        done = ended("-C", str(place.folder), "capacity", *more, env=env)
        assert done.returncode in (0, Exit.REFUSED), done.stderr
        assert done.stdout.isascii()


def test_a_wrong_spec(place: Place) -> None:
    place.edit("[fleet]", "[fleets]")
    assert "spec." in place.run("capacity", code=Exit.ERROR)


def test_the_case_study_without_its_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No host answers, no seed, no key: one short wait for all of them, and it is said to be unobserved."""
    shutil.copytree(ROOT / "fleets/monad", tmp_path / "monad")
    answered, over = [], threading.Event()

    def silence(*_: object, **__: object) -> list[object]:
        answered.append(over.wait(300))  # as long as a name server keeps silent
        raise OSError("nobody")

    monkeypatch.setattr(socket, "getaddrinfo", silence)
    try:
        with pytest.raises(SystemExit) as stop:
            main(["-C", str(tmp_path / "monad"), "capacity"])
        assert answered == []  # nobody waited for an answer
    finally:
        over.set()
    said = capsys.readouterr()
    assert "not observed" in said.out
    assert stop.value.code in (0, Exit.REFUSED), said.out + said.err
    assert not (tmp_path / "monad/.fleethub").exists()


def test_hosts_that_swallow_every_packet_cost_a_second_in_all(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    over, asked = threading.Event(), threading.Event()

    def swallow(*_: object, **__: object) -> socket.socket:
        asked.set()
        over.wait(60)
        raise TimeoutError("the firewall drops it")

    # what a kernel does with a full backlog differs, so the connection itself is played
    monkeypatch.setattr(probe.socket, "create_connection", swallow)
    try:
        out = place.run("capacity", "tiny")
    finally:
        over.set()
    assert asked.is_set()
    assert "no connection within 1 s" in out
