"""The object store on Azurite, which honours conditions, and on moto's S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.stores.objects import ObjectStore
from tests.stores import object_servers
from tests.stores.conformance import Conformance, Opens


def opener(server: object_servers.Server, folder: Path, prefix: str, patch: pytest.MonkeyPatch) -> Opens:
    for name, value in server.environment.items():
        patch.setenv(name, value)
    ObjectStore(folder, server.url(prefix), server.endpoint).prepare()
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
