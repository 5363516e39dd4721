"""``[consumers.x]``: who calls models and is no node gets a key of its own, where its block says."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.dotenv import assignments
from fleethub.model.address import Address
from fleethub.model.trust import runs
from fleethub.operations.targets import addresses_of
from fleethub.operations.trust import Trusting, settle
from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, fleet
from tests.support import MASTER, Place
from tests.world import Node, Process, World, apply, plan, settled

WEB = "consumers/web"


def asks(spec: Spec, **block: object) -> Spec:
    """``spec`` with the consumer ``web``, which calls ``one``."""
    return spec.model("one").model("two").table("consumers.web", **{"model": "one", **block})


ENV = asks(fleet(), env={"file": "web.env"})
FAR = asks(fleet(), env={}, target="ssh://ops@chat/srv/{name}", restart=["systemctl", "restart", "web"], settle="0s")
FILE = asks(fleet(), file="key", settings="settings.json")


def value(world: World) -> str:
    return (assignments(world.nodes[WEB].files["web.env"][0].decode())["OPENAI_API_KEY"]) or ""


def plain(file: Path) -> str:
    """What a file says, unpacked where it is packed."""
    data = file.read_bytes()
    return (gzip.decompress(data) if file.suffix == ".gz" else data).decode()


def codes(spec: Spec) -> list[str]:
    return [f.code for f in spec.loaded.findings]


def test_a_dotenv_gets_key_url_and_model_and_stays_whose_it_is() -> None:
    world = settled(ENV)
    text = world.nodes[WEB].files["web.env"][0].decode()
    assert assignments(text)["OPENAI_API_BASE_URL"] == "http://llm.example:4000/v1"
    assert assignments(text)["DEFAULT_MODELS"] == "one"
    assert value(world).startswith("sk-")
    assert plan(world, ENV).steps == ()
    mine = b"# mine\nPORT=8080\n" + world.nodes[WEB].files["web.env"][0]
    assert plan(world.at_file(WEB, "web.env", mine, 0o600), ENV).steps == ()


def test_a_file_gets_the_key_alone_and_what_is_no_secret_beside_it() -> None:
    world = settled(FILE)
    files = world.nodes[WEB].files
    assert (files["key"][0][:3], files["key"][1], files["key"][0].count(b"\n")) == (b"sk-", 0o600, 1)
    assert b'"base_url": "http://llm.example:4000/v1"' in files["settings.json"][0]
    assert b"sk-" not in files["settings.json"][0]
    assert plan(world, FILE).steps == ()


@pytest.mark.parametrize("spec", [ENV, FILE])
def test_a_new_model_is_proved_before_the_consumer_is_told(spec: Spec) -> None:
    more = spec.table("consumers.web", model="two")
    steps = [step.id for step in plan(settled(spec), more).steps]
    assert steps.index("key.main.web/prove") < steps.index("consumer.web/deliver")
    assert plan(apply(settled(spec), plan(settled(spec), more)).world, more).steps == ()


def test_an_old_value_works_on_for_whoever_nobody_restarts() -> None:
    more = ENV.key("web", generation=2)
    once = apply(settled(ENV), plan(settled(ENV), more)).world
    assert value(once) != value(settled(ENV))
    assert [b.what for c in plan(once, more).changes for b in c.blockers] == [
        "deleting its value of before generation 2"
    ]
    told = FAR.key("web", generation=2)
    once = apply(settled(FAR), plan(settled(FAR), told)).world
    assert plan(once, told).steps == ()


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ({}, "spec.missing"),
        ({"file": "key", "env": {"file": ".env"}}, "spec.value"),
        ({"file": "key", "model": "three"}, "spec.reference"),
        ({"file": "../key"}, "spec.value"),
        ({"file": "key", "target": "/etc"}, "target.outside"),
        ({"env": {"settings": "x"}}, "spec.unknown-key"),
        ({"env": {}, "settings": "x.json"}, "spec.value"),
        ({"file": "key", "restart": ["true"]}, "spec.value"),
        ({"file": "key", "model": None}, "spec.missing"),
    ],
)
def test_what_its_block_may_not_say(block: dict[str, object], code: str) -> None:
    assert code in codes(asks(fleet(), **block))


def test_a_node_of_the_same_name_is_an_error() -> None:
    assert "spec.duplicate" in codes(ENV.node("web", "one"))


def test_a_life_on_the_command_line_without_a_value_in_any_artefact(tmp_path: Path) -> None:
    routes = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}"}, "model_info": {"id": name}}
        for name in ("one", "two")
    ]
    with LiteLLM(models=routes, master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = asks(fleet(proxy.url, name="life"), file="key", settings="settings.json", settle="0s")
        place = Place(tmp_path / "fleet", spec.text)
        said = [place.run("plan", code=0)]
        place.apply()
        file = place.folder / WEB / "key"
        first = file.read_text().strip()
        said += [place.run("verify", code=0), place.run("rotate", "key.main.web", "--auto-approve", code=0)]
        said += [place.run("plan", "--full", code=0)]
        place.apply()
        second = file.read_text().strip()
        file.write_text("sk-typed-by-somebody-else-0123456789\n")
        said += [place.run(*words, code=0) for words in (("plan", "--full"), ("status", "--json"))]
        place.apply()
        said += [place.run("show", "consumer.web", code=0)]
        assert (file.read_text().strip(), first == second) == (second, False)
        here = {f.relative_to(place.folder).as_posix(): plain(f) for f in place.folder.rglob("*") if f.is_file()}
        for value in (first, second, "sk-typed"):
            assert not any(value in text for text in said)
            holders = {name for name, text in here.items() if value in text}
            assert all(name.startswith(f"{WEB}/") for name in holders), holders
        (place.folder / "fleet.toml").write_text(spec.without("consumers").text)
        place.run("apply", "--auto-approve", "--allow", "stop.deletes", code=0)
        assert not file.exists()


def test_a_file_that_somebody_wrote_is_left_alone_and_the_hint_fits_a_consumer() -> None:
    there = replace(settled(FILE).nodes[WEB], mark=None)
    world = replace(World.of(FILE), nodes={WEB: there})
    (found,) = [f for f in plan(world, FILE).findings if f.code == "node.target-taken"]
    assert str(found.address) == "consumer.web"
    assert "manage" not in found.hint


def test_a_bare_name_is_a_consumers_too() -> None:
    known = [Address("consumer", "web"), Address("node", "volta"), Address("key", "main.web")]
    assert addresses_of("web", "--target", ENV.fleet, known) == [Address("consumer", "web")]
    assert addresses_of("w*", "--target", ENV.fleet, known) == [Address("consumer", "web")]


def test_what_restarts_it_is_a_command_that_is_agreed_to() -> None:
    assert [(run.line, run.what) for run in runs(FAR.fleet)] == [("systemctl restart web", "consumer.web restart")]


def test_a_restart_that_nobody_agreed_to_holds_its_consumer_back() -> None:
    origins = ("http://llm.example:4000=env:LITELLM_MASTER_KEY", "ssh://ops@chat")
    asked = settle(FAR.fleet, None, Trusting(origins))
    assert ("consumer.web" in asked.blocks, [f.code for f in asked.findings]) == (True, ["command.new"])
    assert settle(FAR.fleet, None, Trusting((*origins, "command:systemctl restart web"))).blocks == {}


@pytest.mark.parametrize("far", [False, True])
def test_another_way_at_one_target_leaves_no_key_of_the_last_one(far: bool) -> None:
    at = {"target": "ssh://ops@chat/srv/web"} if far else {}
    ways = ({"file": "key"}, {"env": {}}, {"type": "codex"}, {"type": "open-webui"}, {"file": "key"})
    world = World.of(ENV)
    for way in ways:
        spec = asks(fleet(), settle="0s", **at, **way)
        world = apply(world, plan(world, spec)).world
        assert plan(world, spec).changes == ()
        (node,) = world.nodes.values()
        holders = {path for path, (data, _) in node.files.items() if b"sk-" in data} - {".env"}
        assert holders == {{"file": "key", "type": "fleethub.key"}[n] for n in way if way[n] in ("key", "codex")}


def test_a_restart_that_failed_is_made_good_by_the_next_apply() -> None:
    """Also of a ``.env`` that was somebody else's: nothing in it is new by then, and its program runs without it."""
    at = FAR.fleet.nodes["web"].target
    mine = b"PORT=8080\n"
    runs_already = Node({".env": (mine, 0o600)}, process=Process(1, 0, mine, b"{}"))
    there = World.of(FAR).at_node(at, lambda _: runs_already)
    for crash in range(1, 9):
        broken = apply(there, plan(there, FAR), crash=crash).world
        done = apply(broken, plan(broken, FAR)).world
        node = done.nodes[at]
        assert node.process is not None
        assert node.process.env == node.files[".env"][0]
