"""A fleet whose nodes lie behind a real sshd: its spec, its stand-in LiteLLM, its stand-in ``docker``."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.clients.host import Hosts
from fleethub.clients.shell import Shells
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.proxies import Admin
from tests.real.sshd import Machine
from tests.support import MASTER, Place

MODELS = [deployment(name) for name in ("one", "two", "three")]


def required(variable: str) -> str:
    """What a variable names; the test is skipped, or fails, without it."""
    value = os.environ.get(variable, "")
    if not value:
        reason = f"{variable} is not set: see tests/real/README.md"
        if os.environ.get("FLEETHUB_REQUIRE_REAL"):
            pytest.fail(reason)
        pytest.skip(reason)
    return value


class Far:
    """A fleet whose nodes lie behind the sshd; ``docker`` is what the stand-in was asked."""

    def __init__(self, machine: Machine, place: Place, root: Path, state: Path, admin: Admin, proxy: LiteLLM) -> None:
        self.machine, self.place, self.root, self.state, self.admin = machine, place, root, state, admin
        self.proxy = proxy

    def add(self, name: str, port: int, **fields: str) -> None:
        spec = (self.place.folder / "fleet.toml").read_text()
        more = "".join(f"{key} = {value}\n" for key, value in fields.items())
        self.place.write(f'{spec}[nodes.{name}]\nhost = "127.0.0.1"\nport = {port}\n{more}')

    def file(self, name: str, path: str = "openclaw.json") -> str:
        return (self.root / name / path).read_text()

    def primary(self, name: str) -> str:
        chain: str = json.loads(self.file(name))["agents"]["defaults"]["model"]["primary"]
        return chain.partition("/")[2]

    def docker(self, word: str) -> list[list[str]]:
        log = self.state / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [argv for line in lines if word in (argv := json.loads(line)["argv"])]

    def pid(self, project: str) -> int:
        pid: int = json.loads((self.state / f"{project}.project").read_text())["pid"]
        return pid

    def has_docker(self, openclaw: str = "") -> None:
        """``openclaw``: the image is there already, and holds this OpenClaw."""
        program = Path(__file__).with_name("docker_stand_in.py")
        real = os.environ.get("FLEETHUB_COMPOSE_BIN", "")
        self.machine.tool(
            "docker",
            f"#!/bin/sh\nexport DOCKER_STAND_IN={self.state} FLEETHUB_COMPOSE_BIN={real}\n"
            f"export FLEETHUB_OPENCLAW_BIN={openclaw}\n"
            f'exec {sys.executable} {program} "$@"\n',
        )


@pytest.fixture
def far(machine: Machine, tmp_path: Path) -> Iterator[Far]:
    root, state = tmp_path / "srv", tmp_path / "docker"
    state.mkdir()
    with LiteLLM(models=MODELS, master_key=MASTER) as proxy:
        spec = fleet(proxy.url, name="far", key_cache_ttl="100ms").models("one", "two", "three")
        place_of = f"ssh://{machine.address}{root}/{{name}}"
        spec = spec.table("defaults.node", target=place_of, model="one", timeout="20s")
        admin = Admin(proxy.url)
        found = Far(machine, Place(tmp_path / "fleet", spec.text), root, state, admin, proxy)
        found.has_docker()
        yield found
        admin.http.close()
    for path in state.glob("*.project"):
        if pid := json.loads(path.read_text())["pid"]:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    shells = Shells()
    yield Hosts(shells, tmp_path)
    shells.close()
