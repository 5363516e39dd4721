"""Trust: nothing is sent, run or read for what this machine does not know, and what to type makes it known."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.cli.output import Out
from fleethub.clients.resolver import SecretResolver
from fleethub.model.secret import SecretRef
from fleethub.operations import trust as use
from fleethub.state import fleets
from fleethub.testing.litellm import Database, LiteLLM
from tests.support import MASTER, Place, recorded
from tests.test_laws import SPEC, World


@pytest.fixture
def place(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A fleet whose spec came from somebody else: this machine knows nothing of it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(Place, "trusts", False)
    return world.place(tmp_path / "fleet", SPEC)


@pytest.fixture
def stranger() -> Iterator[LiteLLM]:
    """A proxy that somebody put into a lockfile or a spec. It takes our master key, so that sending it would show."""
    found = LiteLLM(Database(), models=[], master_key=MASTER, cache_ttl=0.01)
    yield found
    found.stop()


def asked(world: World) -> tuple[int, int]:
    """How many requests the proxy and the Ollama got."""
    return len(world.proxy.requests), len(world.ollama.requests)


def pasted(place: Place) -> None:
    """Type the line that was printed."""
    (line,) = set(re.findall(r"if they are right: (fleethub .*)", place.out))
    argv = shlex.split(line)
    place.run(*argv[1:], code=0)


def test_a_spec_from_elsewhere_is_asked_nothing_until_the_printed_line_is_typed(place: Place, world: World) -> None:
    before = asked(world)
    out = place.run("plan", code=3)
    assert "origin.new" in out
    assert world.proxy.url in out
    assert out.count("if they are right") == 1
    place.apply(code=3)
    assert "if they are right: fleethub" in place.run("observe", "--quiet", code=0)
    place.run("status", code=3)
    place.run("verify", code=3)
    place.run("capacity")
    assert asked(world) == before
    out = place.run("context", code=0)  # a session is told, and not what to type
    assert "origin.new" in out
    assert "trust add" not in out
    place.run("plan", code=3)
    pasted(place)
    place.apply()
    place.plan_is_empty()
    assert "origin.new" not in place.out


def test_one_source_that_is_not_known_holds_up_no_other(place: Place, world: World) -> None:
    place.run("trust", "add", world.proxy.url, code=0)
    before = asked(world)
    out = place.run("plan", code=3)
    assert world.ollama.url in out
    assert "proxy.unreadable" not in out
    assert asked(world)[0] > before[0]
    assert asked(world)[1] == before[1]


@pytest.mark.parametrize("form", ["option", "variable"])
def test_a_run_may_be_given_what_it_trusts(
    place: Place, world: World, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    items = [f"{world.proxy.url}=env:LITELLM_MASTER_KEY", world.ollama.url]
    if form == "option":
        place.run(*[a for item in items for a in ("--trust", item)], "plan", code=0)
    else:
        monkeypatch.setenv("FLEETHUB_TRUST", " \n".join(items))
        place.run("plan", code=0)
        monkeypatch.delenv("FLEETHUB_TRUST")
    assert "origin.new" in place.run("plan", code=3)  # nothing was kept
    assert "origin.new" in place.run("--trust", f"{world.proxy.url}=env:OTHER", "plan", code=3)


@pytest.mark.parametrize("item", ["*", "", "ftp://x", "http://x=sk-secret"])
def test_what_trusts_nothing_in_particular_is_refused(place: Place, item: str) -> None:
    out = place.run("--trust", item, "plan", code=1)
    assert out.startswith("error:")
    assert "Traceback" not in out


def test_another_credential_for_a_known_origin_is_new(place: Place, world: World, tmp_path: Path) -> None:
    place.run("trust", "add", "--yes", code=0)
    place.apply()
    private = tmp_path / "private"
    private.write_text("-----BEGIN")
    private.chmod(0o600)
    place.edit('master_key = ["env:LITELLM_MASTER_KEY"]', f'master_key = ["file:{private}"]')
    before = asked(world)
    out = place.run("plan", code=3)
    assert f"which gets file:{private}; known with env:LITELLM_MASTER_KEY" in out
    assert asked(world)[0] == before[0]


def test_an_address_that_changed_is_shown_with_what_it_was(place: Place, world: World, stranger: LiteLLM) -> None:
    place.run("trust", "add", "--yes", code=0)
    place.apply()
    place.edit(f'url = "{world.proxy.url}"', f'url = "{stranger.url}"')
    place.run("plan", code=3)
    assert f"it was {world.proxy.url}" in place.out
    assert stranger.requests == []


@pytest.mark.parametrize("form", [1, 2])
def test_a_lockfile_of_a_pull_request_is_believed_in_nothing(
    place: Place, stranger: LiteLLM, tmp_path: Path, world: World, form: int
) -> None:
    place.run("trust", "add", "--yes", code=0)
    place.apply()
    path, canary = place.folder / "fleet.lock", tmp_path / "ran"
    text = path.read_text()
    if form == 1:  # as an earlier FleetHub wrote it, with a credential of its own
        source = f'system = "litellm"\nat = "{stranger.url}"\ncredential = ["command:touch {canary}"]'
        text = re.sub(r'system = "litellm"\nof = .*\norigin = .*', source, text)
        text = re.sub(r'system = "host"\nof = .*\norigin = ', 'system = "host"\nat = ', text)
        text = re.sub(r'\[generations\]\n("[^"]*" = .*\n)+', "", text)
        text = re.sub(r"^(id|derive_from) = .*\n|^generation = .*\n", "", text, flags=re.M).replace("= 2", "= 1", 1)
    else:
        text = text.replace(f'origin = "{world.proxy.url}"', f'origin = "{stranger.url}"')
    path.write_text(text)
    before = path.read_bytes()
    out = place.run("plan", code=3)
    assert f"only fleet.lock names {stranger.url}" in out
    assert "records" not in out
    place.apply(code=3)
    place.run("destroy", "--auto-approve")
    assert stranger.requests == []
    assert not canary.exists()
    assert world.admin.rows("a")
    assert path.read_bytes() == before or "only fleet.lock names" in place.out


def test_a_credential_in_a_lockfile_of_today_is_damage(place: Place, tmp_path: Path) -> None:
    place.run("trust", "add", "--yes", code=0)
    place.apply()
    path = place.folder / "fleet.lock"
    path.write_text(path.read_text().replace("\norigin =", '\ncredential = ["env:HOME"]\norigin =', 1))
    assert "'credential' is nothing that" in place.run("plan", code=1)


def test_commands_run_only_when_they_are_known_and_in_a_clean_environment(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prints the master key, and keeps what it was started with."""
    told = tmp_path / "told"
    program = tmp_path / "op"
    program.write_text(f"#!/bin/sh\nenv > {told}\necho {MASTER}\n")
    program.chmod(0o755)
    monkeypatch.setenv("FLEETHUB_SEED", "fhseed1_of-another-fleet")
    monkeypatch.setenv("OP_SESSION_x", "session")
    monkeypatch.setenv("SOME_TOKEN", "token")
    monkeypatch.setenv("MY_LOGIN", "mine")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("FLEETHUB_COMMAND_ENV", "MY_LOGIN")
    place.edit('["env:LITELLM_MASTER_KEY"]', f'["command:{program} read it"]')
    out = place.run("plan", code=3)
    assert "command.new" in out
    assert f"runs {program} read it (proxy.main master_key)" in out
    assert not told.exists()
    pasted(place)
    place.apply()
    names = {line.partition("=")[0] for line in told.read_text().splitlines()}
    assert {"PATH", "HOME", "OP_SESSION_x", "MY_LOGIN", "no_proxy"} <= names
    assert not names & {"LITELLM_MASTER_KEY", "FLEETHUB_SEED", "SOME_TOKEN"}
    place.edit("read it", "read other")
    told.unlink()
    place.run("plan", code=3)
    assert not told.exists()


