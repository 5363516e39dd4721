"""A served fleet for a test: one proxy and one Ollama, a spec with two nodes, and a client behind the real guards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fleethub.server.access import AccessPolicy
from fleethub.server.app import build
from fleethub.server.site import Site, site_of
from tests.support import MASTER, Place
from tests.test_laws import SPEC, World

OWNED = SPEC.replace('host = "a"', 'host = "a"\nowner = "Volta"')
ANYBODY = AccessPolicy()
ASIDE = """
[models."gpt-oss-20b"]
backends = ["gpu"]
route = "ollama_chat/gpt-oss:20b"
context = 32768
[models."gpt-oss-120b"]
backends = ["gpu"]
route = "ollama_chat/gpt-oss:120b"
context = 32768
"""


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    """The fleet's folder, applied."""
    world.ollama.residents.clear()
    return world.applied(tmp_path, OWNED + ASIDE)


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)


@pytest.fixture
def site(place: Place, master: None) -> Site:
    """The fleet, observed once."""
    found = site_of(place.folder, 60.0)
    found.snapshots.refresh()
    assert os.environ["LITELLM_MASTER_KEY"]
    return found


@pytest.fixture
def client(site: Site) -> TestClient:
    return client_of(site)


def client_of(site: Site, policy: AccessPolicy = ANYBODY) -> TestClient:
    """A client of a served fleet, as a program on this machine."""
    return TestClient(build(site, policy), base_url="http://localhost:3310", raise_server_exceptions=True)
