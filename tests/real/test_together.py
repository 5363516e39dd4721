"""All together: ``apply`` over a real sshd, a turn of the real OpenClaw through a real LiteLLM with the derived key."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.fleets import fleet
from tests.ports import free
from tests.proxies import Admin
from tests.real.conftest import Proxy
from tests.real.sshd import Machine
from tests.real.test_openclaw_turns import openclaw_path
from tests.support import Place

pytestmark = pytest.mark.real


def turn(folder: Path, home: Path) -> dict[str, object]:
    """One turn on the node, with the variables that its .env has."""
    lines = (line for line in (folder / ".env").read_text().splitlines() if line and not line.startswith("#"))
    variables = {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
    env = {**variables, "PATH": openclaw_path(), "HOME": str(home), "OPENCLAW_HOME": str(home),
           "OPENCLAW_STATE_DIR": str(home / "state"), "NO_COLOR": "1", "OPENCLAW_NO_RESPAWN": "1"}  # fmt: skip
    argv = ["openclaw", "agent", "exec", "Reply with exactly: pong", "--config", str(folder / "openclaw.json")]
    done = subprocess.run(
        [*argv, "--cwd", str(home), "--json", "--timeout", "120"], env=env, capture_output=True, text=True, timeout=200
    )
    said: dict[str, object] = json.loads(done.stdout)
    assert said["ok"] is True, done.stdout + done.stderr
    return said


def test_from_an_empty_host_to_an_answer_and_through_a_swap(
    replicas: tuple[Proxy, Proxy], admin: Admin, machine: Machine, tmp_path: Path
) -> None:
    found = openclaw_path().split(":/usr", 1)[0]
    machine.tool("openclaw", f'#!/bin/sh\nPATH={found}:$PATH OPENCLAW_NO_RESPAWN=1 exec openclaw "$@"\n')
    first, second = (proxy.url for proxy in replicas)
    spec = fleet((first, second), name="all", key_cache_ttl="3s").models("qwen3-32b", "gpt-oss-20b")
    at = f"ssh://{machine.address}{tmp_path}/srv/volta"
    spec = spec.node("volta", "qwen3-32b", type="openclaw-native", target=at, port=free()[0])
    place = Place(tmp_path / "fleet", spec.table("defaults.node", image=None).text)
    folder, home = tmp_path / "srv/volta", tmp_path / "home"
    home.mkdir()

    place.apply()
    place.plan_is_empty()
    assert "qwen3-32b" in str(turn(folder, home)["model"])
    out = place.run("verify", "--live", code=0)
    assert "from here" not in out

    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
    place.apply()
    place.plan_is_empty()
    assert admin.row("volta")["models"] == ["gpt-oss-20b"]
    assert "gpt-oss-20b" in str(turn(folder, home)["model"])
