"""Which fleet a command is about where nobody says it, and commands in texts that can be pasted from there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from fleethub.cli import COMMANDS
from fleethub.cli.habits import without_folder
from fleethub.cli.whereabouts import NoFleet, found
from fleethub.state.fleets import remember
from fleethub.views.commands import Commands
from tests.forked import ended
from tests.support import MASTER
from tests.test_laws import World
from tests.views.test_text import MODELS

NODES = '\n[nodes.volta]\nhost = "volta"\nmodel = "qwen3-32b"\nowner = "TiLT Claw"\n'


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "projects" / "Volta"
    folder.mkdir(parents=True)
    return folder


def session(folder: Path, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command as a session types it in its own project: no ``-C``, no terminal, no fleethub on its PATH."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FLEETHUB_")}
    return ended(*argv, cwd=folder, env={**clean, "LITELLM_MASTER_KEY": MASTER, **env})


def listed(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "fleet.toml").touch()
        remember(folder)


@pytest.mark.usefixtures("config")
def test_the_fleet_around_then_the_only_listed_one_then_none(tmp_path: Path, project: Path) -> None:
    assert found(project) == (Path(), "")
    listed(tmp_path / "one")
    assert found(project) == (tmp_path / "one", f"fleet: {tmp_path}/one (the one that this machine knows)")
    assert found(tmp_path / "one") == (Path(), "")
    (tmp_path / "one/nodes/volta").mkdir(parents=True)
    assert found(tmp_path / "one/nodes/volta") == (tmp_path / "one", "")


@pytest.mark.usefixtures("config")
def test_of_several_none_is_guessed_and_each_has_its_line(tmp_path: Path, project: Path) -> None:
    listed(tmp_path / "one", tmp_path / "the other")
    with pytest.raises(NoFleet) as told:
        found(project, ["capacity", "monad-1", "a model"])
    for folder in ("one", "the other"):
        assert f"-C {shlex.quote(str(tmp_path / folder))} capacity monad-1 'a model'" in str(told.value)
    (tmp_path / "one/fleet.toml").unlink()
    assert found(project)[0] == tmp_path / "the other"
    assert f"{tmp_path}/one: its folder is not there now" in found(project)[1]
    (tmp_path / "the other/fleet.toml").unlink()
    with pytest.raises(NoFleet, match="none is there") as told:
        found(project)
    assert "init" not in str(told.value)


def test_commands_are_completed_and_other_words_are_not() -> None:
    def of(text: str) -> str:
        return Commands("/opt/fleethub -C '/a b'", frozenset(("plan", "apply"))).whole(text)

    assert of("fleethub plan, then fleethub apply: carry") == (
        "/opt/fleethub -C '/a b' plan, then /opt/fleethub -C '/a b' apply: carry"
    )
    for other in ("run fleethub", "fleethub -C x plan", "fleethub planning", "a-fleethub plan", "the fleethub (plan)"):
        assert of(other) == other


def test_a_command_without_its_folder() -> None:
    assert without_folder(["-C", "x", "--json", "--trust", "-C", "plan", "-C"]) == [
        "--json", "--trust", "-C", "plan", "-C",
    ]  # fmt: skip
    assert without_folder(["-Cx", "status"]) == ["status"]


@pytest.mark.usefixtures("config")
def test_a_session_in_its_own_project(world: World, tmp_path: Path, project: Path) -> None:
    place = world.applied(tmp_path, MODELS + NODES)
    remember(place.folder)
    place.run("status", code=0)
    for argv in (["status"], ["capacity"], ["plan"]):
        done = session(project, *argv)
        assert (done.returncode, "init" in done.stdout + done.stderr) == (0, False), done.stdout + done.stderr
        assert done.stderr.startswith(f"fleet: {place.folder} (")
    asked = ("assign", "volta", "gpt-oss-20b", "--project", "TiLT Claw")
    done = session(project, *asked)
    *_, pasted = done.stderr.splitlines()
    assert done.returncode == 1
    assert shlex.split(pasted)[1:] == ["-C", str(place.folder), *asked, "--yes"]
    done = session(project, *asked, "--yes")
    assert done.returncode == 0, done.stderr
    assert f" -C {place.folder} apply --auto-approve" in done.stdout
    assert not list(project.iterdir())
    done = session(project, "destroy", "--auto-approve")
    assert (done.returncode, "this is done where the fleet is" in done.stderr) == (1, True)
    assert f"-C {place.folder} destroy --auto-approve" in done.stderr


@pytest.mark.usefixtures("config")
def test_an_apply_is_said_to_carry_out_what_others_wrote(world: World, tmp_path: Path) -> None:
    place = world.applied(tmp_path, MODELS + NODES + '[nodes.tilt]\nhost = "tilt"\nmodel = "qwen3-32b"\n')
    assert "everybody's" not in place.run("assign", "tilt", "gpt-oss-20b", "--yes", code=0)
    says = place.run("assign", "volta", "gpt-oss-20b", "--project", "tiltclaw", "--force", "--yes", code=0)
    assert "an apply carries out everybody's pending edits, these too: key.main.tilt, node.tilt" in says


@pytest.mark.usefixtures("config")
def test_no_second_fleet_is_proposed_where_one_is_known(world: World, tmp_path: Path, project: Path) -> None:
    place = world.applied(tmp_path, MODELS + NODES)
    remember(place.folder)
    for words in (["plan"], ["mcp"], ["serve"], ["tangleclaw", "register"], ["tangleclaw", "status"]):
        done = session(project, "-C", str(project), *words)
        assert (done.returncode, "init" in done.stdout + done.stderr) == (1, False), words
        known = f"the fleets that this machine knows: {place.folder}; name one with -C"
        spec = f"there is no fleet.toml in {project}: name the fleet's folder with -C"
        said = done.stdout if words in (["plan"], ["serve"]) else done.stderr  # stdout of mcp is its client's
        assert known in said or spec in said


@pytest.mark.usefixtures("config")
def test_who_has_no_master_key_sees_the_last_look_and_takes_nothing_from_others(
    world: World, tmp_path: Path, project: Path
) -> None:
    place = world.applied(tmp_path, MODELS + NODES)
    remember(place.folder)
    keyless = {"LITELLM_MASTER_KEY": ""}
    (place.folder / ".fleethub/cache/status.json").unlink(missing_ok=True)
    done = session(project, "status", **keyless)
    assert (done.returncode, "main: unknown: env:LITELLM_MASTER_KEY is not set" in done.stdout) == (1, True)
    place.run("observe", code=0)
    told = (place.folder / ".fleethub/context.json").read_text()
    done = session(project, "status", **keyless)
    assert done.returncode == 0, done.stdout
    assert "; seen just now" in done.stdout.splitlines()[0]
    assert "main.volta: qwen3-32b" in done.stdout
    assert "for env:LITELLM_MASTER_KEY is not set" in done.stdout
    assert session(project, "capacity", **keyless).returncode == 0
    asked = ("assign", "volta", "gpt-oss-20b", "--project", "TiLT Claw", "--yes")
    assert session(project, *asked, **keyless).returncode == 0
    assert "the spec was edited since" in session(project, "status", **keyless).stdout
    session(project, "plan", **keyless)
    assert (place.folder / ".fleethub/context.json").read_text() == told


def bare(said: str) -> list[str]:
    """Commands in a text of the command line that would not work where it was printed."""
    names = "|".join(COMMANDS)
    return re.findall(rf"(?<![\w./-])fleethub (?:(?:{names})\b|-C )[^\n]*", said)


WRONG = (
    ("log", "show", "99"),
    ("log", "nothing"),
    ("state", "show", "node.zz"),
    ("state", "mv", "node.zz", "node.yy"),
    ("apply", "--plan", "zz"),
    ("approve", "p-zz"),
    ("revoke", "key.main.zz"),
    ("why",),
    ("lock", "acquire"),
    ("plan", "--no-such-option"),
    ("assign", "volta", "gpt-oss-20b", "--project", "TiLT Claw"),
)


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_what_errors_and_machines_are_told_to_type_works_too(
    world: World, tmp_path: Path, project: Path, form: tuple[str, ...]
) -> None:
    place = world.applied(tmp_path, MODELS + NODES)
    remember(place.folder)
    said = [(done.stdout, done.stderr) for argv in WRONG for done in [session(project, *form, *argv)]]
    stranger = session(project, "-C", str(place.folder), *form, "plan", XDG_CONFIG_HOME=str(tmp_path / "stranger"))
    assert f"fleethub -C {place.folder} trust add {world.proxy.url}" in stranger.stdout
    said.append((stranger.stdout, stranger.stderr))
    (place.folder / "fleet.lock").unlink()
    lost = session(project, *form, "plan")
    assert f"fleethub -C {place.folder} state restore" in lost.stdout
    assert [bare(out + err) for out, err in (*said, (lost.stdout, lost.stderr))] == [[]] * (len(WRONG) + 2)
    told = [argv for argv, (out, err) in zip(WRONG, said, strict=False) if f"fleethub -C {place.folder} " in out + err]
    assert {argv[0] for argv in told} >= {"log", "apply", "assign"}


@pytest.mark.usefixtures("config")
def test_what_is_not_there_is_said_with_what_is_meant(tmp_path: Path, project: Path) -> None:
    said = session(project, "-C", str(tmp_path / "nowhere"), "plan").stdout
    assert "hint: a fleet is a folder with a fleet.toml in it: name that with -C" in said
    listed(tmp_path / "one")
    said = session(project, "-C", str(tmp_path / "nowhere"), "plan").stdout
    assert f"hint: the fleets that this machine knows: {tmp_path}/one; name one with -C" in said
    assert "plan -o FILE writes one; an address is like node.volta" in session(project, "show", "nofile.json").stderr
