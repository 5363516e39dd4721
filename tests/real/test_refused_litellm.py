"""The contract of ``why 403`` on a real LiteLLM with a real PostgreSQL."""

from __future__ import annotations

import pytest

from tests.verifying.contract_refused import *  # noqa: F403 - the tests themselves

pytestmark = pytest.mark.real
