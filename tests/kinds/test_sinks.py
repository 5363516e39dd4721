"""``[consumers.x] command``: a key is handed to a command; what of it can be known, and what a plan does then."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.kinds import KINDS
from fleethub.kinds.consumer.actions import HandOver, TakeAway
from fleethub.kinds.consumer.attributes import SinkAttrs
from fleethub.model.address import WAS, Address, consumer
from fleethub.model.attributes import plain
from fleethub.model.plan import Action
from fleethub.model.trust import runs
from fleethub.nodetypes.sink.words import filled
from fleethub.operations.trust import Trusting, settle
from tests.fleets import Spec, fleet
from tests.world import SEEDLESS, World, apply, denied, plan, settled

WEB = "consumers/web"
PUT, GET, TAKE = ["put", "{name}", "--url={url}", "{models}"], ["get", "{name}"], ["take", "{name}"]


def asks(**block: object) -> Spec:
    """A fleet with the consumer ``web``, whose key a command gets."""
    base = {"model": "one", "command": PUT, "settle": "0s"}
    return fleet().model("one").model("two").table("consumers.web", **{**base, **block})


BLIND, TOLD = asks(), asks(check=GET, remove=TAKE)


def codes(spec: Spec) -> list[str]:
    return [f.code for f in spec.loaded.findings]


def test_the_words_have_what_is_no_secret_and_standard_input_has_the_key() -> None:
    world = settled(asks(fallbacks=["two"]))
    argv, given_, key = world.sinks[WEB]
    assert argv == ("put", "web", "--url=http://llm.example:4000/v1", "one,two")
    assert given_ == key.encode()
    assert world.key("web").models == ("one", "two")


@pytest.mark.parametrize(
    ("stdin", "says"),
    [
        ("json", lambda text: json.loads(text)["key"]),
        ("json-string", json.loads),
        ("op-item", lambda text: json.loads(text)["fields"][0]["value"]),
        ("env", lambda text: dict(line.split("=", 1) for line in text.splitlines())["OPENAI_API_KEY"]),
    ],
)
def test_what_standard_input_has_is_chosen(stdin: str, says: object) -> None:
    _, text, key = settled(asks(stdin=stdin)).sinks[WEB]
    assert says(text.decode()) == key


def test_all_of_it_comes_as_json_without_a_second_source() -> None:
    _, text, key = settled(asks(stdin="json", fallbacks=["two"])).sinks[WEB]
    assert json.loads(text) == {
        "name": "web",
        "key": key,
        "base_url": "http://llm.example:4000/v1",
        "model": "one",
        "fallbacks": ["two"],
    }


@pytest.mark.parametrize("spec", [BLIND, TOLD], ids=["blind", "told"])
@pytest.mark.parametrize("more", [{"model": "two"}, {"command": ["put", "elsewhere"]}, {"stdin": "json"}])
def test_a_change_is_handed_over_once_and_then_there_is_nothing_to_do(spec: Spec, more: dict[str, object]) -> None:
    world, told = settled(spec), spec.table("consumers.web", **more)
    assert plan(world, spec).steps == ()
    made = plan(world, told)
    assert next(s.do.operation for s in made.steps if s.address == consumer("web")) == "consumer.hand-over"
    assert plan(apply(world, made).world, told).steps == ()


@pytest.mark.parametrize("spec", [BLIND, TOLD, asks(restart=["again"])], ids=["blind", "told", "restarted"])
def test_it_breaks_off_anywhere_and_goes_on(spec: Spec) -> None:
    rotated = spec.key("web", generation=2).table("consumers.web", model="two")
    for crash in (*range(1, 10), None):
        broken = apply(settled(spec), plan(settled(spec), rotated), crash=crash)
        done = apply(broken.world, plan(broken.world, rotated))
        assert [denied(moment) for moment in (*broken.worlds, *done.worlds) if denied(moment)] == []
        after = done.world
        assert [s for s in plan(after, rotated).steps if s.address == consumer("web")] == []
        assert after.sinks[WEB][2].encode() in after.sinks[WEB][1]
        assert after.sinks[WEB][2] != settled(spec).sinks[WEB][2]


def test_back_again_after_an_apply_broke_off_hands_over_again() -> None:
    """The lockfile says what is wanted, and nobody knows whether the other value came first."""
    rotated = BLIND.table("consumers.web", model="two")
    made = plan(settled(BLIND), rotated)
    at = next(n for n, step in enumerate(made.steps, 1) if isinstance(step.do, HandOver))
    broken = apply(settled(BLIND), made, crash=at + 1).world
    assert any(isinstance(step.do, HandOver) for step in plan(broken, BLIND).steps)


def test_another_key_is_drift_where_a_check_tells_it_and_unknown_where_none_does() -> None:
    for spec in (BLIND, TOLD):
        world = settled(spec)
        words, text, _ = world.sinks[WEB]
        other = replace(world, sinks={WEB: (words, text, "sk-somebody-elses-0123456789")})
        made = plan(other, spec)
        assert [d.summary for d in made.drift] == (["key changed"] if spec is TOLD else [])
        assert [c.action for c in made.changes] == ([Action.UPDATE] if spec is TOLD else [])
        gone = plan(replace(world, sinks={}), spec)
        assert [d.summary for d in gone.drift] == (["its key is gone from where it was handed to"] * (spec is TOLD))


@pytest.mark.parametrize("spec", [BLIND, TOLD], ids=["blind", "told"])
def test_the_value_of_before_is_ours_and_another_is_somebody_elses(spec: Spec) -> None:
    rotated = spec.key("web", generation=2)

    def before(world: World) -> object:
        (field,) = next(c for c in plan(world, rotated).changes if c.address == consumer("web")).fields
        return field.before

    world = settled(spec)
    words, text, _ = world.sinks[WEB]
    other = replace(world, sinks={WEB: (words, text, "sk-somebody-elses-0123456789")})
    ours = "handed over, generation 1"
    assert (before(world), before(other)) == (ours, "another" if spec is TOLD else ours)


def test_what_its_command_does_not_get_is_only_written_down() -> None:
    spec = asks(command=["put", "{name}"])
    more = spec.table("consumers.web", fallbacks=["two"], remove=TAKE)
    made = plan(settled(spec), more)
    assert [s.do.operation for s in made.steps if s.address == consumer("web")] == ["node.settle"]
    after = apply(settled(spec), made).world
    assert plan(after, more).steps == ()
    one, two = (w.lockfile.resources[consumer("web")].attrs for w in (settled(spec), after) if w.lockfile)
    assert (one.given_at, two.stop, two.chain) == (two.given_at, ("take", "web"), ("one", "two"))


def test_a_store_whose_secrets_never_change_gets_a_name_of_each_generation() -> None:
    spec = asks(command=["put", "{name}-{generation}"], restart=["use", "{name}-{generation}"])
    made = plan(settled(spec), spec.key("web", generation=2))
    assert [s.do.argv for s in made.steps if hasattr(s.do, "agreed")] == [("put", "web-2"), ("use", "web-2")]
    assert {s.do.agreed for s in made.steps if hasattr(s.do, "agreed")} <= {
        tuple(run.line.replace("'", "").split()) for run in runs(spec.fleet)
    }


def test_what_cannot_be_read_back_says_since_when() -> None:
    world = settled(BLIND)
    assert world.lockfile is not None
    record = world.lockfile.resources[consumer("web")]
    assert isinstance(record.attrs, SinkAttrs)
    assert (record.attrs.given_at or "").startswith("2026-")
    assert KINDS["consumer"].parse(plain(record.attrs)) == record.attrs


def test_a_block_that_goes_takes_the_key_away_where_it_says_how() -> None:
    for spec in (BLIND, TOLD):
        world, bare = settled(spec), spec.without("consumers")
        made = plan(world, bare)
        (away,) = [s.do for s in made.steps if isinstance(s.do, TakeAway)]
        assert away.argv == (("take", "web") if spec is TOLD else ())
        assert [s.address.kind for s in made.steps][-1] == "key"  # its value ends last
        after = apply(world, made).world
        assert (WEB in after.sinks, after.proxy.keys) == (spec is BLIND, ())
        assert plan(after, bare).changes == ()


@pytest.mark.parametrize("before", [{"file": "key", "command": None}, {"env": {}, "command": None}])
def test_from_a_file_to_a_command_and_back(before: dict[str, object]) -> None:
    files, sink = asks(**before), asks(target="ssh://ops@chat/srv/{name}")
    for one, other in ((files, sink), (sink, files)):
        world = settled(one)
        made = plan(world, other)
        assert {c.address: c.action for c in made.changes if c.address.kind == "consumer"} == {
            consumer("web"): Action.CREATE,
            Address("consumer", f"web{WAS}"): Action.DELETE,
        }
        done = apply(world, made)
        assert (done.failed, [denied(moment) for moment in done.worlds if denied(moment)]) == ([], [])
        assert plan(done.world, other).changes == ()


def test_in_the_same_folder_too() -> None:
    files = asks(file="key", command=None)
    done = apply(settled(files), plan(settled(files), BLIND))
    assert plan(done.world, BLIND).changes == ()
    assert not done.world.nodes[WEB].files


def test_another_name_without_a_move_is_not_cleared_by_the_old_one() -> None:
    """Its ``remove`` comes last: it would take the new key away, and without a check nobody would know."""
    same: dict[str, object] = {"command": ["put", "llm"], "remove": ["take", "llm"]}
    old, block = asks(**same), {"model": "one", "settle": "0s", **same}
    new = old.without("consumers").table("consumers.net", **block)
    made = plan(settled(old), new)
    assert [(f.code, f.address) for f in made.findings] == [("target.duplicate", consumer("net"))]
    assert [type(step.do) for step in made.steps if step.address.kind == "consumer"] == [TakeAway]
    after = apply(settled(old), made).world
    done = apply(after, plan(after, new)).world
    assert "consumers/net" in done.sinks
    assert plan(done, new).changes == ()
    elsewhere = old.without("consumers").table("consumers.net", **{**block, "target": "ssh://ops@chat/srv/net"})
    assert plan(settled(old), elsewhere).findings == ()


def test_a_store_that_both_machines_reach_is_not_cleared_behind_the_new_one() -> None:
    far = "ssh://ops@chat/srv/{name}"
    for remove, cleared in ((TAKE, False), (["take", "{name}", "{host}"], True)):
        spec = asks(remove=remove)
        made = plan(settled(spec), spec.table("consumers.web", target=far))
        (away,) = [step.do for step in made.steps if isinstance(step.do, TakeAway)]
        assert (bool(away.argv), away.ends) == (cleared, False)
        (gone,) = [c for c in made.changes if c.action is Action.DELETE]
        assert str(gone.fields[0].after).startswith(
            "taken away by take web" if cleared else "stays there, and works on"
        )


def test_without_the_seed_nothing_is_said_of_it() -> None:
    made = plan(settled(BLIND), BLIND, fingerprinter=SEEDLESS)
    assert [c.action for c in made.changes if c.address == consumer("web")] in ([], [Action.BLOCKED])
    assert not any(isinstance(step.do, HandOver) for step in made.steps)


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ({"file": "key"}, "spec.value"),
        ({"command": []}, "spec.value"),
        ({"command": ["put", "{modle}"]}, "spec.placeholder"),
        ({"check": ["get", "{url}"]}, "spec.placeholder"),
        ({"target": "elsewhere"}, "spec.value"),
        ({"stdin": "yaml"}, "spec.value"),
        ({"command": None, "file": "key", "check": ["get"]}, "spec.value"),
        ({"command": None, "file": "key", "stdin": "json"}, "spec.value"),
    ],
)
def test_what_its_block_may_not_say(block: dict[str, object], code: str) -> None:
    assert code in codes(asks(**block))


@pytest.mark.parametrize(
    ("both", "fields"),
    [
        ({"command": ["put", "web"]}, ["command"]),
        ({"command": ["put", "{host}-{generation}"], "stdin": "env"}, ["command"]),
        ({"command": ["put", "{model}"]}, ["command"]),
        ({"check": ["get"]}, ["check"]),
        ({"command": ["put"], "stdin": "json", "check": ["get"]}, ["check"]),
        ({"command": ["put"], "stdin": "json", "check": GET}, []),
        ({"check": GET, "remove": ["sync"], "restart": ["sync"]}, []),
    ],
)
def test_one_place_has_no_room_for_two_keys(both: dict[str, object], fields: list[str]) -> None:
    """Each apply would hand over one of them, and take the other's place."""
    spec = asks(**both).table("consumers.other", **{"model": "one", "command": PUT, "settle": "0s", **both})
    told = [(f.code, f.message.split()[0]) for f in spec.loaded.findings]
    assert told == [("spec.duplicate", field) for field in fields]
    assert codes(asks(**both)) == []


