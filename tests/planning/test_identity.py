"""A plan's id is of what is done, not of how our classes are called; and it says nothing of a secret."""

from __future__ import annotations

import json
from dataclasses import fields, make_dataclass, replace
from typing import Any

import pytest

from fleethub.kinds.node.actions import Deliver, NodeFile
from fleethub.kinds.values import ResourceState
from fleethub.model.observation import Absent, Source
from fleethub.model.plan import Step
from fleethub.model.secret import Blob, Derived, SecretRef, Text
from fleethub.planning.identity import canonical, identity, in_pieces
from tests.fleets import fleet
from tests.world import World, plan

SPEC = fleet().node("a", "qwen3-32b")
KEY = Derived("key", "f", "main", "a", 1)
FILE = NodeFile(".env", Text(("KEY=", KEY, "\n")), 0o600)
DELIVER = Deliver(Source("host", "nodes/a"), (FILE,), 1, expects={".env": Blob(b"KEY=sk-secret")}, keep=frozenset("ab"))


def renamed(do: Any, backwards: bool) -> Any:
    """The same action of a class of another name, with its fields in another order."""
    names = sorted((one.name for one in fields(do)), reverse=backwards)
    made: Any = make_dataclass("Other", [(name, object) for name in names], frozen=True)
    made.operation, made.says = do.operation, do.says
    return made(**{name: getattr(do, name) for name in names})


@pytest.mark.parametrize("backwards", [True, False])
def test_a_class_of_another_name_and_order_keeps_the_id(backwards: bool) -> None:
    decided = plan(World.of(SPEC), SPEC)
    items = {c.address: ResourceState(c.address, None, Absent(""), None) for c in decided.changes}

    def known_by(steps: tuple[Step, ...]) -> str:
        return identity(SPEC.fleet, None, decided.changes, items, steps)

    assert len(decided.steps) > 2
    assert known_by(decided.steps) == decided.id
    assert known_by(tuple(replace(s, do=renamed(s.do, backwards)) for s in decided.steps)) == decided.id
    assert known_by(decided.steps[1:]) != decided.id


def test_what_compares_is_in_it_and_what_was_read_is_not() -> None:
    there = replace(DELIVER, expects={".env": Blob(b"another")})
    asked = replace(DELIVER, source=replace(DELIVER.source, credential=SecretRef(("env:X",))))
    assert canonical(DELIVER) == canonical(there) == canonical(asked)
    assert "sk-secret" not in str(canonical(DELIVER))
    assert canonical(DELIVER) == canonical(replace(DELIVER, keep=frozenset("ba")))
    assert canonical(DELIVER) != canonical(replace(DELIVER, files=(replace(FILE, text=Text(("KEY=x",))),)))
    with pytest.raises(TypeError):
        canonical(object())


@pytest.mark.parametrize("entries", [[], [DELIVER], [["a", None], {"b": DELIVER, "a": 1}, "é"]])
def test_it_is_of_one_document_that_is_never_there_as_a_whole(entries: list[Any]) -> None:
    body = {"changes": entries, "spec": 'a"b', "state": ["x", 1], "steps": entries[::-1]}
    whole = {name: [canonical(e) for e in of] if isinstance(of, list) else of for name, of in body.items()}
    assert "".join(in_pieces(body)) == json.dumps(whole, sort_keys=True)
