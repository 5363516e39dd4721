"""A real PostgreSQL server on the loopback, with a password, and PgBouncer before it. Neither may run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.ports import free

PASSWORD = "canary/pass@word:1#?%"
BIN = Path(os.environ.get("FLEETHUB_POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``folder`` holds its data and log."""

    port: int
    folder: Path

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        return f"postgresql://postgres:{quote(PASSWORD, safe='')}@127.0.0.1:{port or self.port}/{database}"


def missing(program: str, package: str) -> None:
    """Skip a test for a program that is not there; in CI it fails."""
    why = f"no real {package}: {program} is not there, see tests/README.md"
    if os.environ.get("FLEETHUB_REQUIRE_REAL"):
        pytest.fail(why)
    pytest.skip(why)


def user() -> str | None:
    """Whom the servers run as, where this process is root."""
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return None


def run(*argv: str | Path) -> None:
    done = subprocess.run([str(a) for a in argv], user=user(), capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr + done.stdout


@contextmanager
def server() -> Iterator[Server]:
    """A server for as long as the context lasts."""
    if not (BIN / "initdb").exists():
        missing(str(BIN / "initdb"), "PostgreSQL (Debian: postgresql-15)")
    folder = Path(tempfile.mkdtemp(prefix="fleethub-pg-"))
    (folder / "password").write_text(PASSWORD)
    if (name := user()) is not None:
        for path in (folder, folder / "password"):
            shutil.chown(path, name)
    (port,) = free()
    how = ["-U", "postgres", "-A", "scram-sha-256", "--pwfile", folder / "password", "-E", "UTF8", "--locale", "C"]
    try:
        run(BIN / "initdb", "-D", folder / "data", *how, "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -k '' -c fsync=off -c shared_buffers=16MB -c max_connections=200"
        run(BIN / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield Server(port, folder)
        finally:
            run(BIN / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def bouncer(database: Server, mode: str) -> Iterator[int]:
    """A PgBouncer before a server, in a pool mode; gives its port."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        missing("pgbouncer", "PgBouncer (Debian: pgbouncer)")
    assert program is not None
    folder = Path(tempfile.mkdtemp(prefix="fleethub-bouncer-"))
    (port,) = free()
    (folder / "users").write_text(f'"postgres" "{PASSWORD}"\n')
    (folder / "config").write_text(
        f"[databases]\n* = host=127.0.0.1 port={database.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = scram-sha-256\nauth_file = {folder}/users\npool_mode = {mode}\n"
        f"unix_socket_dir =\n"
    )
    if (name := user()) is not None:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, name)
    log = (folder / "log").open("w")
    process = subprocess.Popen([program, str(folder / "config")], user=user(), stdout=log, stderr=log, cwd="/")
    try:
        _answers(port, process, folder / "log")
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"it did not start: {log.read_text()}")
