"""Nodes over a real sshd from a plan to an answer: waves, health, the way back, judges there; ``docker`` is played."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleethub.model.address import Address
from fleethub.model.exit import Exit
from tests.ports import free
from tests.real.docker_stand_in import PYTHON, alive
from tests.real.far import Far, required
from tests.support import MASTER

pytestmark = pytest.mark.real


def test_twenty_nodes_from_nothing_to_a_swap_and_away(far: Far) -> None:
    for n, port in enumerate(free(20)):
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


DYING = """
import os, signal, sys
from fleethub.kinds.node.execute import HANDLERS
from fleethub.kinds.node.actions import Activate
def dies(do, context):
    os.kill(os.getpid(), signal.SIGKILL)
HANDLERS[Activate] = dies
from fleethub.cli import main
main(["-C", sys.argv[1], "apply", "--auto-approve"])
"""


@pytest.mark.sample
def test_a_crash_between_delivery_and_activation(far: Far) -> None:
    """The next plan activates, and only that."""
    far.add("volta", *free(1))
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
    far.add("volta", *free(1))
    far.place.apply()
    old = {path: far.file("volta", path) for path in (".env", "compose.yaml", "openclaw.json")}
    far.place.edit("ghcr.io/openclaw/openclaw:2026.9.6", image)
    far.place.edit('timeout = "20s"', 'timeout = "4s"')
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert says in out
    assert "the old set is back, and answers" in out
    assert {path: far.file("volta", path) for path in old} == old
    assert alive(far.pid("openclaw-volta"))
    far.place.edit(image, "ghcr.io/openclaw/openclaw:2026.9.6")
    far.place.apply()
    far.place.plan_is_empty()


def test_the_first_that_does_not_come_up_stops_the_rest(far: Far) -> None:
    for n, port in enumerate(free(4)):
        far.add(f"n{n}", port)
    far.place.apply()
    far.place.edit("ghcr.io/openclaw/openclaw:2026.9.6", "broken:1")
    far.place.edit('timeout = "20s"', 'timeout = "4s"')
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "1 node did not come up with the new files" in out
    assert [far.file(f"n{n}", ".env").count("broken:1") for n in range(4)] == [0, 0, 0, 0]
    out = far.place.run("apply", "--auto-approve", "--max-failures", "9", code=Exit.PARTIAL)
    assert out.count("the old set is back, and answers") == 2 * 4  # said when it happens and at the end


def gateway(port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([*PYTHON, str(port)])
    end = time.monotonic() + 300
    while time.monotonic() < end:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.02)
    process.kill()
    pytest.fail("the gateway did not start")


def test_never_activated_the_key_stays_wide_until_the_restart_is_seen(far: Far) -> None:
    (port,) = free(1)
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


@pytest.mark.parametrize("way", ["destroy", "removed"])
def test_what_a_human_starts_is_removed_without_docker(far: Far, way: str) -> None:
    far.add("volta", *free(1), activate='"never"')
    far.add("lima", *free(1))
    far.place.apply()
    assert far.place.lockfile.resources[Address.parse("node.volta")].by_hand
    ends = "end it there by hand: docker compose --project-name openclaw-volta down --remove-orphans"
    if way == "destroy":
        out = far.place.run("destroy", "--auto-approve", code=0)
    else:
        text = (far.place.folder / "fleet.toml").read_text()
        far.place.write(text[: text.index("[nodes.volta]")])
        assert ends in far.place.run("plan")
        out = far.place.apply()
    assert f"what runs there was not ended; {ends}" in out
    assert "openclaw-lima" not in out
    assert {argv[2] for argv in far.docker("down")} == {"openclaw-lima"}
    assert sorted(p.name for p in (far.root / "volta").iterdir()) == ["state", "workspace"]
    assert not far.admin.rows("volta")


def test_a_host_whose_docker_went_is_removable(far: Far) -> None:
    far.add("volta", *free(1))
    far.place.apply()
    far.machine.tool("docker", "#!/bin/sh\nexit 125\n")  # docker without its Compose plugin
    out = far.place.run("destroy", "--auto-approve", code=0)
    assert "end it there by hand: docker compose --project-name openclaw-volta down" in out
    assert sorted(p.name for p in (far.root / "volta").iterdir()) == ["state", "workspace"]
    assert not far.admin.rows("volta")


def test_no_second_stack_is_started_beside_an_old_one(far: Far) -> None:
    (first,) = free(1)
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
    required("FLEETHUB_COMPOSE_BIN")
    far.add("volta", *free())
    far.place.apply()
    old = far.file("volta", "compose.yaml")
    folder = far.place.folder / "templates/openclaw-docker"
    folder.mkdir(parents=True)
    (folder / "compose.yaml.j2").write_text(old + "    no-such-key: 1\n")
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "docker compose config ended with 15" in out
    assert far.file("volta", "compose.yaml") == old


@pytest.mark.parametrize("kind", ["docker", "native"])
def test_the_nodes_own_openclaw_refuses_before_anything_is_renamed(far: Far, kind: str) -> None:
    """What FleetHub's own checks let through, and the validator of the node's binary or image does not."""
    found = required("FLEETHUB_OPENCLAW_BIN")
    path = "state/openclaw.json" if kind == "docker" else "openclaw.json"
    if kind == "docker":
        far.has_docker(openclaw=found)
        far.add("volta", *free(), files='{ compose = "docker-compose.yml", openclaw = "state/openclaw.json" }')
    else:
        far.machine.tool("openclaw", f'#!/bin/sh\nPATH={found}:$PATH OPENCLAW_NO_RESPAWN=1 exec openclaw "$@"\n')
        far.add("volta", *free(), type='"openclaw-native"')
    assert "not at hand" not in far.place.apply()
    old = far.file("volta", path)
    far.place.edit("[nodes.volta]\n", "[nodes.volta]\nopenclaw = { channels = { nowhere = { enabled = true } } }\n")
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "openclaw config validate ended with 1" in out
    assert "nowhere" in out
    assert far.file("volta", path) == old
    assert "incoming" not in {p.name for p in (far.root / "volta/.fleethub").iterdir()}


def test_paths_of_the_specs_own_from_delivery_to_removal(far: Far) -> None:
    files = '{ compose = "docker-compose.yml", openclaw = "state/openclaw.json", env = "gateway.env" }'
    far.add("volta", *free(), files=files, project='"mesh"', uid=str(os.getuid()))
    far.place.apply()
    far.place.plan_is_empty()
    assert sorted(p.name for p in (far.root / "volta").iterdir()) == [
        *(".fleethub", "docker-compose.yml", "gateway.env", "state", "workspace")
    ]
    assert oct((far.root / "volta/gateway.env").stat().st_mode) == "0o100600"
    assert far.docker("up")[0][:6] == ["compose", "--env-file", "gateway.env", "-f", "docker-compose.yml", "up"]
    assert alive(far.pid("mesh"))
    far.place.edit('model = "one"', 'model = "two"')
    far.place.apply()
    assert "/two" in far.file("volta", "state/openclaw.json")
    (far.root / "volta/state/memory.sqlite").write_text("OpenClaw's own")
    far.place.run("destroy", "--auto-approve", code=0)
    assert [p.name for p in (far.root / "volta").rglob("*") if p.is_file()] == ["memory.sqlite"]


def test_a_process_that_stayed_is_not_taken_for_the_new_one(far: Far) -> None:
    """Its health is asked, and answered, by the process that knows the old set alone."""
    far.add("volta", *free())
    far.place.apply()
    first = far.pid("openclaw-volta")
    (far.machine.bin / "docker").rename(far.machine.bin / "docker-that-works")
    far.machine.tool("docker", '#!/bin/sh\ncase "$*" in *" up "*) exit 0;; esac\nexec docker-that-works "$@"\n')
    far.place.edit("openclaw:2026.9.6", "openclaw:2026.9.7")
    far.place.edit('timeout = "20s"', 'timeout = "1s"')
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "is still the one from before, which does not know the new set" in out
    assert "the old set is back, and answers" in out  # and that one does know the old set
    assert "2026.9.6" in far.file("volta", ".env")
    assert far.pid("openclaw-volta") == first
    (far.machine.bin / "docker-that-works").rename(far.machine.bin / "docker")
    far.place.edit('timeout = "1s"', 'timeout = "20s"')
    far.place.apply()
    assert far.pid("openclaw-volta") != first
    far.place.plan_is_empty()


def test_a_first_set_that_does_not_come_up_stays_and_is_tried_again(far: Far) -> None:
    far.add("volta", *free())
    far.place.edit("ghcr.io/openclaw/openclaw:2026.9.6", "broken:1")
    far.place.edit('timeout = "20s"', 'timeout = "1s"')
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "there is no older set to put back" in out
    assert "activated" in far.place.run("plan", "--detailed-exitcode", code=Exit.CHANGES)
    far.place.edit("broken:1", "ghcr.io/openclaw/openclaw:2026.9.6")
    far.place.edit('timeout = "1s"', 'timeout = "20s"')
    far.place.apply()
    far.place.plan_is_empty()


def test_versions_of_a_nodes_tools_are_told_and_a_missing_one_is_a_finding(far: Far) -> None:
    said = "case $1 in --version) echo 'OpenClaw 2026.9.6 (eb37)';; *) echo '{\"valid\":true,\"warnings\":[]}';; esac"
    far.machine.tool("openclaw", f"#!/bin/sh\n{said}\n")
    first, second = free(2)
    far.add("volta", first)
    far.add("tilt", second, type='"openclaw-native"')
    far.place.apply()

    def tools(name: str) -> dict[str, str]:
        (told,) = [line for line in far.place.json("show", f"node.{name}") if line["type"] == "show"]
        found: dict[str, str] = told["observed"]["telemetry"]["tools"]
        return found

    assert tools("volta")["compose"] == "2.26.1"
    assert tools("tilt")["openclaw"] == "OpenClaw 2026.9.6 (eb37)"
    far.machine.tool("docker", "#!/bin/sh\ncase $1 in compose) exit 1;; esac\n")
    out = far.place.run("plan", code=Exit.REFUSED)
    assert out.count("does not know `docker compose`") == 1


def test_the_mark_tells_when_it_was_activated(far: Far) -> None:
    far.add("volta", *free(1))
    far.place.apply()
    assert "activated" in json.loads(far.file("volta", ".fleethub/mark.json"))


def test_a_text_for_the_nodes_agents_restarts_nothing(far: Far) -> None:
    one, other = free(2)
    far.add("volta", one)
    far.add("tiltclaw", other, type='"openclaw-native"')
    far.place.apply()
    first, started = far.pid("openclaw-volta"), len(far.docker("up"))
    process = gateway(other)
    try:
        far.place.edit('timeout = "20s"', 'timeout = "20s"\nfiles = { fleethub = "workspace/FLEETHUB.md" }')
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


def lives(far: Far, name: str) -> dict[str, bytes]:
    """What the node's process wrote: something large, something that only it may read, a link."""
    root = far.root / name
    (root / "state/sessions").mkdir()
    (root / "state/sessions/one.sqlite").write_bytes(os.urandom(6 << 20))
    (root / "state/credentials").write_text("its own")
    (root / "state/credentials").chmod(0o600)
    (root / "workspace/notes ü.md").write_text("remember")
    (root / "workspace/link").symlink_to("notes ü.md")
    return kept(root)


