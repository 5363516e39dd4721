"""The store of the tests is one, and plan and apply need no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.lockfile.reduce import replay
from fleethub.model.address import key, node
from fleethub.operations import apply
from fleethub.operations import plan as planning
from fleethub.operations.apply import ApplyInput
from fleethub.operations.workplace import Workplace
from fleethub.stores.interface import StaleLockfileError
from tests.stores.conformance import Conformance, Opens
from tests.stores.memory import MemoryStore, Shared
from tests.support import MASTER, Place, trust
from tests.test_laws import World
from tests.views.test_text import MODELS

NODE = '\n[nodes.volta]\nhost = "volta"\nmodel = "qwen3-32b"\n'


class TestMemoryStore(Conformance):
    @pytest.fixture
    def opens(self) -> Opens:
        shelf = Shared()
        return lambda: MemoryStore(shelf)


@pytest.fixture
def place(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    place = world.place(tmp_path, MODELS + NODE)
    trust(place.folder)
    return place


ASKED = ApplyInput(auto_approve=True)


def applied(workplace: Workplace) -> bool:
    return apply.run(workplace, apply.prepare(workplace, ASKED).data, ASKED, again=False).data.applied


def test_apply_runs_on_it(place: Place) -> None:
    shelf = Shared()
    with Workplace(place.folder, store=lambda *_: MemoryStore(shelf)) as workplace:
        assert applied(workplace)
    with Workplace(place.folder, store=lambda *_: MemoryStore(shelf)) as workplace:
        made = planning.run(workplace).data
    assert not made.plan.changes
    store = MemoryStore(shelf)
    lockfile = store.read().lockfile
    assert lockfile is not None
    assert set(lockfile.resources) == {key("main", "volta"), node("volta")}
    assert replay(None, store.events()) == lockfile
    private = place.folder / ".fleethub"
    assert not [p for p in (place.folder / "fleet.lock", private / "journal.ndjson", private / "lock") if p.exists()]


def test_what_somebody_wrote_between_plan_and_apply_is_not_overwritten(place: Place, world: World) -> None:
    shelf = Shared()
    with Workplace(place.folder, store=lambda *_: MemoryStore(shelf)) as workplace:
        assert applied(workplace)
    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
    before = world.admin.row("volta")
    with Workplace(place.folder, store=lambda *_: MemoryStore(shelf)) as workplace:
        held, theirs = apply.prepare(workplace, ASKED).data, MemoryStore(shelf)
        read = theirs.read()
        assert read.lockfile is not None
        theirs.write(replace(read.lockfile, serial=2, apply="87654321"), read.version)  # a colleague's apply ends
        with pytest.raises(StaleLockfileError):
            apply.run(workplace, held, ASKED, again=False)
        there = workplace.store.read().lockfile
    assert there is not None
    assert (there.serial, there.apply) == (2, "87654321")
    assert world.admin.row("volta") == before