def test_no_credential_is_opened_for_a_stranger(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "private"
    private.write_text("mine")
    private.chmod(0o600)
    place.edit('"env:LITELLM_MASTER_KEY"', f'"file:{private}"')
    opened: list[object] = []
    real = SecretResolver.open
    monkeypatch.setattr(SecretResolver, "open", lambda self, slot: opened.append(slot) or real(self, slot))
    for command in (("plan",), ("status",), ("verify",), ("capacity",)):
        place.run(*command)
        assert SecretRef((f"file:{private}",)) not in opened, command
    place.run("trust", "add", "--yes", code=0)
    place.run("plan")
    assert SecretRef((f"file:{private}",)) in opened


def test_a_nodes_own_command_is_asked_for(place: Place) -> None:
    place.run("trust", "add", "--yes", code=0)
    place.edit('host = "a"', 'host = "a"\ncommand = ["rm", "-rf", "all of it"]')
    out = place.run("plan", code=3)
    assert "runs rm -rf 'all of it' (node.a command)" in out
    place.apply(code=6)  # what needs no command is done
    assert not (place.folder / "nodes/a").exists()
    pasted(place)
    assert "command.new" not in place.run("plan")


def test_the_record_is_the_owners_alone_and_is_listed_and_taken_back(place: Place, world: World) -> None:
    assert "nothing is trusted yet" in place.run("trust", "list", code=3)
    assert "no terminal" in place.run("trust", "add", code=1)
    place.run("trust", "add", "--yes", code=0)
    (file,) = (fleets.config_home() / "trust").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    lines = place.json("trust", "list")
    (proxy,) = [one for one in lines if one.get("origin") == world.proxy.url]
    assert proxy["credentials"] == [["env:LITELLM_MASTER_KEY"]]
    assert lines[-1]["exit"] == 0
    assert MASTER not in file.read_text()
    place.run("trust", "remove", world.proxy.url, code=0)
    assert "is not in the record" in place.run("trust", "remove", world.proxy.url, code=1)
    assert world.proxy.url in place.run("plan", code=3)
    file.write_text("{")
    assert "is damaged" in place.run("plan", code=1)


def test_only_what_was_shown_is_trusted(place: Place, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def yes(*_: object, **__: object) -> bool:
        place.edit(world.proxy.url, "http://evil.example:4000")
        return True

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", yes)
    place.run("trust", "add", code=0)
    known, _, new = place.run("trust", "list", code=3).partition("not know:")
    assert world.proxy.url in known
    assert "http://evil.example:4000" not in known
    assert "http://evil.example:4000" in new


@pytest.mark.parametrize(
    "item", ["", "*", "command:", "command: ", "'open", "http://h:1=env:", "http://h:1=A", "ftp://h"]
)
def test_what_names_nothing_is_not_recorded(place: Place, item: str) -> None:
    assert place.run("trust", "add", item, code=1).startswith("error:")
    assert not (fleets.config_home() / "trust").exists()


def test_the_record_follows_a_fleet_from_its_folder_to_its_lineage(place: Place, tmp_path: Path) -> None:
    place.run("trust", "add", "--yes", code=0)
    place.apply()
    (file,) = (fleets.config_home() / "trust").iterdir()
    assert file.name.startswith("lineage-")
    clone = place.clone(tmp_path / "clone")
    assert "origin.new" not in clone.run("plan")
    lines = (clone.folder / "fleet.lock").read_text()
    (clone.folder / "fleet.lock").write_text(re.sub(r'lineage = ".*"', 'lineage = "../../other"', lines))
    assert "origin.new" in clone.run("plan")


def test_offline_commands_need_no_trust(place: Place) -> None:
    for command in (("validate",), ("schema",), ("render", "-o", str(place.folder / "out")), ("context",)):
        with recorded() as sent:
            place.run(*command)
        assert "origin.new" not in place.out
        assert sent == []


def test_a_terminal_is_asked_once_with_the_whole_list(
    place: Place, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def yes(self: object, new: use.New) -> bool:
        asked.append(new.lines)
        return True

    monkeypatch.setattr("fleethub.cli.output.Out._ask", yes)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    place.run("plan", code=0)
    assert len(asked) == 1
    assert f"{world.proxy.url} (proxy.main admin_url), which gets env:LITELLM_MASTER_KEY" in asked[0]
    place.run("plan", code=0)
    assert len(asked) == 1


def test_the_question_shows_nothing_that_hides_what_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    out = Out({"folder": ".", "json": False, "no_color": True})
    out._ask(use.New(lines=("runs evil \u202e)master_key\x1b[2K (proxy.main master_key)",)))
    said = capsys.readouterr().out
    assert "runs evil" in said
    assert "\u202e" not in said
    assert "\x1b" not in said


def test_what_a_server_says_is_shown_without_keys(place: Place) -> None:
    from fleethub.clients.http_answer import HttpAnswer

    said = f"no such key sk-abcdef, Bearer abcdefgh12345, {'ab12' * 16}, eyJhbGciOiJI.eyJzdWIi.x fhseed1_{'A' * 43}"
    text = HttpAnswer(400, {"error": {"message": said}}).reason()
    assert text == 'HTTP 400: "no such key …, …, …, … …"'


def test_known_things_are_json(place: Place) -> None:
    place.run("trust", "add", "--yes", code=0)
    assert all(json.loads(line) for line in place.run("--json", "trust", "list", code=0).splitlines())
    assert os.environ["XDG_CONFIG_HOME"]


def test_no_node_is_made_to_send_its_key_to_a_stranger(place: Place, world: World, stranger: LiteLLM) -> None:
    place.run("trust", "add", "--yes", code=0)
    place.apply()
    place.edit(f'url = "{world.proxy.url}"', f'url = "{stranger.url}"\nadmin_url = "{world.proxy.url}"')
    before = asked(world)
    out = place.run("verify", code=3)
    assert f"{stranger.url} is not known on this machine, so no key was sent there" in out
    assert stranger.requests == []
    assert before[1] == asked(world)[1]
