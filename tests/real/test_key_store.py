"""A gateway whose key stands in a file: over a real sshd with a played container, and with the real OpenClaw."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fleethub.model.exit import Exit
from tests.ports import free
from tests.real.far import Far
from tests.real.test_openclaw_turns import healthy, openclaw_path

pytestmark = pytest.mark.real


def key(far: Far) -> str:
    return (far.root / "volta/openclaw.key").read_text().strip()


@pytest.mark.sample
def test_a_rotation_reaches_the_running_container_and_is_proved(far: Far) -> None:
    far.add("volta", *free(1), key_store='"file"')
    far.place.apply()
    first, pid = key(far), far.pid("openclaw-volta")
    assert oct((far.root / "volta/openclaw.key").stat().st_mode) == "0o100600"
    assert first not in far.file("volta", ".env") + far.file("volta") + far.file("volta", "compose.yaml")
    far.place.plan_is_empty()
    told = far.place.run("verify", "volta", code=0) + far.place.run("show", "node.volta", code=0)
    assert first not in told
    far.place.run("rotate", "node.volta", "--yes", code=0)
    assert "key reloaded while it runs, proved by a turn" in far.place.run("plan")
    far.place.apply()
    assert key(far) != first
    assert far.pid("openclaw-volta") == pid
    assert len(far.docker("reload")) == 2  # a first start is proved, too
    assert not [words for words in far.docker("compose") if first in str(words) or key(far) in str(words)]
    far.place.plan_is_empty()


def test_a_key_that_the_container_cannot_read_goes_back_and_the_old_one_works_on(far: Far) -> None:
    far.add("volta", *free(1), key_store='"file"')
    far.place.apply()
    first, pid = key(far), far.pid("openclaw-volta")
    program = (far.machine.bin / "docker").read_text()
    far.machine.tool(
        "docker", program.replace("\nexec ", "\ncase $* in *reload*) chmod 644 openclaw.key;; esac\nexec ")
    )
    far.place.run("rotate", "node.volta", "--yes", code=0)
    out = far.place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "openclaw secrets reload: the gateway cannot read openclaw.key" in out
    assert key(far) == first
    assert far.pid("openclaw-volta") == pid
    far.machine.tool("docker", program)
    far.place.apply()
    assert key(far) != first
    assert far.pid("openclaw-volta") == pid
    far.place.plan_is_empty()


def test_back_into_the_environment_the_config_waits_for_the_process_that_has_the_variable(far: Far) -> None:
    """A gateway takes a config over at once, and a variable when it starts."""
    far.add("volta", *free(1), key_store='"file"')
    far.place.apply()
    first, pid = key(far), far.pid("openclaw-volta")
    program = (far.machine.bin / "docker").read_text()
    seen = 'case $* in *" up "*) cp openclaw.json at-up.json; cp .env at-up.env;; esac'
    far.machine.tool("docker", program.replace("\nexec ", f"\n{seen}\nexec "))
    far.place.edit('key_store = "file"\n', "")
    assert "container recreated, hot reload" in far.place.run("plan", code=0)
    far.place.apply()
    assert '"source": "file"' in far.file("volta", "at-up.json")
    assert f"FLEETHUB_KEY_MAIN='{first}'" in far.file("volta", "at-up.env")
    assert '"source": "file"' not in far.file("volta", "openclaw.json")
    assert not (far.root / "volta/openclaw.key").exists()
    assert far.pid("openclaw-volta") != pid
    far.place.plan_is_empty()


def test_another_path_of_the_file_reaches_the_running_container(far: Far) -> None:
    far.add("volta", *free(1), key_store='"file"')
    far.place.apply()
    first, pid = key(far), far.pid("openclaw-volta")
    far.place.edit('key_store = "file"\n', 'key_store = "file"\nfiles = { key = "mine.key" }\n')
    far.place.apply()
    assert (far.root / "volta/mine.key").read_text().strip() == first
    assert not (far.root / "volta/openclaw.key").exists()
    assert far.pid("openclaw-volta") == pid
    far.place.plan_is_empty()


def watched(far: Far) -> list[tuple[str, int]]:
    """Each call of a model from now on: the end of the key that came with it, and the proxy's status."""
    seen: list[tuple[str, int]] = []
    for route, handler in [*far.proxy.routes.items()]:
        if route[1].endswith("/completions"):

            def answer(request: Any, handler: Any = handler) -> Any:
                said = handler(request)
                seen.append((request.headers.get("authorization", "")[-6:], said.status))
                return said

            far.proxy.routes[route] = answer
    return seen


