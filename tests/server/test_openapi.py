"""The OpenAPI description holds for whatever is sent: every check of schemathesis, against a served fleet."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleethub.model.secret import Secret
from fleethub.server.access import AccessPolicy
from fleethub.server.app import api
from fleethub.server.site import Site
from tests.server.live import serving
from tests.support import MASTER, Place

EXAMPLES = max(15, int(os.environ.get("FLEETHUB_EXAMPLES", "30")) // 10)
ROUTES = {
    *("GET /api/fleet", "GET /api/fleet/capacity", "GET /api/fleet/plan", "GET /healthz", "GET /metrics"),
    *("POST /api/fleet/assign", "POST /api/fleet/nodes", "POST /api/fleet/release"),
    *("GET /api/fleet/history", "GET /api/fleet/nodes/{name}", "GET /api/fleet/place"),
    *("GET /api/fleet/proposals", "POST /api/fleet/proposals/{name}"),
}


def test_it_describes_every_route_and_no_error_that_is_not_sent(site: Site) -> None:
    paths = api(site).openapi()["paths"]
    assert {f"{method.upper()} {path}" for path, item in paths.items() for method in item} == ROUTES
    for item in paths.values():
        for operation in item.values():
            assert "422" not in operation["responses"]
            assert operation["summary"]


def test_it_says_where_a_token_is_asked_for(site: Site) -> None:
    assert "securitySchemes" not in api(site).openapi()["components"]
    described = api(site, AccessPolicy(token=Secret("fhsk_" + "a" * 43))).openapi()
    assert described["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    assert described["security"] == [{"token": []}]
    assert described["paths"]["/healthz"]["get"]["security"] == []


#: Of each kind a row: readers alone with next to nothing, or all of it with all that schemathesis can think of.
SOME = ["--phases", "fuzzing", "--max-examples", "2", "--include-method", "GET"], "Tested: 9"
MANY = ["--max-examples", str(EXAMPLES)], "Tested: 13"


@pytest.mark.parametrize(("options", "says"), [SOME, pytest.param(*MANY, marks=pytest.mark.long)], ids=["some", "many"])
def test_whatever_is_sent_is_answered_as_described(place: Place, tmp_path: Path, options: list[str], says: str) -> None:
    if importlib.util.find_spec("schemathesis") is None:
        pytest.skip("schemathesis is not installed: pip install schemathesis")
    with serving(place.folder, LITELLM_MASTER_KEY=MASTER) as served:
        served.observed()
        url = f"{served.url}openapi.json"
        command = [sys.executable, "-m", "schemathesis.cli", "run", url, "--checks", "all", "--no-color"]
        command += ["--seed", "1", *options]  # a failure can be had again
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert says in done.stdout
        _, errors = served.stop()
    assert "failed:" not in errors, errors
