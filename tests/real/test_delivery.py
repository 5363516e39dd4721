"""Nodes over a real sshd: delivery, activation by a stand-in ``docker``, broken connections, hosts in trouble."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fleethub.clients import shell
from fleethub.clients.host import HostError, Hosts, Parcel
from fleethub.clients.shell import Shells
from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from tests.dying import CUT, KILL, Dying
from tests.proxies import Admin
from tests.real.docker_stand_in import GATEWAY, alive
from tests.real.sshd import Machine, key, worker
from tests.support import MASTER, Place

pytestmark = pytest.mark.real
MODELS = [
    {"model_name": name, "litellm_params": {"model": f"openai/{name}"}, "model_info": {"id": name}}
    for name in ("one", "two", "three")
]
HEAD = """
[fleet]
name = "far"
key_seed = ["file:fleet.seed"]
[policy]
drift = "repair"
[proxies.main]
url = "{url}"
key_cache_ttl = "100ms"
master_key = ["env:LITELLM_MASTER_KEY"]
[models.one]
proxy = "main"
route = "openai/one"
context = 32768
[models.two]
proxy = "main"
route = "openai/two"
context = 32768
[models.three]
proxy = "main"
route = "openai/three"
context = 32768
[defaults.node]
target = "ssh://{address}{root}/{{name}}"
image = "ghcr.io/openclaw/openclaw:2026.9.6"
model = "one"
settle = "0s"
timeout = "3s"
"""
FILES = ((".env", b"KEY='1'\n", 0o600), ("compose.yaml", b"a: 1\n", 0o644), ("openclaw.json", b"{}\n", 0o644))
NEW = ((".env", b"KEY='2'\n", 0o600), ("compose.yaml", b"a: 2\n", 0o644), ("openclaw.json", b"[]\n", 0o644))
PATHS = tuple(path for path, _, _ in FILES)
EVERY = 1 if int(os.environ.get("FLEETHUB_EXAMPLES", "60")) >= 500 else 4


def ports(count: int) -> list[int]:
    """Free ports below the range of outgoing connections."""
    found = []
    for port in range(15510 + 200 * worker(), 15700 + 200 * worker()):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    pytest.fail("no ports are free")


class Far:
    """A fleet whose nodes lie behind the sshd; ``docker`` is what the stand-in was asked."""

    def __init__(self, machine: Machine, place: Place, root: Path, state: Path, admin: Admin) -> None:
        self.machine, self.place, self.root, self.state, self.admin = machine, place, root, state, admin

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

    def has_docker(self) -> None:
        program = Path(__file__).with_name("docker_stand_in.py")
        real = os.environ.get("FLEETHUB_COMPOSE_BIN", "")
        self.machine.tool(
            "docker",
            f"#!/bin/sh\nexport DOCKER_STAND_IN={self.state} FLEETHUB_COMPOSE_BIN={real}\n"
            f'exec {sys.executable} {program} "$@"\n',
        )


@pytest.fixture
def far(machine: Machine, tmp_path: Path) -> Iterator[Far]:
    root, state = tmp_path / "srv", tmp_path / "docker"
    state.mkdir()
    with LiteLLM(models=MODELS, master_key=MASTER) as proxy:
        spec = HEAD.format(url=proxy.url, address=machine.address, root=root)
        admin = Admin(proxy.url)
        found = Far(machine, Place(tmp_path / "fleet", spec), root, state, admin)
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


def test_twenty_nodes_from_nothing_to_a_swap_and_away(far: Far) -> None:
    for n, port in enumerate(ports(20)):
        far.add(f"n{n}", port)
    far.place.apply()
    assert len(far.docker("up")) == 20
    assert {far.primary(f"n{n}") for n in range(20)} == {"one"}
    assert oct((far.root / "n7/.env").stat().st_mode) == "0o100600"
    far.place.plan_is_empty()

    first = far.pid("openclaw-n0")
    far.place.edit('model = "one"', 'model = "two"')
    plan = far.place.run("plan")
    assert "hot reload" in plan
    far.place.apply()
    assert {far.primary(f"n{n}") for n in range(20)} == {"two"}
    assert far.pid("openclaw-n0") == first
    assert len(far.docker("up")) == 20  # the config alone: nothing to do
    assert far.admin.row("n3")["models"] == ["two"]
    far.place.plan_is_empty()

    far.place.run("destroy", "--auto-approve", code=0)
    assert len(far.docker("down")) == 20
    assert not alive(first)
    assert sorted(p.name for p in (far.root / "n0").iterdir()) == ["state", "workspace"]


def test_drift_is_told_field_by_field_and_repaired(far: Far) -> None:
    far.add("volta", *ports(1))
    far.place.apply()
    config = json.loads(far.file("volta"))
    config["agents"]["defaults"]["model"]["primary"] = "fleethub-1/hand-written"
    config["agents"]["defaults"]["hidden"] = "canary-of-a-hand"
    (far.root / "volta/openclaw.json").write_text(json.dumps(config))
    (far.root / "volta/.env").chmod(0o644)
    (far.root / "volta/compose.yaml").unlink()
    (far.root / "volta/compose.yaml").symlink_to("/etc/hostname")
    plan = far.place.run("plan")
    assert "agents.defaults.model.primary" in plan
    assert "canary-of-a-hand" not in plan
    assert "0644" in plan
    assert "a link in its place" in plan
    assert "openclaw.json agents.defaults.model.primary: fleethub-1/one → (sensitive)" in plan
    far.place.apply()
    far.place.plan_is_empty()
    assert far.primary("volta") == "one"


@pytest.mark.parametrize("kill", [KILL, CUT], ids=["process", "connection"])
def test_broken_at_every_point_the_node_has_one_set_whole(
    kill: str, machine: Machine, hosts: Hosts, tmp_path: Path
) -> None:
    dying = Dying(machine.bin, tmp_path / "state", kill)
    serials = set()
    # more than a pipe holds, so that a cut in the middle leaves a part
    big = ("big", os.urandom(1 << 19), 0o644)
    for n in range(1, 200, EVERY):
        target = hosts.at(f"ssh://{machine.address}{tmp_path}/n{n}")
        target.deliver(Parcel((*FILES, big), {"serial": 1}))
        dying.at(n, "before")
        with suppress(HostError):
            target.deliver(Parcel((*NEW, big), {"serial": 2}))
        dying.disarm()
        reading = target.read(PATHS)  # waits for a script that goes on without its connection
        ran = dying.ran
        serial = (reading.mark or {})["serial"]
        serials.add(serial)
        there = [(p, f.content.reveal(), f.mode) for p, f in reading.files.items() if f.content]
        assert there == list(NEW if serial == 2 else FILES)
        if ran < n:
            break
    assert serials == {1, 2} if kill == KILL else serials <= {1, 2}  # a script may outlive its connection
    assert n > 8


DYING = """
import os, signal, sys
from fleethub.applying import nodes, run
from fleethub.model.actions import Activate
def dies(do, context):
    os.kill(os.getpid(), signal.SIGKILL)
