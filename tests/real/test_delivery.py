"""Sets of files over a real sshd: whole wherever a delivery breaks, apart from others', told field by field, secret."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from fleethub.clients.host import Bundle, Delivered, HostError, Hosts, SetCheck
from fleethub.formats import json5
from fleethub.model.exit import Exit
from fleethub.model.secret import Blob
from tests.dying import CUT, KILL, Dying, points
from tests.kinds.test_wiring import CONFIG, ENV
from tests.ports import free
from tests.real.far import Far
from tests.real.sshd import Machine, key
from tests.support import MASTER, Place

pytestmark = pytest.mark.real
FILES = ((".env", b"KEY='1'\n", 0o600), ("compose.yaml", b"a: 1\n", 0o644), ("openclaw.json", b"{}\n", 0o644))
NEW = ((".env", b"KEY='2'\n", 0o600), ("compose.yaml", b"a: 2\n", 0o644), ("openclaw.json", b"[]\n", 0o644))
PATHS = tuple(path for path, _, _ in FILES)
EVERY = 4


def test_a_node_that_its_operator_set_up_gets_its_wiring_and_keeps_its_bytes(far: Far) -> None:
    folder = far.root / "volta"
    folder.mkdir(parents=True)
    for name, text in {"openclaw.json": CONFIG, ".env": ENV, "docker-compose.yml": "services: {}\n"}.items():
        (folder / name).write_text(text)
    (folder / "openclaw.json").chmod(0o640)
    far.add("volta", *free(1), manage='"wiring"', activate='"never"')
    said = far.place.run("plan", code=0) + far.place.apply()
    far.place.plan_is_empty()
    config = json5.read((folder / "openclaw.json").read_bytes())
    assert config is not None
    assert config["agents"]["defaults"]["model"]["primary"] == "fleethub-1/one"
    assert (folder / "openclaw.json").stat().st_mode & 0o777 == 0o640
    assert far.file("volta", ".env").startswith(ENV)
    (kept,) = (folder / ".fleethub/overwritten").iterdir()
    assert (kept / "openclaw.json").read_text() == CONFIG
    (folder / "openclaw.json").write_text(far.file("volta").replace("hands off", "hands on"))
    far.place.plan_is_empty()
    far.place.write(
        (far.place.folder / "fleet.toml").read_text().replace("[nodes.volta]", '[nodes.volta]\nmodel = "two"')
    )
    said += far.place.apply()
    far.place.plan_is_empty()
    assert "/* hands on */" in far.file("volta")
    assert '"fleethub-1/two"' in far.file("volta")
    (folder / "openclaw.json").write_text("{ broken")
    assert "openclaw.json: it cannot be read as JSON5, so it is left alone" in far.place.run("plan", code=1)
    assert "canary" not in said
    assert not far.docker("up")


def test_drift_is_told_field_by_field_and_repaired(far: Far) -> None:
    far.add("volta", *free(1))
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
    (far.root / "volta/openclaw.json").unlink()
    assert "openclaw.json: not there → written" in far.place.run("plan")
    far.place.apply()
    far.place.plan_is_empty()
    assert far.primary("volta") == "one"


@pytest.mark.parametrize("first", points(EVERY))
@pytest.mark.parametrize("kill", [KILL, CUT], ids=["process", "connection"])
def test_broken_at_every_point_the_node_has_one_set_whole(
    first: int, kill: str, machine: Machine, hosts: Hosts, tmp_path: Path
) -> None:
    dying = Dying(machine.bin, tmp_path / "state", kill)
    serials = set()
    # more than a pipe holds, so that a cut in the middle leaves a part
    big = ("big", os.urandom(1 << 19), 0o644)
    for n in range(first, 200, EVERY):
        target = hosts.at(f"ssh://{machine.address}{tmp_path}/n{n}")
        target.deliver(Bundle((*FILES, big), {"serial": 1}))
        dying.at(n, "before")
        with suppress(HostError):
            target.deliver(Bundle((*NEW, big), {"serial": 2}))
        dying.disarm()
        reading = target.read(PATHS)  # waits for a script that goes on without its connection
        ran = dying.ran
        serial = (reading.mark or {})["serial"]
        serials.add(serial)
        there = [(p, f.content.reveal(), f.mode) for p, f in reading.files.items() if f.content]
        assert there == list(NEW if serial == 2 else FILES)
        if ran < n:
            break
    assert serials <= {1, 2}
    if kill == KILL:  # a script may outlive its connection
        assert 2 in serials
        assert 1 in serials or first > 1  # a set is committed after few programs
    assert n > 8


@pytest.mark.sample
def test_the_env_file_is_its_owners_alone_from_its_first_byte(machine: Machine, hosts: Hosts, tmp_path: Path) -> None:
    """Ended in the middle of it, while it comes in: what lies there by then."""
    target = hosts.at(f"ssh://{machine.address}{tmp_path}/n")
    secret = (".env", b"KEY='1'\n" * 12000, 0o600)
    bundle = Bundle((secret, *FILES[1:]), {"serial": 1})
    with tarfile.open(fileobj=io.BytesIO(bundle.pack())) as archive:
        start = archive.getmember("incoming/applied/.env").offset_data
    sizes = set()
    for more in (512, 11000, 60000):
        machine.tool("tar", f'#!/bin/sh\nhead -c {start + more} | /usr/bin/tar "$@"\nkill -9 0\n')
        with suppress(HostError):
            target.deliver(bundle)
        folder = tmp_path / "n/.fleethub/incoming"
        assert folder.stat().st_mode & 0o777 == 0o700
        (found,) = folder.rglob(".env")
        assert found.stat().st_mode & 0o777 == 0o600
        sizes.add(found.stat().st_size)
    assert len(sizes) > 1
    assert max(sizes) < len(secret[1])
    (machine.bin / "tar").unlink()
    target.deliver(bundle)
    assert (tmp_path / "n/.env").stat().st_mode & 0o777 == 0o600


def test_one_login_for_an_apply_and_one_exec_for_each_step(far: Far) -> None:
    """The connection of the plan is that of the delivery; sshd's own log counts."""
    for n, port in enumerate(free(3)):
        far.add(f"n{n}", port)

    def counted(command: Callable[[], object]) -> tuple[int, int]:
        before = len(far.machine.log())
        command()
        log = far.machine.log()[before:]
        return log.count("Accepted publickey"), log.count("Starting session: command")

    each = 5  # read, deliver, activate and ask its health, stamp the mark; read again, for what sessions are told
    assert counted(far.place.apply) == (1, 3 * each)
    assert counted(far.place.plan_is_empty) == (1, 3)
    far.place.edit('model = "one"', 'model = "two"')
    each += 1  # read again, for who listens on its port: that is asked only where the plan does something
    assert counted(far.place.apply) == (1, 3 * each)


