"""The OpenAPI description holds for whatever is sent: every check of schemathesis, against the guarded application."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from fleethub.server.app import api, build
from fleethub.server.guards import Door
from fleethub.server.site import Site, site_of
from tests.support import MASTER, Place
from tests.test_laws import HEAD, World

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install schemathesis")

from tests.server.conftest import ASIDE, OWNED  # noqa: E402


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    world = World()
    head = HEAD.format(
        proxy=world.proxy.url, ollama=world.ollama.url, drift="repair", revoked="stop", overcommit="refuse-new"
    )
    before = os.environ.get("LITELLM_MASTER_KEY")
    os.environ["LITELLM_MASTER_KEY"] = MASTER
    try:
        place = Place(tmp_path_factory.mktemp("openapi") / "fleet", head + OWNED + ASIDE)
        site = site_of(place.folder, 60.0)
        site.hub.refresh()
        yield site
    finally:
        if before is None:
            del os.environ["LITELLM_MASTER_KEY"]
        world.stop()


@pytest.fixture(scope="module")
def described(fuzzed: Site) -> Any:
    schema = schemathesis.openapi.from_dict(api(fuzzed).openapi())
    schema.app = build(fuzzed, Door())
    return schema


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation(case: Any) -> None:
    case.call_and_validate(headers={"Host": "localhost:3310"})