run.HANDLERS[Activate] = dies
from fleethub.cli import main
main(["-C", sys.argv[1], "apply", "--auto-approve"])
"""


def test_a_crash_between_delivery_and_activation(far: Far) -> None:
    """The next plan activates, and only that."""
    far.add("volta", *ports(1))
    far.place.apply()
    first = far.pid("openclaw-volta")
    far.place.edit("openclaw:2026.9.6", "openclaw:2026.9.7")
    env = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
    done = subprocess.run([sys.executable, "-c", DYING, str(far.place.folder)], env=env, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stdout
    assert "2026.9.7" in far.file("volta", ".env")
    plan = far.place.run("plan", "--detailed-exitcode", code=Exit.CHANGES)
    assert "activated" in plan
    assert "behind our back" not in plan
    before = (far.root / "volta/openclaw.json").stat()
    out = far.place.apply()
    assert "node.volta/activate" in out
    assert "node.volta/deliver" not in out
    assert (far.root / "volta/openclaw.json").stat() == before
    assert far.pid("openclaw-volta") != first
    far.place.plan_is_empty()


@pytest.mark.parametrize(("image", "says"), [("broken:1", "did not answer"), ("no-such-image:1", "pull access denied")])
def test_a_node_that_does_not_come_up_gets_its_old_set_back(far: Far, image: str, says: str) -> None:
    far.add("volta", *ports(1))
    far.place.apply()
    old = {path: far.file("volta", path) for path in (".env", "compose.yaml", "openclaw.json")}
    far.place.edit("ghcr.io/openclaw/openclaw:2026.9.6", image)
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert says in out
    assert "the old set is back, and answers" in out
    assert {path: far.file("volta", path) for path in old} == old
    assert alive(far.pid("openclaw-volta"))
    far.place.edit(image, "ghcr.io/openclaw/openclaw:2026.9.6")
    far.place.apply()
    far.place.plan_is_empty()


def test_the_first_that_does_not_come_up_stops_the_rest(far: Far) -> None:
    for n, port in enumerate(ports(4)):
        far.add(f"n{n}", port)
    far.place.apply()
    far.place.edit("ghcr.io/openclaw/openclaw:2026.9.6", "broken:1")
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "1 node did not come up with the new files" in out
    assert [far.file(f"n{n}", ".env").count("broken:1") for n in range(4)] == [0, 0, 0, 0]
    out = far.place.run("apply", "--auto-approve", "--max-failures", "9", code=Exit.PARTIAL)
    assert out.count("the old set is back, and answers") == 2 * 4  # said when it happens and at the end


def test_hosts_in_trouble_hold_up_nobody_else(far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "CONNECT", 1.0)
    monkeypatch.setattr(shell, "LOGIN", 3.0)
    machine, user = far.machine, far.machine.user
    machine.known_hosts(f"{machine.known}[localhost]:{machine.port} {key(tmp_path / 'other')}\n")
    # a file may have no more than 1 KiB in this folder: what a full disk or a quota does to tar
    machine.tool("tar", '#!/bin/sh\ncase $PWD in */full/*) ulimit -f 1;; esac\nexec /usr/bin/tar "$@"\n')
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(5)
        hangs = f"{user}@127.0.0.1:{deaf.getsockname()[1]}"
        taken = iter(ports(8))
        for name, address, root in (
            ("good", machine.address, far.root),
            ("fine", machine.address, far.root),
            ("wrong-key", f"{user}@localhost:{machine.port}", far.root),
            ("hangs", hangs, far.root),
            ("nowhere", f"{user}@nowhere.invalid", far.root),
            ("read-only", machine.address, Path("/sys/fleethub-test")),
            ("full", machine.address, far.root),
        ):
            far.add(name, next(taken), target=f'"ssh://{address}{root}/{name}"')
        out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    for words in (
        "the host key of",
        "is not the one in known_hosts",
        "node.hangs",
        "does not answer as an SSH server",
        "its name is not known here",
        "cannot make /sys/fleethub-test/read-only",
        "its files did not arrive whole",
    ):
        assert words in out, f"{words}\n{out}"
    assert far.primary("good") == far.primary("fine") == "one"
    assert not (far.root / "full/openclaw.json").exists()


def test_a_login_that_is_refused_blocks_its_node(far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far.add("volta", *ports(1))
    home = tmp_path / "stranger"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/known_hosts").write_text(far.machine.known)
    monkeypatch.setenv("HOME", str(home))
    out = far.place.run("plan")
    assert "the login was refused" in out
    assert not far.root.exists()


def gateway(port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", GATEWAY, str(port)])
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.02)
    process.kill()
    pytest.fail("the gateway did not start")


def test_never_activated_the_key_stays_wide_until_the_restart_is_seen(far: Far) -> None:
    (port,) = ports(1)
    far.add("volta", port, type='"openclaw-native"')
    far.place.apply()
    far.place.plan_is_empty()
    process = gateway(port)
    try:
        far.place.edit('model = "one"', 'model = "two"')
        far.place.apply()  # hot: nothing to restart
        assert far.admin.row("volta")["models"] == ["two"]
        far.place.plan_is_empty()

        far.place.edit('model = "two"', 'model = "three"')
        far.place.edit("[nodes.volta]\n", '[nodes.volta]\nenv = { ZONE = { value = "x" } }\n')
        out = far.place.apply()
        assert "waits until volta is seen restarted" in out
        assert sorted(far.admin.row("volta")["models"]) == ["three", "two"]  # type: ignore[type-var]
        out = far.place.run("plan")
        assert "waits until volta is seen restarted" in out
        far.place.run("apply", "--auto-approve")
        assert sorted(far.admin.row("volta")["models"]) == ["three", "two"]  # type: ignore[type-var]
    finally:
        process.kill()
        process.wait()
    process = gateway(port)
    try:
        far.place.apply()
        assert far.admin.row("volta")["models"] == ["three"]
        far.place.plan_is_empty()
    finally:
        process.kill()
        process.wait()


def test_no_second_stack_is_started_beside_an_old_one(far: Far) -> None:
    (first,) = ports(1)
    far.add("volta", first)
    (far.root / "volta").mkdir(parents=True)
    (far.root / "volta/docker-compose.yml").write_text("services: {}\n")
    assert "compose.second-file" in far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    (far.root / "volta/docker-compose.yml").unlink()
    process = gateway(first)
    try:
        assert "node.port-clash" in far.place.run("apply", "--auto-approve", code=Exit.REFUSED)
    finally:
        process.kill()
        process.wait()
    far.place.apply()
    far.place.edit(f"port = {first}\n", f'port = {first}\nproject = "other"\n')
    assert "compose.project-changes" in far.place.run("apply", "--auto-approve", code=Exit.REFUSED)
    assert len(far.docker("up")) == 1
    far.place.edit('project = "other"\n', "")
    (far.machine.bin / "docker").unlink()
    if not any((Path(folder) / "docker").exists() for folder in ("/usr/bin", "/bin", "/usr/local/bin")):
        assert "node.no-docker" in far.place.run("plan", code=Exit.REFUSED)


def test_compose_refuses_before_anything_is_renamed(far: Far) -> None:
    if not os.environ.get("FLEETHUB_COMPOSE_BIN"):
        if os.environ.get("FLEETHUB_REQUIRE_REAL"):
            pytest.fail("FLEETHUB_REQUIRE_REAL is set, and FLEETHUB_COMPOSE_BIN is not")
        pytest.skip("FLEETHUB_COMPOSE_BIN is not set: see test_openclaw.py")
    far.add("volta", *ports(1))
    far.place.apply()
    old = far.file("volta", "compose.yaml")
    folder = far.place.folder / "templates/openclaw-docker"
    folder.mkdir(parents=True)
    (folder / "compose.yaml.j2").write_text(old + "    no-such-key: 1\n")
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "docker compose config ended with 15" in out
    assert far.file("volta", "compose.yaml") == old


def test_the_nodes_own_openclaw_refuses_before_anything_is_renamed(far: Far) -> None:
    """A gateway without a container; what FleetHub's own checks let through, and the validator does not."""
    found = os.environ.get("FLEETHUB_OPENCLAW_BIN")
    if not found:
        if os.environ.get("FLEETHUB_REQUIRE_REAL"):
            pytest.fail("FLEETHUB_REQUIRE_REAL is set, and FLEETHUB_OPENCLAW_BIN is not")
        pytest.skip("FLEETHUB_OPENCLAW_BIN is not set: see test_openclaw.py")
    far.machine.tool("openclaw", f'#!/bin/sh\nPATH={found}:$PATH OPENCLAW_NO_RESPAWN=1 exec openclaw "$@"\n')
    far.add("volta", *ports(1), type='"openclaw-native"')
    out = far.place.apply()
    assert "not at hand" not in out
    old = far.file("volta")
    far.place.edit("[nodes.volta]\n", "[nodes.volta]\nopenclaw = { channels = { nowhere = { enabled = true } } }\n")
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "openclaw config validate ended with 1" in out
    assert "nowhere" in out
    assert far.file("volta") == old
    assert sorted(p.name for p in (far.root / "volta/.fleethub").iterdir()) == ["applied", "mark.json"]


