"""Orchestration profiles of a TangleClaw: planned, applied, drifted and taken away, and never another's entry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleethub.kinds.node.delivery import is_host
from fleethub.model.plan import Action
from fleethub.nodetypes.tangleclaw import TangleClawProfiles
from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, deployment, direct, fleet
from tests.kinds.test_accepting import said
from tests.support import MASTER, Place
from tests.world import Node, World, apply, plan

HERE, FAR = "~/.tangleclaw", "ssh://me@mac.example/Users/me/.tangleclaw"
FILE, KEY = "orchestration-profiles.json", "fleethub.key"
THEIRS = """{
  "profiles": {
    "smart": { "baseUrl": null, "model": "x", "keyRef": "env:SMART", "status": "pending" },
    "fleethub": { "baseUrl": "http://mine/v1", "model": "y", "keyRef": "file:~/mine.key" }
  }
}
"""
SPEC = (
    fleet()
    .table("defaults.node", target=HERE, image=None)
    .node("sessions", "one", "two", type="tangleclaw", tangleclaw={"profiles": {"local": "one", "big": "two"}})
)


def there(spec=SPEC, text: str | None = THEIRS, at: str = HERE) -> World:
    files = {FILE: (text.encode(), 0o600)} if text is not None else {}
    return World.of(spec).at_node(at, lambda _: Node(files))


def profiles(world: World, at: str = HERE):
    return json.loads(world.nodes[at].files[FILE][0])["profiles"]


def done(world: World, spec=SPEC) -> World:
    after = apply(world, plan(world, spec)).world
    left = plan(after, spec)
    assert (left.changes, left.drift) == ((), ())
    return after


def problems(spec) -> list[str]:
    return [f.message for f in spec.loaded.findings] or [f.message for r in spec.rendered.values() for f in r.findings]


@pytest.mark.parametrize(("at", "folder"), [(HERE, HERE), (FAR, "/Users/me/.tangleclaw")])
def test_a_profile_has_its_url_model_and_the_place_of_its_key(at: str, folder: str) -> None:
    spec = SPEC.table("nodes.sessions", target=at)
    after = done(there(spec, at=at), spec)
    found = profiles(after, at)
    assert found["fleethub-local"] == {
        "baseUrl": "http://llm.example:4000/v1",
        "keyRef": f"file:{folder}/{KEY}",
        "model": "openai/one",
    }
    assert found["fleethub-big"]["model"] == "openai/two"
    assert {name: found[name] for name in ("smart", "fleethub")} == json.loads(THEIRS)["profiles"]
    text, mode = after.nodes[at].files[KEY]
    assert (text.decode().startswith("sk-"), len(text.split()), mode) == (True, 1, 0o600)
    assert "sk-" not in after.nodes[at].files[FILE][0].decode()
    assert is_host(spec.fleet.nodes["sessions"]) is (at == FAR)


def consumer(**block: object) -> Spec:
    """A consumer that asks for a profile, in the words of ``[consumers]``."""
    return fleet().model("one").model("two").table("consumers.dev", **{"model": "one", "settle": "0s", **block})


@pytest.mark.parametrize(
    ("block", "named"),
    [
        ({"profile": "local"}, {"fleethub-local": "openai/one"}),
        ({"profile": "fleethub-local"}, {"fleethub-local": "openai/one"}),
        ({"type": "tangleclaw"}, {"fleethub-dev": "openai/one"}),
        ({"type": "tangleclaw", "profile": "local", "tangleclaw": {"prefix": ""}}, {"fleethub-local": "one"}),
        (
            {"fallbacks": ["two"], "profile": {"local": "one", "big": "two"}},
            {"fleethub-local": "openai/one", "fleethub-big": "openai/two"},
        ),
    ],
)
def test_a_consumer_may_ask_for_a_profile(block: dict[str, object], named: dict[str, str]) -> None:
    spec = consumer(**block)
    after = done(there(spec), spec)
    found = {name: one for name, one in profiles(after).items() if name.startswith("fleethub-")}
    assert {name: one["model"] for name, one in found.items()} == named
    assert {one["keyRef"] for one in found.values()} == {f"file:{HERE}/{KEY}"}
    text, mode = after.nodes[HERE].files[KEY]
    assert (text[:3], mode) == (b"sk-", 0o600)
    (told,) = plan(after.at_file(HERE, FILE, THEIRS.encode(), 0o600), spec).drift
    assert str(told.address) == "consumer.dev"
    assert {str(one.path) for one in told.fields if "fleethub-" in str(one.path)}
    gone = apply(after, plan(after, spec.without("consumers"))).world
    assert gone.nodes[HERE].files[FILE][0].decode() == THEIRS
    assert KEY not in gone.nodes[HERE].files


def test_a_node_of_profiles_becomes_a_consumer_and_nothing_is_written_there() -> None:
    before = fleet().table("defaults.node", target=HERE, image=None).node("dev", "one", type="tangleclaw")
    world = done(there(before), before)
    spec = consumer(profile="dev")
    decided = plan(world, spec)
    assert {(str(one.address), one.action) for one in decided.changes} == {
        ("node.dev", Action.RECORD),
        ("consumer.dev", Action.RECORD),
    }
    assert done(world, spec).nodes[HERE].files == world.nodes[HERE].files


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"profile": "local", "fallbacks": ["two"]}, "no profile has its model two"),
        ({"profile": "a b"}, "is no name of a profile"),
        ({"profile": "local", "type": "codex"}, '"codex" has none'),
        ({"profile": "local", "file": "key"}, "one of them: where its key goes"),
        ({"profile": "local", "tangleclaw": {"profiles": {"a": "one"}}}, "say the same thing"),
        ({"profile": "local", "files": {"key": "k"}}, "files says nothing"),
        ({"profile": "local", "restart": ["x"]}, "restart says nothing"),
        ({"profile": "local", "target": "consumers/x"}, "is not TangleClaw's folder"),
        ({"file": "key", "tangleclaw": {"prefix": ""}}, "tangleclaw is no table"),
    ],
)
def test_what_a_consumers_block_may_not_say(block: dict[str, object], said: str) -> None:
    found = problems(consumer(**block))
    assert any(said in message for message in found), found


def test_one_tangleclaw_has_one_block_and_so_one_key() -> None:
    spec = consumer(profile="a").table("consumers.ann", model="one", profile="b")
    (told,) = spec.loaded.findings
    assert (told.code, told.hint.partition(";")[0]) == ("target.duplicate", "one block has all of its models there")


def test_without_a_table_its_model_is_under_its_own_name() -> None:
    spec = fleet().node("dev", "one", type="tangleclaw", target=HERE, image=None).table("defaults.node", image=None)
    assert "fleethub-dev" in profiles(done(there(spec), spec))


@pytest.mark.parametrize("prefix", ["", "litellm_proxy/"])
def test_an_engine_that_wants_another_prefix_or_none_is_given_it(prefix: str) -> None:
    spec = SPEC.table("nodes.sessions", tangleclaw={"profiles": {"local": "one", "big": "two"}, "prefix": prefix})
    after = done(there(spec), spec)
    assert profiles(after)["fleethub-local"]["model"] == prefix + "one"
    (decided,) = plan(done(there()), spec).changes  # written with the usual one before
    assert decided.files


@pytest.mark.parametrize("there", ["openai/one", "one", "openai/other"])
def test_what_its_profiles_run_is_told_by_alias(there: str) -> None:
    node = SPEC.fleet.nodes["sessions"]
    text = json.dumps({"profiles": {"fleethub-local": {"model": there}, "mine": {"model": "x"}}})
    assert TangleClawProfiles().chain(node, {"profiles": text.encode()}) == (there.removeprefix("openai/"),)


@pytest.mark.parametrize("field", ["baseUrl", "model", "keyRef"])
def test_what_somebody_changed_in_it_is_drift_by_its_path_and_put_back(field: str) -> None:
    after = done(there())
    text = after.nodes[HERE].files[FILE][0].decode()
    was = profiles(after)["fleethub-local"][field]
    changed = after.at_file(HERE, FILE, text.replace(json.dumps(was), '"other"').encode(), 0o600)
    decided = plan(changed, SPEC)
    assert any(field in str(one.path) for drift in decided.drift for one in drift.fields)
    assert profiles(done(changed))["fleethub-local"][field] == was


def test_a_key_that_is_gone_or_another_is_drift_and_put_back() -> None:
    after = done(there())
    right = after.nodes[HERE].files[KEY]
    for now in (b"sk-of-somebody-else-0123456789\n", right[0]):
        changed = after.at_file(HERE, KEY, now, 0o644)
        decided = plan(changed, SPEC)
        assert decided.drift
        assert "sk-" not in repr(decided)
        assert done(changed).nodes[HERE].files[KEY] == right


def test_a_profile_that_is_no_longer_wanted_goes_and_so_do_all_with_the_node() -> None:
    after = done(there())
    spec = SPEC.table("nodes.sessions", fallbacks=None, tangleclaw={"profiles": {"fast": "one"}})
    fewer = done(after, spec)
    assert {*profiles(fewer)} == {"smart", "fleethub", "fleethub-fast"}
    without = SPEC.without("nodes")
    gone = apply(fewer, plan(fewer, without)).world
    assert gone.nodes[HERE].files[FILE][0].decode() == THEIRS
    assert KEY not in gone.nodes[HERE].files


def test_a_new_key_is_a_new_file_and_the_old_one_is_nowhere_shown() -> None:
    after = done(there())
    old = after.nodes[HERE].files[KEY][0]
    spec = SPEC.key("sessions", generation=2)
    decided = plan(after, spec)
    assert old.decode().strip() not in repr(decided)
    assert not any(old.decode().strip() in line for d in decided.changes for f in d.files for line in f.lines)
    assert done(after, spec).nodes[HERE].files[KEY][0] != old


def test_where_no_tangleclaw_is_or_its_file_is_not_json_nothing_is_written() -> None:
    for text in (None, THEIRS.replace("{", "{ // mine\n", 1), "[]", "{"):
        world = there(text=text)
        decided = plan(world, SPEC)
        after = apply(world, decided).world
        assert after.nodes[HERE].files == world.nodes[HERE].files, text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tangleclaw": {"profiles": {"local": "three", "big": "two"}}}, "which is no model of the node"),
        ({"tangleclaw": {"profiles": {"local": "one"}}}, "no profile has its model two"),
        ({"tangleclaw": {"profiles": {"a b": "one"}}}, ""),
        ({"target": "nodes/x"}, "is not TangleClaw's folder"),
        ({"target": "~/other"}, "outside the fleet's folder"),
        ({"target": "/srv/../etc"}, "outside the fleet's folder"),
        ({"manage": "whole"}, "manage says that all of it is FleetHub's"),
        ({"files": {"profiles": "config.json"}}, "files says nothing of a node"),
        ({"type": "envfile", "tangleclaw": None}, "outside the fleet's folder"),
    ],
)
def test_what_its_block_may_not_say(change, said: str) -> None:
    found = problems(SPEC.table("nodes.sessions", **change))
    assert any(said in message for message in found), found


def test_a_way_round_the_proxy_has_no_key_for_a_profile() -> None:
    spec = fleet(ollama="http://gpu:11434").node("dev", direct("one"), type="tangleclaw", target=HERE)
    assert any("straight to a model server" in message for message in problems(spec))


@pytest.mark.parametrize("usual", [True, False], ids=["home", "elsewhere"])
def test_the_real_file_of_this_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: bool) -> None:
    folder = tmp_path / "home" / ".tangleclaw" if usual else tmp_path / "srv" / "tc"
    folder.mkdir(parents=True)
    target = HERE if usual else str(folder)
    file = folder / FILE
    file.write_text(THEIRS)
    file.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER, cache_ttl=0.01) as proxy:
        place = Place(tmp_path / "fleet", SPEC.table("nodes.sessions", target=target).proxy("main", proxy.url).text)
        place.apply()
        key = (folder / KEY).read_text().strip()
        assert (folder / KEY).stat().st_mode & 0o777 == 0o600
        assert json.loads(file.read_text())["profiles"]["fleethub-local"]["keyRef"] == f"file:{target}/{KEY}"
        place.run("verify", code=0)
        assert "1 node verified: 1 fine" in place.run("verify", "node.sessions", code=0)
        (folder / KEY).write_text("sk-somebody-elses-0123456789")
        said = place.run("verify")
        assert "sk-some" not in said
        assert place.code == 3
        drift = place.run("drift")
        assert key not in drift
        assert KEY in drift
        place.apply()
        place.plan_is_empty()
        place.run("destroy", "--auto-approve", code=0)
        assert file.read_text() == THEIRS
        assert not (folder / KEY).exists()


@pytest.mark.parametrize(
    "spec", [consumer(profile="local"), consumer(type="tangleclaw"), SPEC], ids=["profile", "type", "node"]
)
def test_of_a_tangleclaw_that_never_ran_it_says_what_can_be_done(spec: Spec) -> None:
    """No profiles have another file's name, and none are all FleetHub's: such a hint would not hold when typed."""
    (found,) = [one for one in plan(there(spec, None), spec).findings if one.code == "node.nothing-to-wire"]
    assert found.hint == "start its program there once, which writes the file; or write another target"


def test_what_no_consumer_can_say_is_no_hint() -> None:
    spec = consumer(profile="local")
    world = done(there(spec), spec)
    other = world.nodes[HERE].files[FILE][0].replace(b'"openai/one"', b'"openai/else"')
    ((name, why),) = said("consumer.dev", world.at_file(HERE, FILE, other, 0o600), spec).left
    assert (name.rpartition(".")[2], why) == ("model", "it is FleetHub's own: an apply puts it back")
    (missing,) = fleet().model("one").table("consumers.dev", profile="local").loaded.findings
    assert missing.hint == "write model = in its block"
