"""The demo tells the story to its end, says so when it does not, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def demo(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fleethub", *argv, "demo"]
    env = os.environ | {"TMPDIR": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, timeout=600, env=env)


def test_the_demo(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "Nothing to do: the fleet is as the spec says.",
        "key.main.volta: models changed (will be repaired)",
        "error capacity.exceeded backend.monad-1",
        "drift: key.main.volta: models changed by hand; the next apply undoes it",
        "0 were denied",
        "fleethub demo --keep",
    ):
        assert said in done.stdout
    assert "went wrong" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_the_demo_for_machines(tmp_path: Path) -> None:
    done = demo(tmp_path, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["type"] == "demo"
    assert [line["exit"] for line in lines if line["type"] == "ran" and line["command"][1] == "plan"] == [0, 0, 2, 3, 0]
    assert any("0 were denied" in line["says"] for line in lines if line["type"] == "note")
    assert lines[-1] == {"type": "summary", "exit": 0}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_ctrl_c_ends_the_servers_and_the_folder_goes_or_stays(tmp_path: Path) -> None:
    for number, more in enumerate(((), ("--keep",))):
        command = [sys.executable, "-m", "fleethub", "demo", "--bare", *more]
        env = os.environ | {"TMPDIR": str(tmp_path)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
            assert process.stdout is not None
            assert any(line.startswith("  export ") for line in process.stdout)
            assert len(list(tmp_path.glob("fleethub-demo-*"))) == 1
            (trusted,) = tmp_path.glob("fleethub-demo-*/.config/fleethub/trust/*.json")
            assert "sk-" not in trusted.read_text()
            assert trusted.read_text().count("env:LITELLM_MASTER_KEY") > 1  # init's own, and those of its servers
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[0]
        assert process.returncode == 0, said
        assert len(list(tmp_path.glob("fleethub-demo-*"))) == number
        assert ("The fleet's folder stays" in said) == bool(more)
