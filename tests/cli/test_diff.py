"""``diff`` from outside: from one apply to another or to now, on each store, as text, JSON and a comment."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fleethub.fleetspec import load as load_spec
from fleethub.model.exit import Exit
from fleethub.operations.stores import opened
from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, deployment, fleet
from tests.stores.kept import STORES, kept
from tests.support import MASTER, SEED, Place


@pytest.fixture
def spec() -> Iterator[Spec]:
    with LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER, cache_ttl=0.01) as proxy:
        yield (
            fleet(proxy.url, key_cache_ttl="100ms")
            .models("one", "two")
            .node("a", "one")
            .node("b", "one")
            .key("a", rpm=5)
        )


def three_applies(place: Place) -> None:
    """The second moves a and gives its key another limit, the third gives b's key another value and takes a away."""
    place.apply()
    place.edit('model = "one"\n', 'model = "two"\n')
    place.edit("rpm = 5", "rpm = 9")
    place.apply()
    place.run("rotate", "b", "--yes", code=0)
    text = (place.folder / "fleet.toml").read_text()
    head, _, rest = text.partition("[nodes.a]")
    place.write(head + rest[rest.index("[nodes.b]") :].replace("[keys.a]\nrpm = 9\n", ""))
    place.apply()


@pytest.mark.parametrize("name", [STORES[0], *(pytest.param(one, marks=pytest.mark.long) for one in STORES[1:])])
def test_what_applies_changed_is_told_with_who_did_it(
    spec: Spec, tmp_path: Path, name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept(name, request) as store, ExitStack() as stack:
        for variable, value in store.environment.items():
            monkeypatch.setenv(variable, value)
        made = store.state(spec.table("fleet", id=secrets.token_hex(8)))
        place = Place(tmp_path / "fleet", made.text)
        found = load_spec(place.folder).fleet
        assert found is not None
        theirs = opened(found)
        stack.callback(theirs.close)
        theirs.prepare()
        three_applies(place)
        lines = place.json("diff", "1")
        told = {line["address"]: line for line in lines if line["type"] == "change"}
        assert {address: line["action"] for address, line in told.items()} == {
            "key.main.a": "delete",
            "key.main.b": "update",
            "node.a": "delete",
            "node.b": "update",
        }
        assert all(line["changed_by"]["serial"] == 3 for line in told.values())
        assert told["key.main.b"]["fields"] == [
            {"path": ["generation"], "before": 1, "after": 2},
            {"path": ["value"], "before": "(sensitive)", "after": "(sensitive, changed)"},
        ]
        assert [line["serial"] for line in lines if line["type"] == "log"] == [3, 2]
        (between,) = [line for line in place.json("diff", "1", "2") if line.get("address") == "key.main.a"]
        assert between["changed_by"]["by"]
        assert {"path": ["rpm_limit"], "before": 5, "after": 9} in between["fields"]
        assert place.json("diff", "2", "2", "--detailed-exitcode")[-1] == {"type": "summary", "exit": 0, "changes": 0}
        assert "Nothing differs." in place.run("diff", "3", "--detailed-exitcode", code=0)
        text = place.run("diff", "1", "--full", "--detailed-exitcode", code=Exit.CHANGES)
        assert "2 resources changed; 2 resources removed; " in text
        assert "  - node.a  → apply 3 by " in text
        assert "\n  -[nodes.a]\n" in text
        comment = place.run("diff", "1", "--format", "markdown", "--max-bytes", "1000", code=0)
        assert comment.startswith("<!-- fleethub diff monad -->\n### 📝 fleethub diff: monad, 1 → 3\n")
        assert len(comment.encode()) <= 1001
        assert json.loads(place.run("diff", "1", "--format", "json", code=0).splitlines()[-1])["changes"] == 4
        assert SEED not in text + comment
        assert "fp1:" not in text + comment + json.dumps(lines)


def test_a_serial_that_is_not_kept_and_a_spec_that_is_not_are_said(spec: Spec, tmp_path: Path) -> None:
    place = Place(tmp_path / "fleet", spec.text)
    says = "nothing was applied yet, so there is nothing to compare"
    assert says in place.run("diff", "0", code=Exit.ERROR)
    place.apply()
    says = "no lockfile of serial 9 is kept; there are: 1 (and 0: before the first)"
    assert says in place.run("diff", "9", code=Exit.ERROR)
    for kept_spec in (place.folder / ".fleethub/specs").iterdir():
        kept_spec.unlink()
    assert "(the spec of apply 1 is not kept here" in place.run("diff", "0", code=0)
    for words in (("diff",), ("rollback",), ("state", "restore"), ("log", "show")):
        assert "9" * 400 in place.run(*words, "9" * 400, code=Exit.ERROR).replace("\n", "")
    assert "is not a valid integer" in place.run("diff", "x", code=Exit.ERROR)


def test_where_the_spec_is_broken_the_state_still_tells(spec: Spec, tmp_path: Path) -> None:
    place = Place(tmp_path / "fleet", spec.text)
    place.apply()
    (place.folder / "fleet.toml").write_text("[fleet\n")
    place.trusts = False
    assert "4 resources added" in place.run("diff", "0", code=0)
