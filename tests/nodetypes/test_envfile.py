"""A consumer that only takes a ``.env``: planned, applied, drifted, verified and destroyed like any other node."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.dotenv import assignments
from fleethub.kinds.node.actions import Activate, Deliver
from fleethub.testing.litellm import LiteLLM
from tests.fleets import direct, fleet
from tests.support import MASTER, Place
from tests.world import World, apply, plan, settled

AIDER = {"url": "OPENAI_API_BASE", "model": "AIDER_MODEL", "prefix": "openai/"}
SPEC = (
    fleet()
    .table("defaults.node", type="envfile", image=None, port=8080)
    .node("web", "one", "two", command=["systemctl", "restart", "open-webui"])
)
FAR = SPEC.table("defaults.node", target="ssh://ops@{host}/etc/{name}")
HERE = "nodes/web"


def env(world: World) -> dict[str, str | None]:
    return assignments(world.nodes[HERE].files[".env"][0].decode())


def codes(spec) -> list[str]:
    return [f.code for f in spec.loaded.findings] or [f.code for r in spec.rendered.values() for f in r.findings]


def test_one_env_file_is_all_that_it_gets() -> None:
    world = settled(SPEC)
    ((path, (_, mode)),) = world.nodes[HERE].files.items()
    assert (path, mode) == (".env", 0o600)
    written = env(world)
    assert written["OPENAI_API_BASE_URL"] == "http://llm.example:4000/v1"
    assert written["DEFAULT_MODELS"] == "one"
    assert (written["OPENAI_API_KEY"] or "").startswith("sk-")
    assert plan(world, SPEC).steps == ()


@pytest.mark.parametrize("path", [".env", "chat.vars"])
def test_what_somebody_changed_is_drift_named_by_its_variable_and_put_back(path: str) -> None:
    spec = SPEC.table("nodes.web", files={"env": path})
    text = settled(spec).nodes[HERE].files[path][0].replace(b"'one'", b"'two'")
    world = settled(spec).at_file(HERE, path, text, 0o600)
    decided = plan(world, spec)
    assert (path, "DEFAULT_MODELS") in [field.path for drift in decided.drift for field in drift.fields]
    assert b"DEFAULT_MODELS='one'" in apply(world, decided).world.nodes[HERE].files[path][0]


def test_the_program_calls_its_variables_what_the_spec_says() -> None:
    written = env(settled(SPEC.table("nodes.web", envfile=AIDER)))
    assert (written["OPENAI_API_BASE"], written["AIDER_MODEL"]) == ("http://llm.example:4000/v1", "openai/one")


def test_a_new_model_restarts_it_by_its_command_and_its_health_is_asked() -> None:
    steps = plan(settled(FAR), FAR.node("web", "two", command=["systemctl", "restart", "open-webui"])).steps
    deliver = next(s.do for s in steps if isinstance(s.do, Deliver))
    activate = next(s.do for s in steps if isinstance(s.do, Activate))
    assert (deliver.restart, deliver.port, activate.argv[0]) == (True, 8080, "systemctl")
    assert (activate.hot, activate.path) == (False, "/health")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"envfile": {"urls": "X"}}, "spec.unknown-key"),
        ({"envfile": {"url": "A B"}}, "spec.value"),
        ({"env": {"OPENAI_API_KEY": {"value": "x"}}}, "node.owned-path"),
        ({"openclaw": {"x": 1}}, "spec.unknown-key"),
        ({"type": "nothing"}, "template.missing"),
    ],
)
def test_what_its_block_may_not_say(change, code: str) -> None:
    assert code in codes(SPEC.table("nodes.web", **change))


def test_its_file_has_room_for_one_endpoint() -> None:
    spec = fleet(ollama="http://gpu:11434").table("defaults.node", type="envfile", image=None)
    assert codes(spec.node("web", "one", direct("one"))) == ["node.config-check"]
    alone = spec.node("web", direct("one")).rendered["web"]
    assert alone.findings == ()
    assert "http://gpu:11434/v1" in alone.files[0].text.display()
    already = fleet(ollama="http://gpu:11434/v1").table("defaults.node", type="envfile", image=None)
    assert "'http://gpu:11434/v1'" in already.node("web", direct("one")).rendered["web"].files[0].text.display()


def test_a_life_on_the_command_line(tmp_path: Path) -> None:
    routes = [{"model_name": "one", "litellm_params": {"model": "openai/one"}, "model_info": {"id": "1"}}]
    with LiteLLM(models=routes, master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(proxy.url, name="life").table("defaults.node", type="envfile", image=None).node("web", "one")
        place = Place(tmp_path / "fleet", spec.text)
        place.run("plan", "--detailed-exitcode", code=2)
        place.apply()
        place.plan_is_empty()
        place.run("verify", code=0)
        assert "one" in place.run("status", code=0)
        file = place.folder / "nodes/web/.env"
        file.write_text(file.read_text().replace("'one'", "'other'"))
        assert ".env DEFAULT_MODELS" in place.run("plan", code=0)
        place.apply()
        place.plan_is_empty()
        place.run("destroy", "--auto-approve", code=0)
        assert not file.exists()