@pytest.mark.parametrize(
    ("block", "host", "fields"),
    [
        ({"command": ["tee", "/etc/llm/key"]}, "chat", ["command"]),
        ({"command": ["dd", "of=~/key"]}, "CHAT", ["command"]),
        ({"check": ["cat", "/etc/llm/key"]}, "chat", ["check"]),
        ({"command": ["tee", "/etc/llm/key"]}, "mail", []),
        ({"command": ["tee", "/etc/{name}/key"]}, "chat", []),
        ({"command": ["/usr/bin/tee", "key"]}, "chat", []),  # each in the folder of its own target
        ({"command": ["tee", "/etc/llm/key"], "stdin": "json"}, "chat", []),
    ],
)
def test_one_place_of_a_machine_has_none_either(block: dict[str, object], host: str, fields: list[str]) -> None:
    both = {"command": PUT, **block}
    spec = asks(**both, target="ssh://ops@chat/srv/{name}")
    spec = spec.table("consumers.other", model="one", settle="0s", target=f"ssh://root@{host}:22/srv/other", **both)
    told = [(f.code, f.message.split()[0]) for f in spec.loaded.findings]
    assert told == [("spec.duplicate", field) for field in fields]


def test_what_tells_two_consumers_apart_in_the_words_of_one_command() -> None:
    for words, more in ((["put", "{models}"], {"fallbacks": ["two"]}), (["put"], {"target": "ssh://ops@chat/srv/a"})):
        spec = asks(command=words).table("consumers.other", model="one", command=words, settle="0s", **more)
        assert codes(spec) == []


