"""Applies on stores that several clones share: one at a time, none lost, and who was frozen turns nothing back."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from fleethub.fleetspec import load as load_spec
from fleethub.model.address import key
from fleethub.model.exit import Exit
from fleethub.operations.stores import opened
from fleethub.stores.interface import Store
from fleethub.testing.litellm import LiteLLM
from tests.applying.test_contract import MODELS
from tests.applying.test_crash import wired
from tests.fleets import fleet
from tests.forked import ended, fleethub
from tests.proxies import Admin, chat
from tests.stores.kept import STORES, kept
from tests.support import MASTER, Place

ENV = {"LITELLM_MASTER_KEY": MASTER}
SAMPLE = [("postgres", 3)]
REST = [(name, frozen) for name in STORES[1:] for frozen in (1, 2, 3, 4, 5) if (name, frozen) not in SAMPLE]


def store_of(place: Place) -> Store:
    found = load_spec(place.folder).fleet
    assert found is not None
    return opened(found)


@pytest.mark.parametrize(("name", "frozen"), [*SAMPLE, *(pytest.param(*one, marks=pytest.mark.long) for one in REST)])
def test_a_robbed_apply_stops_at_its_next_step(
    tmp_path: Path, name: str, frozen: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen before one of its steps; somebody takes its lock and applies another spec to its end; thawed."""
    with LiteLLM(models=MODELS, master_key=MASTER) as proxy, kept(name, request) as store, ExitStack() as stack:
        for variable, value in store.environment.items():
            monkeypatch.setenv(variable, value)
        made = fleet(proxy.url, key_cache_ttl="100ms").models("qwen3-32b", "gemma3-27b")
        made = store.state(made.table("fleet", id=secrets.token_hex(8)))
        place = Place(tmp_path / "fleet", made.node("volta", "qwen3-32b").text)
        theirs = store_of(place)
        stack.callback(theirs.close)
        theirs.prepare()
        place.apply()
        place.edit('model = "qwen3-32b"', 'model = "gemma3-27b"')
        kind, checks, robbed = type(theirs), 0, ""
        check = kind.check

        def thawed(mine: Store, base: str) -> None:
            nonlocal checks, robbed
            checks += 1
            if checks == frozen:
                held = theirs.release()
                assert held is not None
                place.edit('model = "gemma3-27b"', 'model = "qwen3-32b"')
                done = ended("-C", str(place.folder), "apply", "--auto-approve", env={**os.environ, **ENV})
                robbed = done.stdout + done.stderr
                assert done.returncode == 0, robbed
            check(mine, base)

        monkeypatch.setattr(kind, "check", thawed)
        out = place.apply(code=Exit.STALE)
        monkeypatch.setattr(kind, "check", check)
        assert "nothing more was done, run fleethub plan" in out, robbed
        assert checks == frozen, "each further step would have been looked at"
        assert wired(place) == "qwen3-32b", "what came later is not turned back"
        assert chat(proxy.url, place.env("volta")["FLEETHUB_KEY_MAIN"], "qwen3-32b")[0] == 200
        place.apply()
        place.plan_is_empty()
        admin = Admin(proxy.url)
        assert admin.row("volta")["models"] == ["qwen3-32b"]
        admin.http.close()


@pytest.mark.soak
@pytest.mark.long
@pytest.mark.parametrize("name", STORES[1:])
@pytest.mark.parametrize("freezes", [False, True])
def test_fifty_applies_of_fifty_targets_from_five_clones_at_once(
    tmp_path: Path, name: str, freezes: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gives one key its limit. ``freezes``: whoever holds the lock is frozen for a while, and loses it."""
    names = [f"k{n:02}" for n in range(50)]
    with LiteLLM(models=MODELS, master_key=MASTER) as proxy, kept(name, request) as store:
        for variable, value in store.environment.items():
            monkeypatch.setenv(variable, value)
        made = store.state(fleet(proxy.url, key_cache_ttl="100ms").models("qwen3-32b"))
        made = made.table("fleet", id=secrets.token_hex(8))
        for one in names:
            made = made.key(one, models=["qwen3-32b"])
        clones = [Place(tmp_path / str(n), made.text) for n in range(5)]
        state = store_of(clones[0])
        state.prepare()
        how = ["apply", "--auto-approve", "--lock-timeout", "500s", "--target"]
        running = [
            fleethub(
                *("-C", str(clones[n % 5].folder), *how, f"key.main.{one}"),
                env={**os.environ, **ENV},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for n, one in enumerate(names)
        ]
        if freezes:
            _freeze(state)
        said = [process.communicate()[0] for process in running]
        codes = [process.returncode for process in running]
        assert codes.count(0) >= 49 if freezes else codes.count(0) == 50, "\n".join(said)
        if freezes:  # whoever was robbed leaves its own key to the next
            clones[0].apply()
        lockfile = state.read().lockfile
        assert lockfile is not None
        assert set(lockfile.resources) == {key("main", one) for one in names}
        assert all(record.pending is None for record in lockfile.resources.values())
        serials = [line["serial"] for line in state.history() if line.get("serial")]
        if not freezes:
            assert serials == list(range(1, 51))
            assert lockfile.serial == 50
            assert state.serials() == tuple(range(49, 0, -1))
        assert sorted(set(serials)) == sorted(serials)
        admin = Admin(proxy.url)
        assert sorted(str(row["key_alias"]) for row in admin.rows()) == names
        admin.http.close()
        for clone in clones:
            clone.plan_is_empty()
        state.close()


def _freeze(state: Store) -> None:
    """Whoever holds the lock: stop it, take the lock from it, let it go on once somebody else has it."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        held = state.holder()
        if held is None or not held.pid:
            continue
        try:
            os.kill(held.pid, signal.SIGSTOP)
        except ProcessLookupError:
            continue
        try:
            if state.holder() != held:  # it had ended with it just now
                continue
            state.release()
            while time.monotonic() < end and state.holder() in (None, held):
                time.sleep(0.05)
            return
        finally:
            os.kill(held.pid, signal.SIGCONT)
    pytest.fail("nobody ever held the lock")