@contextmanager
def gateway(far: Far, home: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real one, as an operator starts it: with the variables of its ``.env``."""
    folder = far.root / name
    start = "set -a; . ./.env; set +a; exec openclaw gateway run"
    env = {"PATH": openclaw_path(), "HOME": str(home), "OPENCLAW_NO_RESPAWN": "1", "NO_COLOR": "1"}
    with (home / "gateway.log").open("w") as log:
        process = subprocess.Popen(["sh", "-c", start], env=env, stdout=log, stderr=log, cwd=folder)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def test_the_real_gateway_takes_a_rotated_key_over_and_is_not_restarted(far: Far, tmp_path: Path) -> None:
    """Turns go on all the while, and the proxy refuses none: the old value ends when the new one is proved."""
    path, home = openclaw_path(), tmp_path / "home"
    home.mkdir()
    far.machine.tool(
        "openclaw", f'#!/bin/sh\nexport PATH={path} HOME={home}\nexec {shutil.which("openclaw", path=path)} "$@"\n'
    )
    (port,) = free()
    far.place.edit('timeout = "20s"', 'timeout = "90s"')
    used = watched(far)
    far.add("volta", port, key_store='"file"', type='"openclaw-native"', uid=str(os.getuid()))
    far.place.run("apply", "--auto-approve", code=None)
    with gateway(far, home, "volta") as process:
        end = time.monotonic() + 300
        while not healthy(port) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.5)
        assert healthy(port), (home / "gateway.log").read_text()[-3000:]
        far.place.apply()  # proved once it runs
        first = key(far)
        assert {value for value, status in used if status == 200} == {first[-6:]}
        far.place.plan_is_empty()
        far.place.run("rotate", "node.volta", "--yes", code=0)
        assert "key reloaded while it runs, proved by a turn" in far.place.run("plan")
        used.clear()
        far.place.apply()
        assert key(far) != first
        assert (key(far)[-6:], 200) in used
        assert [one for one in used if one[1] not in (200, 400)] == []
        assert process.poll() is None
        assert far.admin.row("volta")["token"]
        far.place.plan_is_empty()
        config = far.root / "volta/openclaw.json"
        assert (
            json.loads(config.read_text())["secrets"]["providers"]["fleethub"]["path"]
            == f"{far.root}/volta/openclaw.key"
        )


def test_the_real_gateway_takes_a_config_over_that_names_a_variable_which_it_has(far: Far, tmp_path: Path) -> None:
    """The second stage of the way back into the environment: no restart, and the key's file may go."""
    path, home = openclaw_path(), tmp_path / "home"
    home.mkdir()
    (port,) = free()
    used = watched(far)
    far.add("volta", port, key_store='"file"', type='"openclaw-native"', uid=str(os.getuid()))
    far.place.run("apply", "--auto-approve", code=None)
    folder, first = far.root / "volta", key(far)
    with (folder / ".env").open("a") as env:
        env.write(f"FLEETHUB_KEY_MAIN='{first}'\n")
    with gateway(far, home, "volta") as process:
        end = time.monotonic() + 300
        while not (up := healthy(port)) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.5)
        assert up, (home / "gateway.log").read_text()[-3000:]
        config = json.loads((folder / "openclaw.json").read_text())
        del config["secrets"]
        for provider in config["models"]["providers"].values():
            provider["apiKey"] = "${FLEETHUB_KEY_MAIN}"
        (folder / "new.json").write_text(json.dumps(config, indent=2))
        (folder / "new.json").replace(folder / "openclaw.json")
        while "hot reload applied" not in (home / "gateway.log").read_text() and time.monotonic() < end:
            time.sleep(0.2)
        (folder / "openclaw.key").unlink()
        model = config["agents"]["defaults"]["model"]["primary"]
        words = f"infer model run --gateway --json --model {model} --prompt ok"
        start = f"set -a; . ./.env; set +a; exec openclaw {words}"
        env = {"PATH": path, "HOME": str(home), "NO_COLOR": "1"}
        done = subprocess.run(["sh", "-c", start], env=env, cwd=folder, capture_output=True, text=True, timeout=240)
        assert '"ok": true' in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
        assert process.poll() is None
        assert used
        assert {value for value, status in used if status == 200} == {first[-6:]}
