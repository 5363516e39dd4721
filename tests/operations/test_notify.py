"""Somebody is told what is wrong once, and when it is over; who could not be told is told with the next look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.model.fleet_status import BackendStatus, DriftStatus, FleetStatus
from fleethub.operations.notify import LINES, message, seen_events, tell
from fleethub.operations.workplace import Workplace
from fleethub.testing.server import Answer, Request, Server
from tests.fleets import Spec, fleet
from tests.support import Place

DRIFT = {"drift key.main.a": "key.main.a was changed by hand: models"}
FULL = {"full backend.gpu": "backend.gpu has too little VRAM"}


class Hook(Server):
    """Keeps what is posted to it; ``status`` is what it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.status, self.posted = 200, list[tuple[str, Any, str]]()
        self.routes = {("POST", path): self._take for path in ("/hook", "/")}
        self.start()

    def _take(self, request: Request) -> Answer:
        self.posted.append((request.path, json.loads(request.body), request.headers.get("authorization", "")))
        return Answer({}, self.status)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        yield server


def place_of(tmp_path: Path, **fields: Any) -> Place:
    spec: Spec = fleet().node("a", "one").table("notify.ops", **fields)
    return Place(tmp_path / "fleet", spec.text)


def told(place: Place, events: dict[str, str], **more: Any) -> tuple[str, ...]:
    place._trust()
    with Workplace(place.folder) as workplace:
        return tell(workplace, "2026-11-28T00:00:00+00:00", events, **more)


def test_what_is_new_is_told_once_and_what_is_over_too(
    tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "canary-token")
    place = place_of(tmp_path, url=f"{hook.url}/hook", token=["env:HOOK"])
    for events in (DRIFT, DRIFT, {**DRIFT, **FULL}, FULL, FULL, {}):
        assert told(place, events) == ()
    bodies = [body for _, body, _ in hook.posted]
    assert [([n["sort"] for n in b["new"]], [o["sort"] for o in b["over"]]) for b in bodies] == [
        (["drift"], []),
        (["full"], []),
        ([], ["drift"]),
        ([], ["full"]),
    ]
    assert bodies[0]["text"] == "monad: 1 new\nkey.main.a was changed by hand: models"
    assert {token for _, _, token in hook.posted} == {"Bearer canary-token"}
    assert "canary" not in (place.folder / ".fleethub/notified.json").read_text()


def test_ntfy_gets_its_topic_and_only_what_it_asked_for(tmp_path: Path, hook: Hook) -> None:
    place = place_of(tmp_path, url=f"{hook.url}/fleet", format="ntfy", on=["full"])
    told(place, DRIFT)
    assert hook.posted == []
    told(place, {**DRIFT, **FULL})
    ((path, body, _),) = hook.posted
    assert (path, body["topic"], body["title"]) == ("/", "fleet", "monad: 1 new")


def test_who_could_not_be_told_is_told_with_the_next_look(tmp_path: Path, hook: Hook) -> None:
    place = place_of(tmp_path, url=f"{hook.url}/hook")
    hook.status = 500
    (why,) = told(place, DRIFT)
    assert "notify.ops could not be told (HTTP 500" in why
    hook.status = 200
    assert told(place, DRIFT) == ()
    assert len(hook.posted) == 2


def test_a_verify_says_nothing_of_what_a_look_told(tmp_path: Path, hook: Hook) -> None:
    place = place_of(tmp_path, url=f"{hook.url}/hook")
    told(place, DRIFT)
    told(place, {"verify verify.key-scope node.a": "node.a lacks one"}, sorts=frozenset({"verify"}))
    told(place, DRIFT)
    assert [len(body["over"]) for _, body, _ in hook.posted] == [0, 0]


def test_a_command_gets_the_text_and_runs_only_where_it_is_known(tmp_path: Path) -> None:
    out = tmp_path / "out"
    place = place_of(tmp_path, command=["tee", "-a", str(out)])
    assert told(place, DRIFT) == ()
    assert out.read_text() == "monad: 1 new\nkey.main.a was changed by hand: models\n"
    other = place_of(tmp_path / "other", command=["tee", str(tmp_path / "never")])
    with Workplace(other.folder) as workplace:
        workplace.trust = type(workplace.trust)(type(workplace.trust.guard)())
        (why,) = tell(workplace, "", DRIFT)
    assert "is not known on this machine" in why
    assert not (tmp_path / "never").exists()


def test_what_a_look_shows() -> None:
    gpu = BackendStatus("gpu", "gpu", "http://gpu", "", "main", "there", headroom=-1)
    lost = BackendStatus("far", "far", "http://far", "", "main", "unknown", "no answer")
    status = FleetStatus(
        *("monad", "/", "", "", 1, "", ""),
        backends=(gpu, lost),
        drift=(DriftStatus("key.main.a", "models", True),),
        findings=(
            Finding("capacity.exceeded", "too full", Address("backend", "gpu")),
            Finding("key.spent", "a warning"),
        ),
    )
    assert sorted(seen_events(status)) == [
        "drift key.main.a",
        "error capacity.exceeded backend.gpu",
        "full backend.gpu",
        "unknown backend.far",
    ]


def test_a_message_is_never_endless() -> None:
    _, text = message("monad", {f"error {n}": f"it {n}" for n in range(100)}, {})
    assert len(text.splitlines()) == LINES + 1
    assert text.endswith("and 80 more")


def test_an_observation_tells(tmp_path: Path, hook: Hook) -> None:
    place = place_of(tmp_path, url=f"{hook.url}/hook", on=["unknown"])
    place.edit("http://llm.example:4000", "http://127.0.0.1:9")
    place.run("observe", code=0)
    ((_, body, _),) = hook.posted
    assert "proxy.main could not be looked at" in json.dumps(body)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "needs a url or a command"),
        ({"url": "https://a.example/x", "command": ["mail"]}, "one of them"),
        ({"command": ["mail"], "token": ["env:T"]}, "are for url"),
        ({"url": "https://ntfy.example", "format": "ntfy"}, "ends with its topic"),
    ],
)
def test_a_wrong_one_is_answered_with_what_is_right(fields: dict[str, Any], says: str) -> None:
    spec = fleet().node("a", "one").table("notify.ops", on=["drift"], **fields)
    assert any(says in f.message for f in spec.loaded.findings), spec.loaded.findings


@pytest.mark.parametrize(
    "fields", [{"url": "ftp://a.example/x"}, {"command": ["tell", "sk-" + "aB3dE6gH9jK2mN5p" * 2]}]
)
def test_of_what_is_written_and_wrong_it_is_not_said_that_it_is_missing(fields: dict[str, Any]) -> None:
    (finding,) = fleet().node("a", "one").table("notify.ops", on=["drift"], **fields).loaded.findings
    assert "one of them" not in finding.message


def test_a_webhook_that_is_a_secret_itself_is_no_part_of_a_spec(tmp_path: Path) -> None:
    part = "aB3dE6gH9jK2mN5pQ8sT1vW4"
    place = place_of(tmp_path, url=f"https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/{part}")
    for url in ("hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/", "api.telegram.org/bot1234567890:AA-"):
        place.write(fleet().node("a", "one").table("notify.ops", url=f"https://{url}{part}").text)
        said = place.run("validate", code=1)
        assert "spec.literal-secret" in said
        assert part not in said
    for path in ("hook", "a-long-name-of-a-topic-2026", "webhooks_of_our_own_house"):
        place.write(fleet().node("a", "one").table("notify.ops", url=f"https://told.example/{path}").text)
        place.run("validate", code=0)
