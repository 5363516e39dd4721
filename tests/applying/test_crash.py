"""kill -9 after any request or rename of an apply: the node is never denied, and the next plan understands."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from fleethub.testing.litellm import LiteLLM
from tests.applying.test_contract import MODELS
from tests.dying import points
from tests.fleets import fleet
from tests.forked import ended
from tests.proxies import Admin, chat
from tests.support import MASTER, Place


def spec(url: str, **node: str) -> str:
    """One node on one model, and another model that it may get."""
    made = fleet(url, key_cache_ttl="200ms").models("qwen3-32b", "gemma3-27b")
    return made.node("volta", "qwen3-32b", **node).text


#: Runs one apply that kills itself after the given number of requests and renames; a number too high lets it end.
DYING = """
import os, signal, sys
from fleethub.clients.http import Http
left = int(sys.argv[1])
def dies(owner, name):
    real = getattr(owner, name)
    def call(*args, **kwargs):
        global left
        found = real(*args, **kwargs)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    setattr(owner, name, call)
dies(Http, "request")
dies(os, "rename")
dies(os, "replace")
dies(os, "unlink")
from fleethub.cli import main
main(["-C", sys.argv[2], "apply", "--auto-approve"])
"""
EVERY = 14


def dying_apply(place: Place, after: int) -> bool:
    """True when it was killed, False when it came to its end, which must be a good one."""
    env = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
    done = ended(str(after), str(place.folder), code=DYING, env=env)
    if done.returncode == -signal.SIGKILL:
        return True
    assert done.returncode == 0, done.stdout + done.stderr
    return False


def wired(place: Place) -> str | None:
    """The model that the node's config names now."""
    path = place.folder / "nodes/volta/openclaw.json"
    if not path.exists():
        return None
    primary: str = json.loads(path.read_text())["agents"]["defaults"]["model"]["primary"]
    return primary.partition("/")[2]


def understood(place: Place, admin: Admin) -> None:
    model = wired(place)
    if model is not None:
        assert chat(admin.url, place.env("volta")["FLEETHUB_KEY_MAIN"], model)[0] == 200
    out = place.run("plan")
    assert place.code == 0, out
    assert "behind our back" not in out
    place.apply()
    place.plan_is_empty()
    assert admin.row("volta")["models"] == [wired(place)]
    assert all(record.pending is None for record in place.lockfile.resources.values())


@pytest.mark.parametrize("first", points(EVERY))
@pytest.mark.parametrize("how", ["first", "swap", pytest.param("rotate", marks=pytest.mark.long)])
def test_killed_after_every_request_and_rename(tmp_path: Path, how: str, first: int) -> None:
    for after in range(first, 200, EVERY):
        with LiteLLM(models=MODELS, master_key=MASTER) as proxy:
            admin = Admin(proxy.url)
            place = Place(tmp_path / str(after), spec(proxy.url))
            if how != "first":
                place.apply()
            if how == "swap":
                place.edit('model = "qwen3-32b"', 'model = "gemma3-27b"')
            if how == "rotate":
                place.run("rotate", "volta", "--yes", code=0)
            alive = not dying_apply(place, after)
            understood(place, admin)
            admin.http.close()
        if alive:
            break
    assert after > 8  # all else that is done at a node is in test_placing.py, test_host.py and test_delivery.py


@pytest.mark.parametrize("first", points(EVERY))
def test_killed_and_then_wanted_otherwise(tmp_path: Path, first: int) -> None:
    """The spec changes between the crash and the next apply: what the node runs stays allowed throughout."""
    for after in range(4 + first, 200, 2 * EVERY):
        with LiteLLM(models=MODELS, master_key=MASTER) as proxy:
            admin = Admin(proxy.url)
            place = Place(tmp_path / str(after), spec(proxy.url))
            place.apply()
            place.edit('model = "qwen3-32b"', 'model = "gemma3-27b"')
            alive = not dying_apply(place, after)
            assert wired(place) in admin.row("volta")["models"]  # type: ignore[operator]
            place.edit('model = "gemma3-27b"', 'model = "qwen3-32b"')
            understood(place, admin)
            admin.http.close()
        if alive:
            return
    pytest.fail("the apply never came to its end")