def test_two_fleets_at_one_target_keep_apart(far: Far, tmp_path: Path) -> None:
    """While one delivers, the other waits for its lock, and then sees whose the node is."""
    go = tmp_path / "go"
    port, own = free(2)
    target = f'"ssh://{far.machine.address}{far.root}/shared"'
    spec = (far.place.folder / "fleet.toml").read_text().replace('name = "far"', 'name = "near"')
    other = Place(tmp_path / "other", f'{spec}[nodes.own]\nhost = "127.0.0.1"\nport = {own}\n')
    other.apply()
    other.write(f'{spec}[nodes.tilt]\nhost = "127.0.0.1"\nport = {port}\ntarget = {target}\n')
    far.add("volta", port, target=target)
    # the first one's check of its set goes on when the second one waits
    (far.machine.bin / "docker").rename(far.machine.bin / "docker-that-works")
    wait = f"while [ ! -e {go} ]; do /bin/sleep 0.02; done"
    far.machine.tool("docker", f'#!/bin/sh\ncase "$*" in *" config "*) {wait};; esac\nexec docker-that-works "$@"\n')
    far.machine.tool("sleep", f'#!/bin/sh\ntouch {go}\nexec /bin/sleep "$@"\n')
    argv = [sys.executable, "-m", "fleethub", "-C", str(far.place.folder), "apply", "--auto-approve"]
    first = subprocess.Popen(argv, env={**os.environ, "LITELLM_MASTER_KEY": MASTER}, stdout=subprocess.DEVNULL)
    try:
        holder = far.root / "shared/.fleethub/lock/holder"
        end = time.monotonic() + 300
        while not holder.exists() and time.monotonic() < end:
            time.sleep(0.02)
        out = other.run("plan")
        assert go.exists(), out
        assert first.wait(60) == Exit.FINE
    finally:
        first.kill()
        first.wait()
    assert other.code == Exit.REFUSED, out
    assert "node.foreign" in out
    assert json.loads(far.file("shared", ".fleethub/mark.json"))["lineage"] == far.place.lockfile.lineage
    far.place.plan_is_empty()


