"""The PostgreSQL store on a real server, and what stands before one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleethub.stores import open_store, recalled
from fleethub.stores.interface import LockedError, StaleLockfileError, Store, StoreError
from tests.stores.conformance import LOCKFILE, Conformance, Opens
from tests.stores.postgres import PASSWORD, Server, bouncer

CANARIES = [part for part in ("canary", "pass@word", "word:1") if part in PASSWORD]


@pytest.fixture
def opens(tmp_path: Path, database: str, fleet_id: str) -> Opens:
    open_store(tmp_path, database, fleet_id).prepare()
    return lambda: open_store(tmp_path, database, fleet_id)


class TestPostgresStore(Conformance):
    pass


def said(call: Callable[[], Any]) -> str:
    """What a StoreError says, which is no part of a password."""
    with pytest.raises(StoreError) as error:
        call()
    text = str(error.value)
    assert not [part for part in CANARIES if part in text]
    assert error.value.__cause__ is None, "a traceback would show the library's own text"
    return text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:canary/pass@word:1@db/x",  # not escaped: a host and a port that are a password's parts
        "postgresql://me:canary@pass@word:1/x",
        "postgresql://me:canary%zz@db/x",
    ],
)
def test_a_url_that_cannot_be_read_is_not_shown(tmp_path: Path, url: str) -> None:
    assert "%40" in said(lambda: open_store(tmp_path, url, "f").read())


def test_what_is_no_store_is_not_shown(tmp_path: Path) -> None:
    assert "postgresql://, postgres://, s3://" in said(lambda: open_store(tmp_path, "mysql://me:canary@db/x", "f"))


def test_why_nothing_is_read_is_told_without_the_password(
    tmp_path: Path, database: str, postgres_server: Server, fleet_id: str
) -> None:
    at = f"127.0.0.1:{postgres_server.port}"
    there = open_store(tmp_path, database, fleet_id)
    assert f"PostgreSQL at {at}/postgres knows nothing of this fleet" in said(there.read)
    assert "run fleethub state init; else correct [state] store" in said(lambda: there.lock("apply").__enter__())
    assert "has no tables of FleetHub yet; run: fleethub state init" in said(
        open_store(tmp_path, postgres_server.url("template1"), fleet_id).read
    )
    wrong = database.replace("canary", "canary2")
    assert "refuses the user or password" in said(open_store(tmp_path, wrong, fleet_id).read)
    assert "no such database" in said(open_store(tmp_path, postgres_server.url("none"), fleet_id).read)
    unknown = database.replace("127.0.0.1", "nowhere.invalid")
    assert "its host is not known" in said(open_store(tmp_path, unknown, fleet_id).read)
    nowhere = postgres_server.url(port=1)
    assert "127.0.0.1:1/postgres cannot be used: nothing listens there" in said(
        open_store(tmp_path, nowhere, fleet_id).read
    )


def test_fleets_of_one_database_do_not_see_each_other(tmp_path: Path, database: str, opens: Opens) -> None:
    other = open_store(tmp_path / "other", database, "another-fleet-0000")
    other.prepare()
    mine = opens()
    with mine.lock("apply"), other.lock("apply"):
        mine.write(LOCKFILE, mine.read().version)
        mine.record({"serial": 1})
        mine.put("specs", "a", {})
        assert other.read().lockfile is None
        assert other.holder() != mine.holder() or other.holder() is not None
    assert (other.history(), other.names("specs"), other.serials()) == ([], (), ())


HOLDS = """
import sys
from pathlib import Path
from fleethub.stores import open_store
store = open_store(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
with store.lock("apply"):
    base = store.read().version
    print("held", flush=True)
    sys.stdin.readline()
    try:
        store.check(base)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


@pytest.fixture
def holder(tmp_path: Path, database: str, fleet_id: str, opens: Opens) -> Any:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path), database, fleet_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_lock_dies_with_its_holder_and_names_it(holder: Any, opens: Opens) -> None:
    mine = opens()
    with pytest.raises(LockedError, match=f"pid {holder.pid}, apply"), mine.lock("apply"):
        pass
    holder.kill()
    with mine.lock("apply", wait=30):
        mine.write(LOCKFILE, mine.read().version)


