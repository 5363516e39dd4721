"""Consumers over a real sshd: a ``.env``, a key file, a command; each with a restart, a rotation, a move and an end."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path

import pytest

from fleethub.dotenv import assignments
from tests.fleets import fleet
from tests.keeper import Keeper
from tests.proxies import chat
from tests.real.far import Far
from tests.support import MASTER

pytestmark = pytest.mark.real

PLACES = ("env", "file", "command")


class There:
    """What the consumer finds on its machine, at one of two targets."""

    def __init__(self, far: Far, keeper: Keeper, place: str, folder: Path) -> None:
        self.far, self.keeper, self.place, self.folder = far, keeper, place, folder
        self.log = folder / "restarts"

    def spec(self, target: str = "here", **more: object) -> str:
        at = self.folder / target
        block: dict[str, object] = {"model": "one", "settle": "0s", "target": f"ssh://{self.far.machine.address}{at}"}
        if self.place == "env":
            where = at / "web.env"
            block["env"] = {"file": "web.env"}
        elif self.place == "file":
            where = at / "key"
            block |= {"file": "key", "settings": "models.json"}
        else:
            where = self.keeper.folder / "kept" / target
            argv = self.keeper.argv
            block |= {"command": argv("put", target), "check": argv("sum", target), "remove": argv("take", target)}
        block["restart"] = ["sh", "-c", f"cat {shlex.quote(str(where))} >>{shlex.quote(str(self.log))}"]
        made = fleet(self.far.admin.url, key_cache_ttl="0.1s").models("one", "two")
        made = made.table("consumers.web", **{**block, **more})
        return made.text

    def key(self, target: str = "here") -> str:
        """The key that it finds there; empty: none."""
        at = self.folder / target
        if self.place == "command":
            return self.keeper.kept(target)
        path = at / ("web.env" if self.place == "env" else "key")
        if not path.exists():
            return ""
        text = path.read_text()
        return (assignments(text).get("OPENAI_API_KEY") or "") if self.place == "env" else text.strip()


@pytest.fixture(params=PLACES)
def there(request: pytest.FixtureRequest, far: Far, tmp_path: Path) -> There:
    folder = tmp_path / "srv"
    folder.mkdir()
    return There(far, Keeper(tmp_path / "manager"), request.param, folder)


def test_a_life(there: There) -> None:
    place, url = there.far.place, there.far.admin.url
    place.write(there.spec())
    place.apply()
    first = there.key()
    assert (chat(url, first, "one")[0], first in there.log.read_text()) == (200, True)
    place.plan_is_empty()
    place.run("rotate", "key.main.web", "--auto-approve", code=0)
    place.apply()
    second = there.key()
    assert (chat(url, first, "one")[0], chat(url, second, "one")[0]) == (401, 200)
    assert second in there.log.read_text()
    place.plan_is_empty()
    place.run("verify", code=0)
    place.write(there.spec("there"))
    place.apply()
    assert (there.key("there"), there.key() in ("", second)) == (second, True)
    assert (there.key() == "") is (there.place != "env")
    place.plan_is_empty()
    seen = there.keeper.seen("processes") + there.keeper.seen("environment") + there.keeper.seen("calls")
    assert not any(value in seen for value in (first, second))
    assert MASTER not in there.keeper.seen("environment")
    place.write(fleet(url, key_cache_ttl="0.1s").models("one", "two").text)
    place.run("apply", "--auto-approve", "--allow", "stop.deletes", code=0)
    assert chat(url, second, "one")[0] == 401
    assert (there.key("there") == "") is (there.place != "env")


def test_a_restart_that_fails_is_tried_again(there: There) -> None:
    place = there.far.place
    place.write(there.spec(restart=["sh", "-c", "echo it will not >&2; exit 7"]))
    assert "sh ended with 7 (it will not" in place.apply(code=6).replace("\n", " ")
    place.write(there.spec())
    place.apply()
    assert there.key() in there.log.read_text()
    place.plan_is_empty()


def test_a_shell_that_dies_with_its_program_tells_nothing_that_it_said(far: Far, tmp_path: Path) -> None:
    """Not even in another form than a key's own, and at a look nobody here knows what may be one."""
    says = "tr a-z n-za-m >&2; kill -9 $PPID; sleep 1"
    made = fleet(far.admin.url, key_cache_ttl="0.1s").models("one")
    block = {"model": "one", "settle": "0s", "target": f"ssh://{far.machine.address}{tmp_path}/srv"}
    far.place.write(made.table("consumers.web", **block, command=["sh", "-c", says]).text)
    said = far.place.apply(code=6)
    assert f"{far.machine.address}: a script ended with -1 before its answer was whole\n" in said
    check = ["sh", "-c", "echo 'its password is hunter2' >&2; kill -9 $PPID; sleep 1"]
    far.place.write(made.table("consumers.web", **block, command=["sh", "-c", "cat >/dev/null"], check=check).text)
    assert "hunter2" not in far.place.run("plan")
    assert "before its answer was whole" in far.place.out


def test_what_a_restart_starts_in_the_background_goes_on_there_too(far: Far, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    block = {"model": "one", "settle": "0s", "target": f"ssh://{far.machine.address}{tmp_path}/srv", "file": "key"}
    block["restart"] = ["sh", "-c", f"sleep 60 >/dev/null 2>&1 & echo $! >{pid}"]
    far.place.write(fleet(far.admin.url, key_cache_ttl="0.1s").models("one").table("consumers.web", **block).text)
    far.place.apply()
    os.kill(int(pid.read_text()), signal.SIGKILL)
