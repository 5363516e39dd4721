"""The object store on Azurite, which checks logins and honours conditions, and on moto's S3; and on what lies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fleethub.stores import open_store, recalled
from fleethub.stores.interface import LockedError, StaleLockfileError, StoreError
from tests.stores import object_servers
from tests.stores.conformance import LOCKFILE, Conformance, Opens

pytest.importorskip("obstore", reason="no obstore: pip install '.[objectstore]'")
from fleethub.stores.objects import ObjectStore


def opener(server: object_servers.Server, folder: Path, prefix: str, patch: pytest.MonkeyPatch) -> Opens:
    for name, value in server.environment.items():
        patch.setenv(name, value)
    store = ObjectStore(folder, server.url(prefix), server.endpoint)
    assert store.prepare() == (f"state in {store.place}",)
    assert store.prepare() == ()
    return lambda: ObjectStore(folder, server.url(prefix), server.endpoint)


class TestOnAzurite(Conformance):
    @pytest.fixture
    def opens(
        self, tmp_path: Path, azurite_server: object_servers.Server, fleet_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> Opens:
        return opener(azurite_server, tmp_path, f"team/{fleet_id}", monkeypatch)


class TestOnMoto(Conformance):
    @pytest.fixture
    def opens(
        self, tmp_path: Path, moto_server: object_servers.Server, fleet_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> Opens:
        return opener(moto_server, tmp_path, f"team/{fleet_id}", monkeypatch)


def said(call: Callable[[], Any]) -> str:
    with pytest.raises(StoreError) as error:
        call()
    text = str(error.value)
    assert "canary" not in text
    assert "Signature" not in text
    assert error.value.__cause__ is None
    return text


def test_what_was_never_made_is_not_taken_for_empty(
    tmp_path: Path, moto_server: object_servers.Server, fleet_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    for url in (moto_server.url(fleet_id), f"s3://no-such-bucket/{fleet_id}"):
        store = ObjectStore(tmp_path, url, moto_server.endpoint)
        for call in (store.read, store.version, lambda s=store: s.lock("apply").__enter__()):
            assert "run fleethub state init; else correct [state] store" in said(call)
    assert "there is no such bucket or container" in said(store.prepare)


def test_why_nothing_is_read_is_told_without_credentials(
    tmp_path: Path, azurite_server: object_servers.Server, fleet_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener(azurite_server, tmp_path, fleet_id, monkeypatch)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "Y2FuYXJ5")
    wrong = ObjectStore(tmp_path, azurite_server.url(fleet_id), azurite_server.endpoint)
    assert "the credentials" in said(wrong.read)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    assert "no credentials for it" in said(lambda: ObjectStore(tmp_path, azurite_server.url(fleet_id)).read())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    nobody = open_store(tmp_path, "s3://bucket/x", endpoint="http://127.0.0.1:1")
    assert "s3://bucket/x at http://127.0.0.1:1 cannot be used: it does not answer" in said(nobody.read)


@contextmanager
def between(endpoint: str, mangle: Callable[[Any], bool]) -> Iterator[str]:
    """A server that hands requests on; ``mangle`` may change their headers, and returns whether the answer is lost."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def _on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            lost = mangle(self)
            request = urllib.request.Request(
                endpoint + self.path,
                body or None,
                {"Content-Type": "application/octet-stream", **dict(self.headers)},
                method=self.command,
            )
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    status, headers, data = answer.status, answer.headers, answer.read()
            except urllib.error.HTTPError as error:
                status, headers, data = error.code, error.headers, error.read()
            if lost:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server", "content-length"):
                    self.send_header(name, value)
            length = headers.get("content-length") if self.command == "HEAD" else len(data)
            self.send_header("content-length", str(length or 0))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _on

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("header", ["If-None-Match", "If-Match"])
def test_a_service_that_ignores_conditions_is_refused(
    tmp_path: Path, moto_server: object_servers.Server, fleet_id: str, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)

    def deaf(request: Any) -> bool:
        del request.headers[header]
        return False

    with between(moto_server.endpoint, deaf) as endpoint:
        store = ObjectStore(tmp_path, moto_server.url(fleet_id), endpoint)
        assert "ignores conditions of writes" in said(store.prepare)
    assert "there is no state" in said(ObjectStore(tmp_path, moto_server.url(fleet_id), moto_server.endpoint).read)


