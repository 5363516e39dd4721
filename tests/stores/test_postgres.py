"""The PostgreSQL store on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.stores import open_store
from tests.stores.conformance import Conformance, Opens


class TestPostgresStore(Conformance):
    @pytest.fixture
    def opens(self, tmp_path: Path, database: str, fleet_id: str) -> Opens:
        open_store(tmp_path, database, fleet_id).prepare()
        return lambda: open_store(tmp_path, database, fleet_id)
