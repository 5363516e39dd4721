"""Every example and the case study: valid, rendered, planned, and (where its proxy can be stood in for) applied."""

from __future__ import annotations

import math
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import Database, LiteLLM
from fleethub.testing.ollama import Ollama
from tests.support import MASTER, Place

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/fleet.toml"))


def deployments(spec: dict[str, object], backends: dict[str, str]) -> list[dict[str, object]]:
    """The model_list that the example's LiteLLM would have."""
    found: list[dict[str, object]] = []
    for alias, model in spec["models"].items():  # type: ignore[attr-defined]
        for backend in model.get("backends") or [None]:
            params = {"model": model["route"]}
            if backend is not None:
                params |= {"api_base": backends[backend], "num_ctx": model["context"]}
            found.append({"model_name": alias, "litellm_params": params, "model_info": {"id": f"{alias}-{backend}"}})
    return found


@pytest.fixture
def servers() -> Iterator[list[LiteLLM | Ollama]]:
    started: list[LiteLLM | Ollama] = []
    yield started
    for server in reversed(started):
        server.stop()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
def test_an_example_runs(example: Path, tmp_path: Path, servers: list[LiteLLM | Ollama]) -> None:
    """The example itself, with its URLs led to stand-ins: validate, plan, apply, an empty plan, destroy."""
    text = (example / "fleet.toml").read_text()
    spec = tomllib.loads(text)
    urls: dict[str, str] = {}
    for name, backend in spec.get("backends", {}).items():
        servers.append(Ollama(models=ALL))
        urls[name] = servers[-1].url
        text = text.replace(f'"{backend["ollama"]["url"]}"', f'"{servers[-1].url}"')
    database = Database()
    routes = deployments(spec, urls)
    for url in sorted(set(re.findall(r'"http://127\.0\.0\.1:400\d"', text))):
        servers.append(LiteLLM(database, models=routes, master_key=MASTER, cache_ttl=0.1))
        text = text.replace(url, f'"{servers[-1].url}"')
    text = text.replace('image = "ghcr', 'settle = "0s"\nimage = "ghcr')
    place = Place(tmp_path / "fleet", text.replace(f"file:{example.name}.seed", "file:fleet.seed"))
    shutil.copy(example / ".gitignore", place.folder / ".gitignore")
    place.run("validate", code=0)
    place.run("plan", "--detailed-exitcode", code=2)
    place.apply()
    place.plan_is_empty()
    assert {f"nodes/{name}/.env" for name in spec.get("nodes", {})} <= place.bytes().keys()
    place.run("status", code=0)
    place.run("destroy", "--auto-approve", code=0)
    assert not place.lockfile.resources
    assert not database.keys


def test_the_case_study_works_without_any_network(tmp_path: Path) -> None:
    folder = tmp_path / "monad"
    shutil.copytree(ROOT / "fleets/monad", folder)
    place = Place.__new__(Place)
    place.folder = folder
    out = place.run("validate", code=0)
    assert "monad is valid: 1 proxy, 1 backend, 3 models, 3 nodes, 1 key" in out
    place.run("render", "-o", str(tmp_path / "out"), code=0)
    rendered = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert rendered == [
        f"{node}/{file}"
        for node in ("rentalclaw", "tiltclaw", "volta")
        for file in (".env", "compose.yaml", "openclaw.json")
    ]
    (folder / "nodes/volta.toml").write_text((folder / "nodes/volta.toml").read_text() + 'model = "gpt-oss-120b"\n')
    place.run("plan")  # its hosts never answer: what exceeds the declared GPUs alone is still refused
    assert "capacity.exceeded" in place.out
    assert "(not observed)" in place.out


def test_init_writes_a_fleet_that_validates(tmp_path: Path) -> None:
    place = Place.__new__(Place)
    place.folder = tmp_path / "my-fleet"
    place.run("init", code=0)
    seed = Path(place.run("seed", "path", code=0).strip())
    assert seed.name.startswith("my-fleet-")
    assert seed.stat().st_mode & 0o777 == 0o600
    assert "*.seed" in (place.folder / ".gitignore").read_text()
    place.run("validate", code=0)
    before = {p.name: p.read_bytes() for p in place.folder.iterdir()}
    place.run("init", code=0)
    assert {p.name: p.read_bytes() for p in place.folder.iterdir()} == before


def test_init_makes_no_seed_beside_a_lockfile(tmp_path: Path) -> None:
    place = Place.__new__(Place)
    place.folder = tmp_path
    (tmp_path / "fleet.lock").write_text("format = 1\n")
    assert "No seed was made" in place.run("init", "monad", code=0)
    assert not list(tmp_path.glob("*.seed"))


def test_the_coordinator_moves_a_node_off_a_lost_backend_once_a_person_says_yes(
    tmp_path: Path, servers: list[LiteLLM | Ollama]
) -> None:
    pytest.importorskip("mcp", reason="the extra [mcp] is not installed")
    example = ROOT / "examples/coordinator"
    text = (example / "fleet.toml").read_text()
    first, second = Ollama(models=ALL), Ollama(models=ALL)
    servers += [first, second]
    text = text.replace("http://127.0.0.1:11434", first.url).replace("http://127.0.0.1:11436", second.url)
    routes = deployments(tomllib.loads(text), {"gpu-1": first.url, "gpu-2": second.url})
    servers.append(LiteLLM(Database(), models=routes, master_key=MASTER, cache_ttl=0.1))
    text = text.replace("http://127.0.0.1:4000", servers[-1].url).replace(
        'image = "ghcr', 'settle = "0s"\nimage = "ghcr'
    )
    place = Place(tmp_path / "fleet", text.replace("file:coordinator.seed", "file:fleet.seed"))
    place.apply()
    first.stop()
    servers.remove(first)

    command = [sys.executable, str(example / "coordinator.py"), str(place.folder), "--every", "0.1", "--patience", "90"]
    environment = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        try:
            said = agent.stdout.readline()
            assert said.startswith("alpha: waiting: ")
            place.run("approve", said.split()[-1], "--yes", code=0)
            place.apply()
            assert "moved, and its calls are answered" in agent.communicate(timeout=120)[0]
        finally:
            agent.kill()  # it waits for a person, who is gone when the test fails
    assert agent.returncode == 0
    assert 'model = "llama3.1-8b"' in (place.folder / "fleet.toml").read_text().partition("[nodes.alpha]")[2]


@pytest.mark.parametrize(("rounds", "yes"), [(1, True), (9, False)])
def test_the_coordinator_takes_no_yes_for_a_no(rounds: int, yes: bool) -> None:
    """Between a yes and the spec a proposal is nowhere for a moment."""
    anyio = pytest.importorskip("anyio")
    pytest.importorskip("mcp", reason="the extra [mcp] is not installed")
    moved = runpy.run_path(str(ROOT / "examples/coordinator/coordinator.py"))["moved"]

    class Fleet:
        looks = 0

        async def call_tool(self, tool: str, arguments: object) -> SimpleNamespace:
            self.looks += tool == "fleet"
            node = {"name": "a", "chain": ["old" if self.looks <= rounds else "new"], "change": ""}
            return SimpleNamespace(is_error=False, structured_content={"proposals": [], "nodes": [node]})

    assert anyio.run(moved, Fleet(), {"a": "new"}, 0.0, math.inf) is yes


def test_the_picture_in_the_docs_is_that_of_the_case_study(tmp_path: Path) -> None:
    place = Place.__new__(Place)
    place.folder = ROOT / "fleets/monad"
    assert place.run("graph", "--format", "svg", code=0) == (ROOT / "docs/monad.svg").read_text()
