"""The crash matrix: kill -9 before and after each write of an apply that swaps a model and rotates its key, on each
store. The next plan understands what there is, the next apply makes it whole, and nobody was denied.

What is numbered is what changes anything: requests that are no GET, files that are renamed, removed or appended to,
statements that are no SELECT, objects that are put or deleted. An apply that is not killed records how many there are;
the matrix is as long.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fleethub.fleetspec import load as load_spec
from fleethub.model.address import key, node
from fleethub.operations.stores import opened
from fleethub.stores.interface import Store
from fleethub.testing.litellm import LiteLLM
from tests.applying.test_contract import MODELS
from tests.applying.test_crash import wired
from tests.fleets import fleet
from tests.forked import ended
from tests.proxies import Admin, chat
from tests.stores.kept import STORES, Kept, kept
from tests.support import MASTER, Place

#: One apply that kills itself at a write, before or after it; at 0 it lives, and tells each write by its name.
DYING = """
import os, pathlib, signal, sys, threading
from fleethub import atomic
from fleethub.clients.http import Http
at, when, folder, told = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
lock, names = threading.Lock(), []
def seam(owner, name, writes):
    real = getattr(owner, name)
    def call(*args, **kwargs):
        what = writes(*args)
        if not what:
            return real(*args, **kwargs)
        with lock:
            names.append(what)
            mine = len(names) == at
        if mine and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = real(*args, **kwargs)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    setattr(owner, name, call)
seam(Http, "request", lambda self, method, url, *rest: method != "GET" and f"{method} {url.split('/', 3)[3]}")
for name in ("rename", "replace", "unlink"):
    seam(os, name, lambda path, *rest, name=name: f"{name} {os.path.basename(path)}")
seam(atomic.Lines, "add", lambda self, data: f"append {data[:60]!r}")
if "postgres" in told:
    import psycopg
    def changes(self, query, *rest):
        text = (query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else str(query)).split()
        return text[0] not in ("SELECT", "SET", "SHOW") and " ".join(text[:3])
    seam(psycopg.Connection, "execute", changes)
if "objects" in told:
    import obstore
    seam(obstore, "put", lambda store, name, *rest: f"put {name}")
    seam(obstore, "delete", lambda store, name: f"delete {name}")
from fleethub.cli import main
try:
    main(["-C", folder, "apply", "--auto-approve"])
finally:
    pathlib.Path(told).write_text("\\n".join(names))
"""
#: Of the file store's points every so-manieth is in the short row, before and after in turn.
EVERY = 14


class Matrix:
    """One fleet after another, each applied once, then changed: its node's model, and its key's generation."""

    def __init__(self, folder: Path, kept: Kept) -> None:
        self._folder, self._kept, self._number = folder, kept, 0

    def killed(self, at: int, when: str) -> list[str] | None:
        """Kill at a write, look, mend, look again; without a kill (None otherwise) the writes that there were."""
        with LiteLLM(models=MODELS, master_key=MASTER) as proxy:
            admin = Admin(proxy.url)
            try:
                return self._one(proxy.url, admin, at, when)
            finally:
                admin.http.close()

    def _one(self, url: str, admin: Admin, at: int, when: str) -> list[str] | None:
        self._number += 1
        made = fleet(url, key_cache_ttl="100ms").table("fleet", id=secrets.token_hex(8))
        made = self._kept.state(made.models("qwen3-32b", "gemma3-27b").node("volta", "qwen3-32b"))
        place = Place(self._folder / str(self._number), made.text)
        store = opened(load_spec(place.folder).fleet)  # type: ignore[arg-type]
        store.prepare()
        place.apply()
        old = place.env("volta")["FLEETHUB_KEY_MAIN"]
        place.write(made.node("volta", "gemma3-27b").key("volta", generation=2).text)
        told = place.folder / f"{self._kept.name}.writes"
        env = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
        done = ended(str(at), when, str(place.folder), str(told), code=DYING, env=env)
        alive = done.returncode == 0
        assert alive or done.returncode == -signal.SIGKILL, done.stdout + done.stderr
        point = f"killed {when} write {at}:\n"
        model = wired(place)
        value = place.env("volta")["FLEETHUB_KEY_MAIN"]
        assert chat(url, value, str(model))[0] == 200, f"{point}the node is denied"
        if not alive:
            store.release()  # of an object store the lease of who died goes on for a minute
        out = place.run("plan")
        assert place.code == 0, point + out
        place.apply()
        place.plan_is_empty()
        value = place.env("volta")["FLEETHUB_KEY_MAIN"]
        assert (wired(place), chat(url, value, "gemma3-27b")[0]) == ("gemma3-27b", 200), point
        assert value != old
        assert chat(url, old, "qwen3-32b")[0] == 401, f"{point}the old value is left"
        assert [row["key_alias"] for row in admin.rows()] == ["volta"], f"{point}a key is left, or lost"
        self._recorded(store, point)
        store.close()
        return told.read_text().splitlines() if alive else None

    def _recorded(self, store: Store, point: str) -> None:
        lockfile = store.read().lockfile
        assert lockfile is not None
        assert set(lockfile.resources) == {key("main", "volta"), node("volta")}, point
        assert all(record.pending is None for record in lockfile.resources.values()), point
        assert store.holder() is None


@pytest.fixture
def matrix(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Matrix]]:
    stack = ExitStack()

    def made(name: str) -> Matrix:
        found = stack.enter_context(kept(name, request))
        for variable, value in found.environment.items():
            monkeypatch.setenv(variable, value)
        return Matrix(tmp_path, found)

    with stack:
        yield made


@pytest.mark.parametrize("name", ["file", *(pytest.param(name, marks=pytest.mark.long) for name in STORES[1:])])
def test_a_short_row_of_the_matrix(matrix: Callable[[str], Matrix], name: str) -> None:
    row = matrix(name)
    writes = row.killed(0, "never")
    assert writes is not None
    for turn, at in enumerate(range(4, len(writes) + 1, EVERY)):
        row.killed(at, ("before", "after")[turn % 2])


@pytest.mark.soak
@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", STORES)
def test_the_whole_matrix(matrix: Callable[[str], Matrix], name: str, when: str) -> None:
    row = matrix(name)
    writes = row.killed(0, "never")
    assert writes is not None
    assert len(writes) > 20
    for at in range(1, len(writes) + 1):
        row.killed(at, when)
