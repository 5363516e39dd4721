"""``fleethub lock``: who holds it; a person's lock keeps everybody out until it is released."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.model.exit import Exit
from fleethub.stores import open_store
from fleethub.stores.lock import who
from tests.support import Place
from tests.test_laws import World
from tests.views.test_text import MODELS


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    return world.place(tmp_path, MODELS + '\n[keys.web]\nmodels = ["qwen3-32b"]\n')


def test_a_persons_lock_keeps_applies_out_and_plans_go_on(place: Place) -> None:
    assert "Nobody holds the lock." in place.run("lock", "status", code=0)
    out = place.run("lock", "acquire", "-m", "the rack is being moved", code=0)
    assert f"{who()} locked the fleet at " in out
    assert "the rack is being moved" in place.run("lock", "status", code=Exit.LOCKED)
    assert "locked the fleet at" in place.apply(code=Exit.LOCKED)
    assert "locked the fleet at" in place.run("lock", "acquire", "-m", "mine", code=Exit.LOCKED)
    place.run("plan", code=0)
    (line,) = place.json("lock", "status")
    assert (line["holder"]["message"], line["exit"]) == ("the rack is being moved", 5)
    assert "The lock was released." in place.run("lock", "release", code=0)  # it is this person's own
    assert "Nobody holds the lock." in place.run("lock", "release", code=1)
    place.apply()
    done = [line["action"] for line in open_store(place.folder).history()]
    assert [one for one in done if one.startswith("lock")] == ["lock acquire", "lock release"]


def test_an_apply_that_is_under_way_is_asked_about_first(place: Place) -> None:
    with open_store(place.folder).lock("apply"):
        assert "has the lock for apply since" in place.run("lock", "status", code=Exit.LOCKED)
        assert "there is no terminal to ask on; add --yes" in place.run("lock", "release", code=1)
        assert "has the lock for apply" in place.run("lock", "status", code=Exit.LOCKED)
        assert "The lock was released." in place.run("lock", "release", "--yes", code=0)
        place.apply()  # whoever had it ends at its next step


def test_a_lock_has_a_reason(place: Place) -> None:
    assert "Missing option '--message'" in place.run("lock", "acquire", code=1)
    assert "say why" in place.run("lock", "acquire", "-m", " ", code=1)


def test_it_is_waited_for(place: Place) -> None:
    with open_store(place.folder).lock("apply"):
        assert "is locked by" in place.run("lock", "acquire", "-m", "x", "--lock-timeout", "0.1s", code=Exit.LOCKED)
