"""The contract of ``verify`` on the stand-in, in both versions."""

from __future__ import annotations

from tests.applying.test_contract import admin, database, replicas, slow_replicas, times, version
from tests.verifying.contract import *  # noqa: F403 - the tests themselves

__all__ = ["admin", "database", "replicas", "slow_replicas", "times", "version"]
