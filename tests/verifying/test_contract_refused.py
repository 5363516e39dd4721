"""The contract of ``why 403`` on the stand-in, in both versions."""

from __future__ import annotations

from tests.applying.test_contract import admin, database, replicas, times, version
from tests.verifying.contract_refused import *  # noqa: F403 - the tests themselves

__all__ = ["admin", "database", "replicas", "times", "version"]
