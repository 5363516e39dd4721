"""What two lockfiles differ in: each thing that is another one is named, and nothing else, and no fingerprint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleethub.lockfile.between import OTHER, SECRET, changes, planned
from fleethub.model.address import Address, key, node
from fleethub.model.capacity import PlannedModel
from fleethub.model.observation import AnyLocked, Pending
from fleethub.model.plan import MISSING, Action, FieldChange
from fleethub.views.data import change_data
from tests.lockfile.test_merge import BASE, NAMES, A, after, records

SETS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("old", "new", "fp1")), max_size=4)


def made(models: Mapping[str, str]) -> dict[Address, AnyLocked]:
    return {address: record for name, model in models.items() for address, record in records(name, model).items()}


@given(SETS, SETS)
def test_what_differs_is_named_with_what_became_of_it(old: Mapping[str, str], new: Mapping[str, str]) -> None:
    before, then = replace(BASE, resources=made(old)), replace(BASE, resources=made(new))
    found = {change.address: change for change in changes(before, then)}
    assert found.keys() == {a for a in {**made(old), **made(new)} if made(old).get(a) != made(new).get(a)}
    for address, change in found.items():
        had, has = address in made(old), address in made(new)
        assert change.action is (Action.UPDATE if had and has else Action.CREATE if has else Action.DELETE)
        assert bool(change.fields) == has
        assert "fp1:" not in json.dumps(change_data(change))
    back = {change.address: change.action for change in changes(then, before)}
    turned = {Action.CREATE: Action.DELETE, Action.DELETE: Action.CREATE, Action.UPDATE: Action.UPDATE}
    assert back == {address: turned[change.action] for address, change in found.items()}


def test_a_value_and_a_file_are_told_as_others_and_never_shown() -> None:
    (address, of_key), (other, of_node) = records("a", "old").items()
    record = replace(of_key, attrs=replace(of_key.attrs, value="fp1:new", rpm_limit=9), generation=2)  # type: ignore[type-var]
    files = {**of_node.attrs.files, "more.json": of_node.attrs.files[".env"]}  # type: ignore[union-attr]
    wider = replace(of_node, owner="Ana", attrs=replace(of_node.attrs, files=files))  # type: ignore[type-var]
    first, second = changes(BASE, after(BASE, "x", {address: record, other: wider}))
    assert first.fields == (
        FieldChange(("generation",), 1, 2),
        FieldChange(("rpm_limit",), MISSING, 9),
        FieldChange(("value",), SECRET, OTHER),
    )
    assert second.fields == (
        FieldChange(("files", "more.json"), MISSING, SECRET),
        FieldChange(("owner",), MISSING, "Ana"),
    )
    assert second.owner == "Ana"


def test_what_an_apply_left_unfinished_and_a_new_place_are_told() -> None:
    address, record = next(iter(records("a", "old").items()))
    begun = replace(
        record, pending=Pending(("expand", "prove"), None), source=replace(record.source, at="http://two:4000")
    )
    (change,) = changes(BASE, after(BASE, "x", {address: begun}))
    assert change.fields == (
        FieldChange(("at",), "http://llm:4000", "http://two:4000"),
        FieldChange(("unfinished",), MISSING, ["expand", "prove"]),
    )


def test_what_got_another_address_is_no_new_thing() -> None:
    """A node that stays where it is, and its key, whose value is derived from the alias that it was born with."""
    then = {address: record for address, record in BASE.resources.items() if address.alias != "a"}
    new = {
        Address(a.kind, a.name[:-1] + "z"): replace(r, born="a" if a.kind == "key" else "")
        for a, r in records("a", "old").items()
    }
    found = {str(change.address): change for change in changes(BASE, replace(BASE, resources={**then, **new}))}
    assert found.keys() == {"node.z", "key.main.z"}
    assert found["node.z"].action is Action.UPDATE
    assert found["node.z"].fields == (FieldChange(("address",), "node.a", "node.z"),)
    assert found["key.main.z"].fields == (FieldChange(("address",), "key.main.a", "key.main.z"),)


def test_from_nothing_all_is_new_without_what_each_new_thing_has() -> None:
    found = {change.address: change for change in changes(replace(BASE, resources={}), BASE)}
    assert found.keys() == BASE.resources.keys()
    assert found[key("main", "a")].fields == (FieldChange(("models",), MISSING, ["old"]),)
    assert [field.path for field in found[node("a")].fields] == [("chain",)]


def test_a_planned_set_is_told_with_its_bytes_where_all_are_known() -> None:
    (one,) = planned(BASE, A)
    assert (one.backend, one.before, one.after) == ("gpu", 5, 9)
    assert ([p.model for p in one.came], [p.model for p in one.went]) == (["new"], ["old"])
    unknown = replace(BASE, planned={"gpu": (*BASE.planned["gpu"], PlannedModel("other", 8192))})
    assert [(one.before, one.after) for one in planned(BASE, unknown)] == [(5, None)]
    measured = replace(BASE, planned={"gpu": (PlannedModel("old", 8192, bytes=6),)})
    assert planned(BASE, measured) == ()