def test_a_write_whose_answer_was_lost_is_found_done(
    tmp_path: Path, moto_server: object_servers.Server, fleet_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library sends it again, and the service says that the object is not the one that was read any more."""
    opens = opener(moto_server, tmp_path, fleet_id, monkeypatch)
    lost: list[str] = []

    def once(request: Any) -> bool:
        if request.command == "PUT" and request.path.endswith("/state") and not lost:
            lost.append(request.path)
            return True
        return False

    with between(moto_server.endpoint, once) as endpoint:
        store = ObjectStore(tmp_path, moto_server.url(fleet_id), endpoint)
        version = store.write(LOCKFILE, store.read().version)
    assert lost
    assert (opens().read().lockfile, opens().version()) == (LOCKFILE, version)


def test_a_lease_whose_renewal_was_done_and_never_answered_is_still_its_holders(
    tmp_path: Path, moto_server: object_servers.Server, fleet_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for somebody else's, and renewed no more: whoever came next had the lock of one who lives."""
    opens = opener(moto_server, tmp_path, fleet_id, monkeypatch)
    losing, renewed, lost = threading.Event(), threading.Semaphore(0), 0

    def mangle(request: Any) -> bool:
        nonlocal lost
        if request.command != "PUT" or not request.path.endswith("/lock"):
            return False
        if losing.is_set() and lost < 4:  # each time that the library tries
            lost += 1
            return True
        if lost:
            renewed.release()
        return False

    with between(moto_server.endpoint, mangle) as endpoint:
        store = ObjectStore(tmp_path, moto_server.url(fleet_id), endpoint, lasts=0.4)
        with store.lock("apply"):
            losing.set()
            assert all(renewed.acquire(timeout=20) for _ in range(4))
            assert lost == 4
            held = opens().holder()
            assert held is not None
            assert held.pid == os.getpid()
    assert opens().holder() is None, "and it is given back"


HOLDS = """
import sys
from pathlib import Path
from fleethub.stores.objects import ObjectStore
store = ObjectStore(Path(sys.argv[1]), sys.argv[2], sys.argv[3], lasts=float(sys.argv[4]))
with store.lock("apply"):
    base = store.read().version
    print("held", flush=True)
    sys.stdin.readline()
    try:
        store.check(base)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


@pytest.mark.long  # a service tells times by the second
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lease_that_is_not_renewed_is_over_and_one_that_is_goes_on(
    tmp_path: Path,
    azurite_server: object_servers.Server,
    fleet_id: str,
    how: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opener(azurite_server, tmp_path, fleet_id, monkeypatch)
    url, lasts = azurite_server.url(fleet_id), 2.0
    argv = [sys.executable, "-c", HOLDS, str(tmp_path), url, azurite_server.endpoint, str(lasts)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        mine = ObjectStore(tmp_path, url, azurite_server.endpoint, lasts=lasts)
        with pytest.raises(LockedError, match=f"pid {process.pid}, apply"), mine.lock("apply", wait=1.5 * lasts):
            pass
        os.kill(process.pid, how)
        with mine.lock("apply", wait=60):
            mine.write(LOCKFILE, mine.read().version)
            if how == signal.SIGSTOP:
                os.kill(process.pid, signal.SIGCONT)
                assert process.communicate("go on\n", timeout=60)[0] == "StaleLockfileError\n"
            mine.check(mine.read().version)
            held = mine.holder()
            assert held is not None
            assert held.pid == os.getpid()
    finally:
        process.kill()
        process.wait()


def test_a_write_under_a_lock_that_another_took_since_is_refused(
    tmp_path: Path, moto_server: object_servers.Server, fleet_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = opener(moto_server, tmp_path, fleet_id, monkeypatch)
    frozen, robber = opens(), opens()
    with frozen.lock("apply"):
        base = frozen.read().version
        robber.release()
        with robber.lock("apply"):
            with pytest.raises(StaleLockfileError, match=r"was taken from this apply.*\.fleethub/refused\.lock"):
                frozen.write(replace(LOCKFILE, serial=5), base)
            assert robber.write(LOCKFILE, base) == opens().version()
        held = partial(opens().holder)
        assert held() is None
    assert held() is None
    assert opens().read().lockfile == LOCKFILE


def test_the_copy_is_what_works_without_the_service(
    tmp_path: Path, moto_server: object_servers.Server, fleet_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = opener(moto_server, tmp_path, fleet_id, monkeypatch)
    store = opens()
    store.write(LOCKFILE, store.read().version)
    assert recalled(tmp_path, remote=True) == LOCKFILE
    copy = tmp_path / ".fleethub/cache/state.json"
    before = copy.read_bytes()
    other = opens()
    assert other.read() == store.read()
    other.check(other.read().version)
    assert copy.read_bytes() == before
    opens().write(replace(LOCKFILE, serial=2), other.version())
    assert other.read().lockfile == replace(LOCKFILE, serial=2)
    other._bucket.delete("state")  # type: ignore[attr-defined]
    assert "there is no state" in said(opens().read), "a copy is not taken for what is there"
