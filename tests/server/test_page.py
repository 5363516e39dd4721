"""The page as HTML: honest, hostile names stay text, and no part of it is from elsewhere."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.testclient import TestClient
from syrupy.assertion import SnapshotAssertion

from fleethub.model.capacity import Bar
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet_status import DriftStatus
from fleethub.server import page as pages
from fleethub.server.page import page_response
from fleethub.server.page_parts import alike, parts, status_of
from fleethub.server.page_text import ago
from fleethub.server.site import Site, site_of
from fleethub.views.picture import bar, wiring
from tests.server.conftest import client_of
from tests.support import Place
from tests.test_laws import World

GIB = 1 << 30
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg onload=alert(1)>"


class Page(HTMLParser):
    """Elements with attributes, in order, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def opened(client: TestClient, path: str = "/", status: int = 200) -> Page:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    return Page(answer.text)


def test_who_runs_what(client: TestClient) -> None:
    text = opened(client).text
    for said in ("Volta", "qwen3-32b", "as planned", "RTX 6000 Ada", "headroom", "plan fits"):
        assert said in text
    assert re.search(r"observed \d+ s ago", text)


def test_all_that_it_says(site: Site, place: Place, world: World, snapshot: SnapshotAssertion) -> None:
    world.admin.update("a", models=["qwen3-32b"])
    world.ollama.load("gpt-oss:20b", 8192)
    site.snapshots.refresh()
    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-120b"')
    page = opened(client_of(site), "/?model=gpt-oss-120b")
    words = "\n".join(line for word in page.words if (line := re.sub(r"\s+", " ", word).strip()))
    words = words[: words.index('"use strict"')] + words[words.rindex("})();") :]
    words = re.sub(r":root \{.*?\nFleetHub\n", "FleetHub\n", words, flags=re.S)
    words = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", words)
    words = re.sub(r"by \S+@\S+,\n[\d-]+ [\d:]+ UTC", "by WHO, WHEN", words)
    words = re.sub(r"\d{4}-[\d-]+ [\d:]+ UTC\n· [^\n]*@\S+", "WHEN · WHO", words)
    words = re.sub(r"observation is\n\d+ s\nold", "observation is\n0 s\nold", words)
    assert re.sub(r"observed \d+ s ago", "observed N s ago", words) == snapshot


