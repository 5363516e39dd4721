"""What comes with an installation: completion, the log of requests, a node's log, the files to deploy it with."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest

from fleethub.cli.group import cli
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples/deploy"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_that_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["completion", shell], standalone_mode=False)
    said = capsys.readouterr().out
    assert f"{shell}_complete" in said
    before = "#compdef fleethub\n" if shell == "zsh" else ""  # which zsh looks for in the first line alone
    assert said.startswith(f"{before}# Keep this as ~/")
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=said, text=True, check=True)


def test_what_is_sent_is_logged_and_nothing_secret_of_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        place = Place(tmp_path / "fleet", fleet(proxy.url).node("volta", "one").text)
        place.run("-v", "apply", "--auto-approve", code=0)
        log = place.out + capfd.readouterr().err
        key = place.env("volta")["FLEETHUB_KEY_MAIN"]
    assert re.search(r"\d\d:\d\d:\d\d GET http://127\.0\.0\.1:\d+/key/list\?page=…&size=….* -> 200 in \d+ ms", log)
    assert re.search(r"3 files into \S+/nodes/volta -> placed in \d+ ms", log)
    for secret in (MASTER, key, place.lockfile.seed, "Bearer"):
        assert secret not in log
    assert not re.search(r"[0-9a-f]{32}", "\n".join(line for line in log.splitlines() if " ms" in line))


DOCKER = """#!/bin/sh
echo "in $PWD: $*"
echo "key sk-abcdefghijklmnop and $(printf '\\033[31m')red"
echo "to stderr" >&2
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    spec = fleet().node("volta", "one").node("env", "one", type="envfile").text
    made = Place(tmp_path / "fleet", spec)
    (made.folder / "nodes/volta").mkdir(parents=True)
    return made


def test_a_nodes_log_is_read_at_its_target_without_keys(place: Place) -> None:
    first, second, third = place.run("logs", "volta", "-n", "7", code=0).splitlines()
    where = place.folder / "nodes/volta"
    assert first == f"in {where}: compose --env-file .env -f compose.yaml logs --no-color --tail 7"
    assert second == "key … and red"
    assert third == "to stderr"
    assert place.json("logs", "volta")[-1]["lines"] == 3


def test_a_node_without_a_log_is_answered_with_where_to_look(place: Place) -> None:
    assert "where env (of type envfile) logs is not known" in place.run("logs", "env", code=1)
    assert "there are: env, volta" in place.run("logs", "zz", code=1)
    (place.folder / "nodes/volta").rmdir()
    assert "there is no folder" in place.run("logs", "volta", code=1)


def test_a_program_that_fails_says_why_and_not_only_where_its_help_is(place: Place) -> None:
    docker = place.folder.parent / "programs/docker"
    docker.write_text("#!/bin/sh\nprintf \"docker: unknown command\\n\\nRun 'docker --help'\\n\" >&2; exit 1\n")
    said = place.run("logs", "volta", code=1)
    assert "volta at nodes/volta: docker: unknown command; Run 'docker --help'" in said


@pytest.mark.parametrize("unit", sorted(DEPLOY.glob("*.service")), ids=lambda p: p.name)
def test_a_units_command_is_one_that_there_is(unit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (start,) = re.findall(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    program, *words = shlex.split(start)
    assert program == "/opt/fleethub/bin/fleethub"
    cli.main([*words, "--help"], standalone_mode=False)
    assert f" {words[0]} [OPTIONS]" in capsys.readouterr().out
    with pytest.raises(click.NoSuchOption):
        cli.main([*words, "--zzz", "--help"], standalone_mode=False)
    assert "User=fleethub" in unit.read_text()


def test_the_image_is_nobody_in_particular_and_installs_what_serve_needs() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert text.index("USER 10001") > text.rindex("RUN ")
    assert "'.[server]'" in text


@pytest.mark.long
def test_a_wheel_has_all_that_it_needs_and_runs_elsewhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        packed.extractall(tmp_path / "there")
    scripts = {f"fleethub/clients/scripts/{p.name}" for p in (ROOT / "fleethub/clients/scripts").glob("*.sh")}
    templates = {f"fleethub/_templates/{p.relative_to(ROOT / 'templates')}" for p in ROOT.glob("templates/*/*.j2")}
    assert (
        scripts | templates | {"fleethub/server/templates/page.html", "fleethub/fleetspec/fleet.schema.json"} <= names
    )
    spec = tmp_path / "fleet"
    spec.mkdir()
    (spec / "fleet.toml").write_text(fleet().node("volta", "one").text)
    run = [sys.executable, "-c", "from fleethub.cli import main; main()", "-C", str(spec), "validate"]
    done = subprocess.run(run, cwd=tmp_path / "there", capture_output=True, text=True)
    assert "monad is valid" in done.stdout, done.stderr