def test_of_two_that_planned_for_an_empty_target_one_delivers(hosts: Hosts, machine: Machine, tmp_path: Path) -> None:
    go = tmp_path / "go"
    target = hosts.at(f"ssh://{machine.address}{tmp_path}/n")
    machine.tool("sleep", f'#!/bin/sh\ntouch {go}\nexec /bin/sleep "$@"\n')
    slow = SetCheck("waits", ("sh", "-c", f"while [ ! -e {go} ]; do /bin/sleep 0.02; done"))
    absent = dict.fromkeys(PATHS)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(target.deliver, Bundle(FILES, {"lineage": "a"}, expects=absent, checks=(slow,)))
        end = time.monotonic() + 300
        while not (tmp_path / "n/.fleethub/lock/holder").exists() and time.monotonic() < end:
            time.sleep(0.02)
        second = pool.submit(target.deliver, Bundle(NEW, {"lineage": "b"}, expects=absent))
        assert first.result(60) == Delivered()
        with pytest.raises(HostError, match="changed since the plan was made"):
            second.result(60)
    reading = target.read(PATHS)
    assert reading.mark == {"lineage": "a"}
    assert [(p, f.content.reveal(), f.mode) for p, f in reading.files.items() if f.content] == list(FILES)


def test_hosts_in_trouble_hold_up_nobody_else(far: Far, tmp_path: Path) -> None:
    machine, user = far.machine, far.machine.user
    machine.known_hosts(f"{machine.known}[localhost]:{machine.port} {key(tmp_path / 'other')}\n")
    small = tmp_path / "small"
    small.mkdir()
    full = "no space left"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", str(small)], capture_output=True).returncode:
        # a file may have no more than 1 KiB in this folder: what a quota does to tar
        machine.tool("tar", '#!/bin/sh\ncase $PWD in */full/*) ulimit -f 1;; esac\nexec /usr/bin/tar "$@"\n')
        full = "its files did not arrive whole"
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(5)
        hangs = f"{user}@127.0.0.1:{deaf.getsockname()[1]}"
        taken = iter(free(8))
        for name, address, root in (
            ("good", machine.address, far.root),
            ("fine", machine.address, far.root),
            ("wrong-key", f"{user}@localhost:{machine.port}", far.root),
            ("hangs", hangs, far.root),
            ("nowhere", f"{user}@nowhere.invalid", far.root),
            ("read-only", machine.address, Path("/sys/fleethub-test")),
            ("full", machine.address, small),
        ):
            far.add(name, next(taken), target=f'"ssh://{address}{root}/{name}"')
        try:
            out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
            assert not (small / "full/openclaw.json").exists()
        finally:
            if "left" in full:
                subprocess.run(["umount", str(small)], check=True)
    for words in (
        "the host key of",
        "is not the one in known_hosts",
        "node.hangs",
        "does not answer as an SSH server",
        "its name is not known here",
        "cannot make /sys/fleethub-test/read-only",
        full,
    ):
        assert words in out.casefold() if words == full else words in out, f"{words}\n{out}"
    assert far.primary("good") == far.primary("fine") == "one"