def test_it_is_rendered_once_for_all_who_look_and_zipped_for_who_asks(
    client: TestClient, site: Site, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[int] = []
    real = pages.page_text

    def spy(*told: Any) -> tuple[str, int]:
        rendered.append(len(told))
        return real(*told)

    monkeypatch.setattr(pages, "page_text", spy)
    age, texts = 3.2, []
    monkeypatch.setattr("fleethub.operations.snapshots.Snapshot.age", property(lambda snapshot: age))

    def look() -> None:
        texts.append(client.get("/", headers={"Accept-Encoding": "identity"}).text)
        with client.stream("GET", "/", headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            assert gzip.decompress(b"".join(answer.iter_raw())).decode() == texts[-1]

    look()
    age = 3.9
    look()
    age = 4.1
    look()
    age = 130.0
    look()
    assert len(rendered) == 1
    assert [re.findall(r'data-age="(\d+)".*?>observed (.*?) ago<', text) for text in texts] == [
        [("3", "3 s")], [("3", "3 s")], [("4", "4 s")], [("130", "2 min")]
    ]  # fmt: skip
    place.edit('owner = "Volta"', 'owner = "Nimbus"')
    age = 5.0
    assert "Nimbus" in client.get("/").text
    assert len(rendered) == 2


def test_nothing_is_from_elsewhere_and_only_its_own_script_runs(client: TestClient) -> None:
    answer = client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    for tag in ("script", "style"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    for tag, attrs in Page(answer.text).elements:
        assert not [name for name in attrs if name.startswith("on") or name == "style"], (tag, attrs)
        if tag in ("script", "style"):
            assert attrs == {}
        for name in ("src", "href", "action"):
            assert not (attrs.get(name) or "").startswith(("http", "//", "javascript")), (tag, attrs)


@pytest.mark.parametrize("query", ["", "?model=gpt-oss-120b&backend=gpu"])
def test_hostile_names_stay_text(site: Site, query: str) -> None:
    snapshot = site.snapshots.latest
    assert snapshot.fleet_status is not None
    plain = Page(bytes(page_response(snapshot, {}, 180.0).body).decode())
    node = replace(snapshot.fleet_status.nodes[0], owner=HOSTILE, host=HOSTILE, chain=(HOSTILE, "b"), reason=HOSTILE)
    model = replace(snapshot.fleet_status.models[0], name=HOSTILE)
    fleet_status = replace(
        snapshot.fleet_status, fleet=HOSTILE, nodes=(node,), models=(model, *snapshot.fleet_status.models[1:])
    )
    hostile = Page(
        bytes(page_response(replace(snapshot, fleet_status=fleet_status, problem=""), {}, 180.0).body).decode()
    )
    assert HOSTILE in "".join(hostile.words)
    tags = {tag for tag, _ in plain.elements}
    assert {tag for tag, _ in hostile.elements} == tags
    assert sum(tag == "script" for tag, _ in hostile.elements) == 1


def test_a_hostile_question_stays_text(client: TestClient) -> None:
    page = opened(client, f"/?model={HOSTILE.replace('#', '')}&backend=gpu", 400)
    assert sum(tag == "script" for tag, _ in page.elements) == 1
    assert "img" not in {tag for tag, _ in page.elements}


def test_labels_headings_and_tables_for_who_does_not_see(client: TestClient) -> None:
    page = opened(client, "/?model=llama3.1-8b")
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    fields = [a["id"] for tag, a in page.elements if tag in ("input", "select")]
    assert set(fields) <= {a.get("for") for tag, a in page.elements if tag == "label"}
    assert page.elements[[t for t, _ in page.elements].index("body") + 1][1]["href"] == "#main"
    tables = sum(tag == "table" for tag, _ in page.elements)
    assert tables == sum(tag == "caption" for tag, _ in page.elements) > 0
    assert all("scope" in attrs for tag, attrs in page.elements if tag == "th")
    for _, attrs in page.elements:
        for name in ("aria-labelledby", "list"):
            assert attrs.get(name, ids[0]) in ids


def test_the_form_without_script(client: TestClient) -> None:
    page = opened(client, "/?backend=gpu&model=gpt-oss-120b&context=&params=")
    assert "gpt-oss-120b on gpu" in page.text
    assert "does not fit" in page.text
    values = {a.get("name"): a.get("value") for tag, a in page.elements if tag == "input"}
    assert values["model"] == "gpt-oss-120b"
    assert "best first" in opened(client, "/?model=llama3.1-8b").text
    assert "neither in the spec nor installed" in opened(client, "/?model=nothing&backend=gpu", 400).text
    assert "context" in opened(client, "/?model=llama3.1-8b&context=0", 400).text
    assert "Say which model" in opened(client, "/?backend=gpu", 400).text


def test_never_observed(place: Place, master: None) -> None:
    page = opened(client_of(site_of(place.folder, 60.0)))
    assert "Never observed" in page.text
    assert "as planned" not in page.text
    assert "all seen" not in page.text


def test_a_broken_spec_and_a_stale_view(site: Site, place: Place) -> None:
    client = client_of(site)
    assert next(a for t, a in opened(client).elements if a.get("id") == "stale").get("hidden", "no") is None
    place.write("[fleet\n")
    page = opened(client)
    assert "does not hold together" in page.text
    assert "fleet.toml:1" in page.text
    stale = Page(bytes(page_response(site.snapshots.latest, {}, -1.0).body).decode())
    assert "hidden" not in next(a for _, a in stale.elements if a.get("id") == "stale")


def test_an_unseen_backend_is_not_shown_as_empty(place: Place, master: None, world: World) -> None:
    site = site_of(place.folder, 60.0)
    place.edit(world.ollama.url, "http://127.0.0.1:9")
    site.snapshots.refresh()
    text = opened(client_of(site)).text
    assert "not observed" in text
    assert 'badge good">plan' not in client_of(site).get("/").text
    assert "Nothing is loaded now" not in text
    assert re.search(r"loaded now unknown", text)


def test_trouble_comes_first_and_many_of_a_sort_are_one(site: Site) -> None:
    latest = site.snapshots.latest
    assert latest.fleet_status is not None
    finding = Finding("backend.unreadable", "gpu is away")
    error = replace(finding, severity_override=Severity.ERROR, message="gpu is wrong")
    backend = latest.fleet_status.backends[0]
    backends = [
        replace(backend, name=name, state=state, fit=fit)
        for name, state, fit in (
            ("good", "there", "fits"),
            ("away", "unknown", "fits"),
            ("full", "there", "does not fit"),
        )
    ]
    drifts = [DriftStatus(f"node.n{n}", ".env changed", repaired=True) for n in range(5)]
    status = replace(
        latest.fleet_status,
        findings=(*(replace(finding, message=f"gpu-{n} is away") for n in range(40)), error),
        backends=tuple(backends),
        drift=(*drifts, DriftStatus("node.other", "port changed", repaired=False)),
    )
    assert [one.name for one in parts(status, observed=True)["backends"]] == ["full", "away", "good"]
    fleets = replace(
        status, backends=(*(replace(backends[1], name=f"g{n}") for n in range(9)), *backends, *[backends[2]] * 9)
    )
    folded = [one.name for one in parts(fleets, observed=True)["folded"]]
    assert folded == [*(f"g{n}" for n in range(9)), "away", "good"], "never what does not fit"
    page = page_response(replace(latest, fleet_status=status), {}, 60.0)
    words = Page(bytes(page.body).decode()).text
    assert words.count("plan fits by the spec alone") == 1
    told = words[words.index("Needs attention") :]
    said = (
        "gpu is wrong",
        "5 nodes",
        "node.other",
        "40 warnings gpu-0 is away and 39 more of this sort",
        "gpu-39 is away",
    )
    places = [told.index(one) for one in said]
    assert places == sorted(places)
    assert all(f"node.n{n}" in told for n in range(5)), "none of them is left out"


def test_few_of_a_sort_stay_by_themselves() -> None:
    assert alike("abcabca", str) == [["a"], ["a"], ["a"], ["b"], ["b"], ["c"], ["c"]]
    assert alike("abcabcaa", str)[0] == ["a"] * 4


def test_the_state_of_a_node_is_the_worst_of_it(site: Site) -> None:
    fleet_status = site.snapshots.latest.fleet_status
    assert fleet_status is not None
    node, key = fleet_status.nodes[0], fleet_status.keys[0]
    cases: list[tuple[Any, Any, str]] = [
        (node, (key,), "as planned"),
        (replace(node, drift="x"), (), "drift"),
        (replace(node, change="blocked", waits=("w",)), (), "blocked"),
        (replace(node, change="update"), (), "update planned"),
        (replace(node, state="unknown", drift="x"), (), "unknown"),
        (replace(node, state="absent"), (), "absent"),
        (node, (replace(key, drift="x"),), "key: drift"),
        (node, (replace(key, state="unknown"),), "key: unknown"),
    ]
    assert [status_of(thing, True, keys)[1] for thing, keys, _ in cases] == [word for *_, word in cases]
    assert {status_of(thing, True, keys)[0] for thing, keys, _ in cases[1:]}.isdisjoint({"good"})
    assert status_of(node, False)[:2] == ("unknown", "not observed")


def test_ages() -> None:
    assert [ago(s) for s in (0.4, 119, 120, 7199, 7200, 172799, 172800)] == [
        *("0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"),
    ]


def test_bars() -> None:
    fine = bar(Bar("A", 48 * GIB, 24 * GIB, 12 * GIB, 0, GIB))
    assert [(s.part, s.start, s.width) for s in fine.segments] == [
        *(("resident", 0.0, 500.0), ("planned", 500.0, 250.0), ("reserve", 750.0, 20.83)),
    ]
    assert fine.limit == 1000
    assert fine.label == "A, 48.0 GiB: 24.0 GiB resident, 12.0 GiB planned, 1.0 GiB reserve, 11.0 GiB free"
    over = bar(Bar("A", 24 * GIB, 0, 47 * GIB, 0, GIB))
    assert over.limit == 500
    assert over.label.endswith("24.0 GiB too much")
    assert bar(Bar("A", 0, 0, 0, 0, 0)).segments == ()


def test_the_wiring_leads_from_nodes_to_backends(site: Site) -> None:
    fleet_status = site.snapshots.latest.fleet_status
    assert fleet_status is not None
    drawn = wiring(fleet_status)
    assert {(b.kind, b.name) for b in drawn.boxes} == {
        *(("node", "a"), ("proxy", "main"), ("model", "qwen3-32b"), ("model", "llama3.1-8b"), ("backend", "gpu")),
    }
    assert {e.says for e in drawn.edges} == {
        *("a calls main", "main serves qwen3-32b", "qwen3-32b runs on gpu"),
        *("main serves llama3.1-8b", "llama3.1-8b runs on gpu"),
    }
    many = replace(fleet_status, nodes=tuple(replace(fleet_status.nodes[0], name=f"n{i}") for i in range(200)))
    grouped = wiring(many)
    assert grouped.grouped
    assert [b.name for b in grouped.boxes if b.kind == "node"] == ["n0 and 199 more"]
    direct = replace(fleet_status.nodes[0], chain=("qwen3-32b via gpu.ollama",), proxies=())
    assert "a calls qwen3-32b directly" in {e.says for e in wiring(replace(fleet_status, nodes=(direct,))).edges}


def test_the_token_is_asked_for_by_the_browser_itself(site: Site) -> None:
    from fleethub.model.secret import Secret
    from fleethub.server.access import AccessPolicy

    token = "fhsk_" + "a" * 43
    client = client_of(site, AccessPolicy(token=Secret(token)))
    assert client.get("/").headers["www-authenticate"].startswith("Basic")
    assert client.get("/", auth=("anyone", token)).status_code == 200
