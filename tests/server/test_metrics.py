"""The metrics, as Prometheus reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from fleethub.server.metrics import _escaped
from fleethub.server.site import site_of
from tests.server.conftest import client_of
from tests.support import Place
from tests.test_laws import World

LINE = re.compile(r'fleethub_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? -?[0-9.e+-]+')


def samples(client: TestClient) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {}
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            assert LINE.fullmatch(line), line
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def test_a_fleet_in_order(client: TestClient) -> None:
    found = samples(client)
    assert found["fleethub_observed"] == 1
    assert found["fleethub_drift"] == found["fleethub_unknown"] == found["fleethub_problem"] == 0
    assert found['fleethub_things{kind="node",state="there"}'] == 1
    assert found["fleethub_serial"] == 1
    free = found['fleethub_gpu_headroom_bytes{backend="gpu",gpu="0",name="RTX 6000 Ada"}']
    assert 0 < free < found['fleethub_gpu_total_bytes{backend="gpu",gpu="0",name="RTX 6000 Ada"}']
    assert found['fleethub_backend_headroom_bytes{backend="gpu"}'] == free


def test_drift_and_findings(place: Place, master: None, world: World) -> None:
    site = site_of(place.folder, 60.0)
    world.admin.update("a", models=["qwen3-32b"])
    world.ollama.load("gpt-oss:20b", 8192)
    site.snapshots.refresh()
    found = samples(client_of(site))
    assert found["fleethub_drift"] == 1
    assert found["fleethub_changes"] == 1
    assert found['fleethub_findings{code="capacity.unplanned",severity="warning"}'] == 1


def test_what_is_unknown_has_no_sample(place: Place, master: None, world: World) -> None:
    site = site_of(place.folder, 60.0)
    never = samples(client_of(site))
    assert never["fleethub_observed"] == 0
    assert not [name for name in never if "headroom" in name or "drift" in name or "age" in name]
    place.edit(world.ollama.url, "http://127.0.0.1:9")
    site.snapshots.refresh()
    found = samples(client_of(site))
    assert found['fleethub_things{kind="backend",state="unknown"}'] == 1
    assert not [name for name in found if "headroom" in name]


def test_failures_are_counted(place: Place, master: None) -> None:
    site = site_of(place.folder, 60.0)
    place.write("[fleet\n")
    site.snapshots.refresh()
    found = samples(client_of(site))
    assert (found["fleethub_refreshes_total"], found["fleethub_refresh_failures_total"]) == (1, 1)
    assert found["fleethub_problem"] == 1


def test_labels_are_escaped() -> None:
    assert _escaped('a"b\\c\nd') == 'a\\"b\\\\c\\nd'


def test_what_keys_have_spent_and_may_spend(place: Place, master: None, world: World) -> None:
    site = site_of(place.folder, 60.0)
    world.admin.update("a", spend=3.5, max_budget=20.0)
    site.snapshots.refresh()
    found = samples(client_of(site))
    of_a = {name.partition("{")[0]: value for name, value in found.items() if 'key="a"' in name}
    spend, budget = of_a["fleethub_key_spend"], of_a["fleethub_key_budget"]
    assert (spend, budget) == (3.5, 20.0)
    assert "spent 3.50 of 20" in client_of(site).get("/").text


@pytest.mark.parametrize("path", ["prometheus/fleethub.rules.yml", "grafana/fleethub.json"])
def test_what_is_shipped_asks_for_what_there_is(path: str, client: TestClient) -> None:
    text = (Path(__file__).parents[2] / "examples/deploy" / path).read_text()
    told = set(re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE))
    if path.endswith(".json"):
        asked = " ".join(target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"])
    else:
        rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        assert all(rule["annotations"]["runbook"] and rule["for"] for rule in rules)
        asked = " ".join(rule["expr"] for rule in rules)
        assert "absent(fleethub_observed)" in asked  # a server that is gone has no samples to compare, and is not fine
    assert "vector(" not in asked  # a number of a fleet that nobody sees
    names = set(re.findall(r"fleethub_\w+", asked))
    assert names
    assert names <= told