def test_a_login_that_is_refused_blocks_its_node(far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far.add("volta", *free(1))
    home = tmp_path / "stranger"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/known_hosts").write_text(far.machine.known)
    monkeypatch.setenv("HOME", str(home))
    out = far.place.run("plan")
    assert "the login was refused" in out
    assert not far.root.exists()


def test_no_secret_in_a_process_list_or_anywhere_else(far: Far, tmp_path: Path) -> None:
    far.add("volta", *free(1))
    seen = tmp_path / "seen"
    (far.machine.bin / "docker").rename(far.machine.bin / "docker-that-works")
    for name, program in (("tar", "/usr/bin/tar"), ("mv", "/usr/bin/mv"), ("docker", "docker-that-works")):
        far.machine.tool(name, f'#!/bin/sh\ncat /proc/[0-9]*/cmdline >>{seen}\nexec {program} "$@"\n')
    out = far.place.apply()
    lines = [line.partition("=")[2].strip("'") for line in far.file("volta", ".env").splitlines() if "=" in line]
    secrets = [value for value in lines if value.startswith("sk-") or len(value) == 43]
    assert len(secrets) >= 2
    told = seen.read_bytes() + out.encode()
    assert b"pytest" in told  # FleetHub's own side
    assert b"s=$0$1$2" in told  # and the node's
    for path in far.place.folder.rglob("*"):
        if path.is_file() and path.name != "fleet.seed":
            told += path.read_bytes()
    assert [s for s in secrets if s.encode() in told] == []


#: Start-up files of the login account, as sshd's shell reads them before every script; and what they do.
PRINTING = {
    "a line": "echo Welcome",
    "no newline": "printf Welcome",
    "much": "seq 2000",
    "at the end": "trap 'echo bye' EXIT",
    "what FleetHub's scripts say": "echo absent; echo end; echo removed",
    "in the background": "(sleep 0.3; echo late) &",
}


@pytest.fixture
def bashrc(machine: Machine) -> Iterator[Callable[[str], None]]:
    path = Path(machine.remote) / ".bashrc"

    def write(text: str) -> None:
        path.write_text(text + "\n")

    yield write
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("text", PRINTING.values(), ids=PRINTING)
def test_a_login_script_that_prints_hides_nothing(
    text: str, bashrc: Callable[[str], None], machine: Machine, hosts: Hosts, tmp_path: Path
) -> None:
    bashrc(text)
    assert machine.prints() or "sleep" in text, "the account's shell reads no .bashrc here"
    target = hosts.at(f"ssh://{machine.address}{tmp_path}/n")
    assert not target.read(PATHS).exists
    target.deliver(Bundle(FILES, {"serial": 1}))
    (tmp_path / "n/compose.yaml").write_bytes(b"somebody else's")
    reading = target.read(PATHS)
    assert {p: f.content.reveal() for p, f in reading.files.items() if f.content} == {
        ".env": b"KEY='1'\n",
        "compose.yaml": b"somebody else's",
        "openclaw.json": b"{}\n",
    }
    assert "compose.yaml" in target.remove({p: Blob(c) for p, c, _ in FILES}).stays


def test_a_login_script_that_lets_no_script_run_makes_no_node_forgotten(
    bashrc: Callable[[str], None], far: Far
) -> None:
    far.add("volta", *free(1), activate='"never"')
    far.place.apply()
    before = far.place.lockfile
    for text in ("echo Welcome to volta; exit 0", "echo absent; echo end; exit 0", "exec cat >/dev/null"):
        bashrc(text)
        plan = far.place.run("plan", code=1)
        assert "a login script of that account writes into it" in plan
        assert "gone" not in plan
        far.place.run("destroy", "--auto-approve", code=1)
        assert {r["key_alias"] for r in far.admin.rows()} == {"volta"}
        assert far.place.lockfile == before
    far.place.edit("[nodes.volta]", "[nodes.other]")  # taken out of the spec: as explicit as destroy
    far.place.run("apply", "--auto-approve")
    assert "volta" in {r["key_alias"] for r in far.admin.rows()}
    assert before.resources.keys() <= far.place.lockfile.resources.keys()