def test_no_secret_in_a_process_list_or_anywhere_else(far: Far, tmp_path: Path) -> None:
    far.add("volta", *ports(1))
    seen = tmp_path / "seen"
    for name in ("tar", "mv", "sync"):
        far.machine.tool(name, f'#!/bin/sh\ncat /proc/[0-9]*/cmdline >>{seen}\nexec /usr/bin/{name} "$@"\n')
    out = far.place.apply()
    lines = [line.partition("=")[2].strip("'") for line in far.file("volta", ".env").splitlines() if "=" in line]
    secrets = [value for value in lines if value.startswith("sk-") or len(value) == 43]
    assert len(secrets) >= 2
    told = seen.read_bytes() + out.encode()
    for path in far.place.folder.rglob("*"):
        if path.is_file() and path.name != "fleet.seed":
            told += path.read_bytes()
    assert [s for s in secrets if s.encode() in told] == []


def test_the_mark_tells_when_it_was_activated(far: Far) -> None:
    far.add("volta", *ports(1))
    far.place.apply()
    assert "activated" in json.loads(far.file("volta", ".fleethub/mark.json"))


def test_a_text_for_the_nodes_agents_restarts_nothing(far: Far) -> None:
    one, other = ports(2)
    far.add("volta", one)
    far.add("tiltclaw", other, type='"openclaw-native"')
    far.place.apply()
    first, started = far.pid("openclaw-volta"), len(far.docker("up"))
    process = gateway(other)
    try:
        far.place.edit('timeout = "3s"', 'timeout = "3s"\nfiles = { fleethub = "workspace/FLEETHUB.md" }')
        assert "read at the next session" in far.place.run("plan")
        far.place.apply()
        far.place.plan_is_empty()
    finally:
        process.kill()
        process.wait()
    assert (far.pid("openclaw-volta"), len(far.docker("up"))) == (first, started)
    for name in ("volta", "tiltclaw"):
        file = far.root / name / "workspace/FLEETHUB.md"
        assert oct(file.stat().st_mode) == "0o100644"
        assert file.parent.stat().st_uid == (1000 if os.geteuid() == 0 else os.geteuid())
        assert "`one`, by the LiteLLM proxy `main`" in file.read_text()
    (far.root / "volta/workspace/FLEETHUB.md").unlink()
    (far.root / "volta/workspace/FLEETHUB.md").symlink_to("/etc/hostname")
    before = Path("/etc/hostname").read_bytes()
    assert "a link in its place" in far.place.run("plan")
    far.place.apply()
    far.place.plan_is_empty()
    assert Path("/etc/hostname").read_bytes() == before
    assert not (far.root / "volta/workspace/FLEETHUB.md").is_symlink()
    assert far.pid("openclaw-volta") == first
    far.place.edit('\nfiles = { fleethub = "workspace/FLEETHUB.md" }', "")
    far.place.apply()
    far.place.plan_is_empty()
    assert not (far.root / "volta/workspace/FLEETHUB.md").exists()
    assert (far.pid("openclaw-volta"), len(far.docker("up"))) == (first, started)
