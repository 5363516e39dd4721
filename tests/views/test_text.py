"""Snapshots of what people read: plans of the usual stories, the end of an apply, status, help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fleethub.cli import COMMANDS
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.ollama import Ollama
from tests.support import MASTER, Place
from tests.test_laws import TAGS, World, head

MODELS = "\n".join(
    f'[models."{alias}"]\nbackends = ["gpu"]\nroute = "ollama_chat/{tag}"\ncontext = 32768'
    for alias, tag in TAGS.items()
)
NODES = """
[roles.worker]
model = "qwen3-32b"
fallbacks = ["gpt-oss-20b"]
[nodes.volta]
host = "volta"
role = "worker"
owner = "Volta"
env = { TELEGRAM_TOKEN = "env:TELEGRAM", TZ = { value = "Europe/Berlin" } }
[nodes.tiltclaw]
host = "tiltclaw"
role = "worker"
[nodes.rentalclaw]
host = "rentalclaw"
role = "worker"
[keys.volta]
rpm = 60
max_budget = 20.0
"""


@pytest.fixture
def place(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("TELEGRAM", "canary-telegram-token")
    return world.place(tmp_path, MODELS + NODES)


def steady(text: str, place: Place) -> str:
    """Without what differs from run to run: ports, folders, times, ids."""
    text = text.replace(str(place.folder), "FOLDER")
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"Plan [0-9a-f]{12}", "Plan ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+\+00:00", "TIME", text)
    text = re.sub(r"by \S+@\S+", "by WHO", text)
    done = [line for line in text.splitlines() if not line.startswith(("  ✓", "  …"))]
    return "\n".join(done)


def test_the_first_plan(place: Place, snapshot: SnapshotAssertion) -> None:
    assert steady(place.run("plan", "--full", code=0), place) == snapshot


def test_a_swap(place: Place, snapshot: SnapshotAssertion) -> None:
    place.apply()
    place.edit('[roles.worker]\nmodel = "qwen3-32b"', '[roles.worker]\nmodel = "llama3.1-8b"')
    assert steady(place.run("plan", code=0), place) == snapshot(name="plan")
    assert steady(place.run("plan", "--full", code=0), place) == snapshot(name="full")
    assert steady(place.apply(), place) == snapshot(name="apply")


def test_by_hand(place: Place, world: World, snapshot: SnapshotAssertion) -> None:
    place.apply()
    world.admin.update("volta", models=["qwen3-32b"], rpm_limit=None)
    world.admin.delete("tiltclaw")
    config = place.folder / "nodes/rentalclaw/openclaw.json"
    config.write_text(config.read_text().replace('"${FLEETHUB_KEY_MAIN}"', '"sk-canary-typed-in-by-hand"'))
    with (place.folder / "nodes/volta/.env").open("a") as env:
        env.write("EXTRA='canary-by-hand'\n")
    out = place.run("plan", "--full", code=0)
    assert "canary" not in out
    assert steady(out, place) == snapshot


def test_refused(place: Place, snapshot: SnapshotAssertion) -> None:
    place.apply()
    place.edit('host = "tiltclaw"\nrole = "worker"', 'host = "tiltclaw"\nmodel = "gpt-oss-120b"')
    assert steady(place.run("plan", code=3), place) == snapshot


def test_a_missing_route(place: Place, world: World, snapshot: SnapshotAssertion) -> None:
    more = '[models.extra]\nbackends = ["gpu"]\nroute = "ollama_chat/llama3.1:8b"\ncontext = 16384\n[roles.worker]'
    place.edit("[roles.worker]", more)
    place.edit('fallbacks = ["gpt-oss-20b"]', 'fallbacks = ["extra"]')
    assert steady(place.run("plan", code=3), place) == snapshot


def test_removed_and_unreachable(place: Place, snapshot: SnapshotAssertion) -> None:
    place.apply()
    place.edit('[nodes.rentalclaw]\nhost = "rentalclaw"\nrole = "worker"\n', "")
    folder = place.folder / "nodes/volta"
    folder.rename(place.folder / "away")
    folder.write_text("")
    place.run("plan")
    assert steady(place.out, place) == snapshot


def test_many_nodes_fold_into_one_line(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    nodes = "".join(f'[nodes.n{i:03}]\nhost = "h{i}"\nmodel = "qwen3-32b"\n' for i in range(16))
    with Ollama(models=ALL) as ollama:
        routes = [
            {
                "model_name": a,
                "litellm_params": {"model": f"ollama_chat/{t}", "num_ctx": 32768},
                "model_info": {"id": a},
            }
            for a, t in TAGS.items()
        ]
        with LiteLLM(models=routes, master_key=MASTER) as proxy:
            start = head(proxy.url, ollama.url, overcommit="warn")
            place = Place(tmp_path / "fleet", start + MODELS + "\n" + nodes)
            place.apply()
            place.write(start + MODELS + "\n" + nodes.replace("qwen3-32b", "llama3.1-8b"))
            assert steady(place.run("plan", code=0), place) == snapshot


def test_status_and_show(place: Place, world: World, snapshot: SnapshotAssertion) -> None:
    place.apply()
    world.ollama.load("qwen3:32b", 32768)
    try:
        assert steady(place.run("status", code=0), place) == snapshot(name="status")
    finally:
        world.ollama.residents.clear()
    shown = steady(place.run("show", "key.main.volta", code=0), place)
    assert re.sub(r'"spend": [\d.]+', '"spend": 0', shown) == snapshot(name="show")


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help(command: str | None, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    place = Place.__new__(Place)
    place.folder = tmp_path
    assert place.run(*([command] if command else []), "--help", code=0) == snapshot