def test_other_braces_are_the_commands_own() -> None:
    words = [
        "{{model}}",
        "{{url}}",
        "{{{generation}}}",
        "kubectl",
        "-o",
        "go-template={{.data.key}}",
        "jsonpath={.data.key}",
        "${HOME}",
        "{ print }",
    ]
    spec = asks(command=words, check=words)
    assert codes(spec) == []
    assert settled(spec).sinks[WEB][0] == tuple(words)


def test_a_name_that_a_shell_would_obey_reaches_no_command() -> None:
    spec = asks(model="$(reboot)", command=["sh", "-c", "put {model}"]).model("$(reboot)")
    assert [f.code for f in spec.rendered["web"].findings] == ["node.config-check"]
    on_stdin = asks(model="$(reboot)", command=["put"], stdin="json").model("$(reboot)")
    assert on_stdin.rendered["web"].findings == ()


@given(st.lists(st.text("abc{}url model", max_size=12), max_size=4))
def test_what_is_filled_in_is_told_by_the_placeholders_alone(words: list[str]) -> None:
    made = filled(words, "URL", ["M", "N"], 7)
    assert len(made) == len(words)
    for word, other in zip(words, made, strict=True):
        assert word == other or any(name in word for name in ("{url}", "{model}", "{models}"))


def test_all_of_its_commands_are_agreed_to_with_their_placeholders() -> None:
    spec = asks(check=GET, remove=TAKE, restart=["again"])
    assert sorted(run.what for run in runs(spec.fleet)) == [
        "consumer.web check",
        "consumer.web command",
        "consumer.web remove",
        "consumer.web restart",
    ]
    origins = ("http://llm.example:4000=env:LITELLM_MASTER_KEY",)
    lines = [f"command:{run.line}" for run in runs(spec.fleet)]
    assert "command:put web '--url={url}' '{models}'" in lines
    assert settle(spec.fleet, None, Trusting((*origins, *lines))).blocks == {}
    for left in lines:
        some = tuple(line for line in lines if line != left)
        assert "consumer.web" in settle(spec.fleet, None, Trusting((*origins, *some))).blocks
