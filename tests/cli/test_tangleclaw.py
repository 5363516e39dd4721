"""``fleethub tangleclaw``: exit codes, both forms of output, completion, a token that is seen nowhere."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fleethub.testing.tangleclaw import Project, TangleClaw
from tests.cli.test_confirm import terminal
from tests.support import Place

TOKEN = "tcsk_" + "Canary7" * 6 + "z"
WHAT = ("hook", "rule")
GATEWAY = "gw-Canary8Canary8"
PROJECTS = (Project(7, "alpha", listening=True),)


@pytest.fixture
def server() -> Iterator[TangleClaw]:
    connections = [{"name": "Volta", "gatewayToken": GATEWAY}]
    with TangleClaw(projects=PROJECTS, connections=connections) as found:
        yield found
        assert found.faults == []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "fleet", "this is no TOML yet: register needs none")
    (found.folder / "FLEETHUB.md").write_text("# Inference fleet")
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def plain(place: Place, server: TangleClaw | None = None) -> str:
    text = place.out.replace(str(place.folder), "FLEET")
    return text.replace(server.url, "URL") if server else text


def test_what_people_read(place: Place, server: TangleClaw, snapshot: SnapshotAssertion) -> None:
    api = ("--api", server.url)
    place.run("tangleclaw", "status", *api, code=1)
    shown = [plain(place, server)]
    for argv in (["register", *api, "--member", "7"], ["register", *api], ["status"], ["unregister"], ["unregister"]):
        place.run("tangleclaw", *argv, code=0)
        shown.append(plain(place, server))
    assert "\n".join(shown) == snapshot


def test_what_people_read_of_newer_ones(place: Place, snapshot: SnapshotAssertion) -> None:
    with TangleClaw("newer", projects=PROJECTS) as server:
        place.run("tangleclaw", "register", "--api", server.url, code=1)
        assert plain(place, server) == snapshot


def test_a_pane_gives_its_url_and_ids(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with TangleClaw("newer", projects=PROJECTS, launches=[("7", "L1")]) as server:
        monkeypatch.setenv("TANGLECLAW_API", server.url)
        monkeypatch.setenv("TANGLECLAW_PROJECT_ID", "7")
        place.run("tangleclaw", "register", code=1)
        monkeypatch.setenv("TANGLECLAW_LAUNCH_ID", "L1")
        place.run("tangleclaw", "register", code=0)


def test_json(place: Place, server: TangleClaw) -> None:
    *steps, summary = place.json("tangleclaw", "register", "--api", server.url)
    assert [(line["step"], line["outcome"]) for line in steps] == [
        ("group", "registered"), ("document", "registered"), ("description", "registered"),
        ("audience", "nobody"),
    ]  # fmt: skip
    assert summary == {"type": "summary", "exit": 0, "base": server.url, "notes": []}
    server.stop()
    *steps, summary = place.json("tangleclaw", "status")
    assert (steps[0]["outcome"], summary["exit"], place.code) == ("unreachable", 1, 1)
    assert steps[0]["hint"]


def test_a_token_is_seen_nowhere(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (place.folder / "tc.token").write_text(TOKEN + "\n")
    (place.folder / "tc.token").chmod(0o600)
    said = []
    with TangleClaw(token=TOKEN, connections=[{"gatewayToken": GATEWAY}]) as server:
        for argv in (
            ["register", "--api", server.url, "--token", "file:tc.token"],
            ["status"],
            ["register", "--api", server.url, "--token", TOKEN],
            ["register", "--api", f"http://user:{TOKEN}@127.0.0.1"],
            ["unregister", "--token", "file:missing"],
            ["unregister"],
        ):
            said += [place.run("tangleclaw", *argv), place.run("--json", "tangleclaw", *argv)]
        asked = {record.path for record in server.requests}
    (place.folder / "tc.token").chmod(0o644)
    said.append(place.run("tangleclaw", "register", "--token", "file:tc.token", code=1))
    (place.folder / "tc.token").unlink()
    everything = "".join(said) + caplog.text
    everything += "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.is_file())
    assert TOKEN not in everything
    assert GATEWAY not in everything
    assert not asked & {"/api/service-token", "/api/openclaw/connections"}


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["register", "--token", "secret"], "must be a reference, never the secret itself"),
        (["register", "--api", "nowhere"], "http://"),
        (["register", "--member", " "], "--member"),
        (["register", "--ca", "/nowhere/at/all"], "does not exist"),
        (["register", "--group", " "], "--group"),
        (["install-hook", "--user", "--project", "."], "give one of them"),
        (["install-hook", "--project", "/nowhere/at/all"], "does not exist"),
        (["nothing"], "No such command"),
    ],
)
def test_wrong_words(place: Place, home: Path, argv: list[str], said: str) -> None:
    assert said in place.run("tangleclaw", *argv, code=1)
    assert not home.exists()
    last = json.loads(place.run("--json", "tangleclaw", *argv, code=1).splitlines()[-1])
    assert (last["type"], last["exit"]) == ("summary", 1)


def test_a_folder_without_a_fleet_and_a_broken_record(place: Place, tmp_path: Path) -> None:
    other = Place(tmp_path / "other", "")
    (other.folder / "fleet.toml").unlink()
    assert "no fleet.toml" in other.run("tangleclaw", "register", code=1)
    (place.folder / ".fleethub").mkdir()
    (place.folder / ".fleethub/tangleclaw.json").write_text("{")
    assert "remove it and register again" in place.run("tangleclaw", "status", code=1)


def test_the_hook_in_and_out(place: Place, home: Path) -> None:
    settings = home / ".claude/settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"model": "opus"}')
    assert "SessionStart" in place.run("tangleclaw", "install-hook", "--dry-run", code=0)
    assert settings.read_text() == '{"model": "opus"}'
    assert "add -y" in place.run("tangleclaw", "install-hook", code=1)
    assert settings.read_text() == '{"model": "opus"}'
    *_, summary = place.json("tangleclaw", "install-hook", "-y")
    assert (summary["changes"], summary["written"], summary["exit"]) == (True, True, 0)
    assert Path(summary["backup"]).read_text() == '{"model": "opus"}'
    after = settings.read_bytes()
    assert "nothing was written" in place.run("tangleclaw", "install-hook", code=0)
    assert settings.read_bytes() == after
    place.run("tangleclaw", "uninstall-hook", "-y", code=0)
    assert settings.read_text() == '{"model": "opus"}'
    assert "nothing was written" in place.run("tangleclaw", "uninstall-hook", "-y", code=0)


def test_a_projects_hook_is_in_its_local_settings(place: Place, tmp_path: Path, home: Path) -> None:
    place.run("tangleclaw", "install-hook", "--project", str(tmp_path), "-y", code=0)
    assert (tmp_path / ".claude/settings.local.json").exists()
    assert not (tmp_path / ".claude/settings.json").exists()
    assert not home.exists()
    place.run("tangleclaw", "uninstall-hook", "--project", str(tmp_path), "-y", code=0)
    assert list((tmp_path / ".claude").iterdir()) == []


def test_the_hooks_command_starts_fleethub_from_anywhere(place: Place, home: Path) -> None:
    place.run("tangleclaw", "install-hook", "-y", code=0)
    settings = json.loads((home / ".claude/settings.json").read_text())
    (hook,) = settings["hooks"]["SessionStart"][0]["hooks"]
    program = hook["command"].removesuffix(" context --format claude-hook")
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    done = subprocess.run(f"{program} --version", shell=True, env=environ, cwd="/", capture_output=True, text=True)
    assert done.stdout.startswith("fleethub, version")


def test_settings_that_are_no_json_are_left(place: Place, home: Path) -> None:
    settings = home / ".claude/settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text("{\n// mine\n}")
    assert f"{settings}:2: not JSON" in place.run("tangleclaw", "install-hook", "-y", code=1)
    assert settings.read_text() == "{\n// mine\n}"


def test_on_a_terminal_it_asks(place: Place, home: Path) -> None:
    settings = home / ".claude/settings.json"
    code, screen = terminal(place, ["tangleclaw", "install-hook"], ("Write ", "n"))
    assert (code, "Nothing was written." in screen, settings.exists()) == (1, True, False)
    code, screen = terminal(place, ["tangleclaw", "install-hook"], ("Write ", "y"))
    assert (code, settings.exists()) == (0, True), screen


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("fleethub tangle", {"tangleclaw"}),
        (
            "fleethub tangleclaw ",
            {"register", "status", "unregister", *(f"{do}-{what}" for do in ("install", "uninstall") for what in WHAT)},
        ),
        ("fleethub tangleclaw register --m", {"--member"}),
    ],
)
def test_completion(words: str, offered: set[str]) -> None:
    environ = {**os.environ, "_FLEETHUB_COMPLETE": "bash_complete", "COMP_WORDS": words}
    environ["COMP_CWORD"] = str(len(words.split(" ")) - 1)
    program = str(Path(sys.executable).parent / "fleethub")
    done = subprocess.run([program], env=environ, capture_output=True, text=True)
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == offered
