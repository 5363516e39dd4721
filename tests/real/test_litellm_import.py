"""The contract of import on a real LiteLLM with a real PostgreSQL."""

from __future__ import annotations

import pytest

from tests.contract_import import *  # noqa: F403 - the tests themselves

pytestmark = pytest.mark.real