def kept(root: Path) -> dict[str, bytes]:
    found = (p for folder in ("state", "workspace") for p in (root / folder).rglob("*") if p.is_file())
    return {f"{p.relative_to(root)} {p.lstat().st_mode:o} {p.lstat().st_uid}": p.read_bytes() for p in found}


@pytest.mark.sample
def test_a_node_moves_with_what_it_keeps_itself(far: Far) -> None:
    """To another folder of its machine, for the container the same project and port: ended, copied, started."""
    far.add("volta", *free(1), move_state="true")
    far.place.apply()
    mine, first = lives(far, "volta"), far.pid("openclaw-volta")
    far.place.edit("/{name}", "/new/{name}")
    plan = far.place.run("plan")
    assert "it is ended there before it starts here" in plan
    assert "is copied along, and stays there too" in plan
    out = far.place.apply()
    assert "node.volta/copy" in out
    assert kept(far.root / "new/volta") == mine == kept(far.root / "volta")
    assert sorted(p.name for p in (far.root / "volta").iterdir()) == ["state", "workspace"]
    assert not alive(first)
    assert alive(far.pid("openclaw-volta")), "what ends the old one does not end the new one"
    assert len(far.docker("down")) == 1
    far.place.plan_is_empty()


def test_it_moves_back_over_the_older_copy_of_it(far: Far) -> None:
    far.add("volta", *free(1), move_state="true")
    far.place.apply()
    lives(far, "volta")
    far.place.edit("/{name}", "/new/{name}")
    far.place.apply()
    far.place.edit("/new/{name}", "/{name}")
    (far.root / "new/volta/workspace/notes ü.md").write_text("went on")
    mine = kept(far.root / "new/volta")
    far.place.apply()
    assert kept(far.root / "volta") == mine
    far.place.plan_is_empty()


def test_a_move_over_what_somebody_put_there_is_not_made(far: Far) -> None:
    """It was ended by then; taken back it runs again, and nothing is lost on either side."""
    far.add("volta", *free(1), move_state="true")
    far.place.apply()
    mine = lives(far, "volta")
    (far.root / "new/volta/state").mkdir(parents=True)
    (far.root / "new/volta/state/theirs").write_text("theirs")
    far.place.edit("/{name}", "/new/{name}")
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "is no copy of what" in out
    assert (far.root / "new/volta/state/theirs").read_text() == "theirs"
    far.place.edit("/new/{name}", "/{name}")
    far.place.apply()
    assert alive(far.pid("openclaw-volta"))
    assert kept(far.root / "volta") == mine
    far.place.plan_is_empty()
