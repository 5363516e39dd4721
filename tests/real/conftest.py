"""Starts the real LiteLLM proxies, once per run: two replicas on one database, two slow ones on demand."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract_keys import CLOSED, ODD
from tests.ports import free
from tests.proxies import Admin, Times
from tests.real.far import far, hosts
from tests.real.sshd import machine, openssh, server
from tests.support import MASTER

__all__ = ["far", "hosts", "machine", "openssh", "server"]  # fixtures

HERE = Path(__file__).parent
VERSION = os.environ.get("FLEETHUB_LITELLM_VERSION", "1.106.2")
START_SECONDS = 600  # the first start installs; a busy machine takes minutes for a later one


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is real takes long, but for a sample that make test runs where there is an sshd."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.real)
            if item.get_closest_marker("sample") is None:
                item.add_marker(pytest.mark.long)


@dataclass(frozen=True, slots=True)
class Database:
    """Where a PostgreSQL listens, and keeps its data."""

    port: int
    folder: Path


class Proxy:
    """One running replica."""

    def __init__(self, up: str, port: int, database: Database, config: Path, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fleethub-real"
        env = {
            **os.environ,
            "PORT": str(port),
            "PG_PORT": str(database.port),
            "PG_DIR": str(database.folder),
            "MASTER_KEY": MASTER,
            "CONFIG": str(config),
            "LITELLM_VERSION": VERSION,
            "ROOT": str(root / ("litellm" if VERSION == "1.106.2" else f"litellm-{VERSION}")),
            "STORE_MODEL_IN_DB": "True",
        }
        if VERSION.startswith("1.82") and "user_api_key_cache_ttl" in config.read_text():
            # it caches keys for a minute whatever user_api_key_cache_ttl says; only this changes that
            env["DEFAULT_MANAGEMENT_OBJECT_IN_MEMORY_CACHE_TTL"] = "3"
        with log.open("w") as out:
            self.process = subprocess.Popen([up], env=env, stdout=out, stderr=out, start_new_session=True)

    def wait(self) -> None:
        """Until it is ready; a start that fails tells its log."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                pytest.fail(f"the proxy ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}")
            try:
                with urllib.request.urlopen(self.url + "/health/readiness", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        pytest.fail(f"the proxy was not ready after {START_SECONDS} s:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """End the script, which ends what it started."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


def _up() -> str:
    up = os.environ.get("FLEETHUB_LITELLM_UP")
    if not up:
        if os.environ.get("FLEETHUB_REQUIRE_REAL"):
            pytest.fail("FLEETHUB_REQUIRE_REAL is set, and FLEETHUB_LITELLM_UP is not")
        pytest.skip("no real LiteLLM: FLEETHUB_LITELLM_UP is not set, see tests/real/README.md")
    return str(Path(up).resolve())


@pytest.fixture(scope="session")
def logs() -> Path:
    return Path(tempfile.mkdtemp(prefix="fleethub-litellm-"))


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """A new one for each run; the first replica makes it and ends it."""
    (port,) = free()
    found = Database(port, Path(tempfile.gettempdir()) / f"fleethub-postgres-{port}")
    shutil.rmtree(found.folder, ignore_errors=True)  # of a run that was killed
    yield found
    shutil.rmtree(found.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def replicas(logs: Path, database: Database) -> Iterator[tuple[Proxy, Proxy]]:
    """Two replicas on one database that cache a key for 3 s."""
    yield from _pair(logs, database, HERE / "litellm.yaml")


@pytest.fixture(scope="session")
def slow_replicas(replicas: tuple[Proxy, Proxy], logs: Path, database: Database) -> Iterator[tuple[Proxy, Proxy]]:
    """Two more on the same database, with the default cache of 60 s."""
    config = logs / "default.yaml"
    config.write_text((HERE / "litellm.yaml").read_text().replace("  user_api_key_cache_ttl: 3\n", ""))
    yield from _pair(logs, database, config)


@pytest.fixture(scope="session")
def odd(replicas: tuple[Proxy, Proxy], logs: Path, database: Database) -> Iterator[Proxy]:
    """One more on the same database, with another config."""
    yield from _configured(logs, database, "odd", ODD)


@pytest.fixture(scope="session")
def closed(replicas: tuple[Proxy, Proxy], logs: Path, database: Database) -> Iterator[Proxy]:
    """One more on the same database, which does not let a key's value be chosen."""
    yield from _configured(logs, database, "closed", CLOSED)


def _configured(logs: Path, database: Database, name: str, config: dict[str, Any]) -> Iterator[Proxy]:
    general = {
        "master_key": "os.environ/LITELLM_MASTER_KEY",
        "database_url": "os.environ/DATABASE_URL",
        "user_api_key_cache_ttl": 3,
    }
    path = logs / f"{name}.yaml"  # JSON is YAML
    path.write_text(json.dumps({**config, "general_settings": {**general, **config.get("general_settings", {})}}))
    (port,) = free()
    proxy = Proxy(_up(), port, database, path, logs / f"{name}.log")
    try:
        proxy.wait()
        yield proxy
    finally:
        proxy.stop()


def _pair(logs: Path, database: Database, config: Path) -> Iterator[tuple[Proxy, Proxy]]:
    up = _up()
    proxies = []
    try:
        for port in free(2):
            proxy = Proxy(up, port, database, config, logs / f"{port}.log")
            proxies.append(proxy)
            proxy.wait()
        first, second = proxies
        yield first, second
    finally:
        for proxy in reversed(proxies):
            proxy.stop()


@pytest.fixture
def admin(replicas: tuple[Proxy, Proxy]) -> Iterator[Admin]:
    """A clean proxy for each test."""
    found = Admin(replicas[0].url)
    found.wipe()
    yield found
    found.http.close()


@pytest.fixture
def version() -> str:
    return VERSION


@pytest.fixture
def times() -> Times:
    return Times("3s", "1s")
