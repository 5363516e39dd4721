"""Asking: on a terminal apply asks, destroy wants the fleet's name, drift is asked about; elsewhere both refuse."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.testing.litellm import LiteLLM
from tests.applying.test_contract import MODELS
from tests.applying.test_crash import spec
from tests.forked import ended, fleethub
from tests.proxies import Admin
from tests.support import MASTER, Place


@pytest.fixture
def proxy() -> Iterator[LiteLLM]:
    with LiteLLM(models=MODELS, master_key=MASTER) as found:
        yield found


@pytest.fixture
def place(proxy: LiteLLM, tmp_path: Path) -> Place:
    return Place(tmp_path / "fleet", spec(proxy.url))


def on_terminal(place: Place, command: str, *answers: tuple[str, str]) -> tuple[int, str]:
    """One of the fleet's commands on a terminal."""
    return terminal(place, [command], *answers)


def terminal(place: Place, words: list[str], *answers: tuple[str, str]) -> tuple[int, str]:
    """Exit code and screen of a command on a terminal of its own, where each question gets its answer."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "LITELLM_MASTER_KEY": MASTER, "TERM": "xterm"}
    process = fleethub("-C", str(place.folder), *words, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    screen, waiting = "", list(answers)
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        screen += data.decode(errors="replace")
        if waiting and waiting[0][0] in screen.rpartition("\n")[2]:
            os.write(ours, (waiting.pop(0)[1] + "\n").encode())
    os.close(ours)
    return process.wait(timeout=600), screen


def test_yes_applies_and_no_does_not(place: Place) -> None:
    code, screen = on_terminal(place, "apply", ("Apply this plan?", "n"))
    assert (code, "Not applied." in screen) == (0, True)
    assert not (place.folder / "fleet.lock").exists()
    code, screen = on_terminal(place, "apply", ("Apply this plan?", "y"))
    assert code == 0, screen
    assert "\x1b[" in screen
    place.plan_is_empty()


def test_drift_is_asked_about_when_the_policy_is_silent(place: Place, proxy: LiteLLM) -> None:
    place.apply()
    place.edit('drift = "repair"', "")
    admin = Admin(proxy.url)
    admin.update("volta", models=["gemma3-27b"])
    _, screen = on_terminal(place, "apply", ("Undo what was changed", "n"))
    assert "drift.stopped" in screen
    assert admin.row("volta")["models"] == ["gemma3-27b"]
    code, screen = on_terminal(place, "apply", ("Undo what was changed", "y"), ("Apply this plan?", "y"))
    assert code == 0, screen
    assert admin.row("volta")["models"] == ["qwen3-32b"]
    admin.http.close()


def test_destroy_wants_the_name(place: Place) -> None:
    place.apply()
    on_terminal(place, "destroy", ("Type its name", "yes"))
    assert (place.folder / "nodes/volta/.env").exists()
    code, screen = on_terminal(place, "destroy", ("Type its name", "monad"))
    assert code == 0, screen
    assert not (place.folder / "nodes/volta/.env").exists()


def test_without_a_terminal_both_refuse(place: Place) -> None:
    env = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
    for command in ("apply", "destroy"):
        done = ended("-C", str(place.folder), command, env=env)
        if command == "apply":
            assert done.returncode == 1
            assert "add --auto-approve" in done.stderr
            place.apply()
        else:
            assert done.returncode == 1
    assert (place.folder / "nodes/volta/.env").exists()