def test_who_is_frozen_is_robbed_and_stops_when_it_is_thawed(holder: Any, opens: Opens) -> None:
    mine = opens()
    os.kill(holder.pid, signal.SIGSTOP)
    held = mine.release()
    assert held is not None
    assert held.pid == holder.pid
    with mine.lock("apply"):
        mine.write(LOCKFILE, mine.read().version)
    os.kill(holder.pid, signal.SIGCONT)
    out, _ = holder.communicate("go on\n", timeout=60)
    assert out == "StaleLockfileError\n"


def test_a_write_under_a_lock_that_another_took_since_is_refused(opens: Opens) -> None:
    """Even where its connection is still there: the fence says so."""
    frozen, robber = opens(), opens()
    with frozen.lock("apply"):
        base = frozen.read().version
        robber._all("UPDATE fleethub_state SET fence = fence + 1 WHERE fleet = %s", robber._fleet)  # type: ignore[attr-defined]
        with pytest.raises(StaleLockfileError, match=r"was taken from this apply.*\.fleethub/refused\.lock"):
            frozen.write(LOCKFILE, base)
        with pytest.raises(StaleLockfileError, match="was taken from this apply; nothing more was done"):
            frozen.check(base)
    assert robber.read().lockfile is None


def test_a_connection_that_was_lost_between_two_reads_is_made_anew(opens: Opens) -> None:
    store, other = opens(), opens()
    store.write(LOCKFILE, store.read().version)
    for connection in (store, store):
        pid = connection._line.get().info.backend_pid  # type: ignore[attr-defined]
        other._all("SELECT pg_terminate_backend(%s, 5000)", pid)  # type: ignore[attr-defined]
        assert store.read().lockfile == LOCKFILE


def test_a_write_whose_answer_was_lost_is_found_done(opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    store = opens()
    base, left = store.read().version, psycopg.Transaction.__exit__

    def lost(self: Any, *args: Any) -> Any:
        left(self, *args)
        self.connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(psycopg.Transaction, "__exit__", lost)
    version = store.write(LOCKFILE, base)
    monkeypatch.undo()
    assert (opens().read().lockfile, opens().version()) == (LOCKFILE, version)


def test_the_copy_is_what_works_without_the_server(tmp_path: Path, opens: Opens) -> None:
    store = opens()
    assert recalled(tmp_path, remote=True) is None
    version = store.write(LOCKFILE, store.read().version)
    assert recalled(tmp_path, remote=True) == LOCKFILE
    copy = tmp_path / ".fleethub/cache/state.json"
    before = copy.read_bytes()
    assert opens().read() == store.read()
    assert copy.read_bytes() == before, "what is unchanged is not written again"
    copy.write_text("damaged")
    assert opens().read().version == version
    assert recalled(tmp_path, remote=True) == LOCKFILE


def test_text_that_it_cannot_keep_is_refused(opens: Opens) -> None:
    store = opens()
    for call in (
        lambda: store.put("specs", "x", {"a": "\0"}),
        lambda: store.write(replace(LOCKFILE, fits={"a": "\0"}), store.read().version),
    ):
        with pytest.raises(ValueError, match="NUL"):
            call()


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_hands_connections_on_is_refused_with_the_reason(
    tmp_path: Path, postgres_server: Server, opens: Opens, fleet_id: str, mode: str
) -> None:
    with bouncer(postgres_server, mode) as port:
        pooled = open_store(tmp_path, postgres_server.url(port=port), fleet_id)
        for call in (pooled.prepare, lambda: pooled.lock("apply").__enter__()):
            text = said(call)
            assert "a pooler (PgBouncer) in transaction mode" in text
            assert "pool_mode = session" in text
        assert pooled.read().lockfile is None, "a plan takes no lock"
        assert opens().holder() is None


def test_a_pooler_that_keeps_a_connection_for_its_client_is_well(
    tmp_path: Path, postgres_server: Server, opens: Opens, fleet_id: str
) -> None:
    with bouncer(postgres_server, "session") as port:
        pooled: Store = open_store(tmp_path, postgres_server.url(port=port), fleet_id)
        pooled.prepare()
        with pooled.lock("apply"):
            base = pooled.write(LOCKFILE, pooled.read().version)
            pooled.check(base)
            with pytest.raises(LockedError, match=f"pid {os.getpid()}, apply"), opens().lock("apply"):
                pass
            assert opens().release() is not None
            with pytest.raises(StaleLockfileError):
                pooled.check(base)
